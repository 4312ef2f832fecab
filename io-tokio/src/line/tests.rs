//! Both sides of a line, without a connection.

use super::*;
use crate::replies::Replies;
use crate::sender::Sender;
use bytes::Bytes;
use std::sync::atomic::{AtomicUsize, Ordering};
use zrpc_core::rpc::{Code, RawCodec};

const CALL: CallId = CallId::from_u64(1);

#[derive(Default)]
struct Bell(AtomicUsize);

impl Ring for Bell {
    fn ring(&self, call: CallId) {
        assert_eq!(call, CALL);
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Says `Blocked` after each message.
#[derive(Default)]
struct Narrow {
    sent: Vec<Bytes>,
    compressed: Vec<bool>,
    credit: u32,
    abandoned: Option<Code>,
    refuses: Option<Misuse>,
}

impl Session for Narrow {
    fn consume(&mut self, _: CallId, credit: u32) {
        self.credit += credit;
    }

    fn send(&mut self, _: CallId, message: Message, compress: bool) -> Result<Flow, Misuse> {
        self.refuses.map_or(Ok(()), Err)?;
        self.compressed.push(compress);
        self.sent.push(message.bytes);
        Ok(Flow::Blocked)
    }

    fn head(&mut self, _: CallId, _: &Metadata, _: Option<Encoding>) -> Result<(), Misuse> {
        Ok(())
    }

    fn half_close(&mut self, _: CallId) -> Result<(), Misuse> {
        Ok(())
    }

    fn finish_with(&mut self, _: CallId, _: Finish) -> Result<(), Misuse> {
        Ok(())
    }

    fn abandon(&mut self, _: CallId, status: &Status) {
        self.abandoned = Some(status.code());
    }
}

/// The next message, which is there.
fn next(line: &Line) -> Option<Bytes> {
    let Poll::Ready(Ok(next)) = line.poll_message(&mut cx()) else { panic!("there is none") };
    next.map(|message| message.bytes)
}

fn line() -> (Arc<Line>, Arc<Bell>) {
    let bell = Arc::new(Bell::default());
    (Line::new(CALL, bell.clone()), bell)
}

fn message(len: usize) -> Outgoing {
    Outgoing::Message { message: Bytes::from(vec![0; len]).into(), compress: false }
}

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

#[test]
fn a_full_outbox_makes_its_sender_wait_until_the_session_took_enough() {
    let (line, bell) = line();
    let mut session = Narrow::default();
    line.push(message(OUTBOX_BYTES_MAX));
    line.push(message(1));
    assert_eq!(bell.0.load(Ordering::SeqCst), 1, "one ring until the line was served");
    assert!(line.poll_room(&mut cx()).is_pending());
    assert!(line.serve(&mut session).is_some(), "the waiting sender is woken");
    assert!(line.poll_room(&mut cx()).is_ready());
    assert_eq!(session.sent.len(), 1, "nothing is sent while the session is blocked");
    line.set_writable();
    line.serve(&mut session);
    assert_eq!(session.sent.len(), 2);
}

#[test]
fn credit_goes_back_when_there_is_enough_of_it_or_with_something_else() {
    let (line, bell) = line();
    let mut session = Narrow::default();
    for _ in 0..3 {
        assert!(line.deliver(Message::default(), CREDIT_MIN / 2).is_ok());
    }
    assert_eq!(next(&line), Some(Bytes::new()));
    assert_eq!(bell.0.load(Ordering::SeqCst), 0);
    assert_eq!(next(&line), Some(Bytes::new()));
    assert_eq!(bell.0.load(Ordering::SeqCst), 1);
    line.serve(&mut session);
    assert_eq!(session.credit, CREDIT_MIN);
    line.stop_reading();
    line.serve(&mut session);
    assert_eq!(session.credit, CREDIT_MIN / 2 * 3, "unread messages give their credit back");
    assert_eq!(line.deliver(Message::default(), 9).err(), Some(9));
}

#[test]
fn credit_goes_back_before_the_application_waits_for_more() {
    let (line, bell) = line();
    let mut session = Narrow::default();
    assert!(line.deliver(Message::default(), 5).is_ok());
    assert!(line.poll_message(&mut cx()).is_ready());
    assert_eq!(bell.0.load(Ordering::SeqCst), 0);
    assert!(line.poll_message(&mut cx()).is_pending());
    assert_eq!(bell.0.load(Ordering::SeqCst), 1);
    line.serve(&mut session);
    assert_eq!(session.credit, 5);
}

#[test]
fn a_message_that_the_session_refuses_ends_the_call_with_the_reason() {
    let (line, _) = line();
    let misuse = Misuse::TooLarge { size: 9, limit: 4 };
    let mut session = Narrow { refuses: Some(misuse), ..Narrow::default() };
    line.push(message(9));
    line.serve(&mut session);
    assert_eq!(session.abandoned, Some(Code::ResourceExhausted));
    line.end(Status::cancelled("reset"), Metadata::new());
    let Poll::Ready(Err(status)) = line.poll_message(&mut cx()) else { panic!("the call goes on") };
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(matches!(line.poll_room(&mut cx()), Poll::Ready(Err(_))));
}

#[test]
fn what_arrived_is_read_before_the_end() {
    let (line, _) = line();
    assert!(line.deliver(Bytes::from_static(b"last").into(), 4).is_ok());
    line.end(Status::unavailable("lost"), Metadata::new());
    assert_eq!(next(&line).unwrap(), "last");
    assert!(
        matches!(line.poll_message(&mut cx()), Poll::Ready(Err(status)) if status.code() == Code::Unavailable)
    );
    assert_eq!(next(&line), None);
}

#[tokio::test]
async fn a_message_may_stay_uncompressed_among_others_that_are_not() {
    let (line, _) = line();
    let mut session = Narrow::default();
    let mut sender = Sender::over_line::<RawCodec>(Arc::clone(&line), true, None);
    let mut replies = Replies::over_line::<RawCodec>(Arc::clone(&line), None);
    replies.set_compression(Encoding::Gzip);
    sender.send("a".into()).await.unwrap();
    sender.send_uncompressed("b".into()).await.unwrap();
    replies.send("c".into()).await.unwrap();
    replies.send_uncompressed("d".into()).await.unwrap();
    for _ in 0..4 {
        line.set_writable();
        line.serve(&mut session);
    }
    assert_eq!(session.compressed, [true, false, true, false]);
}
