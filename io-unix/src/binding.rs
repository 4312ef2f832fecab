//! Listening on a Unix socket: nobody connects before its mode and owner are set, and no file of anyone else is removed.
//!
//! ```text
//! bind in a folder of our own (0700) -> owner, mode -> listen -> move into place, if the name is free
//!                                                                  \- a socket that nobody serves goes first
//! ```

use crate::UnixAddress;
use crate::address::kernel_path;
use crate::folder::{Entry, Folder, Private, error};
use rustix::fs::{AtFlags, Gid, Mode, Uid, chmodat, chownat};
use rustix::io::Errno;
use rustix::net::SocketAddrUnix;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use zrpc_core::rpc::{Address, Endpoint};

/// Connections that may wait to be accepted; the system's own limit applies too.
const BACKLOG: i32 = 4096;
/// Who may connect unless the application says otherwise: this user.
const MODE: u32 = 0o600;

/// A Unix socket to listen on, and who may connect.
///
/// ```
/// use zrpc_unix::UnixBinding;
///
/// let socket = UnixBinding::at("/run/rooms/rooms.sock").mode(0o660).group(1000);
/// # let _ = socket;
/// ```
///
/// A socket that a server left behind is replaced. One that a server listens on, and anything that is no socket, is
/// left alone, and so is whatever somebody else puts in its place. When the server stops, the file is removed if it is
/// still the one that was made.
#[derive(Clone, Debug)]
pub struct UnixBinding {
    address: UnixAddress,
    mode: u32,
    owner: Option<u32>,
    group: Option<u32>,
}

/// A socket that listens.
#[derive(Debug)]
pub struct BoundUnix {
    /// What removes the socket when it is dropped. To be dropped before the listener, which keeps the file's number from
    /// being given to another.
    pub file: SocketFile,
    /// Where connections come from.
    pub listener: UnixListener,
}

/// The file of a socket that listens; dropping it removes the file. An abstract name has none.
#[derive(Debug)]
pub struct SocketFile {
    address: UnixAddress,
    place: Option<Place>,
}

#[derive(Debug)]
struct Place {
    folder: Folder,
    name: OsString,
    entry: Entry,
    /// A process that was forked off has this value too, and must leave the file alone.
    process: u32,
}

impl UnixBinding {
    /// A socket at a path, which only this user may connect to (mode 0600).
    #[must_use]
    pub fn at(path: impl AsRef<Path>) -> UnixBinding {
        UnixBinding::to(UnixAddress::path(path.as_ref()))
    }

    /// A socket with an abstract name. Every process of the network namespace may connect to it, whatever its user: look
    /// at [`Peer`](zrpc_core::rpc::Peer).
    #[must_use]
    pub fn abstract_name(name: impl Into<Vec<u8>>) -> UnixBinding {
        UnixBinding::to(UnixAddress::abstract_name(name))
    }

    /// A socket at an address.
    #[must_use]
    pub fn to(address: UnixAddress) -> UnixBinding {
        UnixBinding { address, mode: MODE, owner: None, group: None }
    }

    /// The socket of an endpoint; `None` when that is no Unix socket.
    #[must_use]
    pub fn of(endpoint: &Endpoint) -> Option<UnixBinding> {
        match endpoint.address() {
            Address::Tcp { .. } => None,
            address => UnixAddress::of(address).map(UnixBinding::to),
        }
    }

