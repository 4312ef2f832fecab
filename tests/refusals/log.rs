//! The log of this process, kept as lines.

use std::fmt::{Debug, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
static CHANGED: Condvar = Condvar::new();

/// Keeps what this process logs from now on.
pub fn keep() {
    tracing::subscriber::set_global_default(Keeper).expect("nobody else keeps the log");
}

/// Forgets what was logged so far.
pub fn forget() {
    lines().clear();
}

/// Waits until a line holds `text`; answers with all lines when none does in that time.
pub fn until(longest: Duration, text: &str) -> Result<(), Vec<String>> {
    let holds = |lines: &mut Vec<String>| !lines.iter().any(|line| line.contains(text));
    let waited = CHANGED.wait_timeout_while(lines(), longest, holds);
    let (lines, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
    if timeout.timed_out() { Err(lines.clone()) } else { Ok(()) }
}

fn lines() -> MutexGuard<'static, Vec<String>> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Keeper;

impl Subscriber for Keeper {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("zrpc")
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        lines().push(line.0);
        CHANGED.notify_all();
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}
