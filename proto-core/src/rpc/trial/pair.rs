//! A client and a server over a link that delivers in any pieces at any time, against a model that knows only what was
//! handed in: messages arrive whole and in order, each side hears of each end once, both tell of the same status, who was
//! blocked hears when to go on, and no credit is lost.
//!
//! The input is a list of bytes, each a decision: which step comes next, on which call, how large, how much arrives.

use crate::base::{Flow, Misuse, Out, Output, Time};
use crate::rpc::trial::model::Call;
use crate::rpc::{
    CallId, ClientEvent, ClientSession, Code, Encoding, Metadata, ServerEvent, ServerSession, StartCall,
    Status,
};
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

const CALLS_MAX: usize = 12;
const SIZES: [usize; 8] = [0, 1, 40, 40, 900, 900, 5_000, 30_000];
/// More than any window, so that it passes only if no credit was lost.
pub(crate) const LARGE: usize = 90_000;
const TEXTS: [&str; 4] = ["", "plain", " at the edges ", "100% \u{263a}\n"];

/// Calls that the server of a pair takes at once; more are started.
pub(crate) const CALLS_AT_ONCE: u32 = 4;

/// Whatever is done on either side, and however the link delivers, both sides agree with the model. `judge` looks at the
/// sessions once every call is over.
pub(crate) fn pair<C: ClientSession, S: ServerSession>(
    input: &[u8],
    client: C,
    server: S,
    judge: impl FnOnce(&C, &S),
) {
    pair_with(usize::MAX, input, client, server, judge);
}

/// The same where a request has so many messages at the most.
pub(crate) fn pair_with<C: ClientSession, S: ServerSession>(
    requests_max: usize,
    input: &[u8],
    client: C,
    server: S,
    judge: impl FnOnce(&C, &S),
) {
    let mut world = World { requests_max, ..World::new(input, client, server) };
    world.greet();
    while !world.dice.is_over() {
        world.step();
    }
    world.heal();
    world.judge();
    judge(&world.client, &world.server);
    world.prove_that_no_credit_is_lost();
}

struct Dice<'a> {
    rest: &'a [u8],
}

impl Dice<'_> {
    fn is_over(&self) -> bool {
        self.rest.is_empty()
    }

    fn below(&mut self, bound: usize) -> usize {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        usize::from(*first) % bound
    }
}

struct World<'a, C, S> {
    dice: Dice<'a>,
    now: Time,
    client: C,
    server: S,
    to_server: Vec<u8>,
    to_client: Vec<u8>,
    calls: BTreeMap<CallId, Call>,
    /// Calls may start before the server has said how many it takes at once, and some are refused then.
    is_hasty: bool,
    /// Messages that a client may send on a call.
    requests_max: usize,
}

