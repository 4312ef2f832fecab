//! A process: code, a clock, and whether it runs at the moment.

use crate::call::ServerCall;
use crate::clock::{Clock, Skew};
use crate::tasks::Tasks;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use zrpc_core::base::Time;
use zrpc_core::rpc::Status;
use zrpc_core::stack::{AnyServerConfig, SharedAnyServerConfig};

/// A process of a world.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ProcessId(pub(super) usize);

/// What answers a server's calls.
pub(super) type Handler = Rc<dyn Fn(ServerCall) -> Pin<Box<dyn Future<Output = Result<(), Status>>>>>;

/// What a process offers to others.
pub(super) struct Service {
    pub(super) handler: Handler,
    pub(super) config: SharedAnyServerConfig,
    pub(super) memory_max: usize,
    /// It takes no new connections.
    pub(super) is_draining: bool,
}

pub(super) struct Process {
    pub(super) clock: Clock,
    skew: Skew,
    pub(super) tasks: Tasks,
    pub(super) is_up: bool,
    /// It starts again then.
    pub(super) down_until: Option<Time>,
    /// It does nothing until then, and does not notice.
    pub(super) stopped_until: Option<Time>,
    pub(super) service: Option<Service>,
}

impl Process {
    pub(super) fn new(now: Time, skew: Skew) -> Process {
        let clock = Clock::default();
        clock.set(skew.local(now));
        Process {
            clock,
            skew,
            tasks: Tasks::default(),
            is_up: true,
            down_until: None,
            stopped_until: None,
            service: None,
        }
    }

    pub(super) fn serve(&mut self, handler: Handler, config: &AnyServerConfig) {
        self.service = Some(Service {
            handler,
            config: config.into(),
            memory_max: config.memory_max(),
            is_draining: false,
        });
    }

    /// Whether its code runs at this moment.
    pub(super) fn runs(&self) -> bool {
        self.is_up && self.stopped_until.is_none()
    }

    /// It is up again, with nothing that it held before.
    pub(super) fn restart(&mut self) {
        self.down_until = None;
        self.is_up = true;
    }

    /// Tells it the time, unless it is stopped.
    pub(super) fn tell_time(&mut self, now: Time) {
        if self.down_until.is_some_and(|until| until <= now) {
            self.restart();
        }
        if self.stopped_until.is_some_and(|until| until <= now) {
            self.stopped_until = None;
        }
        if self.runs() {
            self.clock.set(self.skew.local(now));
        }
    }

    /// Its clock shows that much more from now on.
    pub(super) fn jump(&mut self, by: std::time::Duration) {
        self.skew.ahead += by;
    }

    /// The moment of the world at which its clock shows `local`.
    pub(super) fn world(&self, local: Time) -> Time {
        self.skew.world(local)
    }

    /// When it wants to do something by itself.
    pub(super) fn next(&self) -> Option<Time> {
        match self.down_until.or(self.stopped_until) {
            Some(until) => Some(until),
            None => self.clock.next().filter(|_| self.is_up).map(|at| self.world(at)),
        }
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("clock", &self.clock)
            .field("is_up", &self.is_up)
            .finish_non_exhaustive()
    }
}
