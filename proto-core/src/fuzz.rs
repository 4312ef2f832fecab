//! Every fuzz target by its name, with its body: so that ordinary tests feed each of them with the seeds in `fuzz/seeds`.
//!
//! Targets that hold a codec of ours against those of others need these, which only the package `fuzz` depends on; here
//! their seeds go through our half.

use crate::{codec, hpack, http1, http2, native, recorder, rpc, stack, websocket};

/// A body, which panics when it finds something.
pub type Body = fn(&[u8]);

/// Targets and their bodies, in the order of their names.
pub const TARGETS: &[(&str, Body)] = &[
    ("any_server_bytes", stack::trial::arbitrary::any_server),
    ("console_client", stack::trial::console::fuzz::client),
    ("console_server", stack::trial::console::fuzz::server),
    ("cors", rpc::fuzz::cors),
    ("endpoint", rpc::fuzz::endpoint),
    ("grpc_client_bytes", stack::trial::arbitrary::client),
    ("grpc_compressed", rpc::fuzz::compressed),
    ("grpc_differential", rpc::fuzz::messages),
    ("grpc_messages", rpc::fuzz::messages),
    ("grpc_pair", stack::trial::pair::pair),
    ("grpc_server", stack::trial::fuzz::server),
    ("grpc_server_bytes", stack::trial::arbitrary::server),
    ("grpc_text", rpc::fuzz::text),
    ("grpc_web_client_bytes", stack::trial::arbitrary::web_client),
    ("grpc_web_pair", stack::trial::pair::web_pair),
    ("grpc_web_server_bytes", stack::trial::arbitrary::web_server),
    ("grpc_web_text", rpc::fuzz::web_text),
    ("hpack_decode", hpack::fuzz::decode),
    ("hpack_differential", hpack::fuzz::decode),
    ("hpack_round_trip", hpack::fuzz::round_trip),
    ("http1_client", http1::trial::fuzz::client),
    ("http1_server", http1::trial::fuzz::server),
    ("http2_client", http2::trial::fuzz::client),
    ("http2_pair", http2::trial::pair::pair),
    ("http2_server", http2::trial::fuzz::server),
    ("huffman", codec::fuzz::huffman),
    ("json_text", codec::fuzz::json),
    ("native_client", native::trial::fuzz::client),
    ("native_client_bytes", native::trial::arbitrary::client),
    ("native_number", native::trial::fuzz::number),
    ("native_pair", native::trial::pair::pair),
    ("native_server", native::trial::fuzz::server),
    ("native_server_bytes", native::trial::arbitrary::server),
    ("prefix_int", codec::fuzz::prefix_int),
    ("recorder_read", recorder::fuzz::read),
    ("websocket_http2_client", stack::trial::arbitrary::websocket_http2_client),
    ("websocket_pair", stack::trial::websocket_pair::websocket_pair),
    ("ws_client", websocket::trial::fuzz::client),
    #[cfg(feature = "deflate")]
    ("ws_deflate", websocket::trial::fuzz::compressed),
    ("ws_differential", websocket::trial::fuzz::frame),
    ("ws_frame", websocket::trial::fuzz::frame),
    ("ws_handshake", websocket::trial::fuzz::handshake),
    ("ws_server", websocket::trial::fuzz::server),
];

#[cfg(test)]
#[allow(
    clippy::disallowed_methods,
    reason = "tests of the seeds read them, which the core itself never does"
)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use alloc::string::String;
    use alloc::vec::Vec;
    use std::fs;
    use std::path::{Path, PathBuf};

    fn entries(folder: &str) -> Vec<PathBuf> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(folder);
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    }

    fn names(folder: &str) -> BTreeSet<String> {
        entries(folder).iter().map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn every_target_is_listed_and_has_seeds_and_a_dictionary() {
        let mut listed: BTreeSet<String> = TARGETS.iter().map(|(name, _)| String::from(*name)).collect();
        if !cfg!(feature = "deflate") {
            listed.insert("ws_deflate".into());
        }
        assert_eq!(names("targets"), listed, "targets and their list");
        assert_eq!(names("seeds"), listed, "targets and their seeds");
        assert_eq!(names("dictionaries"), listed, "targets and their dictionaries");
    }

    #[test]
    fn every_seed_passes_its_target() {
        for (name, body) in TARGETS {
            let seeds = entries(&alloc::format!("seeds/{name}"));
            assert!(!seeds.is_empty(), "{name} has no seeds");
            for seed in seeds {
                let input = fs::read(&seed).unwrap_or_else(|error| panic!("{}: {error}", seed.display()));
                let passes = std::panic::catch_unwind(|| body(&input)).is_ok();
                assert!(passes, "{} fails; see above", seed.display());
            }
        }
    }
}
