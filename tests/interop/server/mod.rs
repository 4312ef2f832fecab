//! The test service, on either driver.

pub mod answers;
pub mod on_threads;
pub mod on_tokio;
