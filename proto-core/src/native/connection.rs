//! The connection: what it is made of, and its two verbs. Each frame's meaning stands in `receive/`, each command in
//! `commands.rs`, writing in `send.rs`, beginning and end in `lifecycle.rs`.
//!
//! It does not know in which encoding frames travel, and hardly which side it is.

use crate::base::{Budget, Deadlines, Entropy, IdTable, Out, Output, Time, TimerTable, Wake};
use crate::native::call::Call;
use crate::native::capabilities::{self, Capabilities};
use crate::native::codec::{Codec, ReadLimits, Scratch};
use crate::native::config::Config;
use crate::native::control::ControlQueue;
use crate::native::event::Event;
use crate::native::lifecycle::{Drain, Timer};
use crate::native::ready::Ready;
use crate::native::{Role, Violation};
use crate::rpc::grpc::GatheredBytes;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;

/// Whether the connection is alive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    Alive,
    /// The peer sends no more; what it sent is still being read.
    InputEnded,
    /// Over: only control frames that are queued still go out.
    Ended,
}

/// A connection of the native protocol, either side.
#[derive(Clone, Debug)]
pub(super) struct Connection<C> {
    pub(super) role: Role,
    pub(super) phase: Phase,
    pub(super) drain: Drain,
    pub(super) config: Arc<Config>,
    pub(super) now: Time,
    pub(super) entropy: Entropy,

    pub(super) codec: C,
    pub(super) scratch: Scratch,
    /// The call whose message is arriving.
    pub(super) receiving: Option<u64>,

    /// Calls by twice their id: ids follow each other, and the table expects steps of two.
    pub(super) calls: IdTable<Box<Call>>,
    #[allow(clippy::vec_box, reason = "a box goes back into the table as it is, and no call is moved")]
    pub(super) spare: Vec<Box<Call>>,
    /// Calls of a client whose number in frames is not their id, as others overtook them.
    pub(super) renamed: BTreeMap<u64, u64>,
    /// Calls whose end the owner does not know.
    pub(super) open: usize,
    /// Calls of a client that the server may know of.
    pub(super) active: usize,
    /// The id of the next call of ours.
    pub(super) next_id: u64,
    /// The highest number of a call in a frame so far.
    pub(super) last_wire: u64,

    pub(super) ready: Ready,
    pub(super) waiting: Ready,
    pub(super) control: ControlQueue,
    pub(super) pending: VecDeque<Event>,
    pub(super) deadlines: Deadlines,

    pub(super) remote: Capabilities,
    pub(super) is_greeted: bool,
    /// The last call that the peer's GOAWAY names.
    pub(super) goaway: Option<u64>,
    /// What the peer did wrong, where that ended the connection.
    pub(super) violation: Option<Violation>,
    /// The owner ended the connection.
    pub(super) is_closed_here: bool,

    pub(super) timers: TimerTable<{ Timer::COUNT }>,
    pub(super) received_at: Time,
    /// When the last call was gone.
    pub(super) rests_since: Option<Time>,
    /// Whether calls come now and then, and not one after the other.
    pub(super) is_calm: bool,
    pub(super) keepalive_token: Option<u64>,
    pub(super) drain_token: Option<u64>,
    pub(super) resets: Budget,
    pub(super) gathered: GatheredBytes,
    pub(super) idle_frames: Budget,
    /// What the peer may have sent on calls before it knew that they were over.
    pub(super) late_credit: u64,

    /// Attachments of the message that was told last.
    pub(super) attachments: u8,
    /// Attachments that nobody is told of.
    pub(super) unclaimed: u32,
}

/// A call's place in the table.
pub(super) const fn key(id: u64) -> u64 {
    id << 1
}

