//! Why a call or a connection ends before its time: the codes of RESET and GOAWAY (docs/native-protocol.md §10).

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        impl ErrorCode {
            $($(#[$doc])* pub const $name: ErrorCode = ErrorCode($number);)*

            /// The name; `an unknown code` where the protocol defines none.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self.0 {
                    $($number => stringify!($name),)*
                    _ => "an unknown code",
                }
            }
        }
    };
}

/// A code of RESET or GOAWAY; any number may come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ErrorCode(pub u64);

codes! {
    /// As intended.
    NO_ERROR = 0,
    /// The peer did what the protocol forbids.
    PROTOCOL = 1,
    /// Something went wrong inside.
    INTERNAL = 2,
    /// More was sent than credit allows.
    FLOW_CONTROL = 3,
    /// A frame has a length that is not allowed.
    FRAME_SIZE = 4,
    /// The call was not shown to the application.
    REFUSED = 5,
    /// Nobody waits for the call any more.
    CANCELLED = 6,
    /// The call's time is up.
    DEADLINE = 7,
    /// Too much of something that costs.
    EXCESS = 8,
    /// The peer was silent for too long.
    TIMEOUT = 9,
}
