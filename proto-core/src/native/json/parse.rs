//! Which frame an object is.

use crate::base::Field;
use crate::codec::json::{Kind, Reader};
use crate::native::capabilities::{self, Capabilities};
use crate::native::codec::{
    CallFrame, End, Frame, Head, Part, Path, PathOut, ReadLimits, Scratch, status_size,
};
use crate::native::json::members::{Fault, Members};
use crate::native::json::{Json, LAST_OF_ALL};
use crate::native::{ErrorCode, Priority, Role, Violation, varint};
use crate::rpc::grpc::details_code;
use crate::rpc::json::no_schema;
use crate::rpc::{Code, Encoding, Metadata, Origin, Status};
use alloc::boxed::Box;
use bytes::Bytes;
use core::time::Duration;

/// Bytes of the longest authority.
pub(super) const AUTHORITY_MAX: usize = 1024;
/// Bytes of texts for people that are kept.
const TEXT_MAX: usize = 16 * 1024;

const FRAMES: usize = 9;
const FRAME: [&str; 15] = [
    "hello",
    "refused",
    "credit",
    "reset",
    "priority",
    "ping",
    "pong",
    "goaway",
    "call",
    "head",
    "message",
    "data",
    "compressed",
    "size",
    "end",
];
const HELLO: [&str; 9] = [
    "version",
    "max_calls",
    "initial_credit",
    "max_message_bytes",
    "max_metadata_bytes",
    "encodings",
    "ping_interval_min_ms",
    "authority",
    "agent",
];
/// The places of HELLO's numbers among those of the binary encoding (docs/native-protocol.md §5).
const HELLO_NUMBERS: [(usize, u64); 5] = [(1, 0), (2, 1), (3, 2), (4, 3), (6, 7)];
const HEAD: [&str; 5] = ["path", "timeout_us", "encoding", "priority", "metadata"];
const PRIORITY: [&str; 3] = ["urgency", "incremental", "call"];
const STATUS: [&str; 4] = ["code", "message", "details", "metadata"];

/// The text of a path to be written; this encoding has no table.
pub(super) fn text_of(path: PathOut<'_>) -> &str {
    match path {
        PathOut::Text(path) => path,
        PathOut::Entry(_) => "",
    }
}

impl Json {
    pub(super) fn parse(
        &mut self,
        object: &Bytes,
        limits: &ReadLimits,
        scratch: &mut Scratch,
    ) -> Result<Frame, Fault> {
        if Reader::new(object).peek() != Ok(Kind::Object) {
            return Err(Fault::NoFrame);
        }
        let members = Members::read(object, "frame", &FRAME)?;
        let mut frames = (0..FRAMES).filter_map(|place| members.value(place).map(|value| (place, value)));
        let (Some((place, value)), None) = (frames.next(), frames.next()) else { return Err(Fault::NoFrame) };
        match FRAME.get(place).copied().unwrap_or_default() {
            "hello" => self.parse_hello(value),
            "refused" => {
                let refused = Members::read(value, "refused", &["lowest", "highest", "text"])?;
                let version = |place| Ok::<_, Fault>(refused.number(place)?.unwrap_or(0).min(255) as u8);
                let text = refused.short_text(2, TEXT_MAX)?.into_owned();
                Ok(Frame::Refused { lowest: version(0)?, highest: version(1)?, text })
            }
            "credit" => {
                let credit = Members::read(value, "credit", &["call", "amount"])?;
                Ok(Frame::Credit { call: credit.needed(0)?, amount: credit.needed(1)? })
            }
            "reset" => {
                let reset = Members::read(value, "reset", &["call", "code", "text"])?;
                let (call, code) = (reset.needed(0)?, ErrorCode(reset.number(1)?.unwrap_or(0)));
                self.forms.end(call);
                Ok(Frame::Reset { call, code, text: reset.short_text(2, TEXT_MAX)?.into_owned() })
            }
            "priority" if self.role == Role::Client => Err(Violation::NotFromServer.into()),
            "priority" => {
                let call = Members::read(value, "priority", &PRIORITY)?.needed(2)?;
                Ok(Frame::Priority { call, priority: parse_priority(value)? })
            }
            "ping" => Ok(Frame::Ping(parse_token(&members, place)?)),
            "pong" => Ok(Frame::Pong(parse_token(&members, place)?)),
            "goaway" => {
                let goaway = Members::read(value, "goaway", &["last", "code", "text"])?;
                let last = match goaway.needed(0)? {
                    LAST_OF_ALL => varint::MAX - 1,
                    last => last,
                };
                if self.role == Role::Client {
                    self.forms.take_none_above(last);
                }
                let code = ErrorCode(goaway.number(1)?.unwrap_or(0));
                Ok(Frame::GoAway { last, code, text: goaway.short_text(2, TEXT_MAX)?.into_owned() })
            }
            _ => self.parse_call(object, &members, limits, scratch),
        }
    }

