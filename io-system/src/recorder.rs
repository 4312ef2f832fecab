//! Where the recordings of connections go: files of a folder, or a ring in memory that is handed over when its connection
//! ends. What a recording is, and how it is replayed, says [`zrpc_core::recorder`].

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use zrpc_core::recorder::{Header, Redaction, Ring, Sink, Tape};

/// Files that a folder keeps; older ones are removed.
const FILES_MAX: usize = 1000;
/// Bytes of one file; what happens later on its connection is not recorded.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Records each connection of a server or a channel, from its first byte on.
///
/// ```no_run
/// use zrpc_core::recorder::Redaction;
/// use zrpc_system::Recorder; // as zrpc_tokio::Recorder and zrpc_std::Recorder
///
/// // One `.zrec` file for each connection:
/// let to_files = Recorder::to_folder("recordings")?.max_files(100);
/// // The last megabyte of each connection, kept when it ended with an error:
/// let in_memory = Recorder::ring(1 << 20, |recorded| {
///     if recorded.failed {
///         let _ = std::fs::write("failed.zrec", recorded.ring.to_bytes());
///     }
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Recorder {
    place: Place,
    redaction: Redaction,
}

enum Place {
    Folder(Arc<Folder>),
    Ring { bytes_max: usize, on_end: Arc<dyn Fn(Recorded) + Send + Sync> },
}

/// A ring whose connection is over.
#[derive(Debug)]
pub struct Recorded {
    /// Whether the connection ended with an error.
    pub failed: bool,
    /// What was recorded.
    pub ring: Ring,
}

impl Recorder {
    /// Writes a file for each connection into a folder, which is made if there is none. It is written on the connection's
    /// turn, some 32 KiB at once, so the folder belongs on a disk that does not hold writers up.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn to_folder(path: impl Into<PathBuf>) -> io::Result<Recorder> {
        let path = path.into();
        std::fs::create_dir_all(&path)?;
        let (next, written) = (AtomicU64::new(0), Mutex::default());
        let folder = Folder { path, files_max: FILES_MAX, bytes_max: FILE_BYTES_MAX, next, written };
        Ok(Recorder { place: Place::Folder(Arc::new(folder)), redaction: Redaction::none() })
    }

    /// Keeps the last `bytes_max` bytes of each connection's recording in memory, and hands them over when it ends. One
    /// that grew larger has lost its begin: it can be read, not replayed.
    pub fn ring(bytes_max: usize, on_end: impl Fn(Recorded) + Send + Sync + 'static) -> Recorder {
        Recorder { place: Place::Ring { bytes_max, on_end: Arc::new(on_end) }, redaction: Redaction::none() }
    }

    /// Keeps so many files in the folder at the most, and removes older ones of this recorder; 1000 by default.
    #[must_use]
    pub fn max_files(mut self, count: usize) -> Recorder {
        if let Place::Folder(folder) = &mut self.place
            && let Some(folder) = Arc::get_mut(folder)
        {
            folder.files_max = count.max(1);
        }
        self
    }

    /// Stops recording a connection whose file has so many bytes; 64 MiB by default. What was recorded until then still
    /// replays.
    #[must_use]
    pub fn max_file_bytes(mut self, bytes: u64) -> Recorder {
        if let Place::Folder(folder) = &mut self.place
            && let Some(folder) = Arc::get_mut(folder)
        {
            folder.bytes_max = bytes;
        }
        self
    }

    /// Keeps secrets out of recordings, which can then be read and no longer replayed.
    #[must_use]
    pub fn redact(mut self, redaction: Redaction) -> Recorder {
        self.redaction = redaction;
        self
    }

    /// A recording of a connection that was just made.
    #[must_use]
    pub fn tape(&self, header: Header) -> Tape {
        let sink: Box<dyn Sink> = match &self.place {
            Place::Folder(folder) => {
                Box::new(FileSink { folder: Arc::clone(folder), file: None, left: folder.bytes_max })
            }
            Place::Ring { bytes_max, on_end } => {
                Box::new(RingSink { ring: Some(Ring::new(*bytes_max)), on_end: Arc::clone(on_end) })
            }
        };
        Tape::new(header, self.redaction.clone(), sink)
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Folder(folder) => {
                f.debug_struct("Recorder").field("folder", &folder.path).finish_non_exhaustive()
            }
            Place::Ring { bytes_max, .. } => {
                f.debug_struct("Recorder").field("ring_bytes", bytes_max).finish_non_exhaustive()
            }
        }
    }
}

struct Folder {
    path: PathBuf,
    files_max: usize,
    bytes_max: u64,
    next: AtomicU64,
    /// Files that are there, the oldest first.
    written: Mutex<VecDeque<PathBuf>>,
}

impl Folder {
    fn create(&self) -> io::Result<File> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.path.join(format!("{}-{number:06}.zrec", std::process::id()));
        let file = File::create(&path)?;
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.push_back(path);
        while written.len() > self.files_max {
            // Somebody else may have taken it away, which is as good.
            let _ = written.pop_front().map(std::fs::remove_file);
        }
        Ok(file)
    }
}

struct FileSink {
    folder: Arc<Folder>,
    /// `None` before it was opened, and after it failed or is full.
    file: Option<File>,
    left: u64,
}

impl FileSink {
    fn keep(&mut self, bytes: &[u8]) {
        let Some(file) = &mut self.file else { return };
        let fits = self.left.checked_sub(bytes.len() as u64);
        let kept = match fits {
            Some(left) => {
                self.left = left;
                file.write_all(bytes)
            }
            None => Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file has as many bytes as it may")),
        };
        if let Err(error) = kept {
            tracing::warn!(%error, folder = %self.folder.path.display(), "a recording ends before its connection");
            self.file = None;
        }
    }
}

impl Sink for FileSink {
    fn open(&mut self, header: &[u8]) {
        match self.folder.create() {
            Ok(file) => self.file = Some(file),
            Err(error) => {
                tracing::warn!(%error, folder = %self.folder.path.display(), "a connection is not recorded");
            }
        }
        self.keep(header);
    }

    fn write(&mut self, records: &[u8]) {
        self.keep(records);
    }
}

struct RingSink {
    ring: Option<Ring>,
    on_end: Arc<dyn Fn(Recorded) + Send + Sync>,
}

impl Sink for RingSink {
    fn open(&mut self, header: &[u8]) {
        self.ring.iter_mut().for_each(|ring| ring.open(header));
    }

    fn write(&mut self, records: &[u8]) {
        self.ring.iter_mut().for_each(|ring| ring.write(records));
    }

    fn end(&mut self, failed: bool) {
        if let Some(ring) = self.ring.take() {
            (self.on_end)(Recorded { failed, ring });
        }
    }
}
