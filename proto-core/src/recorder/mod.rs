//! The flight recorder: a connection's inputs as bytes, and the machine that is fed with them again.
//!
//! A machine's whole life follows from how it was made and what it was told: configuration, seed, bytes, times, commands,
//! and how much room it had to write. A [`Recording`] is a session that writes these down as they pass through it; a
//! [`Replay`] makes the same session and tells it the same, which must then write the same bytes, poll by poll. The format
//! is specified in docs/flight-recorder.md.
//!
//! ```text
//! driver <--> Recording <--> session          Replay --> session
//!                 |                              ^
//!                 +--> Sink: a file, a ring  ----+
//! ```
//!
//! | file | what it decides |
//! |---|---|
//! | `coded.rs`, `configs.rs` | how values become bytes and come back |
//! | `header.rs` | what a recording opens with: how the session is made |
//! | `record.rs` | what is written down of each thing that happens |
//! | `check.rs` | the running hash by which a replay knows that it goes as it went |
//! | `tape.rs`, `recording.rs` | writing: the wrapper around a session, its sink, redaction |
//! | `replay.rs` | reading: steps forwards and backwards, divergence |

mod check;
mod coded;
mod configs;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod header;
mod record;
mod recording;
mod replay;
mod tape;
#[cfg(test)]
mod tests;

pub use header::{Header, MAGIC, Made, VERSION};
pub use record::{Flowed, Record, Turned};
pub use recording::{BoxedClientSession, BoxedServerSession, Recording};
pub use replay::{Replay, ReplayError, Step};
pub use tape::{Redaction, Ring, Sink, Tape};
