//! Comments of a .proto become documentation that rustdoc accepts, whatever they contain.
//!
//! Three things go wrong when a comment is carried over as it is: an indented or fenced block becomes a doctest that
//! does not compile; `[brackets]` become links that lead nowhere; `<T>` becomes an HTML tag that nothing closes. And an
//! element without a comment breaks a crate that denies `missing_docs`.
//!
//! prost-build copies comments with a rewriting of its own, so each element gets a *marker* for its comment instead
//! ([`Docs::mark`]), and the generated code gets the prepared text in place of the markers ([`Docs::unmark`]).

use prost_types::source_code_info::Location;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, SourceCodeInfo};
use std::collections::BTreeMap;

const MARKER: &str = "zrpc-doc:";

/// The prepared documentation of every element, by the number of its marker.
#[derive(Default)]
pub(crate) struct Docs {
    prepared: Vec<Vec<String>>,
}

impl Docs {
    /// Replaces the comments of `file` by markers. An element without a comment is said to be what it is.
    pub(crate) fn mark(&mut self, file: &mut FileDescriptorProto) {
        let written = file.source_code_info.take().unwrap_or_default();
        let mut comments: BTreeMap<Vec<i32>, String> = BTreeMap::new();
        for location in written.location {
            let text = [location.leading_comments, location.trailing_comments];
            let text: Vec<String> = text.into_iter().flatten().collect();
            if !text.is_empty() {
                comments.insert(location.path, text.join("\n"));
            }
        }
        let location = elements(file)
            .into_iter()
            .map(|(path, fallback)| {
                let lines = comments.get(&path).map(|text| rustdoc(text)).unwrap_or_default();
                self.prepared.push(if lines.is_empty() { vec![fallback] } else { lines });
                let marker = format!(" {MARKER}{}", self.prepared.len() - 1);
                Location { path, leading_comments: Some(marker), ..Location::default() }
            })
            .collect();
        file.source_code_info = Some(SourceCodeInfo { location });
    }

    /// Puts the prepared documentation where the markers are.
    pub(crate) fn unmark(&self, code: &str) -> String {
        let mut unmarked = String::with_capacity(code.len() * 2);
        for line in code.lines() {
            match self.marked(line) {
                Some(docs) => docs.iter().for_each(|doc| {
                    unmarked.push_str(if doc.is_empty() { "///" } else { "/// " });
                    unmarked.push_str(doc);
                    unmarked.push('\n');
                }),
                None => {
                    unmarked.push_str(line);
                    unmarked.push('\n');
                }
            }
        }
        unmarked
    }

    fn marked(&self, line: &str) -> Option<&[String]> {
        let number = line.trim().strip_prefix("///")?.trim_start().strip_prefix(MARKER)?;
        self.prepared.get(number.parse::<usize>().ok()?).map(Vec::as_slice)
    }
}

/// Every element that prost-build documents, by its path in the descriptor, with what to say if nobody says more.
fn elements(file: &FileDescriptorProto) -> Vec<(Vec<i32>, String)> {
    let mut found = Vec::new();
    let package = file.package().to_owned();
    for (index, message) in file.message_type.iter().enumerate() {
        message_elements(&mut found, &[4, number(index)], message, &package);
    }
    for (index, an_enum) in file.enum_type.iter().enumerate() {
        enum_elements(&mut found, &[5, number(index)], an_enum, &package);
    }
    for (index, service) in file.service.iter().enumerate() {
        let path = [6, number(index)];
        found.push((path.to_vec(), format!("Service `{}`.", qualified(&package, service.name()))));
        for (index, method) in service.method.iter().enumerate() {
            found.push((child(&path, 2, index), format!("Method `{}`.", method.name())));
        }
    }
    found
}

fn message_elements(
    found: &mut Vec<(Vec<i32>, String)>,
    path: &[i32],
    message: &DescriptorProto,
    scope: &str,
) {
    let name = qualified(scope, message.name());
    found.push((path.to_vec(), format!("Message `{name}`.")));
    for (index, field) in message.field.iter().enumerate() {
        let text = format!("Field `{}`, number {}.", field.name(), field.number());
        found.push((child(path, 2, index), text));
    }
    for (index, nested) in message.nested_type.iter().enumerate() {
        message_elements(found, &child(path, 3, index), nested, &name);
    }
    for (index, nested) in message.enum_type.iter().enumerate() {
        enum_elements(found, &child(path, 4, index), nested, &name);
    }
    for (index, oneof) in message.oneof_decl.iter().enumerate() {
        found.push((child(path, 8, index), format!("At most one of the fields of `{}`.", oneof.name())));
    }
}

