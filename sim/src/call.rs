//! A call as the code of a process sees it: plain async functions around a queue in each direction.

use crate::clock::Clock;
use bytes::Bytes;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use zrpc_core::base::Time;
use zrpc_core::rpc::{Encoding, Metadata, Status};

/// Which call it is, in the whole world: its number, and which attempt of its client.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct CallKey {
    /// Given by the client; the same for every attempt.
    pub number: u64,
    /// 0 for the first.
    pub attempt: u32,
}

impl CallKey {
    /// A call that was over before its server could ask which it is.
    pub(crate) const UNKNOWN: CallKey = CallKey { number: 0, attempt: 0 };
}

/// What the code of a call asks of its session.
#[derive(Debug)]
pub(crate) enum Command {
    Send(Bytes),
    HalfClose,
    Cancel,
    Finish(Status),
    Consume(u32),
}

/// One side of a call, shared by its code and its connection.
#[derive(Default, Debug)]
pub(crate) struct Half {
    pub(crate) inbox: VecDeque<(Bytes, u32)>,
    /// No more messages come.
    pub(crate) is_inbox_closed: bool,
    pub(crate) end: Option<Status>,
    pub(crate) commands: VecDeque<Command>,
    /// The session said `Blocked`.
    pub(crate) is_blocked: bool,
    wakers: Vec<Waker>,
}

pub(crate) type SharedHalf = Rc<RefCell<Half>>;

impl Half {
    pub(crate) fn wake(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }

    pub(crate) fn end(&mut self, status: Status) {
        self.is_inbox_closed = true;
        self.end = Some(status);
        self.wake();
    }

    /// The task is woken by whatever happens next.
    pub(crate) fn wait<T>(&mut self, cx: &Context<'_>) -> Poll<T> {
        self.wakers.push(cx.waker().clone());
        Poll::Pending
    }

    /// The next message, whose credit goes back to the sender.
    fn poll_message(&mut self, cx: &Context<'_>) -> Poll<Option<Bytes>> {
        if let Some((message, credit)) = self.inbox.pop_front() {
            self.commands.push_back(Command::Consume(credit));
            return Poll::Ready(Some(message));
        }
        if self.is_inbox_closed { Poll::Ready(None) } else { self.wait(cx) }
    }

    fn poll_room(&mut self, cx: &Context<'_>) -> Poll<Result<(), Status>> {
        if let Some(status) = &self.end {
            return Poll::Ready(Err(status.clone()));
        }
        if self.is_blocked || !self.commands.is_empty() { self.wait(cx) } else { Poll::Ready(Ok(())) }
    }
}

async fn send(half: &SharedHalf, message: Bytes) -> Result<(), Status> {
    poll_fn(|cx| half.borrow_mut().poll_room(cx)).await?;
    half.borrow_mut().commands.push_back(Command::Send(message));
    Ok(())
}

async fn message(half: &SharedHalf) -> Option<Bytes> {
    poll_fn(|cx| half.borrow_mut().poll_message(cx)).await
}

/// A call that a server's handler answers.
#[derive(Debug)]
pub struct ServerCall {
    pub(crate) half: SharedHalf,
    pub(crate) key: CallKey,
    pub(crate) path: String,
    pub(crate) metadata: Metadata,
    pub(crate) deadline: Option<Time>,
    pub(crate) clock: Clock,
}

impl ServerCall {
    /// Which call it is.
    #[must_use]
    pub fn key(&self) -> CallKey {
        self.key
    }

    /// `/package.Service/Method`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The request's metadata.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// When the call ends as DEADLINE_EXCEEDED, by this process's clock.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.deadline
    }

    /// The clock of this process.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The client's next message; `None` when it sends no more or the call is over.
    pub async fn message(&self) -> Option<Bytes> {
        message(&self.half).await
    }

    /// Sends a message, once there is room.
    ///
    /// # Errors
    /// How the call ended, when it did.
    pub async fn send(&self, message: Bytes) -> Result<(), Status> {
        send(&self.half, message).await
    }

    /// Waits until the call is over, and says how it ended.
    pub async fn ended(&self) -> Status {
        ended(&self.half).await
    }
}

