//! Header compression for HTTP/2: RFC 7541.
//!
//! One [`Encoder`] and one [`Decoder`] serve each direction of a connection. Both keep the same table of recent
//! fields, and every block changes it, so blocks are decoded in the order in which they were encoded, none left
//! out. Errors are fatal for the connection ([`HpackError`]); a list that is merely too long is not
//! ([`ListSize::Exceeded`]): its block still takes part in the table.
//!
//! ```text
//!   index   1 ………………… 61 | 62 ………………………… 61 + n
//!           static table   dynamic table: newest first, oldest evicted
//! ```
//!
//! | octet | representation | section |
//! |---|---|---|
//! | `1xxxxxxx` | indexed field | §6.1 |
//! | `01xxxxxx` | literal, enters the table | §6.2.1 |
//! | `001xxxxx` | table size update | §6.3 |
//! | `0001xxxx` | literal, never to enter any table: [`Field::secret`](crate::base::Field) | §6.2.3 |
//! | `0000xxxx` | literal | §6.2.2 |
//!
//! ```
//! use zrpc_core::base::{Field, Fields};
//! use zrpc_core::hpack::{Decoder, Encoder, ListLimits, ListSize};
//!
//! let (mut encoder, mut decoder) = (Encoder::new(4096), Decoder::new(4096));
//! let limits = ListLimits { bytes_max: 16 * 1024, fields_max: 100 };
//! let request = [Field::new(b":method", b"POST"), Field::secret(b"authorization", b"Bearer t0k3n")];
//!
//! let mut block = Vec::new();
//! encoder.encode(request, &mut block);
//! let mut fields = Fields::new();
//! let size = decoder.decode(&block, limits, &mut fields)?;
//! assert_eq!(size, ListSize::Within);
//! assert!(fields.iter().eq(request));
//! # Ok::<(), zrpc_core::hpack::HpackError>(())
//! ```

mod admission;
mod decoder;
mod dynamic_table;
mod encoder;
mod error;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod list;
mod lookup;
mod static_table;

pub use decoder::Decoder;
pub use encoder::Encoder;
pub use error::HpackError;
pub use list::{ListLimits, ListSize};

/// SETTINGS_HEADER_TABLE_SIZE before any SETTINGS came: RFC 9113 §6.5.2.
pub const TABLE_SIZE_DEFAULT: usize = 4096;

/// The largest table that either side keeps, whatever the settings say, in bytes.
const TABLE_SIZE_CEILING: usize = 1 << 30;
