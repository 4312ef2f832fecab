//! What the figures of a bench say, and what zRPC has to reach.

use crate::load::Latencies;
use crate::process::Counters;

/// What a round found.
pub type Figures = Vec<(Measure, f64)>;

/// What a figure says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Measure {
    /// The latency that half of all calls stayed below.
    P50,
    /// The latency that 95 of 100 calls stayed below.
    P95,
    /// The latency that 99 of 100 calls stayed below.
    P99,
    /// Calls or messages a second.
    Rate,
    /// CPU time of the server, user and system, a call.
    Cpu,
    /// Calls of the server's allocator a call.
    Allocations,
    /// Payload a second.
    Bulk,
    /// Resident memory of the server a connection.
    Resident,
}

/// What zRPC has to reach.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// At most this many times the peer's figure.
    RatioAtMost(f64),
    /// At least this many times the peer's figure.
    RatioAtLeast(f64),
    /// At most this, whatever the peer does.
    AtMost(f64),
}

impl Measure {
    /// The measure's name for programs.
    #[must_use]
    pub const fn json_name(self) -> &'static str {
        match self {
            Measure::P50 => "p50",
            Measure::P95 => "p95",
            Measure::P99 => "p99",
            Measure::Rate => "requests",
            Measure::Cpu => "server_cpu",
            Measure::Allocations => "server_allocations",
            Measure::Bulk => "throughput",
            Measure::Resident => "server_memory",
        }
    }

    /// What a row of the table is called.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Measure::P50 => "p50",
            Measure::P95 => "p95",
            Measure::P99 => "p99",
            Measure::Rate => "requests",
            Measure::Cpu => "server CPU",
            Measure::Allocations => "server allocations",
            Measure::Bulk => "throughput",
            Measure::Resident => "server memory",
        }
    }

    /// What it is counted in.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Measure::P50 | Measure::P95 | Measure::P99 => "µs",
            Measure::Rate => "1/s",
            Measure::Cpu => "µs/request",
            Measure::Allocations => "1/request",
            Measure::Bulk => "MB/s",
            Measure::Resident => "KB/connection",
        }
    }
}

impl Goal {
    /// Whether `ours` reaches it beside `peer`.
    #[must_use]
    pub fn is_reached(self, ours: f64, peer: f64) -> bool {
        match self {
            Goal::RatioAtMost(limit) => ours / peer <= limit,
            Goal::RatioAtLeast(limit) => ours / peer >= limit,
            Goal::AtMost(limit) => ours <= limit,
        }
    }
}

impl std::fmt::Display for Goal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Goal::RatioAtMost(limit) => write!(f, "≤ {limit}×"),
            Goal::RatioAtLeast(limit) => write!(f, "≥ {limit}×"),
            Goal::AtMost(limit) => write!(f, "≤ {limit}"),
        }
    }
}

/// Latencies and rate of a round.
#[must_use]
pub fn latency_figures(latencies: &Latencies) -> Figures {
    vec![
        (Measure::P50, latencies.percentile_us(0.5)),
        (Measure::P95, latencies.percentile_us(0.95)),
        (Measure::P99, latencies.percentile_us(0.99)),
        (Measure::Rate, latencies.per_second()),
    ]
}

/// What the server used a call.
#[must_use]
pub fn server_figures(used: Counters, latencies: &Latencies) -> [(Measure, f64); 2] {
    let calls = latencies.calls() as f64;
    [
        (Measure::Cpu, used.cpu_ns as f64 / 1000.0 / calls),
        (Measure::Allocations, used.allocations as f64 / calls),
    ]
}
