//! Calls over Unix sockets.

mod support;

use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicU32, Ordering};
use support::{KitClient, bytes, kit};
use zrpc_core::rpc::Code;
use zrpc_std::{Channel, Server, UnixAcceptor};

/// A path that nobody else uses, with the file removed at the end.
struct Path(String);

impl Path {
    fn new() -> Path {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("zrpc-std-{}-{}.sock", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Path(std::env::temp_dir().join(name).to_str().unwrap().to_owned())
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn grpc_runs_over_a_unix_socket_and_handlers_see_the_process_that_calls() {
    let path = Path::new();
    let acceptor = UnixAcceptor::unix(UnixListener::bind(&path.0).unwrap()).unwrap();
    let _server = Server::builder().service(kit().0).listen(acceptor).spawn().unwrap();
    let channel = Channel::connect(&format!("http+unix://{}", path.0)).unwrap();
    assert_eq!(channel.say(bytes("hello")).unwrap().message(), "hello");
    if cfg!(target_os = "linux") {
        let said = channel.say(bytes("peer")).unwrap().into_message();
        let said = std::str::from_utf8(&said).unwrap();
        assert!(said.starts_with(&format!("process {} of user ", std::process::id())), "{said}");
    }
}

#[test]
fn a_socket_that_is_not_there_ends_calls_as_unavailable_with_its_path() {
    let path = Path::new();
    let channel = Channel::lazy(&format!("http+unix://{}", path.0)).unwrap();
    let status = channel.say(bytes("hello")).unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let told = status.message();
    assert!(told.contains(&path.0) && told.contains("there is no socket at this path"), "{told}");
}
