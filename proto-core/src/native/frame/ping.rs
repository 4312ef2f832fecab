//! PING and PONG: whether the peer is there.

use crate::native::Violation;
use crate::native::frame::{PING, PONG, begin};
use alloc::vec::Vec;

pub(crate) fn emit(is_answer: bool, token: [u8; 8], out: &mut Vec<u8>) {
    begin(if is_answer { PONG } else { PING }, 9, out);
    out.extend_from_slice(&token);
}

pub(crate) fn parse(body: &[u8]) -> Result<[u8; 8], Violation> {
    let fits = if body.len() < 8 { Violation::FrameShort } else { Violation::FrameLong };
    body.try_into().map_err(|_| fits)
}
