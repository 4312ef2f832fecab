//! A connection on trial: its owner and its world, for the laws suite and for fuzzing.
//!
//! The owner sends messages when the script says so, piece by piece as there is room. If it answered messages by itself,
//! how many answers still leave before the connection fails would depend on room, as it does on a real wire.

pub mod fuzz;
pub(crate) mod peer;
pub(crate) mod scripts;
pub(crate) mod sent;

use crate::base::laws::{EventOf, Script, Subject};
use crate::base::{Entropy, Flow, Misuse, Rate, Secret, Time};
use crate::http1::HeadLimits;
use crate::websocket::{
    CloseCode, Config, Connection, Credit, Deflate, Delivery, Event, Kind, Origins, Policy, Request, Role,
};
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

/// Messages are at most this long.
const MESSAGE_MAX: usize = 20_000;
/// The seed of all secrets, so that scripts know the keys that clients ask with.
pub(crate) const SECRET: [u8; 32] = [5; 32];

/// What a script tells the owner.
#[derive(Clone, Copy, Debug)]
pub enum Command {
    /// Sends a message of so many bytes.
    Send {
        /// Text or binary.
        kind: Kind,
        /// Bytes.
        bytes: usize,
    },
    /// Asks whether the peer is there.
    Ping,
    /// Takes all messages that were delivered.
    Consume,
    /// Closes.
    Close,
}

/// A client or a server, and what its owner remembers.
#[derive(Debug)]
pub struct Trial<const IS_CLIENT: bool> {
    connection: Connection,
    /// Messages that wait for room.
    waiting: VecDeque<(Kind, Bytes)>,
    /// Credit of messages that the application has not taken.
    credit: usize,
    takes_at_once: bool,
}

/// A server on trial.
pub type ServerTrial = Trial<false>;
/// A client on trial.
pub type ClientTrial = Trial<true>;

/// Small limits and short times, so that a short script meets them.
fn limits(seed: u64) -> Config {
    let mut chance = Entropy::from_seed(seed);
    let chance_of_delivery = chance.below(4);
    let mut one_in = |count| chance.below(count) == 0;
    let deflate =
        Deflate { takeover: one_in(2), peer_takeover: one_in(2), threshold_bytes: 100, ..Deflate::default() };
    // Where reading stops for want of credit depends on how many parts there are.
    let (delivery, credit) = match chance_of_delivery {
        0 => (Delivery::Parts, Credit::OnDelivery),
        1 => (Delivery::Whole, Credit::Manual),
        _ => (Delivery::Whole, Credit::OnDelivery),
    };
    Config {
        message_bytes_max: MESSAGE_MAX,
        delivery,
        credit,
        unread_bytes_max: 3_000,
        send_buffer_bytes: 5_000,
        fragments: Rate { burst: 4_000, per_second: 100 },
        control_frames: Rate { burst: 20, per_second: 10 },
        // A peer that is slow to read would decide how many pongs there are.
        pongs_max: 1_000,
        head: HeadLimits { head_bytes_max: 2_000, first_line_bytes_max: 500, fields_max: 20 },
        handshake_timeout: Duration::from_millis(900),
        close_timeout: Duration::from_millis(300),
        message_timeout: Duration::from_millis(400),
        heartbeat_interval: one_in(2).then_some(Duration::from_millis(200)),
        heartbeat_timeout: Duration::from_millis(150),
        deflate: one_in(8).then_some(deflate),
        ..Config::default()
    }
}

/// The same with a policy.
fn config(seed: u64) -> Config {
    let subprotocols = if seed.is_multiple_of(3) { ["chat".into()].into() } else { Vec::new() };
    let policy = Policy { paths: ["/chat".into()].into(), origins: Origins::Same, subprotocols };
    Config { policy, ..limits(seed) }
}

/// What a client asks for.
fn request(seed: u64) -> Request {
    let request = Request::new("localhost:80", "/chat");
    if config(seed).policy.subprotocols.is_empty() { request } else { request.subprotocol("chat") }
}

impl<const IS_CLIENT: bool> Trial<IS_CLIENT> {
    /// Sends what waits until it is `Blocked` or done.
    fn pump(&mut self) {
        while let Some((kind, payload)) = self.waiting.pop_front() {
            match self.connection.send(kind, payload.clone(), true) {
                Ok(Flow::Ready) => {}
                Ok(Flow::Blocked) | Err(Misuse::Closed | Misuse::OutOfOrder(_)) => return,
                Err(_) => return self.waiting.push_front((kind, payload)),
            }
        }
    }
}

