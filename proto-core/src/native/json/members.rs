//! The members of an object, each once, and what their values may be. What a member's value breaks is told by its name.

use crate::codec::json::{JsonError, Reader};
use crate::native::Violation;
use alloc::borrow::Cow;
use alloc::vec::Vec;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use core::fmt;

/// Standard base64; padding may be left out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why an object is no frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// The text is no JSON.
    Text(JsonError),
    /// It has none of the members that frames have, or those of several.
    NoFrame,
    /// A member has another value than this.
    Member { name: &'static str, expected: &'static str },
    /// A member comes twice.
    Twice(&'static str),
    /// What other encodings forbid as well.
    Other(Violation),
}

impl Fault {
    pub(super) const fn violation(&self) -> Violation {
        match self {
            Fault::Text(_) => Violation::JsonText,
            Fault::NoFrame => Violation::JsonFrame,
            Fault::Member { .. } => Violation::JsonMember,
            Fault::Twice(_) => Violation::JsonTwice,
            Fault::Other(violation) => *violation,
        }
    }
}

impl From<JsonError> for Fault {
    fn from(error: JsonError) -> Fault {
        Fault::Text(error)
    }
}

impl From<Violation> for Fault {
    fn from(violation: Violation) -> Fault {
        Fault::Other(violation)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Text(error) => error.fmt(f),
            Fault::NoFrame => f.write_str(
                "an object has exactly one of hello, call, credit, reset, priority, ping, pong, goaway",
            ),
            Fault::Member { name, expected } => write!(f, "`{name}` should be {expected}"),
            Fault::Twice(name) => write!(f, "`{name}` comes twice"),
            Fault::Other(violation) => f.write_str(violation.text()),
        }
    }
}

/// What an object has: for each name where its value stands.
pub(super) struct Members<'a, const N: usize> {
    names: &'static [&'static str; N],
    values: [Option<&'a [u8]>; N],
}

impl<'a, const N: usize> Members<'a, N> {
    /// Reads an object; members with other names are skipped.
    ///
    /// # Errors
    /// When it is no object, or a member comes twice.
    pub(super) fn read(
        object: &'a [u8],
        within: &'static str,
        names: &'static [&'static str; N],
    ) -> Result<Members<'a, N>, Fault> {
        let mut values = [None; N];
        let mut reader = Reader::new(object);
        reader.begin_object().map_err(|_| Fault::Member { name: within, expected: "an object" })?;
        while let Some(key) = reader.next_key()? {
            let value = object.get(reader.skip()?).unwrap_or_default();
            let Some(place) = names.iter().position(|name| *name == key) else { continue };
            let (Some(slot), Some(name)) = (values.get_mut(place), names.get(place)) else { continue };
            if slot.replace(value).is_some() {
                return Err(Fault::Twice(name));
            }
        }
        Ok(Members { names, values })
    }

    pub(super) fn has(&self, place: usize) -> bool {
        self.value(place).is_some()
    }

    pub(super) fn value(&self, place: usize) -> Option<&'a [u8]> {
        self.values.get(place).copied().flatten()
    }

    fn fault(&self, place: usize, expected: &'static str) -> Fault {
        Fault::Member { name: self.names.get(place).copied().unwrap_or_default(), expected }
    }

    /// A whole number from 0 to 2^53 - 1, which every implementation of JSON can tell from its neighbours.
    pub(super) fn number(&self, place: usize) -> Result<Option<u64>, Fault> {
        let Some(value) = self.value(place) else { return Ok(None) };
        let number = Reader::new(value).u64().ok().filter(|number| *number < 1 << 53);
        let expected = "a whole number from 0 to 9007199254740991";
        number.map(Some).ok_or_else(|| self.fault(place, expected))
    }

    /// The same, where a frame makes no sense without.
    pub(super) fn needed(&self, place: usize) -> Result<u64, Fault> {
        self.number(place)?.ok_or_else(|| self.fault(place, "there"))
    }

    pub(super) fn flag(&self, place: usize) -> Result<Option<bool>, Fault> {
        let Some(value) = self.value(place) else { return Ok(None) };
        Reader::new(value).bool().map(Some).map_err(|_| self.fault(place, "true or false"))
    }

    pub(super) fn text(&self, place: usize) -> Result<Cow<'a, str>, Fault> {
        let Some(value) = self.value(place) else { return Ok(Cow::Borrowed("")) };
        Reader::new(value).string().map_err(|_| self.fault(place, "a string"))
    }

    /// A text of at most this many bytes.
    pub(super) fn short_text(&self, place: usize, bytes_max: usize) -> Result<Cow<'a, str>, Fault> {
        let text = self.text(place)?;
        if text.len() > bytes_max { Err(self.fault(place, "a shorter string")) } else { Ok(text) }
    }

    pub(super) fn base64(&self, place: usize) -> Result<Vec<u8>, Fault> {
        let text = self.text(place)?;
        BASE64.decode(text.as_bytes()).map_err(|_| self.fault(place, "base64"))
    }
}
