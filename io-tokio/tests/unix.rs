//! Calls over Unix sockets.
#![cfg(unix)]

mod support;

use std::sync::atomic::{AtomicU32, Ordering};
use support::*;
use tokio::net::UnixListener;
use zrpc_core::rpc::{Code, RawCodec};
use zrpc_tokio::{Channel, Server};

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
    let listener = UnixListener::bind(&path.0).unwrap();
    tokio::spawn(Server::builder().service(Demo::default()).service(Who).listen(listener).run());
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
