//! The .proto files: found, parsed and checked, by protox; and errors about them that say where and what to do.

use crate::error::{Error, Finding, Place};
use miette::{Diagnostic, LabeledSpan};
use prost::Message;
use prost_types::FileDescriptorProto;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What a set of .proto files says.
pub(crate) struct Schema {
    /// Every file, also those that are only imported, each after what it imports; with comments and places.
    pub(crate) files: Vec<FileDescriptorProto>,
    /// The names of the files that were asked for.
    pub(crate) asked: Vec<String>,
    /// Where each file lies; the well-known ones of protobuf itself lie nowhere.
    pub(crate) paths: BTreeMap<String, PathBuf>,
    /// Each file as it travels in a `FileDescriptorSet`: without places, with custom options.
    encoded: BTreeMap<String, Vec<u8>>,
}

impl Schema {
    /// Reads `protos` and all that they import, looking in `includes`.
    pub(crate) fn open(protos: &[PathBuf], includes: &[PathBuf]) -> Result<Schema, Error> {
        if protos.is_empty() {
            return Err(Error::new(
                "no .proto file was named",
                "name at least one file to generate code from",
            ));
        }
        let includes = folders(protos, includes);
        let mut compiler =
            protox::Compiler::new(&includes).map_err(|error| explain(&error, &includes, None))?;
        for proto in protos {
            find(proto, &includes)?;
            compiler.open_file(proto).map_err(|error| explain(&error, &includes, Some(proto)))?;
        }
        compiler.include_imports(true).include_source_info(true);
        let files = compiler.file_descriptor_set().file;
        let as_written = |path: &Path| path.strip_prefix(".").unwrap_or(path).to_owned();
        let paths =
            compiler.files().filter_map(|file| Some((file.name().to_owned(), as_written(file.path()?))));
        let asked = compiler.files().filter(|file| !file.is_import()).map(|file| file.name().to_owned());
        let (paths, asked) = (paths.collect(), asked.collect());
        compiler.include_source_info(false);
        let encoded = files_of_a_set(&compiler.encode_file_descriptor_set());
        Ok(Schema { files, asked, paths, encoded })
    }

    /// The serialised `FileDescriptorSet` of the files of `package` and all that they import.
    pub(crate) fn descriptor_set(&self, package: &str) -> Vec<u8> {
        let mut wanted: BTreeSet<&str> = BTreeSet::new();
        for file in self.files.iter().rev() {
            if file.package() == package || wanted.contains(file.name()) {
                wanted.insert(file.name());
                wanted.extend(file.dependency.iter().map(String::as_str));
            }
        }
        let names = self.files.iter().map(FileDescriptorProto::name).filter(|name| wanted.contains(name));
        names.filter_map(|name| self.encoded.get(name)).flatten().copied().collect()
    }

    /// Where the element at `path` of a file's descriptor is named in the source.
    pub(crate) fn place(&self, file: &FileDescriptorProto, path: &[i32]) -> Option<Place> {
        let on_disk = self.paths.get(file.name())?;
        let source = std::fs::read_to_string(on_disk).ok()?;
        let locations = &file.source_code_info.as_ref()?.location;
        let span =
            |path: &[i32]| locations.iter().find(|location| location.path == path).map(|l| &l.span[..]);
        // The name is field 1 of whatever it names; a package has none.
        let span = span(&[path, &[1]].concat()).or_else(|| span(path))?;
        let (line, start) = (usize::try_from(*span.first()?).ok()?, usize::try_from(*span.get(1)?).ok()?);
        let line_start: usize = source.split_inclusive('\n').take(line).map(str::len).sum();
        let length = match span {
            [_, _, end] => usize::try_from(*end).ok()?.saturating_sub(start),
            _ => 1,
        };
        Some(Place::in_source(on_disk, &source, line_start + start, length))
    }
}

/// The folders to look in: those that were named, or else those in which the files are.
fn folders(protos: &[PathBuf], includes: &[PathBuf]) -> Vec<PathBuf> {
    if !includes.is_empty() {
        return includes.to_vec();
    }
    let mut folders: Vec<PathBuf> = Vec::new();
    for proto in protos {
        let folder = proto.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).to_owned();
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders
}

/// Whether `proto` is a file in one of `includes`; protox says less about why it is not.
fn find(proto: &Path, includes: &[PathBuf]) -> Result<(), Error> {
    let looked_in = listed(includes);
    if proto.is_relative() && includes.iter().any(|include| include.join(proto).is_file()) {
        return Ok(());
    }
    if !proto.is_file() {
        let help = format!(
            "give its path from the current folder, or from one of the folders to look in: {looked_in}"
        );
        return Err(Error::new(format!("there is no file {}", proto.display()), help));
    }
    if includes.iter().any(|include| proto.strip_prefix(include).is_ok() || include == Path::new(".")) {
        return Ok(());
    }
    let help = format!("name a folder that holds it; these were named: {looked_in}");
    Err(Error::new(format!("{} is in none of the folders to look in", proto.display()), help))
}

