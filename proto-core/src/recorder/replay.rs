//! A recording fed to the same machine: step by step, forwards and backwards, with each poll compared to the one that was
//! recorded. A step backwards makes the session anew and goes the shorter way again, which the laws promise to lead to the
//! same state.

use crate::base::{Entropy, Machine, Out, Output, Time};
use crate::recorder::check::Check;
use crate::recorder::coded::Reader;
use crate::recorder::header::{Header, Made};
use crate::recorder::record::{Clock, Flowed, Record};
use crate::recorder::tape::Room;
use crate::rpc::{CallId, ClientSession, ServerSession, StartCall, Transcode};
use crate::stack::{AnyServer, client_sessions};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;

/// Why a recording cannot be read or replayed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ReplayError {
    /// The bytes are no recording.
    NoRecording,
    /// Another version of the format.
    Version(u8),
    /// The header is damaged or cut.
    Header,
    /// A record is damaged: where it stands, in bytes.
    Damaged(usize),
    /// The recording can be read, and not replayed: why.
    NotReplayable(String),
    /// The machine did something else than it did when it was recorded.
    Diverged {
        /// The number of the step.
        step: usize,
        /// What was recorded.
        recorded: String,
        /// What happened now.
        replayed: String,
    },
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReplayError::NoRecording => {
                f.write_str("these bytes are no recording: they do not begin with zREC")
            }
            ReplayError::Version(version) => write!(
                f,
                "the recording has version {version} of the format, and this library reads version {}; use the library that wrote it",
                super::VERSION
            ),
            ReplayError::Header => {
                f.write_str("the recording's header is damaged or cut, so that the session cannot be made")
            }
            ReplayError::Damaged(at) => write!(f, "the recording is damaged at byte {at}"),
            ReplayError::NotReplayable(why) => write!(f, "the recording can be read, not replayed: {why}"),
            ReplayError::Diverged { step, recorded, replayed } => {
                write!(
                    f,
                    "the replay diverges at step {step}: recorded was {recorded}, and now it is {replayed}"
                )
            }
        }
    }
}

impl core::error::Error for ReplayError {}

/// What one step did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// Its number; the first is 0.
    pub index: usize,
    /// What happened.
    pub record: Record,
    /// The bytes that the session wrote.
    pub written: Bytes,
    /// The event that the session reported, as it prints.
    pub event: Option<String>,
}

/// See the module.
///
/// ```
/// use zrpc_core::base::{Machine, Out, Time};
/// use zrpc_core::recorder::{BoxedServerSession, Header, Made, Recording, Redaction, Replay, Ring, Sink, Tape};
/// use zrpc_core::stack::{AnyServer, AnyServerConfig};
/// use std::sync::{Arc, Mutex};
///
/// #[derive(Clone)]
/// struct Shared(Arc<Mutex<Ring>>);
/// impl Sink for Shared {
///     fn open(&mut self, header: &[u8]) {
///         self.0.lock().unwrap().open(header);
///     }
///     fn write(&mut self, records: &[u8]) {
///         self.0.lock().unwrap().write(records);
///     }
/// }
///
/// let (now, config) = (Time::START, AnyServerConfig::default());
/// let ring = Shared(Arc::new(Mutex::new(Ring::new(1 << 20))));
/// let tape = Tape::new(Header::new(now, Made::Server(config.clone())), Redaction::none(), Box::new(ring.clone()));
/// let session: BoxedServerSession = Box::new(AnyServer::new(now, &config));
/// let mut server = Recording::new(session, tape);
/// server.handle_input(now, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".as_slice().into());
/// let mut out = Out::with_room(1 << 16);
/// while let zrpc_core::base::Output::Event(_) = server.poll_output(now, &mut out) {}
/// drop(server);
///
/// let recorded = ring.0.lock().unwrap().to_bytes();
/// let mut replay = Replay::new(recorded.into())?;
/// assert_eq!(replay.run()?, out.to_vec());
/// # Ok::<(), zrpc_core::recorder::ReplayError>(())
/// ```
#[derive(Debug)]
pub struct Replay {
    header: Header,
    records: Arc<[Record]>,
    is_cut: bool,
    schema: Option<Arc<dyn Transcode>>,
    run: Option<Run>,
    position: usize,
}

