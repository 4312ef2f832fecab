//! Compression of single messages. No context crosses from one message to the next, so that secrets in one cannot be
//! guessed through the size of another.
//!
//! Reading enforces the limit while it inflates: a bomb costs what the limit allows and not a byte more.

use crate::rpc::Encoding;
use bytes::Bytes;

/// How hard to try.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Level {
    /// Least time.
    Fast,
    /// The encoding's usual trade.
    #[default]
    Balanced,
    /// Least bytes.
    Best,
}

/// When and how to compress what is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Compression {
    /// Messages shorter than this go as they are.
    pub threshold_bytes: usize,
    /// How hard to try.
    pub level: Level,
}

impl Default for Compression {
    fn default() -> Compression {
        Compression { threshold_bytes: 1024, level: Level::Balanced }
    }
}

/// Why a message cannot be inflated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InflateError {
    /// It is longer than the limit.
    TooLarge,
    /// It is not what its encoding says, or something follows it.
    Corrupt,
    /// This build does not know the encoding.
    NotBuiltIn,
}

/// Compresses a message; `None` when this build cannot.
#[must_use]
pub fn compress(encoding: Encoding, level: Level, message: &[u8]) -> Option<Bytes> {
    match encoding {
        #[cfg(feature = "gzip")]
        Encoding::Gzip => deflate::gzip(message, level),
        #[cfg(feature = "gzip")]
        Encoding::Deflate => deflate::zlib(message, level),
        #[cfg(feature = "zstd")]
        Encoding::Zstd => zstandard::compress(message, level),
        #[allow(unreachable_patterns)]
        _ => {
            let _ = (level, message);
            None
        }
    }
}

/// Inflates a message to at most `length_max` bytes.
///
/// # Errors
/// When it is longer, corrupt, or in an encoding that is not built in.
pub fn decompress(encoding: Encoding, payload: &[u8], length_max: usize) -> Result<Bytes, InflateError> {
    match encoding {
        #[cfg(feature = "gzip")]
        Encoding::Gzip => deflate::gunzip(payload, length_max),
        #[cfg(feature = "gzip")]
        Encoding::Deflate => deflate::unzlib(payload, length_max),
        #[cfg(feature = "zstd")]
        Encoding::Zstd => zstandard::decompress(payload, length_max),
        #[allow(unreachable_patterns)]
        _ => {
            let _ = (payload, length_max);
            Err(InflateError::NotBuiltIn)
        }
    }
}

/// What is inflated before the buffer grows, in bytes.
#[cfg(feature = "std")]
#[allow(dead_code)]
const INFLATE_STEP: usize = 1024;

/// Reads to the end, `length_max` bytes at the most.
#[cfg(feature = "std")]
#[allow(dead_code)]
fn read_bounded(reader: &mut impl std::io::Read, length_max: usize) -> Result<Bytes, InflateError> {
    let mut inflated = alloc::vec::Vec::new();
    let mut len = 0;
    loop {
        if len == inflated.len() {
            if len > length_max {
                return Err(InflateError::TooLarge);
            }
            // Never beyond the limit and the one byte that tells that there is more.
            let grown = (2 * len).max(INFLATE_STEP).min(length_max.saturating_add(1));
            inflated.reserve_exact(grown - len);
            inflated.resize(grown, 0);
        }
        match reader.read(&mut inflated[len..]).map_err(|_| InflateError::Corrupt)? {
            0 => break,
            count => len += count,
        }
    }
    inflated.truncate(len);
    Ok(inflated.into())
}

#[cfg(feature = "gzip")]
mod deflate {
    use super::{InflateError, Level, read_bounded};
    use alloc::vec::Vec;
    use bytes::Bytes;
    use flate2::bufread::{GzDecoder, ZlibDecoder};
    use flate2::write::{GzEncoder, ZlibEncoder};
    use std::io::Write;

    fn strength(level: Level) -> flate2::Compression {
        flate2::Compression::new(match level {
            Level::Fast => 1,
            Level::Balanced => 6,
            Level::Best => 9,
        })
    }

    pub(super) fn gzip(message: &[u8], level: Level) -> Option<Bytes> {
        let mut encoder = GzEncoder::new(Vec::new(), strength(level));
        encoder.write_all(message).ok()?;
        encoder.finish().ok().map(Bytes::from)
    }

