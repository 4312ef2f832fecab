//! The error codes of RST_STREAM and GOAWAY, RFC 9113 §7.

/// Why a stream or a connection ended, as the wire says it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorCode(pub u32);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        impl ErrorCode {
            $($(#[$doc])* pub const $name: ErrorCode = ErrorCode($number);)*

            /// The name in RFC 9113 §7; `UNKNOWN` for codes that it does not define.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self.0 {
                    $($number => stringify!($name),)*
                    // RFC 9113 §7: unknown codes MUST NOT trigger any special behavior.
                    _ => "UNKNOWN",
                }
            }
        }
    };
}

codes! {
    /// Not an error.
    NO_ERROR = 0x0,
    /// The peer broke the protocol, and no other code says how.
    PROTOCOL_ERROR = 0x1,
    /// Something went wrong inside.
    INTERNAL_ERROR = 0x2,
    /// The peer sent more than its window.
    FLOW_CONTROL_ERROR = 0x3,
    /// SETTINGS were not acknowledged in time.
    SETTINGS_TIMEOUT = 0x4,
    /// A frame came for a stream that is half closed.
    STREAM_CLOSED = 0x5,
    /// A frame has a size that its type does not allow.
    FRAME_SIZE_ERROR = 0x6,
    /// The stream was not processed by the application.
    REFUSED_STREAM = 0x7,
    /// The stream is not wanted any more.
    CANCEL = 0x8,
    /// The header compression state cannot be kept.
    COMPRESSION_ERROR = 0x9,
    /// A CONNECT request's connection failed.
    CONNECT_ERROR = 0xa,
    /// The peer's behaviour costs too much.
    ENHANCE_YOUR_CALM = 0xb,
    /// The transport is not secure enough.
    INADEQUATE_SECURITY = 0xc,
    /// HTTP/1.1 is needed.
    HTTP_1_1_REQUIRED = 0xd,
}

impl core::fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}({:#x})", self.name(), self.0)
    }
}

impl core::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Debug::fmt(self, f)
    }
}
