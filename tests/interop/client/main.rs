//! The interoperability client: one official case against one server.
//!
//! Usage: `interop-client --driver tokio|blocking --test_case NAME --server_port PORT [--server_host HOST]`. Exits with
//! 0 when the case holds, and says why when it does not.

use std::process::ExitCode;
use zrpc::{blocking, tokio};
use zrpc_tests::arguments::{Arguments, Driver};
use zrpc_tests::interop::client::calls::{BlockingCalls, TokioCalls, ready};
use zrpc_tests::interop::client::cases::{self, Failure};

fn main() -> ExitCode {
    let arguments = Arguments::from_process();
    let (Some(name), Some(port)) = (arguments.value("test_case"), arguments.value("server_port")) else {
        eprintln!("usage: interop-client --driver tokio|blocking --test_case NAME --server_port PORT");
        return ExitCode::from(2);
    };
    let address = format!("http://{}:{port}", arguments.value("server_host").unwrap_or("127.0.0.1"));
    let outcome = match arguments.driver() {
        Driver::Tokio => on_tokio(name, &address),
        Driver::Blocking => {
            ready(cases::run::<BlockingCalls>(name, &|| blocking::Channel::builder(&address)))
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{name}: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn on_tokio(name: &str, address: &str) -> Result<(), Failure> {
    let runtime = ::tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Mismatch(format!("tokio does not start: {error}")))?;
    runtime.block_on(cases::run::<TokioCalls>(name, &|| tokio::Channel::builder(address)))
}
