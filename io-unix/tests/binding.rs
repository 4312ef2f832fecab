//! What happens at a socket's path: who may connect, what is replaced, what is left alone, what is said.
#![cfg(unix)]

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use zrpc_unix::{BoundUnix, UnixAddress, UnixBinding, connect, peer_of};

/// A folder of this test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("zrpc-unix-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn refused(path: &Path) -> (ErrorKind, String) {
    let error = UnixBinding::at(path).bind().unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with(&format!("cannot listen on unix://{}: ", path.display())), "{text}");
    (error.kind(), text)
}

/// Leaves a socket behind whose server is gone.
fn leave_stale(path: &Path) {
    drop(UnixListener::bind(path).unwrap());
}

#[test]
fn a_socket_has_its_mode_takes_connections_and_goes_with_its_server() {
    let folder = Folder::new();
    let path = folder.at("a.sock");
    for mode in [0o600, 0o660, 0o666] {
        let BoundUnix { file, listener } = UnixBinding::at(&path).mode(mode).bind().unwrap();
        assert_eq!(folder.names(), ["a.sock"]);
        assert_eq!(fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o7777, mode);
        let mut client = connect(file.address(), Duration::from_secs(5)).unwrap();
        let (mut served, _) = listener.accept().unwrap();
        client.write_all(b"x").unwrap();
        served.read_exact(&mut [0]).unwrap();
        drop(file);
        assert!(folder.names().is_empty());
    }
}

#[test]
fn a_socket_is_given_to_the_group_that_was_named() {
    let folder = Folder::new();
    let path = folder.at("a.sock");
    let mine = fs::metadata(&folder.0).unwrap();
    let bound = UnixBinding::at(&path).owner(mine.uid()).group(mine.gid()).mode(0o660).bind().unwrap();
    let made = fs::symlink_metadata(&path).unwrap();
    assert_eq!((made.uid(), made.gid()), (mine.uid(), mine.gid()));
    drop(bound);
}

#[test]
fn a_socket_that_a_server_left_behind_is_replaced() {
    let folder = Folder::new();
    let path = folder.at("a.sock");
    leave_stale(&path);
    let bound = UnixBinding::at(&path).bind().unwrap();
    UnixStream::connect(&path).unwrap();
    drop(bound);
    assert!(folder.names().is_empty());
}

#[test]
fn a_live_server_keeps_its_socket() {
    let folder = Folder::new();
    let path = folder.at("a.sock");
    let first = UnixBinding::at(&path).bind().unwrap();
    let (kind, text) = refused(&path);
    assert_eq!(kind, ErrorKind::AddrInUse);
    assert!(text.contains("a server listens there already"), "{text}");
    UnixStream::connect(&path).unwrap();
    drop(first);
}

#[test]
fn what_is_no_stream_socket_is_left_alone() {
    let folder = Folder::new();
    let target = folder.at("target.sock");
    leave_stale(&target);
    let cases = [
        ("file", "is no socket"),
        ("folder", "is no socket"),
        ("link", "is no socket"),
        ("dangling", "is no socket"),
        ("datagrams", "socket of another kind"),
    ];
    fs::write(folder.at("file"), "precious").unwrap();
    fs::create_dir(folder.at("folder")).unwrap();
    symlink(&target, folder.at("link")).unwrap();
    symlink(folder.at("nothing"), folder.at("dangling")).unwrap();
    let _datagrams = UnixDatagram::bind(folder.at("datagrams")).unwrap();
    let before = folder.names();
    for (name, reason) in cases {
        let (kind, text) = refused(&folder.at(name));
        assert_eq!(kind, ErrorKind::AlreadyExists, "{name}");
        assert!(text.contains(reason) && text.contains("left alone"), "{text}");
    }
    assert_eq!(folder.names(), before);
}

#[test]
fn a_path_that_cannot_be_says_why() {
    let folder = Folder::new();
    let (_, text) = refused(&folder.at("missing/a.sock"));
    assert!(text.contains("missing does not exist; create it first"), "{text}");
    fs::write(folder.at("file"), "").unwrap();
    let (_, text) = refused(&folder.at("file/a.sock"));
    assert!(text.contains("file is no folder"), "{text}");
    let (_, text) = refused(&folder.at(&"n".repeat(108)));
    assert!(text.contains("bytes and the system takes 10"), "{text}");
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o777)).unwrap();
    let (kind, text) = refused(&folder.at("a.sock"));
    assert_eq!(kind, ErrorKind::PermissionDenied);
    assert!(text.contains("everyone may replace files in its folder"), "{text}");
}

#[test]
fn a_folder_that_we_may_not_write_to_says_so() {
    let folder = Folder::new();
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o555)).unwrap();
    match UnixBinding::at(folder.at("a.sock")).bind() {
        // Root may.
        Ok(bound) => drop(bound),
        Err(error) => {
            assert!(error.to_string().contains("not permitted to create files in the folder"), "{error}")
        }
    }
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_path_relative_to_the_working_folder_works() {
    let name = format!("zrpc-relative-{}.sock", std::process::id());
    let bound = UnixBinding::at(&name).bind().unwrap();
    UnixStream::connect(&name).unwrap();
    drop(bound);
    assert!(!Path::new(&name).exists());
}

#[test]
fn the_longest_path_works_though_the_private_folder_makes_it_longer() {
    let folder = Folder::new();
    let room = if cfg!(target_os = "linux") { 107 } else { 103 } - folder.0.as_os_str().len() - 1;
    let path = folder.at(&"n".repeat(room));
    if cfg!(target_os = "linux") {
        leave_stale(&path);
        let bound = UnixBinding::at(&path).bind().unwrap();
        UnixStream::connect(&path).unwrap();
        drop(bound);
        assert!(folder.names().is_empty());
    }
}

#[test]
fn a_socket_that_is_not_ours_any_more_is_not_removed() {
    let folder = Folder::new();
    let path = folder.at("a.sock");
    let bound = UnixBinding::at(&path).bind().unwrap();
    fs::remove_file(&path).unwrap();
    let other = UnixListener::bind(&path).unwrap();
    drop(bound);
    UnixStream::connect(&path).unwrap();
    drop(other);

    fs::remove_file(&path).unwrap();
    let bound = UnixBinding::at(&path).bind().unwrap();
    let elsewhere = folder.at("moved.sock");
    fs::rename(&path, &elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    drop(bound);
    assert_eq!(folder.names(), ["a.sock", "moved.sock"]);
}

#[test]
#[cfg(target_os = "linux")]
fn an_abstract_name_has_no_file_and_one_server() {
    let name = format!("zrpc-abstract-{}", std::process::id());
    let bound = UnixBinding::abstract_name(name.as_str()).bind().unwrap();
    let address = UnixAddress::abstract_name(name.as_str());
    let client = connect(&address, Duration::from_secs(5)).unwrap();
    assert_eq!(peer_of(&client).credentials().unwrap().pid, Some(std::process::id()));
    let error = UnixBinding::to(address.clone()).bind().unwrap_err().to_string();
    assert!(error.contains("a server listens there already"), "{error}");
    drop(bound);
    let error = connect(&address, Duration::from_secs(5)).unwrap_err().to_string();
    assert!(error.contains("is the server running?"), "{error}");
}
