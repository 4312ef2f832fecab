//! The message types of services, and the two ways between their forms.

use crate::bounds::{self, DEPTH_MAX, VALUES_MAX};
use bytes::Bytes;
use prost::Message;
use prost_reflect::{
    DescriptorPool, DeserializeOptions, DynamicMessage, MessageDescriptor, SerializeOptions,
};
use prost_types::FileDescriptorSet;
use std::collections::HashMap;
use std::fmt;
use zrpc_core::codec::json::path_at;
use zrpc_core::rpc::{Part, ServiceDescriptor, Transcode, TranscodeError};

/// Field names that an error lists.
const NAMES_SHOWN: usize = 12;

/// The message types of some services' methods; turns messages into JSON and back.
///
/// | what comes as JSON | what becomes of it |
/// |---|---|
/// | a field that the type does not have, in a request | refused: it is misspelt, or meant for a newer server |
/// | a field that the type does not have, in a response | ignored: servers are updated before their clients |
/// | a key twice | the last one counts, as in protobuf's own form |
/// | more than a million values, or nested more than 100 deep | refused |
pub struct Schema {
    numbers: HashMap<&'static str, u32>,
    methods: Vec<Types>,
    unknown_in_requests: Unknown,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unknown {
    Refused,
    Ignored,
}

struct Types {
    path: &'static str,
    request: Type,
    response: Type,
}

struct Type {
    message: MessageDescriptor,
    /// An `Any` may be in it: its depth is to be measured before it is written.
    holds_any: bool,
}

/// Descriptors that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SchemaError(String);

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SchemaError {}

impl Schema {
    /// The types of these services.
    ///
    /// # Errors
    /// When a service's descriptors are missing, cannot be read, or do not describe it: when the service was not
    /// generated, its messages have no JSON form.
    pub fn of<'a>(services: impl IntoIterator<Item = &'a ServiceDescriptor>) -> Result<Schema, SchemaError> {
        let mut schema =
            Schema { numbers: HashMap::new(), methods: Vec::new(), unknown_in_requests: Unknown::Refused };
        let mut pool = DescriptorPool::new();
        for service in services {
            schema.add(service, &mut pool).map_err(|why| {
                SchemaError(format!("the messages of {} have no form in JSON: {why}", service.name))
            })?;
        }
        Ok(schema)
    }

    /// Ignores fields that a request's type does not have, as protobuf's own form does. By default they are refused,
    /// so that a person learns of a misspelt field.
    #[must_use]
    pub fn ignoring_unknown_fields(mut self) -> Schema {
        self.unknown_in_requests = Unknown::Ignored;
        self
    }

    fn add(&mut self, service: &ServiceDescriptor, pool: &mut DescriptorPool) -> Result<(), String> {
        let set =
            FileDescriptorSet::decode(service.file_descriptor_set).map_err(|error| error.to_string())?;
        // The library below indexes a table with what this says.
        if let Some(syntax) = set.file.iter().find_map(|file| match file.syntax() {
            "" | "proto2" | "proto3" => None,
            syntax => Some(syntax),
        }) {
            return Err(format!("the syntax `{syntax}` is not known; proto2 and proto3 are"));
        }
        // Services that share a file share its types; two versions of one file stay apart.
        let mut joined = pool.clone();
        let pool = match joined.decode_file_descriptor_set(service.file_descriptor_set) {
            Ok(()) => {
                *pool = joined;
                pool.clone()
            }
            Err(_) => {
                DescriptorPool::decode(service.file_descriptor_set).map_err(|error| error.to_string())?
            }
        };
        let described = pool.get_service_by_name(service.name);
        let described = described.ok_or("its descriptors do not describe it")?;
        for method in service.methods {
            let name = method.path.rsplit('/').next().unwrap_or_default();
            let Some(found) = described.methods().find(|found| found.name() == name) else {
                return Err(format!("its descriptors do not describe {}", method.path));
            };
            let (request, response) = (Type::new(found.input()), Type::new(found.output()));
            self.numbers.insert(method.path, u32::try_from(self.methods.len()).unwrap_or(u32::MAX));
            self.methods.push(Types { path: method.path, request, response });
        }
        Ok(())
    }

