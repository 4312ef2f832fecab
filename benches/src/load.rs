//! Closed loops: each of `in_flight` callers starts its next call when its last one has ended.
//!
//! Percentiles are exact, over all calls of a round; nothing is sampled or bucketed.

use crate::{Effort, Failure};
use bytes::Bytes;
use std::future::Future;
use std::time::{Duration, Instant};

/// A client that makes unary calls.
pub trait Unary: Clone + Send + 'static {
    /// Sends a body and awaits it back; answers how long the reply was.
    fn echo(&mut self, body: Bytes) -> impl Future<Output = Result<usize, Failure>> + Send;
}

/// A client that streams one way.
pub trait Streams: Clone + Send + 'static {
    /// Streams `body` up again and again for `time`; answers how many messages the server took.
    fn upload(&mut self, body: Bytes, time: Duration) -> impl Future<Output = Result<u64, Failure>> + Send;

    /// Has `body` streamed down for `time`; answers how many messages came.
    fn download(&mut self, body: Bytes, time: Duration) -> impl Future<Output = Result<u64, Failure>> + Send;
}

/// How long each call of a round took, and how long the round.
#[derive(Debug, Default)]
pub struct Latencies {
    nanos: Vec<u64>,
    elapsed: Duration,
}

impl Latencies {
    /// From single latencies and the whole time.
    #[must_use]
    pub fn new(mut nanos: Vec<u64>, elapsed: Duration) -> Latencies {
        nanos.sort_unstable();
        Latencies { nanos, elapsed }
    }

    /// Calls that were made.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.nanos.len()
    }

    /// Calls a second.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        self.calls() as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency that `part` of all calls stayed below, in microseconds.
    #[must_use]
    pub fn percentile_us(&self, part: f64) -> f64 {
        let at = (self.calls() as f64 * part).ceil() as usize;
        self.nanos.get(at.saturating_sub(1)).map_or(f64::NAN, |nanos| *nanos as f64 / 1000.0)
    }
}

/// Calls from `in_flight` tasks for `time`.
///
/// # Errors
/// When one fails.
pub async fn calls<C: Unary>(
    client: &C,
    body: &Bytes,
    in_flight: usize,
    time: Duration,
) -> Result<Latencies, Failure> {
    let start = Instant::now();
    let callers: Vec<_> =
        (0..in_flight).map(|_| tokio::spawn(caller(client.clone(), body.clone(), start + time))).collect();
    let mut nanos = Vec::new();
    for caller in callers {
        nanos.append(&mut caller.await??);
    }
    Ok(Latencies::new(nanos, start.elapsed()))
}

async fn caller<C: Unary>(mut client: C, body: Bytes, end: Instant) -> Result<Vec<u64>, Failure> {
    let mut nanos = Vec::new();
    let mut before = Instant::now();
    while before < end {
        let length = client.echo(body.clone()).await?;
        if length != body.len() {
            return Err(format!("a reply has {length} bytes instead of {}", body.len()).into());
        }
        let after = Instant::now();
        nanos.push(u64::try_from((after - before).as_nanos()).unwrap_or(u64::MAX));
        before = after;
    }
    Ok(nanos)
}

/// Calls from this thread, one at a time, for `time`.
///
/// # Errors
/// When one fails.
pub fn blocking_calls(
    time: Duration,
    mut call: impl FnMut() -> Result<(), Failure>,
) -> Result<Latencies, Failure> {
    let start = Instant::now();
    let mut nanos = Vec::new();
    let mut before = start;
    while before < start + time {
        call()?;
        let after = Instant::now();
        nanos.push(u64::try_from((after - before).as_nanos()).unwrap_or(u64::MAX));
        before = after;
    }
    Ok(Latencies::new(nanos, start.elapsed()))
}

/// A warm-up, then the calls that count.
///
/// # Errors
/// When one fails.
pub fn warm_and_measure(
    effort: Effort,
    mut call: impl FnMut() -> Result<(), Failure>,
) -> Result<Latencies, Failure> {
    blocking_calls(effort.warm_up, &mut call)?;
    blocking_calls(effort.round, &mut call)
}
