//! What a call is, on any carrier: head, messages, trailers, deadline, cancellation, status.

pub mod attachments;
pub mod cardinality;
pub mod code;
pub mod codec;
pub mod compression;
pub mod encoding;
pub mod endpoint;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub mod grpc;
pub mod grpc_web;
pub mod interceptor;
pub mod json;
pub mod local_status;
pub mod message;
pub mod metadata;
pub mod method;
pub mod peer;
pub mod percent;
pub mod request;
pub mod session;
pub mod status;
pub mod streams;
pub mod timeout;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod trial;

pub use attachments::Attachments;
pub use cardinality::Single;
pub use code::Code;
#[cfg(feature = "prost")]
pub use codec::ProstCodec;
pub use codec::{Codec, CodecError, RawCodec};
pub use compression::{Compression, Level};
pub use encoding::Encoding;
pub use endpoint::{Address, Carrier, Endpoint};
pub use interceptor::{Interceptor, Interceptors, Side};
pub use json::{NoSchema, Part, Transcode, TranscodeError};
pub use metadata::{Metadata, MetadataError};
pub use method::{Idempotency, Kind, Method, ServiceDescriptor};
pub use peer::{Credentials, Peer};
pub use request::{Request, Response};
pub use session::{
    CallId, CallIdHasher, ClientEvent, ClientSession, RequestHead, ServerEvent, ServerSession, SessionEnd,
    StartCall,
};
pub use status::{Origin, Status};
