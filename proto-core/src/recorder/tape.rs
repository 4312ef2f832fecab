//! Where records go: a buffer that is handed to a sink whenever it is full, when the connection ends, and when the session
//! is dropped. A sink never sees a part of a record, so that a ring may drop whole pieces.

use crate::base::{Out, Output, Time, Wake};
use crate::recorder::check::Check;
use crate::recorder::header::Header;
use crate::recorder::record::{Clock, Record, Turned, put_input};
use crate::rpc::{Metadata, Status};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;

/// Bytes of records that are gathered for a sink.
const GATHERED: usize = 32 * 1024;

/// What keeps a recording. It is called on the connection's turn, so it must not wait for long.
pub trait Sink: Send {
    /// Keeps the bytes that the recording opens with; called once, first.
    fn open(&mut self, header: &[u8]);

    /// Keeps whole records.
    fn write(&mut self, records: &[u8]);

    /// The connection is over, or its session was dropped; `failed` says whether something went wrong. Called at most once
    /// with each, the last time at the end.
    fn end(&mut self, failed: bool) {
        let _ = failed;
    }
}

/// Which secrets are kept out of a recording. Bytes of the wire cannot be blanked without changing what a machine does with
/// them, for compression hides where they stand; so a recording with any redaction leaves out all bytes that came, and
/// says in words what events told. It can be read, not replayed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Redaction {
    /// Metadata whose values are replaced by asterisks; keys in lower case.
    pub keys: Vec<String>,
    /// Whether messages, and the details of statuses, are replaced by as many zeros.
    pub bodies: bool,
}

impl Redaction {
    /// Nothing is kept out.
    #[must_use]
    pub fn none() -> Redaction {
        Redaction::default()
    }

    /// Credentials: `authorization`, `proxy-authorization`, `cookie`, `set-cookie`, `x-api-key`.
    #[must_use]
    pub fn credentials() -> Redaction {
        let keys = ["authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"];
        Redaction { keys: keys.map(String::from).to_vec(), bodies: false }
    }

    /// Whether nothing is kept out.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.keys.is_empty() && !self.bodies
    }

    pub(super) fn metadata(&self, metadata: &Metadata) -> Metadata {
        let mut redacted = Metadata::new();
        for field in metadata.fields().iter() {
            let is_secret = self.keys.iter().any(|key| key.as_bytes() == field.name);
            let blank = vec![b'*'; if is_secret { field.value.len() } else { 0 }];
            redacted
                .push(crate::base::Field { value: if is_secret { &blank } else { field.value }, ..field });
        }
        redacted
    }

    pub(super) fn message(&self, message: &Bytes) -> Bytes {
        if self.bodies { vec![0; message.len()].into() } else { message.clone() }
    }

    pub(super) fn status(&self, status: &Status) -> Status {
        let plain = Status::new(status.code(), String::from(status.message())).with_origin(status.origin());
        let details = self.message(&Bytes::copy_from_slice(status.details()));
        plain.with_details(details).with_metadata(self.metadata(status.metadata()))
    }
}

/// A recording in the making.
pub struct Tape {
    sink: Box<dyn Sink>,
    pub(super) redaction: Option<Redaction>,
    gathered: Vec<u8>,
    body: Vec<u8>,
    clock: Clock,
    check: Check,
    failed: bool,
}

impl Tape {
    /// Opens a recording.
    #[must_use]
    pub fn new(mut header: Header, redaction: Redaction, mut sink: Box<dyn Sink>) -> Tape {
        header.redacted = !redaction.is_none();
        sink.open(&header.to_bytes());
        Tape {
            sink,
            redaction: header.redacted.then_some(redaction),
            gathered: Vec::new(),
            body: Vec::new(),
            clock: Clock(header.started),
            check: Check::default(),
            failed: false,
        }
    }

    pub(super) fn put(&mut self, record: &Record) {
        record.put(&mut self.clock, &mut self.body, &mut self.gathered);
        if self.gathered.len() >= GATHERED {
            self.hand_over();
        }
    }

    pub(super) fn input(&mut self, now: Time, bytes: &[u8]) {
        if self.redaction.is_some() {
            return self.put(&Record::Withheld { now, length: bytes.len() as u64 });
        }
        put_input(&mut self.clock, now, bytes, &mut self.gathered);
        if self.gathered.len() >= GATHERED {
            self.hand_over();
        }
    }

    /// Notes what a poll did; what its event said was taken in before.
    pub(super) fn polled<E>(&mut self, now: Time, room: Room, out: &Out, output: &Output<E>) {
        let (turned, check) = room.take_in(&mut self.check, out, output);
        let written = out.len().saturating_sub(room.before) as u64;
        let Room { room, attachments, .. } = room;
        self.put(&Record::Poll { now, room, attachments, turned, written, check });
    }

    pub(super) fn check(&mut self) -> &mut Check {
        &mut self.check
    }

    pub(super) fn note_end(&mut self, failed: bool) {
        self.failed |= failed;
        self.hand_over();
    }

    fn hand_over(&mut self) {
        if !self.gathered.is_empty() {
            self.sink.write(&self.gathered);
            self.gathered.clear();
        }
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        self.hand_over();
        self.sink.end(self.failed);
    }
}

/// What an output looked like before a poll.
#[derive(Clone, Copy)]
pub(super) struct Room {
    pub(super) room: u64,
    pub(super) attachments: u32,
    before: usize,
}

impl Room {
    pub(super) fn of(out: &Out) -> Room {
        Room { room: out.room() as u64, attachments: out.attachments(), before: out.len() }
    }

    /// Takes in what a poll wrote and how it ended.
    pub(super) fn take_in<E>(self, check: &mut Check, out: &Out, output: &Output<E>) -> (Turned, u32) {
        check.written(out, self.before);
        let at = |wake: &Option<Wake>| wake.map(|wake| wake.at);
        let turned = match output {
            Output::Event(_) => Turned::Event,
            Output::Full(wake) => {
                check.wake(at(wake));
                Turned::Full
            }
            Output::Idle(wake) => {
                check.wake(at(wake));
                Turned::Idle
            }
        };
        (turned, check.short())
    }
}

/// A recording in memory of so many bytes at the most. When it is full, it drops its oldest pieces, and says so where they
/// stood; what is left can be read and no longer replayed, for a machine cannot be started in the middle.
#[derive(Debug)]
pub struct Ring {
    header: Bytes,
    pieces: VecDeque<Bytes>,
    held: usize,
    bytes_max: usize,
    dropped: u64,
}

impl Ring {
    /// An empty ring.
    #[must_use]
    pub fn new(bytes_max: usize) -> Ring {
        Ring { header: Bytes::new(), pieces: VecDeque::new(), held: 0, bytes_max, dropped: 0 }
    }

    /// Whether something was dropped.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.dropped > 0
    }

    /// The recording as it stands, as a file would have it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.header.to_vec();
        if self.is_cut() {
            let cut = Record::Cut { length: self.dropped };
            cut.put(&mut Clock(Time::START), &mut Vec::new(), &mut bytes);
        }
        self.pieces.iter().for_each(|piece| bytes.extend_from_slice(piece));
        bytes
    }
}

impl Sink for Ring {
    fn open(&mut self, header: &[u8]) {
        self.header = Bytes::copy_from_slice(header);
    }

    fn write(&mut self, records: &[u8]) {
        self.held += records.len();
        self.pieces.push_back(Bytes::copy_from_slice(records));
        while self.held > self.bytes_max {
            let Some(oldest) = self.pieces.pop_front() else { return };
            self.held -= oldest.len();
            self.dropped += oldest.len() as u64;
        }
    }
}
