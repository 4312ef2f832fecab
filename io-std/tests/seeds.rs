//! One seed decides all that is random in a channel: here, what its connections say first.

use bytes::Bytes;
use std::io;
use std::sync::mpsc;
use std::time::Duration;
use zrpc_core::rpc::{Carrier, Idempotency, Kind, Method, RawCodec, Request};
use zrpc_std::memory::{self, MemoryStream};
use zrpc_std::{Backoff, Channel, Connector, Transport};

const ECHO: Method = Method { path: "/demo.Echo/Say", kind: Kind::Unary, idempotency: Idempotency::Unknown };

/// Hands the server's end of each connection to the test.
struct Dialled(mpsc::SyncSender<MemoryStream>);

impl Connector for Dialled {
    fn connect(&self, _: Duration) -> io::Result<Box<dyn Transport>> {
        let (ours, theirs) = memory::pair();
        self.0.send(theirs).map_err(|_| io::Error::other("the test is over"))?;
        Ok(Box::new(ours))
    }

    fn endpoint(&self) -> &str {
        "the test"
    }
}

/// The opening handshakes of a WebSocket channel's first two connections, whose key is random.
fn openings(seed: Option<u64>) -> [Vec<u8>; 2] {
    let (dial, dialled) = mpsc::sync_channel(1);
    let none = Duration::ZERO;
    let builder = Channel::builder_over(Dialled(dial)).carrier(Carrier::WebSocket);
    let builder = builder.config(|config| config.authority = "localhost".into());
    let builder = builder.backoff(Backoff { initial: none, max: none, ..Backoff::default() });
    let channel = match seed {
        Some(seed) => builder.seed(seed).lazy(),
        None => builder.lazy(),
    };
    // Calls until the test takes no more connections.
    let calling = std::thread::spawn(move || {
        loop {
            let request = Request::new(Bytes::from_static(b"hello"));
            let status = channel.unary::<RawCodec>(&ECHO, request).unwrap_err();
            if status.message().contains("the test is over") {
                return;
            }
        }
    });
    let opening = |stream: MemoryStream| {
        let mut opening = Vec::new();
        while !opening.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            assert_eq!(stream.read_waiting(&mut byte, None).unwrap(), 1);
            opening.push(byte[0]);
        }
        opening
    };
    let openings = [opening(dialled.recv().unwrap()), opening(dialled.recv().unwrap())];
    drop(dialled);
    calling.join().unwrap();
    openings
}

#[test]
fn channels_of_one_seed_say_the_same_and_each_connection_something_else() {
    let [first, second] = openings(Some(7));
    assert!(String::from_utf8_lossy(&first).to_ascii_lowercase().contains("sec-websocket-key"));
    assert_ne!(first, second);
    assert_eq!(openings(Some(7)), [first.clone(), second]);
    assert_ne!(openings(Some(8))[0], first);
    assert_ne!(openings(None)[0], openings(None)[0]);
}
