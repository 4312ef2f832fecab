//! A client's connection: calls of the native protocol in WebSocket messages.

use crate::base::{Entropy, Flow, Machine, Misuse, Out, Output, Secret, Time};
use crate::native::{self, Binary, Json, NativeClient, Role};
use crate::rpc::session::{CallId, ClientEvent, ClientSession, StartCall};
use crate::rpc::{Metadata, Status, Transcode};
use crate::stack::ClientConfig;
use crate::stack::websocket::{WebSocketClientConfig, by_hand, fitting};
use crate::stack::websocket_link::{CarriedClient, Found, Link};
use crate::websocket::{Agreement, Connection, Kind, Request};
use alloc::boxed::Box;
use alloc::sync::Arc;
use bytes::Bytes;

/// Calls in WebSocket messages, client side.
#[derive(Debug)]
pub struct WebSocketClient {
    link: Link<dyn CarriedClient>,
}

impl WebSocketClient {
    /// A connection that was just made. Calls may be started at once; they leave when the handshake is done. The seed of
    /// `secret` comes from the system's randomness, a fresh one for each connection.
    ///
    /// # Errors
    /// `InvalidField` when the request cannot be sent.
    pub fn new(now: Time, config: &WebSocketClientConfig, secret: Secret) -> Result<WebSocketClient, Misuse> {
        let native = native_of(config);
        let websocket = Arc::new(fitting(&config.websocket, &native));
        let carrier = Connection::client(now, websocket, &config.offering(), secret)?;
        Ok(WebSocketClient::over(now, carrier, config, native))
    }

    /// The connection of a channel. What its URI says and no WebSocket can ask for ends the connection at once.
    pub(super) fn of_channel(
        now: Time,
        channel: &ClientConfig,
        native: native::Config,
        text: bool,
        entropy: Entropy,
    ) -> WebSocketClient {
        let (config, seed) = config_of_channel(channel, native, text, entropy);
        WebSocketClient::new(now, &config, Secret::from_seed(seed)).unwrap_or_else(|misuse| {
            let mut client =
                WebSocketClient::connected(now, &config, &Agreement::default(), Secret::from_seed(seed));
            let text = alloc::format!("the WebSocket cannot be asked for: {misuse}");
            client.link.give_up(now, Status::invalid_argument(text));
            client
        })
    }

    /// A tunnel whose handshake is done: a stream of HTTP/2 (RFC 8441).
    #[must_use]
    pub fn connected(
        now: Time,
        config: &WebSocketClientConfig,
        agreement: &Agreement,
        secret: Secret,
    ) -> WebSocketClient {
        let native = native_of(config);
        let websocket = Arc::new(fitting(&config.websocket, &native));
        let carrier = Connection::connected(now, websocket, agreement, secret);
        WebSocketClient::over(now, carrier, config, native)
    }

    fn over(
        now: Time,
        carrier: Connection,
        config: &WebSocketClientConfig,
        native: native::Config,
    ) -> WebSocketClient {
        let kind = if config.text { Kind::Text } else { Kind::Binary };
        let schema: Arc<dyn Transcode> = Arc::clone(&config.schema);
        let session: Box<dyn CarriedClient> = match kind {
            Kind::Binary => Box::new(NativeClient::new(now, native.shared())),
            Kind::Text => {
                let codec = Json::with_schema(Role::Client, schema);
                Box::new(NativeClient::with_codec(now, native.shared(), codec))
            }
        };
        let mut link = Link::new(carrier, kind);
        link.session = Some(session);
        WebSocketClient { link }
    }

    /// The connection below.
    #[must_use]
    pub fn websocket(&self) -> &Connection {
        &self.link.carrier
    }

    /// Bytes of heap memory held, without payloads that the application or the input own; at most
    /// [`WebSocketClientConfig::memory_max`].
    #[must_use]
    pub fn memory(&self) -> usize {
        self.link.memory()
    }

    fn session(&mut self) -> Result<&mut (dyn CarriedClient + 'static), Misuse> {
        self.link.alive()?;
        self.link.session.as_deref_mut().ok_or(Misuse::Closed)
    }
}

fn native_of(config: &WebSocketClientConfig) -> native::Config {
    let native = native::Config { attachments_max: 0, ..config.native.clone() };
    if config.text { by_hand(&native) } else { native }
}

