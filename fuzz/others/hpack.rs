//! HPACK beside libnghttp2 and loona: the same blocks give the same fields and the same table, or all refuse.

use crate::loona::{Answer, Loona};
use crate::nghttp2::Inflater;
use zrpc_core::base::Fields;
use zrpc_core::codec::prefix_int;
use zrpc_core::hpack::{Decoder, HpackError, ListLimits};

const TABLE_SIZE_MARK: u8 = 255;
const TABLE_SIZE_STEP: usize = 48;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    pub name: Vec<u8>,
    pub value: Vec<u8>,
    /// It must never enter a table (RFC 7541 §6.2.3).
    pub never: bool,
}

/// The input is a list of blocks, each after its length in one byte; a length of 255 stands before a table size instead.
pub fn hpack(mut input: &[u8]) {
    let (mut ours, mut nghttp2, mut loona) = (Decoder::new(4096), Inflater::new(), Loona::new());
    while let [len, rest @ ..] = input {
        if *len == TABLE_SIZE_MARK {
            let [size, rest @ ..] = rest else { return };
            input = rest;
            let size = usize::from(*size) * TABLE_SIZE_STEP;
            ours.set_table_size_max(size);
            nghttp2.set_table_size_max(size);
            loona.set_table_size_max(size);
            continue;
        }
        let (block, rest) = rest.split_at(usize::from(*len).min(rest.len()));
        input = rest;
        let read = decode(&mut ours, block);
        let theirs = nghttp2.decode(block);
        match &read {
            // H5: we do not mind in which order what is owed and the final size come, nghttp2 does.
            Ok(_) if theirs.is_none() && updates_fall(block) => return,
            Ok(headers) => {
                assert_eq!(theirs.as_ref(), Some(headers), "nghttp2 on {block:02x?}");
                assert_eq!(nghttp2.table_size(), ours.table_size(), "nghttp2's table after {block:02x?}");
            }
            // H3: we count size updates, nghttp2 does not.
            Err(HpackError::SizeUpdateRepeated) => {}
            Err(error) => assert_eq!(theirs, None, "nghttp2 takes {block:02x?}, we say {error}"),
        }
        match (&read, loona.decode(block)) {
            (Ok(ours), Answer::Headers(theirs)) => {
                let ours: Vec<Header> =
                    ours.iter().map(|header| Header { never: false, ..header.clone() }).collect();
                assert_eq!(theirs, ours, "loona on {block:02x?}");
            }
            (Ok(headers), Answer::Refused) => panic!("loona refuses {block:02x?}, we read {headers:?}"),
            (Err(error), Answer::Headers(headers)) if !is_lenient(error) => {
                panic!("loona reads {headers:?} from {block:02x?}, we say {error}")
            }
            (Ok(_), Answer::OwnRule) | (Err(_), _) => return,
        }
    }
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<Header>, HpackError> {
    let mut fields = Fields::new();
    let no_limits = ListLimits { bytes_max: usize::MAX, fields_max: usize::MAX };
    let _all = decoder.decode(block, no_limits, &mut fields)?;
    let header = |field: zrpc_core::base::Field<'_>| Header {
        name: field.name.to_vec(),
        value: field.value.to_vec(),
        never: field.secret,
    };
    Ok(fields.iter().map(header).collect())
}

/// Whether the block begins with two size updates, the second of which is smaller.
fn updates_fall(block: &[u8]) -> bool {
    let update = |rest| match prefix_int::decode(rest, 5) {
        Ok((size, after)) if rest[0] & 0xe0 == 0x20 => Some((size, after)),
        _ => None,
    };
    let first = update(block);
    first.and_then(|(first, rest)| Some(update(rest)?.0 < first)).unwrap_or(false)
}

/// What loona does not check: H4.
fn is_lenient(error: &HpackError) -> bool {
    matches!(
        error,
        HpackError::SizeUpdateRepeated
            | HpackError::SizeUpdateMissing { .. }
            | HpackError::SizeUpdateMisplaced
    )
}
