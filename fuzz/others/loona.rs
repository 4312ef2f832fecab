//! The header decoder of loona, and what it is known to take or refuse otherwise: see `divergences.md`.

use crate::hpack::Header;
use loona_hpack::Decoder;
use loona_hpack::decoder::{DecoderError, IntegerDecodingError};

pub struct Loona {
    decoder: Decoder<'static>,
}

/// What it said of a block.
pub enum Answer {
    Headers(Vec<Header>),
    Refused,
    /// Refused for a reason that is its own: H1 and H2.
    OwnRule,
}

impl Loona {
    pub fn new() -> Loona {
        let mut decoder = Decoder::new();
        decoder.set_max_allowed_table_size(4096);
        Loona { decoder }
    }

    pub fn set_table_size_max(&mut self, size: usize) {
        self.decoder.set_max_allowed_table_size(size);
    }

    pub fn decode(&mut self, block: &[u8]) -> Answer {
        match self.decoder.decode(block) {
            Ok(headers) => {
                let header = |(name, value)| Header { name, value, never: false };
                Answer::Headers(headers.into_iter().map(header).collect())
            }
            Err(
                DecoderError::SizeUpdateAtEnd
                | DecoderError::IntegerDecodingError(IntegerDecodingError::TooManyOctets),
            ) => Answer::OwnRule,
            Err(_) => Answer::Refused,
        }
    }
}
