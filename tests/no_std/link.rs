//! The core links and runs without std: builds the program in this folder and runs it.

use std::path::Path;
use std::process::Command;

#[test]
fn the_core_links_and_runs_without_std() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = tests.join("../target/no_std");
    let build = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--quiet", "--manifest-path"])
        .arg(tests.join("no_std/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .output()
        .unwrap_or_else(|error| panic!("cargo did not start: {error}"));
    let errors = String::from_utf8_lossy(&build.stderr);
    assert!(build.status.success(), "the core needs std:\n{errors}");
    let program = target.join("debug/zrpc-no-std");
    let status =
        Command::new(&program).status().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    assert!(status.success(), "the program without std ended with {status}");
}
