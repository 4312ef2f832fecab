//! zRPC beside its peers: the same work, the same payloads, the same run.
//!
//! ```text
//! cargo bench --bench peers                 a table, about a minute
//! cargo bench --bench peers -- --quick      fewer and shorter rounds, under 45 seconds: for CI
//! cargo bench --bench peers -- --json       one JSON object a line, no table
//! cargo bench --bench peers -- idle         only the cases whose title contains a word
//! ```
//!
//! What makes the figures comparable: each server is a process of its own, on a cpu of its own, with one thread; the
//! stacks take turns within a case (A B C, A B C, …) so that a noisy minute hits all of them; what is reported is the
//! median over rounds; every server is asked through its own client, and then all of them through the same one
//! (`replay.rs`), where CPU time and allocations a call are counted. `docs/benchmarks.md` says how to read them.

mod allocations;
mod bare;
mod case;
mod load;
mod message;
mod process;
mod replay;
mod report;
mod round;
mod stack_h2;
mod stack_tonic;
mod stack_zrpc;
mod stack_zrpc_blocking;

use case::Case;
use process::Server;
use report::Results;
use std::time::Duration;

/// What a bench dies of; it has no caller that could tell cases apart.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Who does the work.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Stack {
    Zrpc,
    Tonic,
    H2,
    ZrpcBlocking,
    BareTcp,
}

impl Stack {
    const ALL: [Stack; 5] = [Stack::Zrpc, Stack::Tonic, Stack::H2, Stack::ZrpcBlocking, Stack::BareTcp];

    const fn name(self) -> &'static str {
        match self {
            Stack::Zrpc => "zrpc",
            Stack::Tonic => "tonic",
            Stack::H2 => "h2",
            Stack::ZrpcBlocking => "zrpc-blocking",
            Stack::BareTcp => "bare-tcp",
        }
    }
}

/// How much work a run does.
#[derive(Clone, Copy, Debug)]
struct Effort {
    rounds: usize,
    round: Duration,
    warm_up: Duration,
    idle_connections: usize,
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

fn main() -> Result<(), Failure> {
    // Cargo itself adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (mut json, mut effort, mut only) = (false, FULL, None);
    match arguments[..] {
        ["serve", name] => return serve(name),
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
    let results = measure(effort, only.as_deref())?;
    if json {
        report::print_json(&results)
    } else {
        report::print_table(&results)
    }
    Ok(())
}

fn serve(name: &str) -> Result<(), Failure> {
    let stack = Stack::ALL.into_iter().find(|stack| stack.name() == name).ok_or("no such stack")?;
    process::pin_to_cpu(0);
    process::raise_file_limit();
    round::serve(stack)
}

fn measure(mut effort: Effort, only: Option<&str>) -> Result<Results, Failure> {
    let pinned = process::pin_to_cpu(1);
    let files = process::raise_file_limit().saturating_sub(OTHER_FILES);
    effort.idle_connections = effort.idle_connections.min(usize::try_from(files)?);
    let mut results = Results::new(pinned, effort);
    for case in Case::all().into_iter().filter(|case| only.is_none_or(|word| case.title().contains(word))) {
        eprintln!("… {}", case.title());
        measure_case(case, effort, &mut results)?;
    }
    Ok(results)
}

/// All rounds of a case; servers start before the first and end after the last.
fn measure_case(case: Case, effort: Effort, results: &mut Results) -> Result<(), Failure> {
    let mut servers = Vec::new();
    for stack in case.stacks() {
        servers.push((*stack, Server::start(*stack)?));
    }
    for number in 0..case.rounds(effort) {
        for (stack, server) in &mut servers {
            let figures = round::measure(case, *stack, server, effort).map_err(|failure| {
                format!("{}, {}, round {number}: {failure}", stack.name(), case.title())
            })?;
            results.add(case, *stack, figures);
        }
    }
    Ok(())
}
