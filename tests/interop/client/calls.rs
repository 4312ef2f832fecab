//! The calls that the cases make, over either driver. A blocking call is a future that is ready at once, so that the
//! cases need to be written only once.

use crate::proto::load::OrcaLoadReport;
use crate::proto::load_service::{
    OpenRcaServiceClient, OrcaLoadReportRequest,
    blocking::OpenRcaServiceClient as BlockingOpenRcaServiceClient,
};
use crate::proto::testing::{
    Empty, SimpleRequest, SimpleResponse, StreamingInputCallRequest, StreamingInputCallResponse,
    StreamingOutputCallRequest, StreamingOutputCallResponse, TestServiceClient, UnimplementedServiceClient,
    blocking::{
        TestServiceClient as BlockingTestServiceClient,
        UnimplementedServiceClient as BlockingUnimplementedServiceClient,
    },
};
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use zrpc::core::rpc::Interceptor;
use zrpc::{
    Code, Idempotency, Kind, Metadata, Method, ProstCodec, Request, Response, Status, blocking, prost_types,
    tokio,
};

/// A method that the test service does not have, in no .proto either.
static UNIMPLEMENTED: Method = Method {
    path: "/grpc.testing.TestService/UnimplementedCall",
    kind: Kind::Unary,
    idempotency: Idempotency::Unknown,
};
/// How long, and in what steps, to wait for the end of a call that was cancelled.
const ENDING_STEPS: u32 = 500;
const ENDING_STEP: Duration = Duration::from_millis(10);
/// The stack of a thread that makes one call.
const STACK_BYTES: usize = 512 * 1024;

/// What the cases need of a driver.
#[allow(async_fn_in_trait, reason = "the cases await their calls where they make them")]
pub trait Calls: Sized {
    /// What a channel is made of.
    type Builder;
    /// An open client-streaming call.
    type Inputs: Inputs;
    /// The requests of an open bidirectional call.
    type Requests: Requests;
    /// The responses of a streaming call.
    type Outputs: Outputs;
    /// The load reports of a server.
    type Reports;

    /// A channel that may open so many connections.
    fn over(builder: Self::Builder, connections: usize) -> Self;
    /// Lets time pass.
    async fn pause(time: Duration);
    /// `EmptyCall`.
    async fn empty_call(&self) -> Result<Response<Empty>, Status>;
    /// `UnaryCall`.
    async fn unary_call(&self, request: Request<SimpleRequest>) -> Result<Response<SimpleResponse>, Status>;
    /// `StreamingInputCall`.
    async fn streaming_input_call(&self, request: Request<()>) -> Result<Self::Inputs, Status>;
    /// `StreamingOutputCall`.
    async fn streaming_output_call(
        &self,
        request: Request<StreamingOutputCallRequest>,
    ) -> Result<Self::Outputs, Status>;
    /// `FullDuplexCall`.
    async fn full_duplex_call(&self, request: Request<()>)
    -> Result<(Self::Requests, Self::Outputs), Status>;
    /// Calls a method that the test service does not have.
    async fn unimplemented_method(&self) -> Result<(), Status>;
    /// Calls a service that the server does not have.
    async fn unimplemented_service(&self) -> Result<(), Status>;
    /// Makes the same call so many times at once; each must succeed with a payload of the size that was asked for.
    async fn at_once(&self, count: usize, request: SimpleRequest) -> Result<(), Status>;
    /// Asks for load reports, one each `interval`.
    async fn stream_core_metrics(&self, interval: Duration) -> Result<Self::Reports, Status>;
    /// The next of them.
    async fn next_report(reports: &mut Self::Reports) -> Result<Option<OrcaLoadReport>, Status>;
    /// How the call ended that ended last, as an interceptor saw it.
    fn last_ending(&self) -> Option<Code>;

    /// How the next call ends, also one that nobody waits for.
    async fn next_ending(&self) -> Option<Code> {
        for _ in 0..ENDING_STEPS {
            if let Some(code) = self.last_ending() {
                return Some(code);
            }
            Self::pause(ENDING_STEP).await;
        }
        None
    }
}

