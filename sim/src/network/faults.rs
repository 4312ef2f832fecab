//! What can happen to a network: links that stall, vanish and reset, hosts that crash.

use super::Network;
use std::collections::BTreeMap;
use std::time::Duration;
use zrpc_core::base::Time;

fn pair(a: &str, b: &str) -> (String, String) {
    (a.min(b).to_owned(), a.max(b).to_owned())
}

impl Network {
    fn happens(&self, kind: &'static str, where_: &str) {
        let now = self.now();
        let mut state = self.state();
        *state.faults.entry(kind).or_default() += 1;
        state.transcript.note(now, format_args!("fault: {kind} {where_}"));
    }

    /// Nothing moves between two hosts for so long, and no connection is made; then it goes on where it stood.
    pub fn partition(&self, a: &str, b: &str, lasts: Duration) {
        self.happens("partition", &format!("{a} {b} {lasts:?}"));
        let until = self.now() + lasts;
        let mut state = self.state();
        state.partitions.insert(pair(a, b), until);
        state.wires.each(a, Some(b), |link| link.stall(until));
    }

    /// When a partition between two hosts ends, if there is one.
    pub(super) fn cut_until(&self, a: &str, b: &str) -> Option<Time> {
        self.state().partitions.get(&pair(a, b)).copied().filter(|until| *until > self.now())
    }

    /// Resets all connections between two hosts.
    pub fn reset(&self, a: &str, b: &str) {
        self.happens("reset", &format!("{a} {b}"));
        let now = self.now();
        self.state().wires.each(a, Some(b), |link| link.reset(now));
    }

    /// All connections between two hosts are dead from now on, and neither is told: half open.
    pub fn vanish(&self, a: &str, b: &str) {
        self.happens("vanish", &format!("{a} {b}"));
        self.state().wires.each(a, Some(b), |link| link.die());
    }

    /// The code of a host is gone at once, its peers see resets, and it starts again after so long.
    pub fn crash(&self, host: &str, down: Duration) {
        self.happens("crash", &format!("{host} {down:?}"));
        let now = self.now();
        let mut state = self.state();
        state.wires.each(host, None, |link| link.reset(now));
        state.hosts.crash(host, down);
    }

    /// Lets a random fault happen to some of the hosts that [`Network::host`] runs, and some of the others named here, again
    /// and again for so long. What it did is over by then, but for connections that vanished.
    pub async fn misfortune(&self, lasts: Duration, clients: &[&str]) {
        let until = self.now() + lasts;
        loop {
            let pause = Duration::from_millis(100 + self.random_below(3_000));
            let left = until.saturating_since(self.now());
            if pause >= left {
                return tokio::time::sleep(left).await;
            }
            tokio::time::sleep(pause).await;
            let left = (left - pause).as_millis() as u64;
            let down = Duration::from_millis(self.random_below(left.min(5_000)));
            let names: Vec<String> = {
                let state = self.state();
                state.hosts.names().map(str::to_owned).collect()
            };
            let Some(host) = names.get(self.random_below(names.len() as u64) as usize) else { continue };
            let others: Vec<&str> = names
                .iter()
                .map(String::as_str)
                .chain(clients.iter().copied())
                .filter(|name| name != host)
                .collect();
            let other = others.get(self.random_below(others.len() as u64) as usize).copied().unwrap_or(host);
            match self.random_below(4) {
                0 => self.crash(host, down),
                1 => self.partition(host, other, down),
                2 => self.reset(host, other),
                _ => self.vanish(host, other),
            }
        }
    }

    /// Faults that happened, by kind.
    #[must_use]
    pub fn faults(&self) -> BTreeMap<&'static str, u64> {
        self.state().faults.clone()
    }
}
