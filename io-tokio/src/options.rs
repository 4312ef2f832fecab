//! How a Unix socket is to be used.

use std::time::Duration;

/// See [`ChannelBuilder`](crate::ChannelBuilder) and [`ServerBuilder`](crate::ServerBuilder).
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Options {
    /// How long the socket is asked before its task sleeps.
    pub(crate) spin: Duration,
    /// File descriptors travel with messages.
    pub(crate) carries_descriptors: bool,
}

impl Options {
    /// As any other stream.
    #[cfg_attr(not(unix), allow(dead_code, reason = "there is nothing to choose"))]
    pub(crate) fn is_plain(self) -> bool {
        self.spin.is_zero() && !self.carries_descriptors
    }
}
