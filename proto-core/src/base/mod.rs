//! What every machine stands on: time, the two verbs, output, header lists, budgets, randomness.

pub mod budget;
pub mod entropy;
pub mod fields;
pub mod id_table;
#[cfg(any(test, feature = "laws"))]
pub mod laws;
pub mod machine;
pub mod misuse;
pub mod out;
pub mod secret;
pub mod time;
pub mod timers;

pub use budget::{Budget, Rate};
pub use entropy::Entropy;
pub use fields::{Field, Fields};
pub use id_table::IdTable;
pub use machine::{Machine, Output, Wake};
pub use misuse::{Flow, Misuse};
pub use out::{Attached, Out};
pub use secret::Secret;
pub use time::Time;
pub use timers::{Deadlines, TimerName, TimerTable};
