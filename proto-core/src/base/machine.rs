//! The two verbs of every machine, and what a turn answers.
//!
//! A driver's turn is the same for each of them:
//!
//! ```text
//! machine.handle_input(now, bytes);
//! loop { match machine.poll_output(now, &mut out) { Event(e) => .., Full(w) | Idle(w) => { wake = w; break } } }
//! write(out); set_timer(wake);
//! ```

use crate::base::{Out, Time};
use alloc::boxed::Box;
use bytes::Bytes;

/// The next instant at which a machine must be polled again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wake {
    /// When; always later than the `now` of the poll that answered it.
    pub at: Time,
    /// What the machine waits for, for logs and for the simulator.
    pub why: &'static str,
}

impl Wake {
    /// The earlier of two optional wakes.
    #[must_use]
    pub fn earlier(a: Option<Wake>, b: Option<Wake>) -> Option<Wake> {
        match (a, b) {
            (Some(a), Some(b)) => Some(if b.at < a.at { b } else { a }),
            (a, b) => a.or(b),
        }
    }
}

/// The answer of one poll.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "an event that is dropped is lost, and a wake that is dropped stalls the machine"]
pub enum Output<E> {
    /// Something happened; poll again.
    Event(E),
    /// Bytes wait for room in `out`: write what is there, then poll again.
    Full(Option<Wake>),
    /// Nothing is queued anywhere until new input, a command, or the wake.
    Idle(Option<Wake>),
}

/// What every protocol machine can do. Commands and getters are each machine's own.
pub trait Machine {
    /// What the machine reports to its owner.
    type Event;

    /// Takes bytes that arrived, in order. Stores them; parses and copies nothing yet.
    fn handle_input(&mut self, now: Time, input: Bytes);

    /// The peer will send no more bytes.
    fn handle_eof(&mut self, now: Time);

    /// Whether more input is of use now. A driver that can leave bytes where they are reads no more while this says no, so
    /// that a machine without flow control of its own pushes back through the transport's.
    fn wants_input(&self) -> bool {
        true
    }

    /// Parses as far as the next event and returns it; when the input is used up, fires each timer that is due
    /// at `now`; then writes queued frames into `out` while it has room.
    fn poll_output(&mut self, now: Time, out: &mut Out) -> Output<Self::Event>;
}

impl<M: Machine + ?Sized> Machine for Box<M> {
    type Event = M::Event;

    fn handle_input(&mut self, now: Time, input: Bytes) {
        (**self).handle_input(now, input);
    }

    fn handle_eof(&mut self, now: Time) {
        (**self).handle_eof(now);
    }

    fn wants_input(&self) -> bool {
        (**self).wants_input()
    }

    fn poll_output(&mut self, now: Time, out: &mut Out) -> Output<Self::Event> {
        (**self).poll_output(now, out)
    }
}

impl<M: Machine + ?Sized> Machine for &mut M {
    type Event = M::Event;

    fn handle_input(&mut self, now: Time, input: Bytes) {
        (**self).handle_input(now, input);
    }

    fn handle_eof(&mut self, now: Time) {
        (**self).handle_eof(now);
    }

    fn wants_input(&self) -> bool {
        (**self).wants_input()
    }

    fn poll_output(&mut self, now: Time, out: &mut Out) -> Output<Self::Event> {
        (**self).poll_output(now, out)
    }
}