    /// Who may connect: the permission bits of the file, of which write is the one that counts. 0600 by default, whatever
    /// the umask says.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> UnixBinding {
        self.mode = mode & 0o777;
        self
    }

    /// The user that the file belongs to; only root may give it to another.
    #[must_use]
    pub fn owner(mut self, uid: u32) -> UnixBinding {
        self.owner = Some(uid);
        self
    }

    /// The group that the file belongs to: one of the process's own, unless it is root.
    #[must_use]
    pub fn group(mut self, gid: u32) -> UnixBinding {
        self.group = Some(gid);
        self
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> &UnixAddress {
        &self.address
    }

    /// Begins to listen.
    ///
    /// # Errors
    /// With the address and a sentence: the path is too long, its folder is missing or closed to us, a server listens
    /// there, or something that is no socket is there.
    pub fn bind(&self) -> io::Result<BoundUnix> {
        let bound = match &self.address {
            UnixAddress::Path(path) => self.bind_path(path),
            UnixAddress::Abstract(_) => self.bind_name(),
        };
        bound.map_err(|cause| {
            io::Error::new(cause.kind(), format!("cannot listen on {}: {cause}", self.address))
        })
    }

    fn bind_name(&self) -> io::Result<BoundUnix> {
        let socket = crate::connect::new_socket()?;
        match rustix::net::bind(&socket, &self.address.to_kernel()?) {
            Err(Errno::ADDRINUSE) => return Err(taken()),
            other => other?,
        }
        rustix::net::listen(&socket, BACKLOG)?;
        let file = SocketFile { address: self.address.clone(), place: None };
        Ok(BoundUnix { file, listener: UnixListener::from(socket) })
    }

    fn bind_path(&self, path: &Path) -> io::Result<BoundUnix> {
        // Clients have to reach it by this path.
        kernel_path(path)?;
        let (folder, name) = Folder::of(path)?;
        let lock = folder.lock();
        clear(&folder, &name)?;
        let private = folder.private()?;
        let (socket, entry) = self.listen_in(&private, &name)?;
        let placed = private.put_out(&name);
        if placed.is_err() {
            let _ = rustix::fs::unlinkat(&private.fd, &name, AtFlags::empty());
        }
        drop(private);
        drop(lock);
        match placed {
            Ok(()) => {}
            Err(Errno::EXIST) => return Err(taken_meanwhile()),
            Err(errno) => return Err(errno.into()),
        }
        let place = Place { folder, name, entry, process: std::process::id() };
        let file = SocketFile { address: self.address.clone(), place: Some(place) };
        Ok(BoundUnix { file, listener: UnixListener::from(socket) })
    }

    /// A socket that listens where nobody else can look, with its owner and mode set before it does.
    fn listen_in(&self, private: &Private<'_>, name: &OsStr) -> io::Result<(OwnedFd, Entry)> {
        let socket = crate::connect::new_socket()?;
        rustix::net::bind(&socket, &kernel_path(&private.path_of(name))?)?;
        if self.owner.is_some() || self.group.is_some() {
            let (owner, group) = (self.owner.map(Uid::from_raw), self.group.map(Gid::from_raw));
            chownat(&private.fd, name, owner, group, AtFlags::SYMLINK_NOFOLLOW).map_err(|errno| {
                let text = "not permitted to give the socket to this owner and group; root may, and a user may give it to \
                            the groups that it is in";
                error(io::Error::from(errno).kind(), text)
            })?;
        }
        chmodat(&private.fd, name, Mode::from_raw_mode(self.mode as _), AtFlags::empty())?;
        let as_asked = |entry: &Entry| entry.is_socket && entry.permissions == self.mode;
        let Some(entry) = private.entry(name)?.filter(as_asked) else {
            return Err(error(io::ErrorKind::Other, "the file system did not keep the socket's permissions"));
        };
        rustix::net::listen(&socket, BACKLOG)?;
        Ok((socket, entry))
    }
}

/// Makes room for the socket: what a server left behind goes, anything else stays and is the error.
fn clear(folder: &Folder, name: &OsStr) -> io::Result<()> {
    /// Others may put things there as fast as they are looked at.
    const LOOKS: usize = 3;
    for _ in 0..LOOKS {
        let Some(found) = folder.entry(name)? else { return Ok(()) };
        if !found.is_socket {
            let text =
                "a file that is no socket is there, and is left alone; move it away or choose another path";
            return Err(error(io::ErrorKind::AlreadyExists, text));
        }
        match knock(&folder.short_path(name)) {
            // Asked again where nobody can exchange it: the file could be another server's by now, even under this number.
            Err(Errno::CONNREFUSED) => folder
                .private()?
                .remove_outside(name, found, |path| knock(path) == Err(Errno::CONNREFUSED))?,
            Err(Errno::NOENT) => {}
            Ok(()) | Err(Errno::AGAIN) => return Err(taken()),
            Err(Errno::ACCESS | Errno::PERM) => {
                let text =
                    "a socket is there that we may not connect to, so nobody can say whether it is in use";
                return Err(error(io::ErrorKind::PermissionDenied, text));
            }
            Err(_) => {
                let text = "a socket of another kind is there, and is left alone; choose another path";
                return Err(error(io::ErrorKind::AlreadyExists, text));
            }
        }
    }
    Err(taken_meanwhile())
}

/// Whether somebody answers at the door of a socket.
fn knock(path: &Path) -> Result<(), Errno> {
    let address = SocketAddrUnix::new(path)?;
    let probe = crate::connect::new_socket().map_err(|_| Errno::MFILE)?;
    rustix::io::ioctl_fionbio(&probe, true)?;
    rustix::net::connect(&probe, &address)
}

fn taken() -> io::Error {
    error(io::ErrorKind::AddrInUse, "a server listens there already; stop it or choose another address")
}

fn taken_meanwhile() -> io::Error {
    error(io::ErrorKind::AddrInUse, "something else took the path at the same time; it is left alone")
}

impl SocketFile {
    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> &UnixAddress {
        &self.address
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let Some(Place { folder, name, entry, process }) = self.place.take() else { return };
        if process != std::process::id() {
            return;
        }
        let _lock = folder.lock();
        // A file that cannot be removed is found stale by the next server.
        let _ = folder.private().and_then(|private| private.remove_outside(&name, entry, |_| true));
    }
}