/// An open client-streaming call.
#[allow(async_fn_in_trait, reason = "as for the calls")]
pub trait Inputs {
    /// Sends a message, compressed if the call has an encoding.
    async fn send(&mut self, message: StreamingInputCallRequest) -> Result<(), Status>;
    /// Sends a message as it is.
    async fn send_uncompressed(&mut self, message: StreamingInputCallRequest) -> Result<(), Status>;
    /// Sends no more, and waits for the answer.
    async fn finish(self) -> Result<Response<StreamingInputCallResponse>, Status>;
}

/// The requests of an open bidirectional call.
#[allow(async_fn_in_trait, reason = "as for the calls")]
pub trait Requests {
    /// Sends a message.
    async fn send(&mut self, message: StreamingOutputCallRequest) -> Result<(), Status>;
    /// Sends no more.
    fn finish(self);
}

/// The responses of a streaming call.
#[allow(async_fn_in_trait, reason = "as for the calls")]
pub trait Outputs {
    /// The next message; `None` when the call ended well.
    async fn message(&mut self) -> Result<Option<StreamingOutputCallResponse>, Status>;
    /// The metadata before the messages.
    async fn metadata(&mut self) -> &Metadata;
    /// The metadata after them.
    fn trailers(&self) -> Option<&Metadata>;
}

/// Keeps how calls ended.
#[derive(Clone, Debug, Default)]
struct Endings(Arc<Mutex<VecDeque<Code>>>);

impl Interceptor for Endings {
    fn on_end(&self, _: &Method, status: &Status) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(status.code());
    }
}

impl Endings {
    fn take(&self) -> Option<Code> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// The calls over one driver; `$wait` is what async code writes behind a call and blocking code does not.
macro_rules! calls {
    ($calls:ident, $driver:ident, $test:ident, $unimplemented:ident, $load:ident, $sleep:path, $at_once:path,
     [$($wait:tt)*]) => {
        #[doc = concat!("The calls over `zrpc::", stringify!($driver), "`.")]
        pub struct $calls {
            channel: $driver::Channel,
            endings: Endings,
        }

        impl Calls for $calls {
            type Builder = $driver::ChannelBuilder;
            type Inputs = $driver::ClientStreaming<StreamingInputCallRequest, StreamingInputCallResponse>;
            type Requests = $driver::Sender<StreamingOutputCallRequest>;
            type Outputs = $driver::Streaming<StreamingOutputCallResponse>;
            type Reports = $driver::Streaming<OrcaLoadReport>;

            fn over(builder: Self::Builder, connections: usize) -> Self {
                let endings = Endings::default();
                let channel = builder.interceptor(endings.clone()).max_connections(connections).lazy();
                $calls { channel, endings }
            }

            async fn pause(time: Duration) {
                $sleep(time) $($wait)*
            }

            async fn empty_call(&self) -> Result<Response<Empty>, Status> {
                $test::new(self.channel.clone()).empty_call(Empty {}) $($wait)*
            }

            async fn unary_call(&self, request: Request<SimpleRequest>) -> Result<Response<SimpleResponse>, Status> {
                $test::new(self.channel.clone()).unary_call(request) $($wait)*
            }

            async fn streaming_input_call(&self, request: Request<()>) -> Result<Self::Inputs, Status> {
                $test::new(self.channel.clone()).streaming_input_call(request) $($wait)*
            }

            async fn streaming_output_call(
                &self,
                request: Request<StreamingOutputCallRequest>,
            ) -> Result<Self::Outputs, Status> {
                $test::new(self.channel.clone()).streaming_output_call(request) $($wait)*
            }

            async fn full_duplex_call(
                &self,
                request: Request<()>,
            ) -> Result<(Self::Requests, Self::Outputs), Status> {
                $test::new(self.channel.clone()).full_duplex_call(request) $($wait)*
            }

            async fn unimplemented_method(&self) -> Result<(), Status> {
                let request = Request::new(Empty {});
                self.channel.unary::<ProstCodec<Empty, Empty>>(&UNIMPLEMENTED, request) $($wait)* .map(drop)
            }

            async fn unimplemented_service(&self) -> Result<(), Status> {
                $unimplemented::new(self.channel.clone()).unimplemented_call(Empty {}) $($wait)* .map(drop)
            }

            async fn at_once(&self, count: usize, request: SimpleRequest) -> Result<(), Status> {
                $at_once($test::new(self.channel.clone()), count, request) $($wait)*
            }

            async fn stream_core_metrics(&self, interval: Duration) -> Result<Self::Reports, Status> {
                let interval = prost_types::Duration::try_from(interval)
                    .map_err(|error| Status::invalid_argument(error.to_string()))?;
                let request = OrcaLoadReportRequest { report_interval: Some(interval), ..Default::default() };
                $load::new(self.channel.clone()).stream_core_metrics(request) $($wait)*
            }

            async fn next_report(reports: &mut Self::Reports) -> Result<Option<OrcaLoadReport>, Status> {
                reports.message() $($wait)*
            }

            fn last_ending(&self) -> Option<Code> {
                self.endings.take()
            }
        }

        impl Inputs for $driver::ClientStreaming<StreamingInputCallRequest, StreamingInputCallResponse> {
            async fn send(&mut self, message: StreamingInputCallRequest) -> Result<(), Status> {
                self.send(message) $($wait)*
            }

            async fn send_uncompressed(&mut self, message: StreamingInputCallRequest) -> Result<(), Status> {
                self.send_uncompressed(message) $($wait)*
            }

            async fn finish(self) -> Result<Response<StreamingInputCallResponse>, Status> {
                self.finish() $($wait)*
            }
        }

        impl Requests for $driver::Sender<StreamingOutputCallRequest> {
            async fn send(&mut self, message: StreamingOutputCallRequest) -> Result<(), Status> {
                self.send(message) $($wait)*
            }

            fn finish(self) {
                self.finish();
            }
        }

        impl Outputs for $driver::Streaming<StreamingOutputCallResponse> {
            async fn message(&mut self) -> Result<Option<StreamingOutputCallResponse>, Status> {
                self.message() $($wait)*
            }

            async fn metadata(&mut self) -> &Metadata {
                self.metadata() $($wait)*
            }

            fn trailers(&self) -> Option<&Metadata> {
                self.trailers()
            }
        }
    };
}

calls!(
    TokioCalls, tokio, TestServiceClient, UnimplementedServiceClient, OpenRcaServiceClient,
    ::tokio::time::sleep, tasks_at_once, [.await]
);
calls!(
    BlockingCalls,
    blocking,
    BlockingTestServiceClient,
    BlockingUnimplementedServiceClient,
    BlockingOpenRcaServiceClient,
    std::thread::sleep,
    threads_at_once,
    []
);

/// What comes of a future that never waits, because what it calls blocks instead.
///
/// # Errors
/// When it does wait.
pub fn ready<T, E: From<Status>>(future: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => Err(Status::internal("a blocking call was not over when it returned").into()),
    }
}

