//! What can happen to a world: links that stall, vanish or reset, processes that crash, stop or drain, clocks that jump.
//! And the way back: [`World::heal`].

use super::{ProcessId, World};
use crate::ledger::{Violation, ensure};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use zrpc_core::base::Time;

/// How often what happened.
pub(super) type Tally = BTreeMap<&'static str, u64>;

/// One thing that goes wrong. Between processes, all connections of the two are meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Nothing moves between the two for so long; then it goes on where it stood.
    Stall(ProcessId, ProcessId, Duration),
    /// As `Stall`, and no connection can be made meanwhile.
    Partition(ProcessId, ProcessId, Duration),
    /// The connections are dead and neither side is told: half open.
    Vanish(ProcessId, ProcessId),
    /// The connections are reset.
    Reset(ProcessId, ProcessId),
    /// The process is gone at once with all that it held, and starts again after so long. Its peers see resets.
    Crash(ProcessId, Duration),
    /// The same, and its peers see nothing: the machine is gone, or unplugged.
    PowerOff(ProcessId, Duration),
    /// The process stands still for so long and does not notice, as in a suspended virtual machine.
    Stop(ProcessId, Duration),
    /// The process's clock jumps ahead.
    Jump(ProcessId, Duration),
    /// The server takes no new calls, lets open ones go on for so long, and then starts again.
    Drain(ProcessId, Duration),
}

impl Fault {
    /// What tallies call it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Fault::Stall(..) => "stall",
            Fault::Partition(..) => "partition",
            Fault::Vanish(..) => "vanish",
            Fault::Reset(..) => "reset",
            Fault::Crash(..) => "crash",
            Fault::PowerOff(..) => "power off",
            Fault::Stop(..) => "stop",
            Fault::Jump(..) => "clock jump",
            Fault::Drain(..) => "drain",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Stall(a, b, d) | Fault::Partition(a, b, d) => {
                write!(f, "{} of {} and {} for {d:?}", self.kind(), a.0, b.0)
            }
            Fault::Vanish(a, b) | Fault::Reset(a, b) => {
                write!(f, "{} between {} and {}", self.kind(), a.0, b.0)
            }
            Fault::Crash(p, d)
            | Fault::PowerOff(p, d)
            | Fault::Stop(p, d)
            | Fault::Jump(p, d)
            | Fault::Drain(p, d) => write!(f, "{} of {} for {d:?}", self.kind(), p.0),
        }
    }
}

impl World {
    /// Lets a fault happen at this moment.
    pub fn inject(&mut self, fault: Fault) {
        *self.tally.entry(fault.kind()).or_default() += 1;
        self.transcript.note(self.now, format_args!("fault: {fault}"));
        let now = self.now;
        match fault {
            Fault::Stall(a, b, duration) => self.stall(a, b, now + duration),
            Fault::Partition(a, b, duration) => {
                self.stall(a, b, now + duration);
                self.partitions.insert((a.0.min(b.0), a.0.max(b.0)), now + duration);
            }
            Fault::Vanish(a, b) => self.wires_between(a, b).for_each(|wire| wire.die()),
            Fault::Reset(a, b) => self.wires_between(a, b).for_each(|wire| wire.reset(now)),
            Fault::Crash(process, down) => self.crash(process, down, true),
            Fault::PowerOff(process, down) => self.crash(process, down, false),
            Fault::Stop(process, duration) => {
                self.wires_of(process).for_each(|wire| {
                    wire.excuses.is_untimely = true;
                    wire.excuses.is_troubled = true;
                });
                self.processes[process.0].stopped_until = Some(now + duration);
            }
            Fault::Jump(process, by) => {
                self.wires_of(process).for_each(|wire| {
                    wire.excuses.is_untimely = true;
                    wire.excuses.is_troubled = true;
                });
                self.processes[process.0].jump(by);
            }
            Fault::Drain(process, grace) => {
                let at = self.processes[process.0].clock.now();
                if self.processes[process.0].runs() {
                    self.wires_of(process).for_each(|wire| wire.begin_drain(grace, at));
                }
            }
        }
    }

    fn stall(&mut self, a: ProcessId, b: ProcessId, until: Time) {
        self.wires_between(a, b).for_each(|wire| wire.stall(until));
    }

    fn crash(&mut self, process: ProcessId, down: Duration, is_told: bool) {
        let now = self.now;
        self.wires_of(process).for_each(|wire| wire.lose(process.0, now, is_told));
        self.channels
            .iter_mut()
            .filter(|channel| channel.client == process)
            .for_each(|channel| channel.crash());
        let crashed = &mut self.processes[process.0];
        crashed.tasks.crash();
        crashed.is_up = false;
        crashed.stopped_until = None;
        crashed.down_until = Some(now + down);
    }

    fn wires_of(&mut self, process: ProcessId) -> impl Iterator<Item = &mut super::wire::Wire> {
        let is_of = move |wire: &&mut super::wire::Wire| {
            wire.client_process == process.0 || wire.server_process == process.0
        };
        self.wires.iter_mut().filter(is_of)
    }

    fn wires_between(&mut self, a: ProcessId, b: ProcessId) -> impl Iterator<Item = &mut super::wire::Wire> {
        self.wires_of(a).filter(move |wire| wire.client_process == b.0 || wire.server_process == b.0)
    }

    /// The end of all faults: partitions are over, processes run again, and connections whose other end is gone are reset,
    /// as they are when the next packet meets a machine that knows nothing of it.
    pub fn heal(&mut self) {
        let now = self.now;
        self.transcript.note(now, format_args!("healed"));
        self.partitions.clear();
        for process in &mut self.processes {
            process.stopped_until = None;
            process.restart();
        }
        for wire in &mut self.wires {
            wire.resume(now);
            if wire.is_half_open() {
                wire.reset(now);
            }
        }
    }

    /// Drains every server and closes every client, and demands that nothing is left after `at_most`: no connection, no
    /// call, no handler.
    ///
    /// # Errors
    /// What is left.
    pub fn wind_down(&mut self, at_most: Duration) -> Result<(), Violation> {
        for wire in &mut self.wires {
            wire.begin_drain(at_most / 2, self.processes[wire.server_process].clock.now());
        }
        self.run_for(at_most / 2)?;
        for wire in &mut self.wires {
            wire.close_client(self.processes[wire.client_process].clock.now());
        }
        self.run_for(at_most / 2)?;
        if let Some(wire) = self.wires.first() {
            let (number, calls) = (wire.number, wire.open_calls());
            let ends = (wire.client.is_closed, wire.server.is_closed);
            return Err(Violation(format!("wire {number} does not end; calls {calls:?}, closed {ends:?}")));
        }
        let handlers: usize = self.processes.iter().map(|process| process.tasks.count()).sum();
        ensure!(handlers == 0, "{handlers} handlers are left");
        Ok(())
    }

    /// Faults that happened, by kind.
    #[must_use]
    pub fn faults(&self) -> &BTreeMap<&'static str, u64> {
        &self.tally
    }
}
