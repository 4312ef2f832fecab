//! A victim in memory: a server's machine, a driver that counts each byte of the heap that it holds, and handlers.
//!
//! Only what the victim does is counted; the attacker's own memory is not. What a driver reads is copied into a piece of
//! memory of its own, so that a slice that is kept shows as what it keeps alive.

use allocation_counter::{measure, opt_out};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::time::Duration;
use zrpc::core::base::{Machine, Out, Output, Time};
use zrpc::core::rpc::{CallId, Metadata, ServerEvent, ServerSession, SessionEnd, Status};
use zrpc::core::stack::{AnyServer, AnyServerConfig, SharedAnyServerConfig};
use zrpc_tests::attacks::{Script, Wire};

/// What a driver lets wait before it holds the machine back; the tokio driver's figure.
const OUT_ROOM: usize = 128 * 1024;
/// Time between two units: an attacker that sends 100,000 a second.
const PACE: Duration = Duration::from_micros(10);

/// What handlers do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handlers {
    /// Unary calls are echoed when they are whole; streams are never read.
    Answer,
    /// Nothing is ever answered, but messages are taken.
    Hang,
}

/// What an attack came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// Units that were taken; all of them when the victim never refused.
    pub units: u32,
    /// Octets that the attacker sent.
    pub wire: usize,
    /// The most that the connection held, in bytes of heap, from its first byte on.
    pub peak: usize,
    /// What it held when it was over, and all events were taken.
    pub left: i64,
    /// The most that waited to be sent, in bytes.
    pub queued: usize,
    /// Events that the driver handled.
    pub events: usize,
    /// Handlers that were started.
    pub started: usize,
    /// Handlers whose call ended, whatever the reason.
    pub ended: usize,
    /// The most that the heap held beyond what [`AnyServer::memory`] said, the output and the machine itself apart.
    pub uncounted: i64,
    /// How the connection ended, if it did.
    pub end: Option<SessionEnd>,
    /// The code of the last GOAWAY, or of the WebSocket's close, as far as there was one.
    pub goaway: Option<u32>,
}

impl Report {
    /// Why the connection was closed.
    pub fn why(&self) -> &str {
        match &self.end {
            Some(SessionEnd::Failed(status)) => status.message(),
            Some(_) => "gracefully",
            None => "it goes on",
        }
    }
}

/// A server's connection under attack.
pub struct Victim {
    pub server: AnyServer,
    pub now: Time,
    pub config: AnyServerConfig,
    /// Shared by a listener's connections, and so none's own.
    shared: SharedAnyServerConfig,
    out: Out,
    handlers: Handlers,
    held: BTreeMap<CallId, Vec<Bytes>>,
    /// The paths of the calls that were opened.
    pub paths: Vec<String>,
    /// What was sent to an attacker that reads.
    pub answers: Vec<u8>,
    live: i64,
    report: Report,
}

impl Victim {
    /// A connection that was just accepted, of a listener with these settings.
    pub fn new(config: AnyServerConfig, handlers: Handlers) -> Victim {
        let (now, shared) = (Time::START, SharedAnyServerConfig::from(&config));
        let mut server = None;
        let counted = measure(|| server = Some(AnyServer::sharing(now, &shared)));
        let report = Report {
            units: 0,
            wire: 0,
            peak: counted.bytes_max as usize,
            left: 0,
            queued: 0,
            events: 0,
            started: 0,
            ended: 0,
            uncounted: 0,
            end: None,
            goaway: None,
        };
        Victim {
            server: server.expect("it was just made"),
            now,
            config,
            shared,
            out: Out::with_room(OUT_ROOM),
            handlers,
            held: BTreeMap::new(),
            paths: Vec::new(),
            answers: Vec::new(),
            live: counted.bytes_current,
            report,
        }
    }

    /// Runs a script until it is refused or over.
    pub fn run(mut self, script: &mut Script) -> Report {
        let mut wire = script.opening.clone();
        self.take(&wire.take(), script.reads);
        while self.report.units < script.units && self.report.end.is_none() {
            script.write(&mut wire, self.report.units);
            self.now = self.now + PACE;
            self.take(&wire.take(), script.reads);
            self.report.units += 1;
        }
        self.over()
    }

    /// Octets arrive, and the victim has its turn.
    pub fn take(&mut self, bytes: &[u8], reads: bool) {
        self.report.wire += bytes.len();
        self.counted(|victim| {
            victim.server.handle_input(victim.now, Bytes::copy_from_slice(bytes));
            victim.turn();
        });
        self.settle(reads);
    }

