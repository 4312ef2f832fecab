//! The contract: one set of cases that every carrier passes whole, on each driver and between them. Prints a grid of what
//! came of them, and fails when anything failed.
//!
//! `cargo test -p zrpc-tests --test contract -- WORD…` runs the cases, groups and carriers whose names contain all words;
//! with `--slowest` it also says which took longest.

mod carrier;
mod carriers;
mod cases;
mod client;
mod column;
mod grid;
mod link;
mod service;
mod tap;

use cases::Case;
use column::Column;
use grid::{Counts, Entry, Outcome, Results};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// A case that takes longer hangs: it is given up, and the others go on. Several times what the longest takes where others
/// need the processors too.
const CASE_MAX: Duration = Duration::from_secs(180);
/// Cases that `--slowest` names.
const SLOWEST: usize = 40;
/// How the threads of cases are called, whose panics are reported with the grid.
const CASE_THREAD: &str = "case";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    std::panic::set_hook(Box::new(on_panic));
    let start = Instant::now();
    let columns = Column::all();
    let results = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(column) = columns.get(index) else { return };
                    let column_results = run_column(*column, &words);
                    results.lock().unwrap_or_else(PoisonError::into_inner).push((index, column_results));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    let results: Vec<Results> = results
        .into_iter()
        .map(|(_, results)| results)
        .filter(|results| !results.entries.is_empty())
        .collect();
    grid::print(&results);
    if std::env::args().any(|word| word == "--slowest") {
        grid::print_slowest(&results, SLOWEST);
    }
    let Counts { held, not_applicable, failed } = Counts::all(&results);
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "\ntest result: {verdict}. {held} passed; {failed} failed; 0 ignored; 0 measured; {not_applicable} not applicable; finished in {seconds:.2}s\n"
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_column(column: Column, words: &[String]) -> Results {
    let start = Instant::now();
    let is_wanted = |case: &&Case| {
        let full = format!("{column} {} {}", case.group, case.name);
        words.iter().all(|word| full.contains(word))
    };
    let cases = cases::all().into_iter().filter(is_wanted);
    let timed = |case| {
        let start = Instant::now();
        Entry { case, outcome: run(case, column), took: start.elapsed() }
    };
    Results { column, entries: cases.map(timed).collect(), took: start.elapsed() }
}

fn run(case: &'static Case, column: Column) -> Outcome {
    if !case.applies_to(column) {
        return Outcome::NotApplicable;
    }
    let (report, reported) = mpsc::channel();
    let thread = thread::Builder::new().name(CASE_THREAD.to_owned()).spawn(move || {
        let outcome = catch_unwind(AssertUnwindSafe(|| (case.run)(column)));
        let said = LAST_PANIC.take();
        // Nobody listens any more when the case took too long.
        let _ = report.send(outcome.map_err(|_| said));
    });
    if let Err(error) = thread {
        return Outcome::Failed(format!("no thread: {error}"));
    }
    match reported.recv_timeout(CASE_MAX) {
        Ok(Ok(())) => Outcome::Held,
        Ok(Err(said)) => Outcome::Failed(said),
        Err(_) => Outcome::Failed(format!("not over after {CASE_MAX:?}: it hangs")),
    }
}

thread_local! {
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keeps what a case's panic said for the report, and leaves out what handlers were asked to say.
fn on_panic(info: &PanicHookInfo<'_>) {
    let said = info.payload_as_str().unwrap_or("(no message)");
    if said == service::PANIC_TEXT {
        return;
    }
    let at = info.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
    if thread::current().name() == Some(CASE_THREAD) {
        LAST_PANIC.set(format!("{at}: {said}"));
    } else {
        eprintln!("a thread panicked at {at}: {said}");
    }
}