fn enum_elements(
    found: &mut Vec<(Vec<i32>, String)>,
    path: &[i32],
    an_enum: &EnumDescriptorProto,
    scope: &str,
) {
    found.push((path.to_vec(), format!("Enumeration `{}`.", qualified(scope, an_enum.name()))));
    for (index, value) in an_enum.value.iter().enumerate() {
        found.push((child(path, 2, index), format!("`{}`, number {}.", value.name(), value.number())));
    }
}

fn qualified(scope: &str, name: &str) -> String {
    if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") }
}

fn child(path: &[i32], field: i32, index: usize) -> Vec<i32> {
    [path, &[field, number(index)]].concat()
}

/// A position in a descriptor; protobuf counts them in `int32`.
fn number(index: usize) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}

/// The lines of a comment as rustdoc may have them.
///
/// Blocks of code, fenced or indented, become blocks of `text`; no other line keeps an indentation that would make it
/// code. In prose, brackets, angle brackets and lonely backticks are escaped and bare addresses become links.
pub(crate) fn rustdoc(comment: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut block = Block::Prose;
    for line in dedented(comment) {
        let indent = line.len() - line.trim_start().len();
        let fence = fence(&line);
        block = match block {
            Block::Fenced(opened) if fence.is_some_and(|closes| closes.closes(opened, &line)) => {
                lines.push(opened.text());
                Block::Prose
            }
            Block::Fenced(opened) => {
                lines.push(line);
                Block::Fenced(opened)
            }
            Block::Indented if indent >= 4 || line.is_empty() => {
                lines.push(line.get(4..).unwrap_or("").to_owned());
                Block::Indented
            }
            Block::Indented => {
                close_indented(&mut lines);
                open_line(&mut lines, line, indent, fence)
            }
            Block::Prose => open_line(&mut lines, line, indent, fence),
        };
    }
    match block {
        Block::Fenced(opened) => lines.push(opened.text()),
        Block::Indented => close_indented(&mut lines),
        Block::Prose => {}
    }
    trim_blank(&mut lines);
    lines
}

#[derive(Clone, Copy)]
enum Block {
    Prose,
    Fenced(Fence),
    Indented,
}

/// A line of at least three backticks or tildes.
#[derive(Clone, Copy)]
struct Fence {
    letter: char,
    length: usize,
}

impl Fence {
    fn text(self) -> String {
        self.letter.to_string().repeat(self.length)
    }

    fn closes(self, opened: Fence, line: &str) -> bool {
        self.letter == opened.letter
            && self.length >= opened.length
            && line.trim().chars().all(|c| c == self.letter)
    }
}

/// A line outside any block: it may open one.
fn open_line(lines: &mut Vec<String>, line: String, indent: usize, fence: Option<Fence>) -> Block {
    if let Some(fence) = fence {
        // Flush left: inside a list item a fence could end with the item, and what follows would open another.
        if lines.last().is_some_and(|last| !last.is_empty()) {
            lines.push(String::new());
        }
        lines.push(format!("{}text", fence.text()));
        return Block::Fenced(fence);
    }
    let after_blank = lines.last().is_none_or(String::is_empty);
    if indent >= 4 && after_blank && !line.is_empty() {
        lines.push("```text".to_owned());
        lines.push(line[4..].to_owned());
        return Block::Indented;
    }
    lines.push(prose(&line, indent));
    Block::Prose
}

/// Ends a block before the blank lines that followed it.
fn close_indented(lines: &mut Vec<String>) {
    let blank = lines.iter().rev().take_while(|line| line.is_empty()).count();
    let end = lines.len() - blank;
    // The block's own text may hold a fence: the closing one must be longer than any in it.
    let start = lines[..end].iter().rposition(|line| line == "```text").unwrap_or(0);
    let longest = lines[start + 1..end].iter().map(|line| longest_run(line)).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    lines[start] = format!("{fence}text");
    lines.insert(end, fence);
    if blank == 0 {
        lines.push(String::new());
    }
}

fn longest_run(line: &str) -> usize {
    line.split(|letter| letter != '`').map(str::len).max().unwrap_or(0)
}

/// The fence that a line is, when it stands where a fence may: indented by less than four.
fn fence(line: &str) -> Option<Fence> {
    let indent = line.len() - line.trim_start().len();
    let text = line.trim();
    let letter = text.chars().next().filter(|letter| *letter == '`' || *letter == '~')?;
    let length = text.chars().take_while(|c| *c == letter).count();
    let info = &text[length..];
    (indent < 4 && length >= 3 && !(letter == '`' && info.contains('`'))).then_some(Fence { letter, length })
}

