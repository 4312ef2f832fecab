//! A client and a server with one or two calls between them: all that either can do, and all that the link can do, in every
//! order. See `crate::base::laws::explore`.
//!
//! Sessions need no `Clone`: a fork is made anew and led down the same path, since they do the same each time.

use crate::base::laws::explore::World;
use crate::base::{Flow, Misuse, Out, Output, Time};
use crate::rpc::trial::scenario::Scenario;
use crate::rpc::{
    CallId, ClientEvent, ClientSession, Code, Metadata, ServerEvent, ServerSession, SessionEnd, StartCall,
    Status,
};
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt::{Debug, Write};
use core::time::Duration;

/// What a step of time is, and half of what calls with a deadline have.
const A_WHILE: Duration = Duration::from_millis(50);
/// Turns in which a healed world must have come to rest.
const TURNS_MAX: usize = 200;

/// Something that can happen; the number is a call's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    Start,
    Send(usize),
    HalfClose(usize),
    Cancel(usize),
    Reply(usize),
    Finish(usize),
    Consume,
    Up,
    Down,
    Wait,
    DrainServer,
    DrainClient,
    Cut,
}

#[derive(Clone, Default, Debug)]
struct Call {
    id: Option<CallId>,
    sent: [usize; 2],
    received: [usize; 2],
    blocked: [bool; 2],
    half_closed: bool,
    heard_half_close: bool,
    cancelled: bool,
    opened: bool,
    finished: bool,
    at_client: Option<Code>,
    at_server: Option<Code>,
    /// Credit that was not given back, up and down.
    credit: [Vec<u32>; 2],
}

const UP: usize = 0;
const DOWN: usize = 1;

pub(crate) struct Pair<C, S> {
    scenario: Scenario,
    make: fn() -> (C, S),
    path: Vec<Step>,
    now: Time,
    client: C,
    server: S,
    up: VecDeque<Bytes>,
    down: VecDeque<Bytes>,
    calls: Vec<Call>,
    client_end: Option<SessionEnd>,
    server_end: Option<SessionEnd>,
    is_draining: bool,
    is_cut: bool,
    waits: usize,
}

impl<C: ClientSession, S: ServerSession> Pair<C, S> {
    pub(crate) fn new(scenario: Scenario, make: fn() -> (C, S)) -> Pair<C, S> {
        let (client, server) = make();
        let mut pair = Pair {
            scenario,
            make,
            path: Vec::new(),
            now: Time::START,
            client,
            server,
            up: VecDeque::new(),
            down: VecDeque::new(),
            calls: Vec::new(),
            client_end: None,
            server_end: None,
            is_draining: false,
            is_cut: false,
            waits: 0,
        };
        pair.turn();
        if scenario.is_greeted {
            pair.carry_all();
        }
        pair
    }

    /// Polls both until they are idle; what each wrote is one more thing on its way.
    fn turn(&mut self) {
        let mut out = Out::with_room(1 << 20);
        while let Output::Event(event) = self.client.poll_output(self.now, &mut out) {
            self.on_client_event(event);
        }
        if !out.is_empty() && !self.is_cut {
            self.up.push_back(out.to_vec().into());
        }
        let mut out = Out::with_room(1 << 20);
        while let Output::Event(event) = self.server.poll_output(self.now, &mut out) {
            self.on_server_event(event);
        }
        if !out.is_empty() && !self.is_cut {
            self.down.push_back(out.to_vec().into());
        }
    }

    fn carry_all(&mut self) {
        for _ in 0..TURNS_MAX {
            let (up, down) = (self.up.pop_front(), self.down.pop_front());
            if up.is_none() && down.is_none() {
                return self.hang_up();
            }
            up.into_iter().for_each(|bytes| self.server.handle_input(self.now, bytes));
            down.into_iter().for_each(|bytes| self.client.handle_input(self.now, bytes));
            self.turn();
        }
        panic!("the two never stop talking");
    }

