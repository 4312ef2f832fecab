//! CREDIT: a receiver has room for more of a call's messages.

use crate::native::Violation;
use crate::native::frame::{CREDIT, begin};
use crate::native::varint::{Sections, len, put};
use alloc::vec::Vec;

pub(crate) fn emit(call: u64, amount: u32, out: &mut Vec<u8>) {
    begin(CREDIT, 1 + len(call) + len(amount.into()), out);
    put(call, out);
    put(amount.into(), out);
}

pub(crate) fn parse(body: &[u8]) -> Result<(u64, u64), Violation> {
    let mut sections = Sections { rest: body };
    let parsed = (sections.number()?, sections.number()?);
    sections.end()?;
    Ok(parsed)
}
