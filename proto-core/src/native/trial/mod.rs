//! The native protocol on trial: owners and worlds of its machines, for the laws suite and for fuzzing.

pub mod pair;
