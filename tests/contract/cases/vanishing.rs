//! A peer that vanishes after each byte of a short conversation, in either direction: whatever is cut, the client gets
//! one end and does not hang, and the server's handlers end.

use crate::carrier::Setup;
use crate::cases::cases;
use crate::client::Client;
use crate::column::Column;
use crate::service::{CHAT, ECHO, WATCH, pattern};
use crate::tap::{Tap, Way};
use bytes::Bytes;
use std::time::Duration;
use zrpc::{Code, Request, Status};

cases!("vanishing":
    a_unary_call_ends_once_after_each_byte_to_the_server,
    a_unary_call_ends_once_after_each_byte_from_the_server,
    a_stream_of_responses_ends_once_after_each_byte_from_the_server,
    a_conversation_ends_once_after_each_byte_to_the_server [Requests],
    a_conversation_ends_once_after_each_byte_from_the_server [Requests],
);

/// So that a call that hangs fails with what was cut, and not the whole run without.
const HANGS: Duration = Duration::from_secs(20);

fn timed<T>(message: T) -> Request<T> {
    Request::new(message).with_timeout(HANGS)
}

fn unary(client: &dyn Client) -> Result<(), Status> {
    let response = client.unary(ECHO, timed(pattern(1, 40)))?;
    assert_eq!(response.into_message(), pattern(1, 40));
    Ok(())
}

fn responses(client: &dyn Client) -> Result<(), Status> {
    let mut stream = client.watch(WATCH, timed(Bytes::from_static(b"3 20")))?;
    let mut index = 0;
    let ended = loop {
        match stream.message() {
            Ok(Some(message)) => assert_eq!(message, pattern(index, 20)),
            Ok(None) => break Ok(()),
            Err(status) => break Err(status),
        }
        index += 1;
    };
    assert!(ended.is_err() || index == 3, "{index} messages, and a good end");
    assert_eq!(stream.message(), Ok(None), "an end comes once");
    ended
}

fn conversation(client: &dyn Client) -> Result<(), Status> {
    let (mut sender, mut stream) = client.talk(CHAT, timed(()))?;
    for index in 0..2 {
        // The end of the call says why.
        let _ = sender.send(pattern(index, 20));
        match stream.message() {
            Ok(Some(message)) => assert_eq!(message, pattern(index, 20)),
            Ok(None) => panic!("a good end after {index} messages of two"),
            Err(status) => {
                assert_eq!(stream.message(), Ok(None), "an end comes once");
                return Err(status);
            }
        }
    }
    drop(sender);
    let ended = stream.message();
    assert_eq!(stream.message(), Ok(None), "an end comes once");
    ended.map(|more| assert_eq!(more, None))
}

fn sweep(column: Column, way: fn(&Tap) -> &Way, talk: fn(&dyn Client) -> Result<(), Status>) {
    let bench = column.bench_with(Setup { tapped: true, ..Setup::default() });
    let before = way(&bench.tap).passed();
    let client = bench.dial();
    talk(&*client).expect("nothing is cut");
    drop(client);
    let whole = way(&bench.tap).passed() - before;
    for bytes in 0..=whole {
        way(&bench.tap).cut_after(bytes);
        if let Err(status) = talk(&*bench.dial()) {
            assert_eq!(status.code(), Code::Unavailable, "cut after {bytes} of {whole} bytes: {status}");
        }
    }
    bench.probe.until_handlers_ended();
    way(&bench.tap).cut_after(u64::MAX);
    talk(&*bench.dial()).expect("nothing is cut any more");
}

fn a_unary_call_ends_once_after_each_byte_to_the_server(column: Column) {
    sweep(column, |tap| &tap.up, unary);
}

fn a_unary_call_ends_once_after_each_byte_from_the_server(column: Column) {
    sweep(column, |tap| &tap.down, unary);
}

fn a_stream_of_responses_ends_once_after_each_byte_from_the_server(column: Column) {
    sweep(column, |tap| &tap.down, responses);
}

fn a_conversation_ends_once_after_each_byte_to_the_server(column: Column) {
    sweep(column, |tap| &tap.up, conversation);
}

fn a_conversation_ends_once_after_each_byte_from_the_server(column: Column) {
    sweep(column, |tap| &tap.down, conversation);
}