/// The path of a file in a folder, as one would write it.
fn inside(folder: &Path, file: &str) -> PathBuf {
    let path = folder.join(file);
    path.strip_prefix(".").map(Path::to_owned).unwrap_or(path)
}

/// What protox found wrong, with the place in the file as it lies on disk.
fn explain(error: &protox::Error, includes: &[PathBuf], proto: Option<&Path>) -> Error {
    let file = error.file().unwrap_or_default();
    let path = includes.iter().map(|include| inside(include, file)).find(|path| path.is_file());
    let path = path.or_else(|| proto.map(Path::to_owned)).unwrap_or_else(|| PathBuf::from(file));
    let source = std::fs::read_to_string(&path).unwrap_or_default();
    if let Some(offset) = edition(&source) {
        let place = Place::in_source(&path, &source, offset, "edition".len());
        let help =
            "zRPC reads proto2 and proto3: write `syntax = \"proto3\";` instead, and drop `features` options";
        return Error::at(Some(place), "editions are not supported", help);
    }
    let first = finding(error, &path, &source, includes);
    let related = error.related().into_iter().flatten();
    Error::from(first).with_others(related.map(|other| finding(other, &path, &source, includes)).collect())
}

fn finding(problem: &dyn Diagnostic, path: &Path, source: &str, includes: &[PathBuf]) -> Finding {
    let labels: Vec<LabeledSpan> = problem.labels().into_iter().flatten().collect();
    let says = |label: &&LabeledSpan, part: &str| label.label().is_some_and(|text| text.contains(part));
    // Of two places, the second is the one to change.
    let label = labels.iter().find(|label| says(label, "again") || says(label, "found")).or(labels.first());
    let at = |label: &LabeledSpan| Place::in_source(path, source, label.offset(), label.len());
    let mut message = problem.to_string().replace('\'', "`");
    let place = label.map(at).or_else(|| {
        // At the end of the file there is nothing to point at but the end.
        message.ends_with("end of file").then(|| Place::in_source(path, source, source.trim_end().len(), 1))
    });
    if let (None, false) = (&place, source.is_empty()) {
        message = format!("{}: {message}", path.display());
    }
    if let Some(cause) = problem.source() {
        message = format!("{message}: {cause}");
    }
    let first = labels.iter().find(|other| label.is_some_and(|label| label.offset() > other.offset()));
    let help = problem.help().map(|help| help.to_string().replace('\'', "`"));
    let help =
        help.or_else(|| first.map(|first| format!("change one of the two; the other is at {}", at(first))));
    let help = help.or_else(|| advice(&message, includes));
    Finding { message, place, help }
}

/// The types that are no messages.
const SCALARS: [&str; 15] = [
    "bool", "bytes", "double", "fixed32", "fixed64", "float", "int32", "int64", "sfixed32", "sfixed64",
    "sint32", "sint64", "string", "uint32", "uint64",
];

/// What to do, where protox leaves it open.
fn advice(message: &str, includes: &[PathBuf]) -> Option<String> {
    if message.contains("import `") && message.ends_with("not found") {
        let looked_in = listed(includes);
        return Some(format!(
            "name the folder that the import's path starts from; these were named: {looked_in}"
        ));
    }
    let scalar = message.strip_prefix("name `").and_then(|rest| rest.strip_suffix("` is not defined"));
    if scalar.is_some_and(|name| SCALARS.contains(&name)) {
        return Some("a method takes and returns messages: wrap the value in one".to_owned());
    }
    let advice = [
        ("is not defined", "define it in this file, or import the .proto that does"),
        ("expected ", "correct it here; what the parser met is marked"),
        ("import cycle", "move what both files need into a third one that imports neither"),
        ("is not a message type", "a method takes and returns messages: wrap the value in one"),
        ("not valid utf-8", "save it as UTF-8"),
    ];
    let (_, advice) = advice.iter().find(|(part, _)| message.contains(part))?;
    Some((*advice).to_owned())
}

/// Where the `edition` statement is, when a file opens with one.
fn edition(source: &str) -> Option<usize> {
    let mut rest = source.trim_start_matches('\u{feff}');
    loop {
        rest = rest.trim_start();
        rest = if rest.starts_with("//") {
            rest.find('\n').map_or("", |end| &rest[end..])
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or("", |end| &rest[end + 2..])
        } else {
            break;
        };
    }
    let after = rest.strip_prefix("edition")?;
    after.trim_start().starts_with('=').then(|| source.len() - rest.len())
}

fn listed(folders: &[PathBuf]) -> String {
    folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// The records of an encoded `FileDescriptorSet`, key and length included, by the name of their file.
fn files_of_a_set(mut set: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    while let Some(mut rest) = set.get(1..) {
        let Ok(length) = prost::decode_length_delimiter(&mut rest) else { break };
        let Some(file) = rest.get(..length) else { break };
        let Ok(descriptor) = FileDescriptorProto::decode(file) else { break };
        let (record, others) = set.split_at(set.len() - rest.len() + length);
        files.insert(descriptor.name().to_owned(), record.to_vec());
        set = others;
    }
    files
}
