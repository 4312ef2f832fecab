//! HPACK against public stories: what four other encoders wrote is decoded, and what we write comes back.
//!
//! The data is not part of the repository. `ZRPC_VECTORS` says where it is (default: `../shared/vectors` from
//! the repository's root); without it each test here is reported as ignored, for which the standard harness has
//! no means at run time, so this file has one of its own: `main` at the end.

#![allow(clippy::disallowed_methods, reason = "this reads files, which the core itself never does")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use zrpc_core::base::{Field, Fields};
use zrpc_core::hpack::{Decoder, Encoder, ListLimits, ListSize};

struct Test {
    name: &'static str,
    /// Is given the folder of the stories; fails by panicking.
    body: fn(&Path),
}

const TESTS: [Test; 6] = [
    Test { name: "stories_of_nghttp2_decode", body: |stories| decode_all(stories, "nghttp2", 32) },
    Test {
        name: "stories_of_nghttp2_with_changing_table_sizes_decode",
        body: |stories| decode_all(stories, "nghttp2-change-table-size", 31),
    },
    Test { name: "stories_of_go_hpack_decode", body: |stories| decode_all(stories, "go-hpack", 32) },
    Test {
        name: "stories_of_haskell_http2_decode",
        body: |stories| decode_all(stories, "haskell-http2-linear-huffman", 32),
    },
    Test { name: "raw_stories_come_back_and_take_at_most_0_300_of_their_size", body: compress_all },
    Test { name: "raw_stories_come_back_through_tables_of_any_size", body: round_trip_with_any_table_size },
];

const LIMITS: ListLimits = ListLimits { bytes_max: 1 << 20, fields_max: 1 << 10 };

/// One header list of a story, and what its encoder made of it.
struct Case {
    fields: Fields,
    wire: Vec<u8>,
    table_size: Option<usize>,
}

fn decode_all(stories: &Path, encoder: &str, stories_expected: usize) {
    let stories = read_stories(&stories.join(encoder));
    assert_eq!(stories.len(), stories_expected, "stories of {encoder}");
    let mut cases = 0;
    for (name, story) in &stories {
        let mut decoder = Decoder::new(4096);
        for case in story {
            if let Some(size) = case.table_size {
                decoder.set_table_size_max(size);
            }
            let mut fields = Fields::new();
            let size = decoder.decode(&case.wire, LIMITS, &mut fields);
            assert_eq!(size, Ok(ListSize::Within), "{encoder} {name}");
            assert!(same_lists(&fields, &case.fields), "{encoder} {name}: {fields:?}");
            cases += 1;
        }
    }
    println!("{encoder}: {} stories, {cases} header lists decoded", stories.len());
}

fn compress_all(stories: &Path) {
    let (mut raw, mut wire, mut peer_wire) = (0, 0, 0);
    let ours = read_stories(&stories.join("raw-data"));
    assert_eq!(ours.len(), 32);
    for (name, story) in &ours {
        let (mut encoder, mut decoder) = (Encoder::new(4096), Decoder::new(4096));
        for case in story {
            raw += case.fields.iter().map(|field| field.name.len() + field.value.len()).sum::<usize>();
            wire += round_trip(&mut encoder, &mut decoder, &case.fields, name);
        }
    }
    for (_, story) in read_stories(&stories.join("nghttp2")) {
        peer_wire += story.iter().map(|case| case.wire.len()).sum::<usize>();
    }
    let ratio = wire as f64 / raw as f64;
    println!("compression: {wire} octets of {raw}: {ratio:.4}; nghttp2 {:.4}", peer_wire as f64 / raw as f64);
    assert!(ratio <= 0.300, "{ratio}");
}

fn round_trip_with_any_table_size(stories: &Path) {
    for (name, story) in read_stories(&stories.join("raw-data")) {
        for size in [0, 31, 100, 1000, 65_536] {
            let (mut encoder, mut decoder) = (Encoder::new(65_536), Decoder::new(65_536));
            encoder.set_peer_table_size_max(size);
            for case in &story {
                round_trip(&mut encoder, &mut decoder, &case.fields, &name);
                assert!(encoder.table_size() <= size);
            }
        }
    }
}

