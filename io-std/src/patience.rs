//! How long a thread asks again for bytes before it sleeps.
//!
//! A sleep and its wake-up cost more than a quick answer takes. So while answers have come within a few microseconds,
//! the reader asks again for that long; when one does not, it sleeps at once until short waits have shown again that
//! asking pays. Each miss in a row asks for twice as many of them, so that traffic just slower than this costs next to
//! nothing.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What a reader asks for at the most: a quick answer, and what a busy system adds to it.
const BRIEF: Duration = Duration::from_micros(30);
/// A sleep that was over by then would have been caught, less what the wake-up took.
const SHORT_SLEEP: Duration = Duration::from_micros(50);
/// Short sleeps in a row that are asked for at the most.
const PROOFS_MAX: u32 = 256;

/// What one reading thread knows of the waits so far.
#[derive(Debug)]
pub(crate) struct Patience {
    /// What the user chose; `None` goes by experience.
    chosen: Option<Duration>,
    /// Short sleeps that are still to be seen before asking again pays.
    proofs_due: AtomicU32,
    /// How many the next miss asks for.
    proofs_after_miss: AtomicU32,
}

impl Patience {
    /// Goes by experience.
    pub(crate) fn by_experience() -> Patience {
        Patience { chosen: None, proofs_due: AtomicU32::new(1), proofs_after_miss: AtomicU32::new(1) }
    }

    /// Always this long.
    pub(crate) fn always(longest: Duration) -> Patience {
        Patience { chosen: Some(longest), ..Patience::by_experience() }
    }

    /// How long to ask again, if at all.
    pub(crate) fn longest(&self) -> Option<Duration> {
        match self.chosen {
            Some(_) => self.chosen(),
            None => (self.proofs_due.load(Ordering::Relaxed) == 0).then_some(BRIEF),
        }
    }

    /// What the user chose, unless that was not to ask again.
    pub(crate) fn chosen(&self) -> Option<Duration> {
        self.chosen.filter(|chosen| !chosen.is_zero())
    }

    /// Whether the length of a sleep is of interest.
    pub(crate) fn learns(&self) -> bool {
        // With one core, the peer runs only while this thread sleeps.
        static CORES: OnceLock<usize> = OnceLock::new();
        self.chosen.is_none()
            && *CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from)) > 1
    }

    /// Asking again brought bytes.
    pub(crate) fn note_hit(&self) {
        self.proofs_after_miss.store(1, Ordering::Relaxed);
    }

    /// Asking again brought nothing in all that time.
    pub(crate) fn note_miss(&self) {
        let proofs = self.proofs_after_miss.load(Ordering::Relaxed);
        self.proofs_due.store(proofs, Ordering::Relaxed);
        self.proofs_after_miss.store((proofs * 2).min(PROOFS_MAX), Ordering::Relaxed);
    }

    /// A sleep brought bytes after so long.
    pub(crate) fn note_sleep(&self, took: Duration) {
        let due = self.proofs_due.load(Ordering::Relaxed);
        let left = if took < SHORT_SLEEP {
            due.saturating_sub(1)
        } else {
            due.max(self.proofs_after_miss.load(Ordering::Relaxed) / 2).max(1)
        };
        self.proofs_due.store(left, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_micros(10);
    const SLOW: Duration = Duration::from_millis(1);

    /// Sleeps of this length until asking pays.
    fn sleeps_until_it_pays(patience: &Patience, took: Duration) -> usize {
        (0..10_000)
            .take_while(|_| patience.longest().is_none().then(|| patience.note_sleep(took)).is_some())
            .count()
    }

    #[test]
    fn one_short_sleep_shows_that_asking_pays() {
        let patience = Patience::by_experience();
        assert_eq!(patience.longest(), None);
        patience.note_sleep(SLOW);
        assert_eq!(patience.longest(), None);
        patience.note_sleep(QUICK);
        assert_eq!(patience.longest(), Some(BRIEF));
    }

    #[test]
    fn each_miss_in_a_row_asks_for_more_proof_up_to_a_bound_and_a_hit_forgives() {
        let patience = Patience::by_experience();
        patience.note_sleep(QUICK);
        let mut asked = Vec::new();
        for _ in 0..12 {
            patience.note_miss();
            asked.push(sleeps_until_it_pays(&patience, QUICK));
        }
        assert_eq!(asked, [1, 2, 4, 8, 16, 32, 64, 128, 256, 256, 256, 256]);
        patience.note_hit();
        patience.note_miss();
        assert_eq!(sleeps_until_it_pays(&patience, QUICK), 1);
    }

    #[test]
    fn long_waits_never_pay() {
        let patience = Patience::by_experience();
        assert_eq!(sleeps_until_it_pays(&patience, SLOW), 10_000);
    }

    #[test]
    fn what_the_user_chose_is_kept() {
        assert_eq!(Patience::always(Duration::ZERO).longest(), None);
        let patience = Patience::always(SLOW);
        patience.note_miss();
        assert_eq!(patience.longest(), Some(SLOW));
        assert!(!patience.learns());
    }
}
