//! Many seeds of one scenario: what they covered, and of the first that fails the smallest form that still does.

use crate::ledger::Violation;
use crate::world::World;
use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use zrpc_core::base::Time;
use zrpc_core::rpc::Code;

/// Replays one seed instead of all.
pub(crate) const SEED_VARIABLE: &str = "ZRPC_SIM_SEED";
/// Runs this many seeds instead of those of the test, beginning with 0.
const COUNT_VARIABLE: &str = "ZRPC_SIM_SEEDS";
/// Lines of its transcript that a failure shows.
pub(crate) const LINES_SHOWN: usize = 60;
/// Runs that looking for a smaller form takes at the most.
const SHRINK_RUNS_MAX: usize = 400;

/// What is done in a world: a value that follows from a seed, so that parts of it can be left out.
pub trait Scenario: fmt::Debug + Sized {
    /// The scenario of a seed.
    fn from_seed(seed: u64) -> Self;

    /// Runs it in an empty world.
    ///
    /// # Errors
    /// What did not hold.
    fn run(&self, world: &mut World) -> Result<(), Violation>;

    /// Scenarios that leave something out, the smallest first. A failure is reported in the smallest form that still
    /// fails.
    fn smaller(&self) -> Vec<Self> {
        Vec::new()
    }
}

/// What a check covered, so that a test can demand that it was not empty.
#[derive(Clone, Default, Debug)]
pub struct Report {
    /// Seeds that ran.
    pub seeds: u64,
    /// Time that passed in all worlds together.
    pub simulated: Duration,
    /// Ends of calls as their clients were told, by code.
    pub ends: BTreeMap<Code, u64>,
    /// Faults that happened, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Messages that arrived.
    pub messages: u64,
    /// Bytes that arrived.
    pub bytes: u64,
    /// The hash of each seed's transcript, by seed.
    pub hashes: BTreeMap<u64, u64>,
    /// What it took on this machine.
    pub took: Duration,
}

impl Report {
    /// Calls that ended.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.ends.values().sum()
    }

    fn add(&mut self, world: &World) {
        self.seeds += 1;
        self.simulated += world.now().saturating_since(Time::START);
        world.ends().iter().for_each(|(code, count)| *self.ends.entry(*code).or_default() += count);
        world.faults().iter().for_each(|(kind, count)| *self.faults.entry(kind).or_default() += count);
        let (messages, bytes) = world.traffic();
        self.messages += messages;
        self.bytes += bytes;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours = self.simulated.as_secs_f64() / 3600.0;
        let rate = self.seeds as f64 / self.took.as_secs_f64();
        writeln!(f, "{} seeds, {hours:.1} simulated hours, {rate:.0} seeds/s", self.seeds)?;
        writeln!(
            f,
            "{} calls, {} messages, {:.1} MB carried",
            self.calls(),
            self.messages,
            self.bytes as f64 / 1e6
        )?;
        let list = |pairs: Vec<String>| if pairs.is_empty() { "none".into() } else { pairs.join(", ") };
        writeln!(
            f,
            "faults: {}",
            list(self.faults.iter().map(|(kind, count)| format!("{kind} {count}")).collect())
        )?;
        write!(
            f,
            "ends: {}",
            list(self.ends.iter().map(|(code, count)| format!("{code:?} {count}")).collect())
        )
    }
}

/// A seed that failed, and how to see it again.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The test's name.
    pub name: &'static str,
    /// The seed.
    pub seed: u64,
    /// What did not hold.
    pub violation: Violation,
    /// The smallest scenario that was found in which it still does not hold.
    pub shrunk: String,
    /// The last lines of that scenario's transcript.
    pub lines: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.name, self.violation)?;
        writeln!(f, "the smallest scenario that fails in this way:\n{}", self.shrunk)?;
        writeln!(f, "how it came to it:")?;
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        write!(
            f,
            "{} fails; replay it with {SEED_VARIABLE}={} cargo test {}",
            self.name, self.seed, self.name
        )
    }
}

