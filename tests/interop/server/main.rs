//! The interoperability server: does what an official client asks for.
//!
//! Usage: `interop-server --driver tokio|blocking [--port PORT] [--max_streams COUNT]`. Its first line of output is its
//! port. It ends when its standard input does.

mod answers;
mod on_threads;
mod on_tokio;

use std::process::ExitCode;
use zrpc_tests::arguments::{Arguments, Driver, exit_with_input};

/// What the command line says.
#[derive(Clone, Copy, Debug)]
struct Options {
    port: u16,
    max_streams: Option<u32>,
}

fn main() -> ExitCode {
    let arguments = Arguments::from_process();
    let options = Options {
        port: arguments.value("port").and_then(|port| port.parse().ok()).unwrap_or(0),
        max_streams: arguments.value("max_streams").and_then(|count| count.parse().ok()),
    };
    exit_with_input();
    let served = match arguments.driver() {
        Driver::Tokio => on_tokio::serve(options),
        Driver::Blocking => on_threads::serve(options),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot serve on port {}: {error}", options.port);
            ExitCode::FAILURE
        }
    }
}