    /// Time passes without a byte.
    pub fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
        self.counted(Victim::turn);
        self.settle(true);
    }

    /// How the connection ended, if it did.
    pub fn end(&self) -> Option<&SessionEnd> {
        self.report.end.as_ref()
    }

    /// Calls that became handlers.
    pub fn started(&self) -> usize {
        self.report.started
    }

    /// Bytes of heap that the connection holds.
    pub fn live(&self) -> i64 {
        self.live
    }

    /// The report; the connection is dropped.
    pub fn over(mut self) -> Report {
        self.report.goaway = goaway(&self.answers);
        let Victim { server, out, held, live, mut report, shared, .. } = self;
        // Its words are this test's.
        let end = report.end.take();
        report.end.clone_from(&end);
        let freed = measure(|| drop((server, out, held, end)));
        drop(shared);
        report.left = live + freed.bytes_current;
        report
    }

    fn counted(&mut self, run: impl FnOnce(&mut Victim)) {
        let counted = measure(|| run(self));
        let peak = self.live + counted.bytes_max as i64;
        self.report.peak = self.report.peak.max(usize::try_from(peak).unwrap_or(0));
        self.live += counted.bytes_current;
        let declared = self.server.memory();
        assert!(declared <= self.config.memory_max(), "{declared} bytes");
        if self.held.is_empty() {
            let uncounted = self.live - (declared + self.out.memory()) as i64;
            self.report.uncounted = self.report.uncounted.max(uncounted);
        }
    }

    fn turn(&mut self) {
        loop {
            match self.server.poll_output(self.now, &mut self.out) {
                Output::Event(event) => {
                    self.report.events += 1;
                    self.on_event(event);
                }
                Output::Full(_) | Output::Idle(_) => return,
            }
        }
    }

    fn settle(&mut self, reads: bool) {
        self.report.queued = self.report.queued.max(self.out.len());
        while reads && !self.out.is_empty() {
            self.answers.extend(self.out.to_vec());
            let sent = self.out.len();
            self.counted(|victim| {
                victim.out.advance(sent);
                victim.turn();
            });
        }
    }

    fn on_event(&mut self, event: ServerEvent) {
        match event {
            ServerEvent::Opened { call } => {
                let path = self.server.request(call).map_or("", |head| head.path);
                self.report.started += usize::from(path.ends_with("/Deaf"));
                opt_out(|| self.paths.push(path.to_owned()));
                self.held.insert(call, Vec::new());
            }
            ServerEvent::Message { call, message, credit } => {
                let is_stream = self.server.request(call).is_some_and(|head| head.path.ends_with("/Deaf"));
                if !is_stream {
                    self.server.consume(call, credit);
                }
                self.held.entry(call).or_default().push(message);
            }
            ServerEvent::HalfClosed { call } => {
                let messages = self.held.remove(&call).unwrap_or_default();
                self.report.started += 1;
                if self.handlers == Handlers::Answer {
                    messages.into_iter().take(1).for_each(|message| {
                        // Refused when the call ended meanwhile.
                        let _over = self.server.send(call, message, false);
                    });
                    let _over = self.server.finish(call, &Status::OK, &Metadata::new());
                }
            }
            ServerEvent::Ended { call, .. } => {
                self.report.ended += 1;
                self.held.remove(&call);
            }
            ServerEvent::Closed(end) => self.report.end = Some(end),
            _ => {}
        }
    }
}

/// The code of the last GOAWAY in a stream of HTTP/2 frames.
pub fn goaway(answers: &[u8]) -> Option<u32> {
    frames(answers).filter(|(kind, ..)| *kind == 7).last().and_then(|(.., payload)| {
        payload.get(4..8).map(|code| u32::from_be_bytes(code.try_into().expect("four octets")))
    })
}

/// The frames of HTTP/2: type, flags, stream, payload.
pub fn frames(answers: &[u8]) -> impl Iterator<Item = (u8, u8, u32, &[u8])> {
    let mut rest = answers;
    std::iter::from_fn(move || {
        let (head, tail) = rest.split_first_chunk::<9>()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let (payload, tail) = tail.split_at_checked(length)?;
        rest = tail;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Some((head[3], head[4], stream, payload))
    })
}

/// Runs a script against a listener with the default settings.
pub fn attack(mut script: Script) -> Report {
    let report = Victim::new(AnyServerConfig::default(), Handlers::Answer).run(&mut script);
    show(&script, &report);
    report
}

/// Prints a line of the table in docs/attacks.md.
pub fn show(script: &Script, report: &Report) {
    println!(
        "{:4} {:36} {:>6} units {:>9} wire {:>8} heap {:>6} queued {:>5} uncounted {:>6} events {:>4} started  {:?} {}",
        script.row,
        script.name,
        report.units,
        report.wire,
        report.peak,
        report.queued,
        report.uncounted,
        report.events,
        report.started,
        report.goaway,
        report.why(),
    );
}

/// An opening of HTTP/2 whose SETTINGS are acknowledged.
pub fn opened() -> Wire {
    let mut wire = Wire::http2(&[]);
    wire.settings_ack();
    wire
}
