//! Simulated links under the tokio driver: your own generated services and clients run on them as they are, in virtual time.
//!
//! [`run`] gives one seed's world to an async function: hosts that crash and start again, links between them, tokio's clock
//! without waiting. [`check`] does so for many seeds and prints the line that replays the first that fails.
//!
//! ```
//! use bytes::Bytes;
//! use std::time::Duration;
//! use zrpc_core::rpc::{Idempotency, Kind, Method, RawCodec, Request, Response, ServiceDescriptor};
//! use zrpc_sim::network;
//! use zrpc_tokio::{Handling, IncomingCall, Server, Service};
//!
//! static ECHO: ServiceDescriptor = ServiceDescriptor {
//!     name: "demo.Echo",
//!     methods: &[Method { path: "/demo.Echo/Say", kind: Kind::Unary, idempotency: Idempotency::Unknown }],
//!     file_descriptor_set: &[],
//! };
//!
//! struct Echo; // generated code writes this part
//!
//! impl Service for Echo {
//!     fn descriptor(&self) -> &'static ServiceDescriptor {
//!         &ECHO
//!     }
//!
//!     fn call(&self, _: usize, call: IncomingCall) -> Handling {
//!         call.unary::<RawCodec, _, _>(|request| async {
//!             tokio::time::sleep(Duration::from_secs(600)).await; // takes no time here
//!             Ok(Response::new(request.into_message()))
//!         })
//!     }
//! }
//!
//! network::run(1, async |network| {
//!     let listening = network.clone();
//!     network.host("server", move || {
//!         let server = Server::builder().service(Echo).listen(listening.listen("server"));
//!         server.run()
//!     });
//!     let channel = network.channel("client", "server");
//!     let reply = channel.unary::<RawCodec>(&ECHO.methods[0], Request::new(Bytes::from("hello"))).await;
//!     assert_eq!(reply.unwrap().message(), "hello");
//! });
//! ```
//!
//! Tokio's timers count in milliseconds, so what a link delays arrives with the next of them. What must be the same in
//! each run has to come from the seed: take randomness from [`Network::random`], write `biased;` in `tokio::select!`, and
//! keep maps that you iterate over ordered.

mod check;
mod faults;
mod host;
mod socket;

pub use check::{check, run};
pub use host::HostListener;
pub use socket::Socket;

use crate::link::Conditions;
use crate::transcript::Transcript;
use host::Hosts;
use socket::Wires;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use zrpc_core::base::{Entropy, Time};
use zrpc_tokio::{Channel, ChannelBuilder, Connecting, Connector, Transport};

/// Hosts and the links between them. Cloning it gives another hand of the same network.
#[derive(Clone)]
pub struct Network(Arc<Inner>);

struct Inner {
    started: Instant,
    state: Mutex<State>,
}

struct State {
    entropy: Entropy,
    transcript: Transcript,
    hosts: Hosts,
    wires: Wires,
    /// Of links for which nothing else was said.
    conditions: Conditions,
    links: BTreeMap<(String, String), Conditions>,
    partitions: BTreeMap<(String, String), Time>,
    faults: BTreeMap<&'static str, u64>,
}

impl Network {
    fn new(seed: u64, lines: usize) -> Network {
        let state = State {
            entropy: Entropy::from_seed(seed),
            transcript: Transcript::keeping(lines),
            hosts: Hosts::default(),
            wires: Wires::default(),
            conditions: Conditions { latency: Duration::from_millis(1), ..Conditions::default() },
            links: BTreeMap::new(),
            partitions: BTreeMap::new(),
            faults: BTreeMap::new(),
        };
        Network(Arc::new(Inner { started: Instant::now(), state: Mutex::new(state) }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Time since the network began.
    #[must_use]
    pub fn now(&self) -> Time {
        let nanos = self.0.started.elapsed().as_nanos();
        Time::START + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    fn instant(&self, at: Time) -> Instant {
        self.0.started + at.saturating_since(Time::START)
    }

    /// The conditions of each link for which nothing else is said; 1 ms and no limits at first.
    pub fn set_conditions(&self, conditions: Conditions) {
        self.state().conditions = conditions;
    }

    /// The conditions of new connections from one host to another, in that direction.
    pub fn set_link(&self, from: &str, to: &str, conditions: Conditions) {
        self.state().links.insert((from.into(), to.into()), conditions);
    }

    /// A channel from one host to another, whose every decision follows from the seed.
    #[must_use]
    pub fn channel(&self, from: &str, to: &str) -> Channel {
        let seed = self.random();
        self.channel_builder(from, to).seed(seed).lazy()
    }

    /// The same, to be configured; see [`Channel::builder`]. Give it a seed of [`Network::random`].
    #[must_use]
    pub fn channel_builder(&self, from: &str, to: &str) -> ChannelBuilder {
        Channel::builder_over(Dialer { network: self.clone(), from: from.into(), to: to.into() })
    }

    /// The next random number of this seed.
    #[must_use]
    pub fn random(&self) -> u64 {
        self.state().entropy.next_u64()
    }

    /// A random number below `bound`.
    #[must_use]
    pub fn random_below(&self, bound: u64) -> u64 {
        self.state().entropy.below(bound)
    }

    /// Adds a line of one's own to the transcript.
    pub fn note(&self, what: fmt::Arguments<'_>) {
        let now = self.now();
        self.state().transcript.note(now, what);
    }

    /// A hash of all that happened so far, the same for the same seed.
    #[must_use]
    pub fn transcript_hash(&self) -> u64 {
        self.state().transcript.hash()
    }

    fn last_lines(&self) -> Vec<String> {
        self.state().transcript.kept().map(str::to_owned).collect()
    }
}

impl State {
    fn conditions(&self, from: &str, to: &str) -> Conditions {
        self.links.get(&(from.to_owned(), to.to_owned())).copied().unwrap_or(self.conditions)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Network").field(&self.now()).finish()
    }
}

/// Connects from one host to another.
#[derive(Debug)]
struct Dialer {
    network: Network,
    from: String,
    to: String,
}

impl Dialer {
    async fn dial(&self) -> io::Result<Transport> {
        while let Some(until) = self.network.cut_until(&self.from, &self.to) {
            tokio::time::sleep_until(self.network.instant(until)).await;
        }
        let (there, back) = {
            let state = self.network.state();
            (state.conditions(&self.from, &self.to), state.conditions(&self.to, &self.from))
        };
        tokio::time::sleep(there.latency + back.latency).await;
        let (ours, theirs) = self.network.connect(&self.from, &self.to);
        // A socket that is dropped writes into the transcript: not while the state is locked.
        let delivered = self.network.state().hosts.deliver(&self.to, theirs);
        match delivered {
            Ok(()) => Ok(Transport::new(ours)),
            Err(_refused) => {
                Err(io::Error::new(io::ErrorKind::ConnectionRefused, "nobody listens on this host"))
            }
        }
    }
}

impl Connector for Dialer {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(self.dial())
    }

    fn endpoint(&self) -> &str {
        &self.to
    }
}
