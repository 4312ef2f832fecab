//! What a machine's author writes so that the laws can be checked: the machine, its owner, and its world.

use crate::base::laws::Script;
use crate::base::{Machine, Misuse, Time};
use alloc::string::String;
use core::fmt::Debug;

/// The event of a subject's machine.
pub type EventOf<S> = <<S as Subject>::Machine as Machine>::Event;

/// A machine under test together with its owner: the application that answers events with commands.
///
/// The owner must be deterministic: what it does may follow from the seed and from the events so far, from nothing else.
/// Then every schedule that the laws allow must lead to the same story.
pub trait Subject: Sized {
    /// How the machine is called in reports.
    const NAME: &'static str;
    /// Whether the suite damages every second script; a subject that says no says why.
    const IS_DAMAGED: bool = true;
    /// The machine.
    type Machine: Machine<Event: Clone + PartialEq + Debug>;
    /// What a script tells the owner to do, apart from its answers to events.
    type Command: Clone + Debug;
    /// What the sent bytes mean once it no longer matters where writing paused: bytes a stream, and control frames in
    /// order.
    type Sent: PartialEq + Debug;

    /// A fresh machine and its owner. Everything random in both follows from `seed`.
    fn build(seed: u64, now: Time) -> Self;

    /// What happens to the machine: input, commands and pauses. Half of the scripts are then damaged by the suite, so
    /// that violations are met too; a script itself should be valid and long enough to reach every feature by some seed.
    fn script(seed: u64) -> Script<Self::Command>;

    /// The machine itself, for the two verbs.
    fn machine(&mut self) -> &mut Self::Machine;

    /// The owner's answer to an event.
    fn on_event(&mut self, now: Time, event: &EventOf<Self>);

    /// Carries out a command of the script.
    ///
    /// # Errors
    /// What the machine answered.
    fn on_command(&mut self, now: Time, command: &Self::Command) -> Result<(), Misuse>;

    /// Whether a command has no way to refuse, and so need not say `Misuse::Closed` after the end.
    fn is_infallible(command: &Self::Command) -> bool {
        let _ = command;
        false
    }

    /// Whether this is the last event of a machine.
    fn is_fatal(event: &EventOf<Self>) -> bool;

    /// An event without what depends on the schedule by design, such as how much credit came early; `None` for one that
    /// says only that the owner may go on.
    fn told(event: &EventOf<Self>) -> Option<EventOf<Self>> {
        Some(event.clone())
    }

    /// Which of several independent streams an event belongs to. How much of which is written first depends on room, so
    /// under L5 the events of different streams may change places; those of one stream never do.
    fn stream(event: &EventOf<Self>) -> u64 {
        let _ = event;
        0
    }

    /// Adds `next` to `last` when both are parts of the same run of data, and says whether it did.
    fn join(last: &mut EventOf<Self>, next: &EventOf<Self>) -> bool {
        let _ = (last, next);
        false
    }

    /// Reads what was sent.
    ///
    /// # Errors
    /// When the bytes are not whole frames: which one is not.
    fn sent(bytes: &[u8]) -> Result<Self::Sent, String>;

    /// Bytes of memory that the machine holds, without input that it has not parsed yet.
    fn memory(&self) -> usize;

    /// The most that [`Subject::memory`] may say: the sum of the limits.
    fn memory_max() -> usize;
}
