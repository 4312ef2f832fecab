//! The mixed scenario as a value: who is there, which calls are made and what goes wrong, all of it from one seed.

use std::time::Duration;
use zrpc_core::base::Entropy;
use zrpc_core::rpc::{Carrier, Encoding};
use zrpc_sim::Skew;
use zrpc_sim::link::Conditions;

const CARRIERS: [Carrier; 8] = [
    Carrier::Grpc,
    Carrier::Native,
    Carrier::WebSocket,
    Carrier::WebSocketHttp2,
    Carrier::GrpcWeb,
    Carrier::GrpcWebText,
    Carrier::GrpcWebHttp1,
    Carrier::GrpcWebTextHttp1,
];
const SIZES: [u32; 8] = [0, 1, 30, 30, 700, 700, 9_000, 80_000];

/// A kind of call, by what the service does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Unary,
    /// One request, `count` replies.
    Stream,
    /// `count` requests, one reply.
    Collect,
    /// `count` of each, in turns.
    Chat,
    /// Never answered.
    Hang,
    /// Answered by a status.
    Fail,
}

#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub channel: usize,
    pub at: Duration,
    pub kind: Kind,
    pub count: u16,
    pub up: u32,
    pub down: u32,
    /// How long the server waits between its messages, and the client between taking them.
    pub server_pace: u16,
    pub client_pace: u16,
    pub timeout: Option<Duration>,
    pub cancel_after: Option<Duration>,
    pub compression: Option<Encoding>,
}

#[derive(Clone, Copy, Debug)]
pub struct Way {
    pub client: usize,
    pub server: usize,
    pub carrier: Carrier,
    pub up: Conditions,
    pub down: Conditions,
    /// Keepalive of the client.
    pub keepalive: Option<Duration>,
}

/// What goes wrong, between the ends of a channel or at one of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    Stall,
    Partition,
    Vanish,
    Reset,
    CrashServer,
    CrashClient,
    PowerOffServer,
    StopServer,
    StopClient,
    JumpServer,
    JumpClient,
    Drain,
}

const TROUBLES: [Trouble; 12] = [
    Trouble::Stall,
    Trouble::Partition,
    Trouble::Vanish,
    Trouble::Reset,
    Trouble::CrashServer,
    Trouble::CrashClient,
    Trouble::PowerOffServer,
    Trouble::StopServer,
    Trouble::StopClient,
    Trouble::JumpServer,
    Trouble::JumpClient,
    Trouble::Drain,
];

#[derive(Clone, Copy, Debug)]
pub struct Incident {
    pub at: Duration,
    pub channel: usize,
    pub trouble: Trouble,
    pub lasts: Duration,
}

#[derive(Clone, Debug)]
pub struct Plan {
    /// Small windows and few calls at once.
    pub is_tight: bool,
    pub clients: Vec<Skew>,
    pub servers: Vec<Skew>,
    pub ways: Vec<Way>,
    pub calls: Vec<Call>,
    pub incidents: Vec<Incident>,
}

/// How long calls and incidents begin.
const BUSY: Duration = Duration::from_secs(40);

