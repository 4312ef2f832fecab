//! In which form the messages of each call travel: as JSON values, or as bytes in base64; and which method's they are.

use alloc::collections::BTreeMap;

/// Calls that may be noted and not be open: their RESET waits to be written.
const CLOSING_MAX: usize = 1024;
/// What an entry of the map takes, with its share of the nodes.
const ENTRY_BYTES: usize = 2 * (size_of::<u64>() + size_of::<Form>()) + 16;

/// How a call's messages are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Form {
    /// The number of the method in the schema; none when it is not known there.
    pub(super) method: Option<u32>,
    /// The peer's messages came as `data`.
    pub(super) as_data: bool,
}

/// The forms of the calls that are open.
#[derive(Clone, Debug)]
pub(super) struct Forms {
    calls: BTreeMap<u64, Form>,
    /// Calls above this one are not taken any more.
    last: u64,
}

impl Default for Forms {
    fn default() -> Forms {
        Forms { calls: BTreeMap::new(), last: u64::MAX }
    }
}

impl Forms {
    pub(super) fn begin(&mut self, call: u64, method: Option<u32>) {
        if call <= self.last {
            self.calls.insert(call, Form { method, as_data: false });
        }
    }

    /// The form of a call; of one that is not open, the one that needs no schema.
    pub(super) fn of(&self, call: u64) -> Form {
        self.calls.get(&call).copied().unwrap_or_default()
    }

    pub(super) fn is_open(&self, call: u64) -> bool {
        self.calls.contains_key(&call)
    }

    /// A message of the peer came in this form.
    pub(super) fn note(&mut self, call: u64, as_data: bool) {
        if let Some(form) = self.calls.get_mut(&call) {
            form.as_data = as_data;
        }
    }

    pub(super) fn end(&mut self, call: u64) {
        self.calls.remove(&call);
    }

    /// A GOAWAY was written, or came: calls above `last` are none.
    pub(super) fn take_none_above(&mut self, last: u64) {
        self.last = last;
        drop(self.calls.split_off(&last.saturating_add(1)));
    }

    pub(super) fn shrink(&mut self) {
        if self.calls.is_empty() {
            self.calls = BTreeMap::new();
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.calls.len() * ENTRY_BYTES
    }

    pub(super) const fn memory_max(calls_max: usize) -> usize {
        (calls_max + CLOSING_MAX) * ENTRY_BYTES
    }
}
