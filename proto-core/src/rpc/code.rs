//! The seventeen status codes of gRPC.

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal $text:literal,)*) => {
        /// A gRPC status code.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Code {
            $($(#[$doc])* $name = $number,)*
        }

        impl Code {
            /// All codes, in the order of their numbers.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The code with this number; [`Code::Unknown`] for numbers that gRPC does not define.
            #[must_use]
            pub const fn from_u32(number: u32) -> Code {
                match number {
                    $($number => Code::$name,)*
                    _ => Code::Unknown,
                }
            }

            /// The name as the specification writes it, such as `DEADLINE_EXCEEDED`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Code::$name => $text,)*
                }
            }
        }
    };
}

codes! {
    /// Not an error.
    Ok = 0 "OK",
    /// The call was cancelled, usually by its caller.
    Cancelled = 1 "CANCELLED",
    /// An error of which nothing more is known.
    Unknown = 2 "UNKNOWN",
    /// The request is wrong whatever the state of the system.
    InvalidArgument = 3 "INVALID_ARGUMENT",
    /// The deadline passed before the call was over.
    DeadlineExceeded = 4 "DEADLINE_EXCEEDED",
    /// What was asked for does not exist.
    NotFound = 5 "NOT_FOUND",
    /// What was to be created exists.
    AlreadyExists = 6 "ALREADY_EXISTS",
    /// The caller may not do this.
    PermissionDenied = 7 "PERMISSION_DENIED",
    /// A quota, limit or buffer is used up.
    ResourceExhausted = 8 "RESOURCE_EXHAUSTED",
    /// The system is not in the state that the call needs.
    FailedPrecondition = 9 "FAILED_PRECONDITION",
    /// The call lost against a concurrent one.
    Aborted = 10 "ABORTED",
    /// The call went past the end of what is valid.
    OutOfRange = 11 "OUT_OF_RANGE",
    /// The method is not served, or the protocol feature is not supported.
    Unimplemented = 12 "UNIMPLEMENTED",
    /// An invariant is broken.
    Internal = 13 "INTERNAL",
    /// The service cannot be reached at the moment.
    Unavailable = 14 "UNAVAILABLE",
    /// Data is lost for good.
    DataLoss = 15 "DATA_LOSS",
    /// The caller is not known.
    Unauthenticated = 16 "UNAUTHENTICATED",
}

impl core::fmt::Display for Code {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}
