//! What a machine under test sent, read by other code than its own: frames, and what they mean.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// What was sent, where the cut between fragments and the place of control frames between them no longer matter.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sent {
    /// The handshake's head and, of a refusal, its body.
    head: Vec<u8>,
    /// Opcode, the reserved bits, payload.
    messages: Vec<(u8, u8, Vec<u8>)>,
    pings: Vec<Vec<u8>>,
    pongs: Vec<Vec<u8>>,
    close: Option<Vec<u8>>,
}

impl Sent {
    /// The payloads of the messages.
    pub(crate) fn payloads(&self) -> impl Iterator<Item = &[u8]> {
        self.messages.iter().map(|(_, _, payload)| &payload[..])
    }

    /// The same without messages.
    pub(crate) fn without_messages(self) -> Sent {
        Sent { messages: Vec::new(), ..self }
    }
}

/// Reads all that was sent, by a client if `masked`.
pub(crate) fn read(bytes: &[u8], masked: bool) -> Result<Sent, String> {
    let mut sent = Sent::default();
    if bytes.is_empty() {
        return Ok(sent);
    }
    let end =
        bytes.windows(4).position(|end| end == b"\r\n\r\n").ok_or("a head that does not end was sent")? + 4;
    sent.head = bytes[..end].to_vec();
    if !masked && !bytes.starts_with(b"HTTP/1.1 101 ") {
        sent.head = bytes.to_vec();
        return Ok(sent);
    }
    let mut rest = &bytes[end..];
    let mut open: Option<(u8, u8, Vec<u8>)> = None;
    while !rest.is_empty() {
        let (first, payload, after) = frame(rest, masked)?;
        rest = after;
        if sent.close.is_some() {
            return Err(format!("a frame {first:#x} was sent after the close frame"));
        }
        match (first & 0x0f, open.take()) {
            (0, Some((opcode, reserved, before))) => {
                open = Some((opcode, reserved, [before, payload].concat()))
            }
            (1 | 2, None) => open = Some((first & 0x0f, first & 0x70, payload)),
            (opcode, still) => {
                open = still;
                match opcode {
                    8 => sent.close = Some(payload),
                    9 => sent.pings.push(payload),
                    10 => sent.pongs.push(payload),
                    _ => return Err(format!("a frame {first:#x} was sent out of place")),
                }
                continue;
            }
        }
        if first & 0x80 != 0 {
            sent.messages.extend(open.take());
        }
    }
    Ok(sent)
}

/// The first byte and the payload of a frame, and what follows it.
fn frame(bytes: &[u8], masked: bool) -> Result<(u8, Vec<u8>, &[u8]), String> {
    let short = || format!("{} bytes are no frame", bytes.len());
    let [first, second, rest @ ..] = bytes else { return Err(short()) };
    if (second & 0x80 != 0) != masked {
        return Err(format!("a frame {first:#x} {second:#x} was sent with the wrong masking"));
    }
    let (len, rest) = match second & 0x7f {
        126 => rest.split_first_chunk::<2>().map(|(len, rest)| (u64::from(u16::from_be_bytes(*len)), rest)),
        127 => rest.split_first_chunk::<8>().map(|(len, rest)| (u64::from_be_bytes(*len), rest)),
        len => Some((u64::from(len), rest)),
    }
    .ok_or_else(short)?;
    let (key, rest) = if masked { rest.split_at_checked(4).ok_or_else(short)? } else { (&[0; 4][..], rest) };
    let (payload, rest) = rest.split_at_checked(len as usize).ok_or_else(short)?;
    let payload = payload.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]).collect();
    Ok((*first, payload, rest))
}
