//! The eight laws of every machine, checked over thousands of random schedules.
//!
//! | law | what it says |
//! |---|---|
//! | L1 no spin | a returned wake is later than `now`; no poll asks for another without doing something |
//! | L2 quiet | after `Idle`, polling again at the same `now` is the same `Idle` |
//! | L3 chunks | any split of the input gives the same events, adjacent data joined |
//! | L4 sleeper = ticker | waking only at `Wake.at` gives the same trace as polling all the time |
//! | L5 room | any room in the output gives the same events, whole frames, and the same bytes a stream |
//! | L6 replay | the same seed and input give the same trace, byte for byte |
//! | L7 bounded | memory stays under the sum of the limits, whatever the peer sends |
//! | L8 fuse | after the last event: no more events, commands say `Misuse::Closed`, what is queued drains, `Idle(None)` |
//!
//! A [`Subject`] is a machine with an owner and a script. The suite runs the script plainly once, then under schedules
//! that must not make a difference, and compares. Every second script is damaged first, since that is what peers do.
//!
//! A failure is one line that ends with `ZRPC_LAWS_SEED=…`; the same test with that variable set runs just that seed.

mod digest;
pub mod explore;
mod run;
mod schedule;
mod script;
mod subject;
#[cfg(test)]
mod toy;

pub use script::Script;
pub use subject::{EventOf, Subject};

use crate::base::Entropy;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::fmt::Debug;
use core::ops::Range;
use digest::Digest;
use run::{Trace, run};
use schedule::{Kind, Schedule};

/// Schedules that share a script, and so its plain run.
const SCHEDULES_PER_SCRIPT: u64 = 16;
/// How much of an item a failure shows.
const SHOWN_CHARS: usize = 300;
/// Replays one seed instead of all.
const SEED_VARIABLE: &str = "ZRPC_LAWS_SEED";

/// One of the laws.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Law {
    /// L1.
    NoSpin,
    /// L2.
    Quiet,
    /// L3.
    Chunks,
    /// L4.
    SleeperIsTicker,
    /// L5.
    Room,
    /// L6.
    Replay,
    /// L7.
    Bounded,
    /// L8.
    Fuse,
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Law::NoSpin => "L1 no spin",
            Law::Quiet => "L2 quiet",
            Law::Chunks => "L3 chunks",
            Law::SleeperIsTicker => "L4 sleeper = ticker",
            Law::Room => "L5 room",
            Law::Replay => "L6 replay",
            Law::Bounded => "L7 bounded",
            Law::Fuse => "L8 fuse",
        })
    }
}

/// A law and how it was broken, before it is known by whom.
type Breach = (Law, String);

/// A law that was broken, by whom, how, and how to see it again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// The law.
    pub law: Law,
    /// The subject's name.
    pub subject: &'static str,
    /// The seed that shows it.
    pub seed: u64,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Broken { law, subject, seed, what } = self;
        write!(f, "{subject} breaks {law}: {what}; replay with {SEED_VARIABLE}={seed}")
    }
}

impl core::error::Error for Broken {}

/// What a check covered, so that a test can demand that it was not empty.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Report {
    /// Schedules that were compared with the plain run of their script.
    pub schedules: u64,
    /// Polls made.
    pub polls: u64,
    /// Events in the plain runs.
    pub events: u64,
    /// Bytes sent in the plain runs.
    pub sent: u64,
    /// Plain runs that met their last event, where L8 was at work.
    pub ended: u64,
    /// A hash of every plain run, the same in any process.
    pub digest: u64,
}

/// Checks all laws under `count` schedules, or under the one that `ZRPC_LAWS_SEED` names.
///
/// # Panics
/// When a law is broken, with the line that replays it.
pub fn check<S: Subject>(count: u64) -> Report {
    let seeds = seed_from_environment().map_or(0..count, |seed| seed..seed.saturating_add(1));
    match try_check::<S>(seeds) {
        Ok(report) => report,
        Err(broken) => panic!("{broken}"),
    }
}

