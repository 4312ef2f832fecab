//! A session that writes down all that passes through it. It changes nothing: each verb and command goes to the session
//! below, and what comes back is what that said.

use crate::base::{Flow, Machine, Misuse, Out, Output, Time};
use crate::recorder::check::Check;
use crate::recorder::record::{Flowed, Record};
use crate::recorder::tape::{Redaction, Room, Tape};
use crate::rpc::{
    CallId, ClientEvent, ClientSession, Encoding, Metadata, RequestHead, ServerEvent, ServerSession,
    SessionEnd, StartCall, Status,
};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use bytes::Bytes;
use core::time::Duration;

/// Any session of a server.
pub type BoxedServerSession = Box<dyn ServerSession + Send>;
/// Any session of a client.
pub type BoxedClientSession = Box<dyn ClientSession + Send>;

/// See the module. `S` is [`BoxedServerSession`] or [`BoxedClientSession`].
pub struct Recording<S> {
    session: S,
    tape: Tape,
}

impl<S> Recording<S> {
    /// Records all that `session`, which was just made, will be told.
    #[must_use]
    pub fn new(session: S, tape: Tape) -> Recording<S> {
        Recording { session, tape }
    }

    /// Writes down a command with what it was told; in a redacted recording, without its secrets.
    fn put(&mut self, record: impl FnOnce(&Redaction) -> Record) {
        let record = match &self.tape.redaction {
            Some(redaction) => record(redaction),
            None => record(&Redaction::none()),
        };
        self.tape.put(&record);
    }

    fn metadata(&self, metadata: &Metadata) -> Metadata {
        self.tape
            .redaction
            .as_ref()
            .map_or_else(|| metadata.clone(), |redaction| redaction.metadata(metadata))
    }
}

/// What recording asks of the sessions of either side.
pub trait Recorded: Machine {
    /// Takes an event into the running hash.
    fn check(event: &Self::Event, check: &mut Check);

    /// What an event said, without its secrets: of messages only how long they are.
    fn told(&self, event: &Self::Event, redaction: &Redaction) -> String;

    /// How the connection ended, when this is its last event.
    fn end(event: &Self::Event) -> Option<&SessionEnd>;
}

impl<S: Recorded> Machine for Recording<S> {
    type Event = S::Event;

    fn handle_input(&mut self, now: Time, input: Bytes) {
        self.tape.input(now, &input);
        self.session.handle_input(now, input);
    }

    fn handle_eof(&mut self, now: Time) {
        self.tape.put(&Record::Eof { now });
        self.session.handle_eof(now);
    }

    fn wants_input(&self) -> bool {
        self.session.wants_input()
    }

    fn poll_output(&mut self, now: Time, out: &mut Out) -> Output<S::Event> {
        let room = Room::of(out);
        let output = self.session.poll_output(now, out);
        if let Output::Event(event) = &output {
            S::check(event, self.tape.check());
        }
        self.tape.polled(now, room, out, &output);
        if let Output::Event(event) = &output {
            if let Some(redaction) = &self.tape.redaction {
                let what = self.session.told(event, redaction);
                self.tape.put(&Record::Told { what });
            }
            if let Some(end) = S::end(event) {
                self.tape.note_end(*end != SessionEnd::Graceful);
            }
        }
        output
    }
}

impl Recorded for BoxedServerSession {
    fn check(event: &ServerEvent, check: &mut Check) {
        check.server_event(event);
    }

    fn told(&self, event: &ServerEvent, redaction: &Redaction) -> String {
        match event {
            ServerEvent::Opened { call } => match self.request(*call) {
                Some(head) => {
                    format!("{call:?} opened: {} {:?}", head.path, redaction.metadata(head.metadata))
                }
                None => format!("{call:?} opened"),
            },
            ServerEvent::Message { call, message, .. } => {
                format!("{call:?} message of {} bytes", message.len())
            }
            event => format!("{event:?}"),
        }
    }

    fn end(event: &ServerEvent) -> Option<&SessionEnd> {
        if let ServerEvent::Closed(end) = event { Some(end) } else { None }
    }
}

impl Recorded for BoxedClientSession {
    fn check(event: &ClientEvent, check: &mut Check) {
        check.client_event(event);
    }

    fn told(&self, event: &ClientEvent, redaction: &Redaction) -> String {
        match event {
            ClientEvent::Head { call } => {
                let metadata = self.response_metadata(*call).map(|metadata| redaction.metadata(metadata));
                format!("{call:?} head: {metadata:?}")
            }
            ClientEvent::Message { call, message, .. } => {
                format!("{call:?} message of {} bytes", message.len())
            }
            ClientEvent::Ended { call, status, trailers } => {
                format!("{call:?} ended: {status:?} {:?}", redaction.metadata(trailers))
            }
            event => format!("{event:?}"),
        }
    }

    fn end(event: &ClientEvent) -> Option<&SessionEnd> {
        if let ClientEvent::Closed(end) = event { Some(end) } else { None }
    }
}

