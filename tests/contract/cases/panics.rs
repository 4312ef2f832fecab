//! Handlers that panic: their call ends as INTERNAL, without what they said, and everything else goes on.

use crate::cases::cases;
use crate::column::Column;
use crate::service::{CHAT, PANIC, SUM, pattern};
use bytes::Bytes;
use zrpc::{Code, Request, Status};

cases!("panics":
    a_unary_handler_that_panics_ends_its_call_alone,
    a_streaming_handler_that_panics_ends_its_call_alone [Requests],
);

#[track_caller]
fn assert_panicked(status: &Status) {
    assert_eq!((status.code(), status.message()), (Code::Internal, "the handler panicked"));
}

fn a_unary_handler_that_panics_ends_its_call_alone(column: Column) {
    let bench = column.bench();
    for _ in 0..3 {
        assert_panicked(&bench.client.unary(PANIC, Request::new(Bytes::new())).expect_err("a failure"));
        bench.call_on_the_same_connection();
    }
}

fn a_streaming_handler_that_panics_ends_its_call_alone(column: Column) {
    let bench = column.bench();
    let (mut open, mut answers) = bench.client.talk(CHAT, Request::new(())).expect("a call");
    for _ in 0..3 {
        let (mut sender, mut stream) = bench.client.talk(CHAT, Request::new(())).expect("a call");
        sender.send(pattern(1, 10)).expect("sent");
        assert_eq!(stream.message(), Ok(Some(pattern(1, 10))));
        sender.send(Bytes::from_static(b"panic")).expect("sent");
        assert_panicked(&stream.message().expect_err("a failure"));

        let mut upload = bench.client.upload(SUM, Request::new(())).expect("a call");
        upload.send(Bytes::from_static(b"panic")).expect("sent");
        assert_panicked(&upload.finish().expect_err("a failure"));
    }
    // A call that was open all the while is as it was.
    open.send(pattern(2, 20)).expect("sent");
    assert_eq!(answers.message(), Ok(Some(pattern(2, 20))));
    drop(open);
    assert_eq!(answers.message(), Ok(None));
    bench.probe.until_handlers_ended();
    bench.call_on_the_same_connection();
}
