//! Which fields are worth an entry in the encoder's table. Only compression depends on it, never correctness.
//!
//! An entry pays when the same field comes again before it is evicted, and it costs the entries that it evicts.
//! Names differ in that: `:path` of a gRPC client repeats, `traceparent` never does. No list of names can know,
//! so the encoder keeps a small account for each (hashed) name: an entry costs [`ENTRY_COST`], each later
//! reference to one earns 1, and names start with credit. A name without credit gets an entry only for a field
//! that was seen before, which a small memory of fingerprints tells. On public traces this saves 5 % of the
//! octets beside indexing everything.

use super::lookup::Hashes;
use alloc::boxed::Box;

/// The first entries of a connection are free, and while there were no more, nothing is accounted: the two or three
/// fields of an ordinary server's responses need no memory here.
const FREE_ENTRIES: u8 = 8;

const ACCOUNTS: usize = 128;
const FINGERPRINTS: usize = 128;

/// What a name may spend before it earned anything: eight entries.
const CREDIT_AT_FIRST: i8 = 16;
/// What an entry has to earn: it pays when it is referred to twice.
const ENTRY_COST: i8 = 2;
/// How far into debt a name gets by fields that came again: it recovers within a few references.
const BALANCE_MIN: i8 = -8;
/// How much a name may save up: it is forgotten within 32 entries that earn nothing.
const BALANCE_MAX: i8 = 64;

/// What the encoder learned about the fields that it saw.
#[derive(Clone, Debug)]
pub(super) enum Admission {
    /// So many entries are still free.
    Free(u8),
    Accounted(Box<Accounts>),
}

#[derive(Clone, Debug)]
pub(super) struct Accounts {
    balances: [i8; ACCOUNTS],
    fingerprints: [u8; FINGERPRINTS],
}

impl Admission {
    /// What [`Admission::memory`] says at most.
    pub(super) const BYTES_MAX: usize = size_of::<Accounts>();

    pub(super) const fn new() -> Admission {
        Admission::Free(FREE_ENTRIES)
    }

    /// An entry was referred to.
    #[inline]
    pub(super) fn on_reference(&mut self, hashes: Hashes) {
        if let Admission::Accounted(accounts) = self {
            let balance = accounts.balance(hashes);
            *balance = (*balance + 1).min(BALANCE_MAX);
        }
    }

    /// Whether a field that is in no table is worth an entry. If so, its name is charged for it.
    pub(super) fn admits(&mut self, hashes: Hashes) -> bool {
        match self {
            Admission::Free(left @ 1..) => {
                *left -= 1;
                true
            }
            Admission::Free(_) => {
                let mut accounts = Box::new(Accounts::new());
                let admitted = accounts.admits(hashes);
                *self = Admission::Accounted(accounts);
                admitted
            }
            Admission::Accounted(accounts) => accounts.admits(hashes),
        }
    }

    /// Bytes of memory held beside the struct itself.
    pub(super) fn memory(&self) -> usize {
        match self {
            Admission::Free(_) => 0,
            Admission::Accounted(_) => size_of::<Accounts>(),
        }
    }
}

impl Accounts {
    const fn new() -> Accounts {
        Accounts { balances: [CREDIT_AT_FIRST; ACCOUNTS], fingerprints: [0; FINGERPRINTS] }
    }

    fn admits(&mut self, hashes: Hashes) -> bool {
        let seen = self.is_seen(hashes);
        let balance = self.balance(hashes);
        let admitted = seen || *balance > 0;
        if admitted {
            *balance = (*balance - ENTRY_COST).max(BALANCE_MIN);
        }
        admitted
    }

    fn balance(&mut self, hashes: Hashes) -> &mut i8 {
        &mut self.balances[hashes.name as usize % ACCOUNTS]
    }

    /// Whether the field was seen lately; from now on it was.
    fn is_seen(&mut self, hashes: Hashes) -> bool {
        let fingerprint = (hashes.field >> 24) as u8;
        let place = &mut self.fingerprints[hashes.field as usize % FINGERPRINTS];
        core::mem::replace(place, fingerprint) == fingerprint
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Field;
    use alloc::format;

    fn hashes(name: &str, value: u32) -> Hashes {
        Hashes::of(&Field::new(name.as_bytes(), format!("value {value}").as_bytes()))
    }

    #[test]
    fn a_name_whose_values_never_repeat_stops_getting_entries() {
        let mut admission = Admission::new();
        let entries = (0..1000).filter(|&value| admission.admits(hashes("traceparent", value))).count();
        assert!((8..28).contains(&entries), "{entries}");
    }

    #[test]
    fn a_name_without_credit_gets_an_entry_for_a_field_that_was_seen_before() {
        let mut admission = Admission::new();
        let value = (0..).find(|&value| !admission.admits(hashes("traceparent", value))).unwrap();
        assert!(admission.admits(hashes("traceparent", value)));
    }

    #[test]
    fn a_name_whose_entries_are_used_keeps_getting_them() {
        let mut admission = Admission::new();
        for value in 0..1000 {
            assert!(admission.admits(hashes(":path", value)));
            for _ in 0..ENTRY_COST {
                admission.on_reference(hashes(":path", value));
            }
        }
    }
}