impl ServerSession for Recording<BoxedServerSession> {
    fn request(&self, call: CallId) -> Option<RequestHead<'_>> {
        self.session.request(call)
    }

    fn send_head(
        &mut self,
        call: CallId,
        metadata: &Metadata,
        compression: Option<Encoding>,
    ) -> Result<(), Misuse> {
        let result = self.session.send_head(call, metadata, compression);
        let (call, metadata, ended) = (call.as_u64(), self.metadata(metadata), Flowed::of(&result));
        self.tape.put(&Record::Head { call, metadata, compression, ended });
        result
    }

    fn send(&mut self, call: CallId, message: Bytes, compress: bool) -> Result<Flow, Misuse> {
        let result = self.session.send(call, message.clone(), compress);
        self.put(|redaction| sent(call, redaction.message(&message), compress, 0, &result));
        result
    }

    fn send_with_attachments(
        &mut self,
        call: CallId,
        message: Bytes,
        compress: bool,
        count: u8,
    ) -> Result<Flow, Misuse> {
        let result = self.session.send_with_attachments(call, message.clone(), compress, count);
        self.put(|redaction| sent(call, redaction.message(&message), compress, count, &result));
        result
    }

    fn attachments_max(&self) -> u8 {
        self.session.attachments_max()
    }

    fn attachments(&self) -> u8 {
        self.session.attachments()
    }

    fn take_unclaimed_attachments(&mut self) -> u32 {
        let count = self.session.take_unclaimed_attachments();
        if count > 0 {
            self.tape.put(&Record::Unclaimed { count });
        }
        count
    }

    fn finish(&mut self, call: CallId, status: &Status, trailers: &Metadata) -> Result<(), Misuse> {
        let result = self.session.finish(call, status, trailers);
        let status = self.tape.redaction.as_ref().map_or_else(|| status.clone(), |kept| kept.status(status));
        let (call, trailers, ended) = (call.as_u64(), self.metadata(trailers), Flowed::of(&result));
        self.tape.put(&Record::Finish { call, status, trailers, ended });
        result
    }

    fn takes_request_stream(&self, call: CallId) -> bool {
        self.session.takes_request_stream(call)
    }

    fn consume(&mut self, call: CallId, credit: u32) {
        self.tape.put(&Record::Consume { call: call.as_u64(), credit });
        self.session.consume(call, credit);
    }

    fn drain(&mut self, now: Time, grace: Duration) {
        self.tape.put(&Record::Drain { now, grace });
        self.session.drain(now, grace);
    }

    fn close(&mut self, now: Time) {
        self.tape.put(&Record::Close { now });
        self.session.close(now);
    }

    fn open_calls(&self) -> usize {
        self.session.open_calls()
    }
}

fn sent(
    call: CallId,
    message: Bytes,
    compress: bool,
    attachments: u8,
    result: &Result<Flow, Misuse>,
) -> Record {
    Record::Send { call: call.as_u64(), message, compress, attachments, ended: Flowed::of_send(result) }
}

impl ClientSession for Recording<BoxedClientSession> {
    fn start(&mut self, now: Time, head: StartCall<'_>) -> Result<CallId, Misuse> {
        let result = self.session.start(now, head);
        let StartCall { path, metadata, deadline, compression } = head;
        let (path, metadata, ended) = (path.into(), self.metadata(metadata), Flowed::of(&result));
        self.tape.put(&Record::Start { now, path, metadata, deadline, compression, ended });
        result
    }

    fn send(&mut self, call: CallId, message: Bytes, compress: bool) -> Result<Flow, Misuse> {
        let result = self.session.send(call, message.clone(), compress);
        self.put(|redaction| sent(call, redaction.message(&message), compress, 0, &result));
        result
    }

    fn send_with_attachments(
        &mut self,
        call: CallId,
        message: Bytes,
        compress: bool,
        count: u8,
    ) -> Result<Flow, Misuse> {
        let result = self.session.send_with_attachments(call, message.clone(), compress, count);
        self.put(|redaction| sent(call, redaction.message(&message), compress, count, &result));
        result
    }

    fn attachments_max(&self) -> u8 {
        self.session.attachments_max()
    }

    fn attachments(&self) -> u8 {
        self.session.attachments()
    }

    fn take_unclaimed_attachments(&mut self) -> u32 {
        let count = self.session.take_unclaimed_attachments();
        if count > 0 {
            self.tape.put(&Record::Unclaimed { count });
        }
        count
    }

    fn half_close(&mut self, call: CallId) -> Result<(), Misuse> {
        let result = self.session.half_close(call);
        self.tape.put(&Record::HalfClose { call: call.as_u64(), ended: Flowed::of(&result) });
        result
    }

    fn cancel(&mut self, call: CallId) -> Result<(), Misuse> {
        let result = self.session.cancel(call);
        self.tape.put(&Record::Cancel { call: call.as_u64(), ended: Flowed::of(&result) });
        result
    }

    fn takes_request_streams(&self) -> bool {
        self.session.takes_request_streams()
    }

    fn consume(&mut self, call: CallId, credit: u32) {
        self.tape.put(&Record::Consume { call: call.as_u64(), credit });
        self.session.consume(call, credit);
    }

    fn response_metadata(&self, call: CallId) -> Option<&Metadata> {
        self.session.response_metadata(call)
    }

    fn drain(&mut self, now: Time) {
        self.tape.put(&Record::Drain { now, grace: Duration::ZERO });
        self.session.drain(now);
    }

    fn close(&mut self, now: Time) {
        self.tape.put(&Record::Close { now });
        self.session.close(now);
    }

    fn open_calls(&self) -> usize {
        self.session.open_calls()
    }

    fn takes_calls(&self) -> bool {
        self.session.takes_calls()
    }

    fn awaits_server(&self) -> bool {
        self.session.awaits_server()
    }

    fn has_room(&self) -> bool {
        self.session.has_room()
    }
}
