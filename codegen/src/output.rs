//! The generated files: in memory first, so that they can be compared with what is on disk, then written where they
//! differ, so that an unchanged build touches nothing.

use crate::error::Error;
use crate::layout::HEADER;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Generated files, by their name in the output folder.
#[derive(Debug)]
pub struct Output {
    files: BTreeMap<String, Vec<u8>>,
    sources: Vec<PathBuf>,
}

impl Output {
    pub(crate) fn watching(sources: impl Iterator<Item = PathBuf>) -> Output {
        Output { files: BTreeMap::new(), sources: sources.collect() }
    }

    pub(crate) fn add(&mut self, name: String, content: Vec<u8>) {
        self.files.insert(name, content);
    }

    /// Every file's name and content.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(name, content)| (name.as_str(), content.as_slice()))
    }

    /// The text of a generated Rust file.
    #[must_use]
    pub fn code(&self, name: &str) -> Option<&str> {
        self.files.get(name).and_then(|content| std::str::from_utf8(content).ok())
    }

    /// Writes the files that differ from what `folder` holds.
    ///
    /// # Errors
    /// When the folder cannot be made or a file not written.
    pub fn write(&self, folder: &Path) -> Result<(), Error> {
        fs::create_dir_all(folder).map_err(|cause| Error::file_access("make", folder, &cause))?;
        for (name, content) in &self.files {
            let path = folder.join(name);
            if fs::read(&path).is_ok_and(|old| old == *content) {
                continue;
            }
            fs::write(&path, content).map_err(|cause| Error::file_access("write", &path, &cause))?;
        }
        Ok(())
    }

    /// What is not as it would be generated now: a line for each file that differs, lacks, or is left over.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn differences(&self, folder: &Path) -> Result<Vec<String>, Error> {
        let mut differences = Vec::new();
        for (name, content) in &self.files {
            let path = folder.join(name);
            match fs::read(&path) {
                Ok(old) if old == *content => {}
                Ok(old) => differences.push(format!(
                    "{} is out of date{}",
                    path.display(),
                    first_line(&old, content)
                )),
                Err(_) => differences.push(format!("{} is missing", path.display())),
            }
        }
        let entries = fs::read_dir(folder).map_err(|cause| Error::file_access("read", folder, &cause))?;
        let mut left_over: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| !self.files.contains_key(name) && is_ours(&folder.join(name)))
            .map(|name| format!("{} is generated from nothing any more", folder.join(name).display()))
            .collect();
        left_over.sort();
        differences.append(&mut left_over);
        Ok(differences)
    }

    /// Tells cargo, when it runs this as a build script, which files to watch.
    pub(crate) fn tell_cargo(&self) {
        if std::env::var_os("OUT_DIR").is_some() {
            self.sources.iter().for_each(|path| println!("cargo:rerun-if-changed={}", path.display()));
        }
    }
}

/// Where two texts begin to differ.
fn first_line(old: &[u8], new: &[u8]) -> String {
    let (Ok(old), Ok(new)) = (std::str::from_utf8(old), std::str::from_utf8(new)) else {
        return String::new();
    };
    let mut new = new.lines();
    for (index, line) in old.lines().enumerate() {
        match new.next() {
            Some(wanted) if wanted == line => {}
            Some(wanted) => return format!(", from line {}: `{line}` should be `{wanted}`", index + 1),
            None => return format!(", from line {}: `{line}` should not be there", index + 1),
        }
    }
    ", at its end".to_owned()
}

fn is_ours(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "binpb")
        || fs::read(path).is_ok_and(|content| content.starts_with(HEADER.as_bytes()))
}
