//! Calls over Unix sockets.

mod support;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use support::{KitClient, bytes, kit};
use zrpc_core::rpc::Code;
use zrpc_std::{Channel, Server, UnixBinding};

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
    let _server = Server::builder()
        .service(kit().0)
        .bind_uri(&format!("http+unix://{}", path.0))
        .unwrap()
        .spawn()
        .unwrap();
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

#[test]
fn a_server_says_the_uri_that_it_is_reached_at_and_takes_its_socket_with_it() {
    let path = Path::new();
    for (asked, told) in [
        (format!("http+unix://{}", path.0), format!("http+unix://{}", path.0)),
        ("http://127.0.0.1:0".to_owned(), "http://127.0.0.1:".to_owned()),
    ] {
        let server = Server::builder().service(kit().0).bind_uri(&asked).unwrap().spawn().unwrap();
        let uri = server.uri().unwrap().to_owned();
        assert!(uri.starts_with(&told) && !uri.ends_with(":0"), "{uri}");
        assert_eq!(Channel::connect(&uri).unwrap().say(bytes("hello")).unwrap().message(), "hello");
        server.drain(Duration::ZERO);
        assert!(!std::path::Path::new(&path.0).exists());
    }
}

#[test]
fn a_socket_that_a_server_has_is_not_taken_from_it() {
    use std::os::unix::fs::PermissionsExt;
    let path = Path::new();
    let binding = UnixBinding::at(&path.0).mode(0o660);
    let _server = Server::builder().service(kit().0).bind_unix(&binding).unwrap().spawn().unwrap();
    assert_eq!(std::fs::symlink_metadata(&path.0).unwrap().permissions().mode() & 0o777, 0o660);
    let error = Server::builder().bind_unix(&binding).unwrap_err().to_string();
    assert!(error.contains("a server listens there already"), "{error}");
}

#[test]
fn both_sides_may_poll_and_still_sleep_when_nothing_comes() {
    let path = Path::new();
    let (service, gate, _seen) = kit();
    let server = Server::builder().service(service).spin(Duration::from_micros(200));
    let server = server.bind_unix(&UnixBinding::at(&path.0)).unwrap().spawn().unwrap();
    let channel = Channel::builder(&format!("http+unix://{}", path.0)).unwrap();
    let channel = channel.spin(Duration::from_micros(200)).lazy();
    for _ in 0..100 {
        assert_eq!(channel.say(bytes("hello")).unwrap().message(), "hello");
    }
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..50).for_each(|_| drop(channel.say(bytes("hello")).unwrap())));
        }
    });
    // Longer than either side polls: a deadline that passes shows that both went to sleep and woke again.
    let late = zrpc_core::rpc::Request::new(bytes("wait")).with_timeout(Duration::from_millis(5));
    assert_eq!(channel.say(late).unwrap_err().code(), Code::DeadlineExceeded);
    gate.open();
    drop(server);
}
