//! The connection: what it is made of, and its two verbs. Each frame's meaning stands in `receive/`, each command in
//! `commands.rs`, writing in `send.rs`, beginning and end in `lifecycle.rs`.

use crate::base::{Budget, Entropy, Fields, IdTable, Machine, Out, Output, Time, TimerTable};
use crate::hpack::{Decoder, Encoder, TABLE_SIZE_DEFAULT};
use crate::http2::closed_memory::ClosedMemory;
use crate::http2::config::Config;
use crate::http2::control::ControlQueue;
use crate::http2::event::{End, Event};
use crate::http2::flow::{ReceiveWindow, SendWindow};
use crate::http2::header_block::HeaderBlock;
use crate::http2::lifecycle::{Drain, Timer};
use crate::http2::outbox::Outbox;
use crate::http2::pings::Pings;
use crate::http2::reader::Reader;
use crate::http2::settings::RemoteSettings;
use crate::http2::stream::{Stream, StreamId};
use crate::http2::window_tuning::WindowTuning;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use bytes::Bytes;

/// Which side of the connection this is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The side that connected and opens streams.
    Client,
    /// The side that accepted and answers.
    Server,
}

/// Whether the connection is alive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    Alive,
    /// The peer sends no more; what it sent is still being read.
    InputEnded,
    /// Over: only control frames that are queued still go out.
    Ended,
}

/// An HTTP/2 connection, RFC 9113, either side.
///
/// Inputs: [`Machine::handle_input`], [`Machine::handle_eof`]. Outputs: [`Machine::poll_output`]. Commands: `open`,
/// `send_headers`, `send_informational`, `send_data`, `finish`, `reset`, `consume`, `ping`, `drain`, `close`. The rest
/// are getters.
#[derive(Clone, Debug)]
pub struct Connection {
    pub(super) role: Role,
    pub(super) phase: Phase,
    pub(super) drain: Drain,
    pub(super) config: Arc<Config>,
    pub(super) now: Time,
    pub(super) entropy: Entropy,

    pub(super) reader: Reader,
    /// The frame that the input broke off in when it was last used up.
    pub(super) broken_off: Option<u32>,
    /// Boxed, as it is rarely there: a block mostly comes in one frame.
    pub(super) block: Option<Box<HeaderBlock>>,
    pub(super) decoder: Decoder,
    pub(super) encoder: Encoder,
    /// The header list that came last.
    pub(super) fields: Fields,

    pub(super) streams: IdTable<Stream>,
    pub(super) closed: ClosedMemory,
    pub(super) outbox: Outbox,
    pub(super) control: ControlQueue,
    pub(super) pending: VecDeque<Event>,

    pub(super) send: SendWindow,
    pub(super) recv: ReceiveWindow,
    /// What new streams' windows grow to with their first update.
    pub(super) stream_window: u32,
    /// What the peer may take a new stream's window for.
    pub(super) stream_window_open: u32,
    pub(super) tuning: WindowTuning,
    pub(super) remote: RemoteSettings,

    pub(super) next_local: u32,
    /// The highest of our streams whose HEADERS were written; they are written in the order of their ids.
    pub(super) written_local: StreamId,
    pub(super) last_remote: StreamId,
    /// Streams of ours that count against the peer's limit.
    pub(super) active_local: u32,
    pub(super) active_remote: u32,
    /// The last stream that the peer's GOAWAY names.
    pub(super) goaway_received: Option<StreamId>,
    pub(super) peer_error: Option<Box<End>>,

    pub(super) timers: TimerTable<{ Timer::COUNT }>,
    pub(super) received_at: Time,
    /// When the last stream was gone.
    pub(super) rests_since: Option<Time>,
    /// Whether streams come now and then, and not one after the other.
    pub(super) is_calm: bool,
    pub(super) pings: Pings,
    pub(super) resets: Budget,
    pub(super) idle_frames: Budget,
}

impl Connection {
    /// The side that connected. Its preface and SETTINGS are queued at once.
    #[must_use]
    pub fn client(now: Time, config: Arc<Config>) -> Connection {
        Connection::new(Role::Client, now, config)
    }

    /// The side that accepted. Its SETTINGS are queued at once.
    #[must_use]
    pub fn server(now: Time, config: Arc<Config>) -> Connection {
        Connection::new(Role::Server, now, config)
    }

