//! The two forms of messages: what JSON becomes which bytes, what is refused and how that reads, and what hostile text
//! and hostile bytes cannot do.

use std::sync::OnceLock;
use zrpc_core::rpc::{Idempotency, Kind, Method, Part, ServiceDescriptor, Transcode, TranscodeError};
use zrpc_json::Schema;

const SWAP: u32 = 0;
const WATCH: u32 = 1;
const SWAP_PATH: &str = "/everything.Everything/Swap";
const WATCH_PATH: &str = "/everything.Everything/Watch";

const METHODS: [Method; 2] = [
    Method { path: SWAP_PATH, kind: Kind::Unary, idempotency: Idempotency::Unknown },
    Method { path: WATCH_PATH, kind: Kind::ServerStreaming, idempotency: Idempotency::Unknown },
];

fn descriptors() -> &'static [u8] {
    static SET: OnceLock<Vec<u8>> = OnceLock::new();
    SET.get_or_init(|| {
        let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
        let mut compiler = protox::Compiler::new([tests]).unwrap();
        compiler.include_imports(true).open_file("everything.proto").unwrap();
        compiler.encode_file_descriptor_set()
    })
}

fn service() -> ServiceDescriptor {
    ServiceDescriptor { name: "everything.Everything", methods: &METHODS, file_descriptor_set: descriptors() }
}

fn schema() -> Schema {
    Schema::of([&service()]).unwrap()
}