    /// A side that is over has its driver close the transport, once all that it wrote is on its way.
    fn hang_up(&mut self) {
        if !self.is_cut && (self.client_end.is_some() || self.server_end.is_some()) {
            self.is_cut = true;
            self.client.handle_eof(self.now);
            self.server.handle_eof(self.now);
            self.turn();
        }
    }

    fn index(&self, id: CallId) -> usize {
        let position = self.calls.iter().position(|call| call.id == Some(id));
        position.unwrap_or_else(|| panic!("{id:?} was never started"))
    }

    fn on_client_event(&mut self, event: ClientEvent) {
        assert!(self.client_end.is_none(), "{event:?} follows the last event");
        match event {
            ClientEvent::Ready | ClientEvent::Draining => {}
            ClientEvent::Head { call } => assert!(self.at(call).at_client.is_none(), "a head after the end"),
            ClientEvent::Message { call, message, credit } => {
                let bytes = self.scenario.message_bytes;
                let at = self.at(call);
                assert!(at.at_client.is_none(), "a message after the end");
                assert_eq!(message, vec![at.received[DOWN] as u8; bytes], "in order and whole");
                at.received[DOWN] += 1;
                at.credit[DOWN].push(credit);
            }
            ClientEvent::Writable { call } => {
                let was_blocked = core::mem::take(&mut self.at(call).blocked[UP]);
                assert!(was_blocked, "Writable comes after Blocked, once");
            }
            ClientEvent::Ended { call, status, .. } => {
                let told = self.at(call).at_client.replace(status.code());
                assert_eq!(told, None, "a call ends once");
            }
            ClientEvent::Closed(end) => {
                assert!(self.calls.iter().all(|call| call.at_client.is_some()), "calls end before");
                self.client_end = Some(end);
            }
        }
        self.consume_at_once();
    }

    fn on_server_event(&mut self, event: ServerEvent) {
        assert!(self.server_end.is_none(), "{event:?} follows the last event");
        match event {
            ServerEvent::Opened { call } => {
                assert!(!core::mem::replace(&mut self.at(call).opened, true), "a call is opened once");
            }
            ServerEvent::Message { call, message, credit } => {
                let bytes = self.scenario.message_bytes;
                let at = self.at(call);
                assert!(at.opened && at.at_server.is_none() && !at.heard_half_close);
                assert_eq!(message, vec![at.received[UP] as u8; bytes], "in order and whole");
                at.received[UP] += 1;
                at.credit[UP].push(credit);
            }
            ServerEvent::HalfClosed { call } => {
                let at = self.at(call);
                assert!(at.half_closed && at.received[UP] == at.sent[UP], "the end follows every message");
                assert!(!core::mem::replace(&mut at.heard_half_close, true), "once");
            }
            ServerEvent::Writable { call } => {
                let was_blocked = core::mem::take(&mut self.at(call).blocked[DOWN]);
                assert!(was_blocked, "Writable comes after Blocked, once");
            }
            ServerEvent::Ended { call, status } => {
                let at = self.at(call);
                assert!(at.opened, "what was not opened does not end");
                assert_eq!(at.at_server.replace(status.code()), None, "a call ends once");
            }
            ServerEvent::Refused { why } => panic!("{why}"),
            ServerEvent::Closed(end) => {
                let is_open = |call: &Call| call.opened && call.at_server.is_none();
                assert!(!self.calls.iter().any(is_open), "calls end before");
                self.server_end = Some(end);
            }
        }
        self.consume_at_once();
    }

    fn at(&mut self, id: CallId) -> &mut Call {
        let index = self.index(id);
        &mut self.calls[index]
    }

    fn consume_at_once(&mut self) {
        if !self.scenario.consumes {
            self.consume();
        }
    }

    fn consume(&mut self) {
        for call in &mut self.calls {
            let Some(id) = call.id else { continue };
            call.credit[UP].drain(..).for_each(|credit| self.server.consume(id, credit));
            call.credit[DOWN].drain(..).for_each(|credit| self.client.consume(id, credit));
        }
    }

