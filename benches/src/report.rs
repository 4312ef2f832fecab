//! Medians over rounds, as a table for people or as lines of JSON for programs.

use crate::measure::{Figures, Measure};
use crate::{Bench, Effort, Named};
use std::collections::BTreeMap;

/// Every figure of every round.
pub struct Results<B: Bench> {
    pinned: bool,
    effort: Effort,
    cases: Vec<B>,
    figures: BTreeMap<(B, Measure, B::Stack), Vec<f64>>,
}

impl<B: Bench> Results<B> {
    /// Nothing measured yet.
    pub fn new(pinned: bool, effort: Effort) -> Results<B> {
        Results { pinned, effort, cases: Vec::new(), figures: BTreeMap::new() }
    }

    /// Adds a round.
    pub fn add(&mut self, case: B, stack: B::Stack, figures: Figures) {
        if !self.cases.contains(&case) {
            self.cases.push(case);
        }
        for (measure, figure) in figures {
            self.figures.entry((case, measure, stack)).or_default().push(figure);
        }
    }

    /// Ours beside each peer, in the order of the plan.
    fn rows(&self) -> Vec<Row<B>> {
        let mut rows = Vec::new();
        for case in &self.cases {
            let Some((ours, peers)) = case.stacks().split_first() else { continue };
            for (_, measure, _) in self.figures.keys().filter(|(of, _, stack)| of == case && stack == ours) {
                let median =
                    |stack: B::Stack| self.figures.get(&(*case, *measure, stack)).map(|all| median(all));
                let Some(ours) = median(*ours) else { continue };
                let peers = peers.iter().filter_map(|peer| Some((*peer, median(*peer)?))).collect();
                rows.push(Row { case: *case, measure: *measure, ours, peers });
            }
        }
        rows
    }
}

struct Row<B: Bench> {
    case: B,
    measure: Measure,
    ours: f64,
    peers: Vec<(B::Stack, f64)>,
}

/// The middle one; of an even number, the lower of the two.
fn median(all: &[f64]) -> f64 {
    let mut sorted = all.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

/// One object a line and peer; `goal` and `reached` are null where none was set.
pub fn print_json<B: Bench>(results: &Results<B>) {
    for row in results.rows() {
        for (peer, figure) in &row.peers {
            let goal = row.case.goal(row.measure, *peer);
            let reached = goal.map(|goal| goal.is_reached(row.ours, *figure));
            println!(
                "{{\"measure\":\"{}\",\"carrier\":\"{}\",\"payload\":{},\"in_flight\":{},\"ours\":{},\
                 \"peer\":{},\"peer_name\":\"{}\",\"ratio\":{},\"unit\":\"{}\",\"goal\":{},\"reached\":{}}}",
                format_args!("{}_{}", row.case.work_name(), row.measure.json_name()),
                row.case.carrier(),
                row.case.payload(),
                row.case.in_flight(),
                number(row.ours),
                number(*figure),
                peer.name(),
                number(row.ours / figure),
                row.measure.unit(),
                goal.map_or("null".to_owned(), |goal| format!("\"{goal}\"")),
                reached.map_or("null".to_owned(), |reached| reached.to_string()),
            );
        }
    }
}

/// JSON has no words for what is not a number.
fn number(figure: f64) -> String {
    if figure.is_finite() { format!("{figure:.4}") } else { "null".to_owned() }
}

/// A block a case, a line a measure, a column a peer with our ratio to it, and the goals at the end of the line.
pub fn print_table<B: Bench>(results: &Results<B>) {
    print_conditions(results);
    let (mut goals, mut reached) = (0, 0);
    let mut last = None;
    for row in results.rows() {
        if last != Some(row.case) {
            println!("\n{}", row.case.title());
            last = Some(row.case);
        }
        let mut line =
            format!("  {:<19} {:<14} zRPC {:>9}", row.measure.title(), row.measure.unit(), figure(row.ours));
        let mut marks = String::new();
        for (peer, theirs) in &row.peers {
            line += &format!("   {} {:>9} ({:.2}×)", peer.name(), figure(*theirs), row.ours / theirs);
            if let Some(goal) = row.case.goal(row.measure, *peer) {
                let met = goal.is_reached(row.ours, *theirs);
                goals += 1;
                reached += usize::from(met);
                marks += &format!("   {} {goal} {}", if met { "✓" } else { "✗" }, peer.name());
            }
        }
        println!("{line}{marks}");
    }
    println!("\n{reached} of {goals} goals reached (✓); a ratio is zRPC's figure over the peer's.");
}

fn print_conditions<B: Bench>(results: &Results<B>) {
    let pinned = match results.pinned {
        true => "server on cpu 0, client on cpu 1",
        false => "processes not bound to a cpu: latencies vary with the scheduler",
    };
    let Effort { rounds, round, idle_connections, .. } = results.effort;
    println!("{}", B::ABOUT);
    println!("{pinned}; one thread a process; one connection; median of {rounds} rounds of {round:?}");
    println!("{idle_connections} idle connections; KB = 1024 bytes, MB = 1,000,000 bytes");
}

/// Three significant digits, and no more than the figure has.
fn figure(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}
