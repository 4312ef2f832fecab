//! Which pages may call: cross-origin resource sharing, closed unless it is opened.
//!
//! A browser says in `Origin` whose page asks. A page of this very server may; any other must be allowed, or it is refused
//! before a handler runs, and not only kept from reading the answer. A client that says no origin is no page.

use crate::base::Fields;
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

/// Bytes of the list of fields that a preflight may ask for. Abuse: an answer as long as the request.
const ASKED_BYTES_MAX: usize = 2048;
/// Bytes of an origin that a reason repeats.
const SHOWN_BYTES_MAX: usize = 200;
/// What each call of gRPC-Web needs.
const KEYS: &str = "content-type,x-grpc-web,x-user-agent,grpc-timeout";
/// What a page may read of each answer, besides the application's own metadata.
const EXPOSED: &str = "grpc-status,grpc-message,grpc-status-details-bin,grpc-encoding";

/// Which origins may call, besides the server's own.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Origins {
    /// No other.
    #[default]
    None,
    /// These, such as `https://app.example`, compared byte by byte.
    List(Vec<String>),
    /// All of them; never with credentials, whatever [`Cors::credentials`] says.
    Any,
}

/// Which metadata a page may send.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Keys {
    /// Any.
    #[default]
    Any,
    /// These, and what each call needs.
    List(Vec<String>),
}

/// The policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cors {
    /// Which origins may call.
    pub origins: Origins,
    /// Which metadata their pages may send.
    pub keys: Keys,
    /// Whether browsers may send cookies and the like along; only with [`Origins::List`].
    pub credentials: bool,
    /// How long a browser may go without asking again.
    pub max_age: Duration,
}

impl Default for Cors {
    fn default() -> Cors {
        Cors {
            origins: Origins::None,
            keys: Keys::Any,
            credentials: false,
            max_age: Duration::from_secs(2 * 60 * 60),
        }
    }
}

/// What the answer to an allowed page says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Allowed {
    /// `access-control-allow-origin`; `None` for a client that is no page, or a page of this server.
    pub origin: Option<String>,
    /// Whether credentials may come along.
    pub credentials: bool,
}

impl Cors {
    /// Whether a request may be served.
    ///
    /// # Errors
    /// Why not, for logs.
    pub fn admit(&self, origin: Option<&[u8]>, authority: &[u8]) -> Result<Allowed, Cow<'static, str>> {
        let none = Allowed { origin: None, credentials: false };
        let Some(origin) = origin else { return Ok(none) };
        if is_same(origin, authority) {
            return Ok(none);
        }
        match (&self.origins, core::str::from_utf8(origin)) {
            (Origins::Any, Ok(_)) => Ok(Allowed { origin: Some("*".into()), credentials: false }),
            (Origins::List(list), Ok(origin)) if list.iter().any(|allowed| allowed == origin) => {
                Ok(Allowed { origin: Some(origin.into()), credentials: self.credentials })
            }
            _ => Err(foreign(origin).into()),
        }
    }

    /// Writes the answer to a preflight: an OPTIONS request with which a browser asks whether a page may call.
    ///
    /// # Errors
    /// Why it may not, for logs.
    pub fn preflight(&self, request: &Fields, answer: &mut Fields) -> Result<(), Cow<'static, str>> {
        let authority = request.value(b":authority").or_else(|| request.value(b"host")).unwrap_or_default();
        let Some(origin) = request.value(b"origin") else {
            return Err("an OPTIONS request has no origin; only preflights are answered".into());
        };
        let allowed = self.admit(Some(origin), authority)?;
        if request.value(b"access-control-request-method") != Some(b"POST") {
            return Err("a preflight asks for another method than POST".into());
        }
        let asked = request.value(b"access-control-request-headers").unwrap_or_default();
        let keys = self.allowed_keys(asked)?;
        answer.add(b":status", b"204");
        let origin = allowed.origin.as_deref().map_or(origin, str::as_bytes);
        answer.add(b"access-control-allow-origin", origin);
        if allowed.credentials {
            answer.add(b"access-control-allow-credentials", b"true");
        }
        answer.add(b"access-control-allow-methods", b"POST");
        answer.add(b"access-control-allow-headers", keys.as_bytes());
        answer.add(b"access-control-max-age", format!("{}", self.max_age.as_secs()).as_bytes());
        answer.add(b"vary", b"origin");
        Ok(())
    }

    /// What each call needs, and what was asked for beyond that.
    fn allowed_keys(&self, asked: &[u8]) -> Result<String, Cow<'static, str>> {
        let mut keys = String::from(KEYS);
        if asked.len() > ASKED_BYTES_MAX {
            return Err(format!("a preflight asks for more than {ASKED_BYTES_MAX} bytes of fields").into());
        }
        let is_key = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        for key in asked.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|key| !key.is_empty()) {
            let key = key.to_ascii_lowercase();
            let Some(key) = core::str::from_utf8(&key).ok().filter(|key| key.bytes().all(is_key)) else {
                return Err("a preflight asks for a field whose name is malformed".into());
            };
            let is_allowed = match &self.keys {
                Keys::Any => true,
                Keys::List(list) => list.iter().any(|allowed| allowed.eq_ignore_ascii_case(key)),
            };
            if is_allowed && !KEYS.split(',').any(|known| known == key) {
                keys.push(',');
                keys.push_str(key);
            }
        }
        Ok(keys)
    }
}

