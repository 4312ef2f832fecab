//! PINGs of ours that are not answered yet, told apart by their payloads. Most connections never send one, so they
//! take no room until then.

use crate::http2::lifecycle::PingUse;
use alloc::boxed::Box;

type Payload = [u8; 8];

/// At most one unanswered PING a use.
#[derive(Clone, Debug, Default)]
pub(super) struct Pings {
    payloads: Option<Box<[Option<Payload>; PingUse::COUNT]>>,
}

impl Pings {
    /// Notes that a PING was sent.
    pub(super) fn note(&mut self, for_what: PingUse, payload: Payload) {
        self.payloads.get_or_insert_default()[for_what as usize] = Some(payload);
    }

    /// Whether a PING is not answered yet.
    pub(super) fn awaits(&self, for_what: PingUse) -> bool {
        self.payloads.as_ref().is_some_and(|payloads| payloads[for_what as usize].is_some())
    }

    /// Takes the answer to a PING; `None` when nobody asked.
    pub(super) fn take(&mut self, payload: Payload) -> Option<PingUse> {
        let payloads = self.payloads.as_mut()?;
        let answered =
            PingUse::ALL.into_iter().find(|for_what| payloads[*for_what as usize] == Some(payload))?;
        payloads[answered as usize] = None;
        Some(answered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_once_and_only_for_its_own_question() {
        let mut pings = Pings::default();
        assert_eq!(pings.take([1; 8]), None);
        pings.note(PingUse::Owner, [1; 8]);
        pings.note(PingUse::Drain, [2; 8]);
        assert!(pings.awaits(PingUse::Owner) && !pings.awaits(PingUse::Tuning));
        assert_eq!(pings.take([3; 8]), None);
        assert_eq!(pings.take([2; 8]), Some(PingUse::Drain));
        assert_eq!(pings.take([2; 8]), None);
        assert!(pings.awaits(PingUse::Owner) && !pings.awaits(PingUse::Drain));
    }
}
