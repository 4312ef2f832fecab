//! What a channel is told to connect to, and a server to listen on: a URI (RFC 3986) whose scheme names the carrier of
//! calls, and whose rest says where.
//!
//! ```text
//! http://host:port         gRPC on HTTP/2             http+unix:///path   http+unix-abstract:name
//! tcp://host:port          the native protocol        unix:///path        unix-abstract:name
//! ws://host:port/path      WebSocket, binary          ws+json://host:port/path
//! ws+h2://host:port/path   the same on HTTP/2         ws+json+h2://host:port/path
//! grpc-web://host:port     gRPC-Web on HTTP/2         grpc-web+h1://host:port        on HTTP/1.1
//! grpc-web-text://…        the same in base64         grpc-web-text+h1://host:port
//! ```
//!
//! What means nothing to a channel (user names, queries, most paths) is refused, so that nobody waits for what it does.

use crate::rpc::Status;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::fmt;
use core::net::Ipv6Addr;

/// How calls travel over a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Carrier {
    /// gRPC on HTTP/2.
    Grpc,
    /// The native protocol.
    Native,
    /// The native protocol in the binary messages of a WebSocket, subprotocol `zrpc.v1`.
    WebSocket,
    /// The native protocol as JSON in the text messages of a WebSocket, subprotocol `zrpc.v1+json`.
    WebSocketJson,
    /// As [`Carrier::WebSocket`], in a stream of HTTP/2 (RFC 8441).
    WebSocketHttp2,
    /// As [`Carrier::WebSocketJson`], in a stream of HTTP/2 (RFC 8441).
    WebSocketJsonHttp2,
    /// gRPC-Web on HTTP/2.
    GrpcWeb,
    /// gRPC-Web on HTTP/1.1.
    GrpcWebHttp1,
    /// gRPC-Web in base64, on HTTP/2.
    GrpcWebText,
    /// gRPC-Web in base64, on HTTP/1.1.
    GrpcWebTextHttp1,
}

impl Carrier {
    /// What messages to people call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Carrier::Grpc => "gRPC on HTTP/2",
            Carrier::Native => "the native protocol",
            Carrier::WebSocket => "WebSocket (binary)",
            Carrier::WebSocketJson => "WebSocket (JSON)",
            Carrier::WebSocketHttp2 => "WebSocket (binary) on HTTP/2",
            Carrier::WebSocketJsonHttp2 => "WebSocket (JSON) on HTTP/2",
            Carrier::GrpcWeb => "gRPC-Web on HTTP/2",
            Carrier::GrpcWebHttp1 => "gRPC-Web on HTTP/1.1",
            Carrier::GrpcWebText => "gRPC-Web in text on HTTP/2",
            Carrier::GrpcWebTextHttp1 => "gRPC-Web in text on HTTP/1.1",
        }
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a server is reached.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Address {
    /// By TCP.
    Tcp {
        /// A name or an address, without brackets.
        host: String,
        /// The port; 0 only in an endpoint to listen on, where it stands for any that is free.
        port: u16,
    },
    /// By a Unix socket in the file system.
    UnixPath(String),
    /// By a Unix socket in Linux's abstract namespace.
    UnixAbstract(String),
}

/// A carrier and an address.
///
/// ```
/// use zrpc_core::rpc::{Address, Carrier, Endpoint};
///
/// let endpoint = Endpoint::parse("HTTP://[::1]/")?;
/// assert_eq!(endpoint.uri(), "http://[::1]:80");
/// assert_eq!(endpoint.authority(), "[::1]:80");
/// assert_eq!(endpoint.address(), &Address::Tcp { host: "::1".into(), port: 80 });
///
/// let endpoint = Endpoint::parse("unix:///run/rooms.sock")?;
/// assert_eq!(endpoint.carrier(), Carrier::Native);
/// assert_eq!(endpoint.address(), &Address::UnixPath("/run/rooms.sock".into()));
/// # Ok::<(), zrpc_core::rpc::Status>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Endpoint {
    uri: String,
    carrier: Carrier,
    address: Address,
    authority: String,
    path: String,
}

impl Endpoint {
    /// Reads the endpoint of a server to connect to.
    ///
    /// # Errors
    /// INVALID_ARGUMENT, with what is wrong and what to write instead.
    pub fn parse(text: &str) -> Result<Endpoint, Status> {
        Endpoint::read(text, 1)
    }

    /// Reads an endpoint to listen on: port 0 stands for any that is free.
    ///
    /// # Errors
    /// As [`Endpoint::parse`].
    pub fn parse_to_listen(text: &str) -> Result<Endpoint, Status> {
        Endpoint::read(text, 0)
    }

