//! What lies between two ends: one direction of a connection, or of a path for datagrams. Links are machines with the two
//! verbs of every other: they are told the time and answer with what arrives by then.

mod conditions;
mod datagram;
mod stream;

pub use conditions::{Bursts, Conditions, Hazards};
pub use datagram::{DatagramLink, Delivered, Tally};
pub use stream::{LinkEnd, StreamLink};
