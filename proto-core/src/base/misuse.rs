//! What a caller of a machine did wrong. Returned by commands, which then changed nothing.

use core::fmt;

/// A command that cannot be carried out. The machine is as it was before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Misuse {
    /// The connection has ended; nothing more can be asked of it.
    Closed,
    /// The connection takes no new calls or streams: it drains, or its peer said GOAWAY.
    Draining,
    /// This id was never given out by this machine.
    Unknown,
    /// The call or stream with this id is over.
    Gone,
    /// The command does not fit the state: what it says should have come first, or must not come twice.
    OutOfOrder(&'static str),
    /// The last send said `Blocked`; wait for `Writable`.
    Blocked,
    /// What was handed in is larger than the limit, in bytes.
    TooLarge {
        /// Its size.
        size: usize,
        /// The limit that it exceeds.
        limit: usize,
    },
    /// The connection has used up its stream ids; open another connection.
    Exhausted,
    /// A header or metadata field that must not be sent: what is wrong with it.
    InvalidField(&'static str),
    /// The carrier, or the peer, cannot do this: what it lacks.
    Unsupported(&'static str),
    /// A payload that must not be sent: what is wrong with it.
    InvalidPayload(&'static str),
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misuse::Closed => f.write_str("the connection is closed; open another"),
            Misuse::Draining => {
                f.write_str("the connection is draining and takes no new calls; open another")
            }
            Misuse::Unknown => f.write_str("no call or stream with this id was opened on this connection"),
            Misuse::Gone => f.write_str("the call or stream with this id is over"),
            Misuse::OutOfOrder(why) => write!(f, "the command came out of order: {why}"),
            Misuse::Blocked => f.write_str("the last send said Blocked; wait for Writable before the next"),
            Misuse::TooLarge { size, limit } => {
                write!(f, "{size} bytes exceed the limit of {limit}; send less or raise the limit")
            }
            Misuse::Exhausted => f.write_str("the connection has used up its stream ids; open another"),
            Misuse::InvalidPayload(why) => write!(f, "a payload cannot be sent: {why}"),
            Misuse::InvalidField(why) => write!(f, "a header field cannot be sent: {why}"),
            Misuse::Unsupported(why) => f.write_str(why),
        }
    }
}

impl core::error::Error for Misuse {}

/// What a send command says about the next one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "after `Blocked`, sending again is misuse until `Writable` came"]
pub enum Flow {
    /// More may be sent at once.
    Ready,
    /// What was sent is queued; exactly one `Writable` event says when to send more.
    Blocked,
}
