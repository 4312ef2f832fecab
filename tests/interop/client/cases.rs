//! The cases: what a client does and what must come of it. Written once, for calls that either driver carries.

use crate::interop::client::calls::{Calls, Inputs, Outputs, Requests};
use crate::proto::load::OrcaLoadReport;
use crate::proto::testing::{
    BoolValue, EchoStatus, Payload, ResponseParameters, SimpleRequest, SimpleResponse,
    StreamingInputCallRequest, StreamingOutputCallRequest, TestOrcaReport,
};
use std::fmt;
use std::time::Duration;
use zrpc::prost::Message;
use zrpc::{Code, Encoding, Metadata, Request, Response, Status};

const LARGE_REQUEST: usize = 271_828;
const LARGE_RESPONSE: i32 = 314_159;
const INPUTS: [usize; 4] = [27_182, 8, 1828, 45_904];
const OUTPUTS: [i32; 4] = [31_415, 9, 2653, 58_979];
const ECHO_INITIAL: &str = "x-grpc-test-echo-initial";
const ECHO_TRAILING: &str = "x-grpc-test-echo-trailing-bin";
const LOAD_TRAILER: &str = "endpoint-load-metrics-bin";
const SOAK_CALLS: usize = 20;

/// Why a case does not hold.
#[derive(Debug)]
pub enum Failure {
    /// A call that should have succeeded did not.
    Call(Status),
    /// Something else came than was expected.
    Mismatch(String),
    /// There is no such case.
    NoSuchCase,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Call(status) => write!(f, "the call ended with {status}"),
            Failure::Mismatch(what) => f.write_str(what),
            Failure::NoSuchCase => f.write_str("there is no case of this name"),
        }
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Failure {
        Failure::Call(status)
    }
}

type Outcome = Result<(), Failure>;

/// Runs the case of this name against the server that channels from `builder` lead to.
///
/// # Errors
/// When the case does not hold, with the reason.
pub async fn run<C: Calls>(name: &str, builder: &dyn Fn() -> Result<C::Builder, Status>) -> Outcome {
    let calls = C::over(builder()?, 1);
    match name {
        "empty_unary" => drop(calls.empty_call().await?),
        "large_unary" | "ping" | "data_frame_padding" | "no_df_padding_sanity_test" => {
            large_unary(&calls).await?
        }
        "client_compressed_unary" => client_compressed_unary(&calls, Probe::First).await?,
        "client_compressed_unary_noprobe" => client_compressed_unary(&calls, Probe::None).await?,
        "server_compressed_unary" => server_compressed_unary(&calls).await?,
        "client_streaming" => client_streaming(&calls).await?,
        "client_compressed_streaming" => client_compressed_streaming(&calls, Probe::First).await?,
        "client_compressed_streaming_noprobe" => client_compressed_streaming(&calls, Probe::None).await?,
        "server_streaming" => server_streaming(&calls, &OUTPUTS.map(|size| (size, None))).await?,
        "server_compressed_streaming" => {
            server_streaming(&calls, &[(31_415, Some(true)), (92_653, Some(false))]).await?;
        }
        "ping_pong" => ping_pong(&calls).await?,
        "empty_stream" => empty_stream(&calls).await?,
        "custom_metadata" => custom_metadata(&calls).await?,
        "status_code_and_message" => status_code_and_message(&calls, "test status message").await?,
        "special_status_message" => {
            let message = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";
            status_code_and_message(&calls, message).await?;
        }
        "unimplemented_method" => ends_as(calls.unimplemented_method().await, Code::Unimplemented)?,
        "unimplemented_service" => ends_as(calls.unimplemented_service().await, Code::Unimplemented)?,
        "cancel_after_begin" => cancel_after_begin(&calls).await?,
        "cancel_after_first_response" => cancel_after_first_response(&calls).await?,
        "timeout_on_sleeping_server" => timeout_on_sleeping_server(&calls).await?,
        "concurrent_large_unary" => calls.at_once(1000, large_request()).await?,
        "very_large_request" => drop(unary(&calls, simple(1 << 20, 10)).await?),
        "pick_first_unary" => pick_first_unary(&calls).await?,
        "rpc_soak" => repeat(&calls, SOAK_CALLS, Duration::ZERO).await?,
        "channel_soak" => {
            for _ in 0..SOAK_CALLS {
                large_unary(&C::over(builder()?, 1)).await?;
            }
        }
        "long_lived_channel" => repeat(&calls, 4, Duration::from_millis(500)).await?,
        "orca_per_rpc" => orca_per_rpc(&calls).await?,
        "orca_oob" => orca_oob(&calls).await?,
        "max_concurrent_streams_connection_scaling" => {
            connection_scaling(&C::over(builder()?, 2)).await?;
        }
        "goaway" => repeat(&calls, 2, Duration::from_secs(1)).await?,
        "rst_after_header" | "rst_during_data" | "rst_after_data" => {
            ends_as(unary(&calls, large_request()).await, Code::Internal)?;
        }
        "max_streams" => {
            large_unary(&calls).await?;
            calls.at_once(15, large_request()).await?;
        }
        _ => return Err(Failure::NoSuchCase),
    }
    Ok(())
}

