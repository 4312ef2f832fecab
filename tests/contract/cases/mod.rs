//! The cases. Each is written once, against [`Column::bench`], and says what it needs beyond what every carrier has.

pub mod cancellation;
pub mod compression;
pub mod connections;
pub mod deadlines;
pub mod drain;
pub mod interleaved;
pub mod metadata;
pub mod official;
pub mod panics;
pub mod pressure;
pub mod sizes;
pub mod statuses;
pub mod transcript;
pub mod vanishing;

use crate::column::Column;
use crate::link::Driver;

/// Something that holds for every carrier and driver that has what it needs. It panics where it does not hold.
pub struct Case {
    pub group: &'static str,
    pub name: &'static str,
    pub needs: &'static [Need],
    pub run: fn(Column),
}

/// What not every column has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// More than one message in a request.
    Requests,
    /// More than one call under way on a connection.
    CallsAtOnce,
    /// Compression of single messages.
    Compression,
    /// A client whose unary calls can be given up, which is one with futures.
    Futures,
}

impl Case {
    /// Whether the column has what the case needs.
    pub fn applies_to(&self, column: Column) -> bool {
        self.needs.iter().all(|need| match need {
            Need::Requests => column.can().client_streaming,
            Need::CallsAtOnce => column.can().calls_at_once,
            Need::Compression => column.can().compression,
            Need::Futures => column.client == Driver::Tokio,
        })
    }
}

/// All cases, in the order of the grid.
pub fn all() -> Vec<&'static Case> {
    let groups = [
        official::CASES,
        deadlines::CASES,
        cancellation::CASES,
        pressure::CASES,
        interleaved::CASES,
        sizes::CASES,
        metadata::CASES,
        compression::CASES,
        statuses::CASES,
        drain::CASES,
        vanishing::CASES,
        connections::CASES,
        panics::CASES,
        transcript::CASES,
    ];
    groups.into_iter().flatten().collect()
}

/// The cases of a group: their functions, each with what it needs in brackets.
macro_rules! cases {
    ($group:literal: $($name:ident $([$($need:ident),+])?),+ $(,)?) => {
        /// The cases of this group.
        pub const CASES: &[$crate::cases::Case] = &[$($crate::cases::Case {
            group: $group,
            name: stringify!($name),
            needs: &[$($($crate::cases::Need::$need),+)?],
            run: $name,
        }),+];
    };
}
use cases;
