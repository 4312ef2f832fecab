//! The attackers: each is a pure generator of bytes, so that the same script runs against a machine in memory and against
//! a server on a socket, ours or another's.
//!
//! A script says what its connection opens with, and then one *unit* after the other: the smallest thing that the attack
//! repeats (a stream that is opened and reset, an empty frame, a ping). How many units a victim takes until it refuses is
//! one of the figures of docs/attacks.md.

pub mod http2;
pub mod native;
pub mod websocket;
pub mod wire;

pub use wire::Wire;

/// What a unit is written by: the wire, and the number of the unit from 0.
pub type Unit = Box<dyn FnMut(&mut Wire, u32)>;

/// An attacker on one connection.
pub struct Script {
    /// The row of the catalogue.
    pub row: &'static str,
    /// What it does, in a few words.
    pub name: &'static str,
    /// What its connection says before the attack.
    pub opening: Wire,
    /// Whether it reads what it is answered.
    pub reads: bool,
    /// Units at the most.
    pub units: u32,
    unit: Unit,
}

impl Script {
    /// A script that reads its answers.
    pub fn new(
        row: &'static str,
        name: &'static str,
        opening: Wire,
        units: u32,
        unit: impl FnMut(&mut Wire, u32) + 'static,
    ) -> Script {
        Script { row, name, opening, reads: true, units, unit: Box::new(unit) }
    }

    /// The same under another name, by an attacker that never reads.
    #[must_use]
    pub fn deaf(self, name: &'static str) -> Script {
        Script { reads: false, name, ..self }
    }

    /// Writes the unit of this number; units come in their order.
    pub fn write(&mut self, wire: &mut Wire, number: u32) {
        (self.unit)(wire, number);
    }
}
