//! The core under another runtime: a server and a client on `smol`, without any of zRPC's drivers.
//!
//! ```text
//! cargo run --example smol
//! ```
//!
//! `drive` is the whole adapter: it moves bytes and time between a socket and a machine. What a machine reports goes to a
//! closure, which answers with commands.

use bytes::Bytes;
use futures_lite::{AsyncReadExt, AsyncWriteExt, FutureExt};
use smol::{Async, Timer};
use std::error::Error;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};
use zrpc::core::base::{Machine, Out, Output, Time};
use zrpc::core::rpc::{ClientEvent, ClientSession, ServerEvent, ServerSession, StartCall};
use zrpc::core::stack::{ClientConfig, GrpcClient, GrpcServer, ServerConfig};
use zrpc::{Metadata, Status};

/// Whether a connection is still wanted.
enum Next {
    Go,
    Stop,
}

/// Moves bytes and time between a socket and a machine until one of them is done.
async fn drive<M: Machine>(
    mut socket: Async<TcpStream>,
    mut machine: M,
    mut on_event: impl FnMut(&mut M, M::Event) -> Next,
) -> io::Result<()> {
    let clock = Instant::now();
    let now = || Time::START + clock.elapsed();
    let mut out = Out::with_room(64 * 1024);
    let mut buffer = vec![0; 64 * 1024];
    let mut stopped = false;
    loop {
        let wake = loop {
            match machine.poll_output(now(), &mut out) {
                Output::Event(event) => stopped |= matches!(on_event(&mut machine, event), Next::Stop),
                Output::Full(wake) | Output::Idle(wake) => break wake,
            }
        };
        if !out.is_empty() {
            socket.write_all(&out.to_vec()).await?;
            out.clear();
            continue;
        }
        if stopped {
            return Ok(());
        }
        let read = async { socket.read(&mut buffer).await.map(Some) };
        let sleep = async {
            match wake {
                Some(wake) => Timer::after(wake.at.saturating_since(now())).await,
                None => Timer::never().await,
            };
            Ok(None)
        };
        match read.or(sleep).await? {
            Some(0) => machine.handle_eof(now()),
            Some(count) => machine.handle_input(now(), Bytes::copy_from_slice(&buffer[..count])),
            None => {}
        }
    }
}

/// Answers every message of every call with itself.
fn echo(server: &mut GrpcServer, event: ServerEvent) -> Next {
    match event {
        ServerEvent::Message { call, message, credit } => {
            server.consume(call, credit);
            // One message at a time: nothing here is sent fast enough to be told `Blocked`.
            let _ = server.send(call, message, false);
        }
        ServerEvent::HalfClosed { call } => {
            let _ = server.finish(call, &Status::OK, &Metadata::new());
        }
        ServerEvent::Closed(_) => return Next::Stop,
        _ => {}
    }
    Next::Go
}

fn main() -> Result<(), Box<dyn Error>> {
    smol::block_on(async {
        let listener = Async::<TcpListener>::bind(([127, 0, 0, 1], 0))?;
        let address = listener.get_ref().local_addr()?;
        println!("an echo server on {address}, under smol");
        let server = smol::spawn(async move {
            let (socket, _) = listener.accept().await?;
            drive(socket, GrpcServer::new(Time::START, &ServerConfig::default()), echo).await
        });

        let socket = Async::<TcpStream>::connect(address).await?;
        let config = ClientConfig { authority: address.to_string(), ..ClientConfig::default() };
        let mut client = GrpcClient::new(Time::START, &config);
        let deadline = Some(Time::START + Duration::from_secs(5));
        let metadata = Metadata::new();
        let head =
            StartCall { path: "/examples.Echo/Echo", metadata: &metadata, deadline, compression: None };
        let call = client.start(Time::START, head)?;
        for word in ["bytes in,", "bytes out,", "no driver between"] {
            let _ = client.send(call, Bytes::from(word), false)?;
        }
        client.half_close(call)?;
        drive(socket, client, |client, event| match event {
            ClientEvent::Message { call, message, credit } => {
                client.consume(call, credit);
                println!("  echoed: {}", String::from_utf8_lossy(&message));
                Next::Go
            }
            ClientEvent::Ended { status, .. } => {
                println!("  ended:  {status}");
                Next::Stop
            }
            _ => Next::Go,
        })
        .await?;
        server.await?;
        Ok(())
    })
}
