//! One run of a script under a schedule, and the laws that hold at every poll of it: L1, L2, L7 and L8.

use crate::base::laws::schedule::Schedule;
use crate::base::laws::script::{Act, Script, Step};
use crate::base::laws::subject::{EventOf, Subject};
use crate::base::laws::{Breach, Law};
use crate::base::{Machine, Misuse, Out, Output, Time, Wake};
use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;

/// Polls that one instant may take; more is a machine that spins.
const POLLS_PER_INSTANT_MAX: u32 = 100_000;
/// Wakes that one pause may take; more is a machine that keeps its driver busy.
const WAKES_PER_PAUSE_MAX: u32 = 20_000;

/// What a run did, in full.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Trace<E> {
    pub events: Vec<(Time, E)>,
    pub sent: Vec<u8>,
    /// How much had been sent by when.
    pub sent_by: Vec<(Time, usize)>,
    /// Where each poll that wrote something left the output.
    pub ends_of_polls: Vec<usize>,
    pub is_over: bool,
    pub polls: u64,
}

/// Runs `script` on a fresh subject.
pub(super) fn run<S: Subject>(
    seed: u64,
    script: &Script<S::Command>,
    schedule: Schedule,
) -> Result<Trace<EventOf<S>>, Breach> {
    let mut run = Run::<S>::new(seed, schedule);
    run.settle()?;
    let mut is_probed = false;
    for step in &script.steps {
        run.step(step)?;
        if run.trace.is_over && !is_probed {
            is_probed = true;
            run.probe(script)?;
        }
    }
    Ok(run.trace)
}

struct Run<S: Subject> {
    subject: S,
    schedule: Schedule,
    now: Time,
    wake: Option<Wake>,
    out: Out,
    is_eof: bool,
    written: usize,
    trace: Trace<EventOf<S>>,
}

impl<S: Subject> Run<S> {
    fn new(seed: u64, schedule: Schedule) -> Run<S> {
        let trace = Trace {
            events: Vec::new(),
            sent: Vec::new(),
            sent_by: Vec::new(),
            ends_of_polls: Vec::new(),
            is_over: false,
            polls: 0,
        };
        // Not a whole millisecond: a machine must not count on round numbers.
        let now = Time::from_nanos(1_000_000_007);
        let subject = S::build(seed, now);
        let out = Out::with_room(0);
        Run { subject, schedule, now, wake: None, out, is_eof: false, written: 0, trace }
    }

    fn step(&mut self, step: &Step<S::Command>) -> Result<(), Breach> {
        self.sleep(step.wait)?;
        match &step.act {
            Act::Part(bytes) if !self.is_eof => {
                self.subject.machine().handle_input(self.now, bytes.clone());
                return self.read_a_little();
            }
            Act::Input(bytes) if !self.is_eof => {
                self.subject.machine().handle_input(self.now, bytes.clone());
            }
            Act::Eof if !self.is_eof => {
                self.is_eof = true;
                self.subject.machine().handle_eof(self.now);
            }
            Act::Command(command) => self.command(command)?,
            Act::Input(_) | Act::Part(_) | Act::Eof | Act::Nothing => {}
        }
        self.settle()
    }

    fn command(&mut self, command: &S::Command) -> Result<(), Breach> {
        let answer = self.subject.on_command(self.now, command);
        self.check_memory()?;
        if self.trace.is_over && !S::is_infallible(command) && answer != Err(Misuse::Closed) {
            let what = format!("after the last event, {command:?} answered {answer:?}, not Misuse::Closed");
            return Err((Law::Fuse, what));
        }
        Ok(())
    }

    /// After the end, every command of the script is refused.
    fn probe(&mut self, script: &Script<S::Command>) -> Result<(), Breach> {
        for command in script.commands() {
            self.command(command)?;
        }
        self.settle()
    }

    /// Lets time pass: polls when the machine asked for it, and at whatever other instants the schedule adds.
    fn sleep(&mut self, duration: Duration) -> Result<(), Breach> {
        let end = self.now + duration;
        let mut wakes = 0;
        while self.now < end {
            let target = self.wake.map_or(end, |wake| wake.at.min(end));
            if let Some(instant) = self.schedule.tick(self.now, target) {
                self.now = instant;
                self.settle()?;
                continue;
            }
            self.now = target;
            if self.wake.is_some_and(|wake| wake.at <= target) {
                wakes += 1;
                if wakes > WAKES_PER_PAUSE_MAX {
                    return Err((Law::NoSpin, format!("more than {wakes} wakes in a pause of {duration:?}")));
                }
                self.settle()?;
            }
        }
        Ok(())
    }

