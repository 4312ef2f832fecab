//! Which work is measured, on which stacks, and what zRPC has to reach.

use crate::{Effort, Stack};

/// One row of the plan.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Case {
    pub work: Work,
    /// Bytes of a payload, each way.
    pub payload: usize,
    /// Calls that are open at once.
    pub in_flight: usize,
}

/// What is done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Work {
    /// Unary echo, each server asked by its own client, over one connection.
    OwnClient,
    /// Unary echo, all servers asked by the same client, over one connection.
    SameClient,
    /// Messages streamed to the server.
    Upload,
    /// Messages streamed to the client.
    Download,
    /// Unary echo between blocking client and server.
    Blocking,
    /// Connections that made one call each and are held open.
    Idle,
}

/// What a figure says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Measure {
    P50,
    P99,
    Rate,
    Cpu,
    Allocations,
    Bulk,
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

impl Case {
    /// The plan, in the order of the table.
    pub fn all() -> Vec<Case> {
        let mut cases = Vec::new();
        for (payload, in_flight) in [(32, 1), (32, 64), (4096, 1), (4096, 64)] {
            cases.push(Case { work: Work::OwnClient, payload, in_flight });
        }
        for payload in [32, 4096] {
            cases.push(Case { work: Work::SameClient, payload, in_flight: 64 });
        }
        for work in [Work::Upload, Work::Download] {
            cases.push(Case { work, payload: 64 * 1024, in_flight: 1 });
        }
        for payload in [32, 4096] {
            cases.push(Case { work: Work::Blocking, payload, in_flight: 1 });
        }
        cases.push(Case { work: Work::Idle, payload: 32, in_flight: 1 });
        cases
    }

    /// Who takes part; ours comes first.
    pub fn stacks(self) -> &'static [Stack] {
        match self.work {
            Work::OwnClient | Work::SameClient | Work::Idle => &[Stack::Zrpc, Stack::Tonic, Stack::H2],
            Work::Upload | Work::Download => &[Stack::Zrpc, Stack::Tonic],
            Work::Blocking => &[Stack::ZrpcBlocking, Stack::BareTcp],
        }
    }

    /// How often it is repeated; connections are counted once, as memory does not vary with load.
    pub fn rounds(self, effort: Effort) -> usize {
        if self.work == Work::Idle { 1 } else { effort.rounds }
    }

    /// A heading.
    pub fn title(self) -> String {
        let payload = match self.payload {
            size if size >= 1024 => format!("{} KB", size / 1024),
            size => format!("{size} B"),
        };
        let in_flight = self.in_flight;
        match self.work {
            Work::OwnClient => format!("unary {payload}, {in_flight} in flight, each stack's own client"),
            Work::SameClient => format!("unary {payload}, {in_flight} in flight, the same client for all"),
            Work::Upload => format!("{payload} messages streamed to the server"),
            Work::Download => format!("{payload} messages streamed to the client"),
            Work::Blocking => format!("unary {payload}, blocking client and server, beside bare sockets"),
            Work::Idle => "idle connections after one call each".to_owned(),
        }
    }

    /// What is to be reached against `peer`, where something was set.
    pub fn goal(self, measure: Measure, peer: Stack) -> Option<Goal> {
        match (self.work, measure, peer) {
            (Work::OwnClient, Measure::P50 | Measure::P99, Stack::Tonic) if self.in_flight == 1 => {
                Some(Goal::RatioAtMost(0.7))
            }
            (Work::OwnClient, Measure::Rate, Stack::Tonic) if self.in_flight > 1 => {
                Some(Goal::RatioAtLeast(2.5))
            }
            (Work::SameClient, Measure::Cpu, Stack::Tonic) => Some(Goal::RatioAtMost(0.4)),
            (Work::SameClient, Measure::Cpu, Stack::H2) => Some(Goal::RatioAtMost(0.8)),
            (Work::SameClient, Measure::Allocations, Stack::Tonic) => Some(Goal::AtMost(4.0)),
            (Work::Upload | Work::Download, Measure::Bulk, Stack::Tonic) => Some(Goal::RatioAtLeast(1.3)),
            (Work::Blocking, Measure::P50, Stack::BareTcp) => Some(Goal::RatioAtMost(1.3)),
            (Work::Idle, Measure::Resident, Stack::Tonic) => Some(Goal::AtMost(3.0)),
            _ => None,
        }
    }

    /// The measure's name for programs.
    pub fn json_name(self, measure: Measure) -> String {
        let work = match self.work {
            Work::OwnClient => "unary",
            Work::SameClient => "unary_same_client",
            Work::Upload => "upload",
            Work::Download => "download",
            Work::Blocking => "blocking",
            Work::Idle => "idle_connection",
        };
        format!("{work}_{}", measure.json_name())
    }
}

impl Measure {
    const fn json_name(self) -> &'static str {
        match self {
            Measure::P50 => "p50",
            Measure::P99 => "p99",
            Measure::Rate => "requests",
            Measure::Cpu => "server_cpu",
            Measure::Allocations => "server_allocations",
            Measure::Bulk => "throughput",
            Measure::Resident => "server_memory",
        }
    }

    /// What a row of the table is called.
    pub const fn title(self) -> &'static str {
        match self {
            Measure::P50 => "p50",
            Measure::P99 => "p99",
            Measure::Rate => "requests",
            Measure::Cpu => "server CPU",
            Measure::Allocations => "server allocations",
            Measure::Bulk => "throughput",
            Measure::Resident => "server memory",
        }
    }

    /// What it is counted in.
    pub const fn unit(self) -> &'static str {
        match self {
            Measure::P50 | Measure::P99 => "µs",
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
            Goal::RatioAtMost(limit) => write!(f, "≤ {limit:.1}×"),
            Goal::RatioAtLeast(limit) => write!(f, "≥ {limit:.1}×"),
            Goal::AtMost(limit) => write!(f, "≤ {limit}"),
        }
    }
}