impl Replay {
    /// Reads a recording. Its last record may be cut, as it is when a process was killed while it wrote; what comes
    /// before it is taken, and [`Replay::is_cut`] says so.
    ///
    /// # Errors
    /// When the bytes are no recording, of another version, or damaged.
    pub fn new(recording: Bytes) -> Result<Replay, ReplayError> {
        let whole = recording.len();
        let mut reader = Reader::new(recording);
        let header = Header::take(&mut reader)?;
        let mut clock = Clock(header.started);
        let (mut records, mut is_cut) = (Vec::new(), false);
        while !reader.is_empty() {
            let at = whole - reader.len();
            let Some(body) = reader.run() else {
                is_cut = true;
                break;
            };
            records.push(Record::take(&mut clock, body).ok_or(ReplayError::Damaged(at))?);
        }
        Ok(Replay { header, records: records.into(), is_cut, schema: None, run: None, position: 0 })
    }

    /// Hands in the JSON schema that the session had, which a recording cannot hold.
    #[must_use]
    pub fn with_schema(mut self, schema: Arc<dyn Transcode>) -> Replay {
        self.schema = Some(schema);
        self
    }

    /// How the session was made.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Everything that was recorded, also where it cannot be replayed.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Whether the recording ends in the middle of a record.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Steps that were made.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// Makes the next step; `None` at the end.
    ///
    /// # Errors
    /// When the recording cannot be replayed, or the session does something else than was recorded.
    pub fn step(&mut self) -> Result<Option<Step>, ReplayError> {
        if self.run.is_none() {
            self.run = Some(self.begin()?);
        }
        let (Some(run), Some(record)) = (&mut self.run, self.records.get(self.position)) else {
            return Ok(None);
        };
        let (written, event) = run.step(record, self.position)?;
        let step = Step { index: self.position, record: record.clone(), written, event };
        self.position += 1;
        Ok(Some(step))
    }

    /// Undoes the last step; `false` at the begin.
    ///
    /// # Errors
    /// As [`Replay::step`].
    pub fn back(&mut self) -> Result<bool, ReplayError> {
        let Some(position) = self.position.checked_sub(1) else { return Ok(false) };
        self.seek(position)?;
        Ok(true)
    }

    /// Goes to where so many steps were made, or to the end.
    ///
    /// # Errors
    /// As [`Replay::step`].
    pub fn seek(&mut self, position: usize) -> Result<(), ReplayError> {
        if position < self.position {
            (self.run, self.position) = (None, 0);
        }
        while self.position < position && self.step()?.is_some() {}
        Ok(())
    }

    /// Steps until `stop` says so of a step, and returns that; `None` when the end came first.
    ///
    /// # Errors
    /// As [`Replay::step`].
    pub fn until(&mut self, mut stop: impl FnMut(&Step) -> bool) -> Result<Option<Step>, ReplayError> {
        while let Some(step) = self.step()? {
            if stop(&step) {
                return Ok(Some(step));
            }
        }
        Ok(None)
    }

    /// Makes all steps that are left, and returns all bytes that the session wrote in them.
    ///
    /// # Errors
    /// As [`Replay::step`].
    pub fn run(&mut self) -> Result<Vec<u8>, ReplayError> {
        let mut written = Vec::new();
        while let Some(step) = self.step()? {
            written.extend_from_slice(&step.written);
        }
        Ok(written)
    }

    /// The session as it stands, for people and to compare: all of a server's, of a client's what its traits tell; and
    /// the hash of all that it did.
    ///
    /// # Errors
    /// When the recording cannot be replayed.
    pub fn state(&mut self) -> Result<String, ReplayError> {
        if self.run.is_none() {
            self.run = Some(self.begin()?);
        }
        Ok(self.run.as_ref().map(|run| format!("{run:?}")).unwrap_or_default())
    }

