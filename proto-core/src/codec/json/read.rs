//! The reader: one value after the other, as its owner asks for them.

use crate::codec::json::{DEPTH_MAX, JsonError};
use alloc::borrow::Cow;
use alloc::string::String;
use core::ops::Range;

/// What kind of value comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `{`
    Object,
    /// `[`
    Array,
    /// `"`
    String,
    /// A digit or a minus sign.
    Number,
    /// `true` or `false`.
    Bool,
    /// `null`
    Null,
}

/// Reads a text from its first byte to its last.
///
/// ```
/// use zrpc_core::codec::json::Reader;
///
/// let mut reader = Reader::new(r#"{ "call": 7, "text": "hi" }"#);
/// reader.begin_object()?;
/// assert_eq!(reader.next_key()?.as_deref(), Some("call"));
/// assert_eq!(reader.u64()?, 7);
/// assert_eq!(reader.next_key()?.as_deref(), Some("text"));
/// assert_eq!(reader.string()?, "hi");
/// assert_eq!(reader.next_key()?, None);
/// reader.end()?;
/// # Ok::<(), zrpc_core::codec::json::JsonError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    depth: u32,
    /// An object or array was just opened: no comma stands before its first member.
    fresh: bool,
}

impl<'a> Reader<'a> {
    /// A reader of this text. That it is UTF-8 is checked in each string that is asked for, and not where one is passed
    /// over.
    #[must_use]
    pub fn new(text: &'a (impl AsRef<[u8]> + ?Sized)) -> Reader<'a> {
        Reader { text: text.as_ref(), at: 0, depth: 0, fresh: false }
    }

    /// Where the reader is, in bytes.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }

    /// The kind of the next value, which stays where it is.
    ///
    /// # Errors
    /// When no value starts here.
    pub fn peek(&mut self) -> Result<Kind, JsonError> {
        match self.next_byte() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"') => Ok(Kind::String),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b't' | b'f') => Ok(Kind::Bool),
            Some(b'n') => Ok(Kind::Null),
            _ => Err(self.expected("a value")),
        }
    }

    /// Enters an object.
    ///
    /// # Errors
    /// When something else comes, or it is nested too deeply.
    pub fn begin_object(&mut self) -> Result<(), JsonError> {
        self.begin(b'{', "an object")
    }

    /// Enters an array.
    ///
    /// # Errors
    /// When something else comes, or it is nested too deeply.
    pub fn begin_array(&mut self) -> Result<(), JsonError> {
        self.begin(b'[', "an array")
    }

