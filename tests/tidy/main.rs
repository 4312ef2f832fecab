//! The tidy test: reads the source tree and holds it to the rules that no compiler checks.
//!
//! | file | what it holds |
//! |---|---|
//! | `source.rs` | how long files and functions are, what they are called, which words they may not say |
//! | `purity.rs` | what the core may not touch, which folder may import which, what the core depends on |
//! | `prose.rs` | links that resolve, and nothing that only one machine has |
//!
//! Each test lists every offence at once, with its file and line.

mod prose;
mod purity;
mod source;
mod tree;
