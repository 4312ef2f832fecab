//! The service that the cases call: what its handlers do is written once for both drivers; and what a test sees of them.

use bytes::Bytes;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use zrpc::{Encoding, Idempotency, Kind, Metadata, Method, Request, Response, ServiceDescriptor, Status};

const fn method(path: &'static str, kind: Kind) -> Method {
    Method { path, kind, idempotency: Idempotency::Unknown }
}

/// The service.
pub static SUBJECT: ServiceDescriptor = ServiceDescriptor {
    name: "contract.Subject",
    methods: &[
        method("/contract.Subject/Echo", Kind::Unary),
        method("/contract.Subject/Fail", Kind::Unary),
        method("/contract.Subject/Hold", Kind::Unary),
        method("/contract.Subject/Panic", Kind::Unary),
        method("/contract.Subject/Watch", Kind::ServerStreaming),
        method("/contract.Subject/Sum", Kind::ClientStreaming),
        method("/contract.Subject/Chat", Kind::Bidirectional),
        method("/contract.Subject/Bare", Kind::Unary),
    ],
    file_descriptor_set: &[],
};

/// Answers the message, with the metadata whose keys begin with `x-` both before and after it.
pub static ECHO: &Method = &SUBJECT.methods[0];
/// Ends with the status that the request spells out.
pub static FAIL: &Method = &SUBJECT.methods[1];
/// Answers the message once the gate is open.
pub static HOLD: &Method = &SUBJECT.methods[2];
/// Panics.
pub static PANIC: &Method = &SUBJECT.methods[3];
/// Sends as many messages of a size as the request says.
pub static WATCH: &Method = &SUBJECT.methods[4];
/// Adds up what it is sent.
pub static SUM: &Method = &SUBJECT.methods[5];
/// Sends back each message; some words make it do something else.
pub static CHAT: &Method = &SUBJECT.methods[6];
/// In the descriptor, but without a handler.
pub static BARE: &Method = &SUBJECT.methods[7];

/// What a handler panics with, so that the log of a run that went well shows none of it.
pub const PANIC_TEXT: &str = "as the case asked";
/// How long to wait for what must come, before the case fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a test sees of the handlers, and the gate at which some of them wait.
#[derive(Debug)]
pub struct Probe {
    seen: Mutex<Seen>,
    changed: Condvar,
    gate: watch::Sender<bool>,
}

/// What was seen so far.
#[derive(Clone, Copy, Default, Debug)]
pub struct Seen {
    /// Handlers that began.
    pub entered: usize,
    /// Handlers that ended, in whatever way.
    pub ended: usize,
    /// Bytes of messages that handlers have sent.
    pub sent: usize,
    /// Bytes of messages that handlers have received.
    pub received: usize,
}

impl Default for Probe {
    fn default() -> Probe {
        Probe { seen: Mutex::default(), changed: Condvar::new(), gate: watch::Sender::new(false) }
    }
}

impl Probe {
    /// What was seen so far.
    pub fn seen(&self) -> Seen {
        *self.lock()
    }

