//! The official interoperability cases, and our own server's answers to them.

use crate::cases::{Case, Need};
use crate::client::wait;
use crate::column::Column;
use crate::link::Driver;
use zrpc_tests::interop::client::calls::{BlockingCalls, TokioCalls, ready};
use zrpc_tests::interop::client::cases;

macro_rules! official {
    ($($name:ident $([$($need:ident),+])?),+ $(,)?) => {
        /// The cases of this group.
        pub const CASES: &[Case] = &[$(Case {
            group: "official",
            name: stringify!($name),
            needs: &[$($(Need::$need),+)?],
            run: |column| run(column, stringify!($name)),
        }),+];
    };
}

official!(
    empty_unary,
    large_unary,
    very_large_request,
    rpc_soak,
    client_compressed_unary [Compression],
    server_compressed_unary [Compression],
    client_streaming [Requests],
    client_compressed_streaming [Compression, Requests],
    server_streaming,
    server_compressed_streaming [Compression],
    ping_pong [Requests],
    empty_stream [Requests],
    custom_metadata [Requests],
    status_code_and_message [Requests],
    special_status_message [Requests],
    unimplemented_method,
    unimplemented_service,
    cancel_after_begin [Requests],
    cancel_after_first_response [Requests],
    timeout_on_sleeping_server [Requests],
    orca_per_rpc,
    orca_oob [Requests],
);

fn run(column: Column, name: &str) {
    let bench = column.bench();
    let (place, setup) = (&bench.place, bench.setup);
    let outcome = match column.client {
        Driver::Tokio => wait(cases::run::<TokioCalls>(name, &|| Ok(column.tokio_channel(place, setup)))),
        Driver::Blocking => {
            ready(cases::run::<BlockingCalls>(name, &|| Ok(column.blocking_channel(place, setup))))
        }
    };
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
