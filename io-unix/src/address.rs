//! Where a Unix socket is: a path in the file system, or a name in Linux's abstract namespace.

use rustix::net::SocketAddrUnix;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What fits into the kernel's `sockaddr_un`, with the zero byte after it: 108 on Linux, 104 on BSD and macOS.
const SPACE: usize = if cfg!(target_os = "linux") || cfg!(target_os = "android") { 108 } else { 104 };

/// The address of a Unix socket.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum UnixAddress {
    /// In the file system.
    Path(PathBuf),
    /// In the abstract namespace, which Linux has: no file, no permissions, gone with its last holder.
    Abstract(Vec<u8>),
}

impl UnixAddress {
    /// The socket at a path.
    #[must_use]
    pub fn path(path: impl Into<PathBuf>) -> UnixAddress {
        UnixAddress::Path(path.into())
    }

    /// The socket with an abstract name.
    #[must_use]
    pub fn abstract_name(name: impl Into<Vec<u8>>) -> UnixAddress {
        UnixAddress::Abstract(name.into())
    }

    /// The address of an endpoint, if that is a Unix socket.
    #[must_use]
    pub fn of(address: &zrpc_core::rpc::Address) -> Option<UnixAddress> {
        match address {
            zrpc_core::rpc::Address::UnixPath(path) => Some(UnixAddress::path(path)),
            zrpc_core::rpc::Address::UnixAbstract(name) => Some(UnixAddress::abstract_name(name.as_bytes())),
            _ => None,
        }
    }

    /// The kernel's form.
    ///
    /// # Errors
    /// When it is too long, or the system has no abstract names.
    pub(crate) fn to_kernel(&self) -> io::Result<SocketAddrUnix> {
        match self {
            UnixAddress::Path(path) => kernel_path(path),
            UnixAddress::Abstract(name) => kernel_name(name),
        }
    }
}

pub(crate) fn kernel_path(path: &Path) -> io::Result<SocketAddrUnix> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.len() >= SPACE {
        return Err(too_long(
            "path",
            bytes.len(),
            "use a shorter folder, or a path relative to the working folder",
        ));
    }
    Ok(SocketAddrUnix::new(bytes)?)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn kernel_name(name: &[u8]) -> io::Result<SocketAddrUnix> {
    if name.len() >= SPACE {
        return Err(too_long("name", name.len(), "use a shorter one"));
    }
    Ok(SocketAddrUnix::new_abstract_name(name)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn kernel_name(_: &[u8]) -> io::Result<SocketAddrUnix> {
    let text = "abstract names of sockets exist on Linux only; use a path";
    Err(io::Error::new(io::ErrorKind::Unsupported, text))
}

fn too_long(what: &str, len: usize, advice: &str) -> io::Error {
    let most = SPACE - 1;
    let text = format!("the socket's {what} has {len} bytes and the system takes {most} at most; {advice}");
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

impl fmt::Display for UnixAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnixAddress::Path(path) if path.is_absolute() => write!(f, "unix://{}", path.display()),
            UnixAddress::Path(path) => write!(f, "unix:{}", path.display()),
            UnixAddress::Abstract(name) => write!(f, "unix-abstract:{}", name.escape_ascii()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_too_long_says_how_long_it_may_be() {
        let longest = UnixAddress::path("a".repeat(SPACE - 1));
        assert!(longest.to_kernel().is_ok());
        let error = UnixAddress::path("a".repeat(SPACE)).to_kernel().unwrap_err().to_string();
        assert!(
            error.contains(&format!("has {SPACE} bytes and the system takes {} at most", SPACE - 1)),
            "{error}"
        );
    }

    #[test]
    fn an_address_reads_like_the_uri_that_names_it() {
        assert_eq!(UnixAddress::path("/run/a").to_string(), "unix:///run/a");
        assert_eq!(UnixAddress::path("a").to_string(), "unix:a");
        assert_eq!(UnixAddress::abstract_name(*b"a\xff").to_string(), "unix-abstract:a\\xff");
    }
}
