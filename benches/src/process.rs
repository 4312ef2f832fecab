//! A server in a process of its own, so that its CPU time, allocations and memory can be told from the client's.
//!
//! The bench runs its own binary again with `serve STACK`. The child prints the address it listens on; then, for each
//! line on its standard input, a line with its counters; it ends when its input ends, so that none is left behind.
//! On Linux the server runs on cpu 0 and the client on cpu 1 where there are two; elsewhere the system decides.

use crate::{Failure, allocations};
use std::fmt::Display;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What a process has used since it started, or between two readings.
#[derive(Clone, Copy, Debug)]
pub struct Counters {
    /// User and system time, all threads.
    pub cpu_ns: u64,
    /// Calls of the allocator.
    pub allocations: u64,
    /// Memory that is resident; always the present amount.
    pub resident_bytes: u64,
}

impl Counters {
    /// What was used since `earlier`; memory as it is now.
    #[must_use]
    pub fn since(self, earlier: Counters) -> Counters {
        Counters {
            cpu_ns: self.cpu_ns - earlier.cpu_ns,
            allocations: self.allocations - earlier.allocations,
            resident_bytes: self.resident_bytes,
        }
    }
}

/// A server process; killed when dropped.
pub struct Server {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Where it listens.
    pub address: String,
}

impl Server {
    /// Starts a stack's server and waits until it listens.
    ///
    /// # Errors
    /// When it did not start.
    pub fn start(stack: &str) -> Result<Server, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", stack])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let questions = child.stdin.take().ok_or("the server has no standard input")?;
        let answers = child.stdout.take().ok_or("the server has no standard output")?;
        let mut answers = BufReader::new(answers);
        let mut line = String::new();
        answers.read_line(&mut line)?;
        let address = line.trim().to_owned();
        if address.is_empty() {
            return Err(format!("the {stack} server did not start").into());
        }
        Ok(Server { child, questions, answers, address })
    }

    /// Its address as a socket's.
    ///
    /// # Errors
    /// When it listens on something else.
    pub fn socket_address(&self) -> Result<std::net::SocketAddr, Failure> {
        Ok(self.address.parse()?)
    }

    /// What the server has used so far.
    ///
    /// # Errors
    /// When it has ended.
    pub fn counters(&mut self) -> Result<Counters, Failure> {
        self.questions.write_all(b"?\n")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let mut numbers = line.split_whitespace().map(str::parse::<u64>);
        let mut next = || numbers.next().and_then(Result::ok).ok_or("a server ended while it was measured");
        Ok(Counters { cpu_ns: next()?, allocations: next()?, resident_bytes: next()? })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In the child: says where it listens and answers questions until they end, which ends the process.
pub fn report_from(address: impl Display) {
    println!("{address}");
    std::thread::spawn(|| {
        for _ in std::io::stdin().lines().map_while(Result::ok) {
            let used = used_by_this_process();
            println!("{} {} {}", used.cpu_ns, used.allocations, used.resident_bytes);
        }
        std::process::exit(0);
    });
}

fn used_by_this_process() -> Counters {
    let cpu = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let seconds = u64::try_from(cpu.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(cpu.tv_nsec).unwrap_or_default();
    Counters {
        cpu_ns: seconds * 1_000_000_000 + nanos,
        allocations: allocations::count(),
        resident_bytes: resident_bytes(),
    }
}

/// The second number of `/proc/self/statm` counts resident pages; without that file the answer is 0.
fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.as_deref().and_then(|line| line.split(' ').nth(1)).and_then(|n| n.parse::<u64>().ok());
    pages.unwrap_or_default() * rustix::param::page_size() as u64
}

/// Binds this process to a cpu, threads that it starts later included; says whether that was possible.
#[cfg(target_os = "linux")]
pub fn pin_to_cpu(cpu: usize) -> bool {
    use rustix::thread::{CpuSet, sched_setaffinity};
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).is_ok()
}

/// Binds this process to a cpu; says whether that was possible.
#[cfg(not(target_os = "linux"))]
pub fn pin_to_cpu(_cpu: usize) -> bool {
    false
}

/// Lets this process, and those it starts, hold as many files as the system allows; answers how many.
pub fn raise_file_limit() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let _ = setrlimit(Resource::Nofile, wanted);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
