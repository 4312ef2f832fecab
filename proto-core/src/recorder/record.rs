//! What is written down of each thing that happens to a session. A record is its length, its kind, and its fields; times
//! are distances from the one before, as most are short.

use crate::base::Field;
use crate::base::{Flow, Misuse, Time};
use crate::recorder::coded::{Coded, Reader, coded_names, put_number, put_run};
use crate::rpc::{Code, Encoding, Metadata, Origin, Status};
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

/// How a poll ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turned {
    /// With an event.
    Event,
    /// Bytes waited for room.
    Full,
    /// Nothing was left to say.
    Idle,
}

/// How a command ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flowed {
    /// It was carried out.
    Done,
    /// It was carried out, and nothing more may be sent until there is room.
    Blocked,
    /// It was refused as misuse.
    Refused,
}

impl Flowed {
    pub(super) fn of<T>(result: &Result<T, Misuse>) -> Flowed {
        if result.is_ok() { Flowed::Done } else { Flowed::Refused }
    }

    pub(super) fn of_send(result: &Result<Flow, Misuse>) -> Flowed {
        if matches!(result, Ok(Flow::Blocked)) { Flowed::Blocked } else { Flowed::of(result) }
    }
}

coded_names! {
    Turned { Turned::Event = 0, Turned::Full = 1, Turned::Idle = 2 }
    Flowed { Flowed::Done = 0, Flowed::Blocked = 1, Flowed::Refused = 2 }
}

/// One thing that happened to a session. Each command says how it ended; the call is the number of its id.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the fields are those of the session's methods")]
#[non_exhaustive]
pub enum Record {
    /// Bytes arrived.
    Input { now: Time, bytes: Bytes },
    /// The peer sends no more.
    Eof { now: Time },
    /// The session was polled, with so much room; it wrote so many bytes, and `check` is the hash of all that it did.
    Poll { now: Time, room: u64, attachments: u32, turned: Turned, written: u64, check: u32 },
    /// Attachments that nobody was told of were taken.
    Unclaimed { count: u32 },
    /// A client's call was started.
    Start {
        now: Time,
        path: String,
        metadata: Metadata,
        deadline: Option<Time>,
        compression: Option<Encoding>,
        ended: Flowed,
    },
    /// A server's head.
    Head { call: u64, metadata: Metadata, compression: Option<Encoding>, ended: Flowed },
    /// A message, with so many attachments.
    Send { call: u64, message: Bytes, compress: bool, attachments: u8, ended: Flowed },
    /// A client sends no more messages.
    HalfClose { call: u64, ended: Flowed },
    /// A client gave a call up.
    Cancel { call: u64, ended: Flowed },
    /// A server ended a call.
    Finish { call: u64, status: Status, trailers: Metadata, ended: Flowed },
    /// Credit was given back.
    Consume { call: u64, credit: u32 },
    /// The session drains; the grace is a server's.
    Drain { now: Time, grace: Duration },
    /// The session closes.
    Close { now: Time },
    /// So many bytes arrived and were left out, since the recording is redacted.
    Withheld { now: Time, length: u64 },
    /// What an event said, in a redacted recording.
    Told { what: String },
    /// A ring dropped so many bytes of records here.
    Cut { length: u64 },
}

impl Coded for Metadata {
    fn put(&self, to: &mut Vec<u8>) {
        self.len().put(to);
        for field in self.fields().iter() {
            put_run(field.name, to);
            put_run(field.value, to);
            field.secret.put(to);
        }
    }

    fn take(from: &mut Reader) -> Option<Metadata> {
        let mut metadata = Metadata::new();
        for _ in 0..usize::take(from)? {
            let (name, value, secret) = (from.run()?, from.run()?, bool::take(from)?);
            metadata.push(Field { name: &name, value: &value, secret });
        }
        Some(metadata)
    }
}

impl Coded for Status {
    fn put(&self, to: &mut Vec<u8>) {
        self.code().put(to);
        put_run(self.message().as_bytes(), to);
        put_run(self.details(), to);
        self.metadata().put(to);
        self.origin().put(to);
        self.safe_to_retry().put(to);
    }

    fn take(from: &mut Reader) -> Option<Status> {
        let (code, message) = (Code::take(from)?, String::take(from)?);
        let (details, metadata) = (Bytes::take(from)?, Metadata::take(from)?);
        let (origin, is_safe) = (Origin::take(from)?, bool::take(from)?);
        let mut status = Status::new(code, message);
        if !details.is_empty() {
            status = status.with_details(details);
        }
        if !metadata.is_empty() {
            status = status.with_metadata(metadata);
        }
        if origin != Origin::Caller {
            status = status.with_origin(origin);
        }
        Some(if is_safe { status.with_safe_to_retry() } else { status })
    }
}

/// Where the clock of the records stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(pub(super) Time);

impl Clock {
    fn put(&mut self, now: Time, to: &mut Vec<u8>) {
        let moved = now.as_nanos().wrapping_sub(self.0.as_nanos()).cast_signed();
        self.0 = now;
        put_number((moved << 1 ^ moved >> 63).cast_unsigned(), to);
    }

    fn take(&mut self, from: &mut Reader) -> Option<Time> {
        let zigzag = from.number()?;
        let moved = (zigzag >> 1) ^ (zigzag & 1).wrapping_neg();
        self.0 = Time::from_nanos(self.0.as_nanos().wrapping_add(moved));
        Some(self.0)
    }
}

