//! The files of the repository, as the tests see them.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold what was built or generated, not what was written.
const UNWRITTEN: [&str; 9] =
    ["target", "generated", ".git", "artifacts", "corpus", "coverage", "node_modules", "dist", ".venv"];
const TEXT: [&str; 13] =
    ["rs", "md", "toml", "sh", "py", "go", "ts", "mjs", "css", "proto", "yml", "txt", "dict"];

/// A text file: its path from the repository's root, with forward slashes, and what it says.
pub struct File {
    pub path: String,
    pub text: String,
}

impl File {
    /// Numbered lines, from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Lines before the tests that stand at the end of a file; none of a file that is all tests.
    pub fn lines_before_tests(&self) -> usize {
        let is_all_tests = self.path.ends_with("/tests.rs") || self.path.contains("tests/");
        let tests_at = || self.text.lines().position(|line| line == "mod tests {");
        if is_all_tests { 0 } else { tests_at().unwrap_or(usize::MAX) }
    }

    /// The lines that are compiled into the product: without comments, and without the tests.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines().take(self.lines_before_tests()).map(|(number, line)| (number, without_comment(line)))
    }
}

fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with("//") { "" } else { line.split(" // ").next().unwrap_or(line) }
}

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("/")).to_path_buf()
}

/// Every text file that was written by hand.
pub fn files() -> Vec<File> {
    let root = root();
    let mut files = Vec::new();
    walk(&root, &root, &mut files);
    assert!(files.len() > 20, "the tree at {} has only {} text files", root.display(), files.len());
    files
}

/// Every Rust file below `folder`, which ends with a slash.
pub fn rust_below(folder: &str) -> Vec<File> {
    let mut files = files();
    files.retain(|file| file.is_rust() && file.path.starts_with(folder));
    assert!(!files.is_empty(), "there is no Rust file below {folder}");
    files
}

fn walk(root: &Path, folder: &Path, files: &mut Vec<File>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.unwrap_or_else(|error| panic!("{}: {error}", folder.display())).path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let extension = path.extension().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !UNWRITTEN.contains(&name.as_str()) {
                walk(root, &path, files);
            }
        } else if TEXT.contains(&extension.as_str()) || name == "run" {
            let text =
                fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let path = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            files.push(File { path, text });
        }
    }
}

/// Fails with every offence, one a line, and with what to do about them.
#[track_caller]
pub fn assert_none(offences: &[String], remedy: &str) {
    assert!(offences.is_empty(), "{} offences; {remedy}:\n{}\n", offences.len(), offences.join("\n"));
}