/// Runs a scenario under `count` seeds, on as many threads as there are cores; or under the one that `ZRPC_SIM_SEED`
/// names, or as many as `ZRPC_SIM_SEEDS` says.
///
/// # Panics
/// When something does not hold, with the line that replays it.
pub fn check<S: Scenario>(name: &'static str, count: u64) -> Report {
    try_check::<S>(name, seeds(count)).unwrap_or_else(|failure| panic!("{failure}"))
}

/// The seeds that a check is to run: those that its test asks for, unless the environment says otherwise.
pub(crate) fn seeds(count: u64) -> Range<u64> {
    let number = |variable| std::env::var(variable).ok().and_then(|text: String| text.parse::<u64>().ok());
    match number(SEED_VARIABLE) {
        Some(seed) => seed..seed + 1,
        None => 0..number(COUNT_VARIABLE).unwrap_or(count),
    }
}

/// The same under given seeds.
///
/// # Errors
/// The lowest of the failing seeds that were met.
pub fn try_check<S: Scenario>(name: &'static str, seeds: Range<u64>) -> Result<Report, Box<Failure>> {
    let started = Instant::now();
    let report = Mutex::new(Report::default());
    let outcomes = Outcomes::of(seeds, |seed| {
        let (world, ran) = run(&S::from_seed(seed), seed, 0);
        report.lock().unwrap_or_else(PoisonError::into_inner).add(&world);
        (world.transcript().hash(), ran.is_ok())
    });
    let report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    match outcomes.lowest_failed {
        None => Ok(Report { hashes: outcomes.by_seed, took: started.elapsed(), ..report }),
        Some(seed) => Err(Box::new(shrink::<S>(name, seed))),
    }
}

/// What became of many seeds.
#[derive(Default)]
pub(crate) struct Outcomes {
    /// The hash of each transcript.
    pub(crate) by_seed: BTreeMap<u64, u64>,
    pub(crate) lowest_failed: Option<u64>,
}

impl Outcomes {
    /// Runs each seed, on as many threads as there are cores, until one fails. `run` answers the hash of its transcript and
    /// whether all was well.
    pub(crate) fn of(seeds: Range<u64>, run: impl Fn(u64) -> (u64, bool) + Sync) -> Outcomes {
        let next = AtomicU64::new(seeds.start);
        let outcomes = Mutex::new(Outcomes::default());
        let work = || loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let has_failed = outcomes.lock().unwrap_or_else(PoisonError::into_inner).lowest_failed.is_some();
            if has_failed || seed >= seeds.end {
                return;
            }
            let (hash, is_well) = run(seed);
            let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
            outcomes.by_seed.insert(seed, hash);
            if !is_well {
                let lowest = outcomes.lowest_failed.map_or(seed, |lowest| lowest.min(seed));
                outcomes.lowest_failed = Some(lowest);
            }
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
        outcomes.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a scenario in a world of its own. A panic is a violation, too.
fn run<S: Scenario>(scenario: &S, seed: u64, lines: usize) -> (World, Result<(), Violation>) {
    let mut world = World::keeping(seed, lines);
    let ran = catch_unwind(AssertUnwindSafe(|| scenario.run(&mut world)));
    let ran = ran.unwrap_or_else(|panic| Err(Violation(format!("it panicked: {}", text_of(&*panic)))));
    (world, ran)
}

pub(crate) fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "with no text".into())
}

/// Leaves out what can be left out, as long as it still fails.
fn shrink<S: Scenario>(name: &'static str, seed: u64) -> Failure {
    let mut smallest = S::from_seed(seed);
    let mut runs = 0;
    'smaller: loop {
        for candidate in smallest.smaller() {
            runs += 1;
            if runs > SHRINK_RUNS_MAX {
                break 'smaller;
            }
            if run(&candidate, seed, 0).1.is_err() {
                smallest = candidate;
                continue 'smaller;
            }
        }
        break;
    }
    let (world, ran) = run(&smallest, seed, LINES_SHOWN);
    let violation = ran
        .err()
        .unwrap_or_else(|| Violation("it failed once and not again: something is not deterministic".into()));
    let lines = world.transcript().kept().map(str::to_owned).collect();
    Failure { name, seed, violation, shrunk: format!("{smallest:#?}"), lines }
}
