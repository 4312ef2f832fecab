//! What a recording opens with: the version of the format, and all that it takes to make the same session.

use crate::base::Time;
use crate::recorder::coded::{Coded, Reader};
use crate::recorder::configs::knows_expected;
use crate::recorder::replay::ReplayError;
use crate::rpc::Carrier;
use crate::stack::{AnyServerConfig, ClientConfig, WebSocketServerConfig};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;

/// What each recording begins with.
pub const MAGIC: &[u8; 4] = b"zREC";
/// The version of the format that this crate writes, and the only one that it reads.
pub const VERSION: u8 = 1;

/// How the session was made.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "a recording has one of them")]
#[non_exhaustive]
pub enum Made {
    /// A server's, for clients of any protocol.
    Server(AnyServerConfig),
    /// A client's.
    Client {
        /// What it speaks.
        carrier: Carrier,
        /// How it was configured.
        config: ClientConfig,
        /// What its randomness follows from.
        seed: u64,
    },
    /// By code of the application's own: a recording of it can be read, not replayed.
    Custom {
        /// Whether it is a server's.
        server: bool,
    },
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Header {
    /// The version of this crate that wrote it; another one may well behave otherwise.
    pub library: String,
    /// When the session was made, on the driver's epoch.
    pub started: Time,
    /// Whether secrets were taken out, which makes the recording one to read, not to replay.
    pub redacted: bool,
    /// The compressions that were built in.
    pub features: u8,
    /// How the session was made.
    pub made: Made,
    /// What the session had and a recording cannot hold, in words.
    pub missing: Vec<String>,
}

/// The compressions that are built in, as bits: they decide what is offered to peers.
const FEATURES: u8 = cfg!(feature = "gzip") as u8
    | (cfg!(feature = "zstd") as u8) << 1
    | (cfg!(feature = "deflate") as u8) << 2;

impl Header {
    /// The header of a session that was made so at `started`.
    #[must_use]
    pub fn new(started: Time, made: Made) -> Header {
        let mut missing = Vec::new();
        let http1 = match &made {
            Made::Server(config) => {
                // A schema is code; that there is none is known by how it prints.
                let prints = |websocket: &WebSocketServerConfig| format!("{:?}", websocket.schema);
                let has_schema = config.websocket.as_ref().is_some_and(|set| prints(set) != "NoSchema");
                if has_schema {
                    missing.push("the JSON schema of the WebSocket configuration".into());
                }
                Some(&config.grpc.http1)
            }
            Made::Client { config, .. } => Some(&config.http1),
            Made::Custom { .. } => None,
        };
        if !http1.is_none_or(knows_expected) {
            missing.push("the sentence that HTTP/1.1's refusals say is expected".into());
        }
        let library = env!("CARGO_PKG_VERSION").into();
        Header { library, started, redacted: false, features: FEATURES, made, missing }
    }

    /// Whether the same compressions are built in here.
    #[must_use]
    pub fn has_same_features(&self) -> bool {
        self.features == FEATURES
    }

    /// The bytes that a recording opens with.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut body = Vec::new();
        self.library.put(&mut body);
        self.started.put(&mut body);
        self.redacted.put(&mut body);
        self.features.put(&mut body);
        self.missing.put(&mut body);
        match &self.made {
            Made::Server(config) => {
                body.push(0);
                config.put(&mut body);
            }
            Made::Client { carrier, config, seed } => {
                body.push(1);
                carrier.put(&mut body);
                config.put(&mut body);
                seed.put(&mut body);
            }
            Made::Custom { server } => {
                body.push(2);
                server.put(&mut body);
            }
        }
        let mut bytes = Vec::with_capacity(body.len() + 16);
        bytes.extend_from_slice(MAGIC);
        bytes.push(VERSION);
        Bytes::from(body).put(&mut bytes);
        bytes
    }

    /// Reads the header; what follows it is left in `from`.
    pub(super) fn take(from: &mut Reader) -> Result<Header, ReplayError> {
        if from.bytes(MAGIC.len()).as_deref() != Some(MAGIC) {
            return Err(ReplayError::NoRecording);
        }
        match from.byte() {
            Some(VERSION) => {}
            Some(version) => return Err(ReplayError::Version(version)),
            None => return Err(ReplayError::NoRecording),
        }
        let mut body = Reader::new(from.run().ok_or(ReplayError::Header)?);
        Header::take_body(&mut body).filter(|_| body.is_empty()).ok_or(ReplayError::Header)
    }

    fn take_body(body: &mut Reader) -> Option<Header> {
        let (library, started) = (Coded::take(body)?, Coded::take(body)?);
        let (redacted, features, missing) = (Coded::take(body)?, Coded::take(body)?, Coded::take(body)?);
        let made = match body.byte()? {
            0 => Made::Server(Coded::take(body)?),
            1 => Made::Client {
                carrier: Coded::take(body)?,
                config: Coded::take(body)?,
                seed: Coded::take(body)?,
            },
            2 => Made::Custom { server: Coded::take(body)? },
            _ => return None,
        };
        Some(Header { library, started, redacted, features, made, missing })
    }
}
