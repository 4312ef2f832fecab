//! The scripted attackers on real sockets: each script once against each victim, in a process of its own, with a
//! well-behaved client beside it. Prints a table; see docs/attacks.md for how to read it.
//!
//! Usage: `attack [--nghttpd PROGRAM] [--only WORD]`. Fails where we fall short of what does not depend on how busy the
//! computer is: a flood that must be refused goes on, an innocent call fails, or memory grows beyond all bounds. Times
//! are printed, and marked `over` where they are above their bar.

mod attacker;
mod innocent;
mod process;

use attacker::Outcome;
use innocent::Innocent;
use process::{Stack, Usage, Victim};
use std::fmt::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use zrpc_tests::arguments::Arguments;
use zrpc_tests::attacks::{Script, http2, native, websocket};

/// How long the innocent client is watched before the attack.
const BEFORE: Duration = Duration::from_millis(400);
/// How long it is watched from the attack's begin on, at least.
const DURING: Duration = Duration::from_millis(400);
/// How long a victim may take until it holds no more than before.
const SETTLES: Duration = Duration::from_secs(1);
/// What a process may grow by for the sake of buffers that all connections share, in KiB; printed as `over` above it.
const RSS_KIB: u64 = 1024;
/// What is no reading's noise any more: fails us, in KiB.
const RSS_KIB_MAX: u64 = 16 * 1024;
/// CPU time for 100,000 units, in milliseconds.
const CPU_MS: f64 = 10.0;
/// What an innocent call may take without a word, whatever it took before: a shared computer's own hiccups.
const P99: Duration = Duration::from_millis(2);

/// A row of the table.
struct Row {
    outcome: Outcome,
    rss_kib: u64,
    left_kib: u64,
    cpu_ms: f64,
    p99_before: Duration,
    p99_during: Duration,
    errors: usize,
}

/// Scripts after which a server may go on: what they do is legal, and only its price counts.
const TOLERABLE: [&str; 5] = [
    "messages of 1 octet, unread",
    "a message in DATA of 1 octet",
    "references to a long field",
    "crumbs of one octet",
    // Told to close after a thousand, and let go five seconds later.
    "empty messages",
];

fn main() -> ExitCode {
    let arguments = Arguments::from_process();
    let only = arguments.value("only").unwrap_or_default();
    let nghttpd = arguments.value("nghttpd").filter(|program| !program.is_empty());
    let mut stacks = vec![Stack::Zrpc, Stack::Hyper];
    stacks.extend(nghttpd.map(|program| Stack::Nghttpd(program.into())));
    println!(
        "{:4} {:30} {:8} {:>8} {:>8} {:>7} {:>7} {:>8} {:>8} {:>6}  end",
        "row", "attack", "victim", "sent", "until ms", "RSS KiB", "left", "CPU ms", "p99 x", "errors"
    );
    let (mut passed, mut failed) = (0, 0);
    let http2 = http2::floods().len();
    let names: Vec<&str> = all().iter().map(|script| script.name).collect();
    for (index, name) in names.iter().enumerate().filter(|(_, name)| name.contains(only)) {
        for stack in &stacks {
            if index >= http2 && *stack != Stack::Zrpc {
                continue;
            }
            let script = all().swap_remove(index);
            let (row_name, reads) = (script.row, script.reads);
            let judged = match run(stack, script) {
                Ok(row) => judge(row_name, name, stack, &row, reads),
                Err(error) => {
                    println!("{row_name:4} {name:30} {:8} no reading: {error}", stack.name());
                    *stack != Stack::Zrpc
                }
            };
            if *stack == Stack::Zrpc {
                passed += u32::from(judged);
                failed += u32::from(!judged);
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn all() -> Vec<Script> {
    http2::floods().into_iter().chain(native::floods()).chain(websocket::floods()).collect()
}

fn run(stack: &Stack, script: Script) -> std::io::Result<Row> {
    let mut victim = Victim::start(stack)?;
    let at = SocketAddr::from(([127, 0, 0, 1], victim.port));
    let innocent = Innocent::start(at)?;
    std::thread::sleep(BEFORE);
    innocent.begin_attack();
    let before = victim.usage()?;
    let watch = victim.watch();
    let start = Instant::now();
    let outcome = attacker::attack(at, script)?;
    let after = victim.usage()?;
    std::thread::sleep(DURING.saturating_sub(start.elapsed()));
    let peak = watch.stop().max(after.rss_kib);
    let settles = Instant::now();
    let mut left = victim.usage()?.rss_kib;
    while left > before.rss_kib + 64 && settles.elapsed() < SETTLES {
        std::thread::sleep(Duration::from_millis(50));
        left = victim.usage()?.rss_kib;
    }
    let seen = innocent.stop();
    victim.stop();
    let Usage { rss_kib, cpu } = before;
    Ok(Row {
        outcome,
        rss_kib: peak.saturating_sub(rss_kib),
        left_kib: left.saturating_sub(rss_kib),
        cpu_ms: (after.cpu.saturating_sub(cpu)).as_secs_f64() * 1e3,
        p99_before: seen.p99_before,
        p99_during: seen.p99_during,
        errors: seen.errors,
    })
}

/// Prints a row; whether what does not depend on time is as it must be.
fn judge(row: &str, name: &str, stack: &Stack, seen: &Row, reads: bool) -> bool {
    let refused = seen.outcome.refused.is_some();
    let ratio = seen.p99_during.as_secs_f64() / seen.p99_before.as_secs_f64().max(1e-9);
    let until = seen
        .outcome
        .refused
        .map_or_else(|| "-".to_owned(), |time| format!("{:.1}", time.as_secs_f64() * 1e3));
    let mut words = String::new();
    // One that was refused soon has cost what it has cost; one that goes on costs that again and again.
    let cost = if refused { seen.cpu_ms } else { seen.cpu_ms * 1e5 / f64::from(seen.outcome.units.max(1)) };
    if cost > CPU_MS {
        let _ = write!(words, " over: {cost:.0} ms of CPU{};", if refused { "" } else { " for 100,000" });
    }
    if seen.rss_kib > RSS_KIB {
        words.push_str(" over: memory;");
    }
    if ratio > 2.0 && seen.p99_during > P99 {
        words.push_str(" over: p99;");
    }
    println!(
        "{row:4} {name:30} {:8} {:>8} {until:>8} {:>7} {:>7} {:>8.1} {ratio:>8.2} {:>6}  {}{words}",
        stack.name(),
        seen.outcome.units,
        seen.rss_kib,
        seen.left_kib,
        seen.cpu_ms,
        seen.errors,
        seen.outcome.end,
    );
    let must_end = !TOLERABLE.contains(&name) && reads;
    let is_well = seen.errors == 0 && (refused || !must_end) && seen.rss_kib <= RSS_KIB_MAX;
    if *stack == Stack::Zrpc && !is_well {
        println!("FAIL {row} {name}: {} errors, refused: {refused}, {} KiB", seen.errors, seen.rss_kib);
    }
    is_well
}