impl<C: Codec> Connection<C> {
    pub(super) fn new(role: Role, now: Time, config: Arc<Config>, codec: C) -> Connection<C> {
        let mut connection = Connection {
            role,
            phase: Phase::Alive,
            drain: Drain::No,
            now,
            entropy: Entropy::from_seed(config.seed),
            codec,
            scratch: Scratch::default(),
            receiving: None,
            calls: IdTable::default(),
            spare: Vec::new(),
            renamed: BTreeMap::new(),
            open: 0,
            active: 0,
            next_id: 1,
            last_wire: 0,
            ready: Ready::default(),
            waiting: Ready::default(),
            control: ControlQueue::default(),
            pending: VecDeque::new(),
            deadlines: Deadlines::default(),
            remote: capabilities::DEFAULT,
            is_greeted: false,
            goaway: None,
            violation: None,
            is_closed_here: false,
            timers: TimerTable::default(),
            received_at: now,
            rests_since: None,
            is_calm: true,
            keepalive_token: None,
            drain_token: None,
            resets: Budget::new(config.resets, now),
            gathered: GatheredBytes::default(),
            idle_frames: Budget::new(config.idle_frames, now),
            late_credit: 0,
            attachments: 0,
            unclaimed: 0,
            config,
        };
        connection.begin();
        connection
    }

    pub(super) fn is_client(&self) -> bool {
        self.role == Role::Client
    }

    pub(super) fn read_limits(&self) -> ReadLimits {
        self.config.read_limits()
    }

    pub(super) fn handle_input(&mut self, now: Time, input: Bytes) {
        self.now = self.now.max(now);
        if self.phase == Phase::Alive {
            self.received_at = self.now;
            self.codec.push(input);
        }
    }

    pub(super) fn handle_eof(&mut self, now: Time) {
        self.now = self.now.max(now);
        if self.phase == Phase::Alive {
            self.phase = Phase::InputEnded;
        }
    }

    pub(super) fn poll_output(&mut self, now: Time, out: &mut Out) -> Output<Event> {
        self.now = self.now.max(now);
        loop {
            if self.phase != Phase::Ended {
                self.expire();
            }
            if let Some(event) = self.next_event() {
                return Output::Event(event);
            }
            if self.phase != Phase::Ended {
                if self.read() {
                    continue;
                }
                self.fire_due();
                self.check_end();
                if !self.pending.is_empty() {
                    continue;
                }
            }
            self.write(out);
            self.check_end();
            if !self.pending.is_empty() {
                continue;
            }
            let is_full = self.has_unsent();
            if !is_full && self.phase != Phase::Ended {
                self.shrink();
            }
            let wake = self.wake();
            return if is_full { Output::Full(wake) } else { Output::Idle(wake) };
        }
    }

    /// The next event that still counts. A call that is over has no more messages; its beginning is told all the same, as
    /// whether it ended meanwhile depends on how its frame arrived.
    fn next_event(&mut self) -> Option<Event> {
        while let Some(event) = self.pending.pop_front() {
            match event {
                Event::HalfClosed(call) | Event::Writable(call) if !self.is_told(call) => {}
                Event::Message { call, attachments, .. } if !self.is_told(call) => {
                    self.unclaimed += u32::from(attachments);
                }
                Event::Message { attachments, .. } => {
                    self.attachments = attachments;
                    return Some(event);
                }
                Event::Ending(call) => {
                    if let Some(event) = self.end_told(call) {
                        return Some(event);
                    }
                }
                event => return Some(event),
            }
        }
        None
    }

    fn is_told(&self, id: u64) -> bool {
        self.calls.get(key(id)).is_some_and(|call| call.is_told())
    }

    fn wake(&mut self) -> Option<Wake> {
        if self.phase == Phase::Ended {
            return None;
        }
        let calls = &self.calls;
        let deadline = self.deadlines.next(|id, at| waits(calls, id, at));
        let deadline = deadline.map(|at| Wake { at, why: "native: a call's deadline" });
        Wake::earlier(self.timers.wake::<Timer>(), deadline)
    }

    fn has_unsent(&self) -> bool {
        !self.control.is_empty() || !self.ready.is_empty() || !self.waiting.is_empty() && self.may_start()
    }
}

/// A deadline stands while its call is there: a server's also while its answer waits to be written.
pub(super) fn waits(calls: &IdTable<Box<Call>>, id: u64, at: Time) -> bool {
    calls.get(key(id)).is_some_and(|call| call.deadline == Some(at))
}
