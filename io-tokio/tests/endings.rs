//! How calls, connections, channels and servers end: by drop, by deadline, by panic, by drain.

mod support;

use bytes::Bytes;
use std::sync::atomic::Ordering;
use std::time::Duration;
use support::*;
use zrpc_core::rpc::{Code, Origin, RawCodec, Request, Response};
use zrpc_tokio::{Backoff, Channel, Server, clock};

#[tokio::test]
async fn dropping_a_unary_call_drops_its_handler() {
    for over in BOTH {
        let (channel, _, probe) = demo(over).await;
        let call = channel.unary::<RawCodec>(HANG, text(""));
        tokio::select! {
            _ = call => panic!("the handler never answers"),
            () = probe.entered.notified() => {}
        }
        probe.dropped.notified().await;
        assert_eq!(probe.alive.load(Ordering::SeqCst), 0, "{over:?}");
    }
}

#[tokio::test]
async fn dropping_a_stream_cancels_the_call_on_the_wire() {
    for over in BOTH {
        let (channel, handle, probe) = demo(over).await;
        let (sender, stream) = channel.bidirectional::<RawCodec>(CHAT, Request::new(())).await.unwrap();
        probe.entered.notified().await;
        drop(stream);
        probe.dropped.notified().await;
        drop(sender);
        let mut flood = channel.server_streaming::<RawCodec>(FLOOD, text("again")).await.unwrap();
        flood.message().await.unwrap();
        drop(flood);
        probe.dropped.notified().await;
        let call = channel.client_streaming::<RawCodec>(DEAF, Request::new(())).await.unwrap();
        probe.entered.notified().await;
        drop(call);
        probe.dropped.notified().await;
        until(|| handle.running_handlers() == 0).await;
        channel.unary::<RawCodec>(ECHO, text("the connection lives on")).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_the_call_on_both_sides() {
    let (channel, handle, probe) = demo(Over::Memory).await;
    let start = clock::now();
    let request = text("").with_timeout(Duration::from_secs(3));
    let status = channel.unary::<RawCodec>(HANG, request).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(clock::now().saturating_since(start).as_secs(), 3);
    probe.dropped.notified().await;
    until(|| handle.running_handlers() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_streams_too() {
    let (channel, _, probe) = demo(Over::Memory).await;
    let request = Request::new(()).with_timeout(Duration::from_secs(3));
    let (mut sender, mut stream) = channel.bidirectional::<RawCodec>(CHAT, request).await.unwrap();
    sender.send("in time".into()).await.unwrap();
    assert_eq!(stream.message().await.unwrap().unwrap(), "in time");
    assert_eq!(stream.message().await.unwrap_err().code(), Code::DeadlineExceeded);
    assert_eq!(sender.send("too late".into()).await.unwrap_err().code(), Code::DeadlineExceeded);
    probe.dropped.notified().await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_sees_what_is_left_of_the_deadline_and_can_pass_it_on() {
    let (channel, _, _) = demo(Over::Memory).await;
    let request = text("").with_timeout(Duration::from_millis(1500));
    let left = channel.unary::<RawCodec>(REMAINING, request).await.unwrap().into_message();
    let left: u64 = std::str::from_utf8(&left).unwrap().parse().unwrap();
    assert!((1400..=1501).contains(&left), "{left}");
    let passed_on = text("").with_deadline(clock::now());
    let status = channel.unary::<RawCodec>(REMAINING, passed_on).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    let none = channel.unary::<RawCodec>(REMAINING, text("")).await.unwrap();
    assert_eq!(none.message(), "none");
}

#[tokio::test]
async fn a_panic_ends_its_call_and_nothing_else() {
    for over in BOTH {
        let (channel, handle, _) = demo(over).await;
        for when in ["", "after its first poll"] {
            let status = channel.unary::<RawCodec>(PANIC, text(when)).await.unwrap_err();
            assert_eq!(
                (status.code(), status.message()),
                (Code::Internal, "the handler panicked"),
                "{over:?}"
            );
        }
        channel.unary::<RawCodec>(ECHO, text("still here")).await.unwrap();
        assert_eq!(handle.connections(), 1);
    }
}

#[tokio::test]
async fn an_unreachable_server_is_unavailable_with_endpoint_and_cause() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("http://{free}");
    let channel = Channel::lazy(&endpoint).unwrap();
    for attempt in ["first", "while it backs off"] {
        let status = channel.unary::<RawCodec>(ECHO, text("")).await.unwrap_err();
        assert_eq!((status.code(), status.origin()), (Code::Unavailable, Origin::Transport), "{attempt}");
        assert!(status.message().contains(&endpoint) && status.message().contains("refused"), "{status}");
    }
    assert_eq!(Channel::connect(&endpoint).await.unwrap_err().code(), Code::Unavailable);
}

/// Accepts and says nothing.
struct Silent;

impl zrpc_tokio::Connector for Silent {
    fn connect(&self) -> zrpc_tokio::Connecting<'_> {
        Box::pin(async {
            let (here, there) = tokio::io::duplex(1024);
            tokio::spawn(async move {
                std::future::pending::<()>().await;
                drop(there);
            });
            Ok(zrpc_tokio::Transport::new(here))
        })
    }

    fn endpoint(&self) -> &str {
        "silence"
    }
}

#[tokio::test(start_paused = true)]
async fn connecting_counts_against_the_deadline_and_has_a_limit_of_its_own() {
    let channel = Channel::builder_over(Silent).connect_timeout(Duration::from_secs(7)).lazy();
    let start = clock::now();
    let request = text("").with_timeout(Duration::from_secs(5));
    let status = channel.unary::<RawCodec>(ECHO, request).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(status.message().contains("silence"), "{status}");
    assert_eq!(clock::now().saturating_since(start).as_secs(), 5);
    let status = channel.unary::<RawCodec>(ECHO, text("")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("no settings for 7s"), "{status}");
    assert_eq!(clock::now().saturating_since(start).as_secs(), 7);
}

#[tokio::test]
async fn a_channel_connects_again_after_its_connection_is_lost() {
    let server = Server::builder().service(Demo::default()).bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    let endpoint = format!("http://{address}");
    let running = tokio::spawn(server.run());
    let backoff = Backoff { initial: Duration::ZERO, ..Backoff::default() };
    let channel = Channel::builder(&endpoint).unwrap().backoff(backoff).connect().await.unwrap();
    channel.unary::<RawCodec>(ECHO, text("one")).await.unwrap();
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    let status = channel.unary::<RawCodec>(ECHO, text("nobody is there")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let server = Server::builder().service(Demo::default()).bind(address).await.unwrap();
    tokio::spawn(server.run());
    let response = channel.unary::<RawCodec>(ECHO, text("two")).await.unwrap();
    assert_eq!(response.message(), "two");
}

#[tokio::test(start_paused = true)]
async fn a_drain_lets_open_calls_end_and_takes_no_new_ones() {
    let (channel, handle, _) = demo(Over::Memory).await;
    let open = tokio::spawn({
        let channel = channel.clone();
        async move { channel.unary::<RawCodec>(SOON, text("open")).await.map(Response::into_message) }
    });
    until(|| handle.running_handlers() == 1).await;
    handle.drain(Duration::from_secs(10)).await;
    assert_eq!(open.await.unwrap().unwrap(), "open");
    assert_eq!((handle.connections(), handle.running_handlers()), (0, 0));
    let status = channel.unary::<RawCodec>(ECHO, text("late")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_what_outlasts_its_grace() {
    let (channel, handle, probe) = demo(Over::Memory).await;
    let open = tokio::spawn({
        let channel = channel.clone();
        async move { channel.unary::<RawCodec>(HANG, text("")).await }
    });
    probe.entered.notified().await;
    handle.drain(Duration::from_secs(10)).await;
    assert_eq!(open.await.unwrap().unwrap_err().code(), Code::Unavailable);
    until(|| probe.alive.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_runs_on_after_channel_and_server_are_gone() {
    for over in BOTH {
        let (channel, handle, probe) = demo(over).await;
        channel.unary::<RawCodec>(ECHO, text("")).await.unwrap();
        let (_, stream) = channel.bidirectional::<RawCodec>(CHAT, Request::new(())).await.unwrap();
        probe.entered.notified().await;
        drop((channel, stream));
        handle.drain(Duration::from_secs(1)).await;
        until_no_task_is_left().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_in_memory_ends_with_its_channel() {
    let channel = Server::builder().service(Demo::default()).in_memory();
    let clone = channel.clone();
    drop(channel);
    clone.unary::<RawCodec>(ECHO, text("")).await.unwrap();
    drop(clone);
    until_no_task_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_dropped_drops_its_connections_and_handlers() {
    let demo = Demo::default();
    let probe = demo.probe.clone();
    let (listener, connector) = zrpc_tokio::memory();
    let running = tokio::spawn(Server::builder().service(demo).listen(listener).run());
    let channel = Channel::over(connector);
    let call = tokio::spawn({
        let channel = channel.clone();
        async move { channel.unary::<RawCodec>(HANG, text("")).await }
    });
    probe.entered.notified().await;
    running.abort();
    assert_eq!(call.await.unwrap().unwrap_err().code(), Code::Unavailable);
    drop(channel);
    until_no_task_is_left().await;
    assert_eq!(probe.alive.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_channel_that_is_dropped_lets_its_streams_go_on() {
    for over in BOTH {
        let (channel, handle, _) = demo(over).await;
        let (mut sender, mut stream) =
            channel.bidirectional::<RawCodec>(CHAT, Request::new(())).await.unwrap();
        drop(channel);
        sender.send("alone".into()).await.unwrap();
        assert_eq!(stream.message().await.unwrap().unwrap(), "alone", "{over:?}");
        sender.finish();
        assert_eq!(stream.message().await.unwrap(), None);
        drop(stream);
        until(|| handle.connections() == 0).await;
    }
}

#[tokio::test]
async fn a_client_that_is_gone_takes_its_handlers_with_it() {
    let demo = Demo::default();
    let probe = demo.probe.clone();
    let server = Server::builder().service(demo).bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", server.local_addr().unwrap());
    let handle = server.handle();
    tokio::spawn(server.run());
    let client = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let channel = client.spawn(async move { Channel::connect(&endpoint).await.unwrap() }).await.unwrap();
    let call = tokio::spawn({
        let channel = channel.clone();
        async move { channel.unary::<RawCodec>(HANG, text("")).await }
    });
    probe.entered.notified().await;
    client.shutdown_background();
    assert_eq!(call.await.unwrap().unwrap_err().code(), Code::Unavailable);
    probe.dropped.notified().await;
    until(|| handle.connections() == 0 && handle.running_handlers() == 0).await;
}

/// Lets other tasks run for a while.
async fn patience(turns: u32) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn calls_given_up_at_any_moment_leave_nothing_behind() {
    for over in BOTH {
        let (channel, handle, probe) = demo(over).await;
        let mut calls = tokio::task::JoinSet::new();
        for n in 0..1500u32 {
            let channel = channel.clone();
            calls.spawn(async move {
                let call = async {
                    match n % 4 {
                        0 => drop(channel.unary::<RawCodec>(HANG, text("")).await),
                        1 => drop(channel.unary::<RawCodec>(ECHO, text("x")).await),
                        2 => {
                            let mut flood =
                                channel.server_streaming::<RawCodec>(FLOOD, text("y")).await.unwrap();
                            while flood.message().await.is_ok() {}
                        }
                        _ => {
                            let request = Request::new(());
                            let (mut sender, _stream) =
                                channel.bidirectional::<RawCodec>(CHAT, request).await.unwrap();
                            while sender.send(vec![0; 5000].into()).await.is_ok() {}
                        }
                    }
                };
                tokio::select! {
                    () = call => {}
                    () = patience(n % 23) => {}
                }
            });
        }
        while let Some(call) = calls.join_next().await {
            call.unwrap();
        }
        until(|| handle.running_handlers() == 0 && probe.alive.load(Ordering::SeqCst) == 0).await;
        let response = channel.unary::<RawCodec>(ECHO, text("the same connection")).await.unwrap();
        assert_eq!(response.message(), "the same connection");
        assert_eq!(handle.connections(), 1, "{over:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_holds_its_sender_back_within_bounds() {
    const MESSAGE: usize = 16 * 1024;
    let (channel, _, probe) = demo(Over::Memory).await;
    let request = Request::new(Bytes::from(vec![7; MESSAGE]));
    let mut stream = channel.server_streaming::<RawCodec>(FLOOD, request).await.unwrap();
    probe.entered.notified().await;
    until_nothing_moves().await;
    let unread = probe.sent.load(Ordering::SeqCst);
    until_nothing_moves().await;
    assert_eq!(probe.sent.load(Ordering::SeqCst), unread, "the sender waits");
    assert!(unread * MESSAGE <= 2 << 20, "{unread} messages are on their way to a reader that reads none");
    for _ in 0..unread + 10 {
        assert_eq!(stream.message().await.unwrap().unwrap().len(), MESSAGE);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deaf_handler_holds_its_client_back_within_bounds() {
    const MESSAGE: usize = 16 * 1024;
    let (channel, _, _) = demo(Over::Memory).await;
    let mut call = channel.client_streaming::<RawCodec>(DEAF, Request::new(())).await.unwrap();
    let mut sent = 0usize;
    let flood = async {
        loop {
            call.send(vec![1; MESSAGE].into()).await.unwrap();
            sent += 1;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), flood).await.is_err(), "the client waits");
    assert!(sent * MESSAGE <= 2 << 20, "{sent} messages are on their way to a handler that reads none");
}

#[tokio::test]
async fn calls_above_the_servers_limit_are_refused() {
    let demo = Demo::default();
    let probe = demo.probe.clone();
    let (channel, _) = start(Over::Memory, Server::builder().service(demo).max_calls(1)).await;
    let hanging = tokio::spawn({
        let channel = channel.clone();
        async move { channel.unary::<RawCodec>(HANG, text("")).await }
    });
    probe.entered.notified().await;
    let status = channel.unary::<RawCodec>(HANG, text("")).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    hanging.abort();
    probe.dropped.notified().await;
}
