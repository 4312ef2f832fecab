//! A connection that several threads share: who polls, who writes, who reads.
//!
//! The lock covers only what happens in memory. Two roles stand beside it, each held by one thread at a time:
//!
//! * the **writer** has the bytes that leave and is in a system call with them; others leave theirs in the queue,
//!   and it comes back for them;
//! * the **reader** has the read buffer, waits for the transport, and feeds what came to the machine.
//!
//! A reader waits in one of two ways. *Attentive*, it can be woken by others: because bytes are stuck and somebody
//! must wait for room, because the machine wants to be polled earlier than it wanted before, or because another
//! thread's turn brought what the reader waits for. *Deaf*, it sits in a
//! single `recv`, which is the fastest way to wait for an answer, and allowed only to a thread whose answer no other
//! thread can bring.

use crate::clock;
use crate::pump::{Pump, ReadBuffer, linger, write_out};
use crate::transport::{Transport, is_not_ready};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use zrpc_core::base::{Machine, Time};

/// What becomes of a machine's events.
pub(crate) trait Calls<M: Machine> {
    /// Takes an event; may give the machine commands.
    fn on_event(&mut self, machine: &mut M, now: Time, event: M::Event);

    /// The transport is gone and the machine has said all that it will.
    fn on_lost(&mut self);

    /// The machine has no more events at the moment.
    fn on_idle(&mut self, machine: &mut M, now: Time);

    /// Whether the machine's last event has come.
    fn is_over(&self) -> bool;

    /// Whether something came, by a turn of another thread, that the thread which reads should look at.
    fn has_news_for_reader(&self) -> bool;
}

pub(crate) struct Link<M, C> {
    transport: Box<dyn Transport>,
    shared: Mutex<Shared<M, C>>,
}

/// What the lock covers.
pub(crate) struct Shared<M, C> {
    pub(crate) pump: Pump<M>,
    pub(crate) calls: C,
    /// The last look at the clock.
    pub(crate) now: Time,
    /// When the transport was read last.
    pub(crate) last_read: Time,
    reader: Reader,
    /// Why the transport was lost, when it did not just end.
    pub(crate) lost: Option<io::Error>,
}

enum Reader {
    /// Who takes the buffer reads.
    Free(ReadBuffer),
    /// A thread has it, and handles what it read.
    Working,
    /// A thread has it, and waits.
    Waiting { deaf: bool, for_room: bool, until: Option<Time> },
}

/// How the reader waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Hearing {
    Attentive,
    Deaf,
}

pub(crate) type Guard<'a, M, C> = MutexGuard<'a, Shared<M, C>>;

impl<M, C> Shared<M, C> {
    /// Takes the reader's role, if it is free.
    pub(crate) fn take_reader(&mut self) -> Option<ReadBuffer> {
        match std::mem::replace(&mut self.reader, Reader::Working) {
            Reader::Free(buffer) => Some(buffer),
            taken => {
                self.reader = taken;
                None
            }
        }
    }

    /// Lets another thread read.
    pub(crate) fn release_reader(&mut self, buffer: ReadBuffer) {
        self.reader = Reader::Free(buffer);
    }

    /// Whether nobody reads.
    pub(crate) fn reader_is_free(&self) -> bool {
        matches!(self.reader, Reader::Free(_))
    }

    /// Whether the reader cannot be woken.
    pub(crate) fn reader_is_deaf(&self) -> bool {
        matches!(self.reader, Reader::Waiting { deaf: true, .. })
    }
}

impl<M: Machine, C: Calls<M>> Link<M, C> {
    pub(crate) fn new(transport: Box<dyn Transport>, machine: M, calls: C) -> Link<M, C> {
        let now = clock::now();
        let shared = Shared {
            pump: Pump::new(machine),
            calls,
            now,
            last_read: now,
            reader: Reader::Free(ReadBuffer::default()),
            lost: None,
        };
        Link { transport, shared: Mutex::new(shared) }
    }

    pub(crate) fn transport(&self) -> &dyn Transport {
        &*self.transport
    }

    /// A panic of a handler never happens under the lock, so that a poisoned lock still guards whole data.
    pub(crate) fn lock(&self) -> Guard<'_, M, C> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One turn: hands out every event, then writes everything, unless another thread is at it.
    pub(crate) fn turn<'a>(&'a self, mut guard: Guard<'a, M, C>) -> Guard<'a, M, C> {
        guard.now = clock::now();
        self.turn_now(guard)
    }

