//! Back-pressure: who does not read holds the sender back, within bounded memory, and nobody else; and all goes on once it
//! reads.

use crate::cases::cases;
use crate::column::{Bench, Column, call_by, until};
use crate::service::{CHAT, SUM, WATCH, check, pattern, sum_text};
use bytes::Bytes;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use zrpc::Request;

cases!("back-pressure":
    a_client_that_does_not_read_holds_the_handler_back,
    a_handler_that_does_not_read_holds_the_client_back [Requests],
    two_sides_that_do_not_read_hold_each_other_back [Requests],
    streams_that_nobody_reads_hold_no_other_call_up [CallsAtOnce],
);

const COUNT: usize = 160;
const SIZE: usize = 64 * 1024;
/// What may be under way while the receiver takes nothing: windows, buffers of both sides, and what the link holds.
const STALLED_MAX: usize = 6 * 1024 * 1024;
/// Calls that show that others go on: each is a round trip in which a sender that could send would have.
const OTHERS: usize = 30;

/// What the system may hold of a TCP connection whose receiver takes nothing, at the most.
fn system_buffers() -> usize {
    let max = |path| {
        let text = std::fs::read_to_string(path).ok()?;
        text.split_whitespace().last()?.parse::<usize>().ok()
    };
    // A system that does not say has less.
    let of = |way: &str| max(format!("/proc/sys/net/ipv4/tcp_{way}mem")).unwrap_or(64 * 1024 * 1024);
    of("r") + of("w")
}

fn others_go_on(bench: &Bench, so_far: impl Fn() -> usize) {
    // Where calls take turns there is no window but TCP's, which grows as far as the system lets it.
    let alone = !bench.column.can().calls_at_once;
    let stalled_max = STALLED_MAX + if alone { system_buffers() } else { 0 };
    until("something is sent", || so_far() > 0);
    let other = bench.dial_beside();
    for _ in 0..OTHERS {
        call_by(&*other);
        assert!(so_far() <= stalled_max, "{} bytes are under way to one who does not read", so_far());
    }
}

fn a_client_that_does_not_read_holds_the_handler_back(column: Column) {
    let bench = column.bench();
    bench.call();
    // More than can be under way, however much that is; where it is little, all of it is read in the end.
    let is_endless = !column.can().calls_at_once;
    let count = if is_endless { 1_000_000_000 } else { COUNT };
    let request = Request::new(Bytes::from(format!("{count} {SIZE}")));
    let mut stream = bench.client.watch(WATCH, request).expect("a call");
    others_go_on(&bench, || bench.probe.seen().sent);
    for index in 0..COUNT {
        assert_eq!(stream.message().expect("a message"), Some(pattern(index, SIZE)), "message {index}");
    }
    if is_endless {
        drop(stream);
        bench.probe.until_handlers_ended();
    } else {
        assert_eq!(stream.message(), Ok(None));
    }
    bench.call_on_the_same_connection();
}

fn a_handler_that_does_not_read_holds_the_client_back(column: Column) {
    let bench = column.bench();
    bench.call();
    let mut upload = bench.client.upload(SUM, Request::new(())).expect("a call");
    upload.send(Bytes::from_static(b"hold")).expect("sent");
    let sent = AtomicUsize::new(0);
    thread::scope(|scope| {
        let sending = scope.spawn(|| {
            for index in 0..COUNT {
                upload.send(pattern(index, SIZE)).expect("sent");
                sent.fetch_add(SIZE, Ordering::SeqCst);
            }
            upload.finish()
        });
        others_go_on(&bench, || sent.load(Ordering::SeqCst));
        bench.probe.open_gate();
        let answer = sending.join().expect("no panic").expect("an answer");
        let sum = (0..COUNT).fold(check(0, b"hold"), |sum, index| check(sum, &pattern(index, SIZE)));
        assert_eq!(answer.into_message(), sum_text(COUNT + 1, COUNT * SIZE + 4, sum));
    });
    bench.call_on_the_same_connection();
}

fn two_sides_that_do_not_read_hold_each_other_back(column: Column) {
    let bench = column.bench();
    bench.call();
    let (mut sender, mut stream) = bench.client.talk(CHAT, Request::new(())).expect("a call");
    let sent = AtomicUsize::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for index in 0..COUNT {
                sender.send(pattern(index, SIZE)).expect("sent");
                sent.fetch_add(SIZE, Ordering::SeqCst);
            }
            drop(sender);
        });
        others_go_on(&bench, || sent.load(Ordering::SeqCst));
        for index in 0..COUNT {
            assert_eq!(stream.message().expect("a message"), Some(pattern(index, SIZE)), "message {index}");
        }
        assert_eq!(stream.message(), Ok(None));
    });
    bench.call_on_the_same_connection();
}

fn streams_that_nobody_reads_hold_no_other_call_up(column: Column) {
    // As many as the windows of a connection leave room for by default.
    const STREAMS: usize = 3;
    let bench = column.bench();
    bench.call();
    let request = || Request::new(Bytes::from_static(b"30 40000"));
    let mut streams: Vec<_> =
        (0..STREAMS).map(|_| bench.client.watch(WATCH, request()).expect("a call")).collect();
    until("all send", || bench.probe.seen().entered == STREAMS);
    for _ in 0..OTHERS {
        bench.call();
    }
    // Whatever order they are read in, each goes on.
    while let Some(mut stream) = streams.pop() {
        for index in 0..30 {
            assert_eq!(stream.message().expect("a message"), Some(pattern(index, 40_000)));
        }
        assert_eq!(stream.message(), Ok(None));
    }
}
