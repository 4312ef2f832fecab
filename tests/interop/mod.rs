//! The official interoperability cases and the service they are made against, for either driver and any carrier: the
//! programs that meet other implementations use them, and so does the contract suite.

pub mod client;
pub mod server;
