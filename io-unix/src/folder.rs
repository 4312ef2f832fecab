//! The folder of a socket file. Everything here happens relative to the folder as it was opened once, and nothing is
//! removed by a name that others could give to something else meanwhile: it is first taken into a folder that nobody
//! else may enter, looked at there, and given back when it is not what was to go.

use rustix::fs::{AtFlags, CWD, FileType, FlockOperation, Mode, OFlags};
use rustix::fs::{chmodat, flock, linkat, mkdirat, openat, renameat, statat, unlinkat};
use rustix::io::Errno;
use std::collections::hash_map::RandomState;
use std::ffi::{OsStr, OsString};
use std::hash::BuildHasher;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long two servers that start in one folder wait for each other. Who holds the folder for longer does something
/// else with it, and is not waited for: the lock keeps windows shut, it is not what makes removal safe.
const LOCK_LONGEST: Duration = Duration::from_secs(1);
const LOCK_LOOK_AGAIN: Duration = Duration::from_millis(2);

/// An entry of a folder: which file it is, of what kind and with which permissions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    device: u64,
    inode: u64,
    pub(crate) is_socket: bool,
    pub(crate) permissions: u32,
}

/// A folder, held open.
#[derive(Debug)]
pub(crate) struct Folder {
    fd: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// Opens the folder of `path`, and says what `path` is called in it.
    ///
    /// # Errors
    /// When there is no such folder, or anyone could replace what is in it.
    pub(crate) fn of(path: &Path) -> io::Result<(Folder, OsString)> {
        let name = path.file_name().ok_or_else(|| error(io::ErrorKind::InvalidInput, "it names no file"))?;
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let fd = open_folder(folder).map_err(|errno| {
            let (shown, kind) = (folder.display(), io::Error::from(errno).kind());
            match errno {
                Errno::NOENT => error(kind, &format!("its folder {shown} does not exist; create it first")),
                Errno::NOTDIR => error(kind, &format!("{shown} is no folder")),
                Errno::ACCESS => error(kind, &format!("not permitted to enter the folder {shown}")),
                other => other.into(),
            }
        })?;
        let mode = rustix::fs::fstat(&fd)?.st_mode;
        // Others may write and the sticky bit does not keep them from replacing what is not theirs.
        if mode & 0o1002 == 0o0002 {
            let text = format!(
                "everyone may replace files in its folder {}; take that permission away (chmod o-w) or set the sticky bit",
                folder.display()
            );
            return Err(error(io::ErrorKind::PermissionDenied, &text));
        }
        Ok((Folder { fd, path: folder.to_owned() }, name.to_owned()))
    }

    /// Keeps other servers that start or stop in this folder waiting, until what this returns is dropped.
    pub(crate) fn lock(&self) -> Locked<'_> {
        let end = Instant::now() + LOCK_LONGEST;
        while flock(&self.fd, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK)
            && Instant::now() < end
        {
            std::thread::sleep(LOCK_LOOK_AGAIN);
        }
        Locked(self)
    }

    /// What has this name, if anything; a symbolic link is not followed.
    pub(crate) fn entry(&self, name: &OsStr) -> io::Result<Option<Entry>> {
        entry(&self.fd, name)
    }

    /// A path to what has this name, which is short on Linux whatever the folder is called.
    pub(crate) fn short_path(&self, name: &OsStr) -> PathBuf {
        short_path(&self.fd, &self.path, name)
    }

    /// A new folder in this one that only this user may enter; it goes when it is dropped.
    pub(crate) fn private(&self) -> io::Result<Private<'_>> {
        let name = OsString::from(format!(".{:08x}", RandomState::new().hash_one(()) as u32));
        mkdirat(&self.fd, &name, Mode::RWXU).map_err(|errno| match errno {
            Errno::ACCESS | Errno::PERM | Errno::ROFS => error(
                io::Error::from(errno).kind(),
                &format!("not permitted to create files in the folder {}", self.path.display()),
            ),
            other => other.into(),
        })?;
        // A umask may have taken away what the owner needs.
        chmodat(&self.fd, &name, Mode::RWXU, AtFlags::empty())?;
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat(&self.fd, &name, flags, Mode::empty())?;
        let stat = rustix::fs::fstat(&fd)?;
        if stat.st_uid != rustix::process::geteuid().as_raw() || stat.st_mode & 0o077 != 0 {
            return Err(error(io::ErrorKind::PermissionDenied, "somebody else meddles with its folder"));
        }
        Ok(Private { fd, name, outer: self })
    }
}