/// Whether a call that lies about its compression is made first, to see the server refuse it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Probe {
    First,
    None,
}

fn flag(value: bool) -> Option<BoolValue> {
    Some(BoolValue { value })
}

fn payload(size: usize) -> Option<Payload> {
    Some(Payload { body: vec![0; size].into(), ..Payload::default() })
}

fn simple(size: usize, response_size: i32) -> SimpleRequest {
    SimpleRequest { response_size, payload: payload(size), ..SimpleRequest::default() }
}

fn large_request() -> SimpleRequest {
    simple(LARGE_REQUEST, LARGE_RESPONSE)
}

fn duplex(size: i32, body: usize) -> StreamingOutputCallRequest {
    let response_parameters = vec![ResponseParameters { size, ..ResponseParameters::default() }];
    StreamingOutputCallRequest { response_parameters, payload: payload(body), ..Default::default() }
}

fn check<T: PartialEq + fmt::Debug>(what: &str, actual: T, expected: T) -> Outcome {
    if actual == expected {
        return Ok(());
    }
    Err(Failure::Mismatch(format!("{what}: {actual:?} came; {expected:?} was expected")))
}

/// The call must have ended with this code.
fn ends_as<T>(outcome: Result<T, impl Into<Failure>>, code: Code) -> Outcome {
    match outcome.map_err(Into::into) {
        Ok(_) => Err(Failure::Mismatch(format!("the call succeeded; {code} was expected"))),
        Err(Failure::Call(status)) => check("status", status.code(), code),
        Err(failure) => Err(failure),
    }
}

async fn unary<C: Calls>(
    calls: &C,
    request: impl Into<Request<SimpleRequest>>,
) -> Result<Response<SimpleResponse>, Failure> {
    let request = request.into();
    let size = request.message().response_size;
    let response = calls.unary_call(request).await?;
    let body = response.message().payload.as_ref().map_or(&[][..], |payload| &payload.body);
    check("response payload", body.len(), size as usize)?;
    check("response payload that is zeros", body.iter().all(|byte| *byte == 0), true)?;
    Ok(response)
}

async fn large_unary<C: Calls>(calls: &C) -> Outcome {
    unary(calls, large_request()).await.map(drop)
}

async fn repeat<C: Calls>(calls: &C, times: usize, pause: Duration) -> Outcome {
    for call in 0..times {
        if call > 0 && !pause.is_zero() {
            C::pause(pause).await;
        }
        large_unary(calls).await?;
    }
    Ok(())
}

async fn client_compressed_unary<C: Calls>(calls: &C, probe: Probe) -> Outcome {
    let request = |compressed| SimpleRequest { expect_compressed: flag(compressed), ..large_request() };
    if probe == Probe::First {
        ends_as(unary(calls, request(true)).await, Code::InvalidArgument)?;
    }
    unary(calls, Request::new(request(true)).with_compression(Encoding::Gzip)).await?;
    unary(calls, request(false)).await.map(drop)
}

async fn server_compressed_unary<C: Calls>(calls: &C) -> Outcome {
    for compressed in [true, false] {
        unary(calls, SimpleRequest { response_compressed: flag(compressed), ..large_request() }).await?;
    }
    Ok(())
}

async fn client_streaming<C: Calls>(calls: &C) -> Outcome {
    let mut inputs = calls.streaming_input_call(Request::new(())).await?;
    for size in INPUTS {
        inputs.send(StreamingInputCallRequest { payload: payload(size), ..Default::default() }).await?;
    }
    check("sum", inputs.finish().await?.message().aggregated_payload_size, 74_922)
}

async fn client_compressed_streaming<C: Calls>(calls: &C, probe: Probe) -> Outcome {
    let message = |size, compressed| StreamingInputCallRequest {
        payload: payload(size),
        expect_compressed: flag(compressed),
    };
    if probe == Probe::First {
        let mut inputs = calls.streaming_input_call(Request::new(())).await?;
        // The server may refuse the message while it is being sent; the end says so either way.
        let _ = inputs.send(message(27_182, true)).await;
        ends_as(inputs.finish().await, Code::InvalidArgument)?;
    }
    let request = Request::new(()).with_compression(Encoding::Gzip);
    let mut inputs = calls.streaming_input_call(request).await?;
    inputs.send(message(27_182, true)).await?;
    inputs.send_uncompressed(message(45_904, false)).await?;
    check("sum", inputs.finish().await?.message().aggregated_payload_size, 73_086)
}