    /// The next key of the object that the reader is in; its value comes next. `None` leaves the object.
    ///
    /// # Errors
    /// When neither a member nor the object's end comes.
    pub fn next_key(&mut self) -> Result<Option<Cow<'a, str>>, JsonError> {
        if !self.next_member(b'}', "`,` or `}` after a member of an object")? {
            return Ok(None);
        }
        if self.next_byte() != Some(b'"') {
            return Err(self.expected("a key in quotes"));
        }
        let key = self.string()?;
        if self.next_byte() != Some(b':') {
            return Err(self.expected("`:` after a key"));
        }
        self.at += 1;
        Ok(Some(key))
    }

    /// Whether another value comes in the array that the reader is in; `false` leaves the array.
    ///
    /// # Errors
    /// When neither a value nor the array's end comes.
    pub fn next_element(&mut self) -> Result<bool, JsonError> {
        self.next_member(b']', "`,` or `]` after an element of an array")
    }

    /// A string, borrowed from the text when nothing in it is escaped.
    ///
    /// # Errors
    /// When something else comes, or an escape or character in it is not allowed.
    pub fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        let (inside, is_escaped) = self.scan_string()?;
        let raw = core::str::from_utf8(self.text.get(inside.clone()).unwrap_or_default());
        let raw =
            raw.map_err(|error| JsonError { at: inside.start + error.valid_up_to(), expected: "UTF-8" })?;
        if is_escaped { unescape(raw, inside.start).map(Cow::Owned) } else { Ok(Cow::Borrowed(raw)) }
    }

    /// A whole number from 0 that fits in 64 bits, written without fraction and exponent.
    ///
    /// # Errors
    /// When something else comes, or the number is out of range.
    pub fn u64(&mut self) -> Result<u64, JsonError> {
        const WHOLE: &str = "a whole number from 0 to 18446744073709551615";
        if self.next_byte().is_none_or(|byte| !byte.is_ascii_digit()) {
            return Err(self.expected(WHOLE));
        }
        let range = self.scan_number()?;
        let digits = self.text.get(range.clone()).and_then(|digits| core::str::from_utf8(digits).ok());
        let number = digits.and_then(|digits| digits.parse().ok());
        number.ok_or(JsonError { at: range.start, expected: WHOLE })
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// When something else comes.
    pub fn bool(&mut self) -> Result<bool, JsonError> {
        match self.next_byte() {
            Some(b't') => self.literal("true").map(|()| true),
            Some(b'f') => self.literal("false").map(|()| false),
            _ => Err(self.expected("`true` or `false`")),
        }
    }

    /// `null`.
    ///
    /// # Errors
    /// When something else comes.
    pub fn null(&mut self) -> Result<(), JsonError> {
        self.next_byte();
        self.literal("null")
    }

    /// Passes over one value of any kind, however it is nested within [`DEPTH_MAX`], and says where it stands.
    ///
    /// # Errors
    /// When the value is not JSON, or nested too deeply.
    pub fn skip(&mut self) -> Result<Range<usize>, JsonError> {
        self.next_byte();
        let start = self.at;
        let outer = self.depth;
        // One bit a level: whether it is an object. DEPTH_MAX fits.
        let mut objects = 0u128;
        loop {
            match self.peek()? {
                Kind::Object => {
                    self.begin_object()?;
                    objects = objects << 1 | 1;
                }
                Kind::Array => {
                    self.begin_array()?;
                    objects <<= 1;
                }
                Kind::String => {
                    self.scan_string()?;
                }
                Kind::Number => {
                    self.scan_number()?;
                }
                Kind::Bool => {
                    self.bool()?;
                }
                Kind::Null => self.null()?,
            }
            // Leaves all that ends here, up to the next value.
            loop {
                if self.depth == outer {
                    return Ok(start..self.at);
                }
                let more = if objects & 1 == 1 { self.skip_key()? } else { self.next_element()? };
                if more {
                    break;
                }
                objects >>= 1;
            }
        }
    }

    /// Nothing but white space is left.
    ///
    /// # Errors
    /// When something is left.
    pub fn end(&mut self) -> Result<(), JsonError> {
        if self.next_byte().is_some() { Err(self.expected("nothing more")) } else { Ok(()) }
    }

    fn skip_key(&mut self) -> Result<bool, JsonError> {
        if !self.next_member(b'}', "`,` or `}` after a member of an object")? {
            return Ok(false);
        }
        if self.next_byte() != Some(b'"') {
            return Err(self.expected("a key in quotes"));
        }
        self.scan_string()?;
        if self.next_byte() != Some(b':') {
            return Err(self.expected("`:` after a key"));
        }
        self.at += 1;
        Ok(true)
    }

    fn begin(&mut self, bracket: u8, expected: &'static str) -> Result<(), JsonError> {
        if self.next_byte() != Some(bracket) {
            return Err(self.expected(expected));
        }
        if self.depth == DEPTH_MAX {
            return Err(self.expected("no value that is nested more than 100 deep"));
        }
        self.depth += 1;
        self.at += 1;
        self.fresh = true;
        Ok(())
    }

    /// Passes the comma before the next member, or the bracket that ends them.
    fn next_member(&mut self, bracket: u8, expected: &'static str) -> Result<bool, JsonError> {
        let fresh = core::mem::replace(&mut self.fresh, false);
        match self.next_byte() {
            Some(byte) if byte == bracket => {
                self.at += 1;
                self.depth = self.depth.saturating_sub(1);
                Ok(false)
            }
            Some(_) if fresh => Ok(true),
            Some(b',') => {
                self.at += 1;
                self.next_byte();
                Ok(true)
            }
            _ => Err(self.expected(expected)),
        }
    }

    /// The next byte that is not white space; the reader stands on it.
    fn next_byte(&mut self) -> Option<u8> {
        loop {
            match self.byte() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                byte => return byte,
            }
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn literal(&mut self, word: &'static str) -> Result<(), JsonError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(self.expected(match word {
                "null" => "`null`",
                _ => "`true` or `false`",
            }));
        }
        self.at += word.len();
        Ok(())
    }

    /// Passes a string: what stands between its quotes, and whether something in it is escaped.
    fn scan_string(&mut self) -> Result<(Range<usize>, bool), JsonError> {
        if self.next_byte() != Some(b'"') {
            return Err(self.expected("a string"));
        }
        self.at += 1;
        let start = self.at;
        let mut is_escaped = false;
        loop {
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok((start..self.at - 1, is_escaped));
                }
                Some(b'\\') => {
                    is_escaped = true;
                    self.at += 1;
                    self.scan_escape()?;
                }
                Some(0..=0x1f) => return Err(self.expected("control characters escaped")),
                Some(_) => {
                    let rest = self.text.get(self.at..).unwrap_or_default();
                    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
                    self.at += rest.iter().position(is_special).unwrap_or(rest.len());
                }
                None => return Err(self.expected("the quote that ends a string")),
            }
        }
    }

    fn scan_escape(&mut self) -> Result<(), JsonError> {
        match self.byte() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                let digits = self.text.get(self.at + 1..self.at + 5).unwrap_or_default();
                if digits.len() != 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(self.expected("four hexadecimal digits in an escape"));
                }
                self.at += 5;
            }
            _ => return Err(self.expected("an escape that JSON has")),
        }
        Ok(())
    }

    fn scan_number(&mut self) -> Result<Range<usize>, JsonError> {
        self.next_byte();
        let start = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        match self.byte() {
            Some(b'0') => self.at += 1,
            _ => self.scan_digits()?,
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.scan_digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            self.scan_digits()?;
        }
        Ok(start..self.at)
    }

    fn scan_digits(&mut self) -> Result<(), JsonError> {
        if self.byte().is_none_or(|byte| !byte.is_ascii_digit()) {
            return Err(self.expected("a digit"));
        }
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    fn expected(&self, expected: &'static str) -> JsonError {
        JsonError { at: self.at, expected }
    }
}

