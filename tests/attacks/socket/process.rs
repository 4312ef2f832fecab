//! A victim's process: started, watched through `/proc`, and ended by the end of its input.

use std::io::{self, BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a victim may take to listen.
const STARTS: Duration = Duration::from_secs(5);
/// Time between two readings of its memory.
const READING: Duration = Duration::from_millis(5);

/// Whose server it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stack {
    Zrpc,
    Hyper,
    /// nghttp2's server, at this path.
    Nghttpd(PathBuf),
}

impl Stack {
    pub fn name(&self) -> &'static str {
        match self {
            Stack::Zrpc => "zrpc",
            Stack::Hyper => "hyper",
            Stack::Nghttpd(_) => "nghttpd",
        }
    }
}

/// What a process has used.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    pub rss_kib: u64,
    pub cpu: Duration,
}

pub struct Victim {
    child: Child,
    pub port: u16,
}

impl Victim {
    pub fn start(stack: &Stack) -> io::Result<Victim> {
        let beside = std::env::current_exe()?.with_file_name("attack-victim");
        let (mut command, port) = match stack {
            Stack::Zrpc | Stack::Hyper => {
                let mut command = Command::new(beside);
                command.args(["--stack", stack.name()]);
                (command, 0)
            }
            Stack::Nghttpd(program) => {
                // It cannot choose a port by itself, so that one that is free just now is given to it.
                let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
                let mut command = Command::new(program);
                command
                    .args(["--no-tls", "--address=127.0.0.1", "--htdocs=/var/empty"])
                    .arg(port.to_string());
                (command, port)
            }
        };
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut victim = Victim { port, child };
        if port == 0 {
            let mut line = String::new();
            if let Some(output) = victim.child.stdout.take() {
                BufReader::new(output).read_line(&mut line)?;
            }
            victim.port =
                line.trim().parse().map_err(|_| io::Error::other("the victim did not say its port"))?;
        } else {
            // What it prints is read by nobody.
            if let Some(mut output) = child_output(&mut victim.child) {
                std::thread::spawn(move || io::copy(&mut output, &mut io::sink()));
            }
        }
        victim.await_listener()?;
        Ok(victim)
    }

    fn await_listener(&self) -> io::Result<()> {
        let (at, start) = (SocketAddr::from(([127, 0, 0, 1], self.port)), Instant::now());
        while TcpStream::connect(at).is_err() {
            if start.elapsed() > STARTS {
                return Err(io::Error::other("the victim does not listen"));
            }
            std::thread::sleep(READING);
        }
        Ok(())
    }

    pub fn usage(&self) -> io::Result<Usage> {
        Ok(Usage { rss_kib: rss_kib(self.child.id())?, cpu: cpu(self.child.id())? })
    }

    /// Reads its memory again and again.
    pub fn watch(&self) -> Watch {
        let (id, stopped, peak) =
            (self.child.id(), Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stop, most) = (Arc::clone(&stopped), Arc::clone(&peak));
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                most.fetch_max(rss_kib(id).unwrap_or(0), Ordering::Relaxed);
                std::thread::sleep(READING);
            }
        });
        Watch { stopped, peak, thread }
    }

    pub fn stop(&mut self) {
        drop(self.child.stdin.take());
        // nghttpd does not look at its input, and has nothing to say any more.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.stop();
    }
}

fn child_output(child: &mut Child) -> Option<std::process::ChildStdout> {
    child.stdout.take()
}

/// Readings of a process's memory.
pub struct Watch {
    stopped: Arc<AtomicBool>,
    peak: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Watch {
    /// The most that was read, in KiB.
    pub fn stop(self) -> u64 {
        self.stopped.store(true, Ordering::Relaxed);
        let _joined = self.thread.join();
        self.peak.load(Ordering::Relaxed)
    }
}

fn rss_kib(id: u32) -> io::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| io::Error::other("the victim is gone"))
}

/// CPU time of all threads, by the scheduler's own count of nanoseconds.
fn cpu(id: u32) -> io::Result<Duration> {
    let mut nanos = 0;
    for task in std::fs::read_dir(format!("/proc/{id}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        nanos += text.split_whitespace().next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanos))
}