async fn server_streaming<C: Calls>(calls: &C, wanted: &[(i32, Option<bool>)]) -> Outcome {
    let asked = |&(size, compressed): &(i32, Option<bool>)| ResponseParameters {
        size,
        compressed: compressed.and_then(flag),
        ..ResponseParameters::default()
    };
    let response_parameters = wanted.iter().map(asked).collect();
    let request = StreamingOutputCallRequest { response_parameters, ..Default::default() };
    let mut outputs = calls.streaming_output_call(Request::new(request)).await?;
    for (size, _) in wanted {
        check("response payload", next_size(&mut outputs).await?, Some(*size as usize))?;
    }
    check("payload after the last", next_size(&mut outputs).await?, None)
}

async fn next_size<O: Outputs>(outputs: &mut O) -> Result<Option<usize>, Failure> {
    let response = outputs.message().await?;
    Ok(response.map(|response| response.payload.map_or(0, |payload| payload.body.len())))
}

async fn ping_pong<C: Calls>(calls: &C) -> Outcome {
    let (mut requests, mut outputs) = calls.full_duplex_call(Request::new(())).await?;
    for (size, body) in OUTPUTS.into_iter().zip(INPUTS) {
        requests.send(duplex(size, body)).await?;
        check("response payload", next_size(&mut outputs).await?, Some(size as usize))?;
    }
    requests.finish();
    check("payload after the last", next_size(&mut outputs).await?, None)
}

async fn empty_stream<C: Calls>(calls: &C) -> Outcome {
    let (requests, mut outputs) = calls.full_duplex_call(Request::new(())).await?;
    requests.finish();
    check("payload", next_size(&mut outputs).await?, None)
}

async fn custom_metadata<C: Calls>(calls: &C) -> Outcome {
    let (initial, trailing) = ("test_initial_metadata_value", vec![0xab, 0xab, 0xab]);
    let mut metadata = Metadata::new();
    let invalid = |error: zrpc::MetadataError| Failure::Mismatch(error.to_string());
    metadata.append(ECHO_INITIAL, initial).map_err(invalid)?;
    metadata.append_bin(ECHO_TRAILING, &trailing).map_err(invalid)?;

    let response = unary(calls, Request::new(large_request()).with_metadata(metadata.clone())).await?;
    check("initial metadata", response.metadata().get(ECHO_INITIAL), Some(initial))?;
    check("trailing metadata", response.trailers().get_bin(ECHO_TRAILING), Some(trailing.clone()))?;

    let (mut requests, mut outputs) =
        calls.full_duplex_call(Request::new(()).with_metadata(metadata)).await?;
    requests.send(duplex(LARGE_RESPONSE, LARGE_REQUEST)).await?;
    requests.finish();
    check("initial metadata", outputs.metadata().await.get(ECHO_INITIAL), Some(initial))?;
    check("response payload", next_size(&mut outputs).await?, Some(LARGE_RESPONSE as usize))?;
    check("payload after the last", next_size(&mut outputs).await?, None)?;
    let received = outputs.trailers().and_then(|trailers| trailers.get_bin(ECHO_TRAILING));
    check("trailing metadata", received, Some(trailing))
}

async fn status_code_and_message<C: Calls>(calls: &C, message: &str) -> Outcome {
    let response_status = Some(EchoStatus { code: Code::Unknown as i32, message: message.into() });
    let ended = |outcome: Result<(), Status>| match outcome {
        Ok(()) => Err(Failure::Mismatch("the call succeeded; UNKNOWN was expected".into())),
        Err(status) => check("status", (status.code(), status.message()), (Code::Unknown, message)),
    };
    let request = SimpleRequest { response_status: response_status.clone(), ..SimpleRequest::default() };
    ended(calls.unary_call(Request::new(request)).await.map(drop))?;

    let (mut requests, mut outputs) = calls.full_duplex_call(Request::new(())).await?;
    requests.send(StreamingOutputCallRequest { response_status, ..Default::default() }).await?;
    requests.finish();
    ended(outputs.message().await.map(drop))
}

async fn cancel_after_first_response<C: Calls>(calls: &C) -> Outcome {
    let (mut requests, mut outputs) = calls.full_duplex_call(Request::new(())).await?;
    requests.send(duplex(31_415, 27_182)).await?;
    check("response payload", next_size(&mut outputs).await?, Some(31_415))?;
    // Dropping the responses cancels the call; it is over for interceptors once nobody holds any part of it.
    drop(outputs);
    drop(requests);
    check("status", calls.next_ending().await, Some(Code::Cancelled))?;
    // The connection goes on.
    large_unary(calls).await
}

