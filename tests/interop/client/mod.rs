//! What a client does and what must come of it.

pub mod calls;
pub mod cases;
