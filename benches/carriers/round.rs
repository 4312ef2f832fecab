//! One round: a stack does a case's work once, and its figures are read.

use crate::bare::{self, Wait};
use crate::case::{Case, Work};
use crate::frames::Frames;
use crate::{
    Stack, message, stack_fastwebsockets, stack_tarpc, stack_tonic, stack_tungstenite, stack_zrpc,
    stack_zrpc_blocking, stack_zrpc_websocket,
};
use bytes::Bytes;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::net::UnixListener;
use std::time::Duration;
use tokio_stream::wrappers::UnixListenerStream;
use zrpc_benches::load::{self, Unary, warm_and_measure};
use zrpc_benches::measure::{Figures, Measure, latency_figures, server_figures};
use zrpc_benches::process::{Server, report_from};
use zrpc_benches::{Effort, Failure, Named};
use zrpc_tokio::UriListener;

/// Bytes that a native call costs beside its message: Length, Type, Call, Bits and Ref of a warm request; Length, Type,
/// Call and Code of its answer (docs/native-protocol.md §4.2), with a call number of two bytes.
const AROUND: (usize, usize) = (6, 5);
/// How long both sides poll before they sleep: longer than any answer takes.
pub const POLLING: Duration = Duration::from_millis(5);

/// In the child: serves `stack` until the parent is gone.
pub fn serve(stack: Stack) -> Result<(), Failure> {
    match stack {
        Stack::WebSocket | Stack::FastWebSockets | Stack::Tungstenite => serve_websocket(stack),
        _ => serve_unix(stack),
    }
}

fn serve_websocket(stack: Stack) -> Result<(), Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    report_from(listener.local_addr()?);
    listener.set_nonblocking(true)?;
    runtime()?.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        match stack {
            Stack::WebSocket => stack_zrpc_websocket::serve(listener).await,
            Stack::FastWebSockets => stack_fastwebsockets::serve(listener).await,
            _ => stack_tungstenite::serve(listener).await,
        }
    })
}

fn serve_unix(stack: Stack) -> Result<(), Failure> {
    let path = std::env::temp_dir().join(format!("zrpc-bench-{}-{}.sock", std::process::id(), stack.name()));
    let path = path.to_str().ok_or("the folder for temporary files has a name that is no text")?.to_owned();
    let uri = format!("unix://{path}");
    match stack {
        Stack::NativeBlocking | Stack::NativePolling => {
            return stack_zrpc_blocking::serve(|server| {
                let server = if stack == Stack::NativePolling { server.spin(POLLING) } else { server };
                let server = server.bind_uri(&uri)?;
                report_from(&path);
                Ok(server)
            });
        }
        Stack::BareBlocking | Stack::BarePolling => {
            let listener = UnixListener::bind(&path)?;
            report_from(&path);
            let wait = if stack == Stack::BarePolling { Wait::Polling } else { Wait::Asleep };
            return bare::serve(&listener, wait);
        }
        _ => {}
    }
    runtime()?.block_on(async {
        match stack {
            Stack::Native | Stack::Grpc => {
                let listener = UriListener::bind(&uri).await?;
                report_from(&path);
                stack_zrpc::serve(listener).await
            }
            Stack::Tarpc => stack_tarpc::serve(&path, || report_from(&path)).await,
            listening => {
                let listener = tokio::net::UnixListener::bind(&path)?;
                report_from(&path);
                match listening {
                    Stack::Tonic => stack_tonic::serve(UnixListenerStream::new(listener)).await,
                    _ => bare::serve_tokio(listener).await,
                }
            }
        }
    })
}

