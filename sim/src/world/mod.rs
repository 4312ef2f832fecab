//! The world: processes, the connections between them, one clock behind all others, and no thread.
//!
//! A step does all that can be done at this moment, checks what must hold, and moves the clock to the next moment at which
//! anything can happen. Nothing but the seed and the calls of its owner decides what that is.

mod channel;
mod client_end;
mod end;
mod faults;
mod process;
mod server_end;
mod wire;

pub use channel::ChannelOptions;
pub use faults::Fault;
pub use process::ProcessId;

use crate::call::{Channel, ServerCall};
use crate::clock::{Clock, Skew};
use crate::ledger::{Ledger, Violation, ensure};
use crate::transcript::Transcript;
use channel::{ChannelState, refuse};
use client_end::named;
use faults::Tally;
use process::{Handler, Process};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;
use wire::Wire;
use zrpc_core::base::{Entropy, Time};
use zrpc_core::rpc::{Code, Status};
use zrpc_core::stack::AnyServerConfig;

/// Turns at one moment, after which something is taken to go in a circle.
const TURNS_MAX: usize = 100_000;

/// Which two processes cannot reach each other.
type Pair = (usize, usize);

/// A whole system on one thread, whose every step follows from a seed.
///
/// ```
/// use std::time::Duration;
/// use zrpc_sim::{ChannelOptions, NewCall, World};
///
/// let mut world = World::new(7);
/// let server = world.server(|call| async move {
///     while let Some(message) = call.message().await {
///         call.clock().sleep(Duration::from_millis(3)).await;
///         call.send(message).await?;
///     }
///     Ok(())
/// });
/// let client = world.client();
/// let channel = world.channel(client, server, ChannelOptions::default());
/// world.spawn(client, async move {
///     let call = channel.start(NewCall::to("/demo.Echo/Say"));
///     call.send("hello".into()).await.unwrap();
///     call.half_close();
///     assert_eq!(call.message().await.unwrap(), "hello");
///     assert!(call.status().await.is_ok());
/// });
/// world.run_until_done(Duration::from_secs(60))?;
/// # Ok::<(), zrpc_sim::Violation>(())
/// ```
pub struct World {
    now: Time,
    entropy: Entropy,
    transcript: Transcript,
    ledger: Ledger,
    processes: Vec<Process>,
    channels: Vec<ChannelState>,
    wires: Vec<Wire>,
    wires_made: usize,
    partitions: BTreeMap<Pair, Time>,
    bytes_of_gone: u64,
    tally: Tally,
}

impl World {
    /// An empty world.
    #[must_use]
    pub fn new(seed: u64) -> World {
        World::keeping(seed, 0)
    }

    /// The same, which also keeps the last lines of its transcript.
    #[must_use]
    pub fn keeping(seed: u64, lines: usize) -> World {
        World {
            now: Time::START,
            entropy: Entropy::from_seed(seed),
            transcript: Transcript::keeping(lines),
            ledger: Ledger::default(),
            processes: Vec::new(),
            channels: Vec::new(),
            wires: Vec::new(),
            wires_made: 0,
            partitions: BTreeMap::new(),
            bytes_of_gone: 0,
            tally: Tally::default(),
        }
    }

    /// A process that answers calls; `handler` is an async function that runs once for each. It serves every carrier, with
    /// the defaults of [`AnyServerConfig`].
    pub fn server<F>(&mut self, handler: impl Fn(ServerCall) -> F + 'static) -> ProcessId
    where
        F: Future<Output = Result<(), Status>> + 'static,
    {
        self.server_with(&AnyServerConfig::default(), Skew::default(), handler)
    }

    /// The same with a configuration of its own and a clock that is off.
    pub fn server_with<F>(
        &mut self,
        config: &AnyServerConfig,
        skew: Skew,
        handler: impl Fn(ServerCall) -> F + 'static,
    ) -> ProcessId
    where
        F: Future<Output = Result<(), Status>> + 'static,
    {
        let handler: Handler = Rc::new(move |call| Box::pin(handler(call)));
        let mut process = Process::new(self.now, skew);
        process.serve(handler, config);
        self.processes.push(process);
        ProcessId(self.processes.len() - 1)
    }

    /// A process that makes calls.
    pub fn client(&mut self) -> ProcessId {
        self.client_with(Skew::default())
    }

    /// The same with a clock that is off.
    pub fn client_with(&mut self, skew: Skew) -> ProcessId {
        self.processes.push(Process::new(self.now, skew));
        ProcessId(self.processes.len() - 1)
    }

    /// A way from one process to another. It connects when there are calls, and again when a connection was lost.
    pub fn channel(&mut self, client: ProcessId, server: ProcessId, options: ChannelOptions) -> Channel {
        let entropy = Entropy::from_seed(self.entropy.next_u64());
        let state = ChannelState::new(self.channels.len(), (client, server), options, entropy);
        let handle = state.handle(&self.processes[client.0]);
        self.channels.push(state);
        handle
    }

    /// Runs a future in a process, until it is done or the process crashes.
    pub fn spawn(&mut self, process: ProcessId, future: impl Future<Output = ()> + 'static) {
        self.processes[process.0].tasks.spawn(future);
    }

    /// The clock of a process.
    #[must_use]
    pub fn clock(&self, process: ProcessId) -> Clock {
        self.processes[process.0].clock.clone()
    }

    /// What time it is behind all clocks.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }

    /// What happened so far.
    #[must_use]
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// Futures of clients that are not done.
    #[must_use]
    pub fn clients_at_work(&self) -> usize {
        self.processes
            .iter()
            .filter(|process| process.service.is_none())
            .map(|process| process.tasks.count())
            .sum()
    }

    /// Does all that can be done at this moment, checks what must hold, and moves on to the next moment, at most `until`.
    /// Answers whether anything is left to happen before.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn step(&mut self, until: Time) -> Result<bool, Violation> {
        self.settle()?;
        self.check()?;
        let next = self.next().filter(|at| *at <= until);
        self.now = next.unwrap_or(until.max(self.now));
        self.partitions.retain(|_, until| *until > self.now);
        Ok(next.is_some())
    }