    fn parse_hello(&mut self, value: &[u8]) -> Result<Frame, Fault> {
        let hello = Members::read(value, "hello", &HELLO)?;
        if hello.number(0)?.is_some_and(|version| version != 1) {
            return Err(Violation::Version.into());
        }
        let mut capabilities: Capabilities = capabilities::DEFAULT;
        for (place, setting) in HELLO_NUMBERS {
            if let Some(number) = hello.number(place)? {
                capabilities.set(setting, number)?;
            }
        }
        if let Some(encodings) = hello.value(5) {
            capabilities.encodings = parse_encodings(encodings)?;
        }
        if self.role == Role::Server {
            self.authority = hello.short_text(7, AUTHORITY_MAX)?.into_owned();
        }
        Ok(Frame::Hello(capabilities))
    }

    fn parse_call(
        &mut self,
        object: &Bytes,
        members: &Members<'_, 15>,
        limits: &ReadLimits,
        scratch: &mut Scratch,
    ) -> Result<Frame, Fault> {
        let [head, message, data, end] = [9, 10, 11, 14];
        let call = members.needed(8)?;
        if ![head, message, data, end].iter().any(|place| members.has(*place)) {
            return Err(Fault::Member { name: "call", expected: "beside a head, a message, data or an end" });
        }
        let head = match members.value(head) {
            Some(value) => Some(self.parse_head(call, value, limits, scratch)?),
            None => None,
        };
        let part = self.parse_message(call, object, members)?;
        let end = match (members.value(end), self.role) {
            (None, _) => End::No,
            (Some(_), Role::Server) if members.flag(end)? == Some(true) => End::HalfClose,
            (Some(_), Role::Server) => End::No,
            (Some(value), Role::Client) => {
                self.forms.end(call);
                parse_status(value, limits)?
            }
        };
        if head.is_none() && part.is_none() && end == End::No {
            return Err(Fault::Member { name: "end", expected: "true, or left out" });
        }
        Ok(Frame::Call(CallFrame { call, head, part, end }))
    }

    fn parse_head(
        &mut self,
        call: u64,
        value: &[u8],
        limits: &ReadLimits,
        scratch: &mut Scratch,
    ) -> Result<Head, Fault> {
        let members = Members::read(value, "head", &HEAD)?;
        let mut head =
            Head { path: Path::None, timeout: None, encoding: None, priority: None, oversized: false };
        match self.role {
            Role::Server => {
                let path = members.short_text(0, limits.frame_bytes_max)?;
                if path.is_empty() {
                    return Err(Fault::Member { name: "path", expected: "/package.Service/Method" });
                }
                self.forms.begin(call, self.schema.find(&path));
                scratch.path.clear();
                scratch.path.push_str(&path);
                head.path = Path::Text;
                head.timeout = members.number(1)?.map(Duration::from_micros);
                head.priority = members.value(3).map(parse_priority).transpose()?;
            }
            Role::Client if [0, 1, 3].iter().any(|place| members.has(*place)) => {
                return Err(Violation::HeadSections.into());
            }
            Role::Client => {}
        }
        if members.has(2) {
            head.encoding = Some(Encoding::from_name(members.text(2)?.as_bytes()));
        }
        scratch.metadata.clear();
        if let Some(value) = members.value(4) {
            head.oversized = parse_metadata(value, limits, &mut scratch.metadata)?;
        }
        Ok(head)
    }

    /// The message of a CALL, as bytes whatever its form.
    fn parse_message(
        &mut self,
        call: u64,
        object: &Bytes,
        members: &Members<'_, 15>,
    ) -> Result<Option<Part>, Fault> {
        let (message, data) = (members.value(10), members.value(11));
        let compressed = members.flag(12)?.unwrap_or(false);
        let mut part = Part {
            data: Bytes::new(),
            missing: 0,
            cost: 0,
            rest: 0,
            compressed,
            attachments: 0,
            refusal: None,
        };
        match (message, data) {
            (None, None) if members.has(12) || members.has(13) => {
                return Err(Fault::Member { name: "message", expected: "there, or `data`" });
            }
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                return Err(Fault::Member { name: "data", expected: "left out beside `message`" });
            }
            (Some(_), None) if compressed => {
                return Err(Fault::Member { name: "compressed", expected: "left out beside `message`" });
            }
            (None, Some(_)) => {
                self.forms.note(call, true);
                part.data = members.base64(11)?.into();
                part.cost = part.data.len() as u64;
            }
            (Some(value), None) => {
                self.forms.note(call, false);
                let size = members.number(13)?;
                // A late message of a call that is over is nobody's: its text is what it cost.
                part.cost = size.unwrap_or(value.len() as u64);
                if self.forms.is_open(call) {
                    self.transcode(call, object.slice_ref(value), size, &mut part)?;
                }
            }
        }
        Ok(Some(part))
    }

    fn transcode(
        &mut self,
        call: u64,
        value: Bytes,
        size: Option<u64>,
        into: &mut Part,
    ) -> Result<(), Fault> {
        let Some(method) = self.forms.of(call).method else {
            into.refusal = Some(Box::new(no_schema()));
            return Ok(());
        };
        let Ok(text) = core::str::from_utf8(&value) else {
            return Err(Fault::Member { name: "message", expected: "UTF-8" });
        };
        let part = Json::part(self.role.peer());
        match self.schema.to_bytes(method, part, text) {
            Ok(bytes) => {
                into.cost = bytes.len() as u64;
                // §12: who says that a message costs less than it does takes credit that is not there.
                if size.is_some_and(|size| size < into.cost) {
                    let text = "`size` is less than the length of the message in its binary form";
                    into.refusal = Some(Box::new(Status::internal(text).with_origin(Origin::Library)));
                }
                into.data = bytes;
            }
            Err(error) => into.refusal = Some(Box::new(error.into_status(part))),
        }
        Ok(())
    }
}

