//! The test service on the blocking driver.

use crate::interop::server::answers::{self, Load};
use crate::proto::load::OrcaLoadReport;
use crate::proto::load_service::OrcaLoadReportRequest;
use crate::proto::load_service::blocking::{OpenRcaService, OpenRcaServiceServer};
use crate::proto::testing::blocking::{TestService, TestServiceServer};
use crate::proto::testing::{
    Empty, SimpleRequest, SimpleResponse, StreamingInputCallRequest, StreamingInputCallResponse,
    StreamingOutputCallRequest, StreamingOutputCallResponse,
};
use std::sync::Arc;
use zrpc::blocking::{Replies, ServerBuilder, Streaming};
use zrpc::{Request, Response, Status};

/// Adds the test service, and the load reports of its server.
#[must_use]
pub fn offer(builder: ServerBuilder) -> ServerBuilder {
    let load = Arc::new(Load::default());
    builder
        .service(TestServiceServer::new(Answers { load: Arc::clone(&load) }))
        .service(OpenRcaServiceServer::new(Reports { load }))
}

struct Answers {
    load: Arc<Load>,
}

impl TestService for Answers {
    fn empty_call(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        Ok(Response::new(Empty {}))
    }

    fn unary_call(&self, request: Request<SimpleRequest>) -> Result<Response<SimpleResponse>, Status> {
        answers::unary(request)
    }

    fn streaming_input_call(
        &self,
        request: Request<Streaming<StreamingInputCallRequest>>,
    ) -> Result<Response<StreamingInputCallResponse>, Status> {
        let encoding = request.compression();
        let mut inputs = request.into_message();
        let mut sum = 0;
        while let Some(input) = inputs.message()? {
            answers::check_compressed(encoding, input.expect_compressed)?;
            sum += answers::input_size(&input);
        }
        Ok(Response::new(StreamingInputCallResponse { aggregated_payload_size: sum }))
    }

    fn streaming_output_call(
        &self,
        request: Request<StreamingOutputCallRequest>,
        mut replies: Replies<StreamingOutputCallResponse>,
    ) -> Result<(), Status> {
        if let Some(encoding) = answers::stream_compression(request.message()) {
            replies.set_compression(encoding);
        }
        reply(&request.map(|asked| vec![asked]), &mut replies)
    }

    fn full_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
        mut replies: Replies<StreamingOutputCallResponse>,
    ) -> Result<(), Status> {
        let (initial, trailing) = answers::echoes(request.metadata())?;
        *replies.metadata_mut() = initial;
        *replies.trailers_mut() = trailing;
        let (mut requests, head) = request.into_parts();
        while let Some(asked) = requests.message()? {
            answers::end_with(asked.response_status.clone())?;
            if let Some(report) = asked.orca_oob_report.clone() {
                self.load.dictate(report);
            }
            reply(&head.clone().map(|()| vec![asked]), &mut replies)?;
        }
        Ok(())
    }

    fn half_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
        mut replies: Replies<StreamingOutputCallResponse>,
    ) -> Result<(), Status> {
        let (mut requests, head) = request.into_parts();
        let mut all = Vec::new();
        while let Some(asked) = requests.message()? {
            all.push(asked);
        }
        reply(&head.map(|()| all), &mut replies)
    }
}

/// Sends what was asked for.
fn reply(
    request: &Request<Vec<StreamingOutputCallRequest>>,
    replies: &mut Replies<StreamingOutputCallResponse>,
) -> Result<(), Status> {
    for asked in request.message().iter().flat_map(|asked| &asked.response_parameters) {
        if let Some(pause) = answers::pause(asked) {
            std::thread::sleep(pause);
        }
        let response = answers::output(asked, request.peer().address())?;
        if answers::wants_compression(asked) {
            replies.send(response)?;
        } else {
            replies.send_uncompressed(response)?;
        }
    }
    Ok(())
}

struct Reports {
    load: Arc<Load>,
}

impl OpenRcaService for Reports {
    fn stream_core_metrics(
        &self,
        request: Request<OrcaLoadReportRequest>,
        mut replies: Replies<OrcaLoadReport>,
    ) -> Result<(), Status> {
        let interval = answers::report_interval(request.message());
        loop {
            replies.send(self.load.report())?;
            std::thread::sleep(interval);
        }
    }
}
