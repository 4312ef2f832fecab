//! What the head of a request says (RFC 9112 §3).

use crate::base::Fields;
use crate::http1::field_lines::{Framing, framing, lines, list_has, read_fields};
use crate::http1::head::is_token;
use crate::http1::violation::Violation;
use bytes::Bytes;

/// The longest method that anybody serves is shorter.
const METHOD_BYTES_MAX: usize = 32;

/// The version of a message; any HTTP/1.x above 1 counts as 1.1 (RFC 9112 §2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Version {
    /// HTTP/1.0: no chunks, and connections close unless they are asked not to.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// The head of a request. Each part is a slice of what arrived.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestHead {
    /// The method; case matters.
    pub method: Bytes,
    /// The target as it came: `/path?query`, `*`, `http://authority/path`, or an authority for CONNECT.
    pub target: Bytes,
    /// The version.
    pub version: Version,
    /// The fields in order; names are lower-cased, values are trimmed.
    pub fields: Fields,
    /// How long the body is.
    pub framing: Framing,
    /// The whole head as it came, with the empty line at its end, for a machine that reads it anew.
    pub raw: Bytes,
}

impl RequestHead {
    /// The target's path and query; of `http://authority/path` what follows the authority.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        match after_authority(&self.target) {
            Some((_, b"")) => b"/",
            Some((_, path)) => path,
            None => &self.target,
        }
    }

    /// The authority that is asked for: the target's own, or that of Host.
    #[must_use]
    pub fn authority(&self) -> &[u8] {
        // RFC 9112 §3.2.2: of a target in absolute form the authority counts, and Host is ignored.
        match after_authority(&self.target) {
            Some((authority, _)) => authority,
            None => self.fields.value(b"host").unwrap_or_default(),
        }
    }

    /// Whether the client expects the connection to stay open after the answer (RFC 9112 §9.3).
    #[must_use]
    pub fn is_persistent(&self) -> bool {
        is_persistent(self.version, &self.fields)
    }

    /// Whether the client asks for this protocol on this connection (RFC 9110 §7.8).
    #[must_use]
    pub fn asks_to_upgrade_to(&self, protocol: &[u8]) -> bool {
        // RFC 9110 §7.8: Upgrade counts only where Connection names it, and not in HTTP/1.0.
        self.version == Version::Http11
            && list_has(&self.fields, b"connection", b"upgrade")
            && list_has(&self.fields, b"upgrade", protocol)
    }

    /// Reads a whole head.
    pub(super) fn read(head: Bytes) -> Result<RequestHead, Violation> {
        let mut lines = lines(&head);
        let (method, target, version) = split(lines.next().unwrap_or_default())?;
        let (method, target) = (head.slice_ref(method), head.slice_ref(target));
        let fields = read_fields(lines)?;
        check_host(version, &fields)?;
        let framing = framing(version, &fields)?;
        Ok(RequestHead { method, target, version, fields, framing, raw: head })
    }
}

pub(super) fn is_persistent(version: Version, fields: &Fields) -> bool {
    match version {
        _ if list_has(fields, b"connection", b"close") => false,
        Version::Http11 => true,
        Version::Http10 => list_has(fields, b"connection", b"keep-alive"),
    }
}

/// Refuses a first line as soon as it is there.
pub(super) fn check_first_line(line: &[u8]) -> Result<(), Violation> {
    split(line).map(|_| ())
}

fn split(line: &[u8]) -> Result<(&[u8], &[u8], Version), Violation> {
    // RFC 9112 §3: method, target and version stand apart by single spaces.
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Violation::FirstLine);
    };
    if line == b"PRI * HTTP/2.0" {
        return Err(Violation::Preface);
    }
    if !is_token(method) {
        return Err(Violation::FirstLine);
    }
    let version = read_version(version).unwrap_or(Err(Violation::FirstLine))?;
    // RFC 9112 §3: a method that is longer than any that is served is answered with 501.
    if method.len() > METHOD_BYTES_MAX {
        return Err(Violation::MethodTooLong);
    }
    if is_target(method, target) { Ok((method, target, version)) } else { Err(Violation::Target) }
}

/// Reads `HTTP/1.1`; `None` when it is nothing of the kind.
pub(super) fn read_version(text: &[u8]) -> Option<Result<Version, Violation>> {
    // RFC 9112 §2.3: the name is case-sensitive, and each number is one digit.
    match text.strip_prefix(b"HTTP/")? {
        b"1.0" => Some(Ok(Version::Http10)),
        [b'1', b'.', b'1'..=b'9'] => Some(Ok(Version::Http11)),
        [b'0'..=b'9', b'.', b'0'..=b'9'] => Some(Err(Violation::Version)),
        _ => None,
    }
}

/// RFC 9112 §3.2: the four forms of a target, and which method each goes with.
fn is_target(method: &[u8], target: &[u8]) -> bool {
    let is_clean = target.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#');
    let is_form = match target {
        _ if method == b"CONNECT" => is_authority(target) && target.contains(&b':'),
        b"*" => method == b"OPTIONS",
        [b'/', ..] => true,
        _ => after_authority(target)
            .is_some_and(|(authority, _)| !authority.is_empty() && is_authority(authority)),
    };
    is_clean && is_form
}

/// Splits a target in absolute form.
fn after_authority(target: &[u8]) -> Option<(&[u8], &[u8])> {
    let scheme = [&b"http://"[..], b"https://"]
        .into_iter()
        .find(|scheme| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))?;
    let rest = &target[scheme.len()..];
    Some(rest.split_at(rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len())))
}

/// Host and port, without user information (RFC 9110 §4.2.4).
fn is_authority(text: &[u8]) -> bool {
    text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+;=%:[]".contains(byte))
}

fn check_host(version: Version, fields: &Fields) -> Result<(), Violation> {
    let mut hosts = fields.iter().filter(|field| field.name == b"host");
    match (hosts.next(), hosts.next()) {
        // RFC 9112 §3.2: a request of HTTP/1.1 without Host, or with several, or with an invalid one, is answered with 400.
        (None, _) if version == Version::Http11 => Err(Violation::HostMissing),
        (None, _) => Ok(()),
        (Some(_), Some(_)) => Err(Violation::HostRepeated),
        (Some(host), None) if is_authority(host.value) => Ok(()),
        (Some(_), None) => Err(Violation::HostMalformed),
    }
}
