//! What keeps a message small while it is between its two forms: how many values it may have, and how deep it may go.
//!
//! In between, each value takes some sixty bytes, while `{},` takes three as text: who sends millions of them would
//! buy much memory with little. And an `Any` hides its content from the depth limit of the decoder.

use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, ReflectMessage, Value};
use std::collections::HashSet;

/// Values that one JSON message may have.
pub(crate) const VALUES_MAX: usize = 1_000_000;
/// How deep messages may be nested in each other, through `Any` too.
pub(crate) const DEPTH_MAX: usize = 100;

const ANY: &str = "google.protobuf.Any";

/// The values of a text: one more than its commas and brackets outside of strings. It need not be JSON.
pub(crate) fn values(json: &str) -> usize {
    let (mut in_string, mut is_escaped, mut count) = (false, false, 1);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = in_string,
            b'"' => in_string = !in_string,
            b',' | b'[' | b'{' if !in_string => count += 1,
            _ => {}
        }
    }
    count
}

/// Whether an `Any` can be anywhere in messages of this type.
pub(crate) fn holds_any(root: &MessageDescriptor) -> bool {
    let mut seen = HashSet::new();
    let mut left = vec![root.clone()];
    while let Some(message) = left.pop() {
        if message.full_name() == ANY {
            return true;
        }
        if seen.insert(message.full_name().to_owned()) {
            let kinds = message.fields().map(|field| field.kind());
            let extensions = message.extensions().map(|extension| extension.kind());
            left.extend(kinds.chain(extensions).filter_map(|kind| match kind {
                Kind::Message(message) => Some(message),
                _ => None,
            }));
        }
    }
    false
}

/// Whether the message and all that its `Any`s hold are nested at most `depth` deep.
///
/// It recurses that deep itself at the most, as what writes the message will.
pub(crate) fn is_within(message: &DynamicMessage, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return false };
    if message.descriptor().full_name() == ANY {
        return content(message).is_none_or(|content| is_within(&content, depth));
    }
    message.fields().map(|(_, value)| value).chain(message.extensions().map(|(_, value)| value)).all(
        |value| match value {
            Value::Message(message) => is_within(message, depth),
            Value::List(values) => values.iter().all(|value| is_value_within(value, depth)),
            Value::Map(values) => values.values().all(|value| is_value_within(value, depth)),
            _ => true,
        },
    )
}

fn is_value_within(value: &Value, depth: usize) -> bool {
    value.as_message().is_none_or(|message| is_within(message, depth))
}

/// What an `Any` holds, where that can be read; what cannot is refused by what writes it.
fn content(any: &DynamicMessage) -> Option<DynamicMessage> {
    let pool = any.descriptor().parent_pool().clone();
    let any: prost_types::Any = any.transcode_to().ok()?;
    let (_, name) = any.type_url.rsplit_once('/')?;
    DynamicMessage::decode(pool.get_message_by_name(name)?, any.value.as_slice()).ok()
}
