//! A connection's end as the driver sees it: bytes to read and to write, over a link each way.

use super::Network;
use crate::link::{LinkEnd, StreamLink};
use crate::transcript::hash_of;
use bytes::Bytes;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;
use zrpc_core::base::{Entropy, Machine, Out, Output, Time};

/// What one read brings at the most, whatever room the reader has, so that it is the same in each run.
const READ_MAX: usize = 8 * 1024;

/// One direction, and who waits for it.
struct Pipe {
    link: StreamLink,
    end: Option<LinkEnd>,
    is_reader_gone: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    fn wake(&mut self) {
        self.reader.take().into_iter().chain(self.writer.take()).for_each(Waker::wake);
    }
}

type SharedPipe = Arc<Mutex<Pipe>>;

fn lock(pipe: &SharedPipe) -> MutexGuard<'_, Pipe> {
    pipe.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Connections that were made, for faults.
#[derive(Default)]
pub(super) struct Wires {
    made: u64,
    open: Vec<Wire>,
}

struct Wire {
    ends: (String, String),
    pipes: [Weak<Mutex<Pipe>>; 2],
}

impl Wires {
    /// Does something to both directions of the connections that touch the first host, and the second if one is named.
    pub(super) fn each(&mut self, a: &str, b: Option<&str>, mut action: impl FnMut(&mut StreamLink)) {
        self.open.retain(|wire| wire.pipes.iter().any(|pipe| pipe.strong_count() > 0));
        let touches = |wire: &&Wire, host: &str| wire.ends.0 == host || wire.ends.1 == host;
        let wires = self.open.iter().filter(|wire| touches(wire, a) && b.is_none_or(|b| touches(wire, b)));
        for pipe in wires.flat_map(|wire| &wire.pipes).filter_map(Weak::upgrade) {
            let mut pipe = lock(&pipe);
            action(&mut pipe.link);
            pipe.wake();
        }
    }
}

/// One end of a simulated connection. It is an error to read from it once it was reset.
pub struct Socket {
    network: Network,
    name: (u64, &'static str),
    incoming: SharedPipe,
    outgoing: SharedPipe,
    alarm: Option<Pin<Box<Sleep>>>,
    has_shut_down: bool,
}

impl Network {
    /// Both ends of a new connection.
    pub(super) fn connect(&self, from: &str, to: &str) -> (Socket, Socket) {
        let now = self.now();
        let mut state = self.state();
        let mut pipe = |from: &str, to: &str| {
            let (conditions, seed) = (state.conditions(from, to), state.entropy.next_u64());
            let link = StreamLink::new(now, conditions, Entropy::from_seed(seed));
            Arc::new(Mutex::new(Pipe { link, end: None, is_reader_gone: false, reader: None, writer: None }))
        };
        let (up, down) = (pipe(from, to), pipe(to, from));
        state.wires.made += 1;
        let number = state.wires.made;
        state.transcript.note(now, format_args!("wire {number} from {from} to {to}"));
        let pipes = [Arc::downgrade(&up), Arc::downgrade(&down)];
        state.wires.open.push(Wire { ends: (from.into(), to.into()), pipes });
        let socket = |name, incoming: &SharedPipe, outgoing: &SharedPipe| Socket {
            network: self.clone(),
            name: (number, name),
            incoming: Arc::clone(incoming),
            outgoing: Arc::clone(outgoing),
            alarm: None,
            has_shut_down: false,
        };
        (socket("client", &down, &up), socket("server", &up, &down))
    }
}

impl Socket {
    fn note(&self, verb: &str, bytes: &[u8]) {
        let (number, side) = self.name;
        let (len, hash) = (bytes.len(), hash_of(bytes));
        self.network.note(format_args!("wire {number} {side} {verb} {len} bytes {hash:016x}"));
    }

    /// Takes what has arrived; `None` when nothing has, and when to look again.
    fn take(&self, cx: &Context<'_>, now: Time, room: usize) -> Result<Option<Vec<u8>>, Option<Time>> {
        let mut pipe = lock(&self.incoming);
        if pipe.end.is_some() {
            return Ok(None);
        }
        let mut arrived = Out::with_room(room.min(READ_MAX));
        let output = pipe.link.poll_output(now, &mut arrived);
        if let Output::Event(end) = output {
            pipe.end = Some(end);
        }
        if !arrived.is_empty() {
            if let Some(writer) = pipe.writer.take() {
                writer.wake();
            }
            return Ok(Some(arrived.to_vec()));
        }
        match output {
            Output::Event(_) => Ok(None),
            Output::Full(wake) | Output::Idle(wake) => {
                pipe.reader = Some(cx.waker().clone());
                Err(wake.map(|wake| wake.at))
            }
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let wake = match this.take(cx, this.network.now(), buffer.remaining()) {
                Ok(Some(bytes)) => {
                    this.note("reads", &bytes);
                    buffer.put_slice(&bytes);
                    return Poll::Ready(Ok(()));
                }
                Ok(None) if lock(&this.incoming).end == Some(LinkEnd::Eof) => return Poll::Ready(Ok(())),
                Ok(None) => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                Err(wake) => wake,
            };
            let Some(at) = wake else { return Poll::Pending };
            let mut alarm = Box::pin(tokio::time::sleep_until(this.network.instant(at)));
            let polled = alarm.as_mut().poll(cx);
            this.alarm = Some(alarm);
            ready!(polled);
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let now = self.network.now();
        if lock(&self.incoming).end == Some(LinkEnd::Reset) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let len = {
            let mut pipe = lock(&self.outgoing);
            if pipe.is_reader_gone || pipe.end.is_some() {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            let len = bytes.len().min(pipe.link.room());
            if len == 0 && !pipe.link.is_dead() {
                pipe.writer = Some(cx.waker().clone());
                return Poll::Pending;
            }
            pipe.link.handle_input(now, Bytes::copy_from_slice(&bytes[..len]));
            if let Some(reader) = pipe.reader.take() {
                reader.wake();
            }
            len
        };
        self.note("writes", &bytes[..len]);
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.shut_down();
        Poll::Ready(Ok(()))
    }
}

impl Socket {
    fn shut_down(&mut self) {
        if !std::mem::replace(&mut self.has_shut_down, true) {
            self.note("shuts down", &[]);
            let mut pipe = lock(&self.outgoing);
            pipe.link.handle_eof(self.network.now());
            pipe.wake();
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.shut_down();
        let mut pipe = lock(&self.incoming);
        pipe.is_reader_gone = true;
        pipe.wake();
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Socket").field(&self.name).finish()
    }
}
