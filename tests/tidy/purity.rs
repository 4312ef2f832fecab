//! What the core may not touch, which of its folders may import which, and what it depends on.

use crate::tree::{assert_none, root, rust_below};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

const CORE: &str = "proto-core/src/";
/// What tests machines is none: the laws suite reads a seed from the environment, fuzz bodies panic when they find something.
fn is_test_bench(path: &str) -> bool {
    path.starts_with("proto-core/src/base/laws/") || path.contains("/trial/") || path.ends_with("/fuzz.rs")
}

/// Which folders each folder of the core may import. Data falls straight down, so imports do too.
const IMPORTS: [(&str, &[&str]); 11] = [
    ("base", &["base"]),
    ("codec", &["base", "codec"]),
    ("hpack", &["base", "codec", "hpack"]),
    ("http1", &["base", "http1"]),
    ("http2", &["base", "codec", "hpack", "http2", "rpc::streams"]),
    ("native", &["base", "codec", "native", "rpc"]),
    ("policy", &["base", "policy"]),
    ("recorder", &["base", "http1", "http2", "native", "recorder", "rpc", "stack", "websocket"]),
    ("rpc", &["base", "rpc"]),
    ("stack", &["base", "codec", "hpack", "http1", "http2", "native", "rpc", "stack", "websocket"]),
    ("websocket", &["base", "http1", "websocket"]),
];

const IMPURE: [(&str, &str); 17] = [
    ("std::time", "time is `Time`, told by the driver"),
    ("std::net", "sockets belong to drivers"),
    ("std::thread", "a machine runs on its owner's turn"),
    ("std::fs", "files belong to drivers"),
    ("std::env", "a machine is configured by values"),
    ("std::process", "a machine reports; its owner decides"),
    ("std::sync::Mutex", "a machine has one owner"),
    ("std::sync::mpsc", "events are returned by `poll_output`"),
    ("Instant::now", "time is `Time`, told by the driver"),
    ("SystemTime", "time is `Time`, told by the driver"),
    ("HashMap", "its order is random; use BTreeMap or a slab"),
    ("HashSet", "its order is random; use BTreeSet"),
    ("RandomState", "randomness is handed in as `Entropy`"),
    ("RefCell", "a borrow that fails at run time is a panic"),
    ("thread_local!", "a machine keeps its state in itself"),
    ("async fn", "a machine never waits"),
    ("unsafe ", "the core has no unsafe code"),
];

/// Ways to panic. Assertions of internal invariants are `debug_assert!`, which release builds do not carry.
const PANICS: [&str; 6] = [".unwrap()", ".expect(", "panic!(", "unreachable!(", ".unwrap_err()", " assert!("];

/// What the core may depend on when no feature is asked for.
const DEPENDENCIES: [&str; 3] = ["base64", "bytes", "smallvec"];

#[test]
fn the_core_touches_no_clock_no_socket_and_no_randomness() {
    let mut offences = Vec::new();
    for file in rust_below(CORE) {
        for (number, line) in file.code().filter(|_| !is_test_bench(&file.path)) {
            for (word, reason) in IMPURE {
                if line.contains(word) {
                    offences.push(format!("{}:{number}: {word}: {reason}", file.path));
                }
            }
        }
    }
    assert_none(&offences, "keep the core pure");
}

#[test]
fn the_core_has_no_way_to_panic_on_purpose() {
    let mut offences = Vec::new();
    for file in rust_below(CORE) {
        for (number, line) in file.code().filter(|_| !is_test_bench(&file.path)) {
            for word in PANICS {
                if line.contains(word) && !line.starts_with("const _: () = ") {
                    offences.push(format!("{}:{number}: {word}", file.path));
                }
            }
        }
    }
    assert_none(&offences, "return an error, or make the case impossible by type");
}

#[test]
fn imports_in_the_core_point_downwards_only() {
    let mut offences = Vec::new();
    for file in rust_below(CORE) {
        let Some((folder, _)) = file.path[CORE.len()..].split_once('/') else { continue };
        let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| *name == folder) else {
            offences.push(format!("{}: the folder {folder} has no place in the order of imports", file.path));
            continue;
        };
        for (number, line) in file.lines() {
            for rest in line.split("crate::").skip(1) {
                if !allowed.iter().any(|path| is_below(rest, path)) {
                    offences.push(format!("{}:{number}: crate::{}", file.path, rest.trim_end()));
                }
            }
            if line.contains("super::super") {
                offences.push(format!("{}:{number}: super::super hides which folder is meant", file.path));
            }
        }
    }
    assert_none(&offences, "import from the folders below, one `use crate::folder::…` a folder");
}

fn is_below(path: &str, allowed: &str) -> bool {
    path.strip_prefix(allowed)
        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}

#[test]
fn the_core_without_features_depends_on_three_small_crates() {
    let manifest = read("proto-core/Cargo.toml");
    let always: BTreeSet<&str> = section(&manifest, "[dependencies]")
        .filter(|line| !line.contains("optional = true"))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .collect();
    assert_eq!(always, BTreeSet::from(DEPENDENCIES), "a new dependency of the core needs a decision");
    let below = dependencies_in_lock();
    for name in DEPENDENCIES {
        assert_eq!(below.get(name), Some(&Vec::new()), "{name} must not bring crates of its own");
    }
}

#[test]
fn every_dependency_is_chosen_once_with_its_reason() {
    let workspace = read("Cargo.toml");
    let mut reason = false;
    let mut offences = Vec::new();
    for line in section(&workspace, "[workspace.dependencies]") {
        let is_ours = line.starts_with("zrpc");
        if !line.starts_with('#') && !is_ours && !reason {
            offences.push(format!("Cargo.toml: {line}: no reason stands above it"));
        }
        // Crates of one family may share the line above them.
        reason = line.starts_with('#') || reason && !is_ours;
    }
    let members = workspace.lines().find_map(|line| line.strip_prefix("members = ["));
    let members = members.expect("the workspace lists its members").split('"').skip(1).step_by(2);
    for package in members.chain(["."]) {
        let manifest = read(&format!("{package}/Cargo.toml"));
        for heading in ["[dependencies]", "[dev-dependencies]", "[build-dependencies]"] {
            for line in section(&manifest, heading).filter(|line| !line.starts_with('#')) {
                if !line.contains("workspace = true") && !line.starts_with([' ', ']']) {
                    offences.push(format!("{package}/Cargo.toml: {line}: not from the workspace's table"));
                }
            }
        }
    }
    assert_none(&offences, "choose dependencies in the workspace's table, with a reason");
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The lines of a section of a manifest, without empty ones.
fn section<'a>(manifest: &'a str, heading: &str) -> impl Iterator<Item = &'a str> {
    let lines = manifest.lines().skip_while(move |line| *line != heading).skip(1);
    lines.take_while(|line| !line.starts_with('[')).filter(|line| !line.is_empty())
}

/// What each locked package depends on.
fn dependencies_in_lock() -> BTreeMap<String, Vec<String>> {
    let lock = read("Cargo.lock");
    let mut packages = BTreeMap::new();
    for package in lock.split("[[package]]").skip(1) {
        let name = package.lines().find_map(|line| line.strip_prefix("name = ")).unwrap_or_default();
        let below = package.lines().skip_while(|line| *line != "dependencies = [").skip(1);
        let below =
            below.take_while(|line| *line != "]").map(|line| line.trim().trim_matches(['"', ',']).into());
        packages.insert(name.trim_matches('"').into(), below.collect());
    }
    packages
}