    /// One turn at a time that was looked at just before.
    pub(crate) fn turn_now<'a>(&'a self, mut guard: Guard<'a, M, C>) -> Guard<'a, M, C> {
        loop {
            guard = self.poll(guard);
            let Some(mut out) = guard.pump.take_output() else { break };
            if out.has_attachments() {
                let notes = out.take_attachments();
                self.transport.exchange().inspect(|exchange| exchange.leave(&notes));
            }
            drop(guard);
            let written = write_out(&*self.transport, &mut out);
            guard = self.lock();
            guard.pump.put_back(out, &written);
            if let Err(error) = written {
                // The reader sees the end of the connection, after what the peer may have said before it.
                self.transport.shutdown();
                guard.lost.get_or_insert(error);
            }
            if !guard.pump.has_more() {
                break;
            }
        }
        self.alert(&guard);
        guard
    }

    /// Half a turn: hands out every event and writes nothing, for a thread that has more to say. It is still the time
    /// of the last look at the clock.
    pub(crate) fn poll<'a>(&'a self, mut guard: Guard<'a, M, C>) -> Guard<'a, M, C> {
        let shared = &mut *guard;
        while let Some(event) = shared.pump.poll_event(shared.now) {
            shared.calls.on_event(shared.pump.machine(), shared.now, event);
        }
        shared.calls.on_idle(shared.pump.machine(), shared.now);
        guard
    }

    /// The reader's turn: waits for the transport or for the machine's time, feeds what came, and takes a turn.
    pub(crate) fn read_turn<'a>(
        &'a self,
        mut guard: Guard<'a, M, C>,
        buffer: &mut ReadBuffer,
        hearing: Hearing,
    ) -> Guard<'a, M, C> {
        guard = self.read(guard, buffer, hearing);
        self.turn_now(guard)
    }

    /// The reader's part of a turn, up to the events of what it read.
    pub(crate) fn read<'a>(
        &'a self,
        mut guard: Guard<'a, M, C>,
        buffer: &mut ReadBuffer,
        hearing: Hearing,
    ) -> Guard<'a, M, C> {
        let for_room = guard.pump.is_stuck();
        // A write that another thread is in may come to a halt, of which a deaf reader would never hear.
        let deaf = hearing == Hearing::Deaf && !for_room && !guard.pump.is_writing();
        let until = guard.pump.wake().map(|wake| wake.at);
        guard.reader = Reader::Waiting { deaf, for_room, until };
        drop(guard);
        let timeout = until.map(clock::until);
        let read = if deaf {
            buffer.fill(|room| self.transport.read_waiting(room, timeout))
        } else {
            self.transport
                .wait(for_room, timeout)
                .and_then(|()| buffer.fill(|room| self.transport.read(room)))
        };
        guard = self.lock();
        guard.reader = Reader::Working;
        if for_room {
            guard.pump.retry();
        }
        self.feed(guard, read)
    }

    /// Reads what is there without waiting, for a connection that nobody has read for a while.
    pub(crate) fn freshen<'a>(&'a self, mut guard: Guard<'a, M, C>) -> Guard<'a, M, C> {
        let Some(mut buffer) = guard.take_reader() else { return guard };
        while !guard.calls.is_over() {
            drop(guard);
            let read = buffer.fill(|room| self.transport.read(room));
            guard = self.lock();
            let nothing = read.as_ref().is_err_and(is_not_ready);
            guard = self.feed(guard, read);
            if nothing {
                break;
            }
            guard = self.poll(guard);
        }
        guard.release_reader(buffer);
        self.turn(guard)
    }

    /// Sends what is left of a connection that is over, and ends it as [`pump::drive`](crate::pump::drive) does.
    pub(crate) fn linger(&self, buffer: &mut ReadBuffer, longest: Duration) {
        linger(&*self.transport, buffer, longest, || {
            let mut guard = self.lock();
            guard.pump.retry();
            self.turn(guard).pump.is_written()
        });
    }

    fn feed<'a>(&'a self, mut guard: Guard<'a, M, C>, read: io::Result<bytes::Bytes>) -> Guard<'a, M, C> {
        let now = clock::now();
        guard.now = now;
        guard.last_read = now;
        match read {
            Ok(bytes) if !bytes.is_empty() => {
                guard.pump.machine().handle_input(now, bytes);
                return guard;
            }
            Err(error) if is_not_ready(&error) => return guard,
            Err(error) => drop(guard.lost.get_or_insert(error)),
            Ok(_) => {}
        }
        guard.pump.machine().handle_eof(now);
        guard = self.poll(guard);
        guard.calls.on_lost();
        guard
    }

    /// Wakes the reader when this turn left something that it must wait for, and does not yet.
    fn alert(&self, guard: &Guard<'_, M, C>) {
        let Reader::Waiting { deaf: false, for_room, until } = guard.reader else { return };
        let earlier = match (guard.pump.wake(), until) {
            (Some(wake), Some(until)) => wake.at < until,
            (Some(_), None) => true,
            (None, _) => false,
        };
        let must_look = guard.calls.is_over() || guard.calls.has_news_for_reader();
        if earlier || must_look || (guard.pump.is_stuck() && !for_room) {
            self.transport.wake();
        }
    }
}
