//! One round: a stack does a case's work once, and its figures are read.

use crate::case::{Case, Work};
use crate::replay::{self, Replay};
use crate::{Stack, bare, message, stack_h2, stack_tonic, stack_zrpc, stack_zrpc_blocking};
use bytes::Bytes;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};
use tonic::transport::server::TcpIncoming;
use zrpc_benches::load::{self, Streams, Unary, warm_and_measure};
use zrpc_benches::measure::{Figures, Measure, latency_figures, server_figures};
use zrpc_benches::process::{Server, report_from};
use zrpc_benches::{Effort, Failure, Named};
use zrpc_std::TcpAcceptor;

/// In the child: serves `stack` until the parent is gone.
pub fn serve(stack: Stack) -> Result<(), Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    report_from(listener.local_addr()?);
    match stack {
        Stack::BareTcp => return bare::serve(listener),
        Stack::ZrpcBlocking => {
            return stack_zrpc_blocking::serve(|server| Ok(server.listen(TcpAcceptor::new(listener)?)));
        }
        Stack::Zrpc | Stack::Tonic | Stack::H2 => {}
    }
    runtime()?.block_on(async {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        match stack {
            Stack::Zrpc => stack_zrpc::serve(listener).await,
            Stack::Tonic => stack_tonic::serve(TcpIncoming::from(listener).with_nodelay(Some(true))).await,
            Stack::H2 => stack_h2::serve(listener).await,
            Stack::ZrpcBlocking | Stack::BareTcp => Ok(()),
        }
    })
}

/// In the parent: one round of `case` against a server that runs.
pub fn measure(case: Case, stack: Stack, server: &mut Server, effort: Effort) -> Result<Figures, Failure> {
    let body = message::body(case.payload);
    match case.work {
        Work::OwnClient => runtime()?.block_on(own_client(case, stack, server, effort, &body)),
        Work::SameClient => same_client(case, server, effort, &body),
        Work::Upload | Work::Download => runtime()?.block_on(bulk(case, stack, server, effort, body)),
        Work::Blocking => blocking(stack, server, effort, &body),
        Work::Idle => idle(server, effort, &body),
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
    let address = server.socket_address()?;
    let uri = format!("http://{address}");
    match stack {
        Stack::Zrpc => unary(stack_zrpc::Client::connect(&uri).await?, case, server, effort, body).await,
        Stack::Tonic => unary(stack_tonic::Client::connect(uri).await?, case, server, effort, body).await,
        Stack::H2 => unary(stack_h2::Client::connect(address).await?, case, server, effort, body).await,
        other => Err(format!("{} has no async client", other.name()).into()),
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

fn same_client(case: Case, server: &mut Server, effort: Effort, body: &Bytes) -> Result<Figures, Failure> {
    let mut client = Replay::connect(server.socket_address()?, body)?;
    client.calls(case.in_flight, effort.warm_up)?;
    let before = server.counters()?;
    let latencies = client.calls(case.in_flight, effort.round)?;
    let used = server.counters()?.since(before);
    let mut figures = vec![(Measure::Rate, latencies.per_second())];
    figures.extend(server_figures(used, &latencies));
    Ok(figures)
}

async fn bulk(
    case: Case,
    stack: Stack,
    server: &mut Server,
    effort: Effort,
    body: Bytes,
) -> Result<Figures, Failure> {
    let uri = format!("http://{}", server.address);
    let rate = match stack {
        Stack::Zrpc => streams(stack_zrpc::Client::connect(&uri).await?, case, effort, body).await?,
        Stack::Tonic => streams(stack_tonic::Client::connect(uri).await?, case, effort, body).await?,
        other => return Err(format!("{} does not stream", other.name()).into()),
    };
    Ok(vec![(Measure::Bulk, rate)])
}

/// Megabytes a second.
async fn streams<C: Streams>(mut client: C, case: Case, effort: Effort, body: Bytes) -> Result<f64, Failure> {
    let mut rate = 0.0;
    for time in [effort.warm_up, effort.round] {
        let start = Instant::now();
        let messages = match case.work {
            Work::Upload => client.upload(body.clone(), time).await?,
            _ => client.download(body.clone(), time).await?,
        };
        rate = messages as f64 * body.len() as f64 / 1e6 / start.elapsed().as_secs_f64();
    }
    Ok(rate)
}

fn blocking(stack: Stack, server: &Server, effort: Effort, body: &Bytes) -> Result<Figures, Failure> {
    let latencies = match stack {
        Stack::ZrpcBlocking => {
            let mut client =
                stack_zrpc_blocking::Client::connect(&format!("http://{}", server.address), body, None)?;
            warm_and_measure(effort, || client.call())?
        }
        Stack::BareTcp => {
            let (request, reply) = replay::bytes_of_a_call(body);
            let mut client = bare::Client::connect(server.socket_address()?, request, reply)?;
            warm_and_measure(effort, || client.call())?
        }
        other => return Err(format!("{} has no blocking client", other.name()).into()),
    };
    Ok(latency_figures(&latencies))
}

/// Connections that are opened together, so that the two processes need not take turns for each.
const OPENED_TOGETHER: usize = 64;

/// How long a server may take to give an idle connection's memory back.
const SETTLE: Duration = Duration::from_secs(1);

fn idle(server: &mut Server, effort: Effort, body: &Bytes) -> Result<Figures, Failure> {
    let connections = effort.idle_connections;
    // The first connection pays for what a server sets up once.
    let mut held = open_after_a_call(server.socket_address()?, 1, body)?;
    let before = server.counters()?.resident_bytes;
    while held.len() <= connections {
        let count = OPENED_TOGETHER.min(connections + 1 - held.len());
        held.extend(open_after_a_call(server.socket_address()?, count, body)?);
    }
    std::thread::sleep(SETTLE);
    let after = server.counters()?.resident_bytes;
    let kilobytes = after.saturating_sub(before) as f64 / 1024.0 / connections as f64;
    Ok(vec![(Measure::Resident, kilobytes)])
}

fn open_after_a_call(address: SocketAddr, count: usize, body: &Bytes) -> Result<Vec<Replay>, Failure> {
    let mut opened = Vec::new();
    for _ in 0..count {
        let mut connection = Replay::connect(address, body)?;
        connection.request_one()?;
        opened.push(connection);
    }
    for connection in &mut opened {
        connection.finish()?;
        connection.shrink();
    }
    Ok(opened)
}
