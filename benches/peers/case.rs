//! Which work is measured, on which stacks, and what zRPC has to reach.

use crate::{Stack, round};
use zrpc_benches::measure::{Figures, Goal, Measure};
use zrpc_benches::process::Server;
use zrpc_benches::{Bench, Effort, Failure};

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

impl Bench for Case {
    type Stack = Stack;
    const ABOUT: &'static str =
        "zRPC beside tonic 0.14.9, the h2 crate 0.4.20 and bare sockets, over TCP on the loopback device";

    fn all() -> Vec<Case> {
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

    fn stacks(self) -> &'static [Stack] {
        match self.work {
            Work::OwnClient | Work::SameClient | Work::Idle => &[Stack::Zrpc, Stack::Tonic, Stack::H2],
            Work::Upload | Work::Download => &[Stack::Zrpc, Stack::Tonic],
            Work::Blocking => &[Stack::ZrpcBlocking, Stack::BareTcp],
        }
    }

    fn title(self) -> String {
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

    fn goal(self, measure: Measure, peer: Stack) -> Option<Goal> {
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

    fn work_name(self) -> &'static str {
        match self.work {
            Work::OwnClient => "unary",
            Work::SameClient => "unary_same_client",
            Work::Upload => "upload",
            Work::Download => "download",
            Work::Blocking => "blocking",
            Work::Idle => "idle_connection",
        }
    }

    fn carrier(self) -> &'static str {
        "http2+tcp"
    }

    fn payload(self) -> usize {
        self.payload
    }

    fn in_flight(self) -> usize {
        self.in_flight
    }

    fn is_counted_once(self) -> bool {
        self.work == Work::Idle
    }

    fn serve(stack: Stack) -> Result<(), Failure> {
        round::serve(stack)
    }

    fn measure(self, stack: Stack, server: &mut Server, effort: Effort) -> Result<Figures, Failure> {
        round::measure(self, stack, server, effort)
    }
}
