//! The table of states of the specification (§7): each frame of a client in each state of its call.

use super::*;
use crate::native::trial::peer::{END, HEAD, MESSAGE, head};
use alloc::format;
use alloc::string::String;

const FRAMES: [&str; 7] = ["HEAD", "MESSAGE", "END", "RESET", "PRIORITY", "CREDIT", "MORE"];

fn write(frame: &str, peer: &mut Peer) {
    match frame {
        "HEAD" => _ = peer.call(HEAD, 1, &head("/a/b")),
        "MESSAGE" => _ = peer.call(MESSAGE, 1, b"x"),
        "END" => _ = peer.call(END, 1, b""),
        "RESET" => _ = peer.reset(1, 6),
        "PRIORITY" => _ = peer.frame(0x04, &[1, 0]),
        "CREDIT" => _ = peer.credit(1, 100_000),
        _ => _ = peer.part(1, 5, b"x"),
    }
}

/// What became of it: of the connection, of the call, or nothing.
fn outcome(test: &AtServer) -> &'static str {
    let reset = |said: &Said| matches!(said, Said::Reset(_));
    match test.closed() {
        Some(_) => "connection",
        None if test.said(1).last().is_some_and(reset) => "call",
        None => "-",
    }
}

#[test]
fn each_frame_of_a_client_in_each_state_is_answered_as_the_table_says() {
    let mut table = String::new();
    for state in ["idle", "open", "within a message", "half closed", "finished", "reset"] {
        let mut row = format!("{state:17}");
        for frame in FRAMES {
            let mut test = AtServer::new();
            match state {
                "idle" => {}
                "open" => _ = test.peer(|peer| _ = peer.open(1)),
                "within a message" => _ = test.peer(|peer| _ = peer.open(1).part(1, 1, b"x")),
                "half closed" => _ = test.peer(|peer| _ = peer.unary(1, b"")),
                "finished" => {
                    test.peer(|peer| _ = peer.open(1));
                    test.server.finish(CallId::from_u64(1), &Status::OK, &Metadata::new()).unwrap();
                    test.turn();
                }
                _ => _ = test.peer(|peer| _ = peer.open(1).reset(1, 6)),
            }
            test.peer(|peer| write(frame, peer));
            row += &format!(" {:10}", outcome(&test));
        }
        table += row.trim_end();
        table.push('\n');
    }
    let expected = "\
idle              -          connection connection connection connection connection connection
open              connection -          -          -          -          -          -
within a message  connection -          call       -          -          -          call
half closed       connection call       call       -          -          -          call
finished          connection -          -          -          -          -          -
reset             connection -          -          -          -          -          -
";
    assert_eq!(table, expected, "\n{table}");
}

#[test]
fn commands_that_do_not_fit_the_state_are_misuse_and_change_nothing() {
    let mut test = AtClient::new();
    let call = test.start();
    test.client.half_close(call).unwrap();
    assert!(matches!(test.client.half_close(call), Err(Misuse::OutOfOrder(_))));
    assert!(matches!(test.client.send(call, Bytes::new(), false), Err(Misuse::OutOfOrder(_))));
    assert_eq!(test.client.cancel(CallId::from_u64(77)), Err(Misuse::Gone));
    test.client.cancel(call).unwrap();
    assert_eq!(test.client.send(call, Bytes::new(), false), Err(Misuse::Gone));
    test.turn();
    assert_eq!(test.said(1), [], "a call that never left needs no RESET");
    test.client.close(test.now);
    test.turn();
    assert_eq!(test.start_with(&Metadata::new(), None), Err(Misuse::Closed));

    let mut test = AtServer::new();
    test.peer(|peer| _ = peer.open(1));
    let call = CallId::from_u64(1);
    test.server.send_head(call, &Metadata::new(), None).unwrap();
    assert!(matches!(test.server.send_head(call, &Metadata::new(), None), Err(Misuse::OutOfOrder(_))));
    let mut status = Status::internal("x".repeat(20_000));
    let refused = test.server.finish(call, &status, &Metadata::new());
    assert!(matches!(refused, Err(Misuse::TooLarge { .. })), "{refused:?}");
    status = Status::internal("shorter");
    test.server.finish(call, &status, &Metadata::new()).unwrap();
    assert_eq!(test.server.finish(call, &status, &Metadata::new()), Err(Misuse::Gone));
}

#[test]
fn sends_are_blocked_at_the_limit_and_go_on_after_one_writable() {
    let config = Config { send_buffer_bytes: 1_000, ..Config::default() };
    let mut test = AtClient::with(config, &[(0, 10)]);
    let call = test.start();
    assert_eq!(test.send(call, 1_000), Flow::Blocked);
    assert_eq!(test.client.send(call, Bytes::new(), false), Err(Misuse::Blocked));
    test.turn();
    let writable = |event: &&ClientEvent| matches!(event, ClientEvent::Writable { .. });
    assert_eq!(test.events.iter().filter(writable).count(), 1);
    assert_eq!(test.send(call, 10), Flow::Ready);
}
