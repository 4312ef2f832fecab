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
    /// Calls that are open at once; with WebSocket, connections with one message under way each.
    pub in_flight: usize,
}

/// What is done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Work {
    /// Unary echo over one Unix socket, async.
    Native,
    /// Unary echo over one Unix socket, gRPC.
    Grpc,
    /// Unary echo between a blocking client and server over one Unix socket.
    Blocking,
    /// The same while both sides poll.
    Polling,
    /// Messages echoed by a WebSocket server over TCP.
    WebSocket,
    /// WebSocket connections that echoed one message each and are held open.
    WebSocketIdle,
}

impl Bench for Case {
    type Stack = Stack;
    const ABOUT: &'static str = "zRPC beside tarpc 0.38, tonic 0.14.9, fastwebsockets 0.10, tokio-tungstenite 0.30 and bare \
                                 sockets; WebSocket over TCP on the loopback device, all else over Unix sockets";

    fn all() -> Vec<Case> {
        let mut cases = Vec::new();
        for work in [Work::Native, Work::Grpc] {
            for (payload, in_flight) in [(32, 1), (32, 64), (4096, 64)] {
                cases.push(Case { work, payload, in_flight });
            }
        }
        for work in [Work::Blocking, Work::Polling] {
            for payload in [32, 4096] {
                cases.push(Case { work, payload, in_flight: 1 });
            }
        }
        for (payload, in_flight) in [(32, 1), (32, 64), (4096, 64)] {
            cases.push(Case { work: Work::WebSocket, payload, in_flight });
        }
        cases.push(Case { work: Work::WebSocketIdle, payload: 32, in_flight: 1 });
        cases
    }

    fn stacks(self) -> &'static [Stack] {
        match self.work {
            Work::Native if self.in_flight == 1 => &[Stack::Native, Stack::Tarpc, Stack::BareTokio],
            Work::Native => &[Stack::Native, Stack::Tarpc],
            Work::Grpc => &[Stack::Grpc, Stack::Tonic],
            Work::Blocking => &[Stack::NativeBlocking, Stack::BareBlocking],
            Work::Polling => &[Stack::NativePolling, Stack::BarePolling],
            Work::WebSocket | Work::WebSocketIdle => {
                &[Stack::WebSocket, Stack::FastWebSockets, Stack::Tungstenite]
            }
        }
    }

    fn title(self) -> String {
        let payload = match self.payload {
            size if size >= 1024 => format!("{} KB", size / 1024),
            size => format!("{size} B"),
        };
        let in_flight = self.in_flight;
        match self.work {
            Work::Native => format!("native, unary {payload}, {in_flight} in flight"),
            Work::Grpc => format!("gRPC, unary {payload}, {in_flight} in flight"),
            Work::Blocking => format!("native, unary {payload}, blocking client and server"),
            Work::Polling => format!("native, unary {payload}, blocking client and server that poll"),
            Work::WebSocket => format!("WebSocket, echo {payload}, {in_flight} connections"),
            Work::WebSocketIdle => "WebSocket, idle connections after one echo each".to_owned(),
        }
    }

    fn goal(self, measure: Measure, peer: Stack) -> Option<Goal> {
        match (self.work, measure, peer) {
            (Work::Native, Measure::Cpu, Stack::Tarpc) => Some(Goal::RatioAtMost(0.8)),
            (Work::Blocking, Measure::P50, Stack::BareBlocking) => Some(Goal::RatioAtMost(1.15)),
            (Work::Polling, Measure::P95, Stack::BarePolling) if self.payload == 32 => {
                Some(Goal::AtMost(10.0))
            }
            (Work::WebSocket, Measure::Cpu, Stack::FastWebSockets) => Some(Goal::RatioAtMost(1.1)),
            (Work::WebSocket, Measure::Allocations, Stack::FastWebSockets) => Some(Goal::AtMost(0.01)),
            (Work::WebSocketIdle, Measure::Resident, Stack::FastWebSockets) => Some(Goal::AtMost(4.0)),
            _ => None,
        }
    }

    fn work_name(self) -> &'static str {
        match self.work {
            Work::Native => "native_unary",
            Work::Grpc => "grpc_unary",
            Work::Blocking => "native_blocking",
            Work::Polling => "native_polling",
            Work::WebSocket => "websocket_echo",
            Work::WebSocketIdle => "websocket_idle",
        }
    }

    fn carrier(self) -> &'static str {
        match self.work {
            Work::Native | Work::Blocking | Work::Polling => "native+unix",
            Work::Grpc => "http2+unix",
            Work::WebSocket | Work::WebSocketIdle => "websocket+tcp",
        }
    }

    fn payload(self) -> usize {
        self.payload
    }

    fn in_flight(self) -> usize {
        self.in_flight
    }

    fn is_counted_once(self) -> bool {
        self.work == Work::WebSocketIdle
    }

    fn serve(stack: Stack) -> Result<(), Failure> {
        round::serve(stack)
    }

    fn measure(self, stack: Stack, server: &mut Server, effort: Effort) -> Result<Figures, Failure> {
        round::measure(self, stack, server, effort)
    }
}
