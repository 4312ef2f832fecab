//! The greeter that is checked in is what tonic's own generator makes of the .proto file.

use std::path::Path;

const FILE: &str = "zrpc.test.greeter.v1.rs";

#[test]
fn the_greeter_is_what_tonic_generates() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/tonic");
    let descriptors =
        protox::compile([here.join("greeter.proto")], [&here]).expect("the .proto is well-formed");
    let out = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let builder = tonic_prost_build::configure().out_dir(out).emit_rerun_if_changed(false);
    builder.compile_fds(descriptors).expect("tonic generates");
    let fresh = std::fs::read_to_string(out.join(FILE)).expect("it was written");
    let kept = here.join("generated").join(FILE);
    if std::env::var_os("ZRPC_REGENERATE").is_some() {
        std::fs::write(&kept, &fresh).expect("the file is ours");
    }
    let text = std::fs::read_to_string(&kept).expect("it is checked in");
    assert!(text == fresh, "write it anew: ZRPC_REGENERATE=1 tests/interop/tonic.sh");
}
