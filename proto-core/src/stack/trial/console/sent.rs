//! What a machine under test sent in JSON, where it no longer matters which parts of a call share a text, nor how often
//! credit was given.

use crate::codec::json::Reader;
use crate::websocket::trial::sent;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sent {
    /// The handshake, pings, pongs and the close frame.
    carrier: sent::Sent,
    /// Heads, messages and ends.
    calls: BTreeMap<u64, Vec<String>>,
    /// Other frames in order, but for CREDIT.
    control: Vec<String>,
    credit: BTreeMap<u64, u64>,
}

/// Reads all that was sent, by a client if `masked`.
pub(super) fn read(bytes: &[u8], masked: bool) -> Result<Sent, String> {
    let carrier = sent::read(bytes, masked)?;
    let mut sent = Sent {
        carrier: carrier.clone().without_messages(),
        calls: BTreeMap::new(),
        control: Vec::new(),
        credit: BTreeMap::new(),
    };
    for text in carrier.payloads() {
        let text = core::str::from_utf8(text).map_err(|error| format!("a text is no UTF-8: {error}"))?;
        sent.take(text).map_err(|error| format!("{text}: {error}"))?;
    }
    Ok(sent)
}

impl Sent {
    fn take(&mut self, text: &str) -> Result<(), String> {
        let members = members(text)?;
        let number = |members: &[(String, &str)], key: &str| {
            let value = members.iter().find(|(name, _)| name == key).map(|(_, value)| value.parse::<u64>());
            value.and_then(Result::ok)
        };
        if let Some(call) = number(&members, "call") {
            let parts = members.iter().filter(|(name, _)| name != "call" && name != "size");
            self.calls.entry(call).or_default().extend(parts.map(|(name, value)| format!("{name}: {value}")));
            return Ok(());
        }
        match &members[..] {
            [(name, value)] if name == "credit" => {
                let credit = self::members(value)?;
                let (Some(call), Some(amount)) = (number(&credit, "call"), number(&credit, "amount")) else {
                    return Err("is no credit".into());
                };
                *self.credit.entry(call).or_default() += amount;
            }
            [_] => self.control.push(text.into()),
            _ => return Err("is no frame".into()),
        }
        Ok(())
    }
}

fn members(text: &str) -> Result<Vec<(String, &str)>, String> {
    let mut read = Vec::new();
    let mut reader = Reader::new(text);
    let mut all = || {
        reader.begin_object()?;
        while let Some(key) = reader.next_key()? {
            let range = reader.skip()?;
            read.push((key.into_owned(), text.get(range).unwrap_or_default()));
        }
        reader.end()
    };
    all().map_err(|error| format!("{error}"))?;
    Ok(read)
}
