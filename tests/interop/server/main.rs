//! The interoperability server: does what an official client asks for.
//!
//! Usage: `interop-server --driver tokio|blocking [--port PORT] [--max_streams COUNT] [--carrier http2|http1]`. On HTTP/1.1
//! it speaks gRPC-Web and nothing else; otherwise all that a server of ours speaks, WebSocket with JSON among it. Its first
//! line of output is its port. It ends when its standard input does.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use zrpc::core::stack::{AnyServerConfig, GrpcWebServer};
use zrpc::json::Schema;
use zrpc::{blocking, tokio};
use zrpc_tests::arguments::{Arguments, Driver, exit_with_input};
use zrpc_tests::interop::server::{answers, on_threads, on_tokio};
use zrpc_tests::proto::testing::TEST_SERVICE;

/// What the command line says.
#[derive(Clone, Copy, Debug)]
struct Options {
    port: u16,
    max_streams: Option<u32>,
    is_http1: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::from_process();
    let options = Options {
        port: arguments.value("port").and_then(|port| port.parse().ok()).unwrap_or(0),
        max_streams: arguments.value("max_streams").and_then(|count| count.parse().ok()),
        is_http1: arguments.value("carrier").is_some_and(|carrier| carrier == "http1"),
    };
    exit_with_input();
    let served = match arguments.driver() {
        Driver::Tokio => serve_on_tokio(options),
        Driver::Blocking => serve_on_threads(options),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot serve on port {}: {error}", options.port);
            ExitCode::FAILURE
        }
    }
}

/// Everything, and for JSON the messages of the test service.
fn config(options: Options) -> io::Result<AnyServerConfig> {
    let mut config = AnyServerConfig::from(answers::config(options.max_streams));
    if let Some(websocket) = &mut config.websocket {
        websocket.schema = Arc::new(Schema::of([&TEST_SERVICE]).map_err(io::Error::other)?);
    }
    Ok(config)
}

fn serve_on_tokio(options: Options) -> io::Result<()> {
    ::tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let mut builder = tokio::Server::builder().config(config(options)?);
        if options.is_http1 {
            builder = builder.sessions(|now| Box::new(GrpcWebServer::new(now, &answers::config(None))));
        }
        let server = on_tokio::offer(builder).bind(("127.0.0.1", options.port)).await?;
        println!("{}", server.local_addr()?.port());
        server.run().await;
        Ok(())
    })
}

fn serve_on_threads(options: Options) -> io::Result<()> {
    let mut builder = blocking::Server::builder().config(config(options)?);
    if options.is_http1 {
        builder = builder.sessions(|now| Box::new(GrpcWebServer::new(now, &answers::config(None))));
    }
    let server = on_threads::offer(builder).bind(("127.0.0.1", options.port))?;
    println!("{}", server.local_addr()?.port());
    server.run()
}
