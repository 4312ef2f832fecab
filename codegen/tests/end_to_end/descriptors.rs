//! What generated code says about its service, for routing and for reflection.

use crate::chat::{CHAT, FILE_DESCRIPTOR_SET};
use prost::Message;
use prost_types::FileDescriptorSet;
use zrpc::{Idempotency, Kind};

#[test]
fn the_descriptor_names_every_method_with_its_kind_and_idempotency() {
    let methods: Vec<_> =
        CHAT.methods.iter().map(|method| (method.path, method.kind, method.idempotency)).collect();
    let path = |method: &str| format!("/zrpc.examples.chat.v1.Chat/{method}");
    assert_eq!(CHAT.name, "zrpc.examples.chat.v1.Chat");
    assert_eq!(
        methods,
        [
            (path("Say").as_str(), Kind::Unary, Idempotency::Unknown),
            (path("Listen").as_str(), Kind::ServerStreaming, Idempotency::NoSideEffects),
            (path("Import").as_str(), Kind::ClientStreaming, Idempotency::Unknown),
            (path("Talk").as_str(), Kind::Bidirectional, Idempotency::Unknown),
        ]
    );
}

#[test]
fn the_descriptor_set_holds_the_file_after_all_that_it_imports() {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("it is a descriptor set");
    let names: Vec<&str> = set.file.iter().map(|file| file.name()).collect();
    assert_eq!(names, ["google/protobuf/timestamp.proto", "chat.proto"]);
    assert!(set.file.iter().all(|file| file.source_code_info.is_none()));
    assert_eq!(set.file[1].service[0].method.len(), 4);
    assert_eq!(CHAT.file_descriptor_set, FILE_DESCRIPTOR_SET);
}
