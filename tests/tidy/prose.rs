//! What documents say: links lead somewhere, and nothing is named that only one machine has.

use crate::tree::{File, assert_none, files, root};
use std::fs;

/// Written in halves, so that this list does not accuse itself.
const MACHINE_PATHS: [(&str, &str); 4] = [("/wo", "rk/"), ("/ro", "ot/"), ("/ho", "me/"), ("/fa", "rm/")];

#[test]
fn no_file_names_a_path_of_one_machine() {
    let mut offences = Vec::new();
    for file in files() {
        for (number, line) in file.lines() {
            for (head, tail) in MACHINE_PATHS {
                let path = format!("{head}{tail}");
                let is_absolute =
                    |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-}$".contains(c));
                if line.match_indices(&path).any(|(at, _)| is_absolute(at)) {
                    offences.push(format!("{}:{number}: {path}", file.path));
                }
            }
        }
    }
    assert_none(&offences, "name paths from the repository's root");
}

#[test]
fn links_between_documents_resolve() {
    let mut offences = Vec::new();
    for file in files().iter().filter(|file| file.path.ends_with(".md")) {
        for (number, target) in links(file) {
            if let Err(why) = resolve(file, &target) {
                offences.push(format!("{}:{number}: {target}: {why}", file.path));
            }
        }
    }
    assert_none(&offences, "mend these links");
}

/// The targets of a document's links, outside of code.
fn links(file: &File) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    let mut is_code = false;
    for (number, line) in file.lines() {
        is_code ^= line.trim_start().starts_with("```");
        if is_code {
            continue;
        }
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        let targets = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        links.extend(targets.map(|(target, _)| (number, target.to_owned())));
    }
    links
}

fn resolve(file: &File, target: &str) -> Result<(), String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return Ok(());
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let from = root().join(&file.path);
    let path = if path.is_empty() { from } else { from.with_file_name("").join(path) };
    if !path.exists() {
        return Err("there is no such file".into());
    }
    if anchor.is_empty() || path.extension().is_none_or(|extension| extension != "md") {
        return Ok(());
    }
    let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
    let has_heading = text.lines().filter(|line| line.starts_with('#')).any(|line| slug(line) == anchor);
    if has_heading { Ok(()) } else { Err("there is no such heading".into()) }
}

/// The anchor that a heading gets when it is rendered.
fn slug(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn links_are_found_in_prose_and_not_in_code() {
    let text = "see [a](b.md) and `[c](d.md)`\n```\n[e](f.md)\n```\n[g](#h-i)";
    let file = File { path: "x.md".into(), text: text.into() };
    assert_eq!(links(&file), [(1, "b.md".to_owned()), (5, "#h-i".to_owned())]);
    assert_eq!(slug("## H & I: `j`"), "h--i-j");
}