async fn cancel_after_begin<C: Calls>(calls: &C) -> Outcome {
    drop(calls.streaming_input_call(Request::new(())).await?);
    check("status", calls.next_ending().await, Some(Code::Cancelled))?;
    large_unary(calls).await
}

async fn timeout_on_sleeping_server<C: Calls>(calls: &C) -> Outcome {
    let request = Request::new(()).with_timeout(Duration::from_millis(1));
    let opened = match calls.full_duplex_call(request).await {
        Ok(opened) => opened,
        Err(status) => return check("status", status.code(), Code::DeadlineExceeded),
    };
    let (mut requests, mut outputs) = opened;
    let message = StreamingOutputCallRequest { payload: payload(27_182), ..Default::default() };
    // The deadline may pass before the message is sent.
    let _ = requests.send(message).await;
    ends_as(outputs.message().await, Code::DeadlineExceeded)
}

async fn pick_first_unary<C: Calls>(calls: &C) -> Outcome {
    let mut first = None;
    for _ in 0..20 {
        let request = SimpleRequest { fill_server_id: true, ..simple(1, 1) };
        let id = unary(calls, request).await?.into_message().server_id;
        check("empty server id", id.is_empty(), false)?;
        check("server id", &id, first.get_or_insert_with(|| id.clone()))?;
    }
    Ok(())
}

async fn orca_per_rpc<C: Calls>(calls: &C) -> Outcome {
    let cost = [("cost".to_owned(), 3456.32)];
    let report = TestOrcaReport { request_cost: cost.clone().into(), ..dictated(0.8210, 0.5847, 0.30499) };
    let request = SimpleRequest { orca_per_query_report: Some(report), ..SimpleRequest::default() };
    let response = unary(calls, request).await?;
    let bytes = response.trailers().get_bin(LOAD_TRAILER).unwrap_or_default();
    let received =
        OrcaLoadReport::decode(&bytes[..]).map_err(|error| Failure::Mismatch(error.to_string()))?;
    let expected = OrcaLoadReport { request_cost: cost.into(), ..reported(0.8210, 0.5847, 0.30499) };
    check("load report", received, expected)
}

async fn orca_oob<C: Calls>(calls: &C) -> Outcome {
    const REPORTS_MAX: usize = 100;
    let (mut requests, mut outputs) = calls.full_duplex_call(Request::new(())).await?;
    let mut reports = calls.stream_core_metrics(Duration::from_millis(50)).await?;
    for (cpu, memory, utilization) in [(0.8210, 0.5847, 0.30499), (0.29309, 0.2, 0.2039)] {
        let orca_oob_report = Some(dictated(cpu, memory, utilization));
        requests.send(StreamingOutputCallRequest { orca_oob_report, ..duplex(1, 0) }).await?;
        check("response payload", next_size(&mut outputs).await?, Some(1))?;
        let expected = reported(cpu, memory, utilization);
        let mut seen = false;
        for _ in 0..REPORTS_MAX {
            seen = C::next_report(&mut reports).await?.is_some_and(|report| report == expected);
            if seen {
                break;
            }
        }
        check("the load that was dictated is reported", seen, true)?;
    }
    Ok(())
}

fn dictated(cpu_utilization: f64, memory_utilization: f64, utilization: f64) -> TestOrcaReport {
    let utilization = [("util".to_owned(), utilization)].into();
    TestOrcaReport { cpu_utilization, memory_utilization, utilization, ..TestOrcaReport::default() }
}

fn reported(cpu_utilization: f64, mem_utilization: f64, utilization: f64) -> OrcaLoadReport {
    let utilization = [("util".to_owned(), utilization)].into();
    OrcaLoadReport { cpu_utilization, mem_utilization, utilization, ..OrcaLoadReport::default() }
}

/// Three streams where a connection allows two: the third must find another connection.
async fn connection_scaling<C: Calls>(calls: &C) -> Outcome {
    let mut streams = Vec::new();
    let mut addresses = Vec::new();
    for _ in 0..3 {
        let (mut requests, mut outputs) = calls.full_duplex_call(Request::new(())).await?;
        let mut request = duplex(1, 0);
        request.response_parameters[0].fill_peer_socket_address = flag(true);
        requests.send(request).await?;
        let response = outputs.message().await?;
        addresses.push(response.map(|response| response.peer_socket_address).unwrap_or_default());
        streams.push((requests, outputs));
    }
    check("the first two calls share a connection", addresses[0] == addresses[1], true)?;
    check("the third call has the same connection", addresses[1] == addresses[2], false)
}