    fn begin(&self) -> Result<Run, ReplayError> {
        let refuse = |why: &str| Err(ReplayError::NotReplayable(why.into()));
        let header = &self.header;
        if header.redacted {
            return refuse("it is redacted, and the bytes that came were left out");
        }
        if self.records.iter().any(|record| matches!(record, Record::Cut { .. })) {
            return refuse("its ring was too small and dropped the begin; give it more bytes");
        }
        if !header.has_same_features() {
            return refuse("other compressions were built in; build with the same features");
        }
        let is_supplied = |missing: &String| self.schema.is_some() && missing.contains("schema");
        if let Some(missing) = header.missing.iter().find(|missing| !is_supplied(missing)) {
            return Err(ReplayError::NotReplayable(format!("it lacks {missing}")));
        }
        let session = match &header.made {
            Made::Server(config) => {
                let mut config = config.clone();
                if let (Some(schema), Some(websocket)) = (&self.schema, &mut config.websocket) {
                    websocket.schema = Arc::clone(schema);
                }
                Session::Server(Box::new(AnyServer::new(header.started, &config)))
            }
            Made::Client { carrier, config, seed } => {
                let new_session = client_sessions(*carrier);
                Session::Client(new_session(header.started, config, Entropy::from_seed(*seed)))
            }
            Made::Custom { .. } => return refuse("its session was made by code of the application's own"),
        };
        Ok(Run { session, check: Check::default() })
    }
}

/// A session on its way through the records.
#[derive(Debug)]
struct Run {
    session: Session,
    check: Check,
}

enum Session {
    Server(Box<AnyServer>),
    Client(Box<dyn ClientSession + Send>),
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Session::Server(server) => server.fmt(f),
            Session::Client(client) => f
                .debug_struct("Client")
                .field("open_calls", &client.open_calls())
                .field("takes_calls", &client.takes_calls())
                .field("has_room", &client.has_room())
                .field("awaits_server", &client.awaits_server())
                .finish(),
        }
    }
}

impl Run {
    fn step(&mut self, record: &Record, index: usize) -> Result<(Bytes, Option<String>), ReplayError> {
        let diverged =
            |recorded: String, replayed: String| ReplayError::Diverged { step: index, recorded, replayed };
        if let Record::Poll { now, room, attachments, turned, written, check } = record {
            let room = usize::try_from(*room).unwrap_or(usize::MAX);
            let (bytes, event, now_turned, now_check) = self.poll(*now, room, *attachments);
            if (now_turned, bytes.len() as u64, now_check) != (*turned, *written, *check) {
                return Err(diverged(
                    format!("{turned:?} with {written} bytes and check {check:08x}"),
                    format!("{now_turned:?} with {} bytes and check {now_check:08x}", bytes.len()),
                ));
            }
            return Ok((bytes, event));
        }
        let ended = match &mut self.session {
            Session::Server(server) => tell_server(server, record),
            Session::Client(client) => tell_client(&mut **client, record),
        };
        match ended {
            Some((recorded, replayed)) if recorded != replayed => {
                Err(diverged(format!("{recorded:?}"), format!("{replayed:?}")))
            }
            _ => Ok((Bytes::new(), None)),
        }
    }

