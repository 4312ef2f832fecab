//! Generated code at work: all four kinds of calls over both drivers, in memory, and clients that are mocks.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[path = "../../examples/chat/mod.rs"]
mod chat;

#[path = "end_to_end/asynchronous.rs"]
mod asynchronous;
#[path = "end_to_end/blocking.rs"]
mod blocking;
#[path = "end_to_end/descriptors.rs"]
mod descriptors;

use chat::{Line, ListenRequest, SayRequest};

fn say(room: &str, text: &str) -> SayRequest {
    SayRequest { room: room.to_owned(), author: "ada".to_owned(), text: text.to_owned() }
}

fn listen(room: &str, backlog: u32) -> ListenRequest {
    ListenRequest { room: room.to_owned(), backlog }
}

fn line(number: u64, text: &str) -> Line {
    Line { number, text: text.to_owned(), ..Line::default() }
}
