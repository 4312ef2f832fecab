//! What a channel is made of: limits, times, carriers, and how its sockets wait.

use crate::client::channel::{Channel, LinkState, NewSession, Shared, State};
use crate::client::connection::BoxClientSession;
use crate::client::endpoint::Connector;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use zrpc_core::base::{Entropy, Time};
use zrpc_core::policy::{Attempts, Backoff, CONNECT_TIMEOUT};
use zrpc_core::recorder::{Header, Made, Recording};
use zrpc_core::rpc::{Carrier, Interceptor, Interceptors, Status};
use zrpc_core::stack::{ClientConfig, client_sessions};
use zrpc_system::{Recorder, Seeds};

/// What a channel is made of; see [`Channel::builder`].
pub struct ChannelBuilder {
    connector: Arc<dyn Connector>,
    config: ClientConfig,
    carrier: Carrier,
    new_session: Option<NewSession>,
    recorder: Option<Recorder>,
    interceptors: Interceptors,
    connect_timeout: Duration,
    backoff: Backoff,
    connections_max: usize,
    seed: Option<u64>,
    carries_descriptors: bool,
    spin: Option<Duration>,
}

impl ChannelBuilder {
    pub(super) fn new(
        connector: Arc<dyn Connector>,
        config: ClientConfig,
        carrier: Carrier,
    ) -> ChannelBuilder {
        ChannelBuilder {
            connector,
            config,
            carrier,
            new_session: None,
            recorder: None,
            interceptors: Interceptors::new(),
            connect_timeout: CONNECT_TIMEOUT,
            backoff: Backoff::default(),
            connections_max: 1,
            seed: None,
            carries_descriptors: false,
            spin: None,
        }
    }

    /// Lets an interceptor see every call, inside those that were added before.
    #[must_use]
    pub fn interceptor(mut self, interceptor: impl Interceptor) -> ChannelBuilder {
        self.interceptors.push(interceptor);
        self
    }

    /// Changes the limits and times of connections, and the authority that they ask for.
    #[must_use]
    pub fn config(mut self, change: impl FnOnce(&mut ClientConfig)) -> ChannelBuilder {
        change(&mut self.config);
        self
    }

