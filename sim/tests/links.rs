//! A simulated connection is a machine like any other: it keeps the eight laws. (A path for datagrams takes each input whole,
//! so that cutting inputs, the third law, is no question for it.)

use std::time::Duration;
use zrpc_core::base::laws::{EventOf, Script, Subject, check};
use zrpc_core::base::{Entropy, Misuse, Time};
use zrpc_sim::link::{Conditions, LinkEnd, StreamLink};

/// The most that a script hands in.
const HANDED_IN_MAX: usize = 16 * 400;

/// What can happen to a link besides bytes.
#[derive(Clone, Debug)]
enum Incident {
    Stall(Duration),
    Resume,
    Reset,
    Die,
}

struct Rig {
    link: StreamLink,
}

impl Subject for Rig {
    const NAME: &'static str = "sim::link::StreamLink";
    type Machine = StreamLink;
    type Command = Incident;
    type Sent = Vec<u8>;

    fn build(seed: u64, now: Time) -> Rig {
        // A microsecond a byte, however they are cut; what is random in a link depends on where its input was.
        let conditions = Conditions {
            latency: Duration::from_millis(seed % 7),
            bandwidth: if seed.is_multiple_of(2) { 0 } else { 1_000_000 },
            ..Conditions::default()
        };
        Rig { link: StreamLink::new(now, conditions, Entropy::from_seed(seed)) }
    }

    fn script(seed: u64) -> Script<Incident> {
        let mut dice = Entropy::from_seed(seed);
        let mut script = Script::new();
        for _ in 0..1 + dice.below(15) {
            let bytes: Vec<u8> = (0..dice.below(400)).map(|_| dice.next_u64() as u8).collect();
            script = script.input(bytes).wait(Duration::from_micros(dice.below(9_000)));
            script = match dice.below(12) {
                0 => script.command(Incident::Stall(Duration::from_millis(dice.below(40)))),
                1 => script.command(Incident::Resume),
                2 => script.command(Incident::Reset),
                3 => script.command(Incident::Die),
                _ => script,
            };
        }
        script.eof().wait(Duration::from_millis(100))
    }

    fn machine(&mut self) -> &mut StreamLink {
        &mut self.link
    }

    fn on_event(&mut self, _: Time, _: &LinkEnd) {}

    fn on_command(&mut self, now: Time, command: &Incident) -> Result<(), Misuse> {
        match command {
            Incident::Stall(lasts) => self.link.stall(now + *lasts),
            Incident::Resume => self.link.resume(now),
            Incident::Reset => self.link.reset(now),
            Incident::Die => self.link.die(),
        }
        Ok(())
    }

    fn is_infallible(_: &Incident) -> bool {
        true
    }

    fn is_fatal(_: &EventOf<Rig>) -> bool {
        true
    }

    fn sent(bytes: &[u8]) -> Result<Vec<u8>, String> {
        Ok(bytes.to_vec())
    }

    fn memory(&self) -> usize {
        self.link.under_way()
    }

    fn memory_max() -> usize {
        2 * HANDED_IN_MAX
    }
}

#[test]
fn a_stream_link_keeps_all_laws_under_ten_thousand_schedules() {
    let report = check::<Rig>(10_000);
    assert_eq!(report.schedules, 10_000);
    assert!(report.events > 200 && report.sent > 100_000 && report.ended > 200, "{report:?}");
}