    fn start(&mut self) {
        let metadata = Metadata::new();
        let has_deadline = self.scenario.deadlines && self.calls.len() % 2 == 1;
        let deadline = has_deadline.then(|| self.now + 2 * A_WHILE);
        let head = StartCall { path: "/s/m", metadata: &metadata, deadline, compression: None };
        match self.client.start(self.now, head) {
            Ok(id) => self.calls.push(Call { id: Some(id), ..Call::default() }),
            Err(misuse) => assert!(
                self.is_draining || self.client_end.is_some() || self.is_cut,
                "a connection that lives takes calls: {misuse}"
            ),
        }
    }

    fn send(&mut self, index: usize, way: usize) {
        let call = &mut self.calls[index];
        let Some(id) = call.id else { return };
        let message = Bytes::from(vec![call.sent[way] as u8; self.scenario.message_bytes]);
        let sent = if way == UP {
            self.client.send(id, message, false)
        } else {
            self.server.send(id, message, false)
        };
        match sent {
            Ok(flow) => {
                call.sent[way] += 1;
                call.blocked[way] = flow == Flow::Blocked;
            }
            // The call is over, and the event that says so is on its way to its owner.
            Err(misuse) => assert!(matches!(misuse, Misuse::Gone | Misuse::Closed), "{misuse}"),
        }
    }

    fn finish(&mut self, index: usize) {
        let Some(id) = self.calls[index].id else { return };
        match self.server.finish(id, &Status::OK, &Metadata::new()) {
            Ok(()) => self.calls[index].finished = true,
            Err(misuse) => assert!(matches!(misuse, Misuse::Gone | Misuse::Closed), "{misuse}"),
        }
    }

    fn half_close(&mut self, index: usize) {
        let Some(id) = self.calls[index].id else { return };
        match self.client.half_close(id) {
            Ok(()) => self.calls[index].half_closed = true,
            Err(misuse) => assert!(matches!(misuse, Misuse::Gone | Misuse::Closed), "{misuse}"),
        }
    }

    fn cut(&mut self) {
        self.is_cut = true;
        self.up.clear();
        self.down.clear();
        self.client.handle_eof(self.now);
        self.server.handle_eof(self.now);
    }

    fn client_steps(&self, index: usize, call: &Call, steps: &mut Vec<Step>) {
        if call.at_client.is_some() || call.cancelled {
            return;
        }
        if !call.half_closed {
            if call.sent[UP] < self.scenario.messages_max && !call.blocked[UP] {
                steps.push(Step::Send(index));
            }
            steps.push(Step::HalfClose(index));
        }
        if self.scenario.cancels {
            steps.push(Step::Cancel(index));
        }
    }

    fn server_steps(&self, index: usize, call: &Call, steps: &mut Vec<Step>) {
        if !call.opened || call.at_server.is_some() || call.finished {
            return;
        }
        if call.sent[DOWN] < self.scenario.messages_max && !call.blocked[DOWN] {
            steps.push(Step::Reply(index));
        }
        steps.push(Step::Finish(index));
    }

    /// Both owners do what is left to do.
    fn end_calls(&mut self) {
        self.consume();
        for index in 0..self.calls.len() {
            if self.calls[index].at_client.is_none()
                && !self.calls[index].half_closed
                && !self.calls[index].cancelled
            {
                self.half_close(index);
            }
            if self.calls[index].opened
                && self.calls[index].at_server.is_none()
                && !self.calls[index].finished
            {
                self.finish(index);
            }
        }
    }

