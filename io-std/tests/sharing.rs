//! Threads: several over one channel, slow ones beside quick ones, full ones in both directions, and none left over.

mod support;

use bytes::Bytes;
use std::fs;
use std::thread;
use std::time::Duration;
use support::{KitClient, Seen, bytes, kit, over_tcp, quick};
use zrpc_core::rpc::{Code, Request};
use zrpc_core::stack::ServerConfig;
use zrpc_std::{Channel, Server, memory};

#[test]
fn many_threads_share_one_connection() {
    let (server, channel) = quick();
    thread::scope(|scope| {
        for number in 0..16 {
            let channel = &channel;
            scope.spawn(move || {
                for turn in 0..50 {
                    let text = Bytes::from(format!("{number}/{turn}"));
                    assert_eq!(channel.say(text.clone()).unwrap().message(), &text);
                    if turn % 10 == 0 {
                        let count = channel.watch(bytes("20 100")).unwrap().map(Result::unwrap).count();
                        assert_eq!(count, 20);
                    }
                }
            });
        }
    });
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_slow_handler_does_not_stall_other_calls_on_its_connection() {
    let (kit, gate, reports) = kit();
    let (server, channel) = over_tcp(Server::builder().service(kit));
    thread::scope(|scope| {
        let slow: Vec<_> = (0..3).map(|_| scope.spawn(|| channel.say(bytes("wait")))).collect();
        for _ in 0..3 {
            assert_eq!(reports.recv().unwrap(), Seen::Began("say"));
        }
        for _ in 0..20 {
            assert_eq!(channel.say(bytes("quick")).unwrap().message(), "quick");
        }
        assert_eq!(channel.watch(bytes("3 3")).unwrap().count(), 3);
        gate.open();
        for slow in slow {
            assert_eq!(slow.join().unwrap().unwrap().message(), "wait");
        }
    });
    assert_eq!(server.connections(), 1);
    // A handler gives its place back just after its answer.
    let settles = (0..100_000).any(|_| {
        thread::yield_now();
        server.running_handlers() == 0
    });
    assert!(settles, "{} handlers still hold places", server.running_handlers());
}

#[test]
fn a_reader_that_is_slow_holds_the_handler_back_and_nobody_else() {
    let (kit, _, reports) = kit();
    let (_server, channel) = over_tcp(Server::builder().service(kit));
    let mut slow = channel.watch(bytes("forever")).unwrap();
    assert!(slow.message().unwrap().is_some());
    for _ in 0..50 {
        assert_eq!(channel.say(bytes("quick")).unwrap().message(), "quick");
    }
    for _ in 0..200 {
        assert!(slow.message().unwrap().is_some());
    }
    drop(slow);
    let ended = reports.iter().find(|seen| matches!(seen, Seen::Ended("watch", _))).unwrap();
    assert!(matches!(ended, Seen::Ended(_, status) if status.code() == Code::Cancelled));
}

#[test]
fn two_sides_that_both_send_more_than_fits_do_not_wait_for_each_other() {
    const COUNT: usize = 300;
    let message = Bytes::from(vec![7; 64 * 1024]);
    let in_memory = Server::builder().service(kit().0).in_memory().unwrap();
    echo_from_two_threads(&in_memory, &message, COUNT);
    let (_server, over_tcp) = quick();
    echo_from_two_threads(&over_tcp, &message, COUNT);
}

fn echo_from_two_threads(channel: &Channel, message: &Bytes, count: usize) {
    let (mut sender, replies) = channel.chat(Request::new(())).unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            for _ in 0..count {
                sender.send(message.clone()).unwrap();
            }
        });
        assert_eq!(replies.map(Result::unwrap).filter(|reply| reply == message).count(), count);
    });
}

#[test]
fn a_caller_that_joins_one_in_a_deaf_wait_writes_more_than_fits_and_keeps_its_deadline() {
    let (tcp_kit, tcp_gate, tcp_reports) = kit();
    let (_server, over_tcp) = over_tcp(Server::builder().service(tcp_kit));
    let (kit, gate, reports) = kit();
    let in_memory = Server::builder().service(kit).in_memory().unwrap();
    for (channel, gate, reports) in [(over_tcp, tcp_gate, tcp_reports), (in_memory, gate, reports)] {
        thread::scope(|scope| {
            // Alone on its connection, this caller waits where nobody can wake it.
            let first = scope.spawn(|| channel.say(bytes("wait")));
            assert_eq!(reports.recv().unwrap(), Seen::Began("say"));
            let large = Bytes::from(vec![7; 3_000_000]);
            assert_eq!(channel.say(large.clone()).unwrap().message(), &large);
            let short = Request::new(bytes("wait")).with_timeout(Duration::from_millis(30));
            assert_eq!(channel.say(short).unwrap_err().code(), Code::DeadlineExceeded);
            gate.open();
            assert_eq!(first.join().unwrap().unwrap().message(), "wait");
        });
    }
}

