//! zRPC beside its peers over HTTP/2: the same work, the same payloads, the same run.
//!
//! ```text
//! cargo bench --bench peers                 a table, about a minute
//! cargo bench --bench peers -- --quick      fewer and shorter rounds, under 45 seconds: for CI
//! ```
//!
//! Every server is asked through its own client, and then all of them through the same one (`replay.rs`), where CPU time
//! and allocations a call are counted.

mod bare;
mod case;
#[path = "../shared/message.rs"]
mod message;
mod replay;
mod round;
mod stack_h2;
#[path = "../shared/stack_tonic.rs"]
mod stack_tonic;
#[path = "../shared/stack_zrpc.rs"]
mod stack_zrpc;
#[path = "../shared/stack_zrpc_blocking.rs"]
mod stack_zrpc_blocking;

use case::Case;
use zrpc_benches::{Failure, Named};

/// Who does the work.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stack {
    Zrpc,
    Tonic,
    H2,
    ZrpcBlocking,
    BareTcp,
}

impl Named for Stack {
    const ALL: &'static [Stack] =
        &[Stack::Zrpc, Stack::Tonic, Stack::H2, Stack::ZrpcBlocking, Stack::BareTcp];

    fn name(self) -> &'static str {
        match self {
            Stack::Zrpc => "zrpc",
            Stack::Tonic => "tonic",
            Stack::H2 => "h2",
            Stack::ZrpcBlocking => "zrpc-blocking",
            Stack::BareTcp => "bare-tcp",
        }
    }
}

fn main() -> Result<(), Failure> {
    zrpc_benches::run::<Case>()
}
