//! A list of header fields in one buffer: names and values in order, duplicates kept.
//!
//! One allocation holds the whole list, so that a list is cheap to fill, to clone and to reuse. Each entry is a
//! head of two little-endian lengths followed by the name and the value; the top bit of the first length says
//! that the value is a secret (RFC 7541 §7.1.3: it must never enter a compression table).

use alloc::vec::Vec;

const HEAD: usize = 8;
const SECRET: u32 = 1 << 31;

/// The overhead that RFC 9113 §6.5.2 and RFC 7541 §4.1 charge for each field.
pub const FIELD_OVERHEAD: usize = 32;

/// One header field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name, as it stands on the wire.
    pub name: &'a [u8],
    /// The value, as it stands on the wire.
    pub value: &'a [u8],
    /// Whether the value must never be indexed by a compressor, here or at any hop.
    pub secret: bool,
}

impl<'a> Field<'a> {
    /// A field that may be indexed.
    #[must_use]
    pub const fn new(name: &'a [u8], value: &'a [u8]) -> Field<'a> {
        Field { name, value, secret: false }
    }

    /// A field whose value is a secret.
    #[must_use]
    pub const fn secret(name: &'a [u8], value: &'a [u8]) -> Field<'a> {
        Field { name, value, secret: true }
    }

    /// Its size as SETTINGS_MAX_HEADER_LIST_SIZE counts it: name + value + 32.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.name.len() + self.value.len() + FIELD_OVERHEAD
    }
}

impl core::fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if self.secret {
            write!(f, "{}: [redacted]", self.name.escape_ascii())
        } else {
            write!(f, "{}: {}", self.name.escape_ascii(), self.value.escape_ascii())
        }
    }
}

/// Header fields in order.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields {
    bytes: Vec<u8>,
    count: usize,
}

impl Fields {
    /// An empty list; allocates nothing.
    #[must_use]
    pub const fn new() -> Fields {
        Fields { bytes: Vec::new(), count: 0 }
    }

    /// An empty list with room for `bytes` bytes of names, values and lengths.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Fields {
        Fields { bytes: Vec::with_capacity(bytes), count: 0 }
    }

    /// Appends a field.
    pub fn push(&mut self, field: Field<'_>) {
        let secret = if field.secret { SECRET } else { 0 };
        let name_len = u32::try_from(field.name.len()).unwrap_or(u32::MAX) & !SECRET;
        let value_len = u32::try_from(field.value.len()).unwrap_or(u32::MAX);
        let head = (u64::from(value_len) << 32) | u64::from(name_len | secret);
        self.bytes.reserve(HEAD + name_len as usize + value_len as usize);
        self.bytes.extend_from_slice(&head.to_le_bytes());
        self.bytes.extend_from_slice(&field.name[..name_len as usize]);
        self.bytes.extend_from_slice(&field.value[..value_len as usize]);
        self.count += 1;
    }

    /// Appends a field that may be indexed.
    pub fn add(&mut self, name: &[u8], value: &[u8]) {
        self.push(Field::new(name, value));
    }

    /// Opens a field whose octets are written straight into the list's buffer, as a decompressor does.
    pub(crate) fn open(&mut self) -> OpenField<'_> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; HEAD]);
        OpenField { name_end: start + HEAD, start, closed: false, fields: self }
    }

    /// The fields in order.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter { rest: &self.bytes }
    }

    /// The value of the first field with this name.
    #[must_use]
    pub fn value(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter().find(|field| field.name == name).map(|field| field.value)
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Removes all fields; keeps the buffer.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }

    /// Keeps the fields for which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(Field<'_>) -> bool) {
        let mut kept = Fields::new();
        for field in self.iter() {
            if keep(field) {
                kept.push(field);
            }
        }
        *self = kept;
    }

    /// The list's size as SETTINGS_MAX_HEADER_LIST_SIZE counts it, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len() + self.count * (FIELD_OVERHEAD - HEAD)
    }

    /// Bytes of memory held, used or not.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}