async fn tasks_at_once(
    client: TestServiceClient,
    count: usize,
    request: SimpleRequest,
) -> Result<(), Status> {
    let mut calls = ::tokio::task::JoinSet::new();
    for _ in 0..count {
        let (client, request) = (client.clone(), request.clone());
        calls.spawn(async move { client.unary_call(request).await });
    }
    while let Some(joined) = calls.join_next().await {
        let response = joined.map_err(|error| Status::internal(error.to_string()))??;
        check_size(&response, request.response_size)?;
    }
    Ok(())
}

fn threads_at_once(
    client: BlockingTestServiceClient,
    count: usize,
    request: SimpleRequest,
) -> Result<(), Status> {
    std::thread::scope(|scope| {
        let call = || check_size(&client.unary_call(request.clone())?, request.response_size);
        let spawn = |_| std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, call);
        let threads: Vec<_> = (0..count).map(spawn).collect();
        threads.into_iter().try_for_each(|thread| {
            let thread = thread.map_err(|error| Status::resource_exhausted(error.to_string()))?;
            thread.join().map_err(|_| Status::internal("a calling thread panicked"))?
        })
    })
}

fn check_size(response: &Response<SimpleResponse>, expected: i32) -> Result<(), Status> {
    let actual = response.message().payload.as_ref().map_or(0, |payload| payload.body.len());
    if actual == expected as usize {
        return Ok(());
    }
    Err(Status::internal(format!("a payload of {actual} bytes came; {expected} were asked for")))
}