/// Appends an input; it has a way of its own, since it is most of a recording.
pub(super) fn put_input(clock: &mut Clock, now: Time, bytes: &[u8], to: &mut Vec<u8>) {
    let mut head = Vec::with_capacity(12);
    head.push(0);
    clock.put(now, &mut head);
    put_number((head.len() + bytes.len()) as u64, to);
    to.extend_from_slice(&head);
    to.extend_from_slice(bytes);
}

impl Record {
    /// Appends the record to `to`; `body` is room to build it in.
    pub(super) fn put(&self, clock: &mut Clock, body: &mut Vec<u8>, to: &mut Vec<u8>) {
        body.clear();
        self.put_body(clock, body);
        put_run(body, to);
    }

    fn put_body(&self, clock: &mut Clock, to: &mut Vec<u8>) {
        to.push(self.kind());
        match self {
            Record::Input { now, bytes } => {
                clock.put(*now, to);
                to.extend_from_slice(bytes);
            }
            Record::Eof { now } | Record::Close { now } => clock.put(*now, to),
            Record::Poll { now, room, attachments, turned, written, check } => {
                clock.put(*now, to);
                room.put(to);
                attachments.put(to);
                turned.put(to);
                written.put(to);
                to.extend_from_slice(&check.to_le_bytes());
            }
            Record::Unclaimed { count } => count.put(to),
            Record::Start { now, path, metadata, deadline, compression, ended } => {
                clock.put(*now, to);
                path.put(to);
                metadata.put(to);
                deadline.put(to);
                compression.put(to);
                ended.put(to);
            }
            Record::Head { call, metadata, compression, ended } => {
                call.put(to);
                metadata.put(to);
                compression.put(to);
                ended.put(to);
            }
            Record::Send { call, message, compress, attachments, ended } => {
                call.put(to);
                message.put(to);
                compress.put(to);
                attachments.put(to);
                ended.put(to);
            }
            Record::HalfClose { call, ended } | Record::Cancel { call, ended } => {
                call.put(to);
                ended.put(to);
            }
            Record::Finish { call, status, trailers, ended } => {
                call.put(to);
                status.put(to);
                trailers.put(to);
                ended.put(to);
            }
            Record::Consume { call, credit } => (call.put(to), credit.put(to)).1,
            Record::Drain { now, grace } => {
                clock.put(*now, to);
                grace.put(to);
            }
            Record::Withheld { now, length } => {
                clock.put(*now, to);
                length.put(to);
            }
            Record::Told { what } => what.put(to),
            Record::Cut { length } => length.put(to),
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Record::Input { .. } => 0,
            Record::Eof { .. } => 1,
            Record::Poll { .. } => 2,
            Record::Unclaimed { .. } => 3,
            Record::Start { .. } => 4,
            Record::Head { .. } => 5,
            Record::Send { .. } => 6,
            Record::HalfClose { .. } => 7,
            Record::Cancel { .. } => 8,
            Record::Finish { .. } => 9,
            Record::Consume { .. } => 10,
            Record::Drain { .. } => 11,
            Record::Close { .. } => 12,
            Record::Withheld { .. } => 13,
            Record::Told { .. } => 14,
            Record::Cut { .. } => 15,
        }
    }

    /// Reads the record whose bytes these are, all of them.
    pub(super) fn take(clock: &mut Clock, body: Bytes) -> Option<Record> {
        let from = &mut Reader::new(body);
        let record = match from.byte()? {
            0 => Record::Input { now: clock.take(from)?, bytes: from.bytes(from.len())? },
            1 => Record::Eof { now: clock.take(from)? },
            2 => Record::Poll {
                now: clock.take(from)?,
                room: Coded::take(from)?,
                attachments: Coded::take(from)?,
                turned: Coded::take(from)?,
                written: Coded::take(from)?,
                check: u32::from_le_bytes(from.bytes(4)?.as_ref().try_into().ok()?),
            },
            3 => Record::Unclaimed { count: Coded::take(from)? },
            4 => Record::Start {
                now: clock.take(from)?,
                path: Coded::take(from)?,
                metadata: Coded::take(from)?,
                deadline: Coded::take(from)?,
                compression: Coded::take(from)?,
                ended: Coded::take(from)?,
            },
            5 => Record::Head {
                call: Coded::take(from)?,
                metadata: Coded::take(from)?,
                compression: Coded::take(from)?,
                ended: Coded::take(from)?,
            },
            6 => Record::Send {
                call: Coded::take(from)?,
                message: Coded::take(from)?,
                compress: Coded::take(from)?,
                attachments: Coded::take(from)?,
                ended: Coded::take(from)?,
            },
            7 => Record::HalfClose { call: Coded::take(from)?, ended: Coded::take(from)? },
            8 => Record::Cancel { call: Coded::take(from)?, ended: Coded::take(from)? },
            9 => Record::Finish {
                call: Coded::take(from)?,
                status: Coded::take(from)?,
                trailers: Coded::take(from)?,
                ended: Coded::take(from)?,
            },
            10 => Record::Consume { call: Coded::take(from)?, credit: Coded::take(from)? },
            11 => Record::Drain { now: clock.take(from)?, grace: Coded::take(from)? },
            12 => Record::Close { now: clock.take(from)? },
            13 => Record::Withheld { now: clock.take(from)?, length: Coded::take(from)? },
            14 => Record::Told { what: Coded::take(from)? },
            15 => Record::Cut { length: Coded::take(from)? },
            _ => return None,
        };
        from.is_empty().then_some(record)
    }
}