#[test]
fn calls_beyond_the_threads_and_the_queue_are_refused_as_exhausted() {
    let (kit, gate, reports) = kit();
    let (server, channel) = over_tcp(Server::builder().service(kit).max_calls(1).max_queued(1));
    let running = channel.chat(Request::new(())).unwrap();
    assert_eq!(reports.recv().unwrap(), Seen::Began("chat"));
    let mut queued = channel.sum(Request::new(())).unwrap();
    queued.send(bytes("x")).unwrap();
    let (_sender, mut refused) = channel.chat(Request::new(())).unwrap();
    let status = refused.message().unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    assert!(status.message().contains("try again"), "{status}");
    drop(running);
    assert_eq!(queued.finish().unwrap().message(), "1 messages, 1 bytes");
    gate.open();
    assert_eq!(server.connections(), 1);
}

#[test]
fn clients_beyond_the_connections_wait_for_their_turn() {
    let (server, first) = over_tcp(Server::builder().service(kit().0).max_connections(1));
    first.say(bytes("one")).unwrap();
    let second = Channel::lazy(first.endpoint()).unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| second.say(bytes("two")).unwrap());
        first.say(bytes("three")).unwrap();
        drop(first);
        assert_eq!(waiting.join().unwrap().message(), "two");
    });
    drop(server);
}

/// Threads of the process that are not a server's. A thread has the name of its parent until it has begun.
#[cfg(target_os = "linux")]
fn threads_of_no_server() -> usize {
    fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .filter(|name| !["zrpc-accept", "zrpc-monitor", "zrpc-server"].contains(&name.trim()))
        .count()
}

/// Runs `body` alone in a process of its own, so that it may count threads.
fn alone(test: &str, body: impl FnOnce()) {
    if std::env::var_os("ZRPC_ALONE").is_some() {
        return body();
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--test-threads", "1"])
        .env("ZRPC_ALONE", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

fn count_threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

#[test]
#[cfg(target_os = "linux")]
fn a_dropped_server_leaves_no_thread_behind() {
    alone("a_dropped_server_leaves_no_thread_behind", || {
        let before = count_threads();
        let (server, channel) = over_tcp(Server::builder().service(kit().0));
        channel.say(bytes("x")).unwrap();
        let mut open = channel.watch(bytes("forever")).unwrap();
        assert!(open.message().unwrap().is_some());
        assert!(count_threads() > before);
        drop(server);
        assert_eq!(count_threads(), before);
        drop(Server::builder().service(kit().0).in_memory().map(|channel| channel.say(bytes("x"))).unwrap());
        assert_eq!(count_threads(), before);
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_client_has_no_thread_of_its_own() {
    alone("a_client_has_no_thread_of_its_own", || {
        let before = count_threads();
        let endpoint = memory::MemoryEndpoint::new();
        let server = Server::builder().service(kit().0).listen(endpoint.clone());
        assert_eq!(count_threads(), before);
        let server = server.spawn().unwrap();
        let channel = Channel::over(endpoint);
        channel.say(bytes("x")).unwrap();
        let stream = channel.watch(bytes("forever")).unwrap();
        let settles = (0..100_000).any(|_| {
            thread::yield_now();
            threads_of_no_server() == before
        });
        assert!(settles, "{} threads instead of {before}", threads_of_no_server());
        drop((stream, channel, server));
    });
}

#[test]
fn a_call_that_finds_its_connection_full_opens_another_up_to_the_limit() {
    let mut config = ServerConfig::default();
    config.http2.max_concurrent_streams = 2;
    let server =
        Server::builder().service(kit().0).config(config).bind("127.0.0.1:0").unwrap().spawn().unwrap();
    let address = format!("http://{}", server.local_addr().unwrap());
    let channel = Channel::builder(&address).unwrap().max_connections(2).lazy();

    let mut open = Vec::new();
    for connections in [1, 1, 2, 2] {
        let (mut sender, mut stream) = channel.chat(Request::new(())).unwrap();
        sender.send(bytes("hello")).unwrap();
        assert_eq!(stream.message().unwrap().unwrap(), "hello");
        assert_eq!(server.connections(), connections);
        open.push((sender, stream));
    }
    thread::scope(|scope| {
        let late = scope.spawn(|| channel.say(bytes("late")));
        drop(open.remove(0));
        assert_eq!(late.join().unwrap().unwrap().message(), "late");
    });
    assert_eq!(server.connections(), 2);
}
