//! One seed of a network, and many.

use super::Network;
use crate::check::{LINES_SHOWN, Outcomes, SEED_VARIABLE, seeds, text_of};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// What passes at the most before a world is taken to go on for ever.
const LONGEST: Duration = Duration::from_secs(3600);

/// Runs an async function with the network of a seed, on one thread and in virtual time: it passes when nobody has anything
/// to do but to wait.
///
/// # Panics
/// When the function does, or an hour has passed in the simulation.
pub fn run<T>(seed: u64, body: impl AsyncFnOnce(Network) -> T) -> T {
    run_in(seed, 0, &mut None, body)
}

fn run_in<T>(
    seed: u64,
    lines: usize,
    network: &mut Option<Network>,
    body: impl AsyncFnOnce(Network) -> T,
) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.unwrap_or_else(|error| panic!("tokio has no runtime for the simulation: {error}"));
    runtime.block_on(async {
        let made = Network::new(seed, lines);
        *network = Some(made.clone());
        let ran = tokio::time::timeout(LONGEST, body(made)).await;
        ran.unwrap_or_else(|_| panic!("it does not end: {LONGEST:?} passed in the simulation"))
    })
}

/// Runs an async function with the networks of `count` seeds, on as many threads as there are cores; or with the one that
/// `ZRPC_SIM_SEED` names, or as many as `ZRPC_SIM_SEEDS` says. Answers each seed's hash of its transcript.
///
/// # Panics
/// When the function panics under some seed, with the last lines of its transcript and the line that replays it.
pub fn check(name: &str, count: u64, body: impl AsyncFn(Network) + Sync) -> BTreeMap<u64, u64> {
    let outcomes = Outcomes::of(seeds(count), |seed| {
        let mut network = None;
        let ran =
            catch_unwind(AssertUnwindSafe(|| run_in(seed, 0, &mut network, async |made| body(made).await)));
        (network.map_or(0, |network| network.transcript_hash()), ran.is_ok())
    });
    if let Some(seed) = outcomes.lowest_failed {
        let mut network = None;
        let again = catch_unwind(AssertUnwindSafe(|| {
            run_in(seed, LINES_SHOWN, &mut network, async |made| body(made).await);
        }));
        let lines = network.map_or_else(Vec::new, |network| network.last_lines()).join("\n");
        let what =
            again.err().map_or_else(|| "it failed once and not again".into(), |panic| text_of(&*panic));
        panic!(
            "{name}: {what}\nhow it came to it:\n{lines}\n{name} fails; replay it with {SEED_VARIABLE}={seed} cargo test {name}"
        );
    }
    outcomes.by_seed
}