/// A field in the making at the end of a list; dropped before [`OpenField::close`], it leaves no trace.
pub(crate) struct OpenField<'a> {
    fields: &'a mut Fields,
    start: usize,
    name_end: usize,
    closed: bool,
}

impl OpenField<'_> {
    /// Where the octets go; only append.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.fields.bytes
    }

    /// What was appended so far is the name; what follows is the value.
    pub(crate) fn end_name(&mut self) {
        self.name_end = self.fields.bytes.len();
    }

    /// The octets of the name, once it has ended.
    pub(crate) fn name(&self) -> &[u8] {
        self.fields.bytes.get(self.start + HEAD..self.name_end).unwrap_or_default()
    }

    /// The octets of the value so far.
    pub(crate) fn value(&self) -> &[u8] {
        self.fields.bytes.get(self.name_end..).unwrap_or_default()
    }

    /// Makes it a field of the list. Name and value must each be shorter than 2 GiB.
    pub(crate) fn close(mut self, secret: bool) {
        let flag = if secret { SECRET } else { 0 };
        let name_len = self.name().len() as u32 & !SECRET;
        let value_len = self.value().len() as u32;
        if let Some(head) = self.fields.bytes[self.start..].first_chunk_mut::<HEAD>() {
            *head = ((u64::from(value_len) << 32) | u64::from(name_len | flag)).to_le_bytes();
        }
        self.fields.count += 1;
        self.closed = true;
    }
}

impl Drop for OpenField<'_> {
    fn drop(&mut self) {
        if !self.closed {
            self.fields.bytes.truncate(self.start);
        }
    }
}

/// The fields of a list, in order.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Iter<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let (name_len, rest) = self.rest.split_first_chunk::<4>()?;
        let (value_len, rest) = rest.split_first_chunk::<4>()?;
        let name_len = u32::from_le_bytes(*name_len);
        let (name, rest) = rest.split_at_checked((name_len & !SECRET) as usize)?;
        let (value, rest) = rest.split_at_checked(u32::from_le_bytes(*value_len) as usize)?;
        self.rest = rest;
        Some(Field { name, value, secret: name_len & SECRET != 0 })
    }
}

impl<'a> IntoIterator for &'a Fields {
    type Item = Field<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl<'a> FromIterator<Field<'a>> for Fields {
    fn from_iter<I: IntoIterator<Item = Field<'a>>>(fields: I) -> Fields {
        let mut list = Fields::new();
        for field in fields {
            list.push(field);
        }
        list
    }
}

impl core::fmt::Debug for Fields {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_back_in_order_with_duplicates_and_secrets() {
        let mut fields = Fields::new();
        fields.add(b"a", b"1");
        fields.push(Field::secret(b"authorization", b"token"));
        fields.add(b"a", b"");
        let seen: Vec<Field<'_>> = fields.iter().collect();
        assert_eq!(
            seen,
            [Field::new(b"a", b"1"), Field::secret(b"authorization", b"token"), Field::new(b"a", b"")]
        );
        assert_eq!(fields.value(b"a"), Some(&b"1"[..]));
        assert_eq!(fields.size(), seen.iter().map(Field::size).sum::<usize>());
    }

    #[test]
    fn an_open_field_joins_the_list_when_closed_and_leaves_no_trace_when_dropped() {
        let mut fields = Fields::new();
        for closed in [true, false, true] {
            let mut field = fields.open();
            field.buffer().extend_from_slice(b"name");
            field.end_name();
            field.buffer().extend_from_slice(b"value");
            assert_eq!((field.name(), field.value()), (&b"name"[..], &b"value"[..]));
            if closed {
                field.close(true);
            }
        }
        let expected: Fields = [Field::secret(b"name", b"value"); 2].into_iter().collect();
        assert_eq!(fields, expected);
    }

    #[test]
    fn debug_hides_secrets() {
        let fields: Fields = [Field::secret(b"authorization", b"hunter2")].into_iter().collect();
        let text = alloc::format!("{fields:?}");
        assert!(text.contains("[redacted]") && !text.contains("hunter2"), "{text}");
    }
}
