//! How long a thread asks again for bytes before it sleeps.
//!
//! On a machine with idle cores a sleep and its wake-up cost more than a quick answer takes; on a busy one, who asks
//! again stands in the way of those that would answer. So both are tried now and then while waits are short, and what
//! brought bytes sooner is done in between. When asking again brings nothing in time, the reader sleeps at once until
//! short waits have shown that the traffic is quick enough; each miss in a row asks for twice as many of them, so that
//! traffic just slower than this costs next to nothing.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What a reader asks for at the most: a quick answer, and what a busy system adds to it.
const BRIEF: Duration = Duration::from_micros(30);
/// A sleep that was over by then would have been caught, less what the wake-up took.
const SHORT_SLEEP: Duration = Duration::from_micros(50);
/// Short sleeps in a row that are asked for at the most.
const PROOFS_MAX: u32 = 256;
/// Waits of which one tries what is not done otherwise.
const TRIAL_EVERY: u32 = 128;
/// A wait counts for so much in the mean of its kind: an eighth.
const WEIGHT_SHIFT: u32 = 3;

/// What one reading thread knows of the waits so far.
#[derive(Debug)]
pub(crate) struct Patience {
    /// What the user chose; `None` goes by experience.
    chosen: Option<Duration>,
    /// Short sleeps that are still to be seen before asking again may pay.
    proofs_due: AtomicU32,
    /// How many the next miss asks for.
    proofs_after_miss: AtomicU32,
    /// Waits since asking again last began to be worth a try.
    waits: AtomicU32,
    /// Mean length of the waits that were slept through, in nanoseconds; 0 before the first.
    slept: AtomicU32,
    /// Mean length of the waits that were asked through.
    asked: AtomicU32,
}

impl Patience {
    /// Goes by experience.
    pub(crate) fn by_experience() -> Patience {
        Patience {
            chosen: None,
            proofs_due: AtomicU32::new(1),
            proofs_after_miss: AtomicU32::new(1),
            waits: AtomicU32::new(0),
            slept: AtomicU32::new(0),
            asked: AtomicU32::new(0),
        }
    }

    /// Always this long.
    pub(crate) fn always(longest: Duration) -> Patience {
        Patience { chosen: Some(longest), ..Patience::by_experience() }
    }

    /// What the user chose, unless that was not to ask again.
    pub(crate) fn chosen(&self) -> Option<Duration> {
        self.chosen.filter(|chosen| !chosen.is_zero())
    }

    /// How long to ask again in the wait that begins now, if at all.
    pub(crate) fn longest(&self) -> Option<Duration> {
        if self.chosen.is_some() {
            return self.chosen();
        }
        if self.proofs_due.load(Ordering::Relaxed) > 0 {
            return None;
        }
        let waits = self.waits.load(Ordering::Relaxed).wrapping_add(1);
        self.waits.store(waits, Ordering::Relaxed);
        let (slept, asked) = (self.slept.load(Ordering::Relaxed), self.asked.load(Ordering::Relaxed));
        // Asking costs a core, so it has to be clearly better.
        let asking_pays = asked < slept - slept / 8;
        let is_trial = waits.is_multiple_of(TRIAL_EVERY);
        (asking_pays != is_trial).then_some(BRIEF)
    }

    /// Whether the length of waits is of interest.
    pub(crate) fn learns(&self) -> bool {
        self.chosen.is_none()
    }

    /// A wait that was asked through took so long; `caught` says whether asking again brought the bytes.
    pub(crate) fn note_asked(&self, took: Duration, caught: bool) {
        mix(&self.asked, took);
        if caught {
            return self.proofs_after_miss.store(1, Ordering::Relaxed);
        }
        let proofs = self.proofs_after_miss.load(Ordering::Relaxed);
        self.proofs_due.store(proofs, Ordering::Relaxed);
        self.proofs_after_miss.store((proofs * 2).min(PROOFS_MAX), Ordering::Relaxed);
    }

