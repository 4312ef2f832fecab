//! One seed decides all that is random in a channel: here, what its connections say first.

mod support;

use std::io;
use std::time::Duration;
use support::*;
use tokio::io::{AsyncReadExt, DuplexStream};
use tokio::sync::mpsc;
use zrpc_core::rpc::{Carrier, RawCodec};
use zrpc_tokio::{Backoff, Channel, Connecting, Connector, Transport};

/// Hands the server's end of each connection to the test.
struct Dialled(mpsc::UnboundedSender<DuplexStream>);

impl Connector for Dialled {
    fn connect(&self) -> Connecting<'_> {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let gone = |_| io::Error::other("the test is over");
        Box::pin(std::future::ready(self.0.send(theirs).map(|()| Transport::new(ours)).map_err(gone)))
    }

    fn endpoint(&self) -> &str {
        "the test"
    }
}

/// The opening handshakes of a WebSocket channel's first two connections, whose key is random.
async fn openings(seed: Option<u64>) -> [Vec<u8>; 2] {
    let (dial, mut dialled) = mpsc::unbounded_channel();
    let none = Duration::ZERO;
    let builder = Channel::builder_over(Dialled(dial)).carrier(Carrier::WebSocket);
    let builder = builder.config(|config| config.authority = "localhost".into());
    let builder = builder.backoff(Backoff { initial: none, max: none, ..Backoff::default() });
    let channel = match seed {
        Some(seed) => builder.seed(seed).lazy(),
        None => builder.lazy(),
    };
    // Calls until the test takes no more connections.
    let calling = tokio::spawn(async move {
        loop {
            let status = channel.unary::<RawCodec>(ECHO, text("hello")).await.unwrap_err();
            if status.message().contains("the test is over") {
                return;
            }
        }
    });
    let mut openings = [const { Vec::new() }; 2];
    for opening in &mut openings {
        let mut stream = dialled.recv().await.unwrap();
        while !opening.ends_with(b"\r\n\r\n") {
            opening.push(stream.read_u8().await.unwrap());
        }
    }
    drop(dialled);
    calling.await.unwrap();
    openings
}

#[tokio::test]
async fn channels_of_one_seed_say_the_same_and_each_connection_something_else() {
    let [first, second] = openings(Some(7)).await;
    assert!(String::from_utf8_lossy(&first).to_ascii_lowercase().contains("sec-websocket-key"));
    assert_ne!(first, second);
    assert_eq!(openings(Some(7)).await, [first.clone(), second]);
    assert_ne!(openings(Some(8)).await[0], first);
    assert_ne!(openings(None).await[0], openings(None).await[0]);
}
