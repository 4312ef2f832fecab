//! Each violation of the table: what shows it, and which answer it gets; both follow from the table.

use super::*;
use crate::native::trial::peer::{ATTACHED, COMPRESSED, END, HEAD, MESSAGE, MORE, head, numbers};
use crate::native::violation::{Scope, Violation};
use crate::rpc::Code;

/// A client's bytes that show a violation to a server, after preface and HELLO.
fn by_client(violation: Violation, peer: &mut Peer) -> bool {
    match violation {
        Violation::FrameTooLarge => _ = peer.raw(&[0x80, 0x01, 0x00, 0x01]),
        Violation::FrameShort => _ = peer.frame(0x02, &[]),
        Violation::FrameLong => _ = peer.frame(0x02, &[1, 1, 1]),
        Violation::FrameType => _ = peer.frame(0x08, &[]),
        Violation::Reserved => _ = peer.call(HEAD, 1, &[0x10, 0]),
        Violation::Flags => _ = peer.call(0, 1, &[]),
        Violation::NameText => _ = peer.call(HEAD, 1, &[0, 4, 0xff]),
        Violation::SecondHello => _ = peer.hello(&[]),
        Violation::NoEntry => _ = peer.call(HEAD, 1, &[0, 2]),
        Violation::TooManyEntries => {
            for call in 1..200 {
                peer.call(HEAD, call, &[0, 5, b'x']);
            }
        }
        Violation::LongEntry => {
            let mut sections = alloc::vec![0];
            sections.extend(numbers([257 << 2 | 1]));
            sections.extend([b'x'; 257]);
            peer.call(HEAD, 1, &sections);
        }
        Violation::CallOrder => _ = peer.open(2).open(1),
        Violation::UnknownCall => _ = peer.message(1, b"x", false),
        Violation::AfterEnd => _ = peer.unary(1, b"x").message(1, b"y", false),
        Violation::Parts => _ = peer.open(1).part(1, 10, b"12345").message(1, b"1234", false),
        Violation::EmptyPart => _ = peer.open(1).part(1, 10, b""),
        Violation::Credit => _ = (0..20).fold(peer.open(1), |peer, _| peer.message(1, &[0; 30_000], false)),
        Violation::NoCredit => _ = peer.open(1).credit(1, 0),
        Violation::CreditOverflow => _ = peer.open(1).credit(1, 1 << 31),
        Violation::TooManyCalls => _ = (1..=257).fold(peer, |peer, call| peer.open(call)),
        Violation::TooManyAttachments => {
            let sections = [&head("/a/b")[..], &[1]].concat();
            peer.call(HEAD | MESSAGE | 0x20, 1, &sections);
        }
        Violation::GoAwayRaised => _ = peer.goaway(0, 0).goaway(1, 0),
        Violation::ResetFlood => {
            (1..=600).fold(peer, |peer, call| peer.open(call).reset(call, 6));
        }
        Violation::IdleFlood => _ = (0..1_000).fold(peer, |peer, _| peer.frame(0x40, &[])),
        _ => return false,
    }
    true
}

#[test]
fn flags_and_sections_that_say_nothing_or_contradict_each_other_end_the_connection() {
    let request = [0, 4, b'/'];
    for (flags, sections) in [
        (0, &[][..]),
        (HEAD | COMPRESSED, &request),
        (HEAD | ATTACHED, &request),
        (HEAD | MORE, &request),
        (HEAD | MESSAGE | MORE | END, &[0, 4, b'/', 1]),
        (HEAD | MESSAGE | MORE | ATTACHED, &[0, 4, b'/', 1, 1]),
        // No rest, and no attachments.
        (HEAD | MESSAGE | MORE, &[0, 4, b'/', 0]),
        (HEAD | MESSAGE | ATTACHED, &[0, 4, b'/', 0]),
    ] {
        let mut test = AtServer::new();
        test.peer(|peer| _ = peer.call(flags, 1, sections));
        assert_eq!(test.server.violation(), Some(Violation::Flags), "{flags:#x}");
    }
}

