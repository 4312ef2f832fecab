//! Header lists of the core as heads and trailers of the `http` crate, and back.
//!
//! Order across names is lost where a list passes through a [`HeaderMap`]; the order of one name's values is kept, and
//! so is the mark of a secret.

use super::Body;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use zrpc_core::base::{Field, Fields};
use zrpc_core::rpc::Status;
use zrpc_core::rpc::local_status::not_served;

/// The head of a request as it would stand on HTTP/2.
pub(super) fn of_request<B>(request: &Request<B>) -> Fields {
    let mut fields = Fields::new();
    fields.add(b":method", request.method().as_str().as_bytes());
    let path = request.uri().path_and_query().map_or("", PathAndQuery::as_str);
    fields.add(b":path", path.as_bytes());
    if let Some(authority) = request.uri().authority() {
        fields.add(b":authority", authority.as_str().as_bytes());
    }
    push_all(&mut fields, request.headers());
    fields
}

/// The head of a response as it would stand on HTTP/2.
pub(super) fn of_response(head: &http::response::Parts) -> Fields {
    let mut fields = Fields::new();
    fields.add(b":status", head.status.as_str().as_bytes());
    push_all(&mut fields, &head.headers);
    fields
}

/// Trailers.
pub(super) fn of_trailers(trailers: &HeaderMap) -> Fields {
    let mut fields = Fields::new();
    push_all(&mut fields, trailers);
    fields
}

fn push_all(fields: &mut Fields, headers: &HeaderMap) {
    for (name, value) in headers {
        let (name, value, secret) = (name.as_str().as_bytes(), value.as_bytes(), value.is_sensitive());
        fields.push(Field { name, value, secret });
    }
}

/// Fields without those of HTTP/2 itself.
pub(super) fn to_headers(fields: &Fields) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(fields.len());
    for field in fields {
        // `:status` and its like are no names to the `http` crate.
        let name = HeaderName::from_bytes(field.name);
        let (Ok(name), Ok(mut value)) = (name, HeaderValue::from_bytes(field.value)) else { continue };
        value.set_sensitive(field.secret);
        headers.append(name, value);
    }
    headers
}

/// A request with this head.
///
/// # Errors
/// UNIMPLEMENTED when the path is none to the `http` crate, and so none that its service could know.
pub(super) fn to_request(fields: &Fields, body: Body) -> Result<Request<Body>, Status> {
    let text = |name: &[u8]| fields.value(name).and_then(|value| std::str::from_utf8(value).ok());
    let path = text(b":path").unwrap_or_default();
    let of_path = || Uri::builder().path_and_query(path).build();
    let of_authority = |authority| {
        Uri::builder().scheme("http").authority(authority).path_and_query(path).build().or_else(|_| of_path())
    };
    let authority = text(b":authority").filter(|authority| !authority.is_empty());
    let uri = authority.map_or_else(of_path, of_authority).map_err(|_| not_served(path, |_| false))?;
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() = uri;
    *request.headers_mut() = to_headers(fields);
    Ok(request)
}

/// A response with this head.
pub(super) fn to_response(fields: &Fields, body: Body) -> Response<Body> {
    let status = fields.value(b":status").and_then(|value| StatusCode::from_bytes(value).ok());
    let mut response = Response::new(body);
    *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.version_mut() = Version::HTTP_2;
    *response.headers_mut() = to_headers(fields);
    response
}

/// Whether a response's head says the status, so that nothing follows it.
pub(super) fn is_trailers_only(headers: &HeaderMap) -> bool {
    headers.contains_key("grpc-status")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_pass_both_ways_with_duplicates_and_secrets() {
        let mut fields: Fields = [
            Field::new(b":path", b"/p.S/M"),
            Field::new(b":authority", b"a:1"),
            Field::new(b"k", b"1"),
            Field::secret(b"authorization", b"token"),
            Field::new(b"k", b"2"),
        ]
        .into_iter()
        .collect();
        let request = to_request(&fields, Body::empty()).unwrap();
        assert_eq!(request.uri(), "http://a:1/p.S/M");
        assert_eq!(request.headers().get_all("k").iter().count(), 2);
        let back = of_request(&request);
        assert_eq!(back.value(b":path"), Some(&b"/p.S/M"[..]));
        assert!(back.iter().any(|field| field == Field::secret(b"authorization", b"token")));
        fields.clear();
        fields.add(b":path", b"no path");
        assert!(to_request(&fields, Body::empty()).is_err());
    }

    #[test]
    fn an_authority_that_is_none_leaves_the_path() {
        let fields: Fields =
            [Field::new(b":path", b"/p.S/M"), Field::new(b":authority", b"\x7f")].into_iter().collect();
        assert_eq!(to_request(&fields, Body::empty()).unwrap().uri(), "/p.S/M");
    }
}
