//! Is a header list a well-formed request, response or trailer section? RFC 9113 §8.1 to §8.3, RFC 8441 §4.
//!
//! Used in both directions: what we would refuse to receive, we refuse to send.

use crate::base::{Field, Fields};
use core::str;

/// What a header list is meant to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Section {
    /// The head of a request.
    Request,
    /// The head of a response, informational or final.
    Response,
    /// Trailers of either.
    Trailers,
}

/// What a valid head says that framing depends on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Head {
    /// The response's status; 0 in a request.
    pub status: u16,
    /// `content-length`.
    pub content_length: Option<u64>,
    /// Whether the request's method is HEAD, so that its response has a length and no content.
    pub is_head: bool,
    /// Whether the method is CONNECT, so that DATA is a tunnel's.
    pub is_connect: bool,
}

#[derive(Default)]
struct Pseudo<'a> {
    method: Option<&'a [u8]>,
    scheme: Option<&'a [u8]>,
    path: Option<&'a [u8]>,
    authority: Option<&'a [u8]>,
    protocol: Option<&'a [u8]>,
    status: Option<&'a [u8]>,
}

/// Checks a header list.
///
/// # Errors
/// What is malformed, as a sentence; the stream then ends with PROTOCOL_ERROR (RFC 9113 §8.1.1).
pub fn check(fields: &Fields, section: Section, extended_connect: bool) -> Result<Head, &'static str> {
    let mut pseudo = Pseudo::default();
    let mut head = Head::default();
    let mut regular_seen = false;
    let mut host = None;
    for field in fields {
        check_value(field.value)?;
        if let Some(name) = field.name.strip_prefix(b":") {
            // RFC 9113 §8.1, §8.3: trailers MUST NOT include pseudo-header fields, nor do these come after a regular
            // field.
            if section == Section::Trailers {
                return Err("a pseudo-header field in trailers");
            }
            if regular_seen {
                return Err("a pseudo-header field after a regular field");
            }
            take_pseudo(&mut pseudo, name, field.value, section)?;
            continue;
        }
        regular_seen = true;
        check_name(field.name)?;
        check_regular(field, &mut head, &mut host)?;
    }
    match section {
        Section::Trailers => {}
        Section::Request => check_request(&pseudo, host, extended_connect, &mut head)?,
        Section::Response => head.status = check_status(&pseudo)?,
    }
    Ok(head)
}

fn take_pseudo<'a>(
    pseudo: &mut Pseudo<'a>,
    name: &[u8],
    value: &'a [u8],
    section: Section,
) -> Result<(), &'static str> {
    // RFC 9113 §8.3: endpoints MUST NOT generate others; undefined ones, or a response's in a request, are malformed.
    let slot = match (section, name) {
        (Section::Request, b"method") => &mut pseudo.method,
        (Section::Request, b"scheme") => &mut pseudo.scheme,
        (Section::Request, b"path") => &mut pseudo.path,
        (Section::Request, b"authority") => &mut pseudo.authority,
        (Section::Request, b"protocol") => &mut pseudo.protocol,
        (Section::Response, b"status") => &mut pseudo.status,
        _ => return Err("an unknown pseudo-header field"),
    };
    // RFC 9113 §8.3: the same pseudo-header field name MUST NOT appear more than once.
    if slot.replace(value).is_some() {
        return Err("a pseudo-header field that comes twice");
    }
    Ok(())
}

