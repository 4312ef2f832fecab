//! A session of the native protocol inside a WebSocket connection, whichever side and encoding it is: what the session
//! writes leaves as messages, what messages bring is its input, and each one's end is the other's.

use crate::base::{Budget, Machine, Misuse, Out, Output, Rate, Time, Wake};
use crate::native::{Binary, Codec, Json, NativeClient, NativeServer, Violation};
use crate::rpc::{ClientSession, Origin, ServerSession, SessionEnd, Status};
use crate::stack::websocket::{close_of, status_of, wrong_kind};
use crate::websocket::{CloseCode, Connection, End, Event, Kind};
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt::Debug;

/// What one binary message carries at the most, unless a single frame is longer, in bytes: so that frames share the cost of
/// a message, and none waits long for the others.
const BATCH_BYTES: usize = 16 * 1024;
/// Room for the preface, behind which HELLO still fits and nothing else does. It goes alone: in a message with what follows,
/// a handshake would wait on a slow link until all of that is there, and be late.
const FIRST_WORDS: usize = 16;
/// Messages without an octet. Abuse: a flood of them, which costs its sender six octets each and says nothing.
const EMPTY_MESSAGES: Rate = Rate { burst: 1000, per_second: 100 };
/// A text has one frame: people read it.
const ONE_FRAME: usize = 1;

/// A session of the native protocol, as far as what carries it is concerned.
pub(super) trait Carried: Debug + Send {
    fn lose(&mut self, now: Time, status: Status);
    fn violation(&self) -> Option<Violation>;
    /// What was wrong with the text that ended it.
    fn explain(&self) -> Option<String>;
    fn memory(&self) -> usize;
}

/// An encoding that can be carried.
pub(super) trait Encoded: Codec + Send + 'static {
    fn explain(&self) -> Option<String>;
}

impl Encoded for Binary {
    fn explain(&self) -> Option<String> {
        None
    }
}

impl Encoded for Json {
    fn explain(&self) -> Option<String> {
        Json::explain(self)
    }
}

macro_rules! carried {
    ($session:ident, $all:ident, $port:ident) => {
        impl<C: Encoded> Carried for $session<C> {
            fn lose(&mut self, now: Time, status: Status) {
                $session::lose(self, now, status);
            }

            fn violation(&self) -> Option<Violation> {
                $session::violation(self)
            }

            fn explain(&self) -> Option<String> {
                self.codec().explain()
            }

            fn memory(&self) -> usize {
                size_of::<$session<C>>() + $session::memory(self)
            }
        }

        /// A session of this side.
        pub(super) trait $all: Carried + $port {}

        impl<C: Encoded> $all for $session<C> {}
    };
}

carried!(NativeServer, CarriedServer, ServerSession);
carried!(NativeClient, CarriedClient, ClientSession);

/// How far the two are.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Phase {
    /// Both live, or the handshake is under way.
    Open,
    /// The session has ended, and waits until then for what it wrote to leave before the carrier is closed.
    Leaving(SessionEnd, Time),
    /// The session has ended and the carrier closes.
    Closing(SessionEnd),
    /// The carrier has ended; the session is told, and ends.
    Lost,
    /// Everything is told; what is queued still goes out.
    Ended,
}

/// What a turn found.
pub(super) enum Found<E> {
    /// The handshake is done.
    Opened,
    /// An event of the session, but for its end.
    Event(E),
    /// The end of both.
    Closed(SessionEnd),
}

/// A session, or a place for one, in a connection.
#[derive(Debug)]
pub(super) struct Link<S: ?Sized> {
    pub(super) carrier: Connection,
    pub(super) session: Option<Box<S>>,
    pub(super) kind: Kind,
    frames: Out,
    /// The session's first words have left.
    has_spoken: bool,
    phase: Phase,
    empty_messages: Budget,
}

impl<S: ?Sized + Carried> Link<S> {
    /// What the frames between the two take at the most, without payloads.
    pub(super) const FRAMES_MAX: usize = 8 * BATCH_BYTES;

    pub(super) fn new(carrier: Connection, kind: Kind) -> Link<S> {
        Link {
            carrier,
            session: None,
            kind,
            frames: Out::default(),
            has_spoken: false,
            phase: Phase::Open,
            empty_messages: Budget::new(EMPTY_MESSAGES, Time::START),
        }
    }

    /// Whether commands may be given.
    pub(super) fn alive(&self) -> Result<(), Misuse> {
        if self.phase == Phase::Open { Ok(()) } else { Err(Misuse::Closed) }
    }

    pub(super) fn memory(&self) -> usize {
        self.carrier.memory()
            + self.session.as_ref().map_or(0, |session| session.memory())
            + self.frames.memory()
    }

    /// Closes a carrier whose handshake is not done.
    pub(super) fn abandon(&mut self, now: Time) {
        // What refuses it is a carrier that has ended, of which an event tells.
        let _refused = self.carrier.close(now, CloseCode::GOING_AWAY, "");
    }

    /// Ends both, before anything was said.
    pub(super) fn give_up(&mut self, now: Time, status: Status) {
        if let Some(session) = &mut self.session {
            session.lose(now, status);
        }
        self.carrier.handle_eof(now);
    }

