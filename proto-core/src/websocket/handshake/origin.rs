//! Whose pages may connect, RFC 6455 §10.2. A browser sends cookies along with any page's handshake and says in Origin
//! whose page it is; a server that does not look lets every site act as its users (CWE-1385).

use alloc::string::String;
use alloc::vec::Vec;

/// Which origins a server lets in. A client that sends no Origin is no browser's page and always passes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origins {
    /// Pages that the same host and port served, and no others: the default.
    Same,
    /// Those and the ones listed, such as `https://app.example.com`; `null` is never among them.
    SameAnd(Vec<String>),
    /// Anybody's. Only for services to which a cookie says nothing.
    Any,
}

impl Origins {
    /// Whether a page of this origin may connect to `authority`, the host and port that the request names.
    #[must_use]
    pub fn allows(&self, origin: &[u8], authority: &[u8]) -> bool {
        let listed: &[String] = match self {
            Origins::Any => return true,
            Origins::Same => &[],
            Origins::SameAnd(listed) => listed,
        };
        let Some((scheme, of_page)) = split(origin) else { return false };
        let is_listed = |allowed: &String| {
            split(allowed.as_bytes()).is_some_and(|(same, authority)| {
                same.eq_ignore_ascii_case(scheme) && is_same(authority, of_page, scheme)
            })
        };
        is_same(of_page, authority, scheme) || listed.iter().any(is_listed)
    }
}

/// Scheme and authority of an origin; `null` and whatever else has none is nobody's.
fn split(origin: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = origin.iter().position(|byte| *byte == b':')?;
    let (scheme, rest) = origin.split_at(colon);
    let authority = rest.strip_prefix(b"://")?;
    let is_clean = !authority.is_empty() && !authority.iter().any(|byte| b"/?#@, ".contains(byte));
    (is_clean && !scheme.is_empty()).then_some((scheme, authority))
}

/// Whether two authorities are the same once a scheme's own port is left away.
fn is_same(one: &[u8], other: &[u8], scheme: &[u8]) -> bool {
    let port: &[u8] = if scheme.eq_ignore_ascii_case(b"https") { b":443" } else { b":80" };
    let bare = |authority| <[u8]>::strip_suffix(authority, port).unwrap_or(authority);
    bare(one).eq_ignore_ascii_case(bare(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc6455_10_2_pages_of_the_same_host_and_port_pass_and_all_others_are_refused() {
        let same = |origin: &str, host: &str| Origins::Same.allows(origin.as_bytes(), host.as_bytes());
        assert!(same("http://localhost:8080", "localhost:8080"));
        assert!(same("http://example.com", "EXAMPLE.com:80"));
        assert!(same("https://example.com:443", "example.com"));
        assert!(same("http://[::1]:9", "[::1]:9"));
        for (origin, host) in [
            ("http://localhost:8081", "localhost:8080"),
            ("http://evil.example", "example"),
            ("http://example.com.evil.net", "example.com"),
            ("http://example.com@evil.net", "evil.net"),
            ("https://example.com:80", "example.com"),
            ("null", "null"),
            ("", ""),
            ("http://", ""),
            ("example.com", "example.com"),
            ("http://a, http://example.com", "example.com"),
        ] {
            assert!(!same(origin, host), "{origin} at {host}");
        }
    }

    #[test]
    fn listed_origins_pass_with_their_scheme_and_null_never_does() {
        let origins = Origins::SameAnd(["https://app.example.com".into(), "null".into()].into());
        assert!(origins.allows(b"https://app.example.com", b"api.example.com"));
        assert!(origins.allows(b"https://APP.example.com:443", b"api.example.com"));
        assert!(origins.allows(b"https://api.example.com", b"api.example.com"));
        assert!(!origins.allows(b"http://app.example.com", b"api.example.com"));
        assert!(!origins.allows(b"null", b"api.example.com"));
        assert!(Origins::Any.allows(b"null", b"api.example.com"));
    }
}
