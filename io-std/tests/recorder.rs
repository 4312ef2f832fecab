//! Both sides of blocking connections are recorded, and replay to what they wrote.

mod support;

use std::sync::{Mutex, mpsc};
use support::{KitClient, bytes, kit};
use zrpc_core::recorder::Replay;
use zrpc_std::{Channel, Recorded, Recorder, Server};

/// A recorder, and where what it recorded arrives.
fn ring() -> (Recorder, mpsc::Receiver<Recorded>) {
    let (hand_over, handed_over) = mpsc::channel();
    let hand_over = Mutex::new(hand_over);
    let on_end = move |recorded| hand_over.lock().unwrap().send(recorded).unwrap();
    (Recorder::ring(1 << 22, on_end), handed_over)
}

#[test]
fn both_sides_of_a_connection_replay_and_each_has_written_what_the_other_read() {
    for scheme in ["http", "tcp", "ws+json"] {
        let ((of_server, from_server), (of_client, from_client)) = (ring(), ring());
        let server = Server::builder().service(kit().0).record(of_server);
        let server = server.bind("127.0.0.1:0").unwrap().spawn().unwrap();
        let address = server.local_addr().unwrap();
        let channel = Channel::builder(&format!("{scheme}://{address}")).unwrap().record(of_client).lazy();
        for _ in 0..100 {
            for word in ["one", "two"] {
                assert_eq!(channel.say(bytes(word)).unwrap().message(), word);
            }
        }
        assert!(channel.watch(bytes("5 2000")).unwrap().next().is_some());
        drop(channel);
        let sides = [from_server.recv().unwrap(), from_client.recv().unwrap()].map(|recorded| {
            let mut replay = Replay::new(recorded.ring.to_bytes().into()).unwrap();
            let written = replay.run().unwrap();
            (written, arrived(&replay))
        });
        let [(server_wrote, server_read), (client_wrote, client_read)] = sides;
        assert!(client_read.len() > 1000 && server_wrote.starts_with(&client_read), "{scheme}");
        assert!(server_read.len() > 1000 && client_wrote.starts_with(&server_read), "{scheme}");
    }
}

/// All bytes that a recorded side was told.
fn arrived(replay: &Replay) -> Vec<u8> {
    let mut arrived = Vec::new();
    for record in replay.records() {
        if let zrpc_core::recorder::Record::Input { bytes, .. } = record {
            arrived.extend_from_slice(bytes);
        }
    }
    arrived
}