impl<'a, C: ClientSession, S: ServerSession> World<'a, C, S> {
    fn new(input: &'a [u8], client: C, server: S) -> World<'a, C, S> {
        World {
            dice: Dice { rest: input },
            now: Time::START,
            client,
            server,
            to_server: Vec::new(),
            to_client: Vec::new(),
            calls: BTreeMap::new(),
            is_hasty: false,
            requests_max: usize::MAX,
        }
    }

    fn greet(&mut self) {
        self.is_hasty = self.dice.below(4) == 0;
        if !self.is_hasty {
            self.settle();
        }
    }

    fn step(&mut self) {
        match self.dice.below(16) {
            0..=1 => self.start(),
            2..=4 => self.client_sends(),
            5 => self.half_close(),
            6 => self.cancel(),
            7..=9 => self.server_sends(),
            10 => self.finish(),
            11 => self.consume(),
            12 => self.now = self.now + Duration::from_millis(self.dice.below(256) as u64),
            13 => self.carry_up(),
            14 => self.carry_down(),
            _ => {
                self.carry_up();
                self.carry_down();
            }
        }
    }

    fn some_call(&mut self, is_candidate: impl Fn(&Call) -> bool) -> Option<CallId> {
        let candidates: Vec<CallId> =
            self.calls.iter().filter(|(_, call)| is_candidate(call)).map(|(id, _)| *id).collect();
        candidates.get(self.dice.below(candidates.len().max(1))).copied()
    }

    fn some_message(&mut self, id: CallId, number: usize) -> Bytes {
        let size = SIZES[self.dice.below(SIZES.len())];
        vec![(id.as_u64() as usize * 31 + number) as u8; size].into()
    }

    fn start(&mut self) {
        if self.calls.len() == CALLS_MAX {
            return;
        }
        let timeout = self.dice.below(256) as u64;
        let deadline = (timeout < 80).then(|| self.now + Duration::from_millis(10 * timeout));
        let compression = timeout.is_multiple_of(2).then_some(Encoding::Gzip);
        let metadata = metadata(self.calls.len());
        let head = StartCall { path: "/pair.Service/Method", metadata: &metadata, deadline, compression };
        let id = self.client.start(self.now, head).expect("the connection takes calls");
        self.calls.insert(id, Call { has_deadline: deadline.is_some(), ..Call::default() });
    }

    fn client_sends(&mut self) {
        let most = self.requests_max;
        let takes_more = |call: &Call| call.at_client.is_none() && call.up.sent.len() < most;
        let Some(id) = self.some_call(takes_more) else { return };
        let number = self.calls[&id].up.sent.len();
        let message = self.some_message(id, number);
        let sent = self.client.send(id, message.clone(), number.is_multiple_of(2));
        let Some(call) = self.calls.get_mut(&id) else { return };
        if sent != Err(Misuse::Gone) {
            call.up.note(message, sent);
        }
    }

    fn half_close(&mut self) {
        let Some(id) = self.some_call(|call| call.at_client.is_none()) else { return };
        let said = self.client.half_close(id);
        let Some(call) = self.calls.get_mut(&id) else { return };
        assert_eq!(said.is_ok(), !call.up.ended && !call.cancelled, "{said:?}");
        call.up.ended |= said.is_ok();
    }

    fn cancel(&mut self) {
        let Some(id) = self.some_call(|call| call.at_client.is_none()) else { return };
        let said = self.client.cancel(id);
        let Some(call) = self.calls.get_mut(&id) else { return };
        assert_eq!(said.is_ok(), !call.cancelled, "{said:?}");
        call.cancelled = true;
        call.up.ended = true;
    }

    fn server_sends(&mut self) {
        let Some(id) = self.some_call(|call| call.opened && call.at_server.is_none()) else { return };
        let number = self.calls[&id].down.sent.len();
        let message = self.some_message(id, number);
        if number == 0 && self.dice.below(2) == 0 {
            // Refused when the call is over on this side and its event is still to come.
            let _refused = self.server.send_head(id, &Metadata::new(), Some(Encoding::Gzip));
        }
        let sent = self.server.send(id, message.clone(), number.is_multiple_of(2));
        let Some(call) = self.calls.get_mut(&id) else { return };
        match sent {
            Err(Misuse::Gone) => assert!(call.finished.is_some() || call.at_server.is_none()),
            sent => call.down.note(message, sent),
        }
    }

    fn finish(&mut self) {
        let Some(id) = self.some_call(|call| call.opened && call.at_server.is_none()) else { return };
        let code = Code::from_u32(self.dice.below(17) as u32);
        let text = TEXTS[self.dice.below(TEXTS.len())];
        let status = Status::new(code, text).with_details(vec![8, code as u8]);
        self.finish_with(id, status);
    }

    fn finish_with(&mut self, id: CallId, status: Status) {
        let mut trailers = Metadata::new();
        trailers.append("told", "value").expect("a key that may be sent");
        let said = self.server.finish(id, &status, &trailers);
        let Some(call) = self.calls.get_mut(&id) else { return };
        match said {
            Ok(()) => assert!(call.finished.replace(status).is_none(), "a call is finished once"),
            Err(misuse) => assert_eq!(misuse, Misuse::Gone),
        }
        call.down.ended = true;
    }

    fn consume(&mut self) {
        let Some(id) = self.some_call(|call| !call.up.credit.is_empty() || !call.down.credit.is_empty())
        else {
            return;
        };
        let Some(call) = self.calls.get_mut(&id) else { return };
        if let Some(credit) = call.up.credit.pop() {
            self.server.consume(id, credit);
        }
        if let Some(credit) = call.down.credit.pop() {
            self.client.consume(id, credit);
        }
    }

    fn consume_all(&mut self) {
        for (id, call) in &mut self.calls {
            call.up.credit.drain(..).for_each(|credit| self.server.consume(*id, credit));
            call.down.credit.drain(..).for_each(|credit| self.client.consume(*id, credit));
        }
    }

    fn carry_up(&mut self) {
        let room = 1 + self.dice.below(256) * 100;
        self.turn_client(room);
        let bytes = part(&mut self.dice, &mut self.to_server);
        self.server.handle_input(self.now, bytes);
    }

    fn carry_down(&mut self) {
        let room = 1 + self.dice.below(256) * 100;
        self.turn_server(room);
        let bytes = part(&mut self.dice, &mut self.to_client);
        self.client.handle_input(self.now, bytes);
    }

    fn turn_client(&mut self, room: usize) {
        let mut out = Out::with_room(room);
        while let Output::Event(event) = self.client.poll_output(self.now, &mut out) {
            self.on_client_event(event);
        }
        self.to_server.extend(out.to_vec());
    }

    fn turn_server(&mut self, room: usize) {
        let mut out = Out::with_room(room);
        while let Output::Event(event) = self.server.poll_output(self.now, &mut out) {
            self.on_server_event(event);
        }
        self.to_client.extend(out.to_vec());
    }

    fn call(&mut self, id: CallId) -> &mut Call {
        self.calls.get_mut(&id).expect("only calls that were started have events")
    }

    fn on_client_event(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::Ready => {}
            ClientEvent::Head { call: id } => assert!(self.call(id).at_client.is_none()),
            ClientEvent::Message { call: id, message, credit } => {
                assert!(self.call(id).at_client.is_none(), "nothing follows the end");
                self.call(id).down.receive(&message, credit);
            }
            ClientEvent::Writable { call: id } => self.call(id).up.writable(),
            ClientEvent::Ended { call: id, status, trailers } => {
                let call = self.call(id);
                let told = call.finished.as_ref().is_some_and(|said| said.code() == status.code());
                if told && !call.cancelled && status.code() != Code::DeadlineExceeded {
                    assert_eq!(trailers.get("told"), Some("value"));
                }
                assert!(call.at_client.replace(status).is_none(), "one end");
            }
            event => panic!("{event:?} on a connection that lives"),
        }
    }