/// The folder's lock, until it is dropped.
pub(crate) struct Locked<'a>(&'a Folder);

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let _ = flock(&self.0.fd, FlockOperation::NonBlockingUnlock);
    }
}

/// See [`Folder::private`].
pub(crate) struct Private<'a> {
    pub(crate) fd: OwnedFd,
    name: OsString,
    outer: &'a Folder,
}

impl Private<'_> {
    /// The path under which a socket is bound here. `ss` and the like show it for ever, so it is the readable one where
    /// that fits.
    pub(crate) fn path_of(&self, name: &OsStr) -> PathBuf {
        let readable = self.outer.path.join(&self.name).join(name);
        if crate::address::kernel_path(&readable).is_ok() {
            return readable;
        }
        short_path(&self.fd, &self.outer.path.join(&self.name), name)
    }

    pub(crate) fn entry(&self, name: &OsStr) -> io::Result<Option<Entry>> {
        entry(&self.fd, name)
    }

    /// Puts what is here into the outer folder under the same name, unless something has that name there.
    pub(crate) fn put_out(&self, name: &OsStr) -> Result<(), Errno> {
        // A link does what rename would, and never replaces anything.
        linkat(&self.fd, name, &self.outer.fd, name, AtFlags::empty())?;
        unlinkat(&self.fd, name, AtFlags::empty())
    }

    /// Removes `name` from the outer folder if it is `wanted` and `may_go` says so of where it then is. Whatever else has
    /// the name by now is left as it is.
    pub(crate) fn remove_outside(
        &self,
        name: &OsStr,
        wanted: Entry,
        may_go: impl FnOnce(&Path) -> bool,
    ) -> io::Result<()> {
        if self.outer.entry(name)? != Some(wanted) {
            return Ok(());
        }
        let taken = OsStr::new("taken");
        match renameat(&self.outer.fd, name, &self.fd, taken) {
            Ok(()) => {}
            Err(Errno::NOENT) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
        if self.entry(taken)? == Some(wanted) && may_go(&self.path_of(taken)) {
            return Ok(unlinkat(&self.fd, taken, AtFlags::empty())?);
        }
        self.give_back(taken, name)
    }

    /// Returns what was taken by mistake: under its name, or beside it when that is taken again.
    fn give_back(&self, taken: &OsStr, name: &OsStr) -> io::Result<()> {
        if linkat(&self.fd, taken, &self.outer.fd, name, AtFlags::empty()).is_ok() {
            return Ok(unlinkat(&self.fd, taken, AtFlags::empty())?);
        }
        if rename_no_replace(&self.fd, taken, &self.outer.fd, name).is_ok() {
            return Ok(());
        }
        let mut beside = name.to_owned();
        beside.push(format!(".displaced-{:016x}", RandomState::new().hash_one(())));
        Ok(renameat(&self.fd, taken, &self.outer.fd, &beside)?)
    }
}

impl Drop for Private<'_> {
    fn drop(&mut self) {
        // Fails when something is left inside, which is then not ours to remove.
        let _ = unlinkat(&self.outer.fd, &self.name, AtFlags::REMOVEDIR);
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn rename_no_replace(from: &OwnedFd, old: &OsStr, to: &OwnedFd, new: &OsStr) -> Result<(), Errno> {
    rustix::fs::renameat_with(from, old, to, new, rustix::fs::RenameFlags::NOREPLACE)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn rename_no_replace(_: &OwnedFd, _: &OsStr, _: &OwnedFd, _: &OsStr) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}

/// For reading where that is permitted, since only such a folder can be locked.
fn open_folder(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    match openat(CWD, path, flags, Mode::empty()) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        Err(Errno::ACCESS) => openat(CWD, path, flags | OFlags::PATH, Mode::empty()),
        opened => opened,
    }
}

#[allow(clippy::unnecessary_cast, reason = "systems differ in how wide these are")]
fn entry(folder: &OwnedFd, name: &OsStr) -> io::Result<Option<Entry>> {
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(Entry {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            is_socket: FileType::from_raw_mode(stat.st_mode) == FileType::Socket,
            permissions: stat.st_mode as u32 & 0o777,
        })),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn short_path(folder: &OwnedFd, readable: &Path, name: &OsStr) -> PathBuf {
    let by_descriptor = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
    // Not every container has /proc.
    if by_descriptor.exists() { by_descriptor.join(name) } else { readable.join(name) }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn short_path(_: &OwnedFd, readable: &Path, name: &OsStr) -> PathBuf {
    readable.join(name)
}

pub(crate) fn error(kind: io::ErrorKind, text: &str) -> io::Error {
    io::Error::new(kind, text)
}
