//! What a client asks, RFC 6455 §4.1, and which answers it takes.

use crate::base::{Field, Fields, Misuse, Secret};
use crate::http1::{ResponseHead, list_has, write};
use crate::websocket::codec;
use crate::websocket::config::Config;
use crate::websocket::deflate;
use crate::websocket::extension::extensions;
use crate::websocket::handshake::{Agreement, Refusal, VERSION, accept_key, only, token_field};
use alloc::string::String;
use alloc::vec::Vec;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Where a client wants to connect, and what it offers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Request {
    /// Host and port, as Host says them.
    pub authority: String,
    /// Path and query; begins with a slash.
    pub path: String,
    /// Subprotocols in order of preference. When there are any, the server must choose one.
    pub subprotocols: Vec<String>,
    /// Further fields, such as `authorization`, `cookie` or `origin`; names in lower case.
    pub fields: Fields,
}

/// Fields that are the handshake's own.
const OWN: [&[u8]; 10] = [
    b"host",
    b"upgrade",
    b"connection",
    b"sec-websocket-key",
    b"sec-websocket-version",
    b"sec-websocket-protocol",
    b"sec-websocket-extensions",
    b"sec-websocket-accept",
    b"content-length",
    b"transfer-encoding",
];

impl Request {
    /// A request for `path` at `authority`.
    #[must_use]
    pub fn new(authority: impl Into<String>, path: impl Into<String>) -> Request {
        Request { authority: authority.into(), path: path.into(), ..Request::default() }
    }

    /// Offers a subprotocol, after those before it.
    #[must_use]
    pub fn subprotocol(mut self, name: impl Into<String>) -> Request {
        self.subprotocols.push(name.into());
        self
    }

    /// Adds a field; its name in lower case.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Request {
        self.fields.add(name.as_bytes(), value.as_bytes());
        self
    }

    fn check(&self) -> Result<(), Misuse> {
        let is_clean = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_clean(&self.authority) || self.authority.contains(['/', '?', '#', '@']) {
            return Err(Misuse::InvalidField("an authority is a host and a port"));
        }
        if !is_clean(&self.path) || !self.path.starts_with('/') || self.path.contains('#') {
            return Err(Misuse::InvalidField("a path begins with a slash and has no spaces and no fragment"));
        }
        for (index, name) in self.subprotocols.iter().enumerate() {
            // RFC 6455 §4.1: the subprotocols offered MUST be tokens, each once.
            let is_token = |byte: u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte);
            if name.is_empty() || !name.bytes().all(is_token) {
                return Err(Misuse::InvalidField("a subprotocol is a token"));
            }
            if self.subprotocols.iter().take(index).any(|earlier| earlier == name) {
                return Err(Misuse::InvalidField("a subprotocol is offered once"));
            }
        }
        if self.fields.iter().any(|field| OWN.contains(&field.name) || field.name.starts_with(b":")) {
            return Err(Misuse::InvalidField("the handshake writes this field itself"));
        }
        write::check_fields(&self.fields)
    }

    /// What goes into the head beside the upgrade's own fields.
    fn offered(&self, config: &Config) -> Fields {
        let mut fields = Fields::new();
        fields.add(b"sec-websocket-version", VERSION);
        if !self.subprotocols.is_empty() {
            fields.add(b"sec-websocket-protocol", self.subprotocols.join(", ").as_bytes());
        }
        if let Some(deflate) = config.deflate.as_ref().filter(|_| codec::IS_BUILT_IN) {
            fields.add(b"sec-websocket-extensions", deflate::offer(deflate).as_bytes());
        }
        self.fields.iter().for_each(|field| fields.push(field));
        fields
    }
}

/// What a client needs to know when the response comes.
#[derive(Clone, Debug)]
pub(in crate::websocket) struct Asked {
    /// What Sec-WebSocket-Accept must say.
    accept: String,
    subprotocols: Vec<String>,
}

impl Asked {
    /// What Sec-WebSocket-Accept must say.
    #[cfg(any(test, feature = "fuzz"))]
    pub(in crate::websocket) fn accept(&self) -> &str {
        &self.accept
    }
}