    /// How long one attempt to connect may take; 20 seconds by default. A call's deadline counts as well.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> ChannelBuilder {
        self.connect_timeout = timeout;
        self
    }

    /// Changes how long a server is left alone after connections failed.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> ChannelBuilder {
        self.backoff = backoff;
        self
    }

    /// Speaks another of the core's carriers than the endpoint says, such as the native protocol through memory.
    #[must_use]
    pub fn carrier(mut self, carrier: Carrier) -> ChannelBuilder {
        self.carrier = carrier;
        self
    }

    /// Speaks a carrier of one's own: `new_session` makes the session of each connection.
    #[must_use]
    pub fn sessions(
        mut self,
        new_session: impl Fn(Time) -> BoxClientSession + Send + Sync + 'static,
    ) -> ChannelBuilder {
        self.new_session = Some(Arc::new(new_session));
        self
    }

    /// Opens up to this many connections, each when those before it have as many calls open as the server allows at
    /// once; without it, further calls wait for others to end. 1 by default, as gRFC A105 has it.
    #[must_use]
    pub fn max_connections(mut self, count: usize) -> ChannelBuilder {
        self.connections_max = count;
        self
    }

    /// Sends and takes file descriptors with the messages of native calls on Unix sockets, so many with one at the most
    /// (64 is the protocol's limit); none by default. The server has to do the same. They are [`OwnedFd`]s in the
    /// [`Attachments`](zrpc_core::rpc::Attachments) of requests, responses and streams; those that nobody takes are
    /// closed. A call that sends some is not repeated by itself.
    ///
    /// [`OwnedFd`]: std::os::fd::OwnedFd
    #[must_use]
    pub fn attachments(mut self, max: u8) -> ChannelBuilder {
        self.config.native.attachments_max = max;
        self.carries_descriptors = max > 0;
        self
    }

    /// Polling mode: a thread that waits for an answer asks the socket again and again for up to this long before it
    /// sleeps. An answer that comes meanwhile is there some ten microseconds earlier, for no thread has to be woken. The
    /// price is a core that is busy while a call is under way; where there are fewer cores than such threads, they keep
    /// the peer from running, and everything gets slower. 50 µs suit a server on the same machine.
    ///
    /// By default a thread that waits for the only call of its connection decides by itself: it asks for at most 30 µs,
    /// and only while that brings answers sooner than sleep does. Zero lets it sleep at once, always.
    #[must_use]
    pub fn spin(mut self, longest: Duration) -> ChannelBuilder {
        self.spin = Some(longest);
        self
    }

    /// Draws all that is random in this channel from one seed: the keys and masks of WebSocket, the payloads of pings, the
    /// jitter of pauses. Each connection gets a seed of its own from it, in the order in which they are made, so that a
    /// simulation or a test repeats itself byte for byte. Without it, each connection asks the system, as it should where
    /// peers are not trusted: whoever knows the seed knows every mask.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> ChannelBuilder {
        self.seed = Some(seed);
        self
    }

    /// Records each connection; nothing is recorded, and it costs nothing, without it.
    #[must_use]
    pub fn record(mut self, recorder: Recorder) -> ChannelBuilder {
        self.recorder = Some(recorder);
        self
    }

    /// A channel that connects when the first call is made.
    #[must_use]
    pub fn lazy(mut self) -> Channel {
        let seeds = Arc::new(Seeds::new(self.seed));
        let new_session = self.new_session(&seeds);
        let interceptors = Arc::new(std::mem::take(&mut self.interceptors));
        let lane = |_| Arc::new(self.lane(&new_session, &interceptors, &seeds));
        Channel { shared: lane(0), more: (1..self.connections_max).map(lane).collect() }
    }

    /// What makes each connection's session, and records it where that is asked for.
    fn new_session(&mut self, seeds: &Arc<Seeds>) -> NewSession {
        let recorder = self.recorder.take();
        if let Some(new_session) = self.new_session.take() {
            let Some(recorder) = recorder else { return new_session };
            return Arc::new(move |now| {
                let header = Header::new(now, Made::Custom { server: false });
                Box::new(Recording::new(new_session(now), recorder.tape(header)))
            });
        }
        let (config, carrier, seeds) = (std::mem::take(&mut self.config), self.carrier, Arc::clone(seeds));
        let sessions = client_sessions(carrier);
        Arc::new(move |now| {
            let seed = seeds.take();
            let session = sessions(now, &config, Entropy::from_seed(seed));
            let Some(recorder) = &recorder else { return session };
            let made = Made::Client { carrier, config: config.clone(), seed };
            Box::new(Recording::new(session, recorder.tape(Header::new(now, made))))
        })
    }

    fn lane(&self, new_session: &NewSession, interceptors: &Arc<Interceptors>, seeds: &Seeds) -> Shared {
        let attempts = Attempts::new(self.backoff, Entropy::from_seed(seeds.take()));
        let state = State { link: LinkState::None(None), attempts };
        Shared {
            connector: Arc::clone(&self.connector),
            new_session: Arc::clone(new_session),
            interceptors: Arc::clone(interceptors),
            connect_timeout: self.connect_timeout,
            carries_descriptors: self.carries_descriptors,
            spin: self.spin,
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// A channel that is connected.
    ///
    /// # Errors
    /// UNAVAILABLE when the endpoint cannot be reached.
    pub fn connect(self) -> Result<Channel, Status> {
        let channel = self.lazy();
        channel.shared.connection(None)?;
        Ok(channel)
    }
}

impl fmt::Debug for ChannelBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelBuilder").field("endpoint", &self.connector.endpoint()).finish_non_exhaustive()
    }
}
