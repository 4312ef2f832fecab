//! What came of the cases, as a grid: case groups down, carriers and drivers across.

use crate::cases::Case;
use crate::column::Column;
use std::fmt::Write;
use std::time::Duration;

/// What came of one case in one column.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It holds.
    Held,
    /// The carrier or driver has no such thing.
    NotApplicable,
    /// It does not, for this reason.
    Failed(String),
}

/// One column's cases, in order.
pub struct Results {
    pub column: Column,
    pub entries: Vec<Entry>,
    pub took: Duration,
}

/// One case in one column.
pub struct Entry {
    pub case: &'static Case,
    pub outcome: Outcome,
    pub took: Duration,
}

/// Carriers side by side before the grid begins anew below.
const WIDTH: usize = 118;
const LABEL: usize = 14;
const CELL: usize = 8;

/// How many cases came out how.
#[derive(Clone, Copy, Default, Debug)]
pub struct Counts {
    pub held: usize,
    pub not_applicable: usize,
    pub failed: usize,
}

impl Counts {
    fn of<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> Counts {
        let mut counts = Counts::default();
        for outcome in outcomes {
            match outcome {
                Outcome::Held => counts.held += 1,
                Outcome::NotApplicable => counts.not_applicable += 1,
                Outcome::Failed(_) => counts.failed += 1,
            }
        }
        counts
    }

    /// Over all columns.
    pub fn all(results: &[Results]) -> Counts {
        Counts::of(results.iter().flat_map(|column| column.entries.iter().map(|entry| &entry.outcome)))
    }

    fn cell(self) -> String {
        match self {
            Counts { failed: 1.., .. } => format!("FAIL {}", self.failed),
            Counts { held: 0, .. } => "n/a".to_owned(),
            Counts { held, .. } => format!("ok {held}"),
        }
    }
}

/// The grid, and below it each failure.
pub fn print(results: &[Results]) {
    let mut rest = results;
    while !rest.is_empty() {
        let fits = (WIDTH - LABEL) / CELL;
        // A carrier is not torn apart.
        let same = |a: &Results, b: &Results| std::ptr::eq(a.column.carrier, b.column.carrier);
        let breaks =
            (1..=rest.len()).filter(|at| rest.get(*at).is_none_or(|next| !same(&rest[at - 1], next)));
        let count = breaks.take_while(|at| *at <= fits).last().unwrap_or(fits.min(rest.len()));
        println!("{}", block(&rest[..count]));
        rest = &rest[count..];
    }
    for column in results {
        for Entry { case, outcome, .. } in &column.entries {
            if let Outcome::Failed(why) = outcome {
                println!("FAIL {}: {}: {}: {why}", column.column, case.group, case.name);
            }
        }
    }
}

/// The cases that took longest.
pub fn print_slowest(results: &[Results], count: usize) {
    let entries = results.iter().flat_map(|column| column.entries.iter().map(|entry| (column.column, entry)));
    let mut entries: Vec<(Column, &Entry)> = entries.collect();
    entries.sort_by_key(|(_, entry)| std::cmp::Reverse(entry.took));
    println!();
    for (column, Entry { case, took, .. }) in entries.into_iter().take(count) {
        println!("{:7.2} s  {column}: {}: {}", took.as_secs_f64(), case.group, case.name);
    }
}

fn block(columns: &[Results]) -> String {
    let mut text = format!("\n{:LABEL$}", "");
    for carrier in columns.chunk_by(|a, b| std::ptr::eq(a.column.carrier, b.column.carrier)) {
        // A name reaches over the columns of its carrier.
        let room = carrier.len() * CELL;
        let name: String = carrier[0].column.carrier.name.chars().take(room - 1).collect();
        let _ = write!(text, "{name:room$}");
    }
    let _ = write!(text, "\n{:LABEL$}", "");
    for column in columns {
        let _ = write!(text, "{:CELL$}", column.column.drivers());
    }
    let Some(first) = columns.first() else { return text };
    let mut groups: Vec<&str> = Vec::new();
    for entry in &first.entries {
        if !groups.contains(&entry.case.group) {
            groups.push(entry.case.group);
        }
    }
    for group in groups {
        let _ = write!(text, "\n{group:LABEL$}");
        for column in columns {
            let of_group = column.entries.iter().filter(|entry| entry.case.group == group);
            let counts = Counts::of(of_group.map(|entry| &entry.outcome));
            let _ = write!(text, "{:CELL$}", counts.cell());
        }
    }
    let _ = write!(text, "\n{:LABEL$}", "seconds");
    for column in columns {
        let _ = write!(text, "{:<CELL$.1}", column.took.as_secs_f64());
    }
    text
}
