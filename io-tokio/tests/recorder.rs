//! Connections of a real server under load are recorded, and replay to the bytes that crossed the socket.

mod support;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use zrpc_core::recorder::{Redaction, Replay, ReplayError};
use zrpc_core::rpc::{RawCodec, Request};
use zrpc_tokio::{Channel, Recorder, Server};

/// What crossed a socket: from the client, and from the server.
type Crossed = Arc<Mutex<Vec<(Vec<u8>, Vec<u8>)>>>;

/// Stands between clients and the server, and keeps what it passes on.
async fn listen_in(server: SocketAddr) -> (SocketAddr, Crossed) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, crossed) = (listener.local_addr().unwrap(), Crossed::default());
    let all = Arc::clone(&crossed);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let index = {
                let mut all = all.lock().unwrap();
                all.push(Default::default());
                all.len() - 1
            };
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = TcpStream::connect(server).await.unwrap().into_split();
            let (up, down) = (Arc::clone(&all), Arc::clone(&all));
            tokio::spawn(pass_on(from_client, to_server, move |bytes| {
                up.lock().unwrap()[index].0.extend_from_slice(bytes);
            }));
            tokio::spawn(pass_on(from_server, to_client, move |bytes| {
                down.lock().unwrap()[index].1.extend_from_slice(bytes);
            }));
        }
    });
    (address, crossed)
}

async fn pass_on(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    keep: impl Fn(&[u8]),
) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count) = from.read(&mut buffer).await {
        keep(&buffer[..count]);
        if count == 0 || to.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
}

