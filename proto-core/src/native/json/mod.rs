//! The JSON encoding (docs/native-protocol.md §12): the same frames as objects that people and browsers write.
//!
//! Each call of [`Codec::push`] is one text message: an object, or an array of them. Messages of calls leave and enter as
//! bytes all the same, so the engine counts the same credit: a `message` in JSON is transcoded here, a `data` is base64.
//!
//! | file | what it decides |
//! |---|---|
//! | `texts.rs` | where in the text messages each object begins and ends |
//! | `members.rs` | which members an object has, each once, and what values they may have |
//! | `parse.rs` | which frame an object is |
//! | `emit.rs` | how frames look |
//! | `forms.rs` | in which form the messages of each call travel |

mod emit;
mod forms;
mod members;
mod parse;
#[cfg(test)]
mod tests;
mod texts;

use crate::base::Out;
use crate::base::out::INLINE_MAX;
use crate::native::capabilities::{self, Capabilities};
use crate::native::codec::{CallOut, Codec, EndOut, Frame, ReadLimits, Scratch};
use crate::native::{ErrorCode, Priority, Role, Violation};
use crate::rpc::{NoSchema, Part, Transcode};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use forms::Forms;
use members::Fault;
use texts::Texts;

/// How GOAWAY says "every call": the largest number that JavaScript counts to.
const LAST_OF_ALL: u64 = (1 << 53) - 1;

/// See the module.
#[derive(Clone, Debug)]
pub struct Json {
    role: Role,
    schema: Arc<dyn Transcode>,
    texts: Texts,
    forms: Forms,
    /// The first object has come.
    is_open: bool,
    /// It is told after the opening that it implies.
    first: Option<Frame>,
    /// A client that greets nobody counts as one that said nothing in particular.
    greeting: Option<Capabilities>,
    authority: String,
    fault: Option<Fault>,
    /// Where frames are put together.
    frame: Vec<u8>,
}

impl Json {
    /// The encoding for one side, whose messages `schema` knows.
    #[must_use]
    pub fn with_schema(role: Role, schema: Arc<dyn Transcode>) -> Json {
        Json {
            role,
            schema,
            texts: Texts::default(),
            forms: Forms::default(),
            is_open: false,
            first: None,
            greeting: None,
            authority: String::new(),
            fault: None,
            frame: Vec::new(),
        }
    }

    /// What was wrong with the text that ended the connection, for people.
    #[must_use]
    pub fn explain(&self) -> Option<String> {
        self.fault.as_ref().map(|fault| alloc::format!("{fault}"))
    }

    /// What this side sends, or receives.
    const fn part(role: Role) -> Part {
        match role {
            Role::Client => Part::Request,
            Role::Server => Part::Response,
        }
    }

    /// Reads the next object, if it is there.
    fn read(&mut self, limits: &ReadLimits, scratch: &mut Scratch) -> Result<Option<Frame>, Fault> {
        let Some(object) = self.texts.next()? else { return Ok(None) };
        if object.is_empty() {
            // An array of nothing.
            return Ok(Some(Frame::Skipped));
        }
        self.parse(&object, limits, scratch).map(Some)
    }

    /// The first object, and what of the opening it leaves out.
    fn open(&mut self, limits: &ReadLimits, scratch: &mut Scratch) -> Result<Option<Frame>, Fault> {
        let Some(frame) = self.read(limits, scratch)? else { return Ok(None) };
        if let Frame::Refused { .. } = frame {
            return Ok(Some(frame));
        }
        self.is_open = true;
        if self.role == Role::Server && !matches!(frame, Frame::Hello(_)) {
            self.greeting = Some(capabilities::DEFAULT);
        }
        self.first = Some(frame);
        Ok(Some(Frame::Preface))
    }

    fn write(&mut self, out: &mut Out, write: impl FnOnce(&mut Vec<u8>)) {
        self.frame.clear();
        write(&mut self.frame);
        if self.frame.len() < INLINE_MAX {
            out.put_slice(&self.frame);
        } else {
            out.put_bytes(core::mem::take(&mut self.frame).into());
        }
    }
}

