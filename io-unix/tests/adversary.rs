//! Servers start and stop at a path at which somebody else puts and takes files as fast as they can: nothing of theirs is
//! removed, and no socket is ever open to more than was asked for. `ZRPC_ADVERSARY_ROUNDS=1000` for more than a look.
#![cfg(target_os = "linux")]

use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use zrpc_core::base::Entropy;
use zrpc_unix::UnixBinding;

/// Servers that start, unless the environment says how many.
const ROUNDS: usize = 60;

/// Where the race is, and where the adversary keeps what it took away.
struct Scene {
    root: PathBuf,
    path: PathBuf,
    foreign: PathBuf,
    vault: PathBuf,
}

/// What the adversary did and saw.
#[derive(Default)]
struct Deeds {
    links: u64,
    symlinks: u64,
    sockets: u64,
    sockets_lost: u64,
    taken: u64,
    /// How often a socket was at the path.
    seen: u64,
    /// Permissions beyond those that were set that any of them had.
    widest: u32,
}

impl Scene {
    fn new() -> Scene {
        let root = std::env::temp_dir().join(format!("zrpc-adversary-{}", std::process::id()));
        let (folder, vault) = (root.join("run"), root.join("vault"));
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir(&vault).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let foreign = root.join("foreign");
        fs::write(&foreign, "precious").unwrap();
        Scene { path: folder.join("a.sock"), root, foreign, vault }
    }

    /// Puts things at the path when it is free, and takes away whatever is there: never replacing, so that whatever is
    /// missing in the end was removed by the servers.
    fn meddle(&self, over: &AtomicBool) -> Deeds {
        let mut deeds = Deeds::default();
        let mut dice = Entropy::from_seed(1);
        while !over.load(Ordering::Relaxed) {
            self.watch(&mut deeds);
            match dice.below(16) {
                0 => deeds.symlinks += u64::from(symlink(&self.foreign, &self.path).is_ok()),
                1 => deeds.links += u64::from(fs::hard_link(&self.foreign, &self.path).is_ok()),
                2 => self.serve_there(&mut deeds),
                3..9 => deeds.taken += self.take(deeds.taken),
                _ => std::thread::yield_now(),
            }
        }
        deeds
    }

    fn take(&self, number: u64) -> u64 {
        u64::from(fs::rename(&self.path, self.vault.join(number.to_string())).is_ok())
    }

    /// Puts a live server of somebody else at the path, whole, and takes it away again.
    fn serve_there(&self, deeds: &mut Deeds) {
        let mine = self.root.join("mine");
        let listener = UnixListener::bind(&mine).unwrap();
        fs::set_permissions(&mine, fs::Permissions::from_mode(0o600)).unwrap();
        // A second link, which tells whether the first was removed.
        let witness = self.root.join("witness");
        fs::hard_link(&mine, &witness).unwrap();
        if renameat_with(CWD, &mine, CWD, &self.path, RenameFlags::NOREPLACE).is_ok() {
            deeds.sockets += 1;
            std::thread::yield_now();
            deeds.taken += self.take(deeds.taken);
            deeds.sockets_lost += u64::from(fs::symlink_metadata(&witness).unwrap().nlink() < 2);
        } else {
            fs::remove_file(&mine).unwrap();
        }
        fs::remove_file(&witness).unwrap();
        drop(listener);
    }

    fn watch(&self, deeds: &mut Deeds) {
        if let Ok(seen) = fs::symlink_metadata(&self.path)
            && seen.file_type().is_socket()
        {
            deeds.seen += 1;
            deeds.widest |= seen.permissions().mode() & 0o777 & !0o600;
        }
    }

    fn count(&self, is: impl Fn(&Path) -> bool) -> u64 {
        let inside = |folder: &Path| {
            fs::read_dir(folder).unwrap().filter(|entry| is(&entry.as_ref().unwrap().path())).count() as u64
        };
        inside(&self.vault) + inside(self.path.parent().unwrap())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

#[test]
fn nothing_foreign_is_removed_and_no_mode_is_wider_than_set() {
    // Whatever does not set its mode is open to everyone.
    rustix::process::umask(rustix::fs::Mode::empty());
    let scene = Scene::new();
    let over = AtomicBool::new(false);
    let rounds = std::env::var("ZRPC_ADVERSARY_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let (mut started, mut refused) = (0, 0);
    let deeds = std::thread::scope(|scope| {
        let adversary = scope.spawn(|| scene.meddle(&over));
        while started < rounds && refused < 100 * rounds {
            match UnixBinding::at(&scene.path).bind() {
                Ok(bound) => {
                    started += 1;
                    drop(bound);
                }
                Err(error) => {
                    assert!(error.to_string().starts_with("cannot listen on "), "{error}");
                    refused += 1;
                    // Most rounds are to meet the adversary on its way, not what it left lying there.
                    while fs::symlink_metadata(&scene.path).is_ok() {
                        std::thread::yield_now();
                    }
                }
            }
        }
        over.store(true, Ordering::Relaxed);
        adversary.join().unwrap()
    });
    println!(
        "{started} started, {refused} refused; put there: {} links, {} symlinks, {} live sockets; {} taken away, sockets seen {} times",
        deeds.links, deeds.symlinks, deeds.sockets, deeds.taken, deeds.seen
    );
    assert_eq!(started, rounds);
    assert_eq!(fs::read_to_string(&scene.foreign).unwrap(), "precious");
    assert_eq!(fs::metadata(&scene.foreign).unwrap().nlink(), 1 + deeds.links, "a foreign link was removed");
    let symlinks = scene.count(|path| fs::symlink_metadata(path).unwrap().file_type().is_symlink());
    assert_eq!(symlinks, deeds.symlinks, "a foreign symlink was removed");
    assert_eq!(deeds.sockets_lost, 0, "the socket of a live server was removed");
    assert_eq!(deeds.widest, 0, "a socket was open to more than its owner: {:o}", deeds.widest);
}
