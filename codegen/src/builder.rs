//! What a build script says: which parts to generate, how, and where to.

use crate::error::Error;
use crate::generate::{Options, generate};
use crate::output::Output;
use crate::schema::Schema;
use std::path::{Path, PathBuf};

/// What to generate, and where to.
///
/// ```no_run
/// # fn main() -> Result<(), zrpc_build::Error> {
/// zrpc_build::Builder::new()
///     .blocking(false)
///     .bytes(["."])
///     .compile(&["proto/chat.proto"], &["proto"])
/// # }
/// ```
#[must_use = "nothing is generated before `compile` is called"]
pub struct Builder {
    options: Options,
    out_dir: Option<PathBuf>,
    messages: prost_build::Config,
}

impl Default for Builder {
    fn default() -> Builder {
        Builder::new()
    }
}

impl Builder {
    /// Services and clients for both drivers, into the build script's `OUT_DIR`.
    pub fn new() -> Builder {
        Builder { options: Options::default(), out_dir: None, messages: prost_build::Config::new() }
    }

    /// Writes into `folder` instead of `OUT_DIR`: for code that is checked in.
    pub fn out_dir(mut self, folder: impl Into<PathBuf>) -> Builder {
        self.out_dir = Some(folder.into());
        self
    }

    /// Whether to generate service traits and servers; they are, unless told otherwise.
    pub fn server(mut self, wanted: bool) -> Builder {
        self.options.parts.server = wanted;
        self
    }

    /// Whether to generate clients; they are, unless told otherwise.
    pub fn client(mut self, wanted: bool) -> Builder {
        self.options.parts.client = wanted;
        self
    }

    /// Whether to generate async code, which needs the feature `tokio` of `zrpc`; it is, unless told otherwise.
    pub fn tokio(mut self, wanted: bool) -> Builder {
        self.options.parts.tokio = wanted;
        self
    }

    /// Whether to generate blocking code, which needs the feature `std` of `zrpc`; it is, unless told otherwise.
    pub fn blocking(mut self, wanted: bool) -> Builder {
        self.options.parts.blocking = wanted;
        self
    }

    /// Makes `bytes` fields at these paths slices of what was received (`Bytes`) instead of copies (`Vec<u8>`).
    /// `"."` means all, `".package.Message"` those of a message, `".package.Message.field"` one.
    pub fn bytes<P: AsRef<str>>(mut self, paths: impl IntoIterator<Item = P>) -> Builder {
        self.messages.bytes(paths);
        self
    }

    /// Uses the Rust module or type `rust` for the package or message `.proto` instead of generating it.
    pub fn extern_path(mut self, proto: impl Into<String>, rust: impl Into<String>) -> Builder {
        self.messages.extern_path(proto, rust);
        self
    }

    /// Puts an attribute on the messages and enums at a path, for instance
    /// `#[derive(serde::Serialize)]` on `"."`.
    pub fn type_attribute(mut self, path: impl AsRef<str>, attribute: impl AsRef<str>) -> Builder {
        self.messages.type_attribute(path, attribute);
        self
    }

    /// Puts an attribute on the fields at a path.
    pub fn field_attribute(mut self, path: impl AsRef<str>, attribute: impl AsRef<str>) -> Builder {
        self.messages.field_attribute(path, attribute);
        self
    }

    /// Calls the trait of the service `package.Service` something else, and its server and client after it.
    pub fn rename_service(mut self, service: impl Into<String>, name: impl Into<String>) -> Builder {
        self.options.renamed.insert(service.into(), name.into());
        self
    }

    /// Where generated code finds the crate `zrpc`, when not at `::zrpc`.
    pub fn crate_path(mut self, path: impl Into<String>) -> Builder {
        self.options.facade = path.into();
        self
    }

    /// Changes how messages are generated, by prost-build's own options. Where files go, how they look and what
    /// comments become is decided here, so options about these have no effect.
    pub fn messages(mut self, configure: impl FnOnce(&mut prost_build::Config)) -> Builder {
        configure(&mut self.messages);
        self
    }

    /// Generates the code of `protos` and of what they import, which is looked for in `includes`; without any, in the
    /// folders of `protos`. In a build script, also tells cargo which files to watch.
    ///
    /// # Errors
    /// When a .proto is missing or wrong, or a file cannot be written; see [`Error`].
    pub fn compile<P: AsRef<Path>, I: AsRef<Path>>(self, protos: &[P], includes: &[I]) -> Result<(), Error> {
        let folder = match self.out_dir.clone().or_else(|| std::env::var_os("OUT_DIR").map(PathBuf::from)) {
            Some(folder) => folder,
            None => {
                let help = "call this from a build script, where cargo sets OUT_DIR, or say `.out_dir(…)`";
                return Err(Error::new("there is no folder to write to", help));
            }
        };
        let output = self.generate(protos, includes)?;
        output.tell_cargo();
        output.write(&folder)
    }

    /// The same without writing anything: to look at the files, or to compare them with those on disk.
    ///
    /// # Errors
    /// When a .proto is missing or wrong; see [`Error`].
    pub fn generate<P: AsRef<Path>, I: AsRef<Path>>(
        self,
        protos: &[P],
        includes: &[I],
    ) -> Result<Output, Error> {
        let schema = Schema::open(&owned(protos), &owned(includes))?;
        generate(&schema, self.options, self.messages)
    }
}

fn owned<P: AsRef<Path>>(paths: &[P]) -> Vec<PathBuf> {
    paths.iter().map(|path| path.as_ref().to_owned()).collect()
}
