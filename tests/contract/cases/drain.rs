//! A server that is drained: open calls end as they would have, new ones are refused as safe to retry, and a channel
//! finds the server that comes after.

use crate::cases::cases;
use crate::column::{Column, until};
use crate::service::{CHAT, ECHO, HOLD, WATCH, pattern};
use bytes::Bytes;
use std::thread;
use std::time::Duration;
use zrpc::{Code, Request};

cases!("drain":
    open_calls_end_and_new_ones_are_refused_as_safe_to_retry [Requests],
    a_unary_call_under_way_ends_well,
    a_stream_under_way_ends_well,
    an_idle_server_is_drained_at_once,
    calls_that_outlast_the_grace_end_as_unavailable,
    a_server_that_is_killed_ends_open_calls_as_unavailable,
);

/// Long enough never to pass in a run that works.
const FOREVER: Duration = Duration::from_secs(600);

fn open_calls_end_and_new_ones_are_refused_as_safe_to_retry(column: Column) {
    let bench = column.bench();
    let (mut sender, mut stream) = bench.client.talk(CHAT, Request::new(())).expect("a call");
    sender.send(pattern(1, 100)).expect("sent");
    assert_eq!(stream.message(), Ok(Some(pattern(1, 100))));
    thread::scope(|scope| {
        let draining = scope.spawn(|| bench.host.drain(FOREVER));
        // New calls succeed until the drain has begun, and are refused from then on. A socket may be closed right
        // after the system has taken a connection for it: that one is lost, and the next is refused.
        let mut lost = 0;
        let refused = loop {
            match bench.client.unary(ECHO, Request::new(Bytes::new())) {
                Ok(_) => thread::yield_now(),
                Err(status) if status.safe_to_retry() || lost == 1 => break status,
                Err(_) => lost += 1,
            }
        };
        assert_eq!(refused.code(), Code::Unavailable, "{refused}");
        assert!(refused.safe_to_retry(), "{refused}");
        assert!(!draining.is_finished(), "a call is open");
        // The open call goes on, in both directions.
        for index in 0..5 {
            sender.send(pattern(index, 10_000)).expect("sent");
            assert_eq!(stream.message(), Ok(Some(pattern(index, 10_000))));
        }
        drop(sender);
        assert_eq!(stream.message(), Ok(None));
    });
    assert_eq!((bench.host.connections(), bench.host.running_handlers()), (0, 0));
    bench.probe.until_handlers_ended();
}

fn a_unary_call_under_way_ends_well(column: Column) {
    let bench = column.bench();
    thread::scope(|scope| {
        let client = bench.client.again();
        let calling = scope.spawn(move || client.unary(HOLD, Request::new(pattern(5, 5000))));
        bench.probe.until("the handler began", |seen| seen.entered == 1);
        let draining = scope.spawn(|| bench.host.drain(FOREVER));
        let dialled = bench.dial();
        until("the drain has begun", || dialled.unary(ECHO, soon()).is_err());
        bench.probe.open_gate();
        assert_eq!(calling.join().expect("no panic").expect("an answer").into_message(), pattern(5, 5000));
        draining.join().expect("no panic");
    });
    assert_eq!(bench.host.connections(), 0);
}

/// A request that does not wait long for a server that takes no more connections.
fn soon() -> Request<Bytes> {
    Request::new(Bytes::new()).with_timeout(Duration::from_millis(500))
}

fn a_stream_under_way_ends_well(column: Column) {
    let bench = column.bench();
    let request = Request::new(Bytes::from_static(b"100 50000"));
    let mut stream = bench.client.watch(WATCH, request).expect("a call");
    assert_eq!(stream.message(), Ok(Some(pattern(0, 50_000))));
    thread::scope(|scope| {
        scope.spawn(|| bench.host.drain(FOREVER));
        for index in 1..100 {
            assert_eq!(stream.message(), Ok(Some(pattern(index, 50_000))));
        }
        assert_eq!(stream.message(), Ok(None));
    });
    assert_eq!(bench.host.connections(), 0);
}

fn an_idle_server_is_drained_at_once(column: Column) {
    let bench = column.bench();
    bench.call();
    bench.host.drain(FOREVER);
    assert_eq!((bench.host.connections(), bench.host.running_handlers()), (0, 0));
    if !column.can().calls_at_once {
        // Where nothing but its end says that a connection takes no more calls, the first may cross it.
        let crossed = bench.client.unary(ECHO, Request::new(Bytes::new())).expect_err("nobody is there");
        assert_eq!(crossed.code(), Code::Unavailable, "{crossed}");
    }
    let status = bench.client.unary(ECHO, Request::new(Bytes::new())).expect_err("nobody is there");
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert!(status.safe_to_retry(), "{status}");
}

fn calls_that_outlast_the_grace_end_as_unavailable(column: Column) {
    let bench = column.bench();
    let request = Request::new(Bytes::from_static(b"1000000000 1000"));
    let mut stream = bench.client.watch(WATCH, request).expect("a call");
    assert_eq!(stream.message(), Ok(Some(pattern(0, 1000))));
    bench.host.drain(Duration::from_millis(10));
    let status = loop {
        match stream.message() {
            Ok(message) => assert!(message.is_some(), "the stream ended well"),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert!(!status.safe_to_retry(), "the handler has seen it");
    bench.probe.until_handlers_ended();
}

fn a_server_that_is_killed_ends_open_calls_as_unavailable(column: Column) {
    let mut bench = column.bench();
    let request = Request::new(Bytes::from_static(b"1000000000 1000"));
    let mut stream = bench.client.watch(WATCH, request).expect("a call");
    assert_eq!(stream.message(), Ok(Some(pattern(0, 1000))));
    bench.kill();
    let status = loop {
        match stream.message() {
            Ok(message) => assert!(message.is_some(), "the stream ended well"),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    bench.probe.until_handlers_ended();
}
