//! Cancellation from either side, at any point of a call. The other side hears of it, and the connection goes on.
//!
//! Each case makes a call first: a client without a thread of its own gets through a handshake only while somebody waits.

use crate::cases::cases;
use crate::column::Column;
use crate::service::{CHAT, HOLD, SUM, WATCH, pattern};
use bytes::Bytes;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use zrpc::{Code, Request};

cases!("cancellation":
    a_unary_call_whose_future_is_dropped_is_given_up [Futures],
    a_call_that_is_dropped_before_it_sent_anything_is_given_up [Requests],
    a_stream_that_is_dropped_after_some_messages_ends_its_handler [Requests],
    a_stream_that_is_dropped_after_its_half_close_ends_its_handler [Requests],
    an_endless_stream_that_is_dropped_ends_its_handler,
    a_stream_that_is_dropped_unread_ends_its_handler,
    dropping_the_stream_frees_a_sender_that_is_blocked [Requests],
    an_upload_that_is_dropped_ends_its_handler [Requests],
    a_handler_that_fails_early_ends_the_call_for_its_sender [Requests],
    a_handler_that_answers_early_is_heard [Requests],
    a_handler_that_ends_a_stream_early_is_heard [Requests],
    a_hundred_cancelled_calls_leave_the_connection_alive,
);

fn word(word: &'static str) -> Bytes {
    Bytes::from_static(word.as_bytes())
}

fn a_unary_call_whose_future_is_dropped_is_given_up(column: Column) {
    let bench = column.bench();
    bench.call();
    let call = bench.client.begin_unary(HOLD, Request::new(word("held")));
    bench.probe.until("the handler began", |seen| seen.entered == 1);
    drop(call);
    bench.call_on_the_same_connection();
    if column.server == crate::link::Driver::Blocking {
        // On threads, nobody can interrupt a handler.
        bench.probe.open_gate();
    }
    bench.probe.until_handlers_ended();
}

fn a_call_that_is_dropped_before_it_sent_anything_is_given_up(column: Column) {
    let bench = column.bench();
    bench.call();
    for _ in 0..5 {
        drop(bench.client.upload(SUM, Request::new(())).expect("a call"));
        drop(bench.client.talk(CHAT, Request::new(())).expect("a call"));
        bench.call_on_the_same_connection();
    }
    bench.probe.until_handlers_ended();
}

fn a_stream_that_is_dropped_after_some_messages_ends_its_handler(column: Column) {
    let bench = column.bench();
    bench.call();
    for count in 0..6 {
        let (mut sender, mut stream) = bench.client.talk(CHAT, Request::new(())).expect("a call");
        for index in 0..count {
            sender.send(pattern(index, 1000)).expect("sent");
            assert_eq!(stream.message(), Ok(Some(pattern(index, 1000))));
        }
        bench.probe.until("the handler began", |seen| seen.entered > count);
        drop(stream);
        bench.probe.until_handlers_ended();
        // The sender is the half that was left behind.
        let refused = (0..1000).find_map(|_| sender.send(pattern(0, 1000)).err());
        assert_eq!(refused.map(|status| status.code()), Some(Code::Cancelled), "after {count} messages");
    }
    bench.call_on_the_same_connection();
}

fn a_stream_that_is_dropped_after_its_half_close_ends_its_handler(column: Column) {
    let bench = column.bench();
    bench.call();
    let (mut sender, stream) = bench.client.talk(CHAT, Request::new(())).expect("a call");
    sender.send(word("hold")).expect("sent");
    drop(sender);
    bench.probe.until("the handler waits", |seen| seen.received > 0);
    drop(stream);
    bench.call_on_the_same_connection();
    if column.server == crate::link::Driver::Blocking {
        bench.probe.open_gate();
    }
    bench.probe.until_handlers_ended();
}

fn an_endless_stream_that_is_dropped_ends_its_handler(column: Column) {
    let bench = column.bench();
    bench.call();
    for count in [1, 2, 40] {
        let mut stream = bench.client.watch(WATCH, Request::new(word("1000000000 4096"))).expect("a call");
        for index in 0..count {
            assert_eq!(stream.message(), Ok(Some(pattern(index, 4096))));
        }
        drop(stream);
        bench.probe.until_handlers_ended();
    }
    bench.call_on_the_same_connection();
}