impl Codec for Json {
    const SPLITS: bool = false;

    fn new(role: Role) -> Json {
        Json::with_schema(role, Arc::new(NoSchema))
    }

    fn push(&mut self, input: Bytes) {
        self.texts.push(input);
    }

    fn next(&mut self, limits: &ReadLimits, scratch: &mut Scratch) -> Result<Option<Frame>, Violation> {
        if let Some(capabilities) = self.greeting.take() {
            return Ok(Some(Frame::Hello(capabilities)));
        }
        if let Some(frame) = self.first.take() {
            return Ok(Some(frame));
        }
        let frame = if self.is_open { self.read(limits, scratch) } else { self.open(limits, scratch) };
        frame.map_err(|fault| {
            let violation = fault.violation();
            self.fault = Some(fault);
            violation
        })
    }

    fn is_open(&self) -> bool {
        self.is_open
    }

    fn is_between_frames(&self) -> bool {
        self.first.is_none() && self.texts.is_empty()
    }

    fn is_untouched(&self) -> bool {
        !self.is_open && self.texts.is_empty()
    }

    fn path(&self, _: u32) -> &str {
        ""
    }

    fn authority(&self) -> &str {
        &self.authority
    }

    fn find_path(&mut self, _: &str) -> Option<u32> {
        None
    }

    fn put_preface(&mut self, _: &mut Out) {}

    fn put_refusal(&mut self, text: &str, out: &mut Out) {
        self.write(out, |out| emit::refused(text, out));
    }

    fn put_hello(&mut self, capabilities: &Capabilities, authority: &str, agent: &str, out: &mut Out) {
        let role = self.role;
        self.write(out, |out| emit::hello(role, capabilities, authority, agent, out));
    }

    fn put_credit(&mut self, call: u64, amount: u32, out: &mut Out) {
        self.write(out, |out| emit::credit(call, amount, out));
    }

    fn put_reset(&mut self, call: u64, code: ErrorCode, text: &str, out: &mut Out) {
        self.forms.end(call);
        self.write(out, |out| emit::reset(call, code, text, out));
    }

    fn put_priority(&mut self, call: u64, priority: Priority, out: &mut Out) {
        self.write(out, |out| emit::priority(call, priority, out));
    }

    fn put_ping(&mut self, is_answer: bool, token: [u8; 8], out: &mut Out) {
        self.write(out, |out| emit::ping(is_answer, token, out));
    }

    fn put_goaway(&mut self, last: u64, code: ErrorCode, text: &str, out: &mut Out) {
        if self.role == Role::Server {
            self.forms.take_none_above(last);
        }
        self.write(out, |out| emit::goaway(last.min(LAST_OF_ALL), code, text, out));
    }

    fn put_call(&mut self, frame: CallOut<'_>, _: usize, out: &mut Out) {
        if let Some(path) = frame.head.as_ref().and_then(|head| head.path) {
            self.forms.begin(frame.call, self.schema.find(parse::text_of(path)));
        }
        let form = self.forms.of(frame.call);
        if let EndOut::Status(..) = frame.end {
            self.forms.end(frame.call);
        }
        let (schema, part) = (Arc::clone(&self.schema), Json::part(self.role));
        self.write(out, |out| emit::call(&frame, form, part, &*schema, out));
    }

    fn shrink(&mut self) {
        self.frame = Vec::new();
        self.forms.shrink();
        self.texts.shrink();
    }

    fn clear(&mut self) {
        self.texts.clear();
        self.first = None;
        self.greeting = None;
    }

    fn memory(&self) -> usize {
        self.frame.capacity() + self.forms.memory() + self.texts.memory() + self.authority.capacity()
    }

    fn memory_max(limits: &ReadLimits) -> usize {
        let texts = Texts::MEMORY_MAX + INLINE_MAX + parse::AUTHORITY_MAX;
        Forms::memory_max(limits.calls_max) + texts + 4 * limits.metadata_bytes_max
    }
}
