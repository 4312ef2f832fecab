//! What must be true of a call, from what was handed in and nothing else: the yardstick of [`super::pair`].

use crate::base::{Flow, Misuse};
use crate::rpc::Status;
use alloc::vec::Vec;
use bytes::Bytes;

/// The messages of one direction of a call.
#[derive(Default)]
pub(super) struct Way {
    pub(super) sent: Vec<Bytes>,
    pub(super) received: usize,
    /// Credit of messages that were received and not consumed.
    pub(super) credit: Vec<u32>,
    pub(super) blocked: bool,
    /// No more are sent.
    pub(super) ended: bool,
}

impl Way {
    pub(super) fn receive(&mut self, message: &Bytes, credit: u32) {
        let expected = self.sent.get(self.received).expect("no more messages arrive than were sent");
        assert!(message == expected, "message {} differs", self.received);
        assert!(credit > 0, "each message takes credit");
        self.received += 1;
        self.credit.push(credit);
    }

    pub(super) fn note(&mut self, message: Bytes, sent: Result<Flow, Misuse>) {
        match sent {
            Ok(flow) => {
                assert!(!self.blocked && !self.ended, "what is blocked or ended sends nothing");
                self.sent.push(message);
                self.blocked = flow == Flow::Blocked;
            }
            Err(Misuse::Blocked) => assert!(self.blocked, "Blocked was not said before"),
            Err(Misuse::OutOfOrder(_)) => assert!(self.ended, "it may still send"),
            Err(misuse) => panic!("{misuse}"),
        }
    }

    pub(super) fn writable(&mut self) {
        assert!(self.blocked, "Writable comes after Blocked, once");
        self.blocked = false;
    }

    /// Waits to be told that there is room again.
    pub(super) fn is_stuck(&self) -> bool {
        self.blocked && !self.ended
    }

    pub(super) fn is_whole(&self) -> bool {
        self.received == self.sent.len()
    }
}

/// What the model knows of a call.
#[derive(Default)]
pub(super) struct Call {
    pub(super) up: Way,
    pub(super) down: Way,
    pub(super) has_deadline: bool,
    pub(super) cancelled: bool,
    pub(super) opened: bool,
    /// What the server's owner said.
    pub(super) finished: Option<Status>,
    pub(super) at_client: Option<Status>,
    pub(super) at_server: Option<Status>,
}