/// The text that comes back when a text becomes bytes and the bytes become text.
fn there_and_back(json: &str) -> String {
    let schema = schema();
    let bytes = schema.to_bytes(SWAP, Part::Request, json).unwrap();
    let mut text = Vec::new();
    schema.to_json(SWAP, Part::Response, &bytes, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn refused(json: &str) -> String {
    match schema().to_bytes(SWAP, Part::Request, json) {
        Err(TranscodeError(text)) => text,
        other => panic!("{json} became {other:?}"),
    }
}

#[test]
fn each_kind_of_field_has_the_form_that_protobuf_gives_it() {
    let same = [
        r#"{}"#,
        r#"{"small":-7,"large":"-9223372036854775808","larger":"18446744073709551615"}"#,
        r#"{"ratio":"NaN","isSet":true,"text":"a\"b\n","raw":"AAEC/w=="}"#,
        r#"{"ratio":"-Infinity","colour":"COLOUR_RED","inner":{"small":1},"list":[{},{"text":"x"}]}"#,
        r#"{"counts":{"a":"1"},"things":{"-3":{"small":3}},"packed":[1,2,3],"number":"9"}"#,
        r#"{"any":{"@type":"type.googleapis.com/everything.Thing","small":5}}"#,
        r#"{"any":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1.500s"}}"#,
        r#"{"at":"2026-11-28T10:00:00Z","took":"3.000000001s","mask":"a,b.cD"}"#,
        r#"{"free":{"k":[1.5,null,true,{"z":"y"}]},"value":null,"wrapped":"0","maybe":"","other":"o"}"#,
        r#"{"single":0.1,"colour":7}"#,
    ];
    for json in same {
        // The same value; only the last digits and the order of a free map may be written in another way.
        let back: serde_json::Value = serde_json::from_str(&there_and_back(json)).unwrap();
        let sent: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(back, sent, "{json}");
    }
}

#[test]
fn what_people_write_is_taken_in_all_forms_that_protobuf_allows() {
    let equal = [
        (
            r#"{"large":5,"larger":"6","small":"7","ratio":"1.5"}"#,
            r#"{"small":7,"large":"5","larger":"6","ratio":1.5}"#,
        ),
        (r#"{"is_set":true,"renamed":"r"}"#, r#"{"isSet":true,"other":"r"}"#),
        (r#"{"raw":"_-8"}"#, r#"{"raw":"/+8="}"#),
        (r#"{"colour":1}"#, r#"{"colour":"COLOUR_RED"}"#),
        (r#"{"text":null,"list":null,"inner":null}"#, r#"{}"#),
        (r#"{"small":1e2}"#, r#"{"small":100}"#),
        (r#"{"at":"2026-11-28T11:00:00+01:00"}"#, r#"{"at":"2026-11-28T10:00:00Z"}"#),
        (r#"{"small":1,"small":2}"#, r#"{"small":2}"#),
    ];
    for (written, expected) in equal {
        assert_eq!(there_and_back(written), expected, "{written}");
    }
}

#[test]
fn a_refusal_names_the_method_the_field_and_what_was_expected() {
    let cases = [
        (r#"{"txet":"hi"}"#, ["`.txet`", "unrecognized field", "everything.Thing has small, large"]),
        (
            r#"{"inner":{"list":[{},{"text":7}]}}"#,
            ["`.inner.list[1].text`", "integer `7`", "expected a string"],
        ),
        (r#"{"small":2147483648}"#, ["`.small`", "out of range", ""]),
        (r#"{"larger":-1}"#, ["`.larger`", "out of range", ""]),
        (r#"{"raw":"*"}"#, ["`.raw`", "base64", ""]),
        (r#"{"colour":"BLUE"}"#, ["`.colour`", "enum value 'BLUE'", ""]),
        (r#"{"at":"yesterday"}"#, ["`.at`", "", ""]),
        (r#"{"name":"a","number":1}"#, ["`.number`", "oneof 'choice'", ""]),
        (r#"{"any":{"@type":"x/no.Such"}}"#, ["`.any", "'no.Such' not found", ""]),
        (r#"[]"#, ["it:", "expected a map", ""]),
        (r#"{"text":"a"} x"#, ["trailing characters", "", ""]),
        (r#"{"text":"a""#, ["EOF", "", ""]),
        ("", ["EOF", "", ""]),
    ];
    for (json, parts) in cases {
        let text = refused(json);
        assert!(text.starts_with("the request of /everything.Everything/Swap cannot be read: "), "{text}");
        for part in parts {
            assert!(text.contains(part), "{json}: {text} lacks {part}");
        }
    }
}

#[test]
fn unknown_fields_are_refused_in_requests_and_ignored_in_responses() {
    let json = r#"{"small":1,"newer":{"a":[1]},"colour":"COLOUR_NEWER"}"#;
    assert!(refused(json).contains("newer"));
    let known = schema().to_bytes(SWAP, Part::Request, r#"{"small":1}"#).unwrap();
    assert_eq!(schema().to_bytes(SWAP, Part::Response, json).unwrap(), known);
    let lenient = schema().ignoring_unknown_fields();
    assert_eq!(lenient.to_bytes(SWAP, Part::Request, json).unwrap(), known);
}

#[test]
fn a_type_that_is_no_object_is_a_whole_message_too() {
    let schema = schema();
    assert!(schema.to_bytes(WATCH, Part::Request, "{}").unwrap().is_empty());
    let bytes = schema.to_bytes(WATCH, Part::Response, "\"1970-01-01T00:00:01Z\"").unwrap();
    assert_eq!(bytes[..], [8, 1]);
}

#[test]
fn methods_and_services_that_nothing_describes_are_told_apart_from_bad_messages() {
    assert_eq!((schema().find(SWAP_PATH), schema().find(WATCH_PATH)), (Some(SWAP), Some(WATCH)));
    assert_eq!(schema().find("/everything.Everything/Nothing"), None);
    assert!(schema().to_bytes(7, Part::Request, "{}").is_err());
    let bare = ServiceDescriptor { file_descriptor_set: &[], ..service() };
    let error = Schema::of([&bare]).unwrap_err().to_string();
    assert!(error.contains("everything.Everything") && error.contains("do not describe it"), "{error}");
    let broken = ServiceDescriptor { file_descriptor_set: &[0x0a, 0xff], ..service() };
    assert!(Schema::of([&broken]).is_err());
}

#[test]
fn two_services_may_bring_the_same_file() {
    assert!(Schema::of([&service(), &service()]).is_ok());
}

#[test]
fn nesting_is_bounded_in_both_forms() {
    let nested = |depth: usize| format!("{}{}", r#"{"inner":"#.repeat(depth) + "{}", "}".repeat(depth));
    assert!(schema().to_bytes(SWAP, Part::Request, &nested(60)).is_ok());
    assert!(refused(&nested(10_000)).contains("recursion"));
    let free = format!(r#"{{"free":{{"a":{}1{}}}}}"#, "[".repeat(120), "]".repeat(120));
    assert!(refused(&free).contains("recursion"));

    // `Any` in `Any` in `Any`: each is only bytes for the one around it.
    let any = "type.googleapis.com/google.protobuf.Any";
    let mut bytes = Vec::new();
    for _ in 0..5_000 {
        let mut outer = vec![0x0a, any.len() as u8];
        outer.extend_from_slice(any.as_bytes());
        if !bytes.is_empty() {
            field(2, &bytes, &mut outer);
        }
        bytes = outer;
    }
    let mut message = Vec::new();
    field(16, &bytes, &mut message);
    let error = schema().to_json(SWAP, Part::Response, &message, &mut Vec::new());
    assert!(matches!(&error, Err(TranscodeError(text)) if text.contains("100 deep")), "{error:?}");
}

#[test]
fn a_text_of_many_small_values_is_refused_before_it_takes_memory() {
    let many = format!(r#"{{"list":[{}{{}}]}}"#, "{},".repeat(1_000_000));
    let text = refused(&many);
    assert!(text.contains("values, and 1000000 are taken"), "{text}");
    let commas = format!(r#"{{"text":"{}"}}"#, ",".repeat(2_000_000));
    assert!(schema().to_bytes(SWAP, Part::Request, &commas).is_ok());
}

#[test]
fn bytes_that_are_no_message_have_no_json() {
    for bytes in [&[0x0a][..], &[0xff; 20], &[0x32, 0x01, 0xff]] {
        let error = schema().to_json(SWAP, Part::Response, bytes, &mut Vec::new());
        let Err(TranscodeError(text)) = error else { panic!("{bytes:?}") };
        assert!(
            text.starts_with("the response of /everything.Everything/Swap has no form in JSON"),
            "{text}"
        );
    }
}

/// Appends a field of bytes.
fn field(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    for mut value in [u64::from(number << 3 | 2), bytes.len() as u64] {
        while value > 127 {
            out.push(value as u8 | 128);
            value >>= 7;
        }
        out.push(value as u8);
    }
    out.extend_from_slice(bytes);
}
