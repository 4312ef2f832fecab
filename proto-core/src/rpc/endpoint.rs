//! What a channel is told to connect to: `http://host:port`, RFC 3986 §3.2.
//!
//! A `/` may follow. The port is 80 when there is none. A host is a name, an IPv4 address, or an IPv6 address in
//! brackets, for that has colons of its own. User names, paths and queries mean nothing to a channel and are refused,
//! so that nobody waits for what they do.

use crate::rpc::Status;
use alloc::format;
use alloc::string::String;
use core::net::Ipv6Addr;

/// The port of `http://` endpoints that name none.
const HTTP_PORT: u16 = 80;
const HTTP: &str = "http://";

/// Where a server is reached by TCP.
///
/// ```
/// use zrpc_core::rpc::Endpoint;
///
/// let endpoint = Endpoint::parse("HTTP://[::1]/")?;
/// assert_eq!(endpoint.uri(), "http://[::1]:80");
/// assert_eq!(endpoint.authority(), "[::1]:80");
/// assert_eq!((endpoint.host(), endpoint.port()), ("::1", 80));
/// # Ok::<(), zrpc_core::rpc::Status>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Endpoint {
    uri: String,
    port: u16,
}

impl Endpoint {
    /// Reads an endpoint.
    ///
    /// # Errors
    /// INVALID_ARGUMENT, with what is wrong and what to write instead.
    pub fn parse(text: &str) -> Result<Endpoint, Status> {
        read(text).map_err(|wrong| {
            let text = format!("{text:?} is not an endpoint: {wrong}; write http://host:port");
            Status::invalid_argument(text)
        })
    }

    /// The endpoint as it was read: always with its port, never with a path. What error messages call it.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// `host:port`, as it goes into the authority of requests; an IPv6 address stands in brackets.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.uri.get(HTTP.len()..).unwrap_or_default()
    }

    /// The name or the address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let host = self.authority().rsplit_once(':').map_or("", |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

fn read(text: &str) -> Result<Endpoint, String> {
    let (scheme, rest) = text.split_once("://").ok_or("it has no scheme")?;
    if !scheme.eq_ignore_ascii_case("http") {
        return Err(format!("this channel does not speak {scheme}://"));
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains(['/', '?', '#', '@']) {
        return Err("it has more than a host and a port".into());
    }
    let (host, after) = split_host(rest)?;
    let port = match after.strip_prefix(':') {
        Some(port) => read_port(port).ok_or("its port is not a number from 1 to 65535")?,
        None if after.is_empty() => HTTP_PORT,
        None => return Err("something other than a port follows its host".into()),
    };
    Ok(Endpoint { uri: format!("{HTTP}{host}:{port}"), port })
}

/// The host, in its brackets if it has them, and what follows it.
fn split_host(text: &str) -> Result<(&str, &str), &'static str> {
    if let Some(bracketed) = text.strip_prefix('[') {
        let end = bracketed.find(']').ok_or("its bracket is not closed")?;
        if bracketed[..end].parse::<Ipv6Addr>().is_err() {
            return Err("what stands in its brackets is not an IPv6 address");
        }
        return Ok(text.split_at(end + 2));
    }
    let (host, after) = text.split_at(text.find(':').unwrap_or(text.len()));
    if after.matches(':').nth(1).is_some() {
        return Err("it has more than one colon, and an IPv6 address stands in brackets");
    }
    if host.is_empty() {
        return Err("its host is empty");
    }
    // The authority is a header field: RFC 9110 §5.5.
    if !host.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("its host has a space or a character that is not ASCII (a name's xn-- form is)");
    }
    Ok((host, after))
}

fn read_port(digits: &str) -> Option<u16> {
    let is_number = digits.bytes().all(|digit| digit.is_ascii_digit());
    digits.parse().ok().filter(|port| is_number && *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_with_and_without_port_and_slash() {
        for (text, host, port) in [
            ("http://127.0.0.1:50051", "127.0.0.1", 50051),
            ("http://localhost:1/", "localhost", 1),
            ("HTTP://example.org", "example.org", 80),
            ("http://[::1]:8080", "::1", 8080),
            ("http://[::1]", "::1", 80),
            ("http://a_b.svc-1:65535", "a_b.svc-1", 65535),
        ] {
            let endpoint = Endpoint::parse(text).unwrap();
            assert_eq!((endpoint.host(), endpoint.port()), (host, port), "{text}");
            assert_eq!(endpoint.uri(), format!("http://{}", endpoint.authority()), "{text}");
            assert_eq!(Endpoint::parse(endpoint.uri()), Ok(endpoint.clone()), "{text}");
        }
    }

    #[test]
    fn a_malformed_endpoint_is_refused_with_what_is_wrong_and_what_to_write() {
        for (text, reason) in [
            ("", "no scheme"),
            ("localhost:1", "no scheme"),
            ("https://localhost:1", "does not speak https://"),
            ("http://localhost:http", "port is not a number"),
            ("http://localhost:", "port is not a number"),
            ("http://localhost:+80", "port is not a number"),
            ("http://localhost:0", "port is not a number from 1"),
            ("http://localhost:70000", "port is not a number"),
            ("http://::1:80", "stands in brackets"),
            ("http://", "host is empty"),
            ("http://:80", "host is empty"),
            ("http://[x]:80", "not an IPv6 address"),
            ("http://[]:80", "not an IPv6 address"),
            ("http://[::1", "bracket is not closed"),
            ("http://[::1]x", "follows its host"),
            ("http://a/b", "more than a host"),
            ("http://user@host:1", "more than a host"),
            ("http://a b:1", "has a space"),
            ("http://a\r\nb:1", "has a space"),
            ("http://bücher.example", "not ASCII"),
        ] {
            let status = Endpoint::parse(text).unwrap_err();
            assert_eq!(status.code(), crate::rpc::Code::InvalidArgument, "{text}");
            assert!(status.message().contains(reason), "{text}: {status}");
            assert!(status.message().contains("write http://host:port"), "{status}");
        }
    }
}