impl Allowed {
    /// Adds to a response's head what lets the page read it; the application's metadata stands in it already.
    pub fn write(&self, head: &mut Fields) {
        if let Some(origin) = &self.origin {
            let mut exposed = String::from(EXPOSED);
            let is_ours =
                |name: &str| name.starts_with([':']) || name.starts_with("grpc-") || name == "content-type";
            for field in &*head {
                if let Ok(name) = core::str::from_utf8(field.name)
                    && !is_ours(name)
                    && !exposed.split(',').any(|known| known == name)
                {
                    exposed.push(',');
                    exposed.push_str(name);
                }
            }
            head.add(b"access-control-allow-origin", origin.as_bytes());
            if self.credentials {
                head.add(b"access-control-allow-credentials", b"true");
            }
            head.add(b"access-control-expose-headers", exposed.as_bytes());
        }
        head.add(b"vary", b"origin");
    }
}

/// Whether a page came from this server: a browser sends an origin with each POST, its own server's included.
fn is_same(origin: &[u8], authority: &[u8]) -> bool {
    let host = origin.strip_prefix(b"http://").or_else(|| origin.strip_prefix(b"https://"));
    host.is_some_and(|host| !host.is_empty() && host.eq_ignore_ascii_case(authority))
}

fn foreign(origin: &[u8]) -> String {
    let shown = &origin[..origin.len().min(SHOWN_BYTES_MAX)];
    format!("the origin \"{}\" is not allowed", shown.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Field;

    fn listed() -> Cors {
        let origins = Origins::List(["https://app.example".into()].into());
        Cors { origins, credentials: true, ..Cors::default() }
    }

    fn preflight(cors: &Cors, list: &[(&str, &str)]) -> Result<Fields, Cow<'static, str>> {
        let request: Fields =
            list.iter().map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes())).collect();
        let mut answer = Fields::new();
        cors.preflight(&request, &mut answer).map(|()| answer)
    }

    #[test]
    fn only_the_servers_own_pages_and_clients_that_are_no_pages_may_call_by_default() {
        let cors = Cors::default();
        for (origin, is_allowed) in [
            (None, true),
            (Some("http://h:1"), true),
            (Some("https://H:1"), true),
            (Some("http://h:2"), false),
            (Some("http://h"), false),
            (Some("null"), false),
            (Some(""), false),
            (Some("http://"), false),
            (Some("ftp://h:1"), false),
            (Some("http://h:1.evil.example"), false),
        ] {
            let answer = cors.admit(origin.map(str::as_bytes), b"h:1");
            assert_eq!(answer.is_ok(), is_allowed, "{origin:?}");
            assert!(answer.is_ok_and(|allowed| allowed.origin.is_none()) || !is_allowed);
        }
        assert!(cors.admit(Some(b"http://"), b"").is_err());
    }

    #[test]
    fn a_listed_origin_is_compared_byte_by_byte_and_any_goes_without_credentials() {
        let allowed = listed().admit(Some(b"https://app.example"), b"h").unwrap();
        assert_eq!(allowed, Allowed { origin: Some("https://app.example".into()), credentials: true });
        for other in ["https://app.example.evil", "http://app.example", "https://APP.example", "null"] {
            assert!(listed().admit(Some(other.as_bytes()), b"h").is_err(), "{other}");
        }
        let any = Cors { origins: Origins::Any, credentials: true, ..Cors::default() };
        let allowed = any.admit(Some(b"null"), b"h").unwrap();
        assert_eq!(allowed, Allowed { origin: Some("*".into()), credentials: false });
    }

    #[test]
    fn a_refusal_says_the_origin_with_control_bytes_escaped() {
        let why = Cors::default().admit(Some(b"http://e\n\x1b[31m\xe2\x80\xae"), b"h").unwrap_err();
        assert_eq!(why, r#"the origin "http://e\n\x1b[31m\xe2\x80\xae" is not allowed"#);
    }

    #[test]
    fn a_preflight_is_answered_with_what_may_be_sent() {
        let asks = [
            (":method", "OPTIONS"),
            (":authority", "h"),
            ("origin", "https://app.example"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "X-Grpc-Web, content-type,x-key"),
        ];
        let answer = preflight(&listed(), &asks).unwrap();
        let value =
            |name: &str| answer.value(name.as_bytes()).map(|value| core::str::from_utf8(value).unwrap());
        assert_eq!(value(":status"), Some("204"));
        assert_eq!(value("access-control-allow-origin"), Some("https://app.example"));
        assert_eq!(value("access-control-allow-credentials"), Some("true"));
        assert_eq!(value("access-control-allow-methods"), Some("POST"));
        let keys = "content-type,x-grpc-web,x-user-agent,grpc-timeout,x-key";
        assert_eq!(value("access-control-allow-headers"), Some(keys));
        assert_eq!((value("access-control-max-age"), value("vary")), (Some("7200"), Some("origin")));
        let closed = Cors { keys: Keys::List(Vec::new()), ..listed() };
        let answer = preflight(&closed, &asks).unwrap();
        let keys = answer.value(b"access-control-allow-headers").unwrap();
        assert!(!keys.ends_with(b"x-key"));
    }

    #[test]
    fn a_preflight_that_asks_for_something_else_is_refused() {
        let asks = |method: &str, keys: &str| {
            preflight(
                &listed(),
                &[
                    ("origin", "https://app.example"),
                    ("access-control-request-method", method),
                    ("access-control-request-headers", keys),
                ],
            )
        };
        assert!(asks("POST", "a").is_ok());
        assert!(asks("GET", "a").is_err());
        assert!(asks("POST", "a b").is_err());
        assert!(asks("POST", &"a,".repeat(2000)).is_err());
        assert!(preflight(&listed(), &[]).is_err());
    }

    #[test]
    fn an_answer_exposes_the_status_and_the_applications_metadata() {
        let allowed = Allowed { origin: Some("*".into()), credentials: false };
        let mut head: Fields = [":status", "content-type", "k", "k", "other"]
            .map(|name| Field::new(name.as_bytes(), b"v"))
            .into_iter()
            .collect();
        allowed.write(&mut head);
        let exposed = head.value(b"access-control-expose-headers").unwrap();
        let expected = "grpc-status,grpc-message,grpc-status-details-bin,grpc-encoding,k,other";
        assert_eq!(exposed, expected.as_bytes());
        assert_eq!(head.value(b"vary"), Some(&b"origin"[..]));
    }
}
