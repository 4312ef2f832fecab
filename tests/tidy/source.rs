//! How source is written: short files, short functions, names that say something, nothing left unfinished.

use crate::tree::{File, assert_none, files};

const FILE_LINES_MAX: usize = 500;
/// Ratchet: lower it when the longest function got shorter.
const FUNCTION_LINES_MAX: usize = 100;

/// Names that say where something was put, not what it is.
const EMPTY_NAMES: [&str; 9] =
    ["util", "utils", "common", "misc", "manager", "managers", "helper", "helpers", "utilities"];

/// Written in halves, so that this list does not accuse itself.
const UNFINISHED: [(&str, &str); 9] = [
    ("todo", "!("),
    ("unimplemented", "!("),
    ("FIX", "ME"),
    ("XX", "X"),
    ("HA", "CK"),
    ("for ", "now"),
    ("For ", "now"),
    ("place", "holder"),
    ("#[ig", "nore"),
];

fn rust_files() -> impl Iterator<Item = File> {
    files().into_iter().filter(File::is_rust)
}

#[test]
fn files_are_at_most_500_lines_long() {
    let long = rust_files().map(|file| (file.text.lines().count(), file.path));
    let offences: Vec<String> = long
        .filter(|(lines, _)| *lines > FILE_LINES_MAX)
        .map(|(lines, path)| format!("{path}: {lines}"))
        .collect();
    assert_none(&offences, "split these files along an idea");
}

#[test]
fn functions_are_at_most_100_lines_long() {
    let mut offences = Vec::new();
    for file in rust_files() {
        for (start, length) in functions(&file) {
            if length > FUNCTION_LINES_MAX {
                offences.push(format!("{}:{start}: {length} lines", file.path));
            }
        }
    }
    assert_none(&offences, "name the parts of these functions");
}

#[test]
fn every_source_file_opens_with_what_it_decides() {
    let bare = rust_files().filter(|file| !file.text.starts_with("//! "));
    let offences: Vec<String> = bare.map(|file| file.path).collect();
    assert_none(&offences, "begin these files with `//!` and what they decide");
}

#[test]
fn files_and_modules_are_named_after_what_they_hold() {
    let mut offences = Vec::new();
    for file in rust_files() {
        let is_empty_name = |name: &str| name.split('_').any(|word| EMPTY_NAMES.contains(&word));
        if file.path.trim_end_matches(".rs").split('/').any(is_empty_name) {
            offences.push(file.path.clone());
        }
        for (number, line) in file.lines() {
            let mut words =
                line.trim_start().trim_start_matches("pub ").trim_start_matches("pub(crate) ").split(' ');
            let (noun, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let name = name.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
            let ends_empty = ["Manager", "Helper", "Util", "Utils"].iter().any(|end| name.ends_with(end));
            if noun == "mod" && is_empty_name(name)
                || matches!(noun, "struct" | "enum" | "trait") && ends_empty
            {
                offences.push(format!("{}:{number}: {name}", file.path));
            }
        }
    }
    assert_none(&offences, "name these after what they hold or decide");
}

#[test]
fn nothing_is_left_unfinished() {
    let mut offences = Vec::new();
    for file in files() {
        for (number, line) in file.lines() {
            for (head, tail) in UNFINISHED {
                if line.contains(&format!("{head}{tail}")) {
                    offences.push(format!("{}:{number}: says {head}{tail}", file.path));
                }
            }
        }
    }
    assert_none(&offences, "finish what these lines put off");
}

#[test]
fn tests_do_not_sleep() {
    // Programs that meet other processes live in the same time as those.
    let meets_peers = |file: &File| {
        ["tests/interop/", "tests/conformance/", "tests/attacks/socket/"]
            .iter()
            .any(|at| file.path.starts_with(at))
    };
    let mut offences = Vec::new();
    for file in rust_files().filter(|file| !meets_peers(file)) {
        for (number, line) in file.lines().skip(file.lines_before_tests()) {
            if line.contains(concat!("thread::", "sleep(")) || line.contains(concat!("time::", "sleep(")) {
                offences.push(format!("{}:{number}", file.path));
            }
        }
    }
    assert_none(&offences, "wait for the event itself, or use virtual time");
}

/// The functions of a formatted file: the line each starts on, and how many it takes.
fn functions(file: &File) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = file.text.lines().collect();
    let mut functions = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        if !is_function_head(line) || line.ends_with('}') || line.ends_with(';') {
            continue;
        }
        let indent = &line[..line.len() - line.trim_start().len()];
        let is_end = |line: &&str| {
            line.strip_prefix(indent)
                .is_some_and(|rest| rest == "}" || rest.starts_with(')') && rest.ends_with(';'))
        };
        let length = lines[start..].iter().position(is_end).map_or(0, |end| end + 1);
        functions.push((start + 1, length));
    }
    functions
}

fn is_function_head(line: &str) -> bool {
    let mut rest = line.trim_start();
    for qualifier in ["pub ", "pub(crate) ", "pub(super) ", "default ", "const ", "async ", "extern \"C\" "] {
        rest = rest.strip_prefix(qualifier).unwrap_or(rest);
    }
    rest.starts_with("fn ")
}

#[test]
fn the_length_of_functions_is_measured_right() {
    let text = "fn one() {\n    1;\n}\n\ntrait T {\n    fn declared(\n        a: u8,\n    ) -> u8;\n    fn short() {}\n    pub const fn two(\n        a: u8,\n    ) {\n        2;\n    }\n}\n";
    let file = File { path: "x.rs".into(), text: text.into() };
    assert_eq!(functions(&file), [(1, 3), (6, 3), (10, 5)]);
}
