//! Metadata in frames, and the names in it (docs/native-protocol.md §4.1, §6).
//!
//! ```text
//! Metadata = Count (i) (Name Value (string))*      Name = Ref (i) [bytes]
//! ```

use crate::base::Field;
use crate::native::Violation;
use crate::native::codec::ReadLimits;
use crate::native::interned::Names;
use crate::native::varint::{Sections, put};
use crate::rpc::Metadata;
use alloc::vec::Vec;

const TEXT: u64 = 0;
const NEW_ENTRY: u64 = 1;
const ENTRY: u64 = 2;

/// Writes a reference to an entry.
pub(crate) fn emit_entry(number: u32, out: &mut Vec<u8>) {
    put(u64::from(number) << 2 | ENTRY, out);
}

/// Writes a name, by reference where it was sent before, and for the table where that has room.
pub(crate) fn emit_name(name: &[u8], names: &mut Names, entries_max: usize, out: &mut Vec<u8>) {
    if let Some(number) = names.find(name) {
        return emit_entry(number, out);
    }
    let text = core::str::from_utf8(name).ok().filter(|_| names.takes(name, entries_max));
    let kind = if text.is_some() { NEW_ENTRY } else { TEXT };
    if let Some(text) = text {
        names.push(text);
    }
    put((name.len() as u64) << 2 | kind, out);
    out.extend_from_slice(name);
}

/// A name that was read.
pub(crate) enum Name<'a> {
    Text(&'a str),
    Entry(u32),
}

pub(crate) fn parse_name<'a>(
    sections: &mut Sections<'a>,
    names: &mut Names,
    entries_max: usize,
) -> Result<Name<'a>, Violation> {
    let reference = sections.number()?;
    let number = reference >> 2;
    match reference & 3 {
        ENTRY => {
            let number = u32::try_from(number).map_err(|_| Violation::NoEntry)?;
            if number as usize >= names.len() {
                return Err(Violation::NoEntry);
            }
            Ok(Name::Entry(number))
        }
        kind @ (TEXT | NEW_ENTRY) => {
            let text = core::str::from_utf8(sections.bytes(number)?).map_err(|_| Violation::NameText)?;
            if kind == TEXT {
                return Ok(Name::Text(text));
            }
            Ok(Name::Entry(names.learn(text, entries_max)?))
        }
        _ => Err(Violation::Reserved),
    }
}

pub(crate) fn emit<'a>(
    fields: impl Iterator<Item = Field<'a>> + Clone,
    names: &mut Names,
    entries_max: usize,
    out: &mut Vec<u8>,
) {
    put(fields.clone().count() as u64, out);
    for field in fields {
        emit_name(field.name, names, entries_max, out);
        put(field.value.len() as u64, out);
        out.extend_from_slice(field.value);
    }
}

/// Reads metadata into `into`; true when it exceeds a limit, and then `into` is empty.
pub(crate) fn parse(
    sections: &mut Sections<'_>,
    names: &mut Names,
    limits: &ReadLimits,
    into: &mut Metadata,
) -> Result<bool, Violation> {
    let count = sections.number()?;
    let mut oversized = count > limits.metadata_entries_max as u64;
    // All entries are read, as names may enter the table (§6); each takes at least two bytes of the frame.
    for _ in 0..count {
        let name = parse_name(sections, names, limits.interned_max)?;
        let value = sections.string()?;
        if oversized {
            continue;
        }
        let name = match name {
            Name::Text(text) => text,
            Name::Entry(number) => names.get(number).unwrap_or_default(),
        };
        let field = Field::new(name.as_bytes(), value);
        oversized = into.fields().size() + field.size() > limits.metadata_bytes_max;
        if !oversized {
            into.take_from_wire(field);
        }
    }
    if oversized {
        into.clear();
    }
    Ok(oversized)
}