    pub(super) fn zlib(message: &[u8], level: Level) -> Option<Bytes> {
        let mut encoder = ZlibEncoder::new(Vec::new(), strength(level));
        encoder.write_all(message).ok()?;
        encoder.finish().ok().map(Bytes::from)
    }

    pub(super) fn gunzip(payload: &[u8], length_max: usize) -> Result<Bytes, InflateError> {
        let mut decoder = GzDecoder::new(payload);
        let inflated = read_bounded(&mut decoder, length_max)?;
        if decoder.into_inner().is_empty() { Ok(inflated) } else { Err(InflateError::Corrupt) }
    }

    pub(super) fn unzlib(payload: &[u8], length_max: usize) -> Result<Bytes, InflateError> {
        let mut decoder = ZlibDecoder::new(payload);
        let inflated = read_bounded(&mut decoder, length_max)?;
        if decoder.into_inner().is_empty() { Ok(inflated) } else { Err(InflateError::Corrupt) }
    }
}

#[cfg(feature = "zstd")]
mod zstandard {
    use super::{InflateError, Level, read_bounded};
    use bytes::Bytes;

    /// The largest window that is accepted, 8 MiB as RFC 8878 §3.1.1.1.2 recommends: a frame's head may ask for more.
    const WINDOW_LOG_MAX: u32 = 23;

    pub(super) fn compress(message: &[u8], level: Level) -> Option<Bytes> {
        let level = match level {
            Level::Fast => 1,
            Level::Balanced => 3,
            Level::Best => 19,
        };
        zstd::bulk::compress(message, level).ok().map(Bytes::from)
    }

    pub(super) fn decompress(payload: &[u8], length_max: usize) -> Result<Bytes, InflateError> {
        let mut decoder =
            zstd::stream::read::Decoder::with_buffer(payload).map_err(|_| InflateError::Corrupt)?;
        decoder.window_log_max(WINDOW_LOG_MAX).map_err(|_| InflateError::Corrupt)?;
        let mut decoder = decoder.single_frame();
        let inflated = read_bounded(&mut decoder, length_max)?;
        if decoder.finish().is_empty() { Ok(inflated) } else { Err(InflateError::Corrupt) }
    }
}

#[cfg(all(test, feature = "gzip"))]
mod tests {
    use super::*;
    use alloc::vec;

    fn built_in() -> impl Iterator<Item = Encoding> {
        Encoding::ALL.iter().copied().filter(|encoding| encoding.is_built_in())
    }

    #[test]
    fn messages_survive_each_encoding_at_each_level() {
        let message: alloc::vec::Vec<u8> = (0..50_000u32).map(|i| (i / 7 % 251) as u8).collect();
        for encoding in built_in() {
            for level in [Level::Fast, Level::Balanced, Level::Best] {
                for length in [0, 1, message.len()] {
                    let packed = compress(encoding, level, &message[..length]).unwrap();
                    assert_eq!(
                        decompress(encoding, &packed, length).unwrap(),
                        &message[..length],
                        "{encoding:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit_and_the_limit_itself_passes() {
        let zeros = vec![0; 1 << 20];
        for encoding in built_in() {
            let packed = compress(encoding, Level::Best, &zeros).unwrap();
            assert!(packed.len() < 20_000);
            assert_eq!(decompress(encoding, &packed, zeros.len() - 1), Err(InflateError::TooLarge));
            assert_eq!(decompress(encoding, &packed, zeros.len()).map(|bytes| bytes.len()), Ok(zeros.len()));
        }
    }

    #[test]
    fn damaged_cut_and_followed_messages_are_corrupt() {
        for encoding in built_in() {
            let packed = compress(encoding, Level::Fast, b"some message that is worth it").unwrap();
            assert_eq!(decompress(encoding, &packed[..packed.len() - 1], 1000), Err(InflateError::Corrupt));
            assert_eq!(decompress(encoding, &[&packed[..], b"x"].concat(), 1000), Err(InflateError::Corrupt));
            assert_eq!(decompress(encoding, b"not compressed", 1000), Err(InflateError::Corrupt));
            assert_eq!(decompress(encoding, b"", 1000), Err(InflateError::Corrupt), "{encoding:?}");
        }
    }
}
