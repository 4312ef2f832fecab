//! What a machine says that it holds is what it holds: the allocator agrees, under every attack.
//!
//! [`Victim`](crate::host::Victim) asserts after each turn that this is within what the limits add up to. So the declared
//! bound is one on the heap, and not only on what was thought of.

use crate::host::{Handlers, Victim};
use zrpc::core::stack::{AnyServerConfig, ServerConfig};
use zrpc_tests::attacks::{Script, http2, native, websocket};

/// The machines themselves, which their owner may keep in a box or not.
const MACHINES: i64 = 2 * 1024;

#[test]
fn no_attack_makes_a_connection_hold_what_it_does_not_count() {
    let scripts = http2::floods().into_iter().chain(native::floods()).chain(websocket::floods());
    let more = [http2::announced_messages(), http2::unfinished_messages(), http2::window_overflow()];
    for mut script in scripts.chain(more) {
        // Answers that wait are payloads of the application's.
        if script.row == "A10" {
            continue;
        }
        script.units = script.units.min(3_000);
        let Script { row, name, .. } = script;
        let report = Victim::new(AnyServerConfig::default(), Handlers::Hang).run(&mut script);
        assert!(report.uncounted <= MACHINES, "{row} {name}: {} bytes are not counted", report.uncounted);
    }
}

#[test]
fn what_a_connection_may_hold_by_default_is_a_figure_that_an_operator_can_plan_with() {
    let grpc = ServerConfig::default().memory_max();
    let any = AnyServerConfig::default().memory_max();
    println!("the most that a connection may hold: gRPC {grpc}, any protocol {any} bytes");
    assert!(grpc <= 512 << 20, "{grpc}");
}
