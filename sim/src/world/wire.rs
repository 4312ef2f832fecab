//! A connection: an end at each side, a link each way, and what happened to it.

use super::client_end::{ClientEnd, Heard};
use super::end::{End, Turn};
use super::process::Process;
use super::server_end::{Host, ServerEnd};
use crate::call::Start;
use crate::ledger::{Excuses, Ledger, Violation, ensure};
use crate::link::{Conditions, StreamLink};
use crate::transcript::Transcript;
use zrpc_core::base::{Entropy, Time};
use zrpc_core::rpc::{Carrier, ClientSession, ServerSession};
use zrpc_core::stack::AnyServer;

pub(super) struct Wire {
    pub(super) number: usize,
    pub(super) client_process: usize,
    pub(super) server_process: usize,
    pub(super) client: ClientEnd,
    pub(super) server: ServerEnd,
    up: StreamLink,
    down: StreamLink,
    pub(super) excuses: Excuses,
    pub(super) was_ready: bool,
    ends_with_its_calls: bool,
}

impl Wire {
    pub(super) fn new(
        now: Time,
        number: usize,
        (client_process, client, carrier): (usize, Box<dyn ClientSession + Send>, Carrier),
        (server_process, server): (usize, AnyServer),
        (up, down): (Conditions, Conditions),
        entropy: &mut Entropy,
    ) -> Wire {
        let mut link = |conditions| StreamLink::new(now, conditions, Entropy::from_seed(entropy.next_u64()));
        Wire {
            number,
            client_process,
            server_process,
            client: End::new(client),
            server: End::new(server),
            up: link(up),
            down: link(down),
            excuses: Excuses::default(),
            was_ready: false,
            ends_with_its_calls: matches!(carrier, Carrier::GrpcWebHttp1 | Carrier::GrpcWebTextHttp1),
        }
    }

    /// Starts a call that waited for a connection.
    pub(super) fn start(
        &mut self,
        start: Start,
        world: Time,
        now: Time,
        (ledger, transcript): (&mut Ledger, &mut Transcript),
    ) -> Result<(), Violation> {
        let name = (self.number, "client");
        let (excuses, ends_with_its_calls) = (&mut self.excuses, self.ends_with_its_calls);
        let mut turn = Turn { world, now, name, ledger, transcript, excuses, ends_with_its_calls };
        self.client.start(start, &mut turn)
    }

    /// Does all that either end and the links can do at this moment. Says whether anything was done.
    pub(super) fn turn(
        &mut self,
        world: Time,
        processes: &mut [Process],
        (ledger, transcript): (&mut Ledger, &mut Transcript),
        entropy: &mut Entropy,
    ) -> Result<bool, Violation> {
        let Wire { number, client, server, up, down, excuses, was_ready, ends_with_its_calls, .. } = self;
        let ends_with_its_calls = *ends_with_its_calls;
        let is_stopped = [self.client_process, self.server_process].iter().any(|at| !processes[*at].runs());
        excuses.is_troubled |= is_stopped;
        excuses.is_untimely |= is_stopped;
        let mut is_busy = false;
        let process = &mut processes[self.client_process];
        if process.runs() {
            let mut turn = Turn {
                world,
                now: process.clock.now(),
                name: (*number, "client"),
                ledger,
                transcript,
                excuses,
                ends_with_its_calls,
            };
            is_busy |= client.read(down, &mut turn);
            is_busy |= client.obey(&mut turn)?;
            is_busy |= client.turn(up, &mut turn, entropy, |end, turn, event| {
                *was_ready |= end.on_event(turn, event)? == Heard::Ready;
                Ok(())
            })?;
        }
        let process = &mut processes[self.server_process];
        if process.runs() {
            let Some(service) = &process.service else { return Ok(is_busy) };
            let now = process.clock.now();
            let name = (*number, "server");
            let mut turn = Turn { world, now, name, ledger, transcript, excuses, ends_with_its_calls };
            let mut host = Host { tasks: &mut process.tasks, clock: &process.clock, service };
            is_busy |= server.read(up, &mut turn);
            is_busy |= server.obey(&mut turn)?;
            let on_event =
                |end: &mut ServerEnd, turn: &mut Turn<'_>, event| end.on_event(turn, event, &mut host);
            if server.turn(down, &mut turn, entropy, on_event)? {
                is_busy = true;
                let (held, bound) = (server.session.memory(), service.memory_max);
                ensure!(held <= bound, "the server's session holds {held} bytes, and its bound is {bound}");
            }
        }
        Ok(is_busy)
    }

    /// When something is to be done next, by the world's clock.
    pub(super) fn next(&mut self, world: Time, processes: &[Process]) -> Option<Time> {
        let mut next: Option<Time> = None;
        let mut consider = |at: Option<Time>| {
            if let Some(at) = at {
                next = Some(next.map_or(at, |next| next.min(at)));
            }
        };
        let (client, server) = (&processes[self.client_process], &processes[self.server_process]);
        if client.runs() && !self.client.is_dead {
            consider(self.client.wake().map(|at| client.world(at)));
            consider(self.down.next().filter(|at| *at > world));
        }
        if server.runs() && !self.server.is_dead {
            consider(self.server.wake().map(|at| server.world(at)));
            consider(self.up.next().filter(|at| *at > world));
        }
        next
    }

    /// Nothing more can come of it.
    pub(super) fn is_over(&self) -> bool {
        self.client.is_over() && self.server.is_over()
    }

    /// Nothing moves in either direction until then.
    pub(super) fn stall(&mut self, until: Time) {
        self.excuses.is_troubled = true;
        self.up.stall(until);
        self.down.stall(until);
    }

    pub(super) fn resume(&mut self, now: Time) {
        self.up.resume(now);
        self.down.resume(now);
    }

    /// What either end sends vanishes, and neither is told.
    pub(super) fn die(&mut self) {
        self.excuses.is_troubled = true;
        self.up.die();
        self.down.die();
    }

    pub(super) fn is_half_open(&self) -> bool {
        self.up.is_dead() || self.client.is_dead || self.server.is_dead
    }

    /// Both ends are told that the connection is gone.
    pub(super) fn reset(&mut self, now: Time) {
        self.excuses.is_troubled = true;
        self.up.reset(now);
        self.down.reset(now);
    }

    /// A process is gone, and its end with it; the other end is told, or not.
    pub(super) fn lose(&mut self, process: usize, now: Time, is_told: bool) {
        if process != self.client_process && process != self.server_process {
            return;
        }
        if process == self.client_process {
            self.client.crash();
        } else {
            self.server.crash();
        }
        if is_told { self.reset(now) } else { self.die() }
    }

    pub(super) fn begin_drain(&mut self, grace: core::time::Duration, now: Time) {
        self.excuses.is_troubled = true;
        if !self.server.is_closed && !self.server.is_dead {
            self.server.session.drain(now, grace);
            self.server.touch();
        }
    }

    pub(super) fn close_client(&mut self, now: Time) {
        if !self.client.is_closed && !self.client.is_dead {
            self.client.session.drain(now);
            self.client.touch();
        }
    }

    /// Bytes that arrived in both directions.
    pub(super) fn bytes(&self) -> u64 {
        self.up.arrived() + self.down.arrived()
    }

    /// Calls that either session still counts.
    pub(super) fn open_calls(&self) -> (usize, usize) {
        (self.client.session.open_calls(), self.server.session.open_calls())
    }
}
