//! A tiny executor: futures of one process, on one thread, in an order that one seed decides.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};
use zrpc_core::base::Entropy;

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// The futures that a process runs.
#[derive(Default)]
pub(crate) struct Tasks {
    slots: Vec<Option<Task>>,
    ready: Arc<Ready>,
}

/// Tasks that were woken. Wakers must be `Send`, so this is behind a lock that nobody else ever holds.
#[derive(Default)]
struct Ready(Mutex<VecDeque<usize>>);

impl Ready {
    fn queue(&self) -> MutexGuard<'_, VecDeque<usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Woken {
    task: usize,
    is_queued: AtomicBool,
    ready: Arc<Ready>,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        if !self.is_queued.swap(true, Ordering::Relaxed) {
            self.ready.queue().push_back(self.task);
        }
    }
}

impl Tasks {
    /// Runs a future at the next opportunity.
    pub(crate) fn spawn(&mut self, future: impl Future<Output = ()> + 'static) {
        let free = self.slots.iter().position(Option::is_none);
        let task = free.unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.slots[task] = Some(Box::pin(future));
        self.ready.queue().push_back(task);
    }

    /// Runs every task that was woken, one of them at random at a time, until all of them wait. Says whether any ran.
    pub(crate) fn run(&mut self, entropy: &mut Entropy) -> bool {
        let mut has_run = false;
        loop {
            let next = {
                let mut ready = self.ready.queue();
                let at = entropy.below(ready.len() as u64) as usize;
                ready.remove(at)
            };
            let Some(task) = next else { return has_run };
            has_run = true;
            self.poll(task);
        }
    }

    fn poll(&mut self, task: usize) {
        let Some(mut future) = self.slots[task].take() else { return };
        let ready = Arc::clone(&self.ready);
        let waker = Waker::from(Arc::new(Woken { task, is_queued: AtomicBool::new(false), ready }));
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            self.slots[task] = Some(future);
        }
    }

    /// Drops every task where it waits, as a crash does.
    pub(crate) fn crash(&mut self) {
        *self = Tasks::default();
    }

    /// Tasks that are not done.
    pub(crate) fn count(&self) -> usize {
        self.slots.iter().flatten().count()
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").field("count", &self.count()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    async fn yield_once() {
        let mut has_yielded = false;
        std::future::poll_fn(|cx| {
            if std::mem::replace(&mut has_yielded, true) {
                return std::task::Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            std::task::Poll::Pending
        })
        .await;
    }

    fn order(seed: u64) -> Vec<u32> {
        let order = Rc::new(RefCell::new(Vec::new()));
        let mut tasks = Tasks::default();
        for number in 0..5 {
            let order = Rc::clone(&order);
            tasks.spawn(async move {
                order.borrow_mut().push(number);
                yield_once().await;
                order.borrow_mut().push(number);
            });
        }
        assert!(tasks.run(&mut Entropy::from_seed(seed)));
        assert_eq!(tasks.count(), 0);
        order.take()
    }

    #[test]
    fn the_seed_decides_the_order_and_every_task_ends() {
        assert_eq!(order(1), order(1));
        let orders: std::collections::BTreeSet<Vec<u32>> = (0..20).map(order).collect();
        assert!(orders.len() > 10, "{} orders", orders.len());
        assert!(orders.iter().all(|order| order.len() == 10));
    }

    #[test]
    fn a_crash_drops_what_waits() {
        let held = Rc::new(());
        let mut tasks = Tasks::default();
        let inside = Rc::clone(&held);
        tasks.spawn(async move {
            let _inside = inside;
            std::future::pending::<()>().await;
        });
        tasks.run(&mut Entropy::from_seed(0));
        assert_eq!((tasks.count(), Rc::strong_count(&held)), (1, 2));
        tasks.crash();
        assert_eq!((tasks.count(), Rc::strong_count(&held)), (0, 1));
    }
}