impl<const IS_CLIENT: bool> Subject for Trial<IS_CLIENT> {
    const NAME: &'static str = if IS_CLIENT { "websocket client" } else { "websocket server" };
    type Machine = Connection;
    type Command = Command;
    type Sent = sent::Sent;

    fn build(seed: u64, now: Time) -> Self {
        let config = Arc::new(config(seed));
        // Some owners look at a message for long, and take it when the script says so.
        let takes_at_once = config.credit == Credit::OnDelivery;
        let connection = if IS_CLIENT {
            let secret = Secret::from_seed(SECRET);
            match Connection::client(now, config, &request(seed), secret) {
                Ok(connection) => connection,
                Err(misuse) => panic!("the request of the trial cannot be sent: {misuse}"),
            }
        } else {
            Connection::server(now, config)
        };
        Trial { connection, waiting: VecDeque::new(), credit: 0, takes_at_once }
    }

    fn script(seed: u64) -> Script<Command> {
        scripts::of(if IS_CLIENT { Role::Client } else { Role::Server }, seed)
    }

    fn machine(&mut self) -> &mut Connection {
        &mut self.connection
    }

    fn on_event(&mut self, _now: Time, event: &Event) {
        match event {
            Event::Message { credit, .. } | Event::Part { credit, .. } => self.credit += credit,
            Event::Writable => self.pump(),
            _ => {}
        }
        if self.takes_at_once {
            self.connection.consume(core::mem::take(&mut self.credit));
        }
    }

    fn on_command(&mut self, now: Time, command: &Command) -> Result<(), Misuse> {
        match *command {
            Command::Send { kind, bytes } => {
                let payload: Vec<u8> = (0..bytes).map(|at| b'a' + (at % 23) as u8).collect();
                if !self.connection.is_open() {
                    return self.connection.send(kind, payload.into(), true).map(|_| ());
                }
                self.waiting.push_back((kind, payload.into()));
                self.pump();
                Ok(())
            }
            Command::Ping => self.connection.ping(b"anybody there?"),
            Command::Consume => {
                self.connection.consume(core::mem::take(&mut self.credit));
                Ok(())
            }
            Command::Close => self.connection.close(now, CloseCode::NORMAL, "done"),
        }
    }

    fn is_infallible(command: &Command) -> bool {
        matches!(command, Command::Consume)
    }

    fn is_fatal(event: &Event) -> bool {
        matches!(event, Event::Closed(_))
    }

    fn told(event: &Event) -> Option<Event> {
        match event {
            Event::Writable => None,
            // What parts cost depends on how many there are.
            Event::Part { kind, payload, end, .. } => {
                Some(Event::Part { kind: *kind, payload: payload.clone(), end: *end, credit: 0 })
            }
            event => Some(event.clone()),
        }
    }

    fn join(last: &mut EventOf<Self>, next: &EventOf<Self>) -> bool {
        match (last, next) {
            (
                Event::Part { kind, payload, end, .. },
                Event::Part { kind: same, payload: more, end: ends, .. },
            ) if kind == same && !*end => {
                *payload = [&payload[..], &more[..]].concat().into();
                *end = *ends;
                true
            }
            _ => false,
        }
    }

    fn sent(bytes: &[u8]) -> Result<sent::Sent, String> {
        sent::read(bytes, IS_CLIENT)
    }

    fn memory(&self) -> usize {
        self.connection.memory()
    }

    fn memory_max() -> usize {
        Config { deflate: Some(Deflate::default()), ..limits(0) }.memory_max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::laws;

    #[test]
    fn a_server_keeps_all_laws_under_ten_thousand_schedules() {
        let report = laws::check::<ServerTrial>(10_000);
        assert!(report.schedules == 1 || report.schedules == 10_000 && report.events > 3_000, "{report:?}");
    }

    #[test]
    fn a_client_keeps_all_laws_under_ten_thousand_schedules() {
        let report = laws::check::<ClientTrial>(10_000);
        assert!(report.schedules == 1 || report.schedules == 10_000 && report.events > 3_000, "{report:?}");
    }
}
