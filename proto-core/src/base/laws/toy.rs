//! The suite on trial: a small machine that keeps every law, and a broken variant for each law that it must catch.
//!
//! The toy protocol is a list of frames, `[kind, length, payload]`. `DATA` is reported in whatever parts arrive; `PING`
//! is answered with `PONG`; anything else is a violation, which is answered with `BYE` and ends the connection. After
//! 50 ms without input the machine pings, after 200 ms it gives up. Its owner echoes every tenth byte of data.

use crate::base::laws::{Broken, Law, Report, Script, Subject, try_check};
use crate::base::{Entropy, Machine, Misuse, Out, Output, Time, Wake};
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
use core::sync::atomic::{AtomicU8, Ordering};
use core::time::Duration;

const DATA: u8 = 1;
const PING: u8 = 2;
const PONG: u8 = 3;
const BYE: u8 = 4;

const KEEPALIVE: Duration = Duration::from_millis(50);
const IDLE_MAX: Duration = Duration::from_millis(200);
const PONGS_MAX: usize = 4;
const ECHO_BYTES_MAX: usize = 512;
const FRAME_MAX: usize = 2 + 255;
const MEMORY_MAX: usize = ECHO_BYTES_MAX + (PONGS_MAX + 2) * FRAME_MAX;

/// What is wrong with a variant.
type Fault = u8;
const NONE: Fault = 0;
const WAKES_IN_THE_PAST: Fault = 1;
const FULL_FOR_EVER: Fault = 2;
const WRITES_AFTER_IDLE: Fault = 3;
const WANTS_WHOLE_FRAMES: Fault = 4;
const FORGETS_ITS_WAKE: Fault = 5;
const DRIFTS_WITH_POLLS: Fault = 6;
const DROPS_WITHOUT_ROOM: Fault = 7;
const WRITES_WITHOUT_ROOM: Fault = 8;
const TEARS_FRAMES: Fault = 9;
const LOOKS_OUTSIDE: Fault = 10;
const QUEUES_WITHOUT_BOUND: Fault = 11;
const TALKS_AFTER_THE_END: Fault = 12;
const OBEYS_AFTER_THE_END: Fault = 13;
const WAITS_AFTER_THE_END: Fault = 14;

static OUTSIDE: AtomicU8 = AtomicU8::new(0);

