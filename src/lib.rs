//! RPC whose protocols are values, not processes.