    fn judge(&self) {
        for call in &self.calls {
            let Some(seen) = call.at_client else { panic!("{call:?} never ended at the client") };
            assert_eq!(call.at_server.is_some(), call.opened, "{call:?}");
            let may_fail = call.cancelled || self.is_cut || self.is_draining || self.scenario.deadlines;
            if call.finished && !may_fail {
                assert_eq!(seen, Code::Ok, "{call:?}");
            }
            if seen == Code::Ok {
                assert!(call.finished && call.received[DOWN] == call.sent[DOWN], "{call:?}");
            }
            if call.at_server == Some(Code::Ok) {
                assert!(call.finished, "{call:?}");
            }
        }
        assert_eq!((self.client.open_calls(), self.server.open_calls()), (0, 0));
        // A drain that runs out of time ends its calls, and says so.
        if !self.path.contains(&Step::Cut) && !self.is_draining {
            let failed = |end: &Option<SessionEnd>| matches!(end, Some(SessionEnd::Failed(_)));
            assert!(!failed(&self.client_end) && !failed(&self.server_end), "neither accuses the other");
        }
    }
}

impl<C: ClientSession + Debug, S: ServerSession + Debug> World for Pair<C, S> {
    type Step = Step;

    fn fork(&self) -> Pair<C, S> {
        let mut fork = Pair::new(self.scenario, self.make);
        self.path.iter().for_each(|step| fork.take(*step));
        fork
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.is_cut {
            return steps;
        }
        if self.calls.len() < self.scenario.calls_max && self.client_end.is_none() {
            steps.push(Step::Start);
        }
        for (index, call) in self.calls.iter().enumerate() {
            self.client_steps(index, call, &mut steps);
            self.server_steps(index, call, &mut steps);
        }
        let holds = |call: &Call| call.credit.iter().any(|credit| !credit.is_empty());
        let may = [
            (Step::Consume, self.scenario.consumes && self.calls.iter().any(holds)),
            (Step::Up, !self.up.is_empty()),
            (Step::Down, !self.down.is_empty()),
            (Step::Wait, (self.scenario.deadlines || self.is_draining) && self.waits < 3),
            (Step::DrainServer, self.scenario.drains && !self.path.contains(&Step::DrainServer)),
            (Step::DrainClient, self.scenario.drains && !self.path.contains(&Step::DrainClient)),
            (Step::Cut, self.scenario.cuts),
        ];
        steps.extend(may.iter().filter(|(_, may)| *may).map(|(step, _)| *step));
        steps
    }

    fn take(&mut self, step: Step) {
        self.path.push(step);
        match step {
            Step::Start => self.start(),
            Step::Send(index) => self.send(index, UP),
            Step::HalfClose(index) => self.half_close(index),
            Step::Cancel(index) => {
                let Some(id) = self.calls[index].id else { return };
                self.client.cancel(id).expect("an open call is cancelled");
                self.calls[index].cancelled = true;
            }
            Step::Reply(index) => self.send(index, DOWN),
            Step::Finish(index) => self.finish(index),
            Step::Consume => self.consume(),
            Step::Up => {
                self.up.pop_front().into_iter().for_each(|bytes| self.server.handle_input(self.now, bytes))
            }
            Step::Down => {
                self.down.pop_front().into_iter().for_each(|bytes| self.client.handle_input(self.now, bytes));
            }
            Step::Wait => {
                self.waits += 1;
                self.now = self.now + A_WHILE;
            }
            Step::DrainServer => {
                self.is_draining = true;
                self.server.drain(self.now, 3 * A_WHILE);
            }
            Step::DrainClient => {
                self.is_draining = true;
                self.client.drain(self.now);
            }
            Step::Cut => self.cut(),
        }
        self.turn();
    }

    fn show(&self, out: &mut dyn Write) -> core::fmt::Result {
        let Pair { now, client, server, up, down, calls, is_draining, is_cut, waits, .. } = self;
        write!(out, "{now:?} {client:?} {server:?} {up:?} {down:?} {calls:?} {is_draining} {is_cut} {waits}")
    }

    fn heal(mut self) {
        for _ in 0..4 + 2 * self.scenario.messages_max {
            self.end_calls();
            self.turn();
            self.carry_all();
        }
        // Drains that wait for their time.
        for _ in 0..8 {
            self.now = self.now + A_WHILE;
            self.turn();
            self.carry_all();
        }
        self.judge();
    }
}
