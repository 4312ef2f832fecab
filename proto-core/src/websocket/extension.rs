//! The grammar of Sec-WebSocket-Extensions, RFC 6455 §9.1: extensions with parameters, the preferred one first.

use crate::base::Fields;
use alloc::vec::Vec;
use smallvec::SmallVec;

/// Extensions that are looked at; an honest peer offers a few. Abuse: a long list that is gone through again and again.
const EXTENSIONS_MAX: usize = 32;
/// Parameters of one extension.
const PARAMETERS_MAX: usize = 16;

/// An extension as it is offered or chosen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Extension<'a> {
    pub(super) name: &'a [u8],
    pub(super) parameters: SmallVec<[Parameter<'a>; 4]>,
}

/// A parameter and its value, without quotes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Parameter<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: Option<&'a [u8]>,
}

/// The extensions of a head in order; `None` when they break the grammar, or are too many.
pub(super) fn extensions(fields: &Fields) -> Option<Vec<Extension<'_>>> {
    let mut found = Vec::new();
    for field in fields.iter().filter(|field| field.name == b"sec-websocket-extensions") {
        let mut rest = field.value;
        loop {
            let (extension, after) = extension(rest)?;
            if found.len() == EXTENSIONS_MAX {
                return None;
            }
            found.push(extension);
            match after {
                [] => break,
                [b',', after @ ..] => rest = after,
                _ => return None,
            }
        }
    }
    Some(found)
}

fn extension(text: &[u8]) -> Option<(Extension<'_>, &[u8])> {
    let (name, mut rest) = token(text.trim_ascii_start())?;
    let mut parameters = SmallVec::new();
    rest = rest.trim_ascii_start();
    while let [b';', after @ ..] = rest {
        if parameters.len() == PARAMETERS_MAX {
            return None;
        }
        let (parameter, after) = parameter(after.trim_ascii_start())?;
        parameters.push(parameter);
        rest = after.trim_ascii_start();
    }
    Some((Extension { name, parameters }, rest))
}

fn parameter(text: &[u8]) -> Option<(Parameter<'_>, &[u8])> {
    let (name, rest) = token(text)?;
    let rest = rest.trim_ascii_start();
    let [b'=', rest @ ..] = rest else { return Some((Parameter { name, value: None }, rest)) };
    let (value, rest) = match rest.trim_ascii_start() {
        [b'"', quoted @ ..] => {
            // RFC 6455 §9.1: what is quoted MUST be a token once the quotes are gone.
            let (value, rest) = token(quoted)?;
            (value, rest.strip_prefix(b"\"")?)
        }
        plain => token(plain)?,
    };
    Some((Parameter { name, value: Some(value) }, rest))
}

/// Splits a token of at least one byte from the front.
fn token(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let end = text.iter().position(|byte| !is_part(byte)).unwrap_or(text.len());
    if end == 0 { None } else { text.split_at_checked(end) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Entropy, Field};
    use alloc::format;
    use alloc::string::String;

    fn read(values: &[&str]) -> Option<String> {
        let fields: Fields =
            values.iter().map(|value| Field::new(b"sec-websocket-extensions", value.as_bytes())).collect();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let shown = extensions(&fields)?.iter().fold(String::new(), |shown, extension| {
            let parameters = extension.parameters.iter().fold(String::new(), |shown, parameter| {
                let value = parameter.value.map_or(String::new(), |value| format!("={}", text(value)));
                format!("{shown} {}{value}", text(parameter.name))
            });
            format!("{shown}[{}{parameters}]", text(extension.name))
        });
        Some(shown)
    }

    #[test]
    fn rfc6455_9_1_lists_in_one_field_or_several_are_read_in_order() {
        assert_eq!(read(&["a"]).as_deref(), Some("[a]"));
        assert_eq!(read(&["a; b=1 ;c , d;e=\"2\"", "f"]).as_deref(), Some("[a b=1 c][d e=2][f]"));
        assert_eq!(read(&[]).as_deref(), Some(""));
    }

    #[test]
    fn rfc6455_9_1_what_breaks_the_grammar_is_refused_as_a_whole() {
        for bad in [
            "",
            ",",
            "a,",
            ",a",
            "a;",
            "a;=1",
            "a;b=",
            "a;b=\"",
            "a;b=\"\"",
            "a;b=\"1 2\"",
            "a b",
            "a;b=\"1\"c",
            "ä",
        ] {
            assert_eq!(read(&[bad]), None, "{bad:?}");
        }
        assert_eq!(read(&[&"a,".repeat(33)]), None);
        assert_eq!(read(&[&format!("a{}", ";b".repeat(17))]), None);
    }

    #[test]
    fn any_bytes_are_read_or_refused() {
        let mut chance = Entropy::from_seed(5);
        let alphabet = b"ab,;= \"\\\t\xff1";
        for _ in 0..20_000 {
            let value: Vec<u8> = (0..chance.below(24))
                .map(|_| alphabet[chance.below(alphabet.len() as u64) as usize])
                .collect();
            let fields: Fields = [Field::new(b"sec-websocket-extensions", &value)].into_iter().collect();
            let _ = extensions(&fields);
        }
    }
}
