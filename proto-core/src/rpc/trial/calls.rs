//! What the owner of a session on trial remembers: the calls that it saw, and the messages that are still to be sent.

use crate::base::{Flow, Misuse};
use crate::rpc::CallId;
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;

/// Calls of one owner. A message is `STEP` bytes long for each message that is left.
#[derive(Clone, Debug)]
pub(crate) struct Calls<const STEP: usize> {
    pub(crate) seen: Vec<CallId>,
    pub(crate) left: BTreeMap<CallId, u32>,
}

impl<const STEP: usize> Default for Calls<STEP> {
    fn default() -> Calls<STEP> {
        Calls { seen: Vec::new(), left: BTreeMap::new() }
    }
}

impl<const STEP: usize> Calls<STEP> {
    /// The nth call, or one that never was.
    pub(crate) fn nth(&self, nth: usize) -> CallId {
        let count = self.seen.len().max(1);
        self.seen.get(nth % count).copied().unwrap_or(CallId::from_u64(1))
    }

    /// Sends messages until the session says `Blocked`; true when none are left.
    pub(crate) fn pump(&mut self, call: CallId, mut send: impl FnMut(Bytes) -> Result<Flow, Misuse>) -> bool {
        let Some(mut left) = self.left.remove(&call) else { return false };
        while left > 0 {
            let message = Bytes::from(vec![left as u8; STEP * left as usize]);
            left -= 1;
            match send(message) {
                Ok(Flow::Ready) => {}
                Ok(Flow::Blocked) => {
                    self.left.insert(call, left);
                    return false;
                }
                Err(_) => return false,
            }
        }
        true
    }
}