/// Checks all laws under the schedules that these seeds give.
///
/// # Errors
/// The first law that is broken.
pub fn try_check<S: Subject>(seeds: Range<u64>) -> Result<Report, Broken> {
    let mut report = Report::default();
    let mut plain: Option<Plain<S>> = None;
    for seed in seeds {
        let _named = NamedOnPanic { subject: S::NAME, seed };
        let broken = |(law, what): Breach| Broken { law, subject: S::NAME, seed, what };
        let script_seed = seed / SCHEDULES_PER_SCRIPT;
        let plain = match plain.take_if(|plain| plain.seed == script_seed) {
            Some(known) => plain.insert(known),
            None => {
                let fresh = Plain::<S>::run(script_seed, script_of::<S>(script_seed)).map_err(broken)?;
                report.add_plain(&fresh.trace);
                plain.insert(fresh)
            }
        };
        report.schedules += 1;
        report.polls += plain.compare(seed).map_err(broken)?;
    }
    Ok(report)
}

/// Checks all laws with a script from elsewhere, such as a fuzzer, under one schedule of each kind.
///
/// # Errors
/// The first law that is broken.
pub fn try_script<S: Subject>(seed: u64, script: Script<S::Command>) -> Result<(), Broken> {
    let broken = |(law, what): Breach| Broken { law, subject: S::NAME, seed, what };
    let plain = Plain::<S>::run(seed, script.finished()).map_err(broken)?;
    let kinds: &[u64] = if S::IS_DAMAGED { &[0, 3, 5, 7] } else { &[3, 5] };
    for kind in kinds {
        plain.compare(seed.wrapping_mul(8).wrapping_add(*kind)).map_err(broken)?;
    }
    Ok(())
}

/// A script and what it does when nothing is varied: the yardstick for its other schedules.
struct Plain<S: Subject> {
    seed: u64,
    script: Script<S::Command>,
    trace: Trace<EventOf<S>>,
}

impl<S: Subject> Plain<S> {
    fn run(seed: u64, script: Script<S::Command>) -> Result<Plain<S>, Breach> {
        let trace = run::<S>(seed, &script, Schedule::new(Kind::Plain, 0))?;
        let again = run::<S>(seed, &script, Schedule::new(Kind::Plain, 0))?;
        same_trace(Law::Replay, &trace, &again)?;
        read_sent::<S>(&trace.sent)?;
        Ok(Plain { seed, script, trace })
    }

    /// Runs the script under one other schedule, holds it against this, and says how many polls that took.
    fn compare(&self, seed: u64) -> Result<u64, Breach> {
        let mut chance = Entropy::from_seed(seed);
        let schedule_seed = chance.next_u64();
        let run = |script: &Script<S::Command>, kind| {
            run::<S>(self.seed, script, Schedule::new(kind, schedule_seed))
        };
        let trace = match seed % 8 {
            0..=2 => {
                let trace = run(&self.script.split(&mut chance), Kind::Chunks)?;
                same_story::<S>(Law::Chunks, &self.trace, &trace)?;
                trace
            }
            3..=4 => {
                let trace = run(&self.script, Kind::Ticker)?;
                same_trace(Law::SleeperIsTicker, &self.trace, &trace)?;
                trace
            }
            5..=6 => {
                let trace = run(&self.script, Kind::Room)?;
                same_story::<S>(Law::Room, &self.trace, &trace)?;
                same_sent::<S>(&self.trace, &trace, &mut chance)?;
                trace
            }
            _ => {
                let script = self.script.split(&mut chance);
                let trace = run(&script, Kind::Mixed)?;
                same_trace(Law::Replay, &trace, &run(&script, Kind::Mixed)?)?;
                same_story::<S>(Law::Room, &self.trace, &trace)?;
                trace
            }
        };
        Ok(trace.polls)
    }
}

fn script_of<S: Subject>(seed: u64) -> Script<S::Command> {
    let mut chance = Entropy::from_seed(seed);
    let script = S::script(seed).finished();
    let is_damaged = S::IS_DAMAGED && !seed.is_multiple_of(2);
    let script = if is_damaged { script.damaged(&mut chance) } else { script };
    script.joined(&mut chance)
}

