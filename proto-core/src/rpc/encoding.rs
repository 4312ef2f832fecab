//! The message encodings of gRPC by name. What can be read and written depends on the features built in.

/// A message compression, as `grpc-encoding` names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Encoding {
    /// `gzip`, RFC 1952.
    Gzip,
    /// `deflate`: the zlib format, RFC 1950.
    Deflate,
    /// `zstd`, RFC 8878.
    Zstd,
}

impl Encoding {
    /// All encodings that have a name, built in or not.
    pub const ALL: &'static [Encoding] = &[Encoding::Gzip, Encoding::Deflate, Encoding::Zstd];

    /// The name in `grpc-encoding`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Encoding::Gzip => "gzip",
            Encoding::Deflate => "deflate",
            Encoding::Zstd => "zstd",
        }
    }

    /// The encoding with this name.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Encoding> {
        Encoding::ALL.iter().copied().find(|encoding| encoding.name().as_bytes() == name)
    }

    /// Whether this build can read and write it.
    #[must_use]
    pub const fn is_built_in(self) -> bool {
        match self {
            Encoding::Gzip | Encoding::Deflate => cfg!(feature = "gzip"),
            Encoding::Zstd => cfg!(feature = "zstd"),
        }
    }
}
