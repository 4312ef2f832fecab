//! How values become bytes of a recording and come back: LEB128 numbers, bytes behind their length, structures field by
//! field. A field that is added to a configuration does not compile until it is listed where the configuration is coded.

use crate::base::{Rate, Time};
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

/// What is left of a recording, or of one record.
#[derive(Clone, Debug)]
pub struct Reader {
    rest: Bytes,
}

impl Reader {
    pub(super) fn new(rest: Bytes) -> Reader {
        Reader { rest }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.rest.len()
    }

    /// The next `count` bytes; `None` when there are fewer.
    pub(super) fn bytes(&mut self, count: usize) -> Option<Bytes> {
        (count <= self.rest.len()).then(|| self.rest.split_to(count))
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.bytes(1)?.first().copied()
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return None;
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// Bytes behind their length.
    pub(super) fn run(&mut self) -> Option<Bytes> {
        let len = usize::try_from(self.number()?).ok()?;
        self.bytes(len)
    }
}

/// Appends a number: seven bits a byte, the lowest first.
pub(super) fn put_number(mut value: u64, to: &mut Vec<u8>) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

/// Appends bytes behind their length.
pub(super) fn put_run(bytes: &[u8], to: &mut Vec<u8>) {
    put_number(bytes.len() as u64, to);
    to.extend_from_slice(bytes);
}

/// A value that can be part of a recording.
pub(super) trait Coded: Sized {
    fn put(&self, to: &mut Vec<u8>);
    /// `None` when the bytes are no such value.
    fn take(from: &mut Reader) -> Option<Self>;
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Coded for $number {
            fn put(&self, to: &mut Vec<u8>) {
                put_number(*self as u64, to);
            }

            fn take(from: &mut Reader) -> Option<$number> {
                <$number>::try_from(from.number()?).ok()
            }
        }
    )*};
}

numbers!(u8, u32, u64, usize);

impl Coded for bool {
    fn put(&self, to: &mut Vec<u8>) {
        to.push(u8::from(*self));
    }

    fn take(from: &mut Reader) -> Option<bool> {
        match from.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Coded for Duration {
    fn put(&self, to: &mut Vec<u8>) {
        self.as_secs().put(to);
        self.subsec_nanos().put(to);
    }

    fn take(from: &mut Reader) -> Option<Duration> {
        let (seconds, nanos) = (u64::take(from)?, u32::take(from)?);
        (nanos < 1_000_000_000).then(|| Duration::new(seconds, nanos))
    }
}

impl Coded for Time {
    fn put(&self, to: &mut Vec<u8>) {
        self.as_nanos().put(to);
    }

    fn take(from: &mut Reader) -> Option<Time> {
        Some(Time::from_nanos(u64::take(from)?))
    }
}

impl Coded for String {
    fn put(&self, to: &mut Vec<u8>) {
        put_run(self.as_bytes(), to);
    }

    fn take(from: &mut Reader) -> Option<String> {
        String::from_utf8(from.run()?.into()).ok()
    }
}

impl Coded for Bytes {
    fn put(&self, to: &mut Vec<u8>) {
        put_run(self, to);
    }

    fn take(from: &mut Reader) -> Option<Bytes> {
        from.run()
    }
}

impl<T: Coded> Coded for Option<T> {
    fn put(&self, to: &mut Vec<u8>) {
        self.is_some().put(to);
        if let Some(value) = self {
            value.put(to);
        }
    }

    fn take(from: &mut Reader) -> Option<Option<T>> {
        Some(if bool::take(from)? { Some(T::take(from)?) } else { None })
    }
}

impl<T: Coded> Coded for Vec<T> {
    fn put(&self, to: &mut Vec<u8>) {
        self.len().put(to);
        self.iter().for_each(|value| value.put(to));
    }

    fn take(from: &mut Reader) -> Option<Vec<T>> {
        let count = usize::take(from)?;
        // Each takes a byte at least, so a length that lies ends the reading before it costs memory.
        (0..count).map(|_| T::take(from)).collect()
    }
}

impl Coded for Rate {
    fn put(&self, to: &mut Vec<u8>) {
        let Rate { burst, per_second } = self;
        burst.put(to);
        per_second.put(to);
    }

    fn take(from: &mut Reader) -> Option<Rate> {
        Some(Rate { burst: u32::take(from)?, per_second: u32::take(from)? })
    }
}

/// Codes a structure as its fields in this order; all have to be named.
macro_rules! coded {
    ($($type:path { $($field:ident),* $(,)? })*) => {$(
        impl Coded for $type {
            fn put(&self, to: &mut alloc::vec::Vec<u8>) {
                let Self { $($field),* } = self;
                $($field.put(to);)*
            }

            fn take(from: &mut Reader) -> Option<$type> {
                Some(Self { $($field: Coded::take(from)?),* })
            }
        }
    )*};
}

/// Codes an enumeration without data as a number.
macro_rules! coded_names {
    ($($type:path { $($name:path = $number:literal),* $(,)? })*) => {$(
        impl Coded for $type {
            fn put(&self, to: &mut alloc::vec::Vec<u8>) {
                to.push(match self { $($name => $number),* });
            }

            fn take(from: &mut Reader) -> Option<$type> {
                match from.byte()? {
                    $($number => Some($name),)*
                    _ => None,
                }
            }
        }
    )*};
}

pub(super) use {coded, coded_names};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_longer_ones_than_64_bits_are_refused() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut bytes = Vec::new();
            put_number(value, &mut bytes);
            let mut reader = Reader::new(bytes.into());
            assert_eq!(reader.number(), Some(value));
            assert!(reader.is_empty());
        }
        assert_eq!(Reader::new(Bytes::from_static(&[0xff; 10])).number(), None);
        assert_eq!(Reader::new(Bytes::from_static(&[0x80])).number(), None);
    }

    #[test]
    fn a_length_that_lies_is_no_value() {
        let mut bytes = Vec::new();
        put_number(u64::MAX, &mut bytes);
        bytes.extend_from_slice(&[1; 100]);
        assert_eq!(Reader::new(bytes.clone().into()).run(), None);
        assert_eq!(Vec::<u32>::take(&mut Reader::new(bytes.into())), None);
    }
}
