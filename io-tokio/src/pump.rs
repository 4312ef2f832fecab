//! The pump: one task that moves bytes and time between a stream and a machine. It decides nothing.
//!
//! A turn reads as much as there is, hands every event to the owner, and writes all that came of it in one
//! vectored system call. The pump knows no protocol: gRPC sessions run on it, and so does a plain HTTP/2
//! connection for someone who wants no gRPC.
//!
//! ```text
//! stream --bytes--> machine --events--> owner
//! stream <--bytes-- machine <-commands- owner
//! ```
//!
//! Input is read even while output waits for the peer: machines parse lazily and bound what they store, and two
//! peers that both refuse to read would wait for each other for ever. A machine whose protocol has no flow control of its
//! own says when it wants no more; then the transport's pushes back.

use crate::timer::Timer;
use crate::{clock, pool};
use bytes::Bytes;
use std::io::{self, IoSlice};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use zrpc_core::base::{Machine, Out, Output, Time};

/// What a task does before it lets others run.
const TURNS_MAX: usize = 16;
/// How long a closed connection waits for its peer to hang up. Closing a socket with unread input resets it,
/// and a reset can overtake the last frames, GOAWAY among them.
const LINGER: Duration = Duration::from_secs(1);
/// Runs of bytes in one system call.
const SLICES_MAX: usize = 32;

/// Who answers a machine's events.
pub trait Owner<M: Machine> {
    /// Takes an event; commands may be given to the machine at once. `Break` says that the connection is over:
    /// what is queued is still written, then the stream is shut down.
    fn on_event(&mut self, machine: &mut M, event: M::Event, now: Time) -> ControlFlow<()>;

    /// Gives the machine the commands that came from other tasks since the last time, and says whether there
    /// were any. When there were none, the task must be woken for the next.
    fn poll_commands(&mut self, machine: &mut M, cx: &mut Context<'_>, now: Time) -> bool {
        let _ = (machine, cx, now);
        false
    }

    /// The machine has said all that it has to say at the moment, and `out` leaves next.
    fn on_turned(&mut self, machine: &mut M, out: &mut Out, now: Time) {
        let _ = (machine, out, now);
    }
}

/// Runs a machine over a stream until the connection is over.
///
/// Dropping the future drops the stream, the machine and the owner.
///
/// # Errors
/// When reading or writing failed; the machine saw the end of its input and the owner its last event before.
pub fn drive<S, M, O>(stream: S, machine: M, owner: O) -> Pump<S, M, O>
where
    S: AsyncRead + AsyncWrite + Unpin,
    M: Machine + Unpin,
    O: Owner<M> + Unpin,
{
    Pump {
        stream,
        machine,
        owner,
        out: None,
        timer: Timer::default(),
        stage: Stage::Fresh,
        failure: None,
        input_open: true,
        held_back: false,
        unflushed: false,
        stood_back: false,
    }
}

/// A connection at work; see [`drive`].
#[must_use = "a pump does nothing until it is polled"]
pub struct Pump<S, M, O> {
    stream: S,
    machine: M,
    owner: O,
    /// What the stream has not taken yet; an idle connection has none.
    out: Option<Box<Out>>,
    timer: Timer,
    stage: Stage,
    failure: Option<io::Error>,
    input_open: bool,
    /// The machine has more to write than there was room for.
    held_back: bool,
    unflushed: bool,
    stood_back: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The machine has not been asked yet what it has to say first.
    Fresh,
    Running,
    /// The owner said that it is over; what is queued goes out, as far as the peer takes it in time.
    Closing {
        until: Time,
    },
    /// All is written; waits for the peer to hang up.
    Lingering {
        until: Time,
    },
}

impl<S, M, O> Future for Pump<S, M, O>
where
    S: AsyncRead + AsyncWrite + Unpin,
    M: Machine + Unpin,
    O: Owner<M> + Unpin,
{
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let mut out = this.out.take().unwrap_or_else(pool::take_out);
        let polled = this.poll_turns(cx, &mut out);
        this.out = pool::give_out(out);
        ready!(polled);
        Poll::Ready(this.failure.take().map_or(Ok(()), Err))
    }
}