#[test]
fn a_server_answers_each_violation_of_a_client_as_the_table_says() {
    let mut shown = 0;
    for violation in Violation::ALL.iter().copied() {
        let mut test = AtServer::new();
        test.consumes = false;
        if !by_client(violation, &mut test.peer) {
            continue;
        }
        shown += 1;
        test.turn();
        match violation.scope() {
            Scope::Connection => {
                let Some(SessionEnd::Failed(status)) = test.closed() else {
                    panic!("{violation:?}: {:?}", test.closed())
                };
                assert!(status.message().contains(violation.text()), "{violation:?}: {status}");
                assert_eq!(
                    goaway(&test.sent()).map(|(_, code)| code),
                    Some(violation.code().0),
                    "{violation:?}"
                );
            }
            Scope::Call => {
                assert_eq!(test.closed(), None, "{violation:?}");
                let call = if violation == Violation::TooManyCalls { 257 } else { 1 };
                assert_eq!(test.said(call), [Said::Reset(violation.code().0)], "{violation:?}");
            }
        }
        assert!(
            test.server.memory() <= NativeServer::<crate::native::Binary>::memory_max(&Config::default())
        );
    }
    assert_eq!(shown, 24);
}

/// A server's bytes that show a violation to a client that has two calls open.
fn by_server(violation: Violation, peer: &mut Peer) -> bool {
    match violation {
        Violation::HeadSections => _ = peer.call(HEAD, 1, &[1, 9]),
        Violation::NotFromServer => _ = peer.frame(0x04, &[1, 0]),
        Violation::LateHead => _ = peer.call(HEAD, 1, &[0]).call(HEAD, 1, &[0]),
        Violation::UnknownCall => _ = peer.message(9, b"x", false),
        Violation::GoAwayRaised => _ = peer.goaway(2, 0).goaway(3, 0),
        Violation::Parts => _ = peer.part(1, 10, b"12345").message(1, b"123456", false),
        Violation::EmptyPart => _ = peer.part(1, 10, b"1234567890").message(1, b"", false),
        Violation::Flags => _ = peer.call(MESSAGE | MORE | END, 1, &[0, 1]),
        Violation::NoEntry => _ = peer.call(HEAD, 1, &[2, 1, 6, 0]),
        Violation::FrameShort => _ = peer.call(HEAD, 1, &[2, 1, 16]),
        _ => return false,
    }
    true
}

#[test]
fn a_client_answers_each_violation_of_a_server_as_the_table_says() {
    let mut shown = 0;
    for violation in Violation::ALL.iter().copied() {
        let mut test = AtClient::new();
        let (call, other) = (test.start(), test.start());
        test.turn();
        if !by_server(violation, &mut test.peer) {
            continue;
        }
        shown += 1;
        test.turn();
        let status = test.end_of(call).expect("the call is over");
        match violation.scope() {
            Scope::Connection => {
                assert!(matches!(test.closed(), Some(SessionEnd::Failed(_))), "{violation:?}");
                assert_eq!(status.code(), Code::Unavailable, "{violation:?}");
                assert!(test.end_of(other).is_some());
                assert_eq!(goaway(&test.sent()), Some((0, violation.code().0)), "{violation:?}");
            }
            Scope::Call => {
                assert_eq!(status.code(), Code::Internal, "{violation:?}");
                assert_eq!((test.closed(), test.end_of(other)), (None, None), "{violation:?}");
                assert_eq!(test.said(1).last(), Some(&Said::Reset(violation.code().0)), "{violation:?}");
            }
        }
    }
    assert_eq!(shown, 10);
}

#[test]
fn every_violation_names_a_section_of_the_specification_that_is_there() {
    let text = include_str!("../../../../docs/native-protocol.md");
    for violation in Violation::ALL {
        let number = violation.section().trim_start_matches('§');
        let heading = if number.contains('.') {
            alloc::format!("\n### {number} ")
        } else {
            alloc::format!("\n## {number}. ")
        };
        assert!(text.contains(&heading), "{violation:?}: {}", violation.section());
    }
}
