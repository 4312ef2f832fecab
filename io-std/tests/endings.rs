//! How calls end: dropped, out of time, with a panic, without a server, by a drain.

mod support;

use bytes::Bytes;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use support::{KitClient, Seen, bytes, kit, over_tcp, quick};
use zrpc_core::rpc::{Code, Origin, Request, Status};
use zrpc_std::{Backoff, Channel, Server};

/// Long enough never to pass in a test that works.
const FOREVER: Duration = Duration::from_secs(600);

/// Waits until a handler runs: a call that is cancelled before that never reaches it.
fn began(reports: &mpsc::Receiver<Seen>, handler: &str) {
    reports
        .iter()
        .find(|seen| matches!(seen, Seen::Began(name) if *name == handler))
        .expect("a handler begins");
}

fn ended(reports: &mpsc::Receiver<Seen>, handler: &str) -> Status {
    reports
        .iter()
        .find_map(|seen| match seen {
            Seen::Ended(name, status) if name == handler => Some(status),
            _ => None,
        })
        .expect("the handler reports its end")
}

#[test]
fn dropping_a_stream_cancels_the_call_at_the_server() {
    let (kit, _, reports) = kit();
    let (_server, channel) = over_tcp(Server::builder().service(kit));
    let mut stream = channel.watch(bytes("forever")).unwrap();
    assert!(stream.message().unwrap().is_some());
    drop(stream);
    assert_eq!(ended(&reports, "watch").code(), Code::Cancelled);

    let mut sum = channel.sum(Request::new(())).unwrap();
    sum.send(bytes("x")).unwrap();
    began(&reports, "sum");
    drop(sum);
    assert_eq!(ended(&reports, "sum").code(), Code::Cancelled);

    let (sender, replies) = channel.chat(Request::new(())).unwrap();
    began(&reports, "chat");
    drop(replies);
    assert_eq!(ended(&reports, "chat").code(), Code::Cancelled);
    drop(sender);
    assert_eq!(channel.say(bytes("still here")).unwrap().message(), "still here");
}

#[test]
fn dropping_the_stream_wakes_a_sender_that_waits_on_another_thread() {
    let (_server, channel) = over_tcp(Server::builder().service(kit().0));
    let (mut sender, replies) = channel.chat(Request::new(())).unwrap();
    let (sent, progress) = mpsc::channel();
    let sending = thread::spawn(move || {
        loop {
            if let Err(status) = sender.send(Bytes::from(vec![0; 64 * 1024])) {
                return status;
            }
            let _ = sent.send(());
        }
    });
    // Nobody takes the replies, so the sender must come to a halt; it may or may not be there yet.
    progress.recv().unwrap();
    drop(replies);
    assert_eq!(sending.join().unwrap().code(), Code::Cancelled);
}

#[test]
fn a_deadline_ends_streams_on_both_sides() {
    let (kit, _, reports) = kit();
    let (_server, channel) = over_tcp(Server::builder().service(kit));
    let request = Request::new(bytes("forever")).with_timeout(Duration::from_millis(50));
    let last = channel.watch(request).unwrap().last().unwrap();
    assert_eq!(last.unwrap_err().code(), Code::DeadlineExceeded);
    let status = ended(&reports, "watch");
    assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status}");
}

#[test]
fn a_deadline_ends_a_unary_call_whose_handler_takes_too_long() {
    let (kit, gate, _reports) = kit();
    let (_server, channel) = over_tcp(Server::builder().service(kit));
    let request = Request::new(bytes("wait")).with_timeout(Duration::from_millis(50));
    assert_eq!(channel.say(request).unwrap_err().code(), Code::DeadlineExceeded);
    gate.open();
    assert_eq!(channel.say(bytes("next")).unwrap().message(), "next");
}

#[test]
fn a_handler_that_panics_ends_its_call_as_internal_and_the_connection_lives_on() {
    let (kit, _, _reports) = kit();
    let (server, channel) = over_tcp(Server::builder().service(kit));
    for _ in 0..3 {
        let status = channel.say(bytes("panic")).unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::Internal, "the handler panicked"));
        let status = channel.watch(bytes("panic")).unwrap().last().unwrap().unwrap_err();
        assert_eq!(status.code(), Code::Internal);
    }
    assert_eq!(channel.say(bytes("alive")).unwrap().message(), "alive");
    assert_eq!(server.connections(), 1);
}