async fn ended(half: &SharedHalf) -> Status {
    poll_fn(|cx| {
        let mut half = half.borrow_mut();
        match half.end.clone() {
            Some(status) => Poll::Ready(status),
            None => half.wait(cx),
        }
    })
    .await
}

/// A call that a client made. Dropping it cancels it.
#[derive(Debug)]
pub struct ClientCall {
    half: SharedHalf,
}

impl ClientCall {
    /// Sends a message, once there is room.
    ///
    /// # Errors
    /// How the call ended, when it did.
    pub async fn send(&self, message: Bytes) -> Result<(), Status> {
        send(&self.half, message).await
    }

    /// Says that no more messages come.
    pub fn half_close(&self) {
        self.half.borrow_mut().commands.push_back(Command::HalfClose);
    }

    /// Gives the call up.
    pub fn cancel(&self) {
        self.half.borrow_mut().commands.push_back(Command::Cancel);
    }

    /// The server's next message; `None` when the call is over.
    pub async fn message(&self) -> Option<Bytes> {
        message(&self.half).await
    }

    /// Waits until the call is over, and says how it ended. Messages that nobody asked for are dropped.
    pub async fn status(&self) -> Status {
        while self.message().await.is_some() {}
        ended(&self.half).await
    }
}

impl Drop for ClientCall {
    fn drop(&mut self) {
        if self.half.borrow().end.is_none() {
            self.cancel();
        }
    }
}

/// What a client says when it starts a call.
#[derive(Clone, Debug)]
pub struct NewCall {
    /// `/package.Service/Method`.
    pub path: String,
    /// Metadata of the request; the world adds which call it is.
    pub metadata: Metadata,
    /// When the call ends as DEADLINE_EXCEEDED, by the client's clock.
    pub deadline: Option<Time>,
    /// The encoding of its messages.
    pub compression: Option<Encoding>,
    /// Whether a call that may have been served already may be made again. The world takes a handler that runs twice for
    /// a call of which this is not said for a violation.
    pub is_idempotent: bool,
}

impl NewCall {
    /// A call without metadata and deadline.
    #[must_use]
    pub fn to(path: &str) -> NewCall {
        NewCall {
            path: path.to_owned(),
            metadata: Metadata::new(),
            deadline: None,
            compression: None,
            is_idempotent: false,
        }
    }
}

/// A call on its way to a connection.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) key: CallKey,
    pub(crate) call: NewCall,
    pub(crate) half: SharedHalf,
}

/// The calls that wait for a channel's connection, and what tells which is which.
#[derive(Default, Debug)]
pub(crate) struct Waiting {
    pub(crate) starts: VecDeque<Start>,
    pub(crate) calls_made: u64,
    /// What makes this channel's numbers differ from those of others.
    pub(crate) first_number: u64,
}

/// A client's way to a server: connects when it must.
#[derive(Clone, Debug)]
pub struct Channel {
    pub(crate) waiting: Rc<RefCell<Waiting>>,
    pub(crate) clock: Clock,
}

impl Channel {
    /// The clock of the client's process.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Starts a call.
    #[must_use]
    pub fn start(&self, call: NewCall) -> ClientCall {
        self.attempt(CallKey { number: self.next_number(), attempt: 0 }, call)
    }

    /// Makes a call again that ended before a server can have seen it, for as long as that goes on.
    pub async fn with_retries<T>(
        &self,
        call: &NewCall,
        attempts_max: u32,
        mut attempt: impl AsyncFnMut(ClientCall) -> Result<T, Status>,
    ) -> Result<T, Status> {
        let number = self.next_number();
        let mut made = 0;
        loop {
            let key = CallKey { number, attempt: made };
            made += 1;
            match attempt(self.attempt(key, call.clone())).await {
                Err(status) if made < attempts_max && status.safe_to_retry() => {}
                ended => return ended,
            }
        }
    }

    fn next_number(&self) -> u64 {
        let mut waiting = self.waiting.borrow_mut();
        waiting.calls_made += 1;
        waiting.first_number + waiting.calls_made
    }

    fn attempt(&self, key: CallKey, call: NewCall) -> ClientCall {
        let half = SharedHalf::default();
        let start = Start { key, call, half: Rc::clone(&half) };
        self.waiting.borrow_mut().starts.push_back(start);
        ClientCall { half }
    }
}