/// §12: a token is 16 hexadecimal digits.
fn parse_token(members: &Members<'_, 15>, place: usize) -> Result<[u8; 8], Fault> {
    let text = members.text(place)?;
    let number = u64::from_str_radix(&text, 16)
        .ok()
        .filter(|_| text.len() == 16 && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')));
    let name = FRAME.get(place).copied().unwrap_or_default();
    let expected = "a token of 16 hexadecimal digits in lower case";
    number.map(u64::to_be_bytes).ok_or(Fault::Member { name, expected })
}

fn parse_priority(value: &[u8]) -> Result<Priority, Fault> {
    let members = Members::read(value, "priority", &PRIORITY)?;
    let urgency = members.number(0)?.unwrap_or(3);
    let incremental = members.flag(1)?.unwrap_or(true);
    match u8::try_from(urgency) {
        Ok(urgency @ 0..=7) => Ok(Priority::new(urgency, incremental)),
        _ => Err(Fault::Member { name: "urgency", expected: "a number from 0 to 7" }),
    }
}

/// The bits of a list of names; names that are not known are skipped.
fn parse_encodings(value: &[u8]) -> Result<u32, Fault> {
    let fault = |_| Fault::Member { name: "encodings", expected: "an array of names" };
    let mut reader = Reader::new(value);
    let mut bits = 0;
    reader.begin_array().map_err(fault)?;
    while reader.next_element().map_err(fault)? {
        let name = reader.string().map_err(fault)?;
        bits |= Encoding::from_name(name.as_bytes()).map_or(0, capabilities::bit);
    }
    Ok(bits)
}

fn parse_status(value: &[u8], limits: &ReadLimits) -> Result<End, Fault> {
    let members = Members::read(value, "end", &STATUS)?;
    let code = u32::try_from(members.number(0)?.unwrap_or(0)).unwrap_or(u32::MAX);
    let code = Code::from_u32(code);
    let text = members.text(1)?;
    let details = members.base64(2)?;
    let mut metadata = Metadata::new();
    let oversized = match members.value(3) {
        Some(value) => parse_metadata(value, limits, &mut metadata)?,
        None => false,
    };
    let size = status_size(text.as_bytes(), &details, &metadata);
    if oversized || size > limits.metadata_bytes_max {
        return Ok(End::Oversized);
    }
    if code == Code::Ok {
        return Ok(End::Status(Status::OK, metadata));
    }
    let mut status = Status::new(code, text.into_owned()).with_origin(Origin::Peer);
    // The details' own code must agree; on disagreement or garbage the status stands alone.
    if !details.is_empty() && details_code(&details) == Some(code) {
        status = status.with_details(details);
    }
    if !metadata.is_empty() {
        status = status.with_metadata(metadata.clone());
    }
    Ok(End::Status(status, metadata))
}

/// Reads metadata into `into`; true when it exceeds a limit, and then `into` is empty.
fn parse_metadata(value: &[u8], limits: &ReadLimits, into: &mut Metadata) -> Result<bool, Fault> {
    let fault =
        |_| Fault::Member { name: "metadata", expected: "an object of strings, or of arrays of strings" };
    let mut reader = Reader::new(value);
    let mut entries = 0;
    let mut oversized = false;
    reader.begin_object().map_err(fault)?;
    while let Some(name) = reader.next_key()? {
        if !oversized && into.fields().iter().any(|field| field.name == name.as_bytes()) {
            return Err(Fault::Twice("metadata"));
        }
        let mut take = |value: &str| {
            let field = Field::new(name.as_bytes(), value.as_bytes());
            entries += 1;
            oversized = oversized
                || entries > limits.metadata_entries_max
                || into.fields().size() + field.size() > limits.metadata_bytes_max;
            if !oversized {
                into.take_from_wire(field);
            }
        };
        if reader.peek()? == Kind::String {
            take(&reader.string().map_err(fault)?);
            continue;
        }
        reader.begin_array().map_err(fault)?;
        while reader.next_element().map_err(fault)? {
            take(&reader.string().map_err(fault)?);
        }
    }
    if oversized {
        into.clear();
    }
    Ok(oversized)
}
