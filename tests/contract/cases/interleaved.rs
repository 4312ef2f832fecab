//! A thousand calls at once on one connection, of every kind and of many sizes, each answer its own.

use crate::carrier::Setup;
use crate::cases::cases;
use crate::client::{Client, Incoming, Outgoing, Upload};
use crate::column::Column;
use crate::service::{CHAT, ECHO, SUM, WATCH, check, pattern, sum_text};
use bytes::Bytes;
use std::thread;
use zrpc::Request;

cases!("interleaved":
    a_thousand_calls_that_are_open_at_once_get_their_own_answers,
    threads_that_share_a_channel_get_their_own_answers,
    more_calls_than_the_server_allows_wait_their_turn,
);

const CALLS: usize = 1000;

/// A call that is open, and how to see that its answer is its own.
enum Open {
    Watch(Box<dyn Incoming>),
    Upload(Box<dyn Upload>),
    Chat(Option<Box<dyn Outgoing>>, Box<dyn Incoming>),
}

fn size(number: usize) -> usize {
    number * 7919 % 600
}

fn open(client: &dyn Client, number: usize, requests: bool) -> Open {
    match number % 3 {
        0 if requests => Open::Upload(client.upload(SUM, Request::new(())).expect("a call")),
        1 if requests => {
            let (sender, stream) = client.talk(CHAT, Request::new(())).expect("a call");
            Open::Chat(Some(sender), stream)
        }
        _ => {
            let request = Request::new(Bytes::from(format!("{} {}", number % 4, size(number))));
            Open::Watch(client.watch(WATCH, request).expect("a call"))
        }
    }
}

impl Open {
    fn send(&mut self, number: usize, round: usize) {
        let message = pattern(number + round, size(number));
        match self {
            Open::Watch(_) | Open::Chat(None, _) => {}
            Open::Upload(upload) => upload.send(message).expect("sent"),
            Open::Chat(Some(sender), _) => sender.send(message).expect("sent"),
        }
    }

    fn half_close(&mut self) {
        if let Open::Chat(sender, _) = self {
            *sender = None;
        }
    }

    fn check(self, number: usize, rounds: usize) {
        let (mut stream, first, count) = match self {
            Open::Watch(stream) => (stream, 0, number % 4),
            Open::Chat(_, stream) => (stream, number, rounds),
            Open::Upload(upload) => {
                let sum =
                    (0..rounds).fold(0, |sum, round| check(sum, &pattern(number + round, size(number))));
                let answer = upload.finish().expect("an answer").into_message();
                assert_eq!(answer, sum_text(rounds, rounds * size(number), sum), "call {number}");
                return;
            }
        };
        for index in 0..count {
            let message = stream.message().expect("a message");
            assert_eq!(message, Some(pattern(first + index, size(number))), "call {number}");
        }
        assert_eq!(stream.message(), Ok(None), "call {number}");
    }
}

fn a_thousand_calls_that_are_open_at_once_get_their_own_answers(column: Column) {
    const ROUNDS: usize = 2;
    let bench = column.bench_with(Setup { calls_max: Some(CALLS as u32 + 1), ..Setup::default() });
    let requests = column.can().client_streaming;
    let mut calls: Vec<Option<Open>> =
        (0..CALLS).map(|number| Some(open(&*bench.client, number, requests))).collect();
    for round in 0..ROUNDS {
        for (number, call) in calls.iter_mut().flatten().enumerate() {
            call.send(number, round);
        }
    }
    calls.iter_mut().flatten().for_each(Open::half_close);
    for turn in 0..CALLS {
        let number = turn * 577 % CALLS;
        calls[number].take().expect("each once").check(number, ROUNDS);
    }
    bench.call_on_the_same_connection();
    bench.probe.until_handlers_ended();
}

fn threads_that_share_a_channel_get_their_own_answers(column: Column) {
    const THREADS: usize = 6;
    const CALLS_EACH: usize = 30;
    let bench = column.bench();
    let requests = column.can().client_streaming;
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let client = bench.client.again();
            scope.spawn(move || {
                for call in 0..CALLS_EACH {
                    let number = thread * CALLS_EACH + call;
                    if number.is_multiple_of(4) {
                        let message = pattern(number, number * 300);
                        let response = client.unary(ECHO, Request::new(message.clone())).expect("an answer");
                        assert_eq!(response.into_message(), message, "call {number}");
                        continue;
                    }
                    let mut open = open(&*client, number, requests);
                    open.send(number, 0);
                    open.half_close();
                    open.check(number, 1);
                }
            });
        }
    });
    bench.call_on_the_same_connection();
}

fn more_calls_than_the_server_allows_wait_their_turn(column: Column) {
    let bench = column.bench_with(Setup { calls_max: Some(3), ..Setup::default() });
    bench.call();
    thread::scope(|scope| {
        for number in 0..12 {
            let client = bench.client.again();
            scope.spawn(move || {
                let message = pattern(number, 2000);
                let response = client.unary(ECHO, Request::new(message.clone())).expect("an answer");
                assert_eq!(response.into_message(), message);
            });
        }
    });
    bench.call_on_the_same_connection();
}