    /// Goes on for so long.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn run_for(&mut self, duration: Duration) -> Result<(), Violation> {
        let until = self.now + duration;
        while self.step(until)? {}
        self.settle()
    }

    /// Goes on until the code of all clients is done.
    ///
    /// # Errors
    /// The first thing that does not hold; that it takes longer than `at_most`, with what is left, is one.
    pub fn run_until_done(&mut self, at_most: Duration) -> Result<(), Violation> {
        let until = self.now + at_most;
        loop {
            self.settle()?;
            let at_work = self.clients_at_work();
            if at_work == 0 {
                return Ok(());
            }
            let has_more = self.step(until)?;
            ensure!(
                has_more,
                "{at_work} clients are not done after {at_most:?}; calls without an end: {:?}",
                self.ledger.open().collect::<Vec<_>>()
            );
        }
    }

    fn settle(&mut self) -> Result<(), Violation> {
        let now = self.now;
        self.processes.iter_mut().for_each(|process| process.tell_time(now));
        for _ in 0..TURNS_MAX {
            let mut is_busy = false;
            for process in self.processes.iter_mut().filter(|process| process.runs()) {
                is_busy |= process.tasks.run(&mut self.entropy);
            }
            is_busy |= self.start_calls()?;
            for wire in &mut self.wires {
                let books = (&mut self.ledger, &mut self.transcript);
                let turned = wire.turn(now, &mut self.processes, books, &mut self.entropy);
                is_busy |=
                    turned.map_err(|violation| Violation(format!("wire {}: {violation}", wire.number)))?;
            }
            if !is_busy {
                let gone = self.wires.extract_if(.., |wire| wire.is_over());
                self.bytes_of_gone += gone.map(|wire| wire.bytes()).sum::<u64>();
                return Ok(());
            }
        }
        Err(Violation(format!("at {now:?} something goes in a circle")))
    }

    fn start_calls(&mut self) -> Result<bool, Violation> {
        let mut is_busy = false;
        for at in 0..self.channels.len() {
            let process = &self.processes[self.channels[at].client.0];
            if !process.runs() {
                continue;
            }
            let now = process.clock.now();
            while let Some(start) = self.channels[at].next_start() {
                is_busy = true;
                if self.channels[at].taking(&mut self.wires, now).is_none()
                    && self.channels[at].may_connect(now)
                {
                    self.connect(at);
                }
                let Some(wire) = self.channels[at].taking(&mut self.wires, now) else {
                    refuse(&start, &mut self.ledger, self.now, now)?;
                    continue;
                };
                wire.start(start, self.now, now, (&mut self.ledger, &mut self.transcript))?;
            }
        }
        Ok(is_busy)
    }

    fn connect(&mut self, at: usize) {
        let channel = &mut self.channels[at];
        let (client, server) = (channel.client.0, channel.server.0);
        let accepts = {
            let process = &self.processes[server];
            process.is_up && process.service.as_ref().is_some_and(|service| !service.is_draining)
        };
        let is_cut = self.partitions.contains_key(&(client.min(server), client.max(server)));
        let wire = (accepts && !is_cut)
            .then(|| channel.connect(self.now, self.wires_made, &self.processes))
            .flatten();
        match wire {
            Some(wire) => {
                self.transcript
                    .note(self.now, format_args!("wire {} from {client} to {server}", wire.number));
                self.wires_made += 1;
                self.wires.push(wire);
            }
            None => channel.on_failure(self.processes[client].clock.now()),
        }
    }

    /// What must hold after each step, besides what each event is checked for.
    fn check(&self) -> Result<(), Violation> {
        for wire in &self.wires {
            let process = &self.processes[wire.client_process];
            if !process.runs() || wire.client.is_dead {
                continue;
            }
            for live in wire.client.calls.values() {
                named(live, self.ledger.check_deadline(live.key, process.clock.now()))?;
            }
        }
        Ok(())
    }

    fn next(&mut self) -> Option<Time> {
        let (now, processes) = (self.now, &self.processes);
        let own = processes.iter().filter_map(Process::next);
        let wires = self.wires.iter_mut().filter_map(|wire| wire.next(now, processes));
        own.chain(wires).min().map(|at| at.max(now + Duration::from_nanos(1)))
    }

    /// Ends of calls as their clients were told, by code.
    #[must_use]
    pub fn ends(&self) -> &BTreeMap<Code, u64> {
        self.ledger.ends()
    }

    /// Messages and bytes that arrived, at all ends.
    #[must_use]
    pub fn traffic(&self) -> (u64, u64) {
        (self.ledger.messages(), self.bytes_of_gone + self.wires.iter().map(Wire::bytes).sum::<u64>())
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (processes, wires) = (self.processes.len(), self.wires.len());
        f.debug_struct("World")
            .field("now", &self.now)
            .field("processes", &processes)
            .field("wires", &wires)
            .finish()
    }
}
