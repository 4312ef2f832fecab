//! One end of a connection: a session, the calls on it, and what it has to write. A real driver's turn, without a socket.

use crate::call::{CallKey, SharedHalf};
use crate::ledger::{Excuses, Ledger, Violation, ensure};
use crate::link::{LinkEnd, StreamLink};
use crate::transcript::{Transcript, hash_of};
use bytes::Bytes;
use std::collections::BTreeMap;
use zrpc_core::base::{Entropy, Machine, Out, Output, Time, Wake};
use zrpc_core::rpc::CallId;

/// What a system's receive buffer holds.
const READ_MAX: usize = 64 * 1024;

/// A call on a connection.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) key: CallKey,
    pub(super) half: SharedHalf,
    pub(super) compresses: bool,
}

/// What a turn needs besides the session.
pub(super) struct Turn<'a> {
    /// What time it is in the world, and by the clock of this end's process.
    pub(super) world: Time,
    pub(super) now: Time,
    pub(super) name: (usize, &'static str),
    pub(super) ledger: &'a mut Ledger,
    pub(super) transcript: &'a mut Transcript,
    pub(super) excuses: &'a mut Excuses,
    /// A call that is given up takes its connection with it, as on HTTP/1.1.
    pub(super) ends_with_its_calls: bool,
}

impl Turn<'_> {
    pub(super) fn note(&mut self, what: std::fmt::Arguments<'_>) {
        let (wire, side) = self.name;
        self.transcript.note(self.world, format_args!("wire {wire} {side} {what}"));
    }
}

/// One end of a connection.
#[derive(Debug)]
pub(super) struct End<S> {
    pub(super) session: S,
    pub(super) calls: BTreeMap<CallId, Live>,
    out: Out,
    /// By the clock of its process.
    wake: Option<Wake>,
    /// Something came in, or a command was given.
    is_dirty: bool,
    /// The session had more to write than there was room for.
    is_held_back: bool,
    /// The session has had its last event.
    pub(super) is_closed: bool,
    /// The end of what it writes was handed to the link.
    has_shut_down: bool,
    /// Its process is gone.
    pub(super) is_dead: bool,
}

impl<S: Machine> End<S> {
    pub(super) fn new(session: S) -> End<S> {
        End {
            session,
            calls: BTreeMap::new(),
            out: Out::with_room(0),
            wake: None,
            is_dirty: true,
            is_held_back: false,
            is_closed: false,
            has_shut_down: false,
            is_dead: false,
        }
    }

    /// Its session is to be polled.
    pub(super) fn touch(&mut self) {
        self.is_dirty = true;
    }

    /// Takes in what the link delivers. Says whether anything came.
    pub(super) fn read(&mut self, link: &mut StreamLink, turn: &mut Turn<'_>) -> bool {
        if self.is_dead || link.next().is_none_or(|at| at > turn.world) {
            return false;
        }
        let takes = self.is_closed || self.session.wants_input();
        let mut arrived = Out::with_room(if takes { READ_MAX } else { 0 });
        let output = link.poll_output(turn.world, &mut arrived);
        let has_arrived = !arrived.is_empty();
        if has_arrived {
            let bytes = Bytes::from(arrived.to_vec());
            turn.note(format_args!("reads {} bytes {:016x}", bytes.len(), hash_of(&bytes)));
            if !self.is_closed {
                self.session.handle_input(turn.now, bytes);
                self.is_dirty = true;
            }
        }
        let Output::Event(end) = output else { return has_arrived };
        turn.note(format_args!("reads {end:?}"));
        if !self.is_closed {
            self.session.handle_eof(turn.now);
            self.is_dirty = true;
        }
        if end == LinkEnd::Reset {
            self.out.clear();
            self.has_shut_down = true;
        }
        true
    }

    /// Polls the session until it is idle and writes all that came of it, as far as the link takes it. Says whether
    /// anything was done.
    pub(super) fn turn(
        &mut self,
        link: &mut StreamLink,
        turn: &mut Turn<'_>,
        entropy: &mut Entropy,
        mut on_event: impl FnMut(&mut End<S>, &mut Turn<'_>, S::Event) -> Result<(), Violation>,
    ) -> Result<bool, Violation> {
        let is_due = self.wake.is_some_and(|wake| wake.at <= turn.now);
        let has_room = self.is_held_back && link.room() > 0;
        if self.is_dead || !(self.is_dirty || is_due || has_room) {
            return Ok(self.write(link, turn));
        }
        self.is_dirty = false;
        self.wake = None;
        // Systems take as much as they like of a write.
        self.out.set_room(1 + entropy.below(32 * 1024) as usize);
        loop {
            match self.session.poll_output(turn.now, &mut self.out) {
                Output::Event(event) => on_event(self, turn, event)?,
                Output::Full(wake) | Output::Idle(wake) if wake.is_some_and(|wake| wake.at <= turn.now) => {
                    return Err(Violation(format!("{wake:?} at {:?}: the machine spins", turn.now)));
                }
                Output::Full(wake) => {
                    self.is_held_back = true;
                    self.wake = wake;
                    break;
                }
                Output::Idle(wake) => {
                    self.is_held_back = false;
                    self.wake = wake;
                    break;
                }
            }
        }
        self.write(link, turn);
        Ok(true)
    }

    fn write(&mut self, link: &mut StreamLink, turn: &mut Turn<'_>) -> bool {
        let mut has_written = false;
        while !self.out.is_empty() && !self.is_dead {
            let room = link.room();
            let Some(chunk) = self.out.chunks().next() else { break };
            let len = chunk.len().min(room);
            if len == 0 {
                break;
            }
            let bytes = Bytes::copy_from_slice(&chunk[..len]);
            turn.note(format_args!("writes {len} bytes {:016x}", hash_of(&bytes)));
            link.handle_input(turn.world, bytes);
            self.out.advance(len);
            has_written = true;
        }
        if self.out.is_empty() && self.is_held_back && !self.is_dead {
            self.is_dirty = true;
            has_written = true;
        }
        if self.is_closed && self.out.is_empty() && !self.is_held_back && !self.has_shut_down {
            self.has_shut_down = true;
            link.handle_eof(turn.world);
            has_written = true;
        }
        has_written
    }

    /// When the session wants to be polled by itself, by the clock of its process.
    pub(super) fn wake(&self) -> Option<Time> {
        self.wake.filter(|_| !self.is_dead).map(|wake| wake.at)
    }

    /// Nothing is left to do for it.
    pub(super) fn is_over(&self) -> bool {
        self.is_dead || (self.is_closed && self.has_shut_down)
    }

    /// A call whose events may still come.
    pub(super) fn live(&self, call: CallId) -> Result<&Live, Violation> {
        self.calls
            .get(&call)
            .ok_or_else(|| Violation(format!("an event of {call:?}, which is over or never was")))
    }

    /// The session has had its last event: no call may be left.
    pub(super) fn close(&mut self, turn: &mut Turn<'_>) -> Result<(), Violation> {
        self.is_closed = true;
        self.is_held_back = false;
        turn.note(format_args!("is closed"));
        let left: Vec<CallKey> = self.calls.values().map(|live| live.key).collect();
        ensure!(left.is_empty(), "the connection is over and these calls were not ended: {left:?}");
        Ok(())
    }

    /// What its process held of it is gone: the session and its calls without a word.
    pub(super) fn crash(&mut self) {
        self.is_dead = true;
        self.calls.clear();
        self.out.clear();
    }
}
