//! The side that calls.

pub(crate) mod builder;
pub(crate) mod call;
pub(crate) mod channel;
pub(crate) mod connection;
pub(crate) mod endpoint;
pub(crate) mod outline;
pub(crate) mod sender;
mod slots;
