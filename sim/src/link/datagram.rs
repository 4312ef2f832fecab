//! A path for datagrams in one direction: each arrives whole, or not at all, or twice, or too late, or changed.

use crate::link::conditions::MILLION;
use crate::link::{Conditions, Hazards};
use bytes::{Bytes, BytesMut};
use std::collections::BTreeMap;
use zrpc_core::base::{Entropy, Machine, Out, Output, Time, Wake};

/// A datagram that arrived.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivered(pub Bytes);

/// Datagrams on their way. Each [`Machine::handle_input`] is one; what arrives comes as events, and `Out` stays empty.
#[derive(Debug)]
pub struct DatagramLink {
    conditions: Conditions,
    hazards: Hazards,
    entropy: Entropy,
    /// By arrival, and then by number, so that ties keep their order.
    under_way: BTreeMap<(Time, u64), Bytes>,
    bytes_under_way: usize,
    handed_in: u64,
    busy_until: Time,
    is_bad: bool,
    is_cut: bool,
    tally: Tally,
}

/// What became of the datagrams that were handed in.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tally {
    /// Lost by chance, in a burst, or in a partition.
    pub lost: u64,
    /// Longer than the path takes, or more than it holds.
    pub dropped: u64,
    /// Delivered twice.
    pub duplicated: u64,
    /// Overtaken.
    pub reordered: u64,
    /// Changed on the way.
    pub corrupted: u64,
}

impl DatagramLink {
    /// A path; the seed decides which datagrams meet which hazard.
    #[must_use]
    pub fn new(now: Time, conditions: Conditions, hazards: Hazards, entropy: Entropy) -> DatagramLink {
        DatagramLink {
            conditions,
            hazards,
            entropy,
            under_way: BTreeMap::new(),
            bytes_under_way: 0,
            handed_in: 0,
            busy_until: now,
            is_bad: false,
            is_cut: false,
            tally: Tally::default(),
        }
    }

    /// Loses everything from now on, or nothing more of that kind: a partition, and its end.
    pub fn cut(&mut self, is_cut: bool) {
        self.is_cut = is_cut;
    }

    /// What became of what was handed in.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    fn happens(&mut self, chance: u32) -> bool {
        self.entropy.below(MILLION) < u64::from(chance)
    }

    fn is_lost(&mut self) -> bool {
        let in_burst = self.hazards.bursts.is_some_and(|bursts| {
            let turns = if self.is_bad { bursts.end } else { bursts.begin };
            self.is_bad ^= self.happens(turns);
            self.is_bad && self.happens(bursts.loss)
        });
        self.is_cut | in_burst | self.happens(self.hazards.loss)
    }

    fn send(&mut self, now: Time, datagram: Bytes) {
        let mut delay = self.conditions.delay(&mut self.entropy);
        if self.happens(self.hazards.reorder) {
            self.tally.reordered += 1;
            delay += self.conditions.delay(&mut self.entropy) * (1 + self.entropy.below(9) as u32);
        }
        self.handed_in += 1;
        self.bytes_under_way += datagram.len();
        let at = self.busy_until.max(now) + delay;
        self.under_way.insert((at, self.handed_in), datagram);
    }

    fn corrupted(&mut self, datagram: &Bytes) -> Bytes {
        let mut changed = BytesMut::from(&datagram[..]);
        let at = self.entropy.below(changed.len() as u64) as usize;
        if let Some(byte) = changed.get_mut(at) {
            *byte ^= 1 << self.entropy.below(8);
            self.tally.corrupted += 1;
        }
        changed.freeze()
    }
}

impl Machine for DatagramLink {
    type Event = Delivered;

    fn handle_input(&mut self, now: Time, input: Bytes) {
        let is_long = self.hazards.mtu > 0 && input.len() > self.hazards.mtu;
        if is_long || self.bytes_under_way + input.len() > self.conditions.buffer {
            self.tally.dropped += 1;
            return;
        }
        self.busy_until = self.busy_until.max(now) + self.conditions.busy_with(input.len());
        if self.is_lost() {
            self.tally.lost += 1;
            return;
        }
        let datagram = if self.happens(self.hazards.corrupt) { self.corrupted(&input) } else { input };
        if self.happens(self.hazards.duplicate) {
            self.tally.duplicated += 1;
            self.send(now, datagram.clone());
        }
        self.send(now, datagram);
    }

