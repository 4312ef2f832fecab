//! The chat service in an event loop of one's own: no runtime, no task, no thread.
//!
//! ```text
//! cargo run --example embedded
//! ```
//!
//! One thread turns a server's loop and a client's loop in alternation. What zRPC adds to such a loop is `link.rs`: a
//! socket, a machine, and the two verbs between them. The service itself, `room.rs`, is plain code over events.

mod caller;
#[path = "../chat/mod.rs"]
mod chat;
#[cfg(test)]
mod contract;
mod host;
mod link;
mod room;

use caller::Caller;
use chat::{ImportReply, Line, ListenRequest, SayReply, SayRequest};
use host::Host;
use std::error::Error;
use std::time::{Duration, Instant};
use zrpc::core::rpc::CallId;
use zrpc::prost::Message;

/// How long the demonstration may take before it admits that something is stuck.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn Error>> {
    let host = Host::listen("127.0.0.1:0".parse()?)?;
    let address = host.address()?;
    println!("one thread, one server on {address}, one client, no runtime\n");
    let mut world = World { host, caller: Caller::connect(address)? };

    let listen = world.caller.start("Listen", None)?;
    world.caller.send(listen, &ListenRequest { room: "lobby".into(), backlog: 10 })?;
    world.caller.half_close(listen)?;

    let say = world.caller.start("Say", Some(Duration::from_secs(1)))?;
    world.caller.send(say, &said("ann", "is anybody here?"))?;
    world.caller.half_close(say)?;
    world.until(|caller| caller.answer(say).status.is_some())?;
    let reply = SayReply::decode(world.caller.answer(say).messages.remove(0))?;
    println!("Say      one request, one reply:        line {} in the room", reply.number);

    let import = world.caller.start("Import", None)?;
    for (author, text) in [("bob", "I was here yesterday"), ("cid", "so was I")] {
        let line = Line { room: "lobby".into(), author: author.into(), text: text.into(), ..Line::default() };
        world.caller.send(import, &line)?;
    }
    world.caller.half_close(import)?;
    world.until(|caller| caller.answer(import).status.is_some())?;
    let reply = ImportReply::decode(world.caller.answer(import).messages.remove(0))?;
    println!("Import   many requests, one reply:      {} lines came in", reply.accepted);

    let talk = world.caller.start("Talk", None)?;
    world.caller.send(talk, &said("dot", "hello, all"))?;
    world.until(|caller| caller.answer(listen).messages.len() == 4)?;
    println!("Listen   one request, many replies:");
    for message in world.take(listen) {
        let line = Line::decode(message)?;
        println!("           {} {}: {}", line.number, line.author, line.text);
    }
    let answer = world.caller.start("Say", None)?;
    world.caller.send(answer, &said("ann", "hello, dot"))?;
    world.caller.half_close(answer)?;
    world.until(|caller| !caller.answer(talk).messages.is_empty())?;
    for message in world.take(talk) {
        let line = Line::decode(message)?;
        println!("Talk     both at once:                  dot hears {}: {}", line.author, line.text);
    }

    world.caller.cancel(listen)?;
    world.until(|caller| caller.answer(listen).status.is_some())?;
    println!("cancel   Listen ended as                {}", world.ended(listen));

    let late = world.caller.start("Talk", Some(Duration::from_millis(50)))?;
    world.until(|caller| caller.answer(late).status.is_some())?;
    println!("deadline Talk of 50 ms ended as         {}", world.ended(late));
    Ok(())
}

fn said(author: &str, text: &str) -> SayRequest {
    SayRequest { room: "lobby".into(), author: author.into(), text: text.into() }
}

/// Both loops, turned by one thread.
struct World {
    host: Host,
    caller: Caller,
}

impl World {
    /// Turns both loops until `done` says so.
    fn until(&mut self, mut done: impl FnMut(&mut Caller) -> bool) -> Result<(), Box<dyn Error>> {
        let started = Instant::now();
        while !done(&mut self.caller) {
            if started.elapsed() > PATIENCE {
                return Err("nothing happened for too long".into());
            }
            self.caller.turn(Duration::from_millis(1))?;
            self.host.turn(Duration::from_millis(1))?;
        }
        Ok(())
    }

    fn take(&mut self, call: CallId) -> Vec<bytes::Bytes> {
        std::mem::take(&mut self.caller.answer(call).messages)
    }

    fn ended(&mut self, call: CallId) -> String {
        self.caller.answer(call).status.as_ref().map(ToString::to_string).unwrap_or_default()
    }
}