/// In the parent: one round of `case` against a server that runs.
pub fn measure(case: Case, stack: Stack, server: &mut Server, effort: Effort) -> Result<Figures, Failure> {
    let body = message::body(case.payload);
    match case.work {
        Work::Native | Work::Grpc => runtime()?.block_on(own_client(case, stack, server, effort, &body)),
        Work::Blocking | Work::Polling => blocking(stack, server, effort, &body),
        Work::WebSocket => websocket(case, server, effort, &body),
        Work::WebSocketIdle => idle(server, effort, &body),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

async fn own_client(
    case: Case,
    stack: Stack,
    server: &mut Server,
    effort: Effort,
    body: &Bytes,
) -> Result<Figures, Failure> {
    let path = server.address.clone();
    match stack {
        Stack::Native => {
            unary(stack_zrpc::Client::connect(&format!("unix://{path}")).await?, case, server, effort, body)
                .await
        }
        Stack::Grpc => {
            let client = stack_zrpc::Client::connect(&format!("http+unix://{path}")).await?;
            unary(client, case, server, effort, body).await
        }
        Stack::Tarpc => unary(stack_tarpc::Client::connect(&path).await?, case, server, effort, body).await,
        Stack::Tonic => {
            unary(stack_tonic::Client::connect(format!("unix:{path}")).await?, case, server, effort, body)
                .await
        }
        _ => {
            let client = bare::TokioClient::connect(&path, bytes_of_a_call(body)).await?;
            unary(client, case, server, effort, body).await
        }
    }
}

async fn unary<C: Unary>(
    client: C,
    case: Case,
    server: &mut Server,
    effort: Effort,
    body: &Bytes,
) -> Result<Figures, Failure> {
    load::calls(&client, body, case.in_flight, effort.warm_up).await?;
    let before = server.counters()?;
    let latencies = load::calls(&client, body, case.in_flight, effort.round).await?;
    let used = server.counters()?.since(before);
    let mut figures = latency_figures(&latencies);
    figures.extend(server_figures(used, &latencies));
    Ok(figures)
}

/// What a call puts on the wire each way.
fn bytes_of_a_call(body: &Bytes) -> (usize, usize) {
    // The prefix of gRPC's framing has five bytes, which the native protocol does not send.
    let message = message::framed(body).len() - 5;
    (message + AROUND.0, message + AROUND.1)
}

fn blocking(stack: Stack, server: &Server, effort: Effort, body: &Bytes) -> Result<Figures, Failure> {
    let path = &server.address;
    let latencies = match stack {
        Stack::NativeBlocking | Stack::NativePolling => {
            let polling = (stack == Stack::NativePolling).then_some(POLLING);
            let uri = format!("unix://{path}");
            let mut client = stack_zrpc_blocking::Client::connect(&uri, body, polling)?;
            warm_and_measure(effort, || client.call())?
        }
        _ => {
            let wait = if stack == Stack::BarePolling { Wait::Polling } else { Wait::Asleep };
            let mut client = bare::Client::connect(path, bytes_of_a_call(body), wait)?;
            warm_and_measure(effort, || client.call())?
        }
    };
    Ok(latency_figures(&latencies))
}

fn websocket(case: Case, server: &mut Server, effort: Effort, body: &Bytes) -> Result<Figures, Failure> {
    let mut client = Frames::connect(server.socket_address()?, case.in_flight, body)?;
    client.echo(effort.warm_up)?;
    let before = server.counters()?;
    let latencies = client.echo(effort.round)?;
    let used = server.counters()?.since(before);
    let mut figures = latency_figures(&latencies);
    figures.extend(server_figures(used, &latencies));
    Ok(figures)
}

/// How long a server may take to give an idle connection's memory back.
const SETTLE: Duration = Duration::from_secs(1);
/// Connections that are opened together.
const OPENED_TOGETHER: usize = 64;

fn idle(server: &mut Server, effort: Effort, body: &Bytes) -> Result<Figures, Failure> {
    let (address, connections) = (server.socket_address()?, effort.idle_connections);
    // The first connection pays for what a server sets up once.
    let mut held = vec![Frames::connect(address, 1, body)?];
    held[0].turn()?;
    let before = server.counters()?.resident_bytes;
    let mut open = 0;
    while open < connections {
        let count = OPENED_TOGETHER.min(connections - open);
        let mut opened = Frames::connect(address, count, body)?;
        opened.turn()?;
        held.push(opened);
        open += count;
    }
    std::thread::sleep(SETTLE);
    let after = server.counters()?.resident_bytes;
    Ok(vec![(Measure::Resident, after.saturating_sub(before) as f64 / 1024.0 / connections as f64)])
}
