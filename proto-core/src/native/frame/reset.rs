//! RESET: a call is over before its time.

use crate::native::frame::{RESET, begin, shown};
use crate::native::varint::{Sections, len, put};
use crate::native::{ErrorCode, Violation};
use alloc::string::String;
use alloc::vec::Vec;

pub(crate) fn emit(call: u64, code: ErrorCode, text: &str, out: &mut Vec<u8>) {
    begin(RESET, 1 + len(call) + len(code.0) + text.len(), out);
    put(call, out);
    put(code.0, out);
    out.extend_from_slice(text.as_bytes());
}

pub(crate) fn parse(body: &[u8]) -> Result<(u64, ErrorCode, String), Violation> {
    let mut sections = Sections { rest: body };
    let (call, code) = (sections.number()?, ErrorCode(sections.number()?));
    Ok((call, code, shown(sections.rest)))
}
