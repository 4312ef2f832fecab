//! How the benches measure: servers in processes of their own, stacks that take turns, medians beside the peers'.
//!
//! A bench describes its cases by [`Bench`] and hands its `main` to [`run`]:
//!
//! ```text
//! cargo bench --bench NAME                 a table
//! cargo bench --bench NAME -- --quick      fewer and shorter rounds: for CI
//! cargo bench --bench NAME -- --json       one JSON object a line, no table
//! cargo bench --bench NAME -- idle         only the cases whose title contains a word
//! ```
//!
//! What makes the figures comparable: each server is a process of its own, on a cpu of its own, with one thread; the
//! stacks take turns within a case (A B C, A B C, …) so that a noisy minute hits all of them; what is reported is the
//! median over rounds. `docs/benchmarks.md` says how to read them.

pub mod allocations;
pub mod load;
pub mod measure;
pub mod process;
mod report;

use measure::{Figures, Goal, Measure};
use process::Server;
use report::Results;
use std::time::Duration;

/// What a bench dies of; it has no caller that could tell cases apart.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Who does the work: its name selects the server in the child process.
pub trait Named: Copy + Ord + 'static {
    /// All of them.
    const ALL: &'static [Self];

    /// The name in tables.
    fn name(self) -> &'static str;
}

/// One row of a bench's plan.
pub trait Bench: Copy + Ord + 'static {
    /// Who may take part.
    type Stack: Named;
    /// What is compared, as the table's first line.
    const ABOUT: &'static str;

    /// The plan, in the order of the table.
    fn all() -> Vec<Self>;

    /// Who takes part; ours comes first.
    fn stacks(self) -> &'static [Self::Stack];

    /// A heading.
    fn title(self) -> String;

    /// What the work is called in JSON, such as `unary`.
    fn work_name(self) -> &'static str;

    /// What the bytes travel on, such as `http2+tcp`.
    fn carrier(self) -> &'static str;

    /// Bytes of a payload, each way.
    fn payload(self) -> usize;

    /// Calls or messages that are open at once.
    fn in_flight(self) -> usize;

    /// Whether one round is enough, because the figure does not vary with load.
    fn is_counted_once(self) -> bool;

    /// What is to be reached against `peer`, where something was set.
    fn goal(self, measure: Measure, peer: Self::Stack) -> Option<Goal>;

    /// In the child: serves `stack` until the parent is gone.
    ///
    /// # Errors
    /// When it cannot be served.
    fn serve(stack: Self::Stack) -> Result<(), Failure>;

    /// In the parent: one round of the case against a server that runs.
    ///
    /// # Errors
    /// When a call failed.
    fn measure(self, stack: Self::Stack, server: &mut Server, effort: Effort) -> Result<Figures, Failure>;
}

/// How much work a run does.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Rounds of each case.
    pub rounds: usize,
    /// How long one takes.
    pub round: Duration,
    /// How long a stack works before it is measured.
    pub warm_up: Duration,
    /// Connections held open where idle ones are weighed.
    pub idle_connections: usize,
}

const FULL: Effort = Effort {
    rounds: 5,
    round: Duration::from_millis(400),
    warm_up: Duration::from_millis(60),
    idle_connections: 10_000,
};

const QUICK: Effort = Effort {
    rounds: 3,
    round: Duration::from_millis(150),
    warm_up: Duration::from_millis(30),
    idle_connections: 2_000,
};

/// Files that a process needs besides its connections.
const OTHER_FILES: u64 = 100;

/// Runs a bench with the arguments of this process.
///
/// # Errors
/// When an argument is unknown or a case fails.
pub fn run<B: Bench>() -> Result<(), Failure> {
    // Cargo itself adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (mut json, mut effort, mut only) = (false, FULL, None);
    match arguments[..] {
        ["serve", name] => return serve::<B>(name),
        _ => {
            for argument in arguments {
                match argument {
                    "--json" => json = true,
                    "--quick" => effort = QUICK,
                    word if !word.starts_with('-') => only = Some(word.to_owned()),
                    other => {
                        return Err(
                            format!("{other} is unknown; use --json, --quick, or a case's name").into()
                        );
                    }
                }
            }
        }
    }
    let results = measure_all::<B>(effort, only.as_deref())?;
    if json {
        report::print_json(&results)
    } else {
        report::print_table(&results)
    }
    Ok(())
}

fn serve<B: Bench>(name: &str) -> Result<(), Failure> {
    let mut stacks = B::Stack::ALL.iter().copied();
    let stack = stacks.find(|stack| stack.name() == name).ok_or("no such stack")?;
    process::pin_to_cpu(0);
    process::raise_file_limit();
    B::serve(stack)
}

fn measure_all<B: Bench>(mut effort: Effort, only: Option<&str>) -> Result<Results<B>, Failure> {
    let pinned = process::pin_to_cpu(1);
    let files = process::raise_file_limit().saturating_sub(OTHER_FILES);
    effort.idle_connections = effort.idle_connections.min(usize::try_from(files)?);
    let mut results = Results::new(pinned, effort);
    for case in B::all().into_iter().filter(|case| only.is_none_or(|word| case.title().contains(word))) {
        eprintln!("… {}", case.title());
        measure_case(case, effort, &mut results)?;
    }
    Ok(results)
}

/// All rounds of a case; servers start before the first and end after the last.
fn measure_case<B: Bench>(case: B, effort: Effort, results: &mut Results<B>) -> Result<(), Failure> {
    let mut servers = Vec::new();
    for stack in case.stacks() {
        servers.push((*stack, Server::start(stack.name())?));
    }
    let rounds = if case.is_counted_once() { 1 } else { effort.rounds };
    for number in 0..rounds {
        for (stack, server) in &mut servers {
            let figures = case.measure(*stack, server, effort).map_err(|failure| {
                format!("{}, {}, round {number}: {failure}", stack.name(), case.title())
            })?;
            results.add(case, *stack, figures);
        }
    }
    Ok(())
}
