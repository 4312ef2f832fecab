//! PRIORITY: a call's place in line changes.

use crate::native::frame::{PRIORITY, begin};
use crate::native::varint::{Sections, len, put};
use crate::native::{Priority, Violation};
use alloc::vec::Vec;

pub(crate) fn emit(call: u64, priority: Priority, out: &mut Vec<u8>) {
    begin(PRIORITY, 2 + len(call), out);
    put(call, out);
    out.push(priority.to_byte());
}

pub(crate) fn parse(body: &[u8]) -> Result<(u64, Priority), Violation> {
    let mut sections = Sections { rest: body };
    let call = sections.number()?;
    let priority = Priority::from_byte(sections.byte()?).ok_or(Violation::Reserved)?;
    sections.end()?;
    Ok((call, priority))
}
