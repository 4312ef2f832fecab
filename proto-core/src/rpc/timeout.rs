//! `grpc-timeout`: how long a call may still take, as digits and a unit.
//!
//! ```text
//! Timeout = TimeoutValue TimeoutUnit    TimeoutValue = 1 to 8 digits    TimeoutUnit = H / M / S / m / u / n
//! ```

use core::time::Duration;

const UNITS: [(u8, u64); 6] = [
    (b'n', 1),
    (b'u', 1_000),
    (b'm', 1_000_000),
    (b'S', 1_000_000_000),
    (b'M', 60_000_000_000),
    (b'H', 3_600_000_000_000),
];
const VALUE_MAX: u128 = 99_999_999;

/// Reads a value of `grpc-timeout`; `None` when it is malformed.
#[must_use]
pub fn parse(text: &[u8]) -> Option<Duration> {
    let (unit, digits) = text.split_last()?;
    let (_, nanos) = UNITS.iter().find(|(name, _)| name == unit)?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0u64, |value, digit| value * 10 + u64::from(digit - b'0'));
    Some(Duration::from_nanos(value.saturating_mul(*nanos)))
}

/// A value of `grpc-timeout` in a buffer of its own.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    bytes: [u8; 9],
    start: usize,
}

impl Text {
    /// The text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

/// Writes a timeout, rounded up to the finest unit in which eight digits can say it.
#[must_use]
pub fn emit(timeout: Duration) -> Text {
    let nanos = timeout.as_nanos();
    let (value, unit) = UNITS
        .iter()
        .map(|(unit, size)| (nanos.div_ceil(u128::from(*size)), *unit))
        .find(|(value, _)| *value <= VALUE_MAX)
        .unwrap_or((VALUE_MAX, b'H'));
    let mut text = Text { bytes: [0; 9], start: 8 };
    text.bytes[8] = unit;
    let mut rest = value as u64;
    loop {
        text.start -= 1;
        text.bytes[text.start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            return text;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read_and_malformed_values_are_not() {
        assert_eq!(parse(b"1H"), Some(Duration::from_secs(3600)));
        assert_eq!(parse(b"2M"), Some(Duration::from_secs(120)));
        assert_eq!(parse(b"3S"), Some(Duration::from_secs(3)));
        assert_eq!(parse(b"4m"), Some(Duration::from_millis(4)));
        assert_eq!(parse(b"5u"), Some(Duration::from_micros(5)));
        assert_eq!(parse(b"99999999n"), Some(Duration::from_nanos(99_999_999)));
        assert_eq!(parse(b"0n"), Some(Duration::ZERO));
        // Eight digits of hours are more nanoseconds than there are; the longest time stands for them.
        assert_eq!(parse(b"99999999H"), Some(Duration::from_nanos(u64::MAX)));
        for bad in ["", "S", "1", "123456789S", "-1S", "+1S", "1.5S", " 1S", "1s", "1h", "1SS"] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn a_timeout_is_never_written_shorter_than_it_is_and_at_most_a_unit_longer() {
        let mut nanos = 1u64;
        while nanos < u64::MAX / 3 {
            for timeout in [nanos - 1, nanos, nanos + 1].map(Duration::from_nanos) {
                let text = emit(timeout);
                let back = parse(text.as_bytes()).unwrap();
                assert!(back >= timeout, "{timeout:?} became {back:?}");
                assert!(text.as_bytes().len() <= 9);
                assert!(
                    back.as_secs_f64() <= timeout.as_secs_f64() * 1.01 + 1e-9,
                    "{timeout:?} became {back:?}"
                );
            }
            nanos *= 3;
        }
        assert_eq!(emit(Duration::MAX).as_bytes(), b"99999999H");
        assert_eq!(emit(Duration::from_millis(1)).as_bytes(), b"1000000n");
    }
}
