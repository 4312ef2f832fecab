//! How frames look: one object each, with what is absent left out.

use crate::codec::json::{write_base64, write_key, write_str, write_u64};
use crate::native::capabilities::Capabilities;
use crate::native::codec::{CallOut, EndOut, HeadOut, PartOut};
use crate::native::json::forms::Form;
use crate::native::json::parse::text_of;
use crate::native::{ErrorCode, Priority, Role};
use crate::rpc::{Encoding, Metadata, Part, Status, Transcode};
use alloc::vec::Vec;

/// Writes an object: its braces, and commas between its members.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    is_empty: bool,
}

impl<'a> Object<'a> {
    fn begin(out: &'a mut Vec<u8>) -> Object<'a> {
        out.push(b'{');
        Object { out, is_empty: true }
    }

    fn key(&mut self, key: &'static str) -> &mut Vec<u8> {
        if !core::mem::replace(&mut self.is_empty, false) {
            self.out.push(b',');
        }
        write_key(key, self.out);
        self.out
    }

    fn number(&mut self, key: &'static str, number: u64) -> &mut Self {
        write_u64(number, self.key(key));
        self
    }

    fn text(&mut self, key: &'static str, text: &str) -> &mut Self {
        write_str(text, self.key(key));
        self
    }

    /// A text that is left out when it is empty.
    fn text_if_any(&mut self, key: &'static str, text: &str) -> &mut Self {
        if text.is_empty() { self } else { self.text(key, text) }
    }

    fn flag(&mut self, key: &'static str, flag: bool) -> &mut Self {
        self.key(key).extend_from_slice(if flag { b"true" } else { b"false" });
        self
    }

    fn end(&mut self) {
        self.out.push(b'}');
    }
}

/// An object with one member, which is an object.
fn frame(key: &'static str, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
    let mut outer = Object::begin(out);
    let mut inner = Object::begin(outer.key(key));
    fill(&mut inner);
    inner.end();
    outer.end();
}

pub(super) fn hello(role: Role, of: &Capabilities, authority: &str, agent: &str, out: &mut Vec<u8>) {
    frame("hello", out, |hello| {
        hello.number("version", 1);
        if role == Role::Server {
            hello.number("max_calls", of.calls_max.into());
        }
        hello
            .number("initial_credit", of.initial_credit.into())
            .number("max_message_bytes", of.message_bytes_max)
            .number("max_metadata_bytes", of.metadata_bytes_max.into());
        if of.encodings != 0 {
            let names = hello.key("encodings");
            names.push(b'[');
            for (index, encoding) in
                Encoding::ALL.iter().filter(|encoding| of.accepts(**encoding)).enumerate()
            {
                if index > 0 {
                    names.push(b',');
                }
                write_str(encoding.name(), names);
            }
            names.push(b']');
        }
        if of.ping_interval_min_ms != 0 {
            hello.number("ping_interval_min_ms", of.ping_interval_min_ms.into());
        }
        hello.text_if_any("authority", authority).text_if_any("agent", agent);
    });
}

pub(super) fn refused(text: &str, out: &mut Vec<u8>) {
    frame("refused", out, |refused| {
        refused.number("lowest", 1).number("highest", 1).text("text", text);
    });
}

pub(super) fn credit(call: u64, amount: u32, out: &mut Vec<u8>) {
    frame("credit", out, |credit| {
        credit.number("call", call).number("amount", amount.into());
    });
}

pub(super) fn reset(call: u64, code: ErrorCode, text: &str, out: &mut Vec<u8>) {
    frame("reset", out, |reset| {
        reset.number("call", call).number("code", code.0).text_if_any("text", text);
    });
}

pub(super) fn priority(call: u64, priority: Priority, out: &mut Vec<u8>) {
    frame("priority", out, |object| {
        object.number("call", call);
        priority_members(priority, object);
    });
}

fn priority_members(priority: Priority, object: &mut Object<'_>) {
    object.number("urgency", priority.urgency().into()).flag("incremental", priority.is_incremental());
}

pub(super) fn ping(is_answer: bool, token: [u8; 8], out: &mut Vec<u8>) {
    let mut object = Object::begin(out);
    let text = alloc::format!("{:016x}", u64::from_be_bytes(token));
    object.text(if is_answer { "pong" } else { "ping" }, &text).end();
}

pub(super) fn goaway(last: u64, code: ErrorCode, text: &str, out: &mut Vec<u8>) {
    frame("goaway", out, |goaway| {
        goaway.number("last", last).number("code", code.0).text_if_any("text", text);
    });
}

pub(super) fn call(frame: &CallOut<'_>, form: Form, part: Part, schema: &dyn Transcode, out: &mut Vec<u8>) {
    let mut object = Object::begin(out);
    object.number("call", frame.call);
    if let Some(of) = &frame.head {
        head(of, object.key("head"));
    }
    if let Some(of) = &frame.part {
        message(of, form, part, schema, &mut object);
    }
    match frame.end {
        EndOut::No => {}
        EndOut::HalfClose => {
            object.flag("end", true);
        }
        EndOut::Status(of, trailers) => status(of, trailers, object.key("end")),
    }
    object.end();
}

fn head(of: &HeadOut<'_>, out: &mut Vec<u8>) {
    let mut object = Object::begin(out);
    if let Some(path) = of.path {
        object.text("path", text_of(path));
    }
    if let Some(timeout) = of.timeout {
        let micros = u64::try_from(timeout.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX);
        object.number("timeout_us", micros.min((1 << 53) - 1));
    }
    if let Some(encoding) = of.encoding {
        object.text("encoding", encoding.name());
    }
    if let Some(priority) = of.priority {
        let mut inner = Object::begin(object.key("priority"));
        priority_members(priority, &mut inner);
        inner.end();
    }
    if !of.metadata.is_empty() {
        metadata(of.metadata, &Metadata::new(), object.key("metadata"));
    }
    object.end();
}

/// Writes a message in the form of its call; one that has none in JSON goes as bytes.
fn message(of: &PartOut, form: Form, part: Part, schema: &dyn Transcode, object: &mut Object<'_>) {
    let method = form.method.filter(|_| !form.as_data && !of.compressed);
    if let Some(method) = method {
        let (length, was_empty) = (object.out.len(), object.is_empty);
        if schema.to_json(method, part, &of.data, object.key("message")).is_ok() {
            object.number("size", of.data.len() as u64);
            return;
        }
        object.out.truncate(length);
        object.is_empty = was_empty;
    }
    write_base64(&of.data, object.key("data"));
    if of.compressed {
        object.flag("compressed", true);
    }
}

fn status(of: &Status, trailers: &Metadata, out: &mut Vec<u8>) {
    let mut object = Object::begin(out);
    object.number("code", of.code() as u64);
    if !of.is_ok() {
        object.text_if_any("message", of.message());
        if !of.details().is_empty() {
            write_base64(of.details(), object.key("details"));
        }
    }
    if !trailers.is_empty() || !of.metadata().is_empty() {
        metadata(of.metadata(), trailers, object.key("metadata"));
    }
    object.end();
}

/// Writes metadata: for each key, where it first comes, all of its values.
fn metadata(first: &Metadata, second: &Metadata, out: &mut Vec<u8>) {
    let entries = || first.iter().chain(second.iter());
    out.push(b'{');
    let mut is_first = true;
    for (index, (name, _)) in entries().enumerate() {
        if entries().take(index).any(|(earlier, _)| earlier == name) {
            continue;
        }
        if !core::mem::replace(&mut is_first, false) {
            out.push(b',');
        }
        write_str(name, out);
        out.extend_from_slice(b":[");
        for (index, (_, value)) in entries().filter(|(key, _)| *key == name).enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_str(value, out);
        }
        out.push(b']');
    }
    out.push(b'}');
}