    fn on_server_event(&mut self, event: ServerEvent) {
        match event {
            ServerEvent::Opened { call: id } => {
                assert!(!core::mem::replace(&mut self.call(id).opened, true), "a call is opened once");
                // Its end may be known already; its event then follows.
                if let Some(head) = self.server.request(id) {
                    assert_eq!(head.path, "/pair.Service/Method");
                    assert_eq!(head.metadata.get_bin("number-bin").map(|bytes| bytes.len()), Some(1));
                }
            }
            ServerEvent::Message { call: id, message, credit } => {
                assert!(self.call(id).opened && self.call(id).at_server.is_none());
                self.call(id).up.receive(&message, credit);
            }
            ServerEvent::HalfClosed { call: id } => {
                assert!(
                    self.call(id).up.ended && self.call(id).up.is_whole(),
                    "the end follows every message"
                );
            }
            ServerEvent::Writable { call: id } => self.call(id).down.writable(),
            ServerEvent::Ended { call: id, status } => {
                assert!(self.call(id).opened && self.call(id).at_server.replace(status).is_none(), "one end");
            }
            event => panic!("{event:?} on a connection that lives"),
        }
    }

    /// The link works again, and whoever has messages takes them.
    fn settle(&mut self) {
        loop {
            self.consume_all();
            self.turn_client(1 << 24);
            self.turn_server(1 << 24);
            let is_consumed =
                self.calls.values().all(|call| call.up.credit.is_empty() && call.down.credit.is_empty());
            if is_consumed && self.to_server.is_empty() && self.to_client.is_empty() {
                return;
            }
            let (up, down) = (core::mem::take(&mut self.to_server), core::mem::take(&mut self.to_client));
            self.server.handle_input(self.now, up.into());
            self.client.handle_input(self.now, down.into());
        }
    }

