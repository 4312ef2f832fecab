//! Whom a server lets in, RFC 6455 §4.2, and what it answers.

use crate::base::{Field, Fields};
use crate::http1::{Framing, RequestHead, Version, list_has, write};
use crate::websocket::codec;
use crate::websocket::config::Config;
use crate::websocket::deflate;
use crate::websocket::extension::extensions;
use crate::websocket::handshake::{Agreement, Origins, Refusal, VERSION, accept_key, entries, is_key, only};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Whom a server lets in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// Paths that are served, without a query; none listed means all.
    pub paths: Vec<String>,
    /// Whose pages may connect.
    pub origins: Origins,
    /// Subprotocols that are spoken. The client's order decides; one that offers none of them is refused. None listed
    /// means that none is chosen, whatever is offered.
    pub subprotocols: Vec<String>,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy { paths: Vec::new(), origins: Origins::Same, subprotocols: Vec::new() }
    }
}

/// Checks the request of an upgrade and answers what was agreed on.
pub(in crate::websocket) fn accept_upgrade(
    head: &RequestHead,
    config: &Config,
) -> Result<Agreement, Refusal> {
    // RFC 6455 §4.1: the method MUST be GET, and the version at least 1.1.
    if head.version != Version::Http11 {
        return Err(Refusal::HttpVersion);
    }
    // RFC 6455 §4.2.1: Upgrade has websocket, Connection has Upgrade; case does not matter. Without them it is a request
    // for something else, which is not served here.
    let (upgrade, connection) = (b"upgrade", b"connection");
    if !list_has(&head.fields, upgrade, b"websocket") || !list_has(&head.fields, connection, upgrade) {
        return Err(Refusal::NoUpgrade);
    }
    if &head.method[..] != b"GET" {
        return Err(Refusal::Method);
    }
    if !matches!(head.framing, Framing::Unsaid | Framing::Length(0)) {
        return Err(Refusal::Body);
    }
    // RFC 6455 §4.2.1: the key is a base64 value that, decoded, is 16 bytes long.
    if !only(&head.fields, b"sec-websocket-key").is_some_and(is_key) {
        return Err(Refusal::Key);
    }
    accept(&head.fields, head.authority(), head.path(), config)
}

/// Checks the request of an extended CONNECT, RFC 8441 §4, and answers what was agreed on; the response has status 200 and
/// [`Agreement::fields`].
///
/// # Errors
/// Why there is no connection; the response then has the refusal's status.
pub fn accept_connect(fields: &Fields, config: &Config) -> Result<Agreement, Refusal> {
    // RFC 8441 §4, §5: :protocol is websocket; Upgrade, Connection and the keys have no part in it.
    let is_connect =
        fields.value(b":method") == Some(b"CONNECT") && fields.value(b":protocol") == Some(b"websocket");
    let (Some(authority), Some(path), true) =
        (fields.value(b":authority"), fields.value(b":path"), is_connect)
    else {
        return Err(Refusal::Connect);
    };
    accept(fields, authority, path, config)
}

fn accept(fields: &Fields, authority: &[u8], path: &[u8], config: &Config) -> Result<Agreement, Refusal> {
    let policy = &config.policy;
    // RFC 6455 §4.2.2: a version that is not spoken MUST be answered with the one that is.
    if only(fields, b"sec-websocket-version") != Some(VERSION) {
        return Err(Refusal::Version);
    }
    let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
    if !policy.paths.is_empty() && !policy.paths.iter().any(|served| served.as_bytes() == path) {
        return Err(Refusal::Path);
    }
    let origins: Vec<&[u8]> =
        fields.iter().filter(|field| field.name == b"origin").map(|field| field.value).collect();
    // RFC 6455 §4.2.2, §10.2: a server that does not accept the origin MUST answer 403.
    match origins.as_slice() {
        [] => {}
        [origin] if policy.origins.allows(origin, authority) => {}
        _ => return Err(Refusal::Origin),
    }
    let mut agreement = Agreement::default();
    if !policy.subprotocols.is_empty() {
        // RFC 6455 §4.2.2: the subprotocol MUST be one that the client offered.
        let offered = entries(fields, b"sec-websocket-protocol");
        let spoken = |offer: &[u8]| policy.subprotocols.iter().find(|spoken| spoken.as_bytes() == offer);
        let chosen = offered.into_iter().find_map(spoken).ok_or(Refusal::Subprotocol)?;
        agreement.fields.add(b"sec-websocket-protocol", chosen.as_bytes());
        agreement.subprotocol = Some(chosen.clone());
    }
    // RFC 6455 §9.1: a list that breaks its grammar MUST fail the connection.
    let offers = extensions(fields).ok_or(Refusal::Extensions)?;
    if let Some(wanted) = config.deflate.as_ref().filter(|_| codec::IS_BUILT_IN)
        && let Some((agreed, response)) = deflate::choose(&offers, wanted)
    {
        agreement.fields.add(b"sec-websocket-extensions", response.as_bytes());
        agreement.deflate = Some(agreed);
    }
    Ok(agreement)
}

/// The response that opens the connection.
pub(in crate::websocket) fn opening(head: &RequestHead, agreement: &Agreement) -> Vec<u8> {
    let key = only(&head.fields, b"sec-websocket-key").unwrap_or_default();
    let accept = accept_key(key);
    // RFC 6455 §4.2.2: status 101, Upgrade, Connection, the accept key.
    let start = [
        Field::new(b"upgrade", b"websocket"),
        Field::new(b"connection", b"upgrade"),
        Field::new(b"sec-websocket-accept", accept.as_bytes()),
    ];
    let fields: Fields = start.into_iter().chain(&agreement.fields).collect();
    let mut answer = Vec::new();
    write::response_head(&mut answer, 101, &fields);
    answer
}

/// The whole answer to a handshake that is refused: HTTP's own, with a line that says why.
pub(in crate::websocket) fn refusal(why: Refusal) -> Vec<u8> {
    let body = format!("{why}\n");
    let length = format!("{}", body.len());
    let mut fields: Fields = [
        Field::new(b"content-type", b"text/plain; charset=utf-8"),
        Field::new(b"content-length", length.as_bytes()),
    ]
    .into_iter()
    .collect();
    match why {
        Refusal::Method => fields.add(b"allow", b"GET"),
        // RFC 6455 §4.4: the answer MUST have the versions that are spoken.
        Refusal::Version => fields.add(b"sec-websocket-version", VERSION),
        _ => {}
    }
    if why.status() == 426 {
        // RFC 9110 §15.5.22: 426 MUST say which protocol is needed.
        fields.add(b"upgrade", b"websocket");
        fields.add(b"connection", b"upgrade, close");
    } else {
        fields.add(b"connection", b"close");
    }
    let mut answer = Vec::new();
    write::response_head(&mut answer, why.status(), &fields);
    answer.extend_from_slice(body.as_bytes());
    answer
}