#[test]
fn an_unreachable_server_is_unavailable_with_endpoint_and_cause() {
    // A port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("http://{address}");
    let channel = Channel::lazy(&endpoint).unwrap();
    let first = channel.say(Request::new(bytes("x")).with_timeout(FOREVER)).unwrap_err();
    assert_eq!((first.code(), first.origin()), (Code::Unavailable, Origin::Transport));
    assert!(first.message().contains(&endpoint) && first.message().contains("refused"), "{first}");
    assert!(first.safe_to_retry());
    // Within the backoff the server is left alone, and the cause still known.
    let second = channel.watch(bytes("x")).unwrap_err();
    assert_eq!(second.code(), Code::Unavailable);
    assert!(second.message().contains("refused") && second.message().contains("next attempt"), "{second}");
}

#[test]
fn a_channel_connects_anew_after_its_server_came_back() {
    let server = Server::builder().service(kit().0).bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let running = server.spawn().unwrap();
    let backoff = Backoff { initial: Duration::ZERO, ..Backoff::default() };
    let channel = Channel::builder(&format!("http://{address}")).unwrap().backoff(backoff).lazy();
    channel.say(bytes("one")).unwrap();
    drop(running);
    let status = channel.say(bytes("two")).unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    let running = Server::builder().service(kit().0).bind(address).unwrap().spawn().unwrap();
    channel.say(bytes("three")).unwrap();
    drop(running);
}

#[test]
fn a_server_that_speaks_something_else_counts_as_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let other = thread::spawn(move || drop(listener.accept().unwrap()));
    let channel = Channel::lazy(&endpoint).unwrap();
    let status = channel.say(bytes("x")).unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert!(status.message().contains(&endpoint), "{status}");
    other.join().unwrap();
}

#[test]
fn a_deadline_covers_connecting() {
    // Nobody accepts, and no byte ever comes.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let channel = Channel::lazy(&format!("http://{}", silent.local_addr().unwrap())).unwrap();
    let request = Request::new(bytes("x")).with_timeout(Duration::from_millis(50));
    assert_eq!(channel.say(request).unwrap_err().code(), Code::DeadlineExceeded);
}

#[test]
fn a_drain_lets_open_calls_end_and_takes_no_new_ones() {
    let (kit, gate, reports) = kit();
    let (server, channel) = over_tcp(Server::builder().service(kit));
    let open = {
        let channel = channel.clone();
        thread::spawn(move || channel.say(bytes("wait")))
    };
    assert_eq!(reports.recv().unwrap(), Seen::Began("say"));
    let draining = {
        let handle = (*server).clone();
        thread::spawn(move || handle.drain(FOREVER))
    };
    // The listener closes first; from then on nobody new gets through.
    let address = server.local_addr().unwrap();
    while TcpStream::connect(address).is_ok() {}
    gate.open();
    assert_eq!(open.join().unwrap().unwrap().message(), "wait");
    draining.join().unwrap();
    assert_eq!(channel.say(bytes("late")).unwrap_err().code(), Code::Unavailable);
}

#[test]
fn a_drain_out_of_grace_ends_open_calls_as_unavailable() {
    let (kit, _gate, reports) = kit();
    let (server, channel) = over_tcp(Server::builder().service(kit));
    let mut stream = channel.chat(Request::new(())).unwrap();
    assert_eq!(reports.recv().unwrap(), Seen::Began("chat"));
    server.drain(Duration::from_millis(10));
    let status = stream.1.message().unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
}

#[test]
fn an_ended_call_is_over_for_its_sender_too() {
    let (_server, channel) = quick();
    let mut sum = channel.sum(Request::new(())).unwrap();
    sum.send(bytes("enough")).unwrap();
    let refused = loop {
        if let Err(status) = sum.send(bytes("more")) {
            break status;
        }
    };
    assert_eq!(refused.code(), Code::OutOfRange);
    assert_eq!(sum.finish().unwrap_err().code(), Code::OutOfRange);
}

#[test]
fn a_server_that_never_ran_has_nothing_to_drain() {
    let server = Server::builder().service(kit().0).bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    drop(server);
    handle.drain(FOREVER);
    assert_eq!(handle.connections(), 0);
}

#[test]
fn a_server_that_was_drained_before_it_ran_ends_at_once() {
    let server = Server::builder().service(kit().0).bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    thread::scope(|scope| {
        let draining = scope.spawn(|| handle.drain(FOREVER));
        // Whichever comes first, both end.
        server.run().unwrap();
        draining.join().unwrap();
    });
}