/// What a channel says of a WebSocket to connect to, and the seed of its masks.
pub(super) fn config_of_channel(
    channel: &ClientConfig,
    native: native::Config,
    text: bool,
    mut entropy: Entropy,
) -> (WebSocketClientConfig, [u8; 32]) {
    let mut seed = [0; 32];
    seed.as_chunks_mut::<8>().0.iter_mut().for_each(|bytes| *bytes = entropy.next_u64().to_le_bytes());
    let config = WebSocketClientConfig {
        native: native::Config { seed: entropy.next_u64(), ..native },
        request: Request::new(channel.authority.as_str(), channel.path.as_str()),
        text,
        ..WebSocketClientConfig::default()
    };
    (config, seed)
}

impl WebSocketClientConfig {
    /// The most that [`WebSocketClient::memory`] says, whatever its server does, in bytes: with so many calls open or
    /// waiting at once.
    #[must_use]
    pub fn memory_max(&self, calls: usize) -> usize {
        let native = native_of(self);
        let websocket = fitting(&self.websocket, &native).memory_max();
        let native = native.shared();
        let session = NativeClient::<Binary>::memory_max(&native, calls)
            .max(NativeClient::<Json>::memory_max(&native, calls));
        let sizes = size_of::<NativeClient<Json>>().max(size_of::<NativeClient>());
        websocket + sizes + session + Link::<dyn CarriedClient>::FRAMES_MAX
    }
}

impl Machine for WebSocketClient {
    type Event = ClientEvent;

    fn handle_input(&mut self, now: Time, input: Bytes) {
        self.link.carrier.handle_input(now, input);
    }

    fn handle_eof(&mut self, now: Time) {
        self.link.carrier.handle_eof(now);
    }

    fn wants_input(&self) -> bool {
        self.link.carrier.wants_input()
    }

    fn poll_output(&mut self, now: Time, out: &mut Out) -> Output<ClientEvent> {
        loop {
            let found = self.link.poll(now, out, |event| match event {
                ClientEvent::Closed(end) => Err(end),
                event => Ok(event),
            });
            match found {
                Output::Event(Found::Opened) => {}
                Output::Event(Found::Event(event)) => return Output::Event(event),
                Output::Event(Found::Closed(end)) => return Output::Event(ClientEvent::Closed(end)),
                Output::Full(wake) => return Output::Full(wake),
                Output::Idle(wake) => return Output::Idle(wake),
            }
        }
    }
}

impl ClientSession for WebSocketClient {
    fn start(&mut self, now: Time, head: StartCall<'_>) -> Result<CallId, Misuse> {
        self.session()?.start(now, head)
    }

    fn send(&mut self, call: CallId, message: Bytes, compress: bool) -> Result<Flow, Misuse> {
        self.session()?.send(call, message, compress)
    }

    fn half_close(&mut self, call: CallId) -> Result<(), Misuse> {
        self.session()?.half_close(call)
    }

    fn cancel(&mut self, call: CallId) -> Result<(), Misuse> {
        self.session()?.cancel(call)
    }

    fn consume(&mut self, call: CallId, credit: u32) {
        if let Ok(session) = self.session() {
            session.consume(call, credit);
        }
    }

    fn response_metadata(&self, call: CallId) -> Option<&Metadata> {
        self.link.session.as_ref()?.response_metadata(call)
    }

    fn drain(&mut self, now: Time) {
        if let Ok(session) = self.session() {
            session.drain(now);
        }
    }

    fn close(&mut self, now: Time) {
        let is_open = self.link.carrier.is_open();
        if let Ok(session) = self.session() {
            session.close(now);
            if !is_open {
                self.link.abandon(now);
            }
        }
    }

    fn open_calls(&self) -> usize {
        self.link.session.as_ref().map_or(0, |session| session.open_calls())
    }

    fn takes_calls(&self) -> bool {
        self.link.alive().is_ok() && self.link.session.as_ref().is_some_and(|session| session.takes_calls())
    }

    fn awaits_server(&self) -> bool {
        self.link.alive().is_ok() && !self.link.carrier.is_open()
    }

    fn has_room(&self) -> bool {
        self.link.alive().is_ok() && self.link.session.as_ref().is_some_and(|session| session.has_room())
    }
}
