//! What both drivers of zRPC need of Unix sockets and std does not offer: socket files that are made and removed safely,
//! connecting within a time, and who is at the other end. It makes system calls and decides nothing about calls.
//!
//! Users reach all of this through the drivers, which export it.

#![cfg(unix)]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod address;
mod binding;
mod connect;
mod credentials;
mod descriptors;
mod exchange;
mod folder;
mod stream;

pub use address::UnixAddress;
pub use binding::{BoundUnix, SocketFile, UnixBinding};
pub use connect::{connect, connect_now};
pub use credentials::peer_of;
pub use descriptors::{Counts, Descriptors, descriptors_of};
pub use exchange::Exchange;
pub use stream::{finish, receive, send};
