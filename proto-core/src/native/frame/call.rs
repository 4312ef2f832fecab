//! CALL: the beginning of a call, a message, and the end, in any combination (docs/native-protocol.md §4.1).
//!
//! ```text
//! CALL = Call (i) [Head] [Status] [Attachments (8)] [Rest (i)] [message bytes]
//! ```

use crate::native::capabilities;
use crate::native::codec::{EndOut, Head, HeadOut, Path, PathOut, ReadLimits, Scratch, status_size};
use crate::native::frame::metadata::{self, Name, emit_entry, emit_name, parse_name};
use crate::native::interned::Names;
use crate::native::varint::{Sections, put};
use crate::native::{Priority, Role, Violation};
use crate::rpc::grpc::details_code;
use crate::rpc::{Code, Metadata, Origin, Status};
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

/// What marks a type as CALL.
pub(crate) const CALL: u8 = 0x80;
pub(crate) const HEAD: u8 = 0x01;
pub(crate) const MESSAGE: u8 = 0x02;
pub(crate) const MORE: u8 = 0x04;
pub(crate) const END: u8 = 0x08;
pub(crate) const COMPRESSED: u8 = 0x10;
pub(crate) const ATTACHED: u8 = 0x20;
/// The two high bits of a CALL's type.
pub(crate) const KIND: u8 = 0xc0;

const TIMEOUT: u8 = 0x01;
const METADATA: u8 = 0x02;
const ENCODING: u8 = 0x04;
const PRIORITY: u8 = 0x08;

const STATUS_CODE: u8 = 0x1f;
const STATUS_TEXT: u8 = 0x20;
const STATUS_DETAILS: u8 = 0x40;
const STATUS_METADATA: u8 = 0x80;

/// Whether the flags of a type go together.
pub(crate) fn check_flags(kind: u8) -> Result<(), Violation> {
    let with_message = MORE | COMPRESSED | ATTACHED;
    let says_nothing = kind & (HEAD | MESSAGE | END) == 0;
    let lacks_message = kind & MESSAGE == 0 && kind & with_message != 0;
    let ends_within = kind & MORE != 0 && kind & (END | ATTACHED) != 0;
    if says_nothing || lacks_message || ends_within { Err(Violation::Flags) } else { Ok(()) }
}

/// Appends a head.
pub(crate) fn emit_head(head: &HeadOut<'_>, names: &mut Names, entries_max: usize, out: &mut Vec<u8>) {
    let flag = |is_there, bit| if is_there { bit } else { 0 };
    let bits = flag(head.timeout.is_some(), TIMEOUT)
        | flag(!head.metadata.is_empty(), METADATA)
        | flag(head.encoding.is_some(), ENCODING)
        | flag(head.priority.is_some(), PRIORITY);
    out.push(bits);
    match head.path {
        Some(PathOut::Entry(number)) => emit_entry(number, out),
        Some(PathOut::Text(path)) => emit_name(path.as_bytes(), names, entries_max, out),
        None => {}
    }
    if let Some(timeout) = head.timeout {
        let micros = timeout.as_nanos().div_ceil(1000);
        put(u64::try_from(micros).unwrap_or(u64::MAX), out);
    }
    if let Some(encoding) = head.encoding {
        out.push(capabilities::number(encoding));
    }
    if let Some(priority) = head.priority {
        out.push(priority.to_byte());
    }
    if !head.metadata.is_empty() {
        metadata::emit(head.metadata.fields().iter(), names, entries_max, out);
    }
}

/// Reads a head that `from` sent.
pub(crate) fn parse_head(
    sections: &mut Sections<'_>,
    from: Role,
    names: &mut Names,
    limits: &ReadLimits,
    scratch: &mut Scratch,
) -> Result<Head, Violation> {
    let bits = sections.byte()?;
    if bits & !(TIMEOUT | METADATA | ENCODING | PRIORITY) != 0 {
        return Err(Violation::Reserved);
    }
    if from == Role::Server && bits & (TIMEOUT | PRIORITY) != 0 {
        return Err(Violation::HeadSections);
    }
    let mut head = Head { path: Path::None, timeout: None, encoding: None, priority: None, oversized: false };
    if from == Role::Client {
        head.path = match parse_name(sections, names, limits.interned_max)? {
            Name::Entry(number) => Path::Entry(number),
            Name::Text(text) => {
                scratch.path.clear();
                scratch.path.push_str(text);
                Path::Text
            }
        };
    }
    if bits & TIMEOUT != 0 {
        head.timeout = Some(Duration::from_micros(sections.number()?));
    }
    if bits & ENCODING != 0 {
        head.encoding = Some(capabilities::encoding(sections.byte()?));
    }
    if bits & PRIORITY != 0 {
        head.priority = Some(Priority::from_byte(sections.byte()?).ok_or(Violation::Reserved)?);
    }
    scratch.metadata.clear();
    if bits & METADATA != 0 {
        head.oversized = metadata::parse(sections, names, limits, &mut scratch.metadata)?;
    }
    Ok(head)
}

/// Appends a server's status.
pub(crate) fn emit_status(end: EndOut<'_>, names: &mut Names, entries_max: usize, out: &mut Vec<u8>) {
    let EndOut::Status(status, trailers) = end else { return };
    let code = status.code() as u8;
    // Details go with errors only, as in gRPC.
    let details = if status.is_ok() { &[] } else { status.details() };
    let fields = status.metadata().fields().iter().chain(trailers.fields());
    let has_fields = !trailers.is_empty() || !status.metadata().is_empty();
    let flag = |is_there, bit| if is_there { bit } else { 0 };
    out.push(
        code | flag(!status.message().is_empty(), STATUS_TEXT)
            | flag(!details.is_empty(), STATUS_DETAILS)
            | flag(has_fields, STATUS_METADATA),
    );
    for section in [status.message().as_bytes(), details] {
        if !section.is_empty() {
            put(section.len() as u64, out);
            out.extend_from_slice(section);
        }
    }
    if has_fields {
        metadata::emit(fields, names, entries_max, out);
    }
}

/// Reads a status; `None` when its metadata exceeds a limit.
pub(crate) fn parse_status(
    sections: &mut Sections<'_>,
    names: &mut Names,
    limits: &ReadLimits,
) -> Result<Option<(Status, Metadata)>, Violation> {
    let bits = sections.byte()?;
    let code = Code::from_u32(u32::from(bits & STATUS_CODE));
    let text = if bits & STATUS_TEXT == 0 { &[] } else { sections.string()? };
    let details = if bits & STATUS_DETAILS == 0 { &[] } else { sections.string()? };
    let mut metadata = Metadata::new();
    let oversized = bits & STATUS_METADATA != 0 && metadata::parse(sections, names, limits, &mut metadata)?;
    if oversized || status_size(text, details, &metadata) > limits.metadata_bytes_max {
        return Ok(None);
    }
    if code == Code::Ok {
        return Ok(Some((Status::OK, metadata)));
    }
    let text = String::from_utf8_lossy(text).into_owned();
    let mut status = Status::new(code, text).with_origin(Origin::Peer);
    // The details' own code must agree; on disagreement or garbage the status stands alone.
    if !details.is_empty() && details_code(details) == Some(code) {
        status = status.with_details(Bytes::copy_from_slice(details));
    }
    if !metadata.is_empty() {
        status = status.with_metadata(metadata.clone());
    }
    Ok(Some((status, metadata)))
}
