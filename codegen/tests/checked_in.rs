//! Generated code that is checked in is what the generator makes of the .proto files beside it.

use std::path::Path;
use std::process::Command;

/// The arguments of `zrpc-gen`, from the repository's root, for each folder of generated code.
const FOLDERS: [&str; 6] = [
    "--out examples/chat/generated --include examples/chat examples/chat/chat.proto",
    "--out examples/replicas/generated --include examples/replicas examples/replicas/register.proto",
    "--out src/rich/generated --include src/rich/proto --no-server --no-client \
     src/rich/proto/google/rpc/status.proto src/rich/proto/google/rpc/error_details.proto",
    "--out tests/interop/generated --include tests/interop/proto --bytes . tests/interop/proto/test.proto \
     tests/interop/proto/orca_service.proto",
    "--out tests/interop/tonic/zrpc/generated --include tests/interop/tonic tests/interop/tonic/greeter.proto",
    "--out codegen/tests/torture/generated --include codegen/tests/torture codegen/tests/torture/torture.proto",
];

/// Set, this variable has the test write the files that differ instead of failing.
const REGENERATE: &str = "ZRPC_REGENERATE";

#[test]
fn generated_code_in_the_repository_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the repository");
    let check = std::env::var_os(REGENERATE).is_none().then_some("--check");
    for arguments in FOLDERS {
        let ran = Command::new(env!("CARGO_BIN_EXE_zrpc-gen"))
            .args(arguments.split_whitespace().chain(check))
            .current_dir(root)
            .output()
            .expect("zrpc-gen runs");
        let said = String::from_utf8_lossy(&ran.stderr);
        let advice = format!("{REGENERATE}=1 cargo test -p zrpc-build --test checked_in");
        assert!(ran.status.success(), "{said}\nto write all of them: {advice}");
    }
}

#[test]
fn a_file_that_was_edited_or_left_over_is_found() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("edited");
    let proto = folder.join("a.proto");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(&proto, "syntax = \"proto3\"; package a; message M {}").expect("a file");
    let out = folder.join("out");
    let _ = std::fs::remove_dir_all(&out);
    let run = |check: bool| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zrpc-gen"));
        command.args(["--no-server", "--no-client", "--out"]).arg(&out).arg(&proto);
        if check {
            command.arg("--check");
        }
        command.output().expect("zrpc-gen runs")
    };
    assert!(run(false).status.success());
    assert!(run(true).status.success());

    let generated = std::fs::read_to_string(out.join("a.rs")).expect("it was written");
    std::fs::write(out.join("a.rs"), generated.replace("struct M", "struct N")).expect("a file");
    std::fs::write(out.join("b.rs"), &generated).expect("a file");
    let said = String::from_utf8(run(true).stderr).expect("text");
    assert!(
        said.contains("a.rs is out of date, from line 7: `pub struct N {}` should be `pub struct M {}`"),
        "{said}"
    );
    assert!(said.contains("b.rs is generated from nothing any more"), "{said}");
}