/// The events as their owner would tell them: data in one piece, hints to go on left out, and with L5 stream by stream.
fn story<S: Subject>(law: Law, trace: &Trace<EventOf<S>>) -> Vec<EventOf<S>> {
    let mut events: Vec<EventOf<S>> = trace.events.iter().filter_map(|(_, event)| S::told(event)).collect();
    if law == Law::Room {
        events.sort_by_key(|event| S::stream(event));
    }
    let mut story: Vec<EventOf<S>> = Vec::new();
    for event in events {
        if !story.last_mut().is_some_and(|last| S::join(last, &event)) {
            story.push(event);
        }
    }
    story
}

fn same<T: PartialEq + Debug>(law: Law, noun: &str, plain: &[T], other: &[T]) -> Result<(), Breach> {
    if plain == other {
        return Ok(());
    }
    let at = plain.iter().zip(other).take_while(|(a, b)| a == b).count();
    let show = |item: Option<&T>| match item {
        None => "missing".into(),
        Some(item) => format!("{item:?}").chars().take(SHOWN_CHARS).collect::<String>(),
    };
    let (expected, found) = (show(plain.get(at)), show(other.get(at)));
    Err((law, format!("{noun} {at} is {expected} in one run and {found} in the other")))
}

fn same_trace<E: PartialEq + Debug>(law: Law, one: &Trace<E>, other: &Trace<E>) -> Result<(), Breach> {
    same(law, "event", &one.events, &other.events)?;
    same(law, "write", &one.sent_by, &other.sent_by)?;
    same(law, "sent byte", &one.sent, &other.sent)
}

fn same_story<S: Subject>(
    law: Law,
    one: &Trace<EventOf<S>>,
    other: &Trace<EventOf<S>>,
) -> Result<(), Breach> {
    same(law, "event", &story::<S>(law, one), &story::<S>(law, other))
}

fn same_sent<S: Subject>(
    plain: &Trace<EventOf<S>>,
    trace: &Trace<EventOf<S>>,
    chance: &mut Entropy,
) -> Result<(), Breach> {
    let (expected, found) = (read_sent::<S>(&plain.sent)?, read_sent::<S>(&trace.sent)?);
    if expected != found {
        return Err((Law::Room, format!("{expected:?} was sent with room, {found:?} without")));
    }
    let ends = &trace.ends_of_polls;
    if let Some(end) = ends.get(chance.below(ends.len() as u64) as usize) {
        read_sent::<S>(&trace.sent[..*end])?;
    }
    Ok(())
}

fn read_sent<S: Subject>(bytes: &[u8]) -> Result<S::Sent, Breach> {
    S::sent(bytes).map_err(|what| (Law::Room, format!("unreadable output: {what}")))
}

impl Report {
    fn add_plain<E: Debug>(&mut self, trace: &Trace<E>) {
        self.polls += trace.polls;
        self.events += trace.events.len() as u64;
        self.sent += trace.sent.len() as u64;
        self.ended += u64::from(trace.is_over);
        let mut digest = Digest(self.digest);
        digest.take(format!("{:?} {:?}", trace.events, trace.sent_by).as_bytes());
        digest.take(&trace.sent);
        self.digest = digest.0;
    }
}

/// A machine that panics breaks no law by value; this says which seed it was.
struct NamedOnPanic {
    subject: &'static str,
    seed: u64,
}

impl Drop for NamedOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::eprintln!("{} panicked; replay with {SEED_VARIABLE}={}", self.subject, self.seed);
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test harness, not a machine: a person names the seed to replay"
)]
fn seed_from_environment() -> Option<u64> {
    let text = std::env::var(SEED_VARIABLE).ok()?;
    match text.parse() {
        Ok(seed) => Some(seed),
        Err(error) => {
            panic!("{SEED_VARIABLE} must be a number as a failing run printed it, not {text:?}: {error}")
        }
    }
}
