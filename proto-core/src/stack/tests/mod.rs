//! A client and a server in memory on a virtual clock.

mod any_server;
mod calls;
mod client_calls;
mod client_replies;
#[cfg(feature = "gzip")]
mod compressed;
mod server_calls;
mod server_heads;
mod web_calls;
mod web_replies;
mod web_requests;
mod websocket;
mod websocket_http2;
mod wire;

use crate::base::{Machine, Out, Output, Time};
use crate::rpc::{CallId, ClientEvent, ClientSession, Metadata, ServerEvent, StartCall};
use crate::stack::{ClientConfig, GrpcClient, GrpcServer, ServerConfig};
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

/// Both sides, the time, and what each reported.
pub(super) struct Pair {
    pub(super) now: Time,
    pub(super) client: GrpcClient,
    pub(super) server: GrpcServer,
    pub(super) at_client: Vec<ClientEvent>,
    pub(super) at_server: Vec<ServerEvent>,
}

impl Pair {
    pub(super) fn new() -> Pair {
        Pair::with(&ClientConfig::default(), &ServerConfig::default())
    }

    /// A pair whose settings have arrived.
    pub(super) fn with(client: &ClientConfig, server: &ServerConfig) -> Pair {
        let now = Time::START;
        let mut pair = Pair {
            now,
            client: GrpcClient::new(now, client),
            server: GrpcServer::new(now, server),
            at_client: Vec::new(),
            at_server: Vec::new(),
        };
        pair.settle();
        pair.at_client.clear();
        pair
    }

    /// Carries bytes until both sides are quiet.
    pub(super) fn settle(&mut self) {
        loop {
            let to_server = turn(&mut self.client, self.now, &mut self.at_client);
            let quiet = to_server.is_empty();
            self.server.handle_input(self.now, to_server);
            let to_client = turn(&mut self.server, self.now, &mut self.at_server);
            if quiet && to_client.is_empty() {
                return;
            }
            self.client.handle_input(self.now, to_client);
        }
    }

    pub(super) fn wait(&mut self, duration: Duration) {
        self.now = self.now + duration;
        self.settle();
    }

    /// Starts a call without metadata.
    pub(super) fn start(&mut self, deadline: Option<Duration>) -> CallId {
        let deadline = deadline.map(|timeout| self.now + timeout);
        let metadata = Metadata::new();
        let head =
            StartCall { path: "/test.Service/Method", metadata: &metadata, deadline, compression: None };
        self.client.start(self.now, head).unwrap()
    }

    /// What the server reported since last asked.
    pub(super) fn server_events(&mut self) -> Vec<ServerEvent> {
        core::mem::take(&mut self.at_server)
    }

    /// What the client reported since last asked.
    pub(super) fn client_events(&mut self) -> Vec<ClientEvent> {
        core::mem::take(&mut self.at_client)
    }
}

fn turn<M: Machine>(machine: &mut M, now: Time, events: &mut Vec<M::Event>) -> Bytes {
    let mut sent = Vec::new();
    let mut out = Out::with_room(64 * 1024);
    loop {
        match machine.poll_output(now, &mut out) {
            Output::Event(event) => events.push(event),
            Output::Full(_) => {
                sent.extend(out.to_vec());
                out.clear();
            }
            Output::Idle(wake) => {
                assert!(wake.is_none_or(|wake| wake.at > now), "{wake:?}");
                sent.extend(out.to_vec());
                return sent.into();
            }
        }
    }
}