struct Dice(Entropy);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0.below(bound)
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize]
    }

    fn millis(&mut self, bound: u64) -> Duration {
        Duration::from_micros(self.below(bound * 1000))
    }

    fn skew(&mut self) -> Skew {
        if self.one_in(2) {
            return Skew::default();
        }
        Skew { ahead: self.millis(100_000), drift_ppm: self.below(401) as i32 - 200 }
    }

    fn way(&mut self, clients: usize, servers: usize) -> Way {
        Way {
            client: self.below(clients as u64) as usize,
            server: self.below(servers as u64) as usize,
            carrier: self.pick(&CARRIERS),
            up: Conditions::random(&mut self.0),
            down: Conditions::random(&mut self.0),
            keepalive: self.one_in(3).then(|| Duration::from_secs(10 + self.below(20))),
        }
    }

    fn call(&mut self, ways: &[Way], is_tight: bool) -> Call {
        let channel = self.below(ways.len() as u64) as usize;
        let streams = !matches!(
            ways[channel].carrier,
            Carrier::GrpcWeb | Carrier::GrpcWebText | Carrier::GrpcWebHttp1 | Carrier::GrpcWebTextHttp1
        );
        let kinds = [
            Kind::Unary,
            Kind::Unary,
            Kind::Stream,
            Kind::Fail,
            Kind::Hang,
            Kind::Chat,
            Kind::Collect,
            Kind::Chat,
        ];
        let kind = self.pick(if streams { &kinds } else { &kinds[..5] });
        let slow = [ways[channel].up, ways[channel].down].iter().any(|way| way.bandwidth == 20_000);
        let sizes = if slow || is_tight { &SIZES[..6] } else { &SIZES };
        let timeout = (kind == Kind::Hang || self.one_in(3)).then(|| self.millis(12_000));
        Call {
            channel,
            at: self.millis(BUSY.as_millis() as u64),
            kind,
            count: self.below(12) as u16,
            up: self.pick(sizes),
            down: self.pick(sizes),
            server_pace: if self.one_in(2) { 0 } else { self.below(300) as u16 },
            client_pace: if self.one_in(2) { 0 } else { self.below(300) as u16 },
            timeout,
            cancel_after: self.one_in(5).then(|| self.millis(4_000)),
            compression: self.one_in(3).then_some(Encoding::Gzip),
        }
    }

    fn incident(&mut self, ways: usize) -> Incident {
        Incident {
            at: self.millis(BUSY.as_millis() as u64),
            channel: self.below(ways as u64) as usize,
            trouble: self.pick(&TROUBLES),
            lasts: self.millis(15_000),
        }
    }
}

impl Plan {
    pub fn new(seed: u64) -> Plan {
        let mut dice = Dice(Entropy::from_seed(seed ^ 0x7a72_7063));
        let clients: Vec<Skew> = (0..=dice.below(3)).map(|_| dice.skew()).collect();
        let servers: Vec<Skew> = (0..=dice.below(2)).map(|_| dice.skew()).collect();
        let ways: Vec<Way> = (0..=dice.below(4)).map(|_| dice.way(clients.len(), servers.len())).collect();
        let is_tight = dice.one_in(2);
        let calls = (0..5 + dice.below(40)).map(|_| dice.call(&ways, is_tight)).collect();
        // One world in four is at peace: there, nothing excuses anything.
        let troubles = if dice.one_in(4) { 0 } else { 1 + dice.below(8) };
        let incidents = (0..troubles).map(|_| dice.incident(ways.len())).collect();
        Plan { is_tight, clients, servers, ways, calls, incidents }
    }

    /// Plans without some of the incidents or calls, the smallest first.
    pub fn smaller(&self) -> Vec<Plan> {
        let mut plans = Vec::new();
        for incidents in without_some(&self.incidents) {
            plans.push(Plan { incidents, ..self.clone() });
        }
        for calls in without_some(&self.calls) {
            plans.push(Plan { calls, ..self.clone() });
        }
        for (at, way) in self.ways.iter().enumerate() {
            if way.up != Conditions::default() || way.down != Conditions::default() {
                let mut plan = self.clone();
                plan.ways[at].up = Conditions::default();
                plan.ways[at].down = Conditions::default();
                plans.push(plan);
            }
        }
        plans
    }
}

/// The list without its half, its quarters, … and each single one.
fn without_some<T: Clone>(list: &[T]) -> Vec<Vec<T>> {
    let mut lists = Vec::new();
    let mut len = list.len();
    while len > 0 {
        for start in (0..list.len()).step_by(len) {
            let end = (start + len).min(list.len());
            lists.push([&list[..start], &list[end..]].concat());
        }
        len /= 2;
    }
    lists
}