fn a_stream_that_is_dropped_unread_ends_its_handler(column: Column) {
    let bench = column.bench();
    bench.call();
    let stream = bench.client.watch(WATCH, Request::new(word("1000000000 4096"))).expect("a call");
    bench.probe.until("the handler sends", |seen| seen.sent > 0);
    drop(stream);
    bench.probe.until_handlers_ended();
    bench.call_on_the_same_connection();
}

fn dropping_the_stream_frees_a_sender_that_is_blocked(column: Column) {
    let bench = column.bench();
    bench.call();
    let (mut sender, stream) = bench.client.talk(CHAT, Request::new(())).expect("a call");
    let sent = AtomicUsize::new(0);
    thread::scope(|scope| {
        let sending = scope.spawn(|| {
            loop {
                // Nobody takes the replies, so that this must come to a halt.
                if let Err(status) = sender.send(pattern(0, 64 * 1024)) {
                    return status;
                }
                sent.fetch_add(1, Ordering::SeqCst);
            }
        });
        crate::column::until("something is sent", || sent.load(Ordering::SeqCst) > 0);
        bench.call();
        drop(stream);
        let status = sending.join().expect("no panic");
        assert_eq!(status.code(), Code::Cancelled, "{status}");
    });
    // A client without a thread of its own leaves to the next call what the system had no room for.
    bench.call_on_the_same_connection();
    bench.probe.until_handlers_ended();
}

fn an_upload_that_is_dropped_ends_its_handler(column: Column) {
    let bench = column.bench();
    bench.call();
    for count in 1..4 {
        let mut upload = bench.client.upload(SUM, Request::new(())).expect("a call");
        for index in 0..count {
            upload.send(pattern(index, 5000)).expect("sent");
        }
        bench.probe.until("the handler began", |seen| seen.entered == count);
        drop(upload);
        bench.probe.until_handlers_ended();
    }
    bench.call_on_the_same_connection();
}

fn a_handler_that_fails_early_ends_the_call_for_its_sender(column: Column) {
    let bench = column.bench();
    bench.call();
    let mut upload = bench.client.upload(SUM, Request::new(())).expect("a call");
    upload.send(word("enough")).expect("sent");
    let refused = loop {
        if let Err(status) = upload.send(pattern(0, 1000)) {
            break status;
        }
    };
    assert_eq!(refused.code(), Code::OutOfRange, "{refused}");
    let status = upload.finish().expect_err("it failed");
    assert_eq!((status.code(), status.message()), (Code::OutOfRange, "enough"));

    let (mut sender, mut stream) = bench.client.talk(CHAT, Request::new(())).expect("a call");
    sender.send(word("enough")).expect("sent");
    let status = stream.message().expect_err("it failed");
    assert_eq!((status.code(), status.message()), (Code::OutOfRange, "enough"));
    assert_eq!(stream.message(), Ok(None), "an end comes once");
    bench.probe.until_handlers_ended();
    bench.call_on_the_same_connection();
}

fn a_handler_that_answers_early_is_heard(column: Column) {
    let bench = column.bench();
    bench.call();
    let mut upload = bench.client.upload(SUM, Request::new(())).expect("a call");
    upload.send(word("answer")).expect("sent");
    // What is sent after the answer is nobody's business, and no error of the call.
    while upload.send(pattern(0, 1000)).is_ok() {}
    let answer = upload.finish().expect("an answer");
    assert_eq!(answer.into_message(), crate::service::sum_text(0, 0, 0));
    bench.call_on_the_same_connection();
}

fn a_handler_that_ends_a_stream_early_is_heard(column: Column) {
    let bench = column.bench();
    bench.call();
    let (mut sender, mut stream) = bench.client.talk(CHAT, Request::new(())).expect("a call");
    sender.send(word("one")).expect("sent");
    sender.send(word("end")).expect("sent");
    assert_eq!(stream.message(), Ok(Some(word("one"))));
    assert_eq!(stream.message(), Ok(None));
    let refused = (0..1000).find_map(|_| sender.send(pattern(0, 1000)).err());
    assert_eq!(refused.map(|status| status.code()), Some(Code::Cancelled));
    bench.call_on_the_same_connection();
}

fn a_hundred_cancelled_calls_leave_the_connection_alive(column: Column) {
    let bench = column.bench();
    bench.call();
    for _ in 0..100 {
        drop(bench.client.watch(WATCH, Request::new(word("1000000000 100"))).expect("a call"));
    }
    bench.call_on_the_same_connection();
    bench.probe.until_handlers_ended();
}
