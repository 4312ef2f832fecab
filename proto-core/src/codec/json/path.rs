//! Where in a text a position is, as a person would say it: `.lines[2].author`.

use alloc::string::String;
use core::fmt::Write;

/// Levels that a path names; deeper ones are left out.
const LEVELS_MAX: usize = 100;
/// Bytes of a key that a path shows: a peer chooses them, and they end up in logs.
const KEY_BYTES_MAX: usize = 64;

enum Level<'a> {
    Object(&'a str),
    Array(usize),
}

/// The path of the value that was being read at byte `at` of `text`, or had just been read; empty for the outermost one.
///
/// The text need not be JSON after that position.
#[must_use]
pub fn path_at(text: &str, at: usize) -> String {
    let mut levels = alloc::vec::Vec::new();
    let mut rest = text.get(..at).unwrap_or(text);
    // A string is a key when an object is open and no colon stood since its brace or comma.
    let mut is_key = false;
    while let Some(first) = rest.chars().next() {
        let mut length = first.len_utf8();
        match first {
            '{' | '[' if levels.len() == LEVELS_MAX => break,
            '{' => {
                levels.push(Level::Object(""));
                is_key = true;
            }
            '[' => {
                levels.push(Level::Array(0));
                is_key = false;
            }
            '}' | ']' => {
                levels.pop();
                is_key = false;
            }
            ',' => match levels.last_mut() {
                Some(Level::Array(index)) => *index += 1,
                Some(Level::Object(_)) => is_key = true,
                None => {}
            },
            ':' => is_key = false,
            '"' => {
                let inside = string_length(&rest[1..]);
                if let (true, Some(Level::Object(key))) = (is_key, levels.last_mut()) {
                    *key = rest.get(1..1 + inside).unwrap_or_default();
                }
                length = (inside + 2).min(rest.len());
            }
            _ => {}
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    let mut path = String::new();
    for level in &levels {
        let _infallible = match level {
            Level::Object("") => Ok(()),
            Level::Object(key) => write!(path, ".{}", shown(key)),
            Level::Array(index) => write!(path, "[{index}]"),
        };
    }
    path
}

/// Bytes up to the quote that ends a string, or to the end of the text.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' if !is_escaped => return at,
            b'\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    text.len()
}

fn shown(key: &str) -> &str {
    let end = (0..=KEY_BYTES_MAX.min(key.len())).rev().find(|end| key.is_char_boundary(*end));
    key.get(..end.unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_keys_and_positions_up_to_the_value() {
        let text = r#"{"room":"a, {b}","lines":[{"at":1},{"author":7,"text":"\"x"}],"z":2}"#;
        let after = |part: &str| path_at(text, text.find(part).map_or(0, |at| at + part.len()));
        assert_eq!(after("{b}"), ".room");
        assert_eq!(after("\"author\":7"), ".lines[1].author");
        assert_eq!(after(r#"\"x""#), ".lines[1].text");
        assert_eq!(after("\"z\":2"), ".z");
        assert_eq!(after("{b}\",\"lines\""), ".lines");
        assert_eq!(path_at(text, 0), "");
        assert_eq!(path_at("7", 1), "");
    }

    #[test]
    fn any_text_at_any_position_has_a_path_of_bounded_length() {
        let hostile =
            ["[".repeat(5_000), "{\"aé".repeat(300), "\"\\".into(), "{\"é".repeat(3), "}]}],,::".into()];
        for text in hostile {
            for at in 0..text.len() + 2 {
                assert!(path_at(&text, at).len() <= LEVELS_MAX * (KEY_BYTES_MAX + 1));
                if at > 600 {
                    break;
                }
            }
        }
    }
}