    /// Every call comes to its end.
    fn heal(&mut self) {
        for _ in 0..=CALLS_MAX {
            self.settle();
            for (id, call) in &mut self.calls {
                let is_live = call.opened && call.at_client.is_none() && call.at_server.is_none();
                let is_stuck = call.up.is_stuck() || call.down.is_stuck();
                assert!(!(is_live && is_stuck), "{id:?} was never told to go on");
                if call.at_client.is_none() && !core::mem::replace(&mut call.up.ended, true) {
                    self.client.half_close(*id).expect("the call is open and was not half-closed");
                }
            }
            self.settle();
            let is_open = |call: &Call| call.opened && call.at_server.is_none();
            let open: Vec<CallId> =
                self.calls.iter().filter(|(_, call)| is_open(call)).map(|(id, _)| *id).collect();
            open.into_iter().for_each(|id| self.finish_with(id, Status::OK));
        }
        self.settle();
    }

    /// What the model says of the end of each call.
    fn judge(&self) {
        assert_eq!((self.client.open_calls(), self.server.open_calls()), (0, 0));
        for (id, call) in &self.calls {
            let seen = call.at_client.as_ref().expect("a call that was started ends");
            let is_refused = self.is_hasty && !call.opened && seen.safe_to_retry();
            if is_refused {
                assert_eq!(seen.code(), Code::Unavailable, "{id:?}");
            } else if call.cancelled {
                assert_eq!(seen.code(), Code::Cancelled, "{id:?}");
            } else if !(call.has_deadline && seen.code() == Code::DeadlineExceeded) {
                let Some(said) = &call.finished else {
                    panic!("{id:?} was not finished and ended with {seen:?}")
                };
                assert_eq!(seen.code(), said.code(), "{id:?}");
                if !said.is_ok() {
                    assert_eq!((seen.message(), seen.details()), (said.message(), said.details()), "{id:?}");
                }
                assert!(call.down.is_whole(), "{id:?} ended before its last message");
            }
            assert_eq!(call.at_server.is_some(), call.opened, "{id:?}");
            let codes =
                call.at_server.as_ref().map(Status::code).zip(call.finished.as_ref().map(Status::code));
            assert!(codes.is_none_or(|(seen, said)| seen == said), "{id:?}: {codes:?}");
            if let (Some(seen), None) = (&call.at_server, &call.finished) {
                let gave_up = call.cancelled && seen.code() == Code::Cancelled
                    || call.has_deadline && matches!(seen.code(), Code::Cancelled | Code::DeadlineExceeded);
                assert!(gave_up, "{id:?} ended at the server with {seen}");
            }
        }
    }

    fn prove_that_no_credit_is_lost(&mut self) {
        let large = Bytes::from(vec![1; LARGE]);
        let metadata = metadata(self.calls.len());
        let head = StartCall {
            path: "/pair.Service/Method",
            metadata: &metadata,
            deadline: None,
            compression: None,
        };
        let id = self.client.start(self.now, head).expect("the connection lives");
        let mut call = Call::default();
        for way in [&mut call.up, &mut call.down] {
            way.sent.push(large.clone());
        }
        call.up.blocked = self.client.send(id, large.clone(), false) == Ok(Flow::Blocked);
        self.calls.insert(id, call);
        self.turn_client(1 << 24);
        self.carry_all_up();
        let sent = self.server.send(id, large, false);
        self.calls.entry(id).or_default().down.blocked = sent == Ok(Flow::Blocked);
        self.settle();
        let call = &self.calls[&id];
        assert!(call.up.is_whole() && call.down.is_whole(), "credit was lost");
    }

    fn carry_all_up(&mut self) {
        let bytes = core::mem::take(&mut self.to_server);
        self.server.handle_input(self.now, bytes.into());
        self.turn_server(1 << 24);
    }
}

fn metadata(number: usize) -> Metadata {
    let mut metadata = Metadata::new();
    metadata.append_bin("number-bin", &[number as u8]).expect("a key that may be sent");
    metadata
}

/// What arrives of the bytes under way: often all, sometimes few.
fn part(dice: &mut Dice<'_>, under_way: &mut Vec<u8>) -> Bytes {
    let len = under_way.len();
    let count = match dice.below(256) {
        few @ 0..64 => few.min(len),
        share @ 64..160 => len * (share - 64) / 96,
        _ => len,
    };
    let rest = under_way.split_off(count);
    core::mem::replace(under_way, rest).into()
}
