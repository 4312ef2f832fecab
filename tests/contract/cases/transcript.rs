//! The same script of calls gives the same transcript on each carrier and driver, byte for byte: what came of each call, in
//! order, as `transcript.txt` has it.
//!
//! When the script is changed on purpose, `ZRPC_REGENERATE=1 cargo test -p zrpc-tests --test contract transcript` writes
//! the file anew from the first column.

use crate::carrier::CARRIERS;
use crate::cases::cases;
use crate::client::{Client, Incoming};
use crate::column::Column;
use crate::service::{BARE, CHAT, ECHO, FAIL, PANIC, SUM, WATCH, check, pattern};
use bytes::Bytes;
use std::fmt::Write;
use zrpc::{Metadata, Request, Response, Status};

cases!("transcript":
    the_script_gives_the_same_transcript,
);

const EXPECTED: &str = include_str!("../transcript.txt");
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/contract/transcript.txt");
/// How much of a message is shown; of the rest, a checksum.
const SHOWN: usize = 40;

/// What is written down of the calls: for each its name, and what came of it.
#[derive(Default)]
struct Transcript(Vec<(String, String)>);

fn the_script_gives_the_same_transcript(column: Column) {
    let bench = column.bench();
    let mut transcript = Transcript::default();
    transcript.play(&*bench.client, column.can().client_streaming);
    let is_first = std::ptr::eq(column.carrier, &CARRIERS[0]) && column.drivers() == "tokio";
    if is_first && std::env::var_os("ZRPC_REGENERATE").is_some() {
        std::fs::write(PATH, transcript.text()).expect("the transcript can be written");
        return;
    }
    let mut expected = EXPECTED.split("== ").skip(1);
    for (name, actual) in &transcript.0 {
        let expected = expected.find(|part| part.lines().next() == Some(name));
        let expected = expected.unwrap_or_else(|| panic!("transcript.txt has no call {name:?} here"));
        assert_eq!(format!("{name}\n{actual}"), expected.trim_end_matches('\n').to_owned() + "\n");
    }
    if column.can().client_streaming {
        assert_eq!(expected.next(), None, "transcript.txt has further calls");
    }
}

impl Transcript {
    fn text(&self) -> String {
        self.0.iter().map(|(name, text)| format!("== {name}\n{text}\n")).collect()
    }

    fn play(&mut self, client: &dyn Client, requests: bool) {
        for size in [0, 1, 40, 41, 1000, 16_384, 70_000] {
            self.unary(
                &format!("echo of {size} bytes"),
                client.unary(ECHO, Request::new(pattern(size, size))),
            );
        }
        let words = || with(&[("x-word", "one"), ("x-word", "two"), ("x-empty", ""), ("x-list", "a, b")]);
        let request = || Request::new(Bytes::from_static(b"with metadata")).with_metadata(words());
        self.unary("echo with metadata", client.unary(ECHO, request()));
        let mut binary = words();
        binary.append_bin("x-some-bin", &[0, 1, 0xfe, 0xff]).expect("valid");
        let request = Request::new(Bytes::from_static(b"with bytes")).with_metadata(binary);
        self.unary("echo with bytes in its metadata", client.unary(ECHO, request));
        let request = Request::new(Bytes::new()).with_timeout(std::time::Duration::from_secs(600));
        self.unary("echo with a deadline", client.unary(ECHO, request));

        for code in 1..=16 {
            let mut metadata = with(&[("code", &code.to_string()), ("x-why", "asked")]);
            metadata.append_bin("details-bin", &[8, code]).expect("valid");
            let message = Bytes::from(format!("code {code}: äöü ☺ 100 %\n"));
            let failed = client.unary(FAIL, Request::new(message).with_metadata(metadata));
            self.unary(&format!("failure {code}"), failed);
        }
        self.unary("a panic", client.unary(PANIC, Request::new(Bytes::new())));
        self.unary("a method without a handler", client.unary(BARE, Request::new(Bytes::new())));

        for (count, size) in [(0, 0), (1, 0), (3, 10), (5, 30_000)] {
            let message = Bytes::from(format!("{count} {size}"));
            let stream = client.watch(WATCH, Request::new(message).with_metadata(words()));
            self.stream(&format!("{count} responses of {size} bytes"), stream);
        }
        let stream = client.watch(WATCH, Request::new(Bytes::from_static(b"nonsense")));
        self.stream("a refused argument", stream);
        if requests {
            self.play_requests(client);
        }
        self.unary("the last echo", client.unary(ECHO, Request::new(Bytes::from_static(b"still here"))));
    }

