//! Calls over Unix sockets.
#![cfg(unix)]

mod support;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use support::*;
use zrpc_core::rpc::{Code, RawCodec};
use zrpc_tokio::{Channel, Server, UnixBinding};

/// A path that nobody else uses, with the file removed at the end.
struct Path(String);

impl Path {
    fn new() -> Path {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("zrpc-tokio-{}-{}.sock", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Path(std::env::temp_dir().join(name).to_str().unwrap().to_owned())
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn grpc_runs_over_a_unix_socket_and_handlers_see_the_process_that_calls() {
    let path = Path::new();
    let server = Server::builder().service(Demo::default()).service(Who);
    tokio::spawn(server.bind_uri(&format!("http+unix://{}", path.0)).await.unwrap().run());
    let channel = Channel::connect(&format!("http+unix://{}", path.0)).await.unwrap();
    assert_eq!(channel.unary::<RawCodec>(ECHO, text("hello")).await.unwrap().message(), "hello");
    if cfg!(target_os = "linux") {
        let said = channel.unary::<RawCodec>(AM_I, text("")).await.unwrap().into_message();
        let said = std::str::from_utf8(&said).unwrap();
        assert!(said.starts_with(&format!("process {} of user ", std::process::id())), "{said}");
    }
}

#[tokio::test]
async fn a_socket_that_is_not_there_ends_calls_as_unavailable_with_its_path() {
    let path = Path::new();
    let channel = Channel::lazy(&format!("http+unix://{}", path.0)).unwrap();
    let status = channel.unary::<RawCodec>(ECHO, text("hello")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let told = status.message();
    assert!(told.contains(&path.0) && told.contains("there is no socket at this path"), "{told}");
}

#[tokio::test]
async fn a_server_says_the_uri_that_it_is_reached_at_and_takes_its_socket_with_it() {
    let path = Path::new();
    for (asked, told) in [
        (format!("http+unix://{}", path.0), format!("http+unix://{}", path.0)),
        ("http://127.0.0.1:0".to_owned(), "http://127.0.0.1:".to_owned()),
    ] {
        let server = Server::builder().service(Demo::default()).bind_uri(&asked).await.unwrap();
        let (uri, handle) = (server.uri().to_owned(), server.handle());
        assert!(uri.starts_with(&told) && !uri.ends_with(":0"), "{uri}");
        tokio::spawn(server.run());
        let channel = Channel::connect(&uri).await.unwrap();
        assert_eq!(channel.unary::<RawCodec>(ECHO, text("hello")).await.unwrap().message(), "hello");
        handle.drain(Duration::ZERO).await;
        assert!(!std::path::Path::new(&path.0).exists());
    }
}

#[tokio::test]
async fn a_server_that_drains_refuses_new_connections_at_once() {
    let path = Path::new();
    let server =
        Server::builder().service(Demo::default()).bind_unix(UnixBinding::at(&path.0)).await.unwrap();
    let handle = server.handle();
    tokio::spawn(server.run());
    let uri = format!("http+unix://{}", path.0);
    let channel = Channel::connect(&uri).await.unwrap();
    let mut stream = channel.server_streaming::<RawCodec>(FLOOD, text("")).await.unwrap();
    assert!(stream.message().await.unwrap().is_some());
    let drained = tokio::spawn(async move { handle.drain(Duration::from_secs(60)).await });
    while std::path::Path::new(&path.0).exists() {
        tokio::task::yield_now().await;
    }
    let status = Channel::connect(&uri).await.unwrap_err();
    assert!(status.message().contains("there is no socket at this path"), "{status}");
    drop(stream);
    drained.await.unwrap();
}

#[tokio::test]
async fn a_socket_that_a_server_has_is_not_taken_from_it() {
    use std::os::unix::fs::PermissionsExt;
    let path = Path::new();
    let binding = UnixBinding::at(&path.0).mode(0o660);
    let _server = Server::builder().bind_unix(binding.clone()).await.unwrap();
    assert_eq!(std::fs::symlink_metadata(&path.0).unwrap().permissions().mode() & 0o777, 0o660);
    let error = Server::builder().bind_unix(binding).await.unwrap_err().to_string();
    assert!(error.contains("a server listens there already"), "{error}");
}