fn check_regular<'a>(
    field: Field<'a>,
    head: &mut Head,
    host: &mut Option<&'a [u8]>,
) -> Result<(), &'static str> {
    match field.name {
        // RFC 9113 §8.2.2: connection-specific fields MUST NOT be generated, and MUST be treated as malformed.
        b"connection" | b"proxy-connection" | b"keep-alive" | b"transfer-encoding" | b"upgrade" => {
            Err("a connection-specific header field")
        }
        // RFC 9113 §8.2.2: TE MUST NOT contain any value other than "trailers".
        b"te" if field.value != b"trailers" => Err("a te header field with a value other than trailers"),
        b"content-length" => {
            let length = parse_length(field.value).ok_or("a content-length that is not a number")?;
            if head.content_length.replace(length).is_some_and(|before| before != length) {
                return Err("two content-length header fields that differ");
            }
            Ok(())
        }
        b"host" => {
            if host.replace(field.value).is_some_and(|before| before != field.value) {
                return Err("two host header fields that differ");
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn check_request(
    pseudo: &Pseudo<'_>,
    host: Option<&[u8]>,
    extended_connect: bool,
    head: &mut Head,
) -> Result<(), &'static str> {
    let method = pseudo.method.ok_or("a request without :method")?;
    if method.is_empty() || any_of(method, NOT_IN_TOKENS) {
        return Err("a :method that is not a token");
    }
    head.is_head = method == b"HEAD";
    head.is_connect = method == b"CONNECT";
    if let (Some(authority), Some(host)) = (pseudo.authority, host)
        && authority != host
    {
        // RFC 9113 §8.3.1: a request whose Host differs from :authority is ambiguous about who is meant.
        return Err("a host header field that differs from :authority");
    }
    // RFC 9113 §8.3.1: :authority MUST NOT include the deprecated userinfo subcomponent for http and https.
    if matches!(pseudo.scheme, Some(b"http" | b"https"))
        && pseudo.authority.is_some_and(|authority| authority.contains(&b'@'))
    {
        return Err("an :authority with user information");
    }
    // RFC 9113 §5.5: an extension that changes what frames mean MUST be negotiated before it is used.
    if pseudo.protocol.is_some() && !(extended_connect && head.is_connect) {
        return Err("a :protocol that was not offered");
    }
    if head.is_connect && pseudo.protocol.is_none() {
        // RFC 9113 §8.5: a CONNECT request has neither :scheme nor :path, and has :authority.
        return match (pseudo.scheme, pseudo.path, pseudo.authority) {
            (None, None, Some(_)) => Ok(()),
            _ => Err("a CONNECT request with :scheme or :path, or without :authority"),
        };
    }
    // RFC 9113 §8.3.1: requests MUST include exactly one valid value for :method, :scheme and :path.
    let scheme = pseudo.scheme.ok_or("a request without :scheme")?;
    if !scheme.first().is_some_and(u8::is_ascii_alphabetic) {
        return Err("a :scheme that does not begin with a letter");
    }
    match pseudo.path {
        None => Err("a request without :path"),
        Some([b'/', ..]) => Ok(()),
        // RFC 9113 §8.3.1: OPTIONS for no path in particular MUST say an asterisk.
        Some(b"*") if method == b"OPTIONS" => Ok(()),
        Some(_) => Err("a :path that does not begin with a slash"),
    }
}

fn check_status(pseudo: &Pseudo<'_>) -> Result<u16, &'static str> {
    // RFC 9113 §8.3.2: :status MUST be included in all responses.
    let status = pseudo.status.ok_or("a response without :status")?;
    match *status {
        [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
            Ok(u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0'))
        }
        _ => Err("a :status that is not three digits"),
    }
}

fn check_name(name: &[u8]) -> Result<(), &'static str> {
    // RFC 9113 §8.2: names MUST be lowercase. RFC 9113 §8.2.1: names MUST NOT contain 0x00-0x20, 0x41-0x5a, 0x7f-0xff
    // or colons; and RFC 9110 §5.1: a token.
    if name.is_empty() || any_of(name, NOT_IN_NAMES) {
        return Err("a header field name with a character that is not allowed");
    }
    Ok(())
}

fn check_value(value: &[u8]) -> Result<(), &'static str> {
    // RFC 9113 §8.2.1: values MUST NOT contain NUL, LF or CR, nor start or end with SP or HTAB.
    if any_of(value, NOT_IN_VALUES) {
        return Err("a header field value with a NUL, LF or CR");
    }
    if let [b' ' | b'\t', ..] | [.., b' ' | b'\t'] = value {
        return Err("a header field value that begins or ends with white space");
    }
    Ok(())
}

const NOT_IN_TOKENS: u8 = 1;
const NOT_IN_NAMES: u8 = 2;
const NOT_IN_VALUES: u8 = 4;

/// Whether any byte is of this class; a look-up a byte and no branch.
fn any_of(bytes: &[u8], class: u8) -> bool {
    bytes.iter().fold(0, |seen, byte| seen | CLASSES[usize::from(*byte)]) & class != 0
}

const CLASSES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        let token = b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'!' | b'#'
                    | b'$'
                    | b'%'
                    | b'&'
                    | b'\''
                    | b'*'
                    | b'+'
                    | b'-'
                    | b'.'
                    | b'^'
                    | b'_'
                    | b'`'
                    | b'|'
                    | b'~'
            );
        if !token {
            table[byte] |= NOT_IN_TOKENS | NOT_IN_NAMES;
        }
        if b.is_ascii_uppercase() {
            table[byte] |= NOT_IN_NAMES;
        }
        if matches!(b, 0 | b'\n' | b'\r') {
            table[byte] |= NOT_IN_VALUES;
        }
        byte += 1;
    }
    table
};

