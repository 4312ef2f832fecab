//! A client's way to a server inside the world: which connection its calls take, and when it may make another.

use super::process::{Process, ProcessId};
use super::wire::Wire;
use crate::call::{Channel, Start, Waiting};
use crate::ledger::{Ledger, Violation};
use crate::link::Conditions;
use std::cell::RefCell;
use std::rc::Rc;
use zrpc_core::base::{Entropy, Time};
use zrpc_core::policy::{Attempts, Backoff};
use zrpc_core::rpc::{Carrier, ClientSession, Status};
use zrpc_core::stack::{ClientConfig, client_sessions};

/// Numbers of calls are far apart from channel to channel.
const NUMBERS: u64 = 1_000_000;

/// What a channel is made of.
#[derive(Clone, Debug)]
pub struct ChannelOptions {
    /// How calls travel.
    pub carrier: Carrier,
    /// Of the client's sessions.
    pub config: ClientConfig,
    /// From the client to the server.
    pub up: Conditions,
    /// From the server to the client.
    pub down: Conditions,
    /// How long the client leaves the server alone after connections failed.
    pub backoff: Backoff,
}

impl Default for ChannelOptions {
    fn default() -> ChannelOptions {
        ChannelOptions {
            carrier: Carrier::Grpc,
            config: ClientConfig::default(),
            up: Conditions::rack(),
            down: Conditions::rack(),
            backoff: Backoff::default(),
        }
    }
}

#[derive(Debug)]
pub(super) struct ChannelState {
    pub(super) client: ProcessId,
    pub(super) server: ProcessId,
    options: ChannelOptions,
    waiting: Rc<RefCell<Waiting>>,
    attempts: Attempts,
    /// The number of the connection that takes calls.
    wire: Option<usize>,
    entropy: Entropy,
}

impl ChannelState {
    pub(super) fn new(
        number: usize,
        (client, server): (ProcessId, ProcessId),
        options: ChannelOptions,
        mut entropy: Entropy,
    ) -> ChannelState {
        let waiting = Waiting { first_number: (number as u64 + 1) * NUMBERS, ..Waiting::default() };
        let attempts = Attempts::new(options.backoff, Entropy::from_seed(entropy.next_u64()));
        ChannelState {
            client,
            server,
            options,
            waiting: Rc::new(RefCell::new(waiting)),
            attempts,
            wire: None,
            entropy,
        }
    }

    /// What the client's code calls through.
    pub(super) fn handle(&self, process: &Process) -> Channel {
        Channel { waiting: Rc::clone(&self.waiting), clock: process.clock.clone() }
    }

    /// The connections that it may not reach any more are forgotten, and so is what waited for them.
    pub(super) fn crash(&mut self) {
        self.waiting.borrow_mut().starts.clear();
        self.wire = None;
    }

    /// The next call that waits for a connection.
    pub(super) fn next_start(&self) -> Option<Start> {
        self.waiting.borrow_mut().starts.pop_front()
    }

    /// The connection that takes this channel's calls, if there is one.
    pub(super) fn taking<'a>(&mut self, wires: &'a mut [Wire], now: Time) -> Option<&'a mut Wire> {
        let number = self.wire?;
        let wire = wires.iter_mut().find(|wire| wire.number == number);
        let (was_ready, takes_calls) = wire.as_ref().map_or((false, false), |wire| {
            let is_open = !wire.client.is_closed && !wire.client.is_dead;
            (wire.was_ready, is_open && wire.client.session.takes_calls())
        });
        if was_ready {
            self.attempts.on_ready();
        }
        if takes_calls {
            return wire;
        }
        if !was_ready {
            self.attempts.on_failure(now);
        }
        self.wire = None;
        None
    }

    /// Whether it may try to connect at this moment, by the client's clock.
    pub(super) fn may_connect(&self, now: Time) -> bool {
        self.attempts.pause_left(now).is_none()
    }

    /// The server could not be reached.
    pub(super) fn on_failure(&mut self, now: Time) {
        self.attempts.on_failure(now);
    }

    /// Makes a connection.
    pub(super) fn connect(&mut self, world: Time, number: usize, processes: &[Process]) -> Option<Wire> {
        let (client, server) = (&processes[self.client.0], &processes[self.server.0]);
        let service = server.service.as_ref()?;
        let seed = Entropy::from_seed(self.entropy.next_u64());
        let new_session = client_sessions(self.options.carrier);
        let session: Box<dyn ClientSession + Send> =
            new_session(client.clock.now(), &self.options.config, seed);
        let accepted = zrpc_core::stack::AnyServer::sharing(server.clock.now(), &service.config);
        self.wire = Some(number);
        Some(Wire::new(
            world,
            number,
            (self.client.0, session, self.options.carrier),
            (self.server.0, accepted),
            (self.options.up, self.options.down),
            &mut self.entropy,
        ))
    }
}

/// A call that finds no connection ends at once, and may be made again.
pub(super) fn refuse(start: &Start, ledger: &mut Ledger, world: Time, now: Time) -> Result<(), Violation> {
    let status = Status::unavailable("the server cannot be reached").with_safe_to_retry();
    ledger.started(start.key, world, now, &start.call);
    ledger.client_ended(start.key, world, &status, Default::default())?;
    start.half.borrow_mut().end(status);
    Ok(())
}