    /// Waits until this holds.
    #[track_caller]
    pub fn until(&self, what: &str, holds: impl Fn(Seen) -> bool) {
        let end = Instant::now() + PATIENCE;
        let mut seen = self.lock();
        while !holds(*seen) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "still not: {what}; there is {:?}", *seen);
            seen = self.changed.wait_timeout(seen, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until every handler that began has ended.
    #[track_caller]
    pub fn until_handlers_ended(&self) {
        self.until("each handler that began has ended", |seen| seen.entered == seen.ended);
    }

    /// Lets handlers pass that wait, or will.
    pub fn open_gate(&self) {
        self.gate.send_replace(true);
        drop(self.lock());
        self.changed.notify_all();
    }

    async fn pass_gate(&self) {
        // The sender lives as long as the probe, so that the wait cannot fail.
        let _ = self.gate.subscribe().wait_for(|open| *open).await;
    }

    fn pass_gate_blocking(&self) {
        let mut seen = self.lock();
        while !*self.gate.borrow() {
            seen = self.changed.wait(seen).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn note(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A handler while it lives.
pub struct Presence(Arc<Probe>);

impl Presence {
    fn new(probe: &Arc<Probe>) -> Presence {
        probe.note(|seen| seen.entered += 1);
        Presence(Arc::clone(probe))
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.note(|seen| seen.ended += 1);
    }
}

/// The metadata to send back: what begins with `x-`.
fn echoed(sent: &Metadata) -> Result<Metadata, Status> {
    let invalid = |error: zrpc::MetadataError| Status::internal(error.to_string());
    let mut echoed = Metadata::new();
    let mut binary = Vec::new();
    for (key, value) in sent.iter().filter(|(key, _)| key.starts_with("x-")) {
        if !key.ends_with("-bin") {
            echoed.append(key, value).map_err(invalid)?;
        } else if !binary.contains(&key) {
            binary.push(key);
            for value in sent.get_all_bin(key) {
                echoed.append_bin(key, &value).map_err(invalid)?;
            }
        }
    }
    Ok(echoed)
}

/// The encoding that the request asks for the responses.
fn wanted_encoding<T>(request: &Request<T>) -> Option<Encoding> {
    request.metadata().get("want-encoding").and_then(|name| Encoding::from_name(name.as_bytes()))
}

fn echo(request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
    let metadata = echoed(request.metadata())?;
    let mut head = metadata.clone();
    let seen = [
        ("seen-encoding", request.compression().map(Encoding::name)),
        ("seen-deadline", request.deadline().map(|_| "set")),
    ];
    for (key, value) in seen {
        if let Some(value) = value {
            head.append(key, value).map_err(|error| Status::internal(error.to_string()))?;
        }
    }
    let wanted = wanted_encoding(&request);
    let response = Response::new(request.into_message()).with_metadata(head).with_trailers(metadata);
    Ok(match wanted {
        Some(encoding) => response.with_compression(encoding),
        None => response,
    })
}

fn fail(request: &Request<Bytes>) -> Result<Response<Bytes>, Status> {
    let code = request.metadata().get("code").and_then(|code| code.parse().ok()).unwrap_or(2);
    let text = String::from_utf8_lossy(request.message()).into_owned();
    let status = Status::new(zrpc::Code::from_u32(code), text).with_metadata(echoed(request.metadata())?);
    Err(match request.metadata().get_bin("details-bin") {
        Some(details) => status.with_details(details),
        None => status,
    })
}

/// A message of `size` bytes that is told from its neighbours.
pub fn pattern(index: usize, size: usize) -> Bytes {
    Bytes::from(vec![(index % 251) as u8; size])
}

/// `count size`, of `WATCH`.
fn count_and_size(message: &Bytes) -> Result<(usize, usize), Status> {
    let text = std::str::from_utf8(message).ok().and_then(|text| text.split_once(' '));
    text.and_then(|(count, size)| Some((count.parse().ok()?, size.parse().ok()?)))
        .ok_or_else(|| Status::invalid_argument("send `count size`"))
}

/// The answer of `SUM`.
pub fn sum_text(count: usize, bytes: usize, check: u64) -> String {
    format!("{count} messages, {bytes} bytes, check {check:x}")
}

/// Takes bytes into a checksum that depends on their order.
pub fn check(sum: u64, bytes: &[u8]) -> u64 {
    let words = bytes.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    });
    words.fold(sum, |sum, word| (sum ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23))
}

/// The handlers on one driver; `$wait` is what async code writes behind a call and blocking code does not.
macro_rules! handlers {
    ($module:ident, $driver:ident, $pass_gate:ident, [$($asynch:tt)*], [$($wait:tt)*]) => {
        mod $module {
            use super::*;
            use zrpc::$driver::{Replies, Streaming};

            pub $($asynch)* fn hold(probe: Arc<Probe>, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
                let _presence = Presence::new(&probe);
                probe.$pass_gate() $($wait)*;
                Ok(Response::new(request.into_message()))
            }

            pub $($asynch)* fn watch(
                probe: Arc<Probe>,
                request: Request<Bytes>,
                mut replies: Replies<Bytes>,
            ) -> Result<(), Status> {
                let _presence = Presence::new(&probe);
                let (count, size) = count_and_size(request.message())?;
                *replies.metadata_mut() = echoed(request.metadata())?;
                *replies.trailers_mut() = echoed(request.metadata())?;
                if let Some(encoding) = wanted_encoding(&request) {
                    replies.set_compression(encoding);
                }
                for index in 0..count {
                    replies.send(pattern(index, size)) $($wait)* ?;
                    probe.note(|seen| seen.sent += size);
                }
                Ok(())
            }

            pub $($asynch)* fn sum(
                probe: Arc<Probe>,
                request: Request<Streaming<Bytes>>,
            ) -> Result<Response<Bytes>, Status> {
                let _presence = Presence::new(&probe);
                let (mut requests, head) = request.into_parts();
                let (mut count, mut bytes, mut sum) = (0, 0, 0);
                while let Some(message) = requests.message() $($wait)* ? {
                    match &message[..] {
                        b"hold" => probe.$pass_gate() $($wait)*,
                        b"enough" => return Err(Status::out_of_range("enough")),
                        b"answer" => break,
                        b"panic" => panic!("{PANIC_TEXT}"),
                        _ => {}
                    }
                    count += 1;
                    bytes += message.len();
                    sum = check(sum, &message);
                    probe.note(|seen| seen.received += message.len());
                }
                let answer = Response::new(Bytes::from(sum_text(count, bytes, sum)));
                let metadata = echoed(head.metadata())?;
                Ok(answer.with_metadata(metadata.clone()).with_trailers(metadata))
            }

            pub $($asynch)* fn chat(
                probe: Arc<Probe>,
                request: Request<Streaming<Bytes>>,
                mut replies: Replies<Bytes>,
            ) -> Result<(), Status> {
                let _presence = Presence::new(&probe);
                *replies.metadata_mut() = echoed(request.metadata())?;
                *replies.trailers_mut() = echoed(request.metadata())?;
                if let Some(encoding) = wanted_encoding(&request) {
                    replies.set_compression(encoding);
                }
                let mut requests = request.into_message();
                while let Some(message) = requests.message() $($wait)* ? {
                    probe.note(|seen| seen.received += message.len());
                    match &message[..] {
                        b"hold" => probe.$pass_gate() $($wait)*,
                        b"head" => replies.send_metadata(),
                        b"end" => return Ok(()),
                        b"enough" => return Err(Status::out_of_range("enough")),
                        b"panic" => panic!("{PANIC_TEXT}"),
                        _ => {
                            let size = message.len();
                            replies.send(message) $($wait)* ?;
                            probe.note(|seen| seen.sent += size);
                        }
                    }
                }
                Ok(())
            }
        }
    };
}

handlers!(asynchronous, tokio, pass_gate, [async], [.await]);
handlers!(blocking, blocking, pass_gate_blocking, [], []);

/// The service on either driver.
#[derive(Clone, Debug)]
pub struct Subject(pub Arc<Probe>);

impl zrpc::tokio::Service for Subject {
    fn descriptor(&self) -> &'static ServiceDescriptor {
        &SUBJECT
    }

    fn call(&self, method: usize, call: zrpc::tokio::IncomingCall) -> zrpc::tokio::Handling {
        use asynchronous::{chat, hold, sum, watch};
        use zrpc::RawCodec;
        let probe = Arc::clone(&self.0);
        match method {
            0 => call.unary::<RawCodec, _, _>(|request| async { echo(request) }),
            1 => call.unary::<RawCodec, _, _>(|request| async move { fail(&request) }),
            2 => call.unary::<RawCodec, _, _>(|request| hold(probe, request)),
            3 => call.unary::<RawCodec, _, _>(|_| async { panic!("{PANIC_TEXT}") }),
            4 => call.server_streaming::<RawCodec, _, _>(|request, replies| watch(probe, request, replies)),
            5 => call.client_streaming::<RawCodec, _, _>(|request| sum(probe, request)),
            6 => call.bidirectional::<RawCodec, _, _>(|request, replies| chat(probe, request, replies)),
            _ => call.unimplemented(),
        }
    }
}

impl zrpc::blocking::Service for Subject {
    fn descriptor(&self) -> &'static ServiceDescriptor {
        &SUBJECT
    }

    fn call(&self, method: usize, call: zrpc::blocking::IncomingCall) {
        use blocking::{chat, hold, sum, watch};
        use zrpc::RawCodec;
        let probe = Arc::clone(&self.0);
        match method {
            0 => call.unary::<RawCodec>(echo),
            1 => call.unary::<RawCodec>(|request| fail(&request)),
            2 => call.unary::<RawCodec>(|request| hold(probe, request)),
            3 => call.unary::<RawCodec>(|_| panic!("{PANIC_TEXT}")),
            4 => call.server_streaming::<RawCodec>(|request, replies| watch(probe, request, replies)),
            5 => call.client_streaming::<RawCodec>(|request| sum(probe, request)),
            6 => call.bidirectional::<RawCodec>(|request, replies| chat(probe, request, replies)),
            _ => call.unimplemented(),
        }
    }
}