    /// A wait that was slept through took so long.
    pub(crate) fn note_slept(&self, took: Duration) {
        let due = self.proofs_due.load(Ordering::Relaxed);
        if took >= SHORT_SLEEP {
            let asks = self.proofs_after_miss.load(Ordering::Relaxed) / 2;
            return self.proofs_due.store(due.max(asks).max(1), Ordering::Relaxed);
        }
        mix(&self.slept, took);
        self.proofs_due.store(due.saturating_sub(1), Ordering::Relaxed);
    }
}

/// Lets a wait count in a mean; a very long one as much as one that was just too long.
fn mix(mean: &AtomicU32, took: Duration) {
    let took = took.min(SHORT_SLEEP * 2).as_nanos() as u32;
    let before = mean.load(Ordering::Relaxed);
    let after = if before == 0 { took } else { before - (before >> WEIGHT_SHIFT) + (took >> WEIGHT_SHIFT) };
    mean.store(after.max(1), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_micros(10);
    const SLOWER: Duration = Duration::from_micros(20);
    const LONG: Duration = Duration::from_millis(1);

    /// Waits of this length, slept or asked through, until asking is tried; at most a thousand.
    fn sleeps_until_asked(patience: &Patience, took: Duration) -> usize {
        (0..1000)
            .take_while(|_| patience.longest().is_none().then(|| patience.note_slept(took)).is_some())
            .count()
    }

    /// How many of a thousand waits are asked through, when each kind takes so long.
    fn asked_of_a_thousand(patience: &Patience, slept: Duration, asked: Duration) -> usize {
        (0..1000)
            .filter(|_| match patience.longest() {
                Some(_) => {
                    patience.note_asked(asked, true);
                    true
                }
                None => {
                    patience.note_slept(slept);
                    false
                }
            })
            .count()
    }

    #[test]
    fn what_brings_bytes_sooner_is_done_and_the_other_tried_now_and_then() {
        let quiet = asked_of_a_thousand(&Patience::by_experience(), SLOWER, QUICK);
        assert!((950..1000).contains(&quiet), "{quiet}");
        let busy = asked_of_a_thousand(&Patience::by_experience(), QUICK, SLOWER);
        assert!((5..50).contains(&busy), "{busy}");
        let even = asked_of_a_thousand(&Patience::by_experience(), QUICK, QUICK);
        assert!((5..50).contains(&even), "{even}");
    }

    #[test]
    fn it_notices_when_the_machine_becomes_busy_and_when_it_is_quiet_again() {
        let patience = Patience::by_experience();
        asked_of_a_thousand(&patience, SLOWER, QUICK);
        let busy = asked_of_a_thousand(&patience, QUICK, SLOWER);
        assert!(busy < 500, "{busy}");
        let quiet = asked_of_a_thousand(&patience, SLOWER, QUICK);
        assert!(quiet > 300, "{quiet}");
    }

    #[test]
    fn each_miss_in_a_row_asks_for_more_proof_up_to_a_bound_and_a_catch_forgives() {
        let patience = Patience::by_experience();
        patience.note_slept(SLOWER);
        let mut asked = Vec::new();
        for _ in 0..12 {
            patience.note_asked(QUICK, false);
            asked.push(sleeps_until_asked(&patience, SLOWER));
        }
        assert_eq!(asked, [1, 2, 4, 8, 16, 32, 64, 128, 256, 256, 256, 256]);
        patience.note_asked(QUICK, true);
        patience.note_asked(QUICK, false);
        assert_eq!(sleeps_until_asked(&patience, SLOWER), 1);
    }

    #[test]
    fn traffic_with_long_waits_is_slept_through() {
        assert_eq!(sleeps_until_asked(&Patience::by_experience(), LONG), 1000);
    }

    #[test]
    fn what_the_user_chose_is_kept() {
        assert_eq!(Patience::always(Duration::ZERO).longest(), None);
        let patience = Patience::always(LONG);
        patience.note_asked(LONG, false);
        assert_eq!(patience.longest(), Some(LONG));
        assert!(!patience.learns());
    }
}
