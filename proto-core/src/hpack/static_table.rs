//! The static table: RFC 7541 Appendix A, with a hash from names to indices.
//!
//! Entries with the same name are neighbours, so one index a name is enough. The hash is computed at compile
//! time into a table with open addressing; the entries being fixed, nobody can make it collide.

use super::lookup::hash;
use crate::base::Field;

/// How many entries the table has; the dynamic table's indices follow.
pub(crate) const LEN: usize = 61;

/// The entry at `index`, which counts from 1.
#[inline]
pub(crate) fn entry(index: usize) -> Option<Field<'static>> {
    let (name, value) = ENTRIES.get(index.checked_sub(1)?)?;
    Some(Field::new(name.as_bytes(), value.as_bytes()))
}

/// What the static table has for a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    /// The index of the whole field.
    Field(u32),
    /// The first index with its name.
    Name(u32),
    Nothing,
}

/// Looks up a field, given the hash of its name.
#[inline]
pub(crate) fn find(name_hash: u32, name: &[u8], value: &[u8]) -> Found {
    let mut slot = name_hash as usize % SLOTS;
    loop {
        let first = usize::from(NAMES[slot]);
        let Some(entry) = first.checked_sub(1).and_then(|position| ENTRIES.get(position)) else {
            return Found::Nothing;
        };
        if entry.0.as_bytes() == name {
            return find_value(first, name, value);
        }
        slot = (slot + 1) % SLOTS;
    }
}

/// Looks for `value` among the entries that have `name`, of which `first` is the first index.
fn find_value(first: usize, name: &[u8], value: &[u8]) -> Found {
    let mut same_name = ENTRIES[first - 1..].iter().take_while(|entry| entry.0.as_bytes() == name);
    match same_name.position(|entry| entry.1.as_bytes() == value) {
        Some(position) => Found::Field((first + position) as u32),
        None => Found::Name(first as u32),
    }
}

const SLOTS: usize = 128;

/// From the hash of a name to its first index; 0 is an empty slot.
static NAMES: [u8; SLOTS] = names();

const fn names() -> [u8; SLOTS] {
    let mut names = [0; SLOTS];
    let mut position = 0;
    while position < LEN {
        let name = ENTRIES[position].0.as_bytes();
        if position == 0 || !same(name, ENTRIES[position - 1].0.as_bytes()) {
            let mut slot = hash(0, name) as usize % SLOTS;
            while names[slot] != 0 {
                slot = (slot + 1) % SLOTS;
            }
            names[slot] = position as u8 + 1;
        }
        position += 1;
    }
    names
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut position = 0;
    while position < a.len() && position < b.len() && a[position] == b[position] {
        position += 1;
    }
    position == a.len() && position == b.len()
}

const ENTRIES: [(&str, &str); LEN] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &[u8], value: &[u8]) -> Found {
        find(hash(0, name), name, value)
    }

    #[test]
    fn every_entry_is_found_whole_and_by_name() {
        for index in 1..=LEN {
            let field = entry(index).unwrap();
            assert_eq!(found(field.name, field.value), Found::Field(index as u32));
            let first = (1..=LEN).find(|&first| entry(first).unwrap().name == field.name).unwrap();
            assert_eq!(found(field.name, b"no such value"), Found::Name(first as u32));
        }
    }

    #[test]
    fn what_is_not_in_the_table_is_not_found() {
        for name in [&b"grpc-status"[..], b"", b":authorit", b":authority2", b"te"] {
            assert_eq!(found(name, b""), Found::Nothing);
        }
        assert_eq!(found(b":method", b""), Found::Name(2));
    }

    #[test]
    fn rfc7541_2_3_3_index_0_and_62_are_not_in_the_static_table() {
        assert_eq!(entry(0), None);
        assert_eq!(entry(62), None);
        assert_eq!(entry(61).map(|field| field.name), Some(&b"www-authenticate"[..]));
    }
}
