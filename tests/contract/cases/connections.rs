//! Many connections, and what is left of them.

use crate::cases::cases;
use crate::column::{Column, until};
use crate::service::{ECHO, WATCH, pattern};
use bytes::Bytes;
use std::thread;
use zrpc::{Code, Request};

cases!("connections":
    many_connections_serve_calls_at_once_and_none_is_left,
    a_channel_that_is_dropped_lets_its_open_call_end,
    a_channel_to_nobody_says_where_it_wanted_to_go,
);

fn many_connections_serve_calls_at_once_and_none_is_left(column: Column) {
    const CONNECTIONS: usize = 60;
    let bench = column.bench();
    let clients: Vec<_> = (0..CONNECTIONS).map(|_| bench.dial()).collect();
    for (number, client) in clients.iter().enumerate() {
        let response = client.unary(ECHO, Request::new(pattern(number, 100))).expect("an answer");
        assert_eq!(response.into_message(), pattern(number, 100));
    }
    assert_eq!(bench.host.connections(), CONNECTIONS);
    thread::scope(|scope| {
        for part in clients.chunks(CONNECTIONS / 4) {
            scope.spawn(move || {
                for (number, client) in part.iter().enumerate() {
                    let response =
                        client.unary(ECHO, Request::new(pattern(number, 3000))).expect("an answer");
                    assert_eq!(response.into_message(), pattern(number, 3000));
                }
            });
        }
    });
    drop(clients);
    until("no connection is left", || bench.host.connections() == 0);
}

fn a_channel_that_is_dropped_lets_its_open_call_end(column: Column) {
    let bench = column.bench();
    let client = bench.dial();
    let mut stream = client.watch(WATCH, Request::new(Bytes::from_static(b"50 20000"))).expect("a call");
    drop(client);
    for index in 0..50 {
        assert_eq!(stream.message(), Ok(Some(pattern(index, 20_000))));
    }
    assert_eq!(stream.message(), Ok(None));
    drop(stream);
    until("no connection is left", || bench.host.connections() == 0);
}

fn a_channel_to_nobody_says_where_it_wanted_to_go(column: Column) {
    let mut bench = column.bench();
    bench.kill();
    until("nobody listens", || {
        let status = bench.dial().unary(ECHO, Request::new(Bytes::new())).err();
        status.is_some_and(|status| {
            assert_eq!(status.code(), Code::Unavailable, "{status}");
            status.safe_to_retry()
        })
    });
    let status = bench.dial().unary(ECHO, Request::new(Bytes::new())).expect_err("nobody listens");
    let place = bench.place.name();
    assert!(status.message().contains(&place), "{status} does not say {place}");
}