/// A line of prose: never code by its indentation, also not after a list marker or in a quotation.
fn prose(line: &str, indent: usize) -> String {
    let mut safe = " ".repeat(indent.min(3));
    let mut rest = line.trim_start();
    while let Some(length) = container(rest) {
        safe.push_str(&rest[..length]);
        safe.push(' ');
        rest = rest[length..].trim_start();
    }
    let opens_fence = rest.starts_with("```") || rest.starts_with("~~~");
    if opens_fence {
        safe.push('\\');
        safe.push_str(&rest[..1]);
        rest = &rest[1..];
    }
    escape(rest, &mut safe);
    safe.truncate(safe.trim_end().len());
    safe
}

/// The length of the marker of a list item or a quotation at the start of a line, when one is there.
fn container(line: &str) -> Option<usize> {
    if line.starts_with('>') {
        return Some(1);
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let marker = match line.as_bytes().get(digits) {
        Some(b'-' | b'*' | b'+') if digits == 0 => 1,
        Some(b'.' | b')') if (1..=9).contains(&digits) => digits + 1,
        _ => return None,
    };
    line[marker..].chars().next().is_none_or(|next| next == ' ').then_some(marker)
}

/// Escapes prose into `safe`, leaving code spans, addresses and links with an address as they are.
fn escape(prose: &str, safe: &mut String) {
    let mut rest = prose;
    while let Some(letter) = rest.chars().next() {
        let taken = match letter {
            '`' => code_span(rest, safe),
            '\\' => {
                let taken =
                    1 + rest[1..].chars().next().filter(char::is_ascii_punctuation).map_or(0, char::len_utf8);
                safe.push_str(if taken == 2 { &rest[..2] } else { "\\\\" });
                taken
            }
            '[' => link(rest, safe),
            '<' => autolink(rest, safe),
            ']' | '>' => {
                // A quotation's `>` was taken before; here it could only close a tag.
                safe.push('\\');
                safe.push(letter);
                1
            }
            'h' if address(rest) > 0 => {
                let length = address(rest);
                safe.push_str(&format!("<{}>", &rest[..length]));
                length
            }
            _ => {
                safe.push(letter);
                letter.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
}

/// A code span that closes on its line stays; a backtick without a partner is escaped.
fn code_span(rest: &str, safe: &mut String) -> usize {
    let ticks = rest.bytes().take_while(|byte| *byte == b'`').count();
    let mut at = ticks;
    while let Some(next) = rest[at..].find('`') {
        let start = at + next;
        let run = rest[start..].bytes().take_while(|byte| *byte == b'`').count();
        if run == ticks {
            safe.push_str(&rest[..start + run]);
            return start + run;
        }
        at = start + run;
    }
    safe.push_str(&"\\`".repeat(ticks));
    ticks
}

/// `[text](https://…)` stays a link; any other bracket is escaped.
fn link(rest: &str, safe: &mut String) -> usize {
    if let Some(close) = rest.find("](") {
        let (text, target) = (&rest[1..close], &rest[close + 2..]);
        let length = address(target);
        let plain = !text.is_empty() && !text.contains(['[', ']', '`', '<', '>', '\\']);
        if plain && length > 0 && target[length..].starts_with(')') {
            let whole = close + 2 + length + 1;
            safe.push_str(&rest[..whole]);
            return whole;
        }
    }
    safe.push_str("\\[");
    1
}

/// `<https://…>` stays a link; any other angle bracket is escaped.
fn autolink(rest: &str, safe: &mut String) -> usize {
    let length = address(&rest[1..]);
    if length > 0 && rest[1 + length..].starts_with('>') {
        safe.push_str(&rest[..length + 2]);
        return length + 2;
    }
    safe.push_str("\\<");
    1
}

/// How many bytes of an address a text opens with.
fn address(text: &str) -> usize {
    let Some(after) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return 0;
    };
    let scheme = text.len() - after.len();
    let end = after
        .find(|c: char| {
            c.is_whitespace()
                || c.is_control()
                || matches!(c, '<' | '>' | '(' | ')' | '[' | ']' | '`' | '"' | '\\')
        })
        .unwrap_or(after.len());
    let host = after[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*', '_']);
    if host.is_empty() { 0 } else { scheme + host.len() }
}

/// The lines without what indents them all, without white space at their ends, tabs as four spaces.
fn dedented(comment: &str) -> Vec<String> {
    let lines: Vec<String> = comment
        .lines()
        .map(|line| line.replace('\t', "    ").replace(|c: char| c.is_control(), ""))
        .map(|line| line.trim_end().to_owned())
        .collect();
    let common = lines
        .iter()
        .filter(|line| !line.is_empty())
        .map(|line| line.bytes().take_while(|byte| *byte == b' ').count())
        .min()
        .unwrap_or(0);
    lines.iter().map(|line| line.get(common..).unwrap_or("").to_owned()).collect()
}

fn trim_blank(lines: &mut Vec<String>) {
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    let leading = lines.iter().take_while(|line| line.is_empty()).count();
    lines.drain(..leading);
}

#[cfg(test)]
mod tests;
