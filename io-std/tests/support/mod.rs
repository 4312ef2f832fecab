//! A service with a method of each kind, whose handlers do what the request says and report what they see.
#![allow(dead_code)] // each test file uses its own part

use bytes::Bytes;
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex};
use zrpc_core::rpc::{
    Idempotency, Kind, Metadata, Method, RawCodec, Request, Response, ServiceDescriptor, Status,
};
use zrpc_std::{
    Channel, ClientStreaming, IncomingCall, Replies, RunningServer, Sender, Server, ServerBuilder, Service,
    Streaming,
};

pub static KIT: ServiceDescriptor = ServiceDescriptor {
    name: "test.Kit",
    methods: &[
        method("/test.Kit/Say", Kind::Unary),
        method("/test.Kit/Sum", Kind::ClientStreaming),
        method("/test.Kit/Watch", Kind::ServerStreaming),
        method("/test.Kit/Chat", Kind::Bidirectional),
        method("/test.Kit/Forgotten", Kind::Unary),
    ],
    file_descriptor_set: &[],
};

const fn method(path: &'static str, kind: Kind) -> Method {
    Method { path, kind, idempotency: Idempotency::Unknown }
}

/// Handlers wait here until the test lets them go.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub fn wait(&self) {
        let mut open = self.0.0.lock().unwrap();
        while !*open {
            open = self.0.1.wait(open).unwrap();
        }
    }
}

/// What a handler saw.
#[derive(Clone, PartialEq, Debug)]
pub enum Seen {
    Began(&'static str),
    Ended(&'static str, Status),
}

pub struct Kit {
    pub gate: Gate,
    pub seen: mpsc::Sender<Seen>,
}

/// The service, its gate, and what its handlers report.
pub fn kit() -> (Kit, Gate, mpsc::Receiver<Seen>) {
    let (seen, reports) = mpsc::channel();
    let gate = Gate::default();
    (Kit { gate: gate.clone(), seen }, gate, reports)
}

/// A server on a free port, and a channel to it.
pub fn over_tcp(builder: ServerBuilder) -> (RunningServer, Channel) {
    let server = builder.bind("127.0.0.1:0").unwrap().spawn().unwrap();
    let channel = Channel::lazy(&format!("http://{}", server.local_addr().unwrap())).unwrap();
    (server, channel)
}

/// A quick kit over TCP, when nobody listens to its handlers.
pub fn quick() -> (RunningServer, Channel) {
    over_tcp(Server::builder().service(kit().0))
}

impl Kit {
    fn report(&self, seen: Seen) {
        // A test that does not listen has dropped the other end.
        let _ = self.seen.send(seen);
    }

    fn say(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, Status> {
        self.report(Seen::Began("say"));
        let mut metadata = Metadata::new();
        for value in request.metadata().get_all("echo") {
            metadata.append("echoed", value).unwrap();
        }
        match &request.message()[..] {
            b"wait" => self.gate.wait(),
            b"panic" => panic!("as the test asked"),
            b"fail" => return Err(Status::failed_precondition("as the test asked")),
            b"peer" => {
                let peer = request.peer();
                let address = peer.address().map_or_else(|| peer.to_string(), |peer| peer.ip().to_string());
                return Ok(Response::new(Bytes::from(address)));
            }
            _ => {}
        }
        let response = Response::new(request.message().clone());
        let response = response.with_metadata(metadata.clone()).with_trailers(metadata);
        Ok(match request.compression() {
            Some(encoding) => response.with_compression(encoding),
            None => response,
        })
    }

    fn sum(&self, request: Request<Streaming<Bytes>>) -> Result<Response<Bytes>, Status> {
        self.report(Seen::Began("sum"));
        let (mut count, mut bytes) = (0, 0);
        for message in request.into_message() {
            let message = message.inspect_err(|status| self.report(Seen::Ended("sum", status.clone())))?;
            if message == "enough" {
                return Err(Status::out_of_range("enough"));
            }
            if message == "wait" {
                self.gate.wait();
            }
            count += 1;
            bytes += message.len();
        }
        Ok(Response::new(Bytes::from(format!("{count} messages, {bytes} bytes"))))
    }

    /// `count size`: sends so many messages of that size; `forever` until the call ends.
    fn watch(&self, request: &Request<Bytes>, mut replies: Replies<Bytes>) -> Result<(), Status> {
        self.report(Seen::Began("watch"));
        let text = String::from_utf8_lossy(request.message()).into_owned();
        if text == "panic" {
            panic!("as the test asked");
        }
        let (count, size) = match text.split_once(' ') {
            Some((count, size)) => (count.parse().unwrap(), size.parse().unwrap()),
            None => (usize::MAX, 16 * 1024),
        };
        replies.metadata_mut().append("first", "word").unwrap();
        replies.trailers_mut().append("last", "word").unwrap();
        if let Some(encoding) = request.compression() {
            replies.set_compression(encoding);
        }
        for index in 0..count {
            let sent = replies.send(Bytes::from(vec![(index % 251) as u8; size]));
            sent.inspect_err(|status| self.report(Seen::Ended("watch", status.clone())))?;
        }
        Ok(())
    }

    fn chat(&self, request: Request<Streaming<Bytes>>, mut replies: Replies<Bytes>) -> Result<(), Status> {
        self.report(Seen::Began("chat"));
        for message in request.into_message() {
            let message = message.inspect_err(|status| self.report(Seen::Ended("chat", status.clone())))?;
            replies.send(message)?;
        }
        Ok(())
    }
}

impl Service for Kit {
    fn descriptor(&self) -> &'static ServiceDescriptor {
        &KIT
    }

    fn call(&self, method: usize, call: IncomingCall) {
        match method {
            0 => call.unary::<RawCodec>(|request| self.say(&request)),
            1 => call.client_streaming::<RawCodec>(|request| self.sum(request)),
            2 => call.server_streaming::<RawCodec>(|request, replies| self.watch(&request, replies)),
            3 => call.bidirectional::<RawCodec>(|request, replies| self.chat(request, replies)),
            _ => call.unimplemented(),
        }
    }
}

/// What generated code would write for a client.
pub trait KitClient {
    fn say(&self, request: impl Into<Request<Bytes>>) -> Result<Response<Bytes>, Status>;
    fn sum(&self, request: Request<()>) -> Result<ClientStreaming<Bytes, Bytes>, Status>;
    fn watch(&self, request: impl Into<Request<Bytes>>) -> Result<Streaming<Bytes>, Status>;
    fn chat(&self, request: Request<()>) -> Result<(Sender<Bytes>, Streaming<Bytes>), Status>;
}

impl KitClient for Channel {
    fn say(&self, request: impl Into<Request<Bytes>>) -> Result<Response<Bytes>, Status> {
        self.unary::<RawCodec>(&KIT.methods[0], request.into())
    }

    fn sum(&self, request: Request<()>) -> Result<ClientStreaming<Bytes, Bytes>, Status> {
        self.client_streaming::<RawCodec>(&KIT.methods[1], request)
    }

    fn watch(&self, request: impl Into<Request<Bytes>>) -> Result<Streaming<Bytes>, Status> {
        self.server_streaming::<RawCodec>(&KIT.methods[2], request.into())
    }

    fn chat(&self, request: Request<()>) -> Result<(Sender<Bytes>, Streaming<Bytes>), Status> {
        self.bidirectional::<RawCodec>(&KIT.methods[3], request)
    }
}

/// A request of these bytes.
pub fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}
