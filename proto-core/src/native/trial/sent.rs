//! What a machine under test sent, read by other code than its own: frames, and what they mean a call.

use crate::native::varint;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// A frame as it was sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) body: Vec<u8>,
}

/// One thing said on a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Said {
    /// Path and metadata, and whatever else the head says.
    Head {
        names: Vec<String>,
        values: Vec<Vec<u8>>,
        rest: Vec<u8>,
    },
    /// A message, or what was sent of it.
    Message {
        bytes: Vec<u8>,
        rest: u64,
        flags: u8,
    },
    End {
        status: Vec<u8>,
        names: Vec<String>,
        values: Vec<Vec<u8>>,
    },
    Reset(u64),
}

/// What was sent, where the cut between parts no longer matters.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sent {
    /// Whether the preface was sent: `Some(false)` is a refusal.
    pub(crate) preface: Option<bool>,
    /// HELLO, PING, PONG and GOAWAY, in order.
    pub(crate) control: Vec<Frame>,
    /// Credit given, by call.
    pub(crate) credit: BTreeMap<u64, u64>,
    /// By call, in order.
    pub(crate) calls: BTreeMap<u64, Vec<Said>>,
}

/// Cuts what follows the preface into frames.
pub(crate) fn frames(bytes: &[u8]) -> Result<Vec<Frame>, String> {
    let mut rest = bytes;
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let (len, at) = varint::read(rest).ok_or("a length is cut")?;
        let frame = rest.get(at..at + len as usize).ok_or_else(|| format!("a frame of {len} is cut"))?;
        let (kind, body) = frame.split_first().ok_or("a frame is empty")?;
        frames.push(Frame { kind: *kind, body: body.to_vec() });
        rest = &rest[at + len as usize..];
    }
    Ok(frames)
}

/// Reads all that a side sent.
pub(crate) fn read(bytes: &[u8], is_client: bool) -> Result<Sent, String> {
    let mut sent = Sent::default();
    if bytes.is_empty() {
        return Ok(sent);
    }
    let rest = bytes.strip_prefix(b"\xfazRPC").ok_or("no preface")?;
    let (version, rest) = rest.split_first().ok_or("the preface is cut")?;
    sent.preface = Some(*version == 1);
    let rest = rest.get(2..).ok_or("the preface is cut")?;
    if *version == 0 {
        let text = rest.get(1..).unwrap_or_default();
        return if text.len() == usize::from(rest[0]) { Ok(sent) } else { Err("the text is cut".into()) };
    }
    let mut names = Vec::new();
    for frame in frames(rest)? {
        sent.take(frame, is_client, &mut names)?;
    }
    Ok(sent)
}

struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn number(&mut self) -> Result<u64, String> {
        let (value, len) = varint::read(self.0).ok_or("a number is cut")?;
        self.0 = &self.0[len..];
        Ok(value)
    }

    fn bytes(&mut self, count: u64) -> Result<&'a [u8], String> {
        let (bytes, rest) = self.0.split_at_checked(count as usize).ok_or("bytes are cut")?;
        self.0 = rest;
        Ok(bytes)
    }

    fn name(&mut self, table: &mut Vec<String>) -> Result<String, String> {
        let reference = self.number()?;
        let number = reference >> 2;
        match reference & 3 {
            2 => table.get(number as usize).cloned().ok_or_else(|| format!("no entry {number}")),
            kind @ 0..=1 => {
                let name = String::from_utf8_lossy(self.bytes(number)?).into_owned();
                if kind == 1 {
                    table.push(name.clone());
                }
                Ok(name)
            }
            _ => Err("a reserved reference".into()),
        }
    }

    fn metadata(
        &mut self,
        table: &mut Vec<String>,
        names: &mut Vec<String>,
        values: &mut Vec<Vec<u8>>,
    ) -> Result<(), String> {
        for _ in 0..self.number()? {
            names.push(self.name(table)?);
            let len = self.number()?;
            values.push(self.bytes(len)?.to_vec());
        }
        Ok(())
    }
}

impl Sent {
    fn take(&mut self, frame: Frame, is_client: bool, table: &mut Vec<String>) -> Result<(), String> {
        let mut rest = Rest(&frame.body);
        match frame.kind {
            0x02 => {
                let (call, amount) = (rest.number()?, rest.number()?);
                *self.credit.entry(call).or_default() += amount;
            }
            0x03 => {
                let call = rest.number()?;
                let code = rest.number()?;
                self.calls.entry(call).or_default().push(Said::Reset(code));
            }
            0x01 | 0x04..=0x07 => self.control.push(frame),
            kind @ 0x80..=0xbf => self.take_call(kind, rest, is_client, table)?,
            kind => return Err(format!("type {kind:#x} is never sent")),
        }
        Ok(())
    }

    fn take_call(
        &mut self,
        kind: u8,
        mut rest: Rest<'_>,
        is_client: bool,
        table: &mut Vec<String>,
    ) -> Result<(), String> {
        let call = rest.number()?;
        let said = self.calls.entry(call).or_default();
        if kind & 0x01 != 0 {
            let (mut names, mut values) = (Vec::new(), Vec::new());
            let bits = rest.bytes(1)?[0];
            if is_client {
                names.push(rest.name(table)?);
            }
            let mut others = alloc::vec![bits];
            if bits & 1 != 0 {
                rest.number()?;
            }
            for bit in [4, 8] {
                if bits & bit != 0 {
                    others.extend_from_slice(rest.bytes(1)?);
                }
            }
            if bits & 2 != 0 {
                rest.metadata(table, &mut names, &mut values)?;
            }
            said.push(Said::Head { names, values, rest: others });
        }
        let mut end = None;
        if kind & 0x08 != 0 {
            let (mut status, mut names, mut values) = (Vec::new(), Vec::new(), Vec::new());
            if !is_client {
                let bits = rest.bytes(1)?[0];
                status.push(bits);
                for bit in [0x20, 0x40] {
                    if bits & bit != 0 {
                        let len = rest.number()?;
                        status.extend_from_slice(rest.bytes(len)?);
                    }
                }
                if bits & 0x80 != 0 {
                    rest.metadata(table, &mut names, &mut values)?;
                }
            }
            end = Some(Said::End { status, names, values });
        }
        if kind & 0x02 != 0 {
            let attachments = if kind & 0x20 != 0 { rest.bytes(1)?[0] } else { 0 };
            let left = if kind & 0x04 != 0 { rest.number()? } else { 0 };
            match said.last_mut() {
                Some(Said::Message { bytes, rest: due, .. }) if *due > 0 => {
                    if *due != left + rest.0.len() as u64 || rest.0.is_empty() {
                        return Err(format!("{due} bytes were due, not {} and {left}", rest.0.len()));
                    }
                    bytes.extend_from_slice(rest.0);
                    *due = left;
                }
                _ => {
                    let flags = kind & 0x10 | attachments;
                    said.push(Said::Message { bytes: rest.0.to_vec(), rest: left, flags });
                }
            }
        } else if !rest.0.is_empty() {
            return Err("a frame is too long".into());
        }
        said.extend(end);
        Ok(())
    }
}