    fn handle_eof(&mut self, _: Time) {}

    fn poll_output(&mut self, now: Time, _: &mut Out) -> Output<Delivered> {
        let Some(next) = self.under_way.first_entry() else { return Output::Idle(None) };
        let at = next.key().0;
        if at > now {
            return Output::Idle(Some(Wake { at, why: "a datagram on the link" }));
        }
        let datagram = next.remove();
        self.bytes_under_way -= datagram.len();
        Output::Event(Delivered(datagram))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Bursts;
    use core::time::Duration;

    const SENT: u64 = 20_000;

    /// What arrives of so many datagrams that carry their number, in the order in which they arrive.
    fn arrived(hazards: Hazards) -> (Vec<u64>, Tally) {
        let conditions = Conditions { latency: Duration::from_millis(1), ..Conditions::default() };
        let mut link = DatagramLink::new(Time::START, conditions, hazards, Entropy::from_seed(3));
        let mut numbers = Vec::new();
        let mut now = Time::START;
        for number in 0..SENT + 1000 {
            now = now + Duration::from_micros(100);
            if number < SENT {
                link.handle_input(now, Bytes::copy_from_slice(&number.to_be_bytes()));
            }
            while let Output::Event(Delivered(datagram)) = link.poll_output(now, &mut Out::with_room(0)) {
                numbers.push(u64::from_be_bytes(datagram[..].try_into().expect("eight bytes")));
            }
        }
        (numbers, link.tally())
    }

    #[test]
    fn without_hazards_all_arrive_once_and_in_order() {
        let (numbers, tally) = arrived(Hazards::default());
        assert!(numbers.into_iter().eq(0..SENT));
        assert_eq!(tally, Tally::default());
    }

    #[test]
    fn hazards_meet_about_as_many_as_they_say() {
        let hazards = Hazards { loss: 50_000, duplicate: 20_000, reorder: 30_000, ..Hazards::default() };
        let (numbers, tally) = arrived(hazards);
        let near = |seen: u64, share: f64| (seen as f64 / SENT as f64 - share).abs() < share / 4.0;
        assert!(near(tally.lost, 0.05) && near(tally.duplicated, 0.019), "{tally:?}");
        assert!(near(tally.reordered, 0.029), "{tally:?}");
        assert_eq!(numbers.len() as u64, SENT - tally.lost + tally.duplicated);
        assert!(!numbers.is_sorted(), "some were overtaken");
    }

    #[test]
    fn losses_of_a_burst_stand_together() {
        let bursts = Some(Bursts { begin: 2_000, end: 100_000, loss: 900_000 });
        let (numbers, tally) = arrived(Hazards { bursts, ..Hazards::default() });
        let gaps: Vec<u64> =
            numbers.windows(2).map(|pair| pair[1] - pair[0] - 1).filter(|gap| *gap > 0).collect();
        let mean = tally.lost as f64 / gaps.len() as f64;
        assert!(mean > 3.0, "{} losses in {} gaps", tally.lost, gaps.len());
    }

    #[test]
    fn what_is_too_long_is_dropped_and_what_is_corrupt_differs_by_one_bit() {
        let hazards = Hazards { mtu: 7, ..Hazards::default() };
        assert_eq!(arrived(hazards).1.dropped, SENT);
        let hazards = Hazards { corrupt: 1_000_000, ..Hazards::default() };
        let (numbers, tally) = arrived(hazards);
        assert_eq!(tally.corrupted, SENT);
        let flips = numbers.iter().zip(0..).map(|(seen, sent): (&u64, u64)| (seen ^ sent).count_ones());
        assert!(flips.into_iter().all(|bits| bits == 1));
    }
}