    /// Polls without room: what was written now would race with the rest of the input, as it does on a real wire.
    fn read_a_little(&mut self) -> Result<(), Breach> {
        for _ in 0..self.schedule.polls_between_parts() {
            if !matches!(self.poll(0)?, Output::Event(_)) {
                break;
            }
        }
        Ok(())
    }

    /// Polls until nothing is left to do at this instant.
    fn settle(&mut self) -> Result<(), Breach> {
        for _ in 0..POLLS_PER_INSTANT_MAX {
            let room = self.schedule.room();
            match self.poll(room)? {
                Output::Event(_) => {}
                Output::Full(_) => self.send_some(),
                Output::Idle(wake) => {
                    self.wake = wake;
                    self.send_all();
                    return self.check_quiet();
                }
            }
        }
        Err((Law::NoSpin, format!("{POLLS_PER_INSTANT_MAX} polls at one instant did not reach Idle")))
    }

    fn poll(&mut self, room: usize) -> Result<Output<EventOf<S>>, Breach> {
        self.out.set_room(room);
        let (had_room, len) = (self.out.has_room(), self.out.len());
        let output = self.subject.machine().poll_output(self.now, &mut self.out);
        self.trace.polls += 1;
        let written = self.out.len() - len;
        if written > 0 {
            self.written += written;
            self.trace.ends_of_polls.push(self.written);
        }
        if written > 0 && !had_room {
            return Err((Law::Room, format!("{written} bytes were written into an output without room")));
        }
        match &output {
            Output::Event(event) => self.on_event(event.clone())?,
            Output::Full(_) if had_room && written == 0 => {
                return Err((Law::NoSpin, "Full, although there was room and nothing was written".into()));
            }
            Output::Full(wake) | Output::Idle(wake) => self.check_wake(*wake)?,
        }
        self.check_memory()?;
        Ok(output)
    }

    fn on_event(&mut self, event: EventOf<S>) -> Result<(), Breach> {
        if self.trace.is_over {
            return Err((Law::Fuse, format!("{event:?} came after the last event")));
        }
        self.trace.is_over = S::is_fatal(&event);
        self.subject.on_event(self.now, &event);
        self.trace.events.push((self.now, event));
        Ok(())
    }

    fn send_some(&mut self) {
        let taken = if self.out.is_empty() { 0 } else { self.schedule.taken(self.out.len()) };
        self.send(taken);
    }

    fn send_all(&mut self) {
        self.send(self.out.len());
    }

    fn send(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        let mut left = count;
        for chunk in self.out.chunks() {
            let part = &chunk[..chunk.len().min(left)];
            self.trace.sent.extend_from_slice(part);
            left -= part.len();
        }
        self.out.advance(count);
        let total = self.trace.sent.len();
        match self.trace.sent_by.last_mut() {
            Some((at, by)) if *at == self.now => *by = total,
            _ => self.trace.sent_by.push((self.now, total)),
        }
    }

    fn check_wake(&self, wake: Option<Wake>) -> Result<(), Breach> {
        let Some(wake) = wake else { return Ok(()) };
        if wake.at <= self.now {
            let (at, now) = (wake.at.as_nanos(), self.now.as_nanos());
            let what = format!("the wake for {:?} is at {at} ns, not later than now, {now} ns", wake.why);
            return Err((Law::NoSpin, what));
        }
        Ok(())
    }

    fn check_quiet(&mut self) -> Result<(), Breach> {
        let mut out = Out::with_room(1 << 24);
        let again = self.subject.machine().poll_output(self.now, &mut out);
        self.trace.polls += 1;
        let idle = Output::Idle(self.wake);
        if again != idle || !out.is_empty() {
            let what =
                format!("{idle:?} was followed by {again:?} and {} bytes at the same instant", out.len());
            return Err((Law::Quiet, what));
        }
        if self.trace.is_over
            && let Some(wake) = self.wake
        {
            return Err((
                Law::Fuse,
                format!("after the last event the machine still waits for {:?}", wake.why),
            ));
        }
        Ok(())
    }

    fn check_memory(&self) -> Result<(), Breach> {
        let (held, max) = (self.subject.memory(), S::memory_max());
        if held > max {
            return Err((Law::Bounded, format!("the machine holds {held} bytes; its limits allow {max}")));
        }
        Ok(())
    }
}
