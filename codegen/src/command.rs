//! The command line of `zrpc-gen`.

use crate::{Builder, Error};
use std::path::PathBuf;

/// What `zrpc-gen --help` says.
pub const HELP: &str = "\
Generates zRPC services and clients from .proto files.

    zrpc-gen --out FOLDER [--include FOLDER]... [OPTIONS] FILE...

    --out FOLDER           where the files go
    --include FOLDER       where imports are looked for; the files' own folders without it
    --no-server            no service traits and servers
    --no-client            no clients
    --no-tokio             no async code
    --no-blocking          no blocking code
    --bytes PATH           bytes fields at this path (`.` for all) are slices of what was received
    --extern PATH=RUST     use this Rust module or type for a package or message
    --rename SERVICE=NAME  call the trait of a service something else
    --crate PATH           where generated code finds zrpc, if not at ::zrpc
    --check                write nothing; fail and say so if a file is not as it would be generated
    --help                 this text
";

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// The files are written, or as they should be.
    Done,
    /// Help was asked for.
    Help,
    /// With `--check`: what is not as it would be generated.
    Stale(Vec<String>),
}

/// Runs `zrpc-gen` with these arguments, the program's name not among them.
///
/// # Errors
/// When the arguments make no sense, a .proto is missing or wrong, or a file cannot be written.
pub fn run(arguments: impl IntoIterator<Item = String>) -> Result<Outcome, Error> {
    let mut arguments = arguments.into_iter();
    let mut builder = Builder::new();
    let (mut files, mut includes, mut out, mut check) = (Vec::new(), Vec::new(), None, false);
    while let Some(argument) = arguments.next() {
        let mut value =
            || arguments.next().ok_or_else(|| misused(&format!("{argument} needs a value after it")));
        builder = match argument.as_str() {
            "--help" | "-h" => return Ok(Outcome::Help),
            "--out" => {
                out = Some(PathBuf::from(value()?));
                builder
            }
            "--include" => {
                includes.push(PathBuf::from(value()?));
                builder
            }
            "--check" => {
                check = true;
                builder
            }
            "--no-server" => builder.server(false),
            "--no-client" => builder.client(false),
            "--no-tokio" => builder.tokio(false),
            "--no-blocking" => builder.blocking(false),
            "--bytes" => builder.bytes([value()?]),
            "--crate" => builder.crate_path(value()?),
            "--extern" => {
                let (proto, rust) = pair(&argument, &value()?)?;
                builder.extern_path(proto, rust)
            }
            "--rename" => {
                let (service, name) = pair(&argument, &value()?)?;
                builder.rename_service(service, name)
            }
            option if option.starts_with('-') => {
                return Err(misused(&format!("there is no option {option}")));
            }
            file => {
                files.push(PathBuf::from(file));
                builder
            }
        };
    }
    let folder = out.ok_or_else(|| misused("--out FOLDER is missing"))?;
    let output = builder.generate(&files, &includes)?;
    if !check {
        output.write(&folder)?;
        return Ok(Outcome::Done);
    }
    let differences = output.differences(&folder)?;
    Ok(if differences.is_empty() { Outcome::Done } else { Outcome::Stale(differences) })
}

fn pair(option: &str, value: &str) -> Result<(String, String), Error> {
    let (left, right) =
        value.split_once('=').ok_or_else(|| misused(&format!("{option} {value} lacks an `=`")))?;
    Ok((left.to_owned(), right.to_owned()))
}

fn misused(message: &str) -> Error {
    Error::new(message, "zrpc-gen --help shows all options")
}
