//! Heads on their way out, and the whole answer to what is refused (RFC 9112 §3, §4).

use crate::base::{Field, Fields, Misuse};
use crate::http1::head::is_token;
use crate::http1::violation::Violation;
use alloc::format;
use alloc::vec::Vec;

/// Writes a request's head. Fields whose name begins with `:` are left out.
pub fn request_head(to: &mut Vec<u8>, method: &[u8], target: &[u8], fields: &Fields) {
    to.extend_from_slice(method);
    to.push(b' ');
    to.extend_from_slice(target);
    to.extend_from_slice(b" HTTP/1.1\r\n");
    field_lines(to, fields);
}

/// Writes a response's head. Fields whose name begins with `:` are left out.
pub fn response_head(to: &mut Vec<u8>, status: u16, fields: &Fields) {
    to.extend_from_slice(format!("HTTP/1.1 {status} {}\r\n", reason(status)).as_bytes());
    field_lines(to, fields);
}

/// The whole answer to a request that is refused: it closes the connection, and its body says in a line what was wrong and
/// what is expected here.
#[must_use]
pub fn refusal(why: Violation, expected: &str) -> Vec<u8> {
    let body = format!("{why}; {expected}\n");
    let length = format!("{}", body.len());
    let fields: Fields = [
        Field::new(b"content-type", b"text/plain; charset=utf-8"),
        Field::new(b"content-length", length.as_bytes()),
        Field::new(b"connection", b"close"),
    ]
    .into_iter()
    .collect();
    let mut answer = Vec::new();
    response_head(&mut answer, why.status(), &fields);
    answer.extend_from_slice(body.as_bytes());
    answer
}

/// Refuses fields that would break out of their line, or say something else than they mean.
///
/// # Errors
/// `InvalidField`, with what is wrong.
pub fn check_fields(fields: &Fields) -> Result<(), Misuse> {
    for field in fields.iter().filter(|field| !field.name.starts_with(b":")) {
        if !is_token(field.name) || field.name.iter().any(u8::is_ascii_uppercase) {
            return Err(Misuse::InvalidField("a name is a token in lower case"));
        }
        if field.value.iter().any(|byte| matches!(byte, 0..=8 | 10..=31 | 127)) {
            return Err(Misuse::InvalidField("a value has no control bytes"));
        }
    }
    Ok(())
}

/// Writes field lines and the empty line behind them.
pub(super) fn field_lines(to: &mut Vec<u8>, fields: &Fields) {
    for field in fields.iter().filter(|field| !field.name.starts_with(b":")) {
        to.extend_from_slice(field.name);
        to.extend_from_slice(b": ");
        to.extend_from_slice(field.value);
        to.extend_from_slice(b"\r\n");
    }
    to.extend_from_slice(b"\r\n");
}

/// What a status is called (RFC 9110 §15), for those that are sent here.
fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        200 => "OK",
        204 => "No Content",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        426 => "Upgrade Required",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}