/// Sends a list through both and answers how many octets it took.
fn round_trip(encoder: &mut Encoder, decoder: &mut Decoder, fields: &Fields, story: &str) -> usize {
    let mut block = Vec::new();
    encoder.encode(fields.iter(), &mut block);
    let mut decoded = Fields::new();
    assert_eq!(decoder.decode(&block, LIMITS, &mut decoded), Ok(ListSize::Within), "{story}");
    assert!(&decoded == fields, "{story}: {decoded:?}");
    assert!(encoder.table().eq(decoder.table()), "{story}");
    block.len()
}

/// Whether names, values and order are the same; which fields are secret is the encoder's choice.
fn same_lists(a: &Fields, b: &Fields) -> bool {
    a.iter().map(|field| (field.name, field.value)).eq(b.iter().map(|field| (field.name, field.value)))
}

fn read_stories(folder: &Path) -> Vec<(String, Vec<Case>)> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| (path.file_name().unwrap().display().to_string(), read_story(path))).collect()
}

fn read_story(path: &Path) -> Vec<Case> {
    let story: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    story["cases"].as_array().unwrap().iter().map(read_case).collect()
}

fn read_case(case: &Value) -> Case {
    let headers = case["headers"].as_array().unwrap().iter().flat_map(|header| header.as_object().unwrap());
    Case {
        fields: headers
            .map(|(name, value)| Field::new(name.as_bytes(), value.as_str().unwrap().as_bytes()))
            .collect(),
        wire: octets(case["wire"].as_str().unwrap_or_default()),
        table_size: case["header_table_size"].as_u64().map(|size| size as usize),
    }
}

fn octets(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The archive with the stories, if it is there.
fn archive() -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = std::env::var_os("ZRPC_VECTORS").map_or(root.join("../shared/vectors"), PathBuf::from);
    let archive = folder.join("hpack.tar.xz");
    if archive.is_file() { Ok(archive) } else { Err(format!("no {}", archive.display())) }
}

/// Unpacks the archive below the target folder and answers where the stories are.
fn unpack(archive: &Path) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hpack_vectors");
    std::fs::create_dir_all(&folder).unwrap();
    let status = Command::new("tar").arg("xJf").arg(archive).arg("-C").arg(&folder).status();
    assert!(status.is_ok_and(|status| status.success()), "`tar xJf` failed on {}", archive.display());
    folder.join("hpack")
}

/// Speaks as the standard harness does: a name as filter, `--exact`, `--skip` and `--list`.
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    let skipped = |name: &str| args.windows(2).any(|pair| pair[0] == "--skip" && name.contains(&pair[1]));
    let filters: Vec<&String> = (args.iter().enumerate())
        .filter(|(at, arg)| !arg.starts_with('-') && (*at == 0 || !takes_value(&args[at - 1])))
        .map(|(_, arg)| arg)
        .collect();
    let wanted = |name: &str| {
        let matches =
            |filter: &&String| if has("--exact") { *filter == name } else { name.contains(*filter) };
        (filters.is_empty() || filters.iter().any(matches)) && !skipped(name)
    };
    let selected: Vec<_> = TESTS.iter().filter(|test| wanted(test.name)).collect();
    if has("--list") {
        // Nothing here is ignored for good, so a list of ignored tests is empty.
        selected.iter().filter(|_| !has("--ignored")).for_each(|test| println!("{}: test", test.name));
        return ExitCode::SUCCESS;
    }
    run(&selected, TESTS.len() - selected.len())
}

fn takes_value(flag: &str) -> bool {
    ["--skip", "--format", "--color", "--test-threads", "--logfile"].contains(&flag)
}

fn run(tests: &[&Test], filtered_out: usize) -> ExitCode {
    println!("\nrunning {} tests", tests.len());
    let (mut passed, mut failed, mut ignored) = (0, 0, 0);
    let stories = archive().map(|archive| unpack(&archive));
    for Test { name, body } in tests {
        match &stories {
            Err(why) => {
                println!("test {name} ... ignored, {why}");
                ignored += 1;
            }
            Ok(stories) if std::panic::catch_unwind(|| body(stories)).is_ok() => {
                println!("test {name} ... ok");
                passed += 1;
            }
            Ok(_) => {
                println!("test {name} ... FAILED");
                failed += 1;
            }
        }
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {verdict}. {passed} passed; {failed} failed; {ignored} ignored; 0 measured; \
         {filtered_out} filtered out\n"
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