fn parse_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(fields: &[(&str, &str)]) -> Fields {
        fields.iter().map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes())).collect()
    }

    const GET: [(&str, &str); 4] =
        [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "example.com")];

    fn request(extra: &[(&str, &str)]) -> Result<Head, &'static str> {
        check(&list(&[&GET[..], extra].concat()), Section::Request, false)
    }

    #[test]
    fn rfc9113_8_2_1_each_byte_is_allowed_in_names_and_values_just_as_the_rfc_says() {
        for byte in 0..=255u8 {
            let name = [b'x', byte];
            let allowed = matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~');
            assert_eq!(check_name(&name).is_ok(), allowed, "name byte {byte:#x}");
            let value = [b'x', byte, b'x'];
            assert_eq!(check_value(&value).is_ok(), !matches!(byte, 0 | 10 | 13), "value byte {byte:#x}");
            let edge = [byte, b'x'];
            assert_eq!(
                check_value(&edge).is_ok(),
                !matches!(byte, 0 | 10 | 13 | 9 | 32),
                "edge byte {byte:#x}"
            );
        }
    }

    #[test]
    fn rfc9113_8_3_malformed_pseudo_headers_are_refused() {
        assert!(request(&[]).is_ok());
        assert!(request(&[("a", "b"), (":path", "/")]).is_err());
        assert!(request(&[(":path", "/")]).is_err());
        assert!(request(&[(":status", "200")]).is_err());
        assert!(request(&[(":unknown", "x")]).is_err());
        assert!(request(&[(":protocol", "websocket")]).is_err());
        for missing in [":method", ":scheme", ":path"] {
            let fields: Fields = list(&GET).iter().filter(|field| field.name != missing.as_bytes()).collect();
            assert!(check(&fields, Section::Request, false).is_err(), "without {missing}");
        }
        assert!(check(&list(&[(":status", "200")]), Section::Trailers, false).is_err());
        assert!(check(&list(&[]), Section::Response, false).is_err());
        assert!(check(&list(&[(":status", "20x")]), Section::Response, false).is_err());
        assert_eq!(
            check(&list(&[(":status", "204")]), Section::Response, false).map(|head| head.status),
            Ok(204)
        );
    }

    #[test]
    fn rfc9113_8_2_2_connection_specific_fields_are_refused() {
        for name in ["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"] {
            assert!(request(&[(name, "x")]).is_err(), "{name}");
        }
        assert!(request(&[("te", "gzip")]).is_err());
        assert!(request(&[("te", "trailers")]).is_ok());
    }

    #[test]
    fn ambiguous_authorities_and_lengths_are_refused() {
        assert!(request(&[("host", "example.com")]).is_ok());
        assert!(request(&[("host", "other")]).is_err());
        assert!(request(&[("content-length", "1"), ("content-length", "2")]).is_err());
        assert!(request(&[("content-length", "+1")]).is_err());
        assert_eq!(request(&[("content-length", "7")]).map(|head| head.content_length), Ok(Some(7)));
    }

    #[test]
    fn rfc8441_4_extended_connect_is_a_request_with_a_protocol() {
        let fields = list(&[
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", "http"),
            (":path", "/chat"),
            (":authority", "example.com"),
        ]);
        assert!(check(&fields, Section::Request, true).is_ok());
        assert!(check(&fields, Section::Request, false).is_err());
        assert!(
            check(&list(&[(":method", "CONNECT"), (":authority", "a:1")]), Section::Request, false).is_ok()
        );
        assert!(check(&list(&[(":method", "CONNECT"), (":path", "/")]), Section::Request, false).is_err());
    }
}
