//! GOAWAY: the sender will close.

use crate::native::frame::{GOAWAY, begin, shown};
use crate::native::varint::{Sections, len, put};
use crate::native::{ErrorCode, Violation};
use alloc::string::String;
use alloc::vec::Vec;

pub(crate) fn emit(last: u64, code: ErrorCode, text: &str, out: &mut Vec<u8>) {
    begin(GOAWAY, 1 + len(last) + len(code.0) + text.len(), out);
    put(last, out);
    put(code.0, out);
    out.extend_from_slice(text.as_bytes());
}

pub(crate) fn parse(body: &[u8]) -> Result<(u64, ErrorCode, String), Violation> {
    let mut sections = Sections { rest: body };
    let (last, code) = (sections.number()?, ErrorCode(sections.number()?));
    Ok((last, code, shown(sections.rest)))
}
