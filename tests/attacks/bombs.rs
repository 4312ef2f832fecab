//! A4, A9, A23, A24: little on the wire that would be much in memory.

use crate::host::{Handlers, Victim, attack, opened, show};
use crate::rapid_reset::HEAP;
use zrpc::core::stack::AnyServerConfig;
use zrpc_tests::attacks::http2;
use zrpc_tests::attacks::wire::{PATH, block_of, call_fields, message};

#[test]
fn a4_heads_of_references_hold_no_more_than_eight_bytes_for_one_on_the_wire() {
    for script in [http2::indexed_bomb(), http2::field_crumbs()] {
        let name = script.name;
        let report = attack(script);
        assert!(report.peak <= 8 * report.wire, "{name}: {} bytes for {}", report.peak, report.wire);
        assert_eq!(report.left, 0, "{name}: {}", report.why());
    }
}

#[test]
fn a9_a_message_in_data_of_one_octet_holds_twice_what_arrived() {
    let mut script = http2::one_octet_data_of_a_message();
    let mut victim = Victim::new(AnyServerConfig::default(), Handlers::Answer);
    let mut wire = script.opening.clone();
    victim.take(&wire.take(), true);
    for number in 0..script.units {
        script.write(&mut wire, number);
        victim.take(&wire.take(), true);
        let arrived = number as i64 + 1;
        assert!(victim.live() <= 2 * arrived + HEAP as i64, "{} bytes of heap for {arrived}", victim.live());
    }
    assert_eq!(victim.end(), None);
    show(&script, &victim.over());
}

#[test]
fn a9_the_shortest_messages_that_nobody_takes_hold_a_bounded_amount() {
    let report = attack(http2::one_octet_data());
    // Six octets of content a message.
    let arrived = 6 * 60_000;
    assert!(report.peak <= 2 * arrived + HEAP, "{} bytes of heap", report.peak);
}

#[test]
fn a23_a_thousand_messages_of_which_one_octet_came_hold_less_than_a_kib_each() {
    let report = attack(http2::announced_messages());
    assert!(report.peak <= 256 * 1024, "{} bytes of heap", report.peak);
    assert!(report.end.is_some() && report.left == 0);
}

#[test]
fn a23_long_messages_without_end_stop_at_the_limit_of_the_connection() {
    let mut config = AnyServerConfig::default();
    config.grpc.limits.gathered_bytes_max = 16 << 20;
    let mut script = http2::unfinished_messages();
    script.units = 4_000;
    let report = Victim::new(config, Handlers::Answer).run(&mut script);
    show(&script, &report);
    assert!(report.peak <= 21 << 20, "{} bytes of heap for {} on the wire", report.peak, report.wire);
    assert_eq!(report.left, 0);
}

#[test]
fn a24_a_message_that_inflates_ends_its_call_at_the_limit() {
    let zeros = vec![0u8; 10 << 20];
    let mut config = AnyServerConfig::default();
    config.grpc.limits.receive_message_bytes_max = 64 * 1024;
    for (encoding, squeezed) in
        [("gzip", gzip(&zeros)), ("gzip", [gzip(&zeros[..1024]), gzip(&zeros)].concat())]
    {
        let mut victim = Victim::new(config.clone(), Handlers::Answer);
        let mut fields = call_fields(PATH);
        fields.push(("grpc-encoding", encoding));
        let mut wire = opened();
        let mut body = message(&squeezed);
        body[0] = 1;
        wire.block(1, &block_of(&fields), false);
        body.chunks(16_384).for_each(|part| _ = wire.data(1, part, false));
        victim.take(&wire.take(), true);
        assert_eq!((victim.started(), victim.end()), (0, None), "the call ends and the connection goes on");
        let report = victim.over();
        // The decoder's own state, beside the limit and what came.
        assert!(report.peak <= 64 * 1024 + 2 * body.len() + 2 * HEAP, "{} bytes of heap", report.peak);
    }
}

/// What our own encoder makes of it: a client's message.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    use zrpc::core::rpc::compression::{Level, compress};
    compress(zrpc::core::rpc::Encoding::Gzip, Level::default(), bytes).expect("gzip is built in").to_vec()
}
