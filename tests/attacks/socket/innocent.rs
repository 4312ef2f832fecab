//! A well-behaved client beside an attack: some 200 calls a second on one connection, each waited for.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use zrpc_tests::attacks::Wire;
use zrpc_tests::attacks::wire::{kind, message};

/// Time from one call to the next.
const PACE: Duration = Duration::from_millis(5);
/// How long an answer may take before its call has failed.
const PATIENCE: Duration = Duration::from_secs(2);

const WARM_UP: u8 = 0;
const DURING: u8 = 1;
const OVER: u8 = 2;

/// What it saw.
pub struct Seen {
    pub p99_before: Duration,
    pub p99_during: Duration,
    pub errors: usize,
}

pub struct Innocent {
    phase: Arc<AtomicU8>,
    thread: JoinHandle<Seen>,
}

impl Innocent {
    pub fn start(at: SocketAddr) -> io::Result<Innocent> {
        let mut stream = TcpStream::connect(at)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(&Wire::http2(&[]).take())?;
        let phase = Arc::new(AtomicU8::new(WARM_UP));
        let told = Arc::clone(&phase);
        let thread = std::thread::spawn(move || call_until_over(Frames { stream, read: Vec::new() }, &told));
        Ok(Innocent { phase, thread })
    }

    /// From here on calls are beside the attack.
    pub fn begin_attack(&self) {
        self.phase.store(DURING, Ordering::Relaxed);
    }

    pub fn stop(self) -> Seen {
        self.phase.store(OVER, Ordering::Relaxed);
        self.thread.join().unwrap_or(Seen {
            p99_before: Duration::ZERO,
            p99_during: Duration::ZERO,
            errors: 1,
        })
    }
}

fn call_until_over(mut frames: Frames, phase: &AtomicU8) -> Seen {
    let (mut times, mut errors, mut stream) = ([Vec::new(), Vec::new()], 0, 1);
    let mut next = Instant::now();
    loop {
        let now = phase.load(Ordering::Relaxed);
        if now == OVER || errors > 0 {
            break;
        }
        let start = Instant::now();
        match frames.call(stream) {
            Ok(()) => times[usize::from(now)].push(start.elapsed()),
            Err(error) => {
                eprintln!("an innocent call failed: {error}");
                errors += 1;
            }
        }
        stream += 2;
        next += PACE;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    let [mut before, mut during] = times;
    // The first calls find nothing warm.
    let warm = before.split_off(before.len().min(10));
    Seen { p99_before: p99(warm), p99_during: p99(std::mem::take(&mut during)), errors }
}

fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() * 99 / 100).copied().unwrap_or_default()
}

/// A connection's frames.
struct Frames {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Frames {
    /// A call and its answer, whatever that says.
    fn call(&mut self, stream: u32) -> io::Result<()> {
        let mut wire = Wire::default();
        wire.call(stream, false).data(stream, &message(b"innocent"), true);
        self.stream.write_all(&wire.take())?;
        loop {
            let (kind, flags, of) = self.next()?;
            match kind {
                kind::DATA | kind::HEADERS if of == stream && flags & 1 == 1 => return Ok(()),
                kind::RST_STREAM if of == stream => return Err(io::Error::other("RST_STREAM")),
                kind::GOAWAY => return Err(io::Error::other("GOAWAY")),
                _ => {}
            }
        }
    }

    /// The next frame: type, flags, stream. SETTINGS and PING are answered, and credit goes back.
    fn next(&mut self) -> io::Result<(u8, u8, u32)> {
        let head = self.take(9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let payload = self.take(length as usize)?;
        let (kind, flags) = (head[3], head[4]);
        let mut wire = Wire::default();
        match kind {
            kind::SETTINGS if flags & 1 == 0 => _ = wire.settings_ack(),
            kind::PING if flags & 1 == 0 => _ = wire.frame(kind::PING, 1, 0, &payload),
            kind::DATA if length > 0 => _ = wire.window_update(0, length),
            _ => {}
        }
        self.stream.write_all(&wire.take())?;
        Ok((kind, flags, u32::from_be_bytes([head[5], head[6], head[7], head[8]])))
    }

    fn take(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.read.len() < count {
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => self.read.extend_from_slice(&buffer[..read]),
            }
        }
        let rest = self.read.split_off(count);
        Ok(std::mem::replace(&mut self.read, rest))
    }
}
