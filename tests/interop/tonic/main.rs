//! zRPC and tonic, each serving and calling the other's services: what a tonic user has who moves a line at a time.
//!
//! Behind feature `tonic`, since it compiles tonic and all it stands on: `tests/interop/tonic.sh` runs it.

mod answers;
mod cases;
mod generation;
mod layers;
mod listeners;
mod mounted;

#[path = "zrpc/generated/mod.rs"]
mod generated_by_zrpc;

/// What zRPC's generator makes of `greeter.proto`.
use generated_by_zrpc::zrpc::test::greeter::v1 as by_zrpc;

/// What tonic's generator makes of it.
mod by_tonic {
    include!("generated/zrpc.test.greeter.v1.rs");
}
