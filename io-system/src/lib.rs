//! What both drivers need of the system besides sockets: randomness for what a peer must not guess, and places for
//! recordings. The core may not touch either, and two copies would drift apart.
//!
//! ```
//! use zrpc_system::Seeds;
//!
//! let (one, other) = (Seeds::new(Some(7)), Seeds::new(Some(7)));
//! assert_eq!([one.take(), one.take()], [other.take(), other.take()]);
//! assert_ne!(Seeds::new(None).take(), Seeds::new(None).take());
//! ```

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod recorder;
mod seeds;

pub use recorder::{Recorded, Recorder};
pub use seeds::{Seeds, secret};