/// Writes the request; its key is fresh.
pub(in crate::websocket) fn ask(
    request: &Request,
    config: &Config,
    secret: &mut Secret,
) -> Result<(Vec<u8>, Asked), Misuse> {
    request.check()?;
    // RFC 6455 §4.1: the key MUST be 16 random bytes in base64, chosen anew for each connection.
    let mut nonce = [0; 16];
    secret.fill(&mut nonce);
    let key = STANDARD.encode(nonce);
    // RFC 6455 §4.1: GET, Host, Upgrade, Connection, the key and the version MUST be there.
    let start = [
        Field::new(b"host", request.authority.as_bytes()),
        Field::new(b"upgrade", b"websocket"),
        Field::new(b"connection", b"Upgrade"),
        Field::new(b"sec-websocket-key", key.as_bytes()),
    ];
    let fields: Fields = start.into_iter().chain(&request.offered(config)).collect();
    let mut head = Vec::new();
    write::request_head(&mut head, b"GET", request.path.as_bytes(), &fields);
    Ok((head, Asked { accept: accept_key(key.as_bytes()), subprotocols: request.subprotocols.clone() }))
}

/// Checks the response to an upgrade.
pub(in crate::websocket) fn check_upgraded(
    head: &ResponseHead,
    asked: &Asked,
    config: &Config,
) -> Result<Agreement, Refusal> {
    // RFC 6455 §4.1: any status but 101 is HTTP's own answer.
    if head.status != 101 {
        return Err(Refusal::Status(head.status));
    }
    // RFC 6455 §4.1: without Upgrade: websocket and Connection: Upgrade the client MUST fail the connection.
    let is_upgraded =
        only(&head.fields, b"upgrade").is_some_and(|value| value.eq_ignore_ascii_case(b"websocket"));
    if !is_upgraded || !list_has(&head.fields, b"connection", b"upgrade") {
        return Err(Refusal::ResponseUpgrade);
    }
    // RFC 6455 §4.1: an accept key that is missing or another one MUST fail the connection.
    if only(&head.fields, b"sec-websocket-accept") != Some(asked.accept.as_bytes()) {
        return Err(Refusal::ResponseAccept);
    }
    check(&head.fields, &asked.subprotocols, config)
}

/// The head of an extended CONNECT, RFC 8441 §5, over `scheme`, which is `http` or `https`.
///
/// # Errors
/// `InvalidField`, when the request cannot be sent.
pub fn connect_fields(request: &Request, config: &Config, scheme: &str) -> Result<Fields, Misuse> {
    request.check()?;
    let start = [
        Field::new(b":method", b"CONNECT"),
        Field::new(b":protocol", b"websocket"),
        Field::new(b":scheme", scheme.as_bytes()),
        Field::new(b":path", request.path.as_bytes()),
        Field::new(b":authority", request.authority.as_bytes()),
    ];
    Ok(start.into_iter().chain(&request.offered(config)).collect())
}

/// Checks the response to an extended CONNECT.
///
/// # Errors
/// Why there is no connection; the stream is to be reset.
pub fn check_connect_response(
    fields: &Fields,
    request: &Request,
    config: &Config,
) -> Result<Agreement, Refusal> {
    // RFC 8441 §5: a 2xx status opens the connection.
    let status = fields.value(b":status").and_then(|status| core::str::from_utf8(status).ok()?.parse().ok());
    match status.unwrap_or(0) {
        200..=299 => check(fields, &request.subprotocols, config),
        status => Err(Refusal::Status(status)),
    }
}

fn check(fields: &Fields, offered: &[String], config: &Config) -> Result<Agreement, Refusal> {
    let mut agreement = Agreement::default();
    let mut chosen =
        fields.iter().filter(|field| field.name == b"sec-websocket-protocol").map(|field| field.value);
    match (chosen.next(), chosen.next()) {
        (None, _) if offered.is_empty() => {}
        (Some(chosen), None) => {
            // RFC 6455 §4.1: a subprotocol that was not offered MUST fail the connection.
            let chosen = offered.iter().find(|offer| offer.as_bytes() == chosen);
            let chosen = chosen.ok_or(Refusal::ResponseSubprotocol)?;
            agreement.fields = token_field(b"sec-websocket-protocol", chosen);
            agreement.subprotocol = Some(chosen.clone());
        }
        _ => return Err(Refusal::ResponseSubprotocol),
    }
    // RFC 6455 §4.1: an extension that was not offered MUST fail the connection.
    let chosen = extensions(fields).ok_or(Refusal::ResponseExtensions)?;
    match (chosen.as_slice(), config.deflate.as_ref().filter(|_| codec::IS_BUILT_IN)) {
        ([], _) => {}
        ([one], Some(deflate)) => {
            agreement.deflate = Some(deflate::check(one, deflate).ok_or(Refusal::ResponseExtensions)?);
        }
        _ => return Err(Refusal::ResponseExtensions),
    }
    Ok(agreement)
}
