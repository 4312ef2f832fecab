//! Code that is generated from names and comments that have broken generators compiles where nothing may warn.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub)]

/// What is generated from `torture/torture.proto`.
#[path = "torture/generated/mod.rs"]
pub mod generated;

use generated::zrpc::torture::elsewhere::{Thing, thing};
use generated::zrpc::torture::r#type as torture;
use prost::Message;
use prost_types::FileDescriptorSet;
use zrpc::Idempotency;

#[test]
fn options_of_methods_are_carried_over() {
    let idempotency = |method: &str| {
        let found = torture::TORTURE.methods.iter().find(|found| found.path.ends_with(method));
        found.expect("the method is there").idempotency
    };
    assert_eq!(idempotency("/Async"), Idempotency::Idempotent);
    assert_eq!(idempotency("/Old"), Idempotency::NoSideEffects);
    assert_eq!(idempotency("/New"), Idempotency::Unknown);
    assert_eq!(torture::NOTHING.methods, []);
    assert_eq!(torture::FILE_DESCRIPTOR_SET_.name, "zrpc.torture.type.FileDescriptorSet");
}

#[test]
fn options_of_our_own_stay_in_the_descriptor_set() {
    let set = FileDescriptorSet::decode(torture::FILE_DESCRIPTOR_SET).expect("it is a descriptor set");
    assert!(set.file.iter().any(|file| file.name() == "elsewhere.proto"));
    // `option (scope) = "all"`: field 50001, of bytes, three of them.
    let option = [&[0x8a, 0xb5, 0x18, 3][..], b"all"].concat();
    assert!(torture::FILE_DESCRIPTOR_SET.windows(option.len()).any(|window| window == option));
}

#[test]
fn messages_of_both_syntaxes_and_all_names_come_back_as_they_were() {
    let thing = Thing { name: "n".to_owned(), ..Thing::default() };
    assert_eq!((thing.count(), thing.raw()), (7, b"\x01a\"b".as_slice()));
    assert_eq!(thing::Inner::default().kind(), thing::Kind::Second);
    assert_eq!(Thing::decode(thing.encode_to_vec().as_slice()), Ok(thing));

    let message = torture::Type {
        r#type: "t".to_owned(),
        r#dyn: Some(false),
        r#in: [("key".to_owned(), torture::Type::default())].into(),
        r#match: Some(torture::r#type::Match::Impl(torture::outer::Inner::default())),
        ..torture::Type::default()
    };
    assert_eq!(torture::Type::decode(message.encode_to_vec().as_slice()), Ok(message));
    assert_eq!(torture::outer::Kind::from_str_name("KIND_SELF"), Some(torture::outer::Kind::Self_));
}
