//! A column of the grid: a carrier, with a client of one driver and a server of one driver; and the bench on which a case
//! finds both.

use crate::carrier::{CARRIERS, Can, Carrier, Setup};
use crate::client::Client;
use crate::link::{Driver, Host, Keeper, Place, Served, serve_on_threads, serve_on_tokio};
use crate::service::{ECHO, Probe, Subject};
use crate::tap::Tap;
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zrpc::{Request, blocking, tokio};
use zrpc_tests::interop::server::{on_threads, on_tokio};

/// How long to wait for what must come, before the case fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);
/// Handlers that run at once on threads: more than any case needs.
const THREADS_MAX: usize = 512;
/// Connections that a server on threads holds: more than any case needs.
const CONNECTIONS_MAX: usize = 512;

/// A carrier between two drivers.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub carrier: &'static Carrier,
    pub client: Driver,
    pub server: Driver,
}

impl Column {
    /// All columns, in the order of the grid.
    pub fn all() -> Vec<Column> {
        let columns = |carrier: &'static Carrier| {
            carrier.pairs.iter().map(move |(client, server)| Column {
                carrier,
                client: *client,
                server: *server,
            })
        };
        CARRIERS.iter().flat_map(columns).collect()
    }

    /// The drivers, as the grid calls them.
    pub fn drivers(self) -> &'static str {
        match (self.client, self.server) {
            (Driver::Tokio, Driver::Tokio) => "tokio",
            (Driver::Blocking, Driver::Blocking) => "block",
            (Driver::Tokio, Driver::Blocking) => "t>b",
            (Driver::Blocking, Driver::Tokio) => "b>t",
        }
    }

    /// What the carrier can do.
    pub fn can(self) -> Can {
        self.carrier.can
    }

    /// A server, and a channel to it, as nobody asked for anything.
    pub fn bench(self) -> Bench {
        self.bench_with(Setup::default())
    }

    /// A server, and a channel to it.
    pub fn bench_with(self, setup: Setup) -> Bench {
        let probe = Arc::new(Probe::default());
        let tap = Arc::new(Tap::default());
        let Served { place, host, keeper } =
            self.serve(setup, &probe, setup.tapped.then(|| Arc::clone(&tap)));
        let client = self.dial(&place, setup);
        Bench { column: self, setup, client, probe, tap, place, host, keeper: Some(keeper) }
    }

    fn serve(self, setup: Setup, probe: &Arc<Probe>, tap: Option<Arc<Tap>>) -> Served {
        let subject = Subject(Arc::clone(probe));
        let sessions = (self.carrier.server)(setup);
        match self.server {
            Driver::Tokio => {
                let builder = on_tokio::offer(tokio::Server::builder().service(subject)).sessions(sessions);
                serve_on_tokio(self.carrier.link, builder, tap)
            }
            Driver::Blocking => {
                let builder =
                    on_threads::offer(blocking::Server::builder().service(subject)).sessions(sessions);
                let builder = builder.max_calls(THREADS_MAX).max_connections(CONNECTIONS_MAX);
                serve_on_threads(self.carrier.link, builder, tap)
            }
        }
    }

    /// A new channel to this place.
    pub fn dial(self, place: &Place, setup: Setup) -> Box<dyn Client> {
        match self.client {
            Driver::Tokio => Box::new(self.tokio_channel(place, setup).lazy()),
            Driver::Blocking => Box::new(self.blocking_channel(place, setup).lazy()),
        }
    }

    /// Who asks for nothing gets by the URI alone what it stands for.
    fn knows_by_uri(self, setup: Setup) -> bool {
        self.carrier.scheme.is_some() && setup.has_default_sessions()
    }

    pub fn tokio_channel(self, place: &Place, setup: Setup) -> tokio::ChannelBuilder {
        let builder = place.tokio_channel(self.carrier.scheme);
        if self.knows_by_uri(setup) { builder } else { builder.sessions((self.carrier.client)(setup)) }
    }

    pub fn blocking_channel(self, place: &Place, setup: Setup) -> blocking::ChannelBuilder {
        let builder = place.blocking_channel(self.carrier.scheme);
        if self.knows_by_uri(setup) { builder } else { builder.sessions((self.carrier.client)(setup)) }
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.carrier.name, self.drivers())
    }
}

/// A server and a channel to it.
pub struct Bench {
    pub column: Column,
    pub setup: Setup,
    pub client: Box<dyn Client>,
    pub probe: Arc<Probe>,
    pub tap: Arc<Tap>,
    pub place: Place,
    pub host: Host,
    keeper: Option<Keeper>,
}

impl Bench {
    /// Another channel to the server.
    pub fn dial(&self) -> Box<dyn Client> {
        self.column.dial(&self.place, self.setup)
    }

    /// Ends the server at once.
    pub fn kill(&mut self) {
        self.keeper = None;
    }

    /// Makes a call that must succeed.
    #[track_caller]
    pub fn call(&self) {
        call_by(&*self.client);
    }

    /// Makes a call that must succeed on the only connection that there ever was; or that is left, where the calls
    /// before may have taken theirs along.
    #[track_caller]
    pub fn call_on_the_same_connection(&self) {
        self.call();
        if !self.column.can().calls_at_once {
            until("one connection is left", || self.host.connections() == 1);
        }
        assert_eq!(self.host.connections(), 1, "connections");
    }

    /// Another channel where calls take turns, for calls beside one that is open.
    pub fn dial_beside(&self) -> Box<dyn Client> {
        if self.column.can().calls_at_once { self.client.again() } else { self.dial() }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Handlers on threads end only by themselves.
        self.probe.open_gate();
    }
}

/// Makes a call that must succeed.
#[track_caller]
pub fn call_by(client: &dyn Client) {
    let message = Bytes::from_static(b"still here");
    let response = client.unary(ECHO, Request::new(message.clone())).expect("the connection is alive");
    assert_eq!(*response.message(), message);
}

/// Waits until something holds that no event tells of.
#[track_caller]
pub fn until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "still not: {what}");
        std::thread::yield_now();
    }
}
