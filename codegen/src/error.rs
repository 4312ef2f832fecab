//! What went wrong, where in the .proto it is, and what to do about it.
//!
//! Build scripts print errors with `Debug`, and a compiler's user reads the first line only: so both `Debug` and
//! `Display` are the whole message, opening with `file:line:column`, which editors turn into a link.
//!
//! ```text
//! proto/chat.proto:12:11: `Mesage` is not defined
//!    |
//! 12 |   rpc Say(Mesage) returns (Reply);
//!    |           ^^^^^^
//!    = define it in this file, or import the .proto that does
//! ```

use std::fmt;
use std::path::{Path, PathBuf};

/// Why no code was generated: one or more findings, the first being the most telling.
pub struct Error {
    first: Box<Finding>,
    others: Vec<Finding>,
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) message: String,
    pub(crate) place: Option<Place>,
    pub(crate) help: Option<String>,
}

/// A stretch of a .proto, within one line.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: PathBuf,
    /// From 1.
    pub(crate) line: usize,
    /// From 1, in characters.
    pub(crate) column: usize,
    /// How many characters are meant; at least 1.
    pub(crate) width: usize,
    /// The line itself, without its end.
    pub(crate) text: String,
}

impl Error {
    /// What is wrong, without the place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.first.message
    }

    /// The .proto that is meant, if a place in it is known.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.first.place.as_ref().map(|place| place.file.as_path())
    }

    /// The line, from 1, if the place is known.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.first.place.as_ref().map(|place| place.line)
    }

    /// The column, from 1 and in characters, if the place is known.
    #[must_use]
    pub fn column(&self) -> Option<usize> {
        self.first.place.as_ref().map(|place| place.column)
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.first.help.as_deref()
    }

    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Error {
        Finding { message: message.into(), place: None, help: Some(help.into()) }.into()
    }

    pub(crate) fn at(place: Option<Place>, message: impl Into<String>, help: impl Into<String>) -> Error {
        Finding { message: message.into(), place, help: Some(help.into()) }.into()
    }

    /// Reading or writing `path` failed.
    pub(crate) fn file_access(verb: &str, path: &Path, cause: &std::io::Error) -> Error {
        Finding { message: format!("cannot {verb} {}: {cause}", path.display()), place: None, help: None }
            .into()
    }

    pub(crate) fn with_others(mut self, others: Vec<Finding>) -> Error {
        self.others = others;
        self
    }
}

impl From<Finding> for Error {
    fn from(first: Finding) -> Error {
        Error { first: Box::new(first), others: Vec::new() }
    }
}

impl Place {
    /// The place of `length` bytes from `offset`, cut at the end of the line.
    pub(crate) fn in_source(file: &Path, source: &str, offset: usize, length: usize) -> Place {
        let offset =
            (0..=offset.min(source.len())).rev().find(|at| source.is_char_boundary(*at)).unwrap_or(0);
        let line_start = source[..offset].rfind('\n').map_or(0, |at| at + 1);
        let line_end = source[offset..].find('\n').map_or(source.len(), |at| offset + at);
        let text = source[line_start..line_end].trim_end_matches('\r');
        let meant = source[offset..line_end]
            .char_indices()
            .take_while(|(at, letter)| *at < length && *letter != '\r')
            .count();
        Place {
            file: file.to_owned(),
            line: source[..line_start].matches('\n').count() + 1,
            column: source[line_start..offset].chars().count() + 1,
            width: meant.max(1),
            text: text.to_owned(),
        }
    }

    /// The line of the source with what is meant underlined; tabs stay tabs, so that the two lines agree.
    fn write_excerpt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        let lead: String = (self.text.chars())
            .take(self.column - 1)
            .map(|letter| if letter == '\t' { '\t' } else { ' ' })
            .collect();
        writeln!(f, "{margin} |")?;
        writeln!(f, "{number} | {}", self.text)?;
        write!(f, "{margin} | {lead}{}", "^".repeat(self.width))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let margin = self.place.as_ref().map_or(0, |place| place.line.to_string().len());
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(place) = &self.place {
            writeln!(f)?;
            place.write_excerpt(f)?;
        }
        match &self.help {
            Some(help) => write!(f, "\n{} = {help}", " ".repeat(margin)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.fmt(f)?;
        self.others.iter().try_for_each(|other| write!(f, "\n\n{other}"))
    }
}

/// The same text as `Display`, on lines of its own, because this is what a build script shows.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{self}\n")
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_opens_with_the_place_underlines_it_and_says_what_to_do() {
        let source = "syntax = \"proto3\";\r\n\trpc Say(Mesage)\r\n";
        let offset = source.find("Mesage").expect("it is there");
        let place = Place::in_source(Path::new("chat.proto"), source, offset, 6);
        let error = Error::at(Some(place), "`Mesage` is not defined", "define it");
        assert_eq!(
            error.to_string(),
            "chat.proto:2:10: `Mesage` is not defined\n  |\n2 | \trpc Say(Mesage)\n  | \t        ^^^^^^\n  = define it"
        );
        assert_eq!((error.line(), error.column(), error.help()), (Some(2), Some(10), Some("define it")));
        assert_eq!(format!("{error:?}"), format!("\n{error}\n"));
    }

    #[test]
    fn a_place_beyond_the_end_or_inside_a_letter_is_still_a_place() {
        let beyond = Place::in_source(Path::new("x"), "a\nü", 99, 5);
        assert_eq!((beyond.line, beyond.column, beyond.width), (2, 2, 1));
        let inside = Place::in_source(Path::new("x"), "ü", 1, 1);
        assert_eq!((inside.line, inside.column, inside.width), (1, 1, 1));
    }
}