/// A string whose escapes are known to be well formed; only surrogates are left to check (RFC 8259 §8.2).
fn unescape(raw: &str, start: usize) -> Result<String, JsonError> {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        text.push_str(plain);
        let at = start + (raw.len() - escaped.len());
        let mut chars = escaped.chars();
        let simple = match chars.next() {
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                let (char, length) = unescape_unicode(escaped)
                    .ok_or(JsonError { at, expected: "surrogates in pairs, in an escape" })?;
                text.push(char);
                rest = escaped.get(length..).unwrap_or_default();
                continue;
            }
            other => other.unwrap_or_default(),
        };
        text.push(simple);
        rest = chars.as_str();
    }
    text.push_str(rest);
    Ok(text)
}

/// `u` and four digits, or two of those for one character; how many bytes it took.
fn unescape_unicode(escaped: &str) -> Option<(char, usize)> {
    let unit = |from: usize| u32::from_str_radix(escaped.get(from..from + 4)?, 16).ok();
    let first = unit(1)?;
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(first).map(|char| (char, 5));
    }
    if escaped.get(5..7) != Some("\\u") {
        return None;
    }
    let second = unit(7).filter(|unit| (0xdc00..0xe000).contains(unit))?;
    char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)).map(|char| (char, 11))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    fn skips(text: &str) -> Result<Range<usize>, JsonError> {
        let mut reader = Reader::new(text);
        let range = reader.skip()?;
        reader.end().map(|()| range)
    }

    #[test]
    fn rfc8259_2_every_kind_of_value_is_passed_over_whole() {
        let texts = [
            "0",
            "-1.5e+3",
            "true",
            "false",
            "null",
            "\"\"",
            "\"a\\u00e9\\n\"",
            "[]",
            "{}",
            "[1,[2,[3]],{}]",
            "{\"a\":{\"b\":[null,{\"c\":\"}\"}]},\"d\":1}",
            "[ 1 , { \"a\" : [ ] } ]",
        ];
        for text in texts {
            assert_eq!(skips(text), Ok(0..text.len()), "{text}");
            let padded = format!(" \t\r\n{text} ");
            assert_eq!(skips(&padded), Ok(4..4 + text.len()), "{text}");
        }
    }

    #[test]
    fn rfc8259_8_surrogates_come_in_pairs() {
        assert_eq!(Reader::new(r#""\ud83d\ude00!""#).string().as_deref(), Ok("\u{1f600}!"));
        for text in [r#""\ud83d""#, r#""\ude00""#, r#""\ud83d\u0041""#, r#""\ud83dx""#, r#""\ud83d\ud83d""#] {
            assert!(Reader::new(text).string().is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_out_of_range_are_refused_and_named() {
        assert_eq!(Reader::new(" 18446744073709551615").u64(), Ok(u64::MAX));
        for text in ["18446744073709551616", "-1", "1.0", "1e3", "\"1\"", "null"] {
            let error = Reader::new(text).u64().map_err(|error| error.to_string());
            assert!(error.is_err_and(|text| text.contains("a whole number from 0")), "{text}");
        }
    }

    #[test]
    fn nesting_ends_at_one_hundred() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(skips(&nested(100)).is_ok());
        assert!(skips(&nested(101)).is_err());
        assert!(skips(&"[".repeat(1_000_000)).is_err());
        assert!(skips(&format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100))).is_ok());
        // Levels that are left again do not count.
        assert!(skips(&format!("[{}1]", "[],".repeat(1_000))).is_ok());
    }
}