    fn read(text: &str, port_min: u16) -> Result<Endpoint, Status> {
        let read = find_scheme(text).and_then(|(scheme, rest)| {
            read(scheme, rest, port_min).map_err(|wrong| (wrong, scheme.place.example(scheme.name)))
        });
        read.map_err(|(wrong, example)| {
            Status::invalid_argument(format!("{text:?} is not an endpoint: {wrong}; write {example}"))
        })
    }

    /// The endpoint as it was read: a TCP endpoint always with its port. What error messages call it.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// How calls travel.
    #[must_use]
    pub fn carrier(&self) -> Carrier {
        self.carrier
    }

    /// Where the server is.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// What goes into the authority of requests: `host:port`, an IPv6 address in brackets; `localhost` on a Unix
    /// socket, whose path is no name of a host.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Where on the server a WebSocket is opened: path and query, `/` unless there are any.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The same endpoint at another port: what a server says that was told to listen at any.
    #[must_use]
    pub fn with_port(&self, port: u16) -> Endpoint {
        let Address::Tcp { host, .. } = &self.address else { return self.clone() };
        let scheme = self.uri.split_once("://").map_or("", |(scheme, _)| scheme);
        let (bare, _) = self.authority.rsplit_once(':').unwrap_or((host, ""));
        at_tcp(scheme, self.carrier, host, bare, port, &self.path)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.uri)
    }
}

/// What follows a scheme.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// `//host:port`, with the port that stands when there is none.
    Host(Option<u16>),
    /// The same and a path.
    HostAndPath,
    /// `//` and an absolute path, or a path.
    File,
    /// A name.
    Abstract,
}

impl Place {
    fn example(self, scheme: &str) -> String {
        match self {
            Place::Host(_) => format!("{scheme}://host:port"),
            Place::HostAndPath => format!("{scheme}://host:port/path"),
            Place::File => format!("{scheme}:///path/to/socket"),
            Place::Abstract => format!("{scheme}:name"),
        }
    }
}

struct Scheme {
    name: &'static str,
    carrier: Carrier,
    place: Place,
}

/// The port of HTTP, where an endpoint names none.
const HTTP_PORT: Place = Place::Host(Some(80));

const SCHEMES: [Scheme; 14] = [
    Scheme { name: "http", carrier: Carrier::Grpc, place: HTTP_PORT },
    Scheme { name: "http+unix", carrier: Carrier::Grpc, place: Place::File },
    Scheme { name: "http+unix-abstract", carrier: Carrier::Grpc, place: Place::Abstract },
    Scheme { name: "tcp", carrier: Carrier::Native, place: Place::Host(None) },
    Scheme { name: "unix", carrier: Carrier::Native, place: Place::File },
    Scheme { name: "unix-abstract", carrier: Carrier::Native, place: Place::Abstract },
    Scheme { name: "ws", carrier: Carrier::WebSocket, place: Place::HostAndPath },
    Scheme { name: "ws+json", carrier: Carrier::WebSocketJson, place: Place::HostAndPath },
    Scheme { name: "ws+h2", carrier: Carrier::WebSocketHttp2, place: Place::HostAndPath },
    Scheme { name: "ws+json+h2", carrier: Carrier::WebSocketJsonHttp2, place: Place::HostAndPath },
    Scheme { name: "grpc-web", carrier: Carrier::GrpcWeb, place: HTTP_PORT },
    Scheme { name: "grpc-web+h1", carrier: Carrier::GrpcWebHttp1, place: HTTP_PORT },
    Scheme { name: "grpc-web-text", carrier: Carrier::GrpcWebText, place: HTTP_PORT },
    Scheme { name: "grpc-web-text+h1", carrier: Carrier::GrpcWebTextHttp1, place: HTTP_PORT },
];

/// Schemes of encrypted connections, and what stands for each without encryption.
const ENCRYPTED: [(&str, &str); 5] =
    [("https", "http"), ("tls", "tcp"), ("wss", "ws"), ("wss+json", "ws+json"), ("grpc-webs", "grpc-web")];

/// What is wrong, and what to write instead.
type Wrong = (String, String);

fn find_scheme(text: &str) -> Result<(&'static Scheme, &str), Wrong> {
    const KNOWN: &str =
        "http://host:port, tcp://host:port, unix:///path or another form that Endpoint's documentation lists";
    let (name, rest) = split_scheme(text).ok_or_else(|| ("it has no scheme".to_owned(), KNOWN.to_owned()))?;
    let is = |known: &&str| name.eq_ignore_ascii_case(known);
    if let Some((_, plain)) = ENCRYPTED.iter().find(|(secure, _)| is(secure)) {
        let wrong = format!("{name}:// is encrypted, which this version does not speak");
        return Err((wrong, format!("{plain}://host:port on a network that you trust")));
    }
    let scheme = SCHEMES.iter().find(|scheme| is(&scheme.name));
    let scheme = scheme.ok_or_else(|| (format!("nothing here speaks {name}:"), KNOWN.to_owned()))?;
    Ok((scheme, rest))
}