    /// The type of a message, and the path of its method.
    fn of_part(&self, method: u32, part: Part) -> Result<(&Type, &'static str), TranscodeError> {
        let types = self.methods.get(method as usize);
        let types = types.ok_or_else(|| TranscodeError(format!("there is no method {method}")))?;
        let of = match part {
            Part::Request => &types.request,
            Part::Response => &types.response,
        };
        Ok((of, types.path))
    }

    fn parse(&self, of: &Type, part: Part, json: &str) -> Result<DynamicMessage, String> {
        let values = bounds::values(json);
        if values > VALUES_MAX {
            return Err(format!("it has {values} values, and {VALUES_MAX} are taken; send it as `data`"));
        }
        let refuses = part == Part::Request && self.unknown_in_requests == Unknown::Refused;
        let options = DeserializeOptions::new().deny_unknown_fields(refuses);
        let mut text = serde_json::Deserializer::from_str(json);
        let message = DynamicMessage::deserialize_with_options(of.message.clone(), &mut text, &options);
        let message = message.and_then(|message| text.end().map(|()| message));
        message.map_err(|error| explain(&error, &of.message, json))
    }
}

impl Type {
    fn new(message: MessageDescriptor) -> Type {
        Type { holds_any: bounds::holds_any(&message), message }
    }
}

impl Transcode for Schema {
    fn find(&self, path: &str) -> Option<u32> {
        self.numbers.get(path).copied()
    }

    fn to_bytes(&self, method: u32, part: Part, json: &str) -> Result<Bytes, TranscodeError> {
        let (of, path) = self.of_part(method, part)?;
        let message = self.parse(of, part, json);
        let message = message
            .map_err(|why| TranscodeError(format!("the {} of {path} cannot be read: {why}", part.name())))?;
        Ok(message.encode_to_vec().into())
    }

    fn to_json(
        &self,
        method: u32,
        part: Part,
        message: &[u8],
        json: &mut Vec<u8>,
    ) -> Result<(), TranscodeError> {
        let (of, path) = self.of_part(method, part)?;
        let invalid = |why: &dyn fmt::Display| {
            TranscodeError(format!("the {} of {path} has no form in JSON: {why}", part.name()))
        };
        let message = DynamicMessage::decode(of.message.clone(), message).map_err(|why| invalid(&why))?;
        if of.holds_any && !bounds::is_within(&message, DEPTH_MAX) {
            return Err(invalid(&format!("it is nested more than {DEPTH_MAX} deep")));
        }
        let mut text = serde_json::Serializer::new(json);
        message.serialize_with_options(&mut text, &SerializeOptions::new()).map_err(|why| invalid(&why))
    }
}

/// An error as a person would say it: where, what, and which fields there are when one is not known.
fn explain(error: &serde_json::Error, message: &MessageDescriptor, json: &str) -> String {
    let mut at = offset(json, error.line(), error.column());
    // What is found only at the end of an object is about its last member.
    if json.as_bytes().get(at.wrapping_sub(1)).is_some_and(|byte| matches!(byte, b'}' | b']')) {
        at -= 1;
    }
    let path = path_at(json, at);
    let text = error.to_string();
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    let place = if path.is_empty() { "it".to_owned() } else { format!("`{path}`") };
    let mut explained = format!("{place}: {what}");
    // Names of an inner message would be those of another type.
    if what.starts_with("unrecognized field") && path.matches(['.', '[']).count() == 1 {
        let names: Vec<_> =
            message.fields().take(NAMES_SHOWN).map(|field| field.json_name().to_owned()).collect();
        explained.push_str(&format!("; {} has {}", message.full_name(), names.join(", ")));
    }
    explained
}

/// The position of a line and column, both from 1.
fn offset(json: &str, line: usize, column: usize) -> usize {
    let before: usize = json.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    before + column
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema").field("methods", &self.methods.len()).finish_non_exhaustive()
    }
}