    fn new(role: Role, now: Time, config: Arc<Config>) -> Connection {
        let config = Config::in_range(config);
        let mut connection = Connection {
            role,
            phase: Phase::Alive,
            drain: Drain::No,
            now,
            entropy: Entropy::from_seed(config.seed),
            reader: Reader::new(role == Role::Server),
            broken_off: None,
            block: None,
            // RFC 9113 §4.3.1: until the peer has acknowledged a smaller table, it uses the initial one.
            decoder: Decoder::new(TABLE_SIZE_DEFAULT.max(config.header_table_bytes as usize)),
            encoder: Encoder::new(config.header_table_bytes as usize),
            fields: Fields::new(),
            streams: IdTable::default(),
            closed: ClosedMemory::default(),
            outbox: Outbox::default(),
            control: ControlQueue::default(),
            pending: VecDeque::new(),
            send: SendWindow::new(SendWindow::INITIAL),
            recv: ReceiveWindow::new(SendWindow::INITIAL, config.connection_window_bytes),
            stream_window: config.stream_window_bytes,
            // RFC 9113 §6.9.3: data that exceeds a window that our SETTINGS reduce may come until they are
            // acknowledged.
            stream_window_open: config.stream_window_bytes.max(SendWindow::INITIAL),
            tuning: WindowTuning::new(),
            remote: RemoteSettings::default(),
            // RFC 9113 §5.1.1: a client's streams have odd numbers, a server's even ones.
            next_local: if role == Role::Client { 1 } else { 2 },
            written_local: StreamId::CONNECTION,
            last_remote: StreamId::CONNECTION,
            active_local: 0,
            active_remote: 0,
            goaway_received: None,
            peer_error: None,
            timers: TimerTable::default(),
            received_at: now,
            rests_since: None,
            is_calm: true,
            pings: Pings::default(),
            resets: Budget::new(config.resets, now),
            idle_frames: Budget::new(config.idle_frames, now),
            config,
        };
        connection.begin();
        connection
    }

    /// The header list of the last [`Event::Headers`]; other polls may change it.
    #[must_use]
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Takes that header list out, to read it while commands are given; [`Connection::put_fields`] brings it back.
    #[must_use]
    pub fn take_fields(&mut self) -> Fields {
        core::mem::take(&mut self.fields)
    }

    /// Brings the memory of a header list back.
    pub fn put_fields(&mut self, fields: Fields) {
        self.fields = fields;
    }

    /// Which side this is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// Streams that are open or wait for their turn.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        self.streams.len()
    }

    /// Whether the connection is over; its last frames may still wait to be written.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    /// Whether a stream may be opened now.
    #[must_use]
    pub fn takes_streams(&self) -> bool {
        self.phase == Phase::Alive
            && self.drain == Drain::No
            && self.goaway_received.is_none()
            && self.next_local <= crate::http2::frame::MAX_31_BITS
    }

    /// What the peer's SETTINGS say.
    #[must_use]
    pub fn remote_settings(&self) -> &RemoteSettings {
        &self.remote
    }

    fn has_unsent(&self) -> bool {
        !self.control.is_empty()
            || !self.outbox.ready.is_empty()
            || !self.outbox.waiting.is_empty() && self.may_start_stream()
    }
}

impl Machine for Connection {
    type Event = Event;

    fn handle_input(&mut self, now: Time, input: Bytes) {
        self.now = self.now.max(now);
        if self.phase == Phase::Alive {
            self.received_at = self.now;
            self.reader.push(input);
        }
    }

    fn handle_eof(&mut self, now: Time) {
        self.now = self.now.max(now);
        if self.phase == Phase::Alive {
            self.phase = Phase::InputEnded;
        }
    }

    fn poll_output(&mut self, now: Time, out: &mut Out) -> Output<Event> {
        self.now = self.now.max(now);
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Output::Event(event);
            }
            if self.phase != Phase::Ended {
                // RFC 9113 §5.2.2: frames are read as soon as they are there, whatever is blocked on the way out.
                if let Some(event) = self.read() {
                    return Output::Event(event);
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
            if self.has_unsent() {
                return Output::Full(self.timers.wake::<Timer>());
            }
            if self.phase != Phase::Ended {
                self.shrink();
            }
            return Output::Idle(self.timers.wake::<Timer>());
        }
    }
}