    /// One turn; `is_end` says which event of the session is its last.
    pub(super) fn poll<E>(
        &mut self,
        now: Time,
        out: &mut Out,
        is_end: impl Fn(E) -> Result<E, SessionEnd>,
    ) -> Output<Found<E>>
    where
        S: Machine<Event = E>,
    {
        loop {
            let mut wake = self.give_up_if_late(now);
            // The session has more to say, or may have, once the carrier has written what it has.
            let mut has_more = false;
            if let Some(session) = self.session.as_mut().filter(|_| self.phase != Phase::Ended) {
                // What the carrier has not written stays in the session, where its priorities count.
                let may_write = self.carrier.is_open() && self.carrier.queued_bytes() == 0;
                let room = match self.kind {
                    Kind::Text => ONE_FRAME,
                    Kind::Binary if self.has_spoken => BATCH_BYTES,
                    Kind::Binary => FIRST_WORDS,
                };
                self.frames.set_room(if may_write { room } else { 0 });
                let output = session.poll_output(now, &mut self.frames);
                has_more = self.flush();
                match output {
                    Output::Event(event) => match is_end(event) {
                        Ok(event) => return Output::Event(Found::Event(event)),
                        Err(end) => {
                            if let Some(closed) = self.on_session_end(now, end) {
                                return closed;
                            }
                            continue;
                        }
                    },
                    Output::Full(at) => {
                        wake = Wake::earlier(at, wake);
                        has_more |= !may_write && self.carrier.is_open();
                    }
                    Output::Idle(at) => {
                        wake = Wake::earlier(at, wake);
                        self.close_if_leaving(now);
                    }
                }
            }
            match self.carrier.poll_output(now, out) {
                Output::Event(Event::Opened) => return Output::Event(Found::Opened),
                Output::Event(event) => {
                    if let Some(closed) = self.on_event(now, event) {
                        return closed;
                    }
                }
                Output::Full(at) => return Output::Full(Wake::earlier(at, wake)),
                Output::Idle(_) if has_more => {}
                Output::Idle(at) => return Output::Idle(Wake::earlier(at, wake)),
            }
        }
    }

    /// Hands what the session wrote to the carrier.
    fn flush(&mut self) -> bool {
        if self.frames.is_empty() {
            return false;
        }
        let (head, tail) = self.frames.take();
        let payload = match (head.is_empty(), tail.is_empty()) {
            (true, _) => tail,
            (false, true) => head.into(),
            (false, false) => [&head[..], &tail[..]].concat().into(),
        };
        let compress = self.carrier.is_compressed();
        self.has_spoken = true;
        // What refuses it is a carrier that closes, and then nobody reads it.
        self.carrier.send(self.kind, payload, compress).is_ok()
    }

    /// The session has ended: its last frames go first, then the carrier is closed.
    fn on_session_end<E>(&mut self, now: Time, end: SessionEnd) -> Option<Output<Found<E>>> {
        match self.phase {
            Phase::Open => self.phase = Phase::Leaving(end, now + self.carrier.close_timeout()),
            Phase::Lost => {
                self.phase = Phase::Ended;
                self.session = None;
                return Some(Output::Event(Found::Closed(end)));
            }
            Phase::Leaving(..) | Phase::Closing(_) | Phase::Ended => {}
        }
        None
    }

    /// A peer that reads nothing is not waited for: what was left for it is dropped, and the carrier ends.
    fn give_up_if_late(&mut self, now: Time) -> Option<Wake> {
        let Phase::Leaving(_, until) = self.phase else { return None };
        if now >= until {
            self.carrier.handle_eof(now);
            return None;
        }
        Some(Wake { at: until, why: "websocket: the session's last words are to have left" })
    }

    fn close_if_leaving(&mut self, now: Time) {
        let Phase::Leaving(end, _) = &self.phase else { return };
        let session = self.session.as_ref();
        let violation = session.and_then(|session| session.violation());
        let why = session.and_then(|session| session.explain());
        let (code, reason) = close_of(end, violation, why);
        // What refuses it is a carrier that closes or never opened; either way it ends.
        let _refused = self.carrier.close(now, code, &reason);
        self.phase = Phase::Closing(end.clone());
    }

    fn on_event<E>(&mut self, now: Time, event: Event) -> Option<Output<Found<E>>>
    where
        S: Machine<Event = E>,
    {
        match event {
            Event::Message { kind, payload, .. } if self.phase == Phase::Open => {
                let session = self.session.as_mut()?;
                let (code, text) = if kind != self.kind {
                    (CloseCode::UNSUPPORTED, wrong_kind(self.kind))
                } else if payload.is_empty() && !self.empty_messages.charge(EMPTY_MESSAGES, now, 1) {
                    (CloseCode::POLICY, "too many messages came without content")
                } else {
                    session.handle_input(now, payload);
                    return None;
                };
                session.lose(now, Status::internal(text).with_origin(Origin::Library));
                let _refused = self.carrier.close(now, code, text);
                None
            }
            Event::Closing { code, reason } if self.phase == Phase::Open => {
                self.end_session(now, status_of(&End::Closed { code, reason, by_peer: true }));
                None
            }
            Event::Closed(end) => {
                let status = status_of(&end);
                let phase = core::mem::replace(&mut self.phase, Phase::Ended);
                if let Phase::Leaving(end, _) | Phase::Closing(end) = phase {
                    self.session = None;
                    return Some(Output::Event(Found::Closed(end)));
                }
                if self.session.is_none() {
                    let end = status.map_or(SessionEnd::Graceful, SessionEnd::Failed);
                    return Some(Output::Event(Found::Closed(end)));
                }
                self.phase = Phase::Lost;
                self.end_session(now, status);
                None
            }
            _ => None,
        }
    }

    /// What carries the session ends: as it should, where there is no status.
    fn end_session(&mut self, now: Time, status: Option<Status>)
    where
        S: Machine,
    {
        let Some(session) = &mut self.session else { return };
        match status {
            Some(status) => session.lose(now, status),
            None => session.handle_eof(now),
        }
    }
}
