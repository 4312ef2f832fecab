//! Which endpoints are read, and what is said of those that are not.

use super::*;
use crate::rpc::Code;

fn tcp(host: &str, port: u16) -> Address {
    Address::Tcp { host: host.into(), port }
}

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
        assert_eq!(endpoint.address(), &tcp(host, port), "{text}");
        assert_eq!(endpoint.uri(), format!("http://{}", endpoint.authority()), "{text}");
        assert_eq!(Endpoint::parse(endpoint.uri()), Ok(endpoint.clone()), "{text}");
    }
}

#[test]
fn each_scheme_names_a_carrier_and_an_address() {
    let path = |path: &str| Address::UnixPath(path.into());
    let name = |name: &str| Address::UnixAbstract(name.into());
    for (text, carrier, address, authority, resource) in [
        ("http+unix:///run/a.sock", Carrier::Grpc, path("/run/a.sock"), "localhost", "/"),
        ("http+unix:a.sock", Carrier::Grpc, path("a.sock"), "localhost", "/"),
        ("http+unix-abstract:a", Carrier::Grpc, name("a"), "localhost", "/"),
        ("tcp://h:1", Carrier::Native, tcp("h", 1), "h:1", "/"),
        ("unix:///run/a%20b.sock", Carrier::Native, path("/run/a%20b.sock"), "localhost", "/"),
        ("unix:a:b?c#d", Carrier::Native, path("a:b?c#d"), "localhost", "/"),
        ("unix-abstract:a:b", Carrier::Native, name("a:b"), "localhost", "/"),
        ("ws://h", Carrier::WebSocket, tcp("h", 80), "h:80", "/"),
        ("ws://h:2/rooms?x=1", Carrier::WebSocket, tcp("h", 2), "h:2", "/rooms?x=1"),
        ("ws+json://[::1]:2?x", Carrier::WebSocketJson, tcp("::1", 2), "[::1]:2", "/?x"),
        ("ws+h2://h:2/rooms", Carrier::WebSocketHttp2, tcp("h", 2), "h:2", "/rooms"),
        ("ws+json+h2://h:2", Carrier::WebSocketJsonHttp2, tcp("h", 2), "h:2", "/"),
        ("grpc-web://h:3", Carrier::GrpcWeb, tcp("h", 3), "h:3", "/"),
        ("grpc-web+h1://h:3/", Carrier::GrpcWebHttp1, tcp("h", 3), "h:3", "/"),
        ("grpc-web-text://h:3", Carrier::GrpcWebText, tcp("h", 3), "h:3", "/"),
        ("grpc-web-text+h1://h:3", Carrier::GrpcWebTextHttp1, tcp("h", 3), "h:3", "/"),
    ] {
        let endpoint = Endpoint::parse(text).unwrap();
        assert_eq!(endpoint.carrier(), carrier, "{text}");
        assert_eq!(endpoint.address(), &address, "{text}");
        assert_eq!((endpoint.authority(), endpoint.path()), (authority, resource), "{text}");
        assert_eq!(Endpoint::parse(endpoint.uri()), Ok(endpoint.clone()), "{text}");
    }
    assert_eq!(Endpoint::parse("unix:/run/a").unwrap().uri(), "unix:///run/a");
}

#[test]
fn a_malformed_endpoint_is_refused_with_what_is_wrong_and_what_to_write() {
    for (text, reason, advice) in [
        ("", "no scheme", "http://host:port"),
        ("localhost:1", "no scheme", "http://host:port"),
        ("/run/a.sock", "no scheme", "unix:///path"),
        ("h3://localhost:1", "nothing here speaks h3:", "http://host:port"),
        ("https://localhost:1", "https:// is encrypted", "http://host:port on a network"),
        ("tls://localhost:1", "tls:// is encrypted", "tcp://host:port on a network"),
        ("wss://localhost:1/", "wss:// is encrypted", "ws://host:port on a network"),
        ("http:localhost", "two slashes are missing", "http://host:port"),
        ("http://localhost:http", "port is not a number", "http://host:port"),
        ("http://localhost:", "port is not a number", "http://host:port"),
        ("http://localhost:+80", "port is not a number", "http://host:port"),
        ("http://localhost:0", "port is not a number from 1", "http://host:port"),
        ("http://localhost:70000", "port is not a number", "http://host:port"),
        ("http://::1:80", "stands in brackets", "http://host:port"),
        ("http://", "host is empty", "http://host:port"),
        ("http://:80", "host is empty", "http://host:port"),
        ("http://[x]:80", "not an IPv6 address", "http://host:port"),
        ("http://[]:80", "not an IPv6 address", "http://host:port"),
        ("http://[::1", "bracket is not closed", "http://host:port"),
        ("http://[::1]x", "follows its host", "http://host:port"),
        ("http://a/b", "more than a host", "http://host:port"),
        ("http://user@host:1", "more than a host", "http://host:port"),
        ("http://a b:1", "has a space", "http://host:port"),
        ("http://a\r\nb:1", "has a space", "http://host:port"),
        ("http://bücher.example", "not ASCII", "http://host:port"),
        ("tcp://localhost", "has no port", "tcp://host:port"),
        ("unix:", "names no file", "unix:///path/to/socket"),
        ("unix://", "names no file", "unix:///path/to/socket"),
        ("unix:///run/", "names no file", "unix:///path/to/socket"),
        ("unix://run/a.sock", "takes a third", "unix:///path/to/socket"),
        ("http+unix:a\0b", "zero byte", "http+unix:///path/to/socket"),
        ("unix-abstract:", "name is empty", "unix-abstract:name"),
        ("unix-abstract://a", "begins with a slash", "unix-abstract:name"),
        ("ws://h/a#b", "a fragment", "ws://host:port/path"),
        ("ws://h/a b", "stands escaped", "ws://host:port/path"),
        ("ws://me@h/", "a user name", "ws://host:port/path"),
        ("grpc-web://h/a", "more than a host", "grpc-web://host:port"),
    ] {
        let status = Endpoint::parse(text).unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{text}");
        assert!(status.message().contains(reason), "{text}: {status}");
        let (_, told) = status.message().rsplit_once("; write ").unwrap();
        assert!(told.contains(advice), "{status}");
    }
}

#[test]
fn a_server_may_ask_for_any_port_and_says_which_it_got() {
    for (text, told) in [
        ("tcp://127.0.0.1:0", "tcp://127.0.0.1:7"),
        ("ws://[::1]:0/rooms", "ws://[::1]:7/rooms"),
        ("http://localhost:0/", "http://localhost:7"),
    ] {
        let endpoint = Endpoint::parse_to_listen(text).unwrap();
        assert_eq!(endpoint.with_port(7), Endpoint::parse(told).unwrap());
    }
    let unix = Endpoint::parse_to_listen("unix:///run/a").unwrap();
    assert_eq!(unix.with_port(7), unix);
}
