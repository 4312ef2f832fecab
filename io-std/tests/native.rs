//! The native protocol through this driver, in memory: all four kinds of calls, and a large message each way.

mod support;

use bytes::Bytes;
use support::{KitClient, bytes, kit};
use zrpc_core::native::{Config, NativeClient, NativeServer};
use zrpc_core::rpc::Request;
use zrpc_std::memory::MemoryEndpoint;
use zrpc_std::{Channel, Server};

#[test]
fn the_native_protocol_carries_all_four_kinds() {
    let config = Config::default().shared();
    let (for_server, for_client) = (config.clone(), config);
    let endpoint = MemoryEndpoint::new();
    let _server = Server::builder()
        .service(kit().0)
        .sessions(move |now| Box::new(NativeServer::new(now, for_server.clone())))
        .listen(endpoint.clone())
        .spawn()
        .unwrap();
    let channel = Channel::builder_over(endpoint)
        .sessions(move |now| Box::new(NativeClient::new(now, for_client.clone())))
        .lazy();

    for _ in 0..100 {
        assert_eq!(channel.say(bytes("hello")).unwrap().message(), "hello");
    }
    let mut sum = channel.sum(Request::new(())).unwrap();
    for word in ["a", "bc", "def"] {
        sum.send(bytes(word)).unwrap();
    }
    assert_eq!(sum.finish().unwrap().message(), "3 messages, 6 bytes");
    let messages: Vec<Bytes> = channel.watch(bytes("5 2000")).unwrap().map(Result::unwrap).collect();
    assert_eq!(messages.iter().map(|message| message[0]).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    let (mut sender, mut replies) = channel.chat(Request::new(())).unwrap();
    let large = Bytes::from(vec![1; 3 << 20]);
    sender.send(large.clone()).unwrap();
    assert_eq!(replies.message().unwrap().unwrap(), large);
    sender.finish();
    assert_eq!(replies.message(), Ok(None));
}