impl<S, M, O> Pump<S, M, O>
where
    S: AsyncRead + AsyncWrite + Unpin,
    M: Machine + Unpin,
    O: Owner<M> + Unpin,
{
    fn poll_turns(&mut self, cx: &mut Context<'_>, out: &mut Out) -> Poll<()> {
        for turn in 0..TURNS_MAX {
            if let Stage::Lingering { until } = self.stage {
                return self.poll_linger(cx, until);
            }
            let arrived = self.poll_read(cx);
            // Looked at after the read and in each turn: handlers ran meanwhile, and a timeout that came with the input
            // counts from when it came.
            let now = clock::now();
            let read = self.take_input(arrived, now);
            let fired = self.timer.poll(cx).is_ready();
            if turn == 0 && !read && !fired && self.stands_back(out) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let commanded = self.owner.poll_commands(&mut self.machine, cx, now);
            let room = self.held_back && out.has_room();
            let turned = read || commanded || fired || room || self.stage == Stage::Fresh;
            if turned {
                self.turn(now, out);
            }
            let written = self.poll_write(cx, out).is_ready();
            if let Stage::Closing { until } = self.stage {
                if written && !self.held_back {
                    self.stage = Stage::Lingering { until: now + LINGER };
                    continue;
                }
                if self.is_due(cx, until) {
                    return Poll::Ready(());
                }
            }
            let more = turned || (written && self.held_back);
            if !more {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Whether to let other tasks go first. One that was woken by a command alone often stands in front of others
    /// that have commands too; behind them, it writes for all of them at once.
    fn stands_back(&mut self, out: &Out) -> bool {
        let woken_by_command = self.stage == Stage::Running && out.is_empty();
        self.stood_back = woken_by_command && !self.stood_back;
        self.stood_back
    }

    /// Reads once, unless nothing is to be read any more.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        if !self.input_open || matches!(self.stage, Stage::Closing { .. }) || !self.machine.wants_input() {
            return Poll::Pending;
        }
        pool::poll_read(&mut self.stream, cx)
    }

    /// Takes in what a read brought; says whether that was anything.
    fn take_input(&mut self, arrived: Poll<io::Result<Bytes>>, now: Time) -> bool {
        match arrived {
            Poll::Pending => return false,
            Poll::Ready(Ok(input)) if !input.is_empty() => self.machine.handle_input(now, input),
            Poll::Ready(Ok(_)) => self.end_input(now),
            Poll::Ready(Err(error)) => {
                self.failure.get_or_insert(error);
                self.end_input(now);
            }
        }
        true
    }

    fn end_input(&mut self, now: Time) {
        if std::mem::take(&mut self.input_open) {
            self.machine.handle_eof(now);
        }
    }

    /// Handles every event and takes what the machine writes, as far as there is room.
    fn turn(&mut self, now: Time, out: &mut Out) {
        self.turn_machine(now, out);
        self.owner.on_turned(&mut self.machine, out, now);
    }

    fn turn_machine(&mut self, now: Time, out: &mut Out) {
        if self.stage == Stage::Fresh {
            self.stage = Stage::Running;
        }
        loop {
            match self.machine.poll_output(now, out) {
                Output::Event(event) => {
                    if self.owner.on_event(&mut self.machine, event, now).is_break() {
                        self.stage = Stage::Closing { until: now + LINGER };
                    }
                }
                Output::Full(wake) => {
                    self.held_back = true;
                    return self.timer.arm(wake.map(|wake| wake.at));
                }
                Output::Idle(wake) => {
                    self.held_back = false;
                    return self.timer.arm(wake.map(|wake| wake.at));
                }
            }
        }
    }

    /// Ready when everything is written, or can never be.
    fn poll_write(&mut self, cx: &mut Context<'_>, out: &mut Out) -> Poll<()> {
        if let Err(error) = ready!(write_out(&mut self.stream, cx, out, &mut self.unflushed)) {
            self.failure.get_or_insert(error);
            out.clear();
            self.unflushed = false;
            let now = clock::now();
            if self.input_open {
                self.end_input(now);
                self.turn(now, out);
                out.clear();
            }
        }
        Poll::Ready(())
    }

    /// Whether this instant has come; wakes the task when it does.
    fn is_due(&mut self, cx: &mut Context<'_>, until: Time) -> bool {
        self.timer.arm(Some(until));
        while self.timer.poll(cx).is_ready() {
            if clock::now() >= until {
                return true;
            }
            self.timer.arm(Some(until));
        }
        false
    }

    /// Shuts down the sending side, then reads and drops until the peer does the same or has had its time.
    fn poll_linger(&mut self, cx: &mut Context<'_>, until: Time) -> Poll<()> {
        if self.is_due(cx, until) {
            return Poll::Ready(());
        }
        let shut_down = ready!(Pin::new(&mut self.stream).poll_shutdown(cx));
        if shut_down.is_err() || self.failure.is_some() || !self.input_open {
            return Poll::Ready(());
        }
        for _ in 0..TURNS_MAX {
            match ready!(pool::poll_read(&mut self.stream, cx)) {
                Ok(input) if !input.is_empty() => {}
                Ok(_) | Err(_) => return Poll::Ready(()),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Writes all of `out`, as many runs a system call as may be. Ready when nothing is left.
pub(crate) fn write_out(
    stream: &mut (impl AsyncWrite + Unpin + ?Sized),
    cx: &mut Context<'_>,
    out: &mut Out,
    unflushed: &mut bool,
) -> Poll<io::Result<()>> {
    while !out.is_empty() {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut count = 0;
        for (slice, chunk) in slices.iter_mut().zip(out.chunks()) {
            *slice = IoSlice::new(chunk);
            count += 1;
        }
        let written = match &slices[..count] {
            [one] => ready!(Pin::new(&mut *stream).poll_write(cx, one))?,
            several => ready!(Pin::new(&mut *stream).poll_write_vectored(cx, several))?,
        };
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        out.advance(written);
        *unflushed = true;
    }
    if *unflushed {
        ready!(Pin::new(stream).poll_flush(cx))?;
        *unflushed = false;
    }
    Poll::Ready(Ok(()))
}