/// The scheme, and what follows its colon. `localhost:80` has none, however much it looks so.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once(':')?;
    let is_port = !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    let is_scheme = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    // RFC 3986 §3.1: a scheme begins with a letter.
    (is_scheme && name.starts_with(|first: char| first.is_ascii_alphabetic()) && !is_port)
        .then_some((name, rest))
}

fn read(scheme: &Scheme, rest: &str, port_min: u16) -> Result<Endpoint, String> {
    let unix = |uri: String, address: Address| Endpoint {
        uri,
        carrier: scheme.carrier,
        address,
        authority: "localhost".to_owned(),
        path: "/".to_owned(),
    };
    match scheme.place {
        Place::File => {
            let path = read_file_path(rest)?;
            let slashes = if path.starts_with('/') { "//" } else { "" };
            Ok(unix(format!("{}:{slashes}{path}", scheme.name), Address::UnixPath(path.to_owned())))
        }
        Place::Abstract => {
            if rest.is_empty() || rest.starts_with('/') || rest.contains('\0') {
                return Err("its name is empty, begins with a slash or has a zero byte".into());
            }
            Ok(unix(format!("{}:{rest}", scheme.name), Address::UnixAbstract(rest.to_owned())))
        }
        Place::Host(default) => {
            let rest = after_slashes(rest)?;
            let rest = rest.strip_suffix('/').unwrap_or(rest);
            if rest.contains(['/', '?', '#', '@']) {
                return Err("it has more than a host and a port".into());
            }
            let (bare, port) = read_authority(rest, default, port_min)?;
            Ok(at_tcp(scheme.name, scheme.carrier, host_of(bare), bare, port, "/"))
        }
        Place::HostAndPath => {
            let rest = after_slashes(rest)?;
            let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
            if authority.contains('@') {
                return Err("it has a user name, which nothing here would use".into());
            }
            let path = read_resource(path)?;
            let (bare, port) = read_authority(authority, Some(80), port_min)?;
            Ok(at_tcp(scheme.name, scheme.carrier, host_of(bare), bare, port, &path))
        }
    }
}

/// The one place that writes a TCP endpoint; `bare` is the host as it stands in an authority.
fn at_tcp(scheme: &str, carrier: Carrier, host: &str, bare: &str, port: u16, path: &str) -> Endpoint {
    let authority = format!("{bare}:{port}");
    let shown_path = if path == "/" { "" } else { path };
    let uri = format!("{scheme}://{authority}{shown_path}");
    let address = Address::Tcp { host: host.to_owned(), port };
    Endpoint { uri, carrier, address, authority, path: path.to_owned() }
}

fn host_of(bare: &str) -> &str {
    bare.trim_start_matches('[').trim_end_matches(']')
}

fn after_slashes(rest: &str) -> Result<&str, String> {
    rest.strip_prefix("//").ok_or_else(|| "two slashes are missing after its scheme".into())
}

/// `unix:path` and `unix:///path`, as gRPC's naming document has it: byte for byte, nothing is unescaped.
fn read_file_path(rest: &str) -> Result<&str, String> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() || path.ends_with('/') {
        return Err("it names no file".into());
    }
    if path.len() < rest.len() && !path.starts_with('/') {
        return Err("after two slashes its path is not absolute, which takes a third".into());
    }
    if path.contains('\0') {
        return Err("its path has a zero byte".into());
    }
    Ok(path)
}

/// RFC 6455 §3: path and query, no fragment; the path is `/` when it is empty.
fn read_resource(text: &str) -> Result<String, String> {
    if text.contains('#') {
        return Err("it has a fragment, which a WebSocket has not".into());
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(
            "its path has a space or a character that is not ASCII, which stands escaped (%20)".into()
        );
    }
    Ok(if text.starts_with('/') { text.to_owned() } else { format!("/{text}") })
}

/// The host as it stands in an authority, and the port.
fn read_authority(text: &str, default: Option<u16>, port_min: u16) -> Result<(&str, u16), String> {
    let (host, after) = split_host(text)?;
    let port = match (after.strip_prefix(':'), default) {
        (Some(port), _) => read_port(port, port_min)
            .ok_or_else(|| format!("its port is not a number from {port_min} to 65535"))?,
        (None, _) if !after.is_empty() => return Err("something other than a port follows its host".into()),
        (None, Some(default)) => default,
        (None, None) => return Err("it has no port".into()),
    };
    Ok((host, port))
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

fn read_port(digits: &str, port_min: u16) -> Option<u16> {
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    digits.parse().ok().filter(|port| is_number && *port >= port_min)
}

#[cfg(test)]
mod tests;