    fn poll(
        &mut self,
        now: Time,
        room: usize,
        attachments: u32,
    ) -> (Bytes, Option<String>, super::Turned, u32) {
        let mut out = Out::with_room(room);
        let mut left = attachments;
        while left > 0 {
            let count = left.min(u32::from(u8::MAX));
            out.attach(0, count as u8);
            left -= count;
        }
        let before = Room::of(&out);
        let (event, (turned, check)) = match &mut self.session {
            Session::Server(server) => {
                let output = server.poll_output(now, &mut out);
                let event = match &output {
                    Output::Event(event) => {
                        self.check.server_event(event);
                        Some(format!("{event:?}"))
                    }
                    Output::Full(_) | Output::Idle(_) => None,
                };
                (event, before.take_in(&mut self.check, &out, &output))
            }
            Session::Client(client) => {
                let output = client.poll_output(now, &mut out);
                let event = match &output {
                    Output::Event(event) => {
                        self.check.client_event(event);
                        Some(format!("{event:?}"))
                    }
                    Output::Full(_) | Output::Idle(_) => None,
                };
                (event, before.take_in(&mut self.check, &out, &output))
            }
        };
        (out.to_vec().into(), event, turned, check)
    }
}

/// Tells a server what was recorded; of a command, how it ended then and now.
fn tell_server(server: &mut AnyServer, record: &Record) -> Option<(Flowed, Flowed)> {
    let id = CallId::from_u64;
    match record {
        Record::Input { now, bytes } => server.handle_input(*now, bytes.clone()),
        Record::Eof { now } => server.handle_eof(*now),
        Record::Unclaimed { count } => {
            let now = server.take_unclaimed_attachments();
            return Some((Flowed::Done, if now == *count { Flowed::Done } else { Flowed::Refused }));
        }
        Record::Head { call, metadata, compression, ended } => {
            return Some((*ended, Flowed::of(&server.send_head(id(*call), metadata, *compression))));
        }
        Record::Send { call, message, compress, attachments: 0, ended } => {
            return Some((*ended, Flowed::of_send(&server.send(id(*call), message.clone(), *compress))));
        }
        Record::Send { call, message, compress, attachments, ended } => {
            let sent = server.send_with_attachments(id(*call), message.clone(), *compress, *attachments);
            return Some((*ended, Flowed::of_send(&sent)));
        }
        Record::Finish { call, status, trailers, ended } => {
            return Some((*ended, Flowed::of(&server.finish(id(*call), status, trailers))));
        }
        Record::Consume { call, credit } => server.consume(id(*call), *credit),
        Record::Drain { now, grace } => server.drain(*now, *grace),
        Record::Close { now } => server.close(*now),
        _ => return Some((Flowed::Done, Flowed::Refused)),
    }
    None
}

/// As [`tell_server`].
fn tell_client(client: &mut (dyn ClientSession + Send), record: &Record) -> Option<(Flowed, Flowed)> {
    let id = CallId::from_u64;
    match record {
        Record::Input { now, bytes } => client.handle_input(*now, bytes.clone()),
        Record::Eof { now } => client.handle_eof(*now),
        Record::Unclaimed { count } => {
            let now = client.take_unclaimed_attachments();
            return Some((Flowed::Done, if now == *count { Flowed::Done } else { Flowed::Refused }));
        }
        Record::Start { now, path, metadata, deadline, compression, ended } => {
            let head = StartCall { path, metadata, deadline: *deadline, compression: *compression };
            return Some((*ended, Flowed::of(&client.start(*now, head))));
        }
        Record::Send { call, message, compress, attachments: 0, ended } => {
            return Some((*ended, Flowed::of_send(&client.send(id(*call), message.clone(), *compress))));
        }
        Record::Send { call, message, compress, attachments, ended } => {
            let sent = client.send_with_attachments(id(*call), message.clone(), *compress, *attachments);
            return Some((*ended, Flowed::of_send(&sent)));
        }
        Record::HalfClose { call, ended } => {
            return Some((*ended, Flowed::of(&client.half_close(id(*call)))));
        }
        Record::Cancel { call, ended } => return Some((*ended, Flowed::of(&client.cancel(id(*call))))),
        Record::Consume { call, credit } => client.consume(id(*call), *credit),
        Record::Drain { now, .. } => client.drain(*now),
        Record::Close { now } => client.close(*now),
        _ => return Some((Flowed::Done, Flowed::Refused)),
    }
    None
}
