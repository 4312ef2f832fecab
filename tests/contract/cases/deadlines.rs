//! Deadlines: passed before the call, in each phase of it, on either side. No case measures how long anything takes; each
//! waits for the end that the deadline must bring.

use crate::carrier::Setup;
use crate::cases::cases;
use crate::column::Column;
use crate::service::{CHAT, ECHO, HOLD, SUM, WATCH, pattern};
use bytes::Bytes;
use std::time::Duration;
use zrpc::core::base::Time;
use zrpc::{Code, Request, Status};

cases!("deadlines":
    a_deadline_that_has_passed_ends_each_kind_of_call,
    a_deadline_covers_connecting,
    a_deadline_ends_a_unary_call_whose_handler_takes_too_long,
    a_deadline_ends_a_stream_whose_next_message_does_not_come [Requests],
    a_deadline_ends_a_stream_that_nobody_reads,
    a_deadline_ends_a_call_whose_sender_is_blocked [Requests],
    a_deadline_ends_a_call_that_waits_for_its_response [Requests],
    a_handler_is_told_the_deadline_and_that_there_is_none,
    a_server_ends_a_call_whose_client_says_nothing [Requests],
    a_deadline_in_the_far_future_ends_nothing,
);

/// Short enough to wait for, and long enough to get something done before.
const SOON: Duration = Duration::from_millis(60);

#[track_caller]
fn assert_late<T>(outcome: Result<T, Status>) {
    match outcome {
        Ok(_) => panic!("the call succeeded although its deadline has passed"),
        Err(status) => assert_eq!(status.code(), Code::DeadlineExceeded, "{status}"),
    }
}

fn soon<T>(message: T) -> Request<T> {
    Request::new(message).with_timeout(SOON)
}

fn a_deadline_that_has_passed_ends_each_kind_of_call(column: Column) {
    let bench = column.bench();
    bench.call();
    let late = [
        Request::new(Bytes::new()).with_timeout(Duration::ZERO),
        Request::new(Bytes::new()).with_deadline(Time::START),
    ];
    for request in late {
        assert_late(bench.client.unary(ECHO, request.clone()));
        assert_late(bench.client.watch(WATCH, request.clone()).and_then(|mut stream| stream.message()));
        if column.can().client_streaming {
            let head = request.map(drop);
            assert_late(bench.client.upload(SUM, head.clone()).and_then(|upload| upload.finish()));
            assert_late(bench.client.talk(CHAT, head).and_then(|(_sender, mut stream)| stream.message()));
        }
    }
    bench.call_on_the_same_connection();
}

fn a_deadline_covers_connecting(column: Column) {
    let (place, _guard) = column.carrier.link.silent(column.client);
    let client = column.dial(&place, Setup::default());
    assert_late(client.unary(ECHO, soon(Bytes::new())));
}

fn a_deadline_ends_a_unary_call_whose_handler_takes_too_long(column: Column) {
    let bench = column.bench();
    bench.call();
    assert_late(bench.client.unary(HOLD, soon(Bytes::new())));
    bench.call_on_the_same_connection();
    // On threads, nobody can interrupt a handler.
    bench.probe.open_gate();
    bench.probe.until_handlers_ended();
}

fn a_deadline_ends_a_stream_whose_next_message_does_not_come(column: Column) {
    let bench = column.bench();
    bench.call();
    let ended = bench.client.talk(CHAT, soon(())).and_then(|(mut sender, mut stream)| {
        sender.send(pattern(1, 10))?;
        assert_eq!(stream.message()?, Some(pattern(1, 10)));
        // It is on its way when the deadline passes.
        stream.message()
    });
    assert_late(ended);
    bench.probe.until_handlers_ended();
    bench.call_on_the_same_connection();
}

fn a_deadline_ends_a_stream_that_nobody_reads(column: Column) {
    let bench = column.bench();
    bench.call();
    let stream = bench.client.watch(WATCH, soon(Bytes::from_static(b"100000 16384")));
    bench.probe.until_handlers_ended();
    let last = stream.and_then(|mut stream| {
        while stream.message()?.is_some() {}
        Ok(())
    });
    assert_late(last);
    bench.call_on_the_same_connection();
}

fn a_deadline_ends_a_call_whose_sender_is_blocked(column: Column) {
    let bench = column.bench();
    bench.call();
    let ended = bench.client.upload(SUM, soon(())).and_then(|mut upload| {
        upload.send(Bytes::from_static(b"hold"))?;
        loop {
            upload.send(pattern(0, 64 * 1024))?;
        }
        #[allow(unreachable_code, reason = "says what the call would answer")]
        upload.finish()
    });
    assert_late(ended);
    bench.call_on_the_same_connection();
    bench.probe.open_gate();
    bench.probe.until_handlers_ended();
}

fn a_deadline_ends_a_call_that_waits_for_its_response(column: Column) {
    let bench = column.bench();
    bench.call();
    let ended = bench.client.upload(SUM, soon(())).and_then(|mut upload| {
        upload.send(Bytes::from_static(b"hold"))?;
        upload.finish()
    });
    assert_late(ended);
    bench.call_on_the_same_connection();
    bench.probe.open_gate();
    bench.probe.until_handlers_ended();
}

fn a_handler_is_told_the_deadline_and_that_there_is_none(column: Column) {
    let bench = column.bench();
    let seen = |request| {
        let response = bench.client.unary(ECHO, request).expect("an answer");
        response.metadata().get("seen-deadline").map(str::to_owned)
    };
    assert_eq!(seen(Request::new(Bytes::new())), None);
    let timely = Request::new(Bytes::new()).with_timeout(Duration::from_secs(600));
    assert_eq!(seen(timely).as_deref(), Some("set"));
}

fn a_server_ends_a_call_whose_client_says_nothing(column: Column) {
    let bench = column.bench();
    bench.call();
    // A client without a thread of its own does nothing while nobody asks it for anything.
    let _open = bench.client.talk(CHAT, soon(()));
    bench.probe.until_handlers_ended();
}

fn a_deadline_in_the_far_future_ends_nothing(column: Column) {
    let bench = column.bench();
    for timeout in [Duration::from_secs(3600), Duration::from_secs(1 << 40), Duration::MAX] {
        let request = Request::new(pattern(3, 3)).with_timeout(timeout);
        assert_eq!(bench.client.unary(ECHO, request).expect("an answer").into_message(), pattern(3, 3));
    }
}