    fn play_requests(&mut self, client: &dyn Client) {
        for (count, size) in [(0, 0), (1, 0), (3, 10), (5, 30_000)] {
            let request = Request::new(()).with_metadata(with(&[("x-word", "summed")]));
            let outcome = client.upload(SUM, request).and_then(|mut upload| {
                (0..count).try_for_each(|index| upload.send(pattern(index, size)))?;
                upload.finish()
            });
            self.unary(&format!("{count} requests of {size} bytes"), outcome);
        }
        let outcome = client.upload(SUM, Request::new(())).and_then(|mut upload| {
            upload.send(Bytes::from_static(b"enough"))?;
            upload.finish()
        });
        self.unary("requests that are refused", outcome);

        for last in ["", "end", "enough", "panic"] {
            let request = Request::new(()).with_metadata(with(&[("x-word", "talked")]));
            let stream = client.talk(CHAT, request).and_then(|(mut sender, stream)| {
                (0..3).try_for_each(|index| sender.send(pattern(index, 50 * index)))?;
                if !last.is_empty() {
                    sender.send(Bytes::from_static(last.as_bytes()))?;
                }
                Ok(stream)
            });
            self.stream(&format!("a conversation that ends with {last:?}"), stream);
        }
        // Two at once, message by message.
        let mut talks: Vec<_> =
            (0..2).map(|_| client.talk(CHAT, Request::new(())).expect("a call")).collect();
        let mut texts = [String::new(), String::new()];
        for index in 0..4 {
            for (number, ((sender, stream), text)) in talks.iter_mut().zip(&mut texts).enumerate() {
                sender.send(pattern(10 * number + index, 5)).expect("sent");
                show_message(text, &stream.message().expect("a message").unwrap_or_default());
            }
        }
        for (number, ((sender, stream), mut text)) in talks.into_iter().zip(texts).enumerate() {
            drop(sender);
            show_stream(&mut text, stream);
            self.0.push((format!("conversation {number} of two"), text));
        }
    }

    fn unary(&mut self, name: &str, outcome: Result<Response<Bytes>, Status>) {
        let mut text = String::new();
        match outcome {
            Ok(response) => {
                show_metadata(&mut text, "head", response.metadata());
                show_message(&mut text, response.message());
                show_status(&mut text, &Status::OK);
                show_metadata(&mut text, "trailer", response.trailers());
            }
            Err(status) => show_status(&mut text, &status),
        }
        self.0.push((name.to_owned(), text));
    }

    fn stream(&mut self, name: &str, outcome: Result<Box<dyn Incoming>, Status>) {
        let mut text = String::new();
        match outcome {
            Ok(stream) => show_stream(&mut text, stream),
            Err(status) => show_status(&mut text, &status),
        }
        self.0.push((name.to_owned(), text));
    }
}

fn with(pairs: &[(&str, &str)]) -> Metadata {
    let mut metadata = Metadata::new();
    for (key, value) in pairs {
        metadata.append(key, value).expect("valid metadata");
    }
    metadata
}

fn show_stream(text: &mut String, mut stream: Box<dyn Incoming>) {
    show_metadata(text, "head", &stream.metadata());
    let status = loop {
        match stream.message() {
            Ok(Some(message)) => show_message(text, &message),
            Ok(None) => break Status::OK,
            Err(status) => break status,
        }
    };
    show_status(text, &status);
    show_metadata(text, "trailer", &stream.trailers().unwrap_or_default());
}

fn show_metadata(text: &mut String, what: &str, metadata: &Metadata) {
    for (key, value) in metadata.iter() {
        let _ = writeln!(text, "{what} {key}: {value}");
    }
}

fn show_message(text: &mut String, message: &Bytes) {
    let shown = message[..message.len().min(SHOWN)].escape_ascii();
    let _ = writeln!(text, "message of {} bytes, check {:x}: {shown}", message.len(), check(0, message));
}

fn show_status(text: &mut String, status: &Status) {
    let _ = writeln!(text, "status {:?} {:?}", status.code(), status.message());
    if !status.details().is_empty() {
        let _ = writeln!(text, "details {}", status.details().escape_ascii());
    }
    show_metadata(text, "with it", status.metadata());
}
