//! A status as header fields: `grpc-status`, `grpc-message`, `grpc-status-details-bin`, and the application's own.
//!
//! Reading never fails: what is malformed costs itself and never the status.

use crate::base::Fields;
use crate::rpc::metadata::{decode_bin, encode_bin};
use crate::rpc::{Code, Metadata, Origin, Status, percent};

/// Appends a status and trailers.
pub(super) fn write(fields: &mut Fields, status: &Status, trailers: &Metadata) {
    let number = status.code() as u8;
    let digits = [b'0' + number / 10, b'0' + number % 10];
    fields.add(b"grpc-status", if number < 10 { &digits[1..] } else { &digits });
    if !status.message().is_empty() {
        fields.add(b"grpc-message", &percent::encode(status.message()));
    }
    // Details go with errors only.
    if !status.details().is_empty() && !status.is_ok() {
        fields.add(b"grpc-status-details-bin", encode_bin(status.details()).as_bytes());
    }
    for field in status.metadata().fields().iter().chain(trailers.fields()) {
        fields.push(field);
    }
}

/// Reads the status out of trailers; `None` when there is no `grpc-status`.
pub(super) fn read(fields: &Fields) -> Option<(Status, Metadata)> {
    let mut code = None;
    let mut message = None;
    let mut details = None;
    let mut metadata = Metadata::new();
    for field in fields {
        match field.name {
            b"grpc-status" => code = code.or(Some(parse_code(field.value))),
            b"grpc-message" => message = Some(percent::decode(field.value)),
            b"grpc-status-details-bin" => details = decode_bin(field.value),
            _ => {
                metadata.take_from_wire(field);
            }
        }
    }
    let code = code?;
    if code == Code::Ok {
        return Some((Status::OK, metadata));
    }
    let mut status = Status::new(code, message.unwrap_or_default()).with_origin(Origin::Peer);
    // The details' own code must agree; on disagreement or garbage the fields' status stands alone.
    if let Some(details) = details.filter(|details| details_code(details) == Some(code)) {
        status = status.with_details(details);
    }
    if !metadata.is_empty() {
        status = status.with_metadata(metadata.clone());
    }
    Some((status, metadata))
}

/// A decimal number without leading zeros; anything else is UNKNOWN, and above all not OK.
fn parse_code(text: &[u8]) -> Code {
    let has_leading_zero = text.len() > 1 && text.starts_with(b"0");
    if text.is_empty() || text.len() > 3 || has_leading_zero || !text.iter().all(u8::is_ascii_digit) {
        return Code::Unknown;
    }
    Code::from_u32(text.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
}

/// The `code` of a serialised `google.rpc.Status`, its field 1; `None` when the bytes are no protobuf message.
pub(crate) fn details_code(details: &[u8]) -> Option<Code> {
    let mut code = 0;
    let mut rest = details;
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        match tag & 7 {
            0 => {
                let value = varint(&mut rest)?;
                if tag >> 3 == 1 {
                    code = value;
                }
            }
            1 => rest = rest.get(8..)?,
            2 => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                rest = rest.get(length..)?;
            }
            5 => rest = rest.get(4..)?,
            _ => return None,
        }
    }
    Some(Code::from_u32(u32::try_from(code).unwrap_or(u32::MAX)))
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Field;

    fn round_trip(status: &Status, trailers: &Metadata) -> (Status, Metadata) {
        let mut fields = Fields::new();
        write(&mut fields, status, trailers);
        read(&fields).unwrap()
    }

    fn fields(list: &[(&str, &str)]) -> Fields {
        list.iter().map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes())).collect()
    }

    #[test]
    fn every_code_survives_with_its_message_details_and_metadata() {
        let mut trailers = Metadata::new();
        trailers.append("k", "v").unwrap();
        for code in Code::ALL.iter().copied().filter(|code| *code != Code::Ok) {
            let details = [&[8, code as u8][..], &[0x12, 3], b"abc"].concat();
            let status = Status::new(code, "100% ☺").with_details(details.clone());
            let (back, metadata) = round_trip(&status, &trailers);
            assert_eq!((back.code(), back.message(), back.details()), (code, "100% ☺", &details[..]));
            assert_eq!((metadata.get("k"), back.metadata().get("k")), (Some("v"), Some("v")));
        }
        let (ok, metadata) = round_trip(&Status::OK, &trailers);
        assert!(ok.is_ok() && metadata == trailers);
    }

    #[test]
    fn malformed_parts_never_cost_the_status() {
        let (status, _) = read(&fields(&[("grpc-status", "banana"), ("grpc-message", "m%")])).unwrap();
        assert_eq!((status.code(), status.message()), (Code::Unknown, "m%"));
        for details in ["!!!", "AAAA", "CAU"] {
            let list = fields(&[("grpc-status", "3"), ("grpc-status-details-bin", details)]);
            let (status, _) = read(&list).unwrap();
            assert_eq!((status.code(), status.details()), (Code::InvalidArgument, &[][..]), "{details}");
        }
        let (status, _) = read(&fields(&[("grpc-status", "3"), ("grpc-status-details-bin", "CAM")])).unwrap();
        assert_eq!(status.details(), [8, 3]);
        assert_eq!(read(&fields(&[("x", "y")])), None);
    }

    #[test]
    fn only_a_decimal_number_in_range_without_leading_zeros_is_a_code() {
        let read_code = |text| read(&fields(&[("grpc-status", text)])).unwrap().0.code();
        assert_eq!(
            (read_code("0"), read_code("5"), read_code("16")),
            (Code::Ok, Code::NotFound, Code::Unauthenticated)
        );
        for text in ["", "00", "05", "+5", "-1", "5 ", "0x5", "17", "4242", "4294967296", "OK"] {
            assert_eq!(read_code(text), Code::Unknown, "{text:?}");
        }
    }
}