/// So many calls: most of them answered, some given up before their answer, some streams dropped half read, some that fail.
async fn load(channel: &Channel, calls: usize) {
    let mut running = tokio::task::JoinSet::new();
    for number in 0..calls {
        let channel = channel.clone();
        running.spawn(async move {
            match number % 20 {
                0 => {
                    // Given up while its handler hangs: a reset.
                    let call = channel.unary::<RawCodec>(HANG, text("x"));
                    let gone = tokio::time::timeout(std::time::Duration::ZERO, call).await;
                    assert!(gone.is_err());
                }
                1 => {
                    let mut stream = channel.server_streaming::<RawCodec>(COUNT, text("9")).await.unwrap();
                    assert!(stream.message().await.unwrap().is_some());
                }
                2 => assert!(channel.unary::<RawCodec>(FAIL, text("x")).await.is_err()),
                3 => {
                    let (mut sender, mut stream) =
                        channel.bidirectional::<RawCodec>(CHAT, Request::new(())).await.unwrap();
                    sender.send(vec![7; 3000].into()).await.unwrap();
                    assert_eq!(stream.message().await.unwrap().unwrap().len(), 3000);
                    sender.finish();
                }
                _ => {
                    let word = format!("word {number}");
                    let answer = channel.unary::<RawCodec>(ECHO, text(&word)).await.unwrap();
                    assert_eq!(answer.message(), &word);
                }
            }
        });
        if running.len() >= 64 {
            running.join_next().await.unwrap().unwrap();
        }
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}

/// A folder of one test's own, which is gone when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        Folder(std::env::temp_dir().join(format!("zrpc-{name}-{}", std::process::id())))
    }

    fn recordings(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let files = std::fs::read_dir(&self.0).unwrap().map(|file| file.unwrap().path());
        files.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_calls_over_real_sockets_replay_to_the_bytes_that_crossed_them() {
    const CALLS: usize = 10_000;
    let folder = Folder::new("server");
    let recorder = Recorder::to_folder(&folder.0).unwrap();
    let server =
        Server::builder().service(Demo::default()).record(recorder).bind("127.0.0.1:0").await.unwrap();
    let (handle, (address, crossed)) = (server.handle(), listen_in(server.local_addr().unwrap()).await);
    let serving = tokio::spawn(server.run());
    for scheme in ["http", "tcp", "ws"] {
        let channel = Channel::connect(&format!("{scheme}://{address}")).await.unwrap();
        load(&channel, CALLS.div_ceil(3)).await;
        drop(channel);
    }
    handle.drain(std::time::Duration::from_secs(10)).await;
    serving.await.unwrap();

    let crossed = std::mem::take(&mut *crossed.lock().unwrap());
    let recordings = folder.recordings();
    assert_eq!((recordings.len(), crossed.len()), (3, 3));
    let (mut opened, mut reset) = (0, 0);
    for (recording, (_, from_server)) in recordings.into_values().zip(crossed) {
        let mut replay = Replay::new(recording.into()).unwrap();
        let mut written = Vec::new();
        while let Some(step) = replay.step().unwrap() {
            written.extend_from_slice(&step.written);
            let says = |what: &str| step.event.as_ref().is_some_and(|event| event.starts_with(what));
            opened += usize::from(says("Opened"));
            reset += usize::from(
                says("Ended") && step.event.as_ref().is_some_and(|event| event.contains("Cancelled")),
            );
        }
        // What the client had no more ears for was written, and did not cross.
        assert!(from_server.len() > 10_000 && written.starts_with(&from_server));
    }
    assert!(opened >= CALLS * 9 / 10 && reset > 100, "{opened} opened, {reset} reset");
}

#[tokio::test]
async fn a_channel_s_ring_replays_what_it_sent_and_is_handed_over_at_the_end() {
    let server = Server::builder().service(Demo::default()).bind("127.0.0.1:0").await.unwrap();
    let (address, crossed) = listen_in(server.local_addr().unwrap()).await;
    let serving = tokio::spawn(server.run());
    for scheme in ["http", "ws+json+h2"] {
        let (hand_over, handed_over) = std::sync::mpsc::channel();
        let recorder = Recorder::ring(1 << 22, move |recorded| hand_over.send(recorded).unwrap());
        let channel = Channel::builder(&format!("{scheme}://{address}")).unwrap().record(recorder);
        let channel = channel.connect().await.unwrap();
        load(&channel, 100).await;
        drop(channel);
        let recorded = tokio::task::spawn_blocking(move || handed_over.recv().unwrap()).await.unwrap();
        assert!(!recorded.ring.is_cut());
        let from_client = crossed.lock().unwrap().last().unwrap().0.clone();
        let written = Replay::new(recorded.ring.to_bytes().into()).unwrap().run().unwrap();
        assert!(from_client.len() > 1000 && written.starts_with(&from_client), "{scheme}");
    }
    serving.abort();
}

#[tokio::test]
async fn a_folder_keeps_so_many_files_and_a_file_so_many_bytes_of_which_each_replays() {
    let folder = Folder::new("bounds");
    let recorder = Recorder::to_folder(&folder.0).unwrap().max_files(2).max_file_bytes(100_000);
    let server =
        Server::builder().service(Demo::default()).record(recorder).bind("127.0.0.1:0").await.unwrap();
    let (handle, address) = (server.handle(), server.local_addr().unwrap());
    tokio::spawn(server.run());
    for _ in 0..4 {
        let channel = Channel::connect(&format!("http://{address}")).await.unwrap();
        load(&channel, 800).await;
    }
    handle.drain(std::time::Duration::from_secs(10)).await;
    let recordings = folder.recordings();
    assert_eq!(recordings.len(), 2);
    for recording in recordings.into_values() {
        assert!(recording.len() <= 100_000 && recording.len() > 30_000, "{}", recording.len());
        assert!(!Replay::new(recording.into()).unwrap().run().unwrap().is_empty());
    }
}

#[tokio::test]
async fn recordings_that_are_redacted_or_of_sessions_of_one_s_own_say_why_they_do_not_replay() {
    let folder = Folder::new("redacted");
    let recorder = Recorder::to_folder(&folder.0).unwrap();
    let recorder = recorder.redact(Redaction { bodies: true, ..Redaction::credentials() });
    let server =
        Server::builder().service(Demo::default()).record(recorder).bind("127.0.0.1:0").await.unwrap();
    let (handle, address) = (server.handle(), server.local_addr().unwrap());
    tokio::spawn(server.run());
    let channel = Channel::connect(&format!("http://{address}")).await.unwrap();
    let mut request = text("a message that nobody may keep");
    request.metadata_mut().append("authorization", "Bearer of-a-secret").unwrap();
    channel.unary::<RawCodec>(ECHO, request).await.unwrap();
    drop(channel);
    handle.drain(std::time::Duration::from_secs(10)).await;
    for recording in folder.recordings().into_values() {
        let text = String::from_utf8_lossy(&recording).into_owned();
        assert!(text.contains("authorization") && text.contains("/test.Demo/Echo"));
        assert!(!text.contains("of-a-secret") && !text.contains("nobody may keep"));
        let error = Replay::new(recording.into()).unwrap().run().unwrap_err();
        assert!(matches!(error, ReplayError::NotReplayable(_)), "{error}");
    }
}