#[derive(Clone, PartialEq, Debug)]
enum Event {
    Data(Vec<u8>),
    Closed(&'static str),
}

struct Toy<const FAULT: Fault> {
    input: VecDeque<u8>,
    /// Bytes of the current `DATA` frame that are still to come.
    data_left: usize,
    pongs: VecDeque<Vec<u8>>,
    echo: VecDeque<u8>,
    heard_at: Time,
    pinged_at: Time,
    is_eof: bool,
    is_over: bool,
    is_pinging: bool,
    says_bye: bool,
    polls: u64,
}

impl<const FAULT: Fault> Toy<FAULT> {
    fn new(now: Time) -> Self {
        Toy {
            input: VecDeque::new(),
            data_left: 0,
            pongs: VecDeque::new(),
            echo: VecDeque::new(),
            heard_at: now,
            pinged_at: now,
            is_eof: false,
            is_over: false,
            is_pinging: false,
            says_bye: false,
            polls: 0,
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Misuse> {
        if self.is_over && FAULT != OBEYS_AFTER_THE_END {
            return Err(Misuse::Closed);
        }
        let size = self.echo.len() + bytes.len();
        if size > ECHO_BYTES_MAX {
            return Err(Misuse::TooLarge { size, limit: ECHO_BYTES_MAX });
        }
        self.echo.extend(bytes);
        Ok(())
    }

    fn end(&mut self, why: &'static str) -> Option<Event> {
        self.is_over = true;
        self.says_bye = true;
        self.input.clear();
        Some(Event::Closed(why))
    }

    fn parse(&mut self) -> Option<Event> {
        loop {
            if self.data_left > 0 && !self.input.is_empty() {
                let count = self.data_left.min(self.input.len());
                self.data_left -= count;
                return Some(Event::Data(self.input.drain(..count).collect()));
            }
            let is_crowded = self.pongs.len() >= PONGS_MAX && FAULT != QUEUES_WITHOUT_BOUND;
            if self.data_left > 0 || is_crowded || self.input.len() < 2 {
                return None;
            }
            let (kind, len) = (self.input[0], usize::from(self.input[1]));
            if FAULT == WANTS_WHOLE_FRAMES && self.input.len() < 2 + len {
                return self.end("a frame came in pieces");
            }
            match kind {
                DATA => self.data_left = len,
                PING if self.input.len() < 2 + len => return None,
                PING => {}
                _ => return self.end("a frame of no known kind"),
            }
            self.input.drain(..2);
            if kind == PING {
                let payload = self.input.drain(..len).collect();
                self.pongs.push_back(payload);
            }
        }
    }

    fn fire(&mut self, now: Time) -> Option<Event> {
        if now >= self.heard_at + IDLE_MAX {
            return self.end("nothing was heard for too long");
        }
        if now >= self.pinged_at + KEEPALIVE {
            let polls = if FAULT == DRIFTS_WITH_POLLS { self.polls } else { 0 };
            self.pinged_at = now + Duration::from_nanos(polls);
            self.is_pinging = true;
        }
        None
    }

    fn wake(&self, now: Time) -> Option<Wake> {
        match FAULT {
            FORGETS_ITS_WAKE => return None,
            WAKES_IN_THE_PAST => return Some(Wake { at: now, why: "now" }),
            WAITS_AFTER_THE_END => {}
            _ if self.is_over => return None,
            _ => {}
        }
        let heard_at = if self.is_over { now } else { self.heard_at };
        let idle = Wake { at: heard_at + IDLE_MAX, why: "idle" };
        let ping = Wake { at: self.pinged_at + KEEPALIVE, why: "keepalive" };
        Wake::earlier(Some(idle), (!self.is_over).then_some(ping))
    }

    /// The next frame to write; a long echo is cut where the payload of a frame ends.
    fn next_frame(&mut self) -> Option<Vec<u8>> {
        let (kind, payload) = if let Some(payload) = self.pongs.pop_front() {
            (PONG, payload)
        } else if core::mem::take(&mut self.is_pinging) {
            let payload = if FAULT == LOOKS_OUTSIDE { OUTSIDE.fetch_add(1, Ordering::Relaxed) } else { 7 };
            (PING, vec![payload])
        } else if !self.echo.is_empty() {
            (DATA, self.echo.drain(..self.echo.len().min(255)).collect())
        } else if core::mem::take(&mut self.says_bye) {
            (BYE, Vec::new())
        } else {
            return None;
        };
        Some([&[kind, payload.len() as u8][..], &payload].concat())
    }

    fn is_quiet(&self) -> bool {
        self.pongs.is_empty() && !self.is_pinging && self.echo.is_empty() && !self.says_bye
    }

    fn write(&mut self, out: &mut Out) {
        while out.has_room() || FAULT == WRITES_WITHOUT_ROOM {
            if FAULT == FULL_FOR_EVER && !self.pongs.is_empty() {
                return;
            }
            let Some(frame) = self.next_frame() else { return };
            match FAULT {
                TEARS_FRAMES if out.room() < frame.len() => out.put_slice(&frame[..out.room()]),
                _ => out.put_slice(&frame),
            }
        }
        if FAULT == DROPS_WITHOUT_ROOM {
            self.pongs.clear();
        }
    }
}

impl<const FAULT: Fault> Machine for Toy<FAULT> {
    type Event = Event;

    fn handle_input(&mut self, now: Time, input: Bytes) {
        if !self.is_over {
            self.heard_at = now;
            self.input.extend(input);
        }
    }

    fn handle_eof(&mut self, _now: Time) {
        self.is_eof = true;
    }

    fn poll_output(&mut self, now: Time, out: &mut Out) -> Output<Event> {
        self.polls += 1;
        loop {
            if !self.is_over {
                let is_starved = |toy: &Self| toy.input.len() < 2 || toy.data_left > 0;
                let event = self.parse().or_else(|| self.fire(now));
                let event = event.or_else(|| {
                    (self.is_eof && is_starved(self)).then(|| self.end("the peer is gone")).flatten()
                });
                if let Some(event) = event {
                    return Output::Event(event);
                }
            } else if FAULT == TALKS_AFTER_THE_END && self.says_bye {
                self.says_bye = false;
                return Output::Event(Event::Closed("again"));
            }
            let was_crowded = self.pongs.len() >= PONGS_MAX;
            if FAULT == WRITES_AFTER_IDLE && self.polls.is_multiple_of(2) {
                return Output::Idle(self.wake(now));
            }
            self.write(out);
            if !self.is_quiet() {
                return Output::Full(self.wake(now));
            }
            if !was_crowded || self.is_over {
                return Output::Idle(self.wake(now));
            }
        }
    }
}

struct Rig<const FAULT: Fault> {
    toy: Toy<FAULT>,
    seen: usize,
}

impl<const FAULT: Fault> Subject for Rig<FAULT> {
    const NAME: &'static str = "toy";
    type Machine = Toy<FAULT>;
    type Command = Vec<u8>;
    type Sent = (Vec<u8>, Vec<Vec<u8>>);

    fn build(_seed: u64, now: Time) -> Self {
        Rig { toy: Toy::new(now), seen: 0 }
    }

    fn script(seed: u64) -> Script<Vec<u8>> {
        let mut chance = Entropy::from_seed(seed);
        let mut script = Script::new();
        for _ in 0..4 + chance.below(40) {
            let payload: Vec<u8> = (0..chance.below(60)).map(|byte| byte as u8).collect();
            let frame = |kind| [&[kind, payload.len() as u8][..], &payload].concat();
            script = match chance.below(16) {
                0..=5 => script.input(frame(DATA)),
                6..=10 => script.input(frame(PING)),
                11 => script.input(frame(PING).repeat(40)),
                12..=13 => script.command(payload),
                _ => script.wait(Duration::from_micros(chance.below(120_000))),
            };
        }
        if chance.below(2) == 0 { script.eof() } else { script.wait(Duration::from_millis(400)) }
    }

    fn machine(&mut self) -> &mut Toy<FAULT> {
        &mut self.toy
    }

    fn on_event(&mut self, _now: Time, event: &Event) {
        let Event::Data(bytes) = event else { return };
        for byte in bytes {
            self.seen += 1;
            if self.seen.is_multiple_of(10) {
                assert_eq!(self.toy.send(&[*byte]), Ok(()), "a script is far smaller than the queue");
            }
        }
    }

    fn on_command(&mut self, _now: Time, command: &Vec<u8>) -> Result<(), Misuse> {
        self.toy.send(command)
    }

    fn is_fatal(event: &Event) -> bool {
        matches!(event, Event::Closed(_))
    }

    fn join(last: &mut Event, next: &Event) -> bool {
        match (last, next) {
            (Event::Data(last), Event::Data(next)) => {
                last.extend_from_slice(next);
                true
            }
            _ => false,
        }
    }

    fn sent(mut bytes: &[u8]) -> Result<Self::Sent, String> {
        let (mut data, mut control) = (Vec::new(), Vec::new());
        while let [kind, len, rest @ ..] = bytes {
            let len = usize::from(*len);
            let payload = rest.get(..len).ok_or("the last frame is cut short")?;
            bytes = &rest[len..];
            match *kind {
                DATA => data.extend_from_slice(payload),
                PING | PONG | BYE => control.push([&[*kind][..], payload].concat()),
                kind => return Err(alloc::format!("no frame has the kind {kind}")),
            }
        }
        if bytes.is_empty() { Ok((data, control)) } else { Err("the last head is cut short".into()) }
    }

    fn memory(&self) -> usize {
        self.toy.echo.len() + self.toy.pongs.iter().map(|payload| payload.len() + 2).sum::<usize>()
    }

    fn memory_max() -> usize {
        MEMORY_MAX
    }
}

fn law_broken_by<const FAULT: Fault>() -> Law {
    match try_check::<Rig<FAULT>>(0..10_000) {
        Err(broken) => broken.law,
        Ok(report) => panic!("the broken variant passed: {report:?}"),
    }
}

#[test]
fn a_sound_machine_keeps_all_laws_under_ten_thousand_schedules() {
    let report = try_check::<Rig<NONE>>(0..10_000).unwrap_or_else(|broken| panic!("{broken}"));
    assert_eq!(report.schedules, 10_000);
    assert!(report.ended > 300 && report.events > 3_000 && report.sent > 100_000, "{report:?}");
}

#[test]
fn the_digest_is_the_same_in_any_process() {
    let report = try_check::<Rig<NONE>>(0..160).unwrap_or_else(|broken| panic!("{broken}"));
    assert_eq!(report.digest, 6_016_291_058_989_831_405, "{report:?}");
}

#[test]
fn l1_catches_a_wake_that_is_not_later_than_now() {
    assert_eq!(law_broken_by::<WAKES_IN_THE_PAST>(), Law::NoSpin);
}

#[test]
fn l1_catches_full_without_progress() {
    assert_eq!(law_broken_by::<FULL_FOR_EVER>(), Law::NoSpin);
}

#[test]
fn l2_catches_a_machine_that_acts_after_idle() {
    assert_eq!(law_broken_by::<WRITES_AFTER_IDLE>(), Law::Quiet);
}

#[test]
fn l3_catches_a_parser_that_depends_on_where_input_was_cut() {
    assert_eq!(law_broken_by::<WANTS_WHOLE_FRAMES>(), Law::Chunks);
}

#[test]
fn l4_catches_a_timer_without_a_wake() {
    assert_eq!(law_broken_by::<FORGETS_ITS_WAKE>(), Law::SleeperIsTicker);
}

#[test]
fn l4_catches_a_timer_that_depends_on_how_often_it_is_polled() {
    assert_eq!(law_broken_by::<DRIFTS_WITH_POLLS>(), Law::SleeperIsTicker);
}

#[test]
fn l5_catches_frames_that_are_lost_for_want_of_room() {
    assert_eq!(law_broken_by::<DROPS_WITHOUT_ROOM>(), Law::Room);
}

#[test]
fn l5_catches_writing_without_room() {
    assert_eq!(law_broken_by::<WRITES_WITHOUT_ROOM>(), Law::Room);
}

#[test]
fn l5_catches_torn_frames() {
    assert_eq!(law_broken_by::<TEARS_FRAMES>(), Law::Room);
}

#[test]
fn l6_catches_a_machine_that_looks_outside() {
    assert_eq!(law_broken_by::<LOOKS_OUTSIDE>(), Law::Replay);
}

#[test]
fn l7_catches_a_queue_that_a_peer_can_fill() {
    assert_eq!(law_broken_by::<QUEUES_WITHOUT_BOUND>(), Law::Bounded);
}

#[test]
fn l8_catches_an_event_after_the_last() {
    assert_eq!(law_broken_by::<TALKS_AFTER_THE_END>(), Law::Fuse);
}

#[test]
fn l8_catches_a_command_that_works_after_the_end() {
    assert_eq!(law_broken_by::<OBEYS_AFTER_THE_END>(), Law::Fuse);
}

#[test]
fn l8_catches_a_wake_after_the_end() {
    assert_eq!(law_broken_by::<WAITS_AFTER_THE_END>(), Law::Fuse);
}

#[test]
fn a_broken_law_is_told_in_one_line_that_replays_it() {
    let broken = match try_check::<Rig<WANTS_WHOLE_FRAMES>>(0..10_000) {
        Err(broken) => broken,
        Ok(report) => panic!("the broken variant passed: {report:?}"),
    };
    let line = alloc::format!("{broken}");
    assert!(line.starts_with("toy breaks L3 chunks: event ") && !line.contains('\n'), "{line}");
    assert!(line.ends_with(&alloc::format!("replay with ZRPC_LAWS_SEED={}", broken.seed)), "{line}");
    let again = try_check::<Rig<WANTS_WHOLE_FRAMES>>(broken.seed..broken.seed + 1);
    assert_eq!(again, Err::<Report, Broken>(broken));
}
