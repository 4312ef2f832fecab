//! What generated code says about a service: its methods, their kinds and paths.

/// How many messages each side of a call sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// One request, one response.
    Unary,
    /// Many requests, one response.
    ClientStreaming,
    /// One request, many responses.
    ServerStreaming,
    /// Many requests and many responses, in any order.
    Bidirectional,
}

impl Kind {
    /// Whether the client sends exactly one message.
    #[must_use]
    pub const fn one_request(self) -> bool {
        matches!(self, Kind::Unary | Kind::ServerStreaming)
    }

    /// Whether the server sends exactly one message.
    #[must_use]
    pub const fn one_response(self) -> bool {
        matches!(self, Kind::Unary | Kind::ClientStreaming)
    }
}

/// Whether a method may be carried out more than once, `idempotency_level` in the .proto.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Idempotency {
    /// Nothing is known; twice may be wrong.
    #[default]
    Unknown,
    /// Twice is the same as once.
    Idempotent,
    /// The method changes nothing.
    NoSideEffects,
}

/// A method of a service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Method {
    /// The path of its calls: `/package.Service/Method`.
    pub path: &'static str,
    /// How many messages each side sends.
    pub kind: Kind,
    /// Whether it may be carried out more than once.
    pub idempotency: Idempotency,
}

/// A service as its .proto describes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServiceDescriptor {
    /// The full name: `package.Service`.
    pub name: &'static str,
    /// Its methods, in the order of the .proto.
    pub methods: &'static [Method],
    /// The serialised `FileDescriptorSet` of its .proto and all that it imports, for reflection.
    pub file_descriptor_set: &'static [u8],
}
