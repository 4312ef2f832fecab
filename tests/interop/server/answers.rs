//! What the test service answers, the same for both drivers: a driver's handlers only move these in and out.

use crate::proto::load::OrcaLoadReport;
use crate::proto::load_service::OrcaLoadReportRequest;
use crate::proto::testing::{
    BoolValue, EchoStatus, Payload, ResponseParameters, SimpleRequest, SimpleResponse,
    StreamingInputCallRequest, StreamingOutputCallRequest, StreamingOutputCallResponse, TestOrcaReport,
};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use zrpc::core::rpc::grpc_web::WebConfig;
use zrpc::core::stack::ServerConfig;
use zrpc::prost::Message;
use zrpc::{Code, Encoding, Metadata, Request, Response, Status};

const ECHO_INITIAL: &str = "x-grpc-test-echo-initial";
const ECHO_TRAILING: &str = "x-grpc-test-echo-trailing-bin";
const LOAD_TRAILER: &str = "endpoint-load-metrics-bin";
/// A client that asks for load reports without saying how often gets them so often; and nobody gets them faster.
const REPORT_INTERVAL_MIN: Duration = Duration::from_millis(10);
/// The most that one response may have; what a client asks for is memory that the server must find.
const RESPONSE_BYTES_MAX: i32 = 16 << 20;

/// The load that a client dictated for the out-of-band reports.
#[derive(Debug, Default)]
pub struct Load(Mutex<OrcaLoadReport>);

impl Load {
    /// What is reported now.
    pub fn report(&self) -> OrcaLoadReport {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reports this from here on.
    pub fn dictate(&self, report: TestOrcaReport) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = load_report(report);
    }
}

/// The time between two reports that a client asked for.
pub fn report_interval(asked: &OrcaLoadReportRequest) -> Duration {
    let interval = asked.report_interval.and_then(|interval| Duration::try_from(interval).ok());
    interval.unwrap_or_default().max(REPORT_INTERVAL_MIN)
}

/// The limits of a connection, with this one instead of the default if given.
pub fn config(max_streams: Option<u32>) -> ServerConfig {
    let mut config = ServerConfig { web: Some(WebConfig::default()), ..ServerConfig::default() };
    if let Some(max_streams) = max_streams {
        config.http2.max_concurrent_streams = max_streams;
    }
    config
}

/// `UnaryCall`.
pub fn unary(request: Request<SimpleRequest>) -> Result<Response<SimpleResponse>, Status> {
    check_compressed(request.compression(), request.message().expect_compressed)?;
    let (initial, mut trailing) = echoes(request.metadata())?;
    let asked = request.into_message();
    end_with(asked.response_status)?;
    if let Some(report) = asked.orca_per_query_report {
        append(&mut trailing, LOAD_TRAILER, &load_report(report).encode_to_vec())?;
    }
    let server_id = if asked.fill_server_id { format!("zrpc {}", std::process::id()) } else { String::new() };
    let message =
        SimpleResponse { payload: Some(payload(asked.response_size)?), server_id, ..Default::default() };
    let response = Response::new(message).with_metadata(initial).with_trailers(trailing);
    Ok(match asked.response_compressed {
        Some(BoolValue { value: true }) => response.with_compression(Encoding::Gzip),
        _ => response,
    })
}

/// One response of a streaming call.
pub fn output(
    asked: &ResponseParameters,
    peer: Option<SocketAddr>,
) -> Result<StreamingOutputCallResponse, Status> {
    let shows_peer = asked.fill_peer_socket_address.is_some_and(|flag| flag.value);
    Ok(StreamingOutputCallResponse {
        payload: Some(payload(asked.size)?),
        peer_socket_address: peer.filter(|_| shows_peer).map(|peer| peer.to_string()).unwrap_or_default(),
    })
}

/// How long to wait before a response.
pub fn pause(asked: &ResponseParameters) -> Option<Duration> {
    let micros = u64::try_from(asked.interval_us).ok().filter(|micros| *micros > 0)?;
    Some(Duration::from_micros(micros))
}

/// The encoding of a stream in which any response is to be compressed.
pub fn stream_compression(asked: &StreamingOutputCallRequest) -> Option<Encoding> {
    asked.response_parameters.iter().any(wants_compression).then_some(Encoding::Gzip)
}

/// The bytes of payload that a request has.
pub fn input_size(input: &StreamingInputCallRequest) -> i32 {
    let size = input.payload.as_ref().map_or(0, |payload| payload.body.len());
    i32::try_from(size).unwrap_or(i32::MAX)
}

/// Whether this response is to be compressed.
pub fn wants_compression(asked: &ResponseParameters) -> bool {
    asked.compressed.is_some_and(|flag| flag.value)
}

/// Refuses a request that says to be compressed in a call that has no encoding.
pub fn check_compressed(encoding: Option<Encoding>, expected: Option<BoolValue>) -> Result<(), Status> {
    match expected {
        Some(BoolValue { value: true }) if encoding.is_none() => Err(Status::invalid_argument(
            "the request says to be compressed, but the call has no grpc-encoding",
        )),
        _ => Ok(()),
    }
}

/// Ends the call with the status that the client asked for, if it is an error.
pub fn end_with(asked: Option<EchoStatus>) -> Result<(), Status> {
    match asked {
        Some(status) if status.code != 0 => {
            let code = u32::try_from(status.code).map_or(Code::Unknown, Code::from_u32);
            Err(Status::new(code, status.message))
        }
        _ => Ok(()),
    }
}

/// The metadata to send back: before the responses and after them.
pub fn echoes(sent: &Metadata) -> Result<(Metadata, Metadata), Status> {
    let (mut initial, mut trailing) = (Metadata::new(), Metadata::new());
    if let Some(value) = sent.get(ECHO_INITIAL) {
        initial.append(ECHO_INITIAL, value).map_err(|error| Status::internal(error.to_string()))?;
    }
    for value in sent.get_all_bin(ECHO_TRAILING) {
        append(&mut trailing, ECHO_TRAILING, &value)?;
    }
    Ok((initial, trailing))
}

fn append(metadata: &mut Metadata, key: &str, value: &[u8]) -> Result<(), Status> {
    metadata.append_bin(key, value).map_err(|error| Status::internal(error.to_string()))
}

fn payload(size: i32) -> Result<Payload, Status> {
    if !(0..=RESPONSE_BYTES_MAX).contains(&size) {
        let text = format!("a response of {size} bytes was asked for; ask for 0 to {RESPONSE_BYTES_MAX}");
        return Err(Status::invalid_argument(text));
    }
    Ok(Payload { body: vec![0; size as usize].into(), ..Payload::default() })
}

fn load_report(asked: TestOrcaReport) -> OrcaLoadReport {
    OrcaLoadReport {
        cpu_utilization: asked.cpu_utilization,
        mem_utilization: asked.memory_utilization,
        request_cost: asked.request_cost,
        utilization: asked.utilization,
        ..OrcaLoadReport::default()
    }
}
