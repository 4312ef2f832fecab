//! What the drivers are held to, the embedded loop is held to: a unary call, the three kinds of streams, cancellation and
//! deadline; against itself, and each side against the tokio driver.

use super::caller::Caller;
use super::chat::{ChatClient, ImportReply, Line, ListenRequest, SayReply, SayRequest};
use super::host::Host;
use super::{World, said};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use zrpc::core::rpc::CallId;
use zrpc::prost::Message;
use zrpc::tokio::Channel;
use zrpc::{Code, Request};

fn world() -> World {
    let host = Host::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let caller = Caller::connect(host.address().unwrap()).unwrap();
    World { host, caller }
}

impl World {
    fn ends(&mut self, call: CallId) -> Code {
        self.until(|caller| caller.answer(call).status.is_some()).unwrap();
        self.caller.answer(call).status.take().unwrap().code()
    }

    fn lines(&mut self, call: CallId, count: usize) -> Vec<String> {
        self.until(|caller| caller.answer(call).messages.len() >= count).unwrap();
        self.take(call).into_iter().map(|bytes| Line::decode(bytes).unwrap().text).collect()
    }
}

#[test]
fn a_unary_call_is_answered_and_an_empty_line_is_refused() {
    let mut world = world();
    let call = world.caller.start("Say", None).unwrap();
    world.caller.send(call, &said("ann", "hi")).unwrap();
    world.caller.half_close(call).unwrap();
    assert_eq!(world.ends(call), Code::Ok);
    let reply = SayReply::decode(world.take(call).remove(0)).unwrap();
    assert_eq!(reply, SayReply { number: 1, listeners: 0 });
    let call = world.caller.start("Say", None).unwrap();
    world.caller.send(call, &said("ann", "")).unwrap();
    assert_eq!(world.ends(call), Code::InvalidArgument);
    let call = world.caller.start("Shout", None).unwrap();
    assert_eq!(world.ends(call), Code::Unimplemented);
}

#[test]
fn streams_of_all_three_kinds_carry_every_line_in_order() {
    let mut world = world();
    let listen = world.caller.start("Listen", None).unwrap();
    world.caller.send(listen, &ListenRequest { room: "lobby".into(), backlog: 0 }).unwrap();
    let talk = world.caller.start("Talk", None).unwrap();
    world.caller.send(talk, &said("dot", "first")).unwrap();
    assert_eq!(world.lines(listen, 1), ["first"]);
    let import = world.caller.start("Import", None).unwrap();
    let texts: Vec<String> = (0..500).map(|number| format!("line {number}")).collect();
    for text in &texts {
        let line = Line { room: "lobby".into(), text: text.clone(), ..Line::default() };
        world.caller.send(import, &line).unwrap();
    }
    world.caller.half_close(import).unwrap();
    assert_eq!(world.ends(import), Code::Ok);
    assert_eq!(ImportReply::decode(world.take(import).remove(0)).unwrap().accepted, 500);
    assert_eq!(world.lines(listen, 500), texts);
    assert_eq!(world.lines(talk, 500), texts);
    world.caller.half_close(talk).unwrap();
    assert_eq!(world.ends(talk), Code::Ok);
}

#[test]
fn a_cancelled_call_and_a_late_one_end_as_such_and_the_connection_lives_on() {
    let mut world = world();
    let listen = world.caller.start("Listen", None).unwrap();
    world.caller.send(listen, &ListenRequest { room: "lobby".into(), backlog: 0 }).unwrap();
    world.caller.cancel(listen).unwrap();
    assert_eq!(world.ends(listen), Code::Cancelled);
    let late = world.caller.start("Talk", Some(Duration::from_millis(20))).unwrap();
    assert_eq!(world.ends(late), Code::DeadlineExceeded);
    let say = world.caller.start("Say", None).unwrap();
    world.caller.send(say, &said("ann", "still here")).unwrap();
    world.caller.half_close(say).unwrap();
    assert_eq!(world.ends(say), Code::Ok);
    let reply = SayReply::decode(world.take(say).remove(0)).unwrap();
    assert_eq!(reply.listeners, 0, "a call that was given up listens no more");
}

#[test]
fn the_tokio_driver_calls_the_embedded_server() {
    let mut host = Host::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = host.address().unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                host.turn(Duration::from_millis(5)).unwrap();
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let outcome = runtime.block_on(async {
            let client = ChatClient::new(Channel::connect(&format!("http://{address}")).await?);
            let mut listen = client.listen(ListenRequest { room: "lobby".into(), backlog: 0 }).await?;
            let (mut sender, mut talk) = client.talk(Request::new(())).await?;
            sender.send(said("dot", "hello")).await?;
            let heard = listen.message().await?.map(|line| line.text);
            client.say(SayRequest { room: "lobby".into(), author: "ann".into(), text: "hi".into() }).await?;
            let talked = talk.message().await?.map(|line| line.text);
            let late = client.talk(Request::new(()).with_timeout(Duration::from_millis(20))).await;
            let late = match late {
                Ok((_sender, mut replies)) => replies.message().await.map(|_| ()),
                Err(status) => Err(status),
            };
            Ok::<_, zrpc::Status>((heard, talked, late.map_err(|status| status.code())))
        });
        done.store(true, Ordering::Relaxed);
        let expected = (Some("hello".to_owned()), Some("hi".to_owned()), Err(Code::DeadlineExceeded));
        assert_eq!(outcome.unwrap(), expected);
    });
}
