//! Errors point into the .proto and say what to do; nothing is written, and nothing panics.

use std::path::{Path, PathBuf};
use zrpc_build::{Builder, Error};

/// A folder of this test's own with these files in it.
fn folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("errors").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    for (file, text) in files {
        let path = folder.join(file);
        std::fs::create_dir_all(path.parent().expect("it is in the folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    folder
}

fn compile(folder: &Path, file: &str) -> Result<(), Error> {
    Builder::new().out_dir(folder.join("out")).compile(&[folder.join(file)], &[folder])
}

/// What is said about `a.proto` with this text, with paths as from inside its folder.
fn said(name: &str, text: &str) -> String {
    let folder = folder(name, &[("a.proto", text)]);
    let error = compile(&folder, "a.proto").expect_err("the file is wrong");
    assert!(!folder.join("out").exists(), "nothing is written");
    error
        .to_string()
        .replace(&format!("{}/", folder.display()), "")
        .replace(&folder.display().to_string(), ".")
}

#[test]
fn an_unknown_type_is_underlined() {
    let text = "syntax = \"proto3\";\npackage a;\n\nservice S {\n  rpc Say(Mesage) returns (Reply);\n}\nmessage Reply {}\n";
    let expected = "\
a.proto:5:11: name `Mesage` is not defined
  |
5 |   rpc Say(Mesage) returns (Reply);
  |           ^^^^^^
  = define it in this file, or import the .proto that does";
    assert_eq!(said("unknown", text), expected);
}

#[test]
fn all_unknown_types_are_told_at_once() {
    let said = said("unknown_all", "syntax = \"proto3\";\nservice S { rpc Say(X) returns (Y); }\n");
    assert!(said.contains("a.proto:2:21: name `X` is not defined"), "{said}");
    assert!(said.contains("a.proto:2:33: name `Y` is not defined"), "{said}");
}

#[test]
fn a_scalar_or_an_enum_in_place_of_a_message_is_told_apart_from_a_typo() {
    let advice = "= a method takes and returns messages: wrap the value in one";
    let scalar =
        said("scalar", "syntax = \"proto3\";\nservice S { rpc Say(string) returns (M); }\nmessage M {}\n");
    assert!(
        scalar.contains("a.proto:2:21: name `string` is not defined") && scalar.ends_with(advice),
        "{scalar}"
    );
    let an_enum =
        said("enum", "syntax = \"proto3\";\nservice S { rpc Say(E) returns (E); }\nenum E { A = 0; }\n");
    assert!(
        an_enum.contains("a.proto:2:21: `E` is not a message type") && an_enum.contains(advice),
        "{an_enum}"
    );
}

#[test]
fn a_missing_import_says_where_it_was_looked_for() {
    let expected = "\
a.proto:2:1: import `no/such.proto` not found
  |
2 | import \"no/such.proto\";
  | ^^^^^^^^^^^^^^^^^^^^^^^
  = name the folder that the import's path starts from; these were named: .";
    assert_eq!(said("import", "syntax = \"proto3\";\nimport \"no/such.proto\";\n"), expected);
}

#[test]
fn an_error_in_an_imported_file_points_into_that_file() {
    let files = [
        ("a.proto", "syntax = \"proto3\";\nimport \"b/b.proto\";\n"),
        ("b/b.proto", "syntax = \"proto3\";\nmessage M {\n  strin a = 1;\n}\n"),
    ];
    let folder = folder("imported", &files);
    let error = compile(&folder, "a.proto").expect_err("the import is wrong");
    assert_eq!(error.file(), Some(folder.join("b/b.proto").as_path()));
    assert_eq!((error.line(), error.column()), (Some(3), Some(3)));
    assert_eq!(error.message(), "name `strin` is not defined");
}

#[test]
fn a_syntax_error_is_underlined_also_at_the_end_of_the_file() {
    let missing = said("syntax", "syntax = \"proto3\";\nmessage M {\n  string a = 1\n  string b = 2;\n}\n");
    assert!(missing.starts_with("a.proto:4:3: expected `;` or `[`, but found `string`\n"), "{missing}");
    let end = said("end", "syntax = \"proto3\";\nmessage M {\n  string a = 1;\n\n\n");
    assert!(end.starts_with("a.proto:3:16: expected "), "{end}");
    assert!(end.contains("but reached end of file\n  |\n3 |   string a = 1;\n  |                ^"), "{end}");
}

#[test]
fn editions_are_refused_with_what_to_write_instead() {
    let expected = "\
a.proto:4:1: editions are not supported
  |
4 | edition = \"2023\";
  | ^^^^^^^
  = zRPC reads proto2 and proto3: write `syntax = \"proto3\";` instead, and drop `features` options";
    assert_eq!(said("edition", "// A comment.\n/* And\nanother. */\nedition = \"2023\";\n"), expected);
    let unknown = said("proto4", "syntax = \"proto4\";\n");
    assert!(unknown.starts_with("a.proto:1:10: unknown syntax `proto4`"), "{unknown}");
    assert!(unknown.ends_with("= possible values are `proto2` and `proto3`"), "{unknown}");
}

#[test]
fn a_file_without_a_service_is_refused_unless_only_messages_are_wanted() {
    let text = "syntax = \"proto3\";\nmessage M {}\n";
    let said = said("no_service", text);
    assert!(said.starts_with("there is no service in a.proto\n = add one"), "{said}");
    let folder = folder("messages_only", &[("a.proto", text)]);
    let output = Builder::new().server(false).client(false).generate(&[folder.join("a.proto")], &[&folder]);
    assert!(output.expect("messages alone").code("_.rs").expect("the code").contains("pub struct M {}"));
}

#[test]
fn a_file_that_is_missing_or_outside_the_folders_says_so() {
    let folder =
        folder("outside", &[("in/a.proto", "syntax = \"proto3\";\n"), ("b.proto", "syntax = \"proto3\";\n")]);
    let missing = compile(&folder, "c.proto").expect_err("there is no such file");
    assert_eq!(missing.message(), format!("there is no file {}", folder.join("c.proto").display()));
    assert!(missing.help().expect("help").contains(&folder.display().to_string()));
    let outside =
        Builder::new().generate(&[folder.join("b.proto")], &[folder.join("in")]).expect_err("outside");
    assert!(outside.message().ends_with("b.proto is in none of the folders to look in"), "{outside}");
    let none = Builder::new().generate::<PathBuf, PathBuf>(&[], &[]).expect_err("no file");
    assert_eq!(none.message(), "no .proto file was named");
}

#[test]
fn a_circle_of_imports_is_drawn() {
    let files = [
        ("a.proto", "syntax = \"proto3\";\nimport \"b.proto\";\n"),
        ("b.proto", "syntax = \"proto3\";\nimport \"a.proto\";\n"),
    ];
    let error = compile(&folder("circle", &files), "a.proto").expect_err("a circle");
    assert!(error.message().ends_with("import cycle detected: a.proto -> b.proto -> a.proto"), "{error}");
}

#[test]
fn of_two_things_of_one_name_the_second_is_underlined() {
    let expected = "\
a.proto:3:9: name `M` is defined twice
  |
3 | message M {}
  |         ^
  = change one of the two; the other is at a.proto:2:9";
    assert_eq!(said("twice", "syntax = \"proto3\";\nmessage M {}\nmessage M {}\n"), expected);
}

#[test]
fn names_that_would_be_the_same_in_rust_are_refused() {
    let methods = "syntax = \"proto3\";\nmessage M {}\nservice S {\n  rpc GetIt(M) returns (M);\n  rpc getIt(M) returns (M);\n}\n";
    let methods = said("methods", methods);
    assert!(
        methods.starts_with("a.proto:5:7: methods `GetIt` and `getIt` would both be called `get_it`"),
        "{methods}"
    );

    let services = said("services", "syntax = \"proto3\";\npackage a;\nservice HTTP {}\nservice Http {}\n");
    let expected =
        "a.proto:4:9: the trait of service `a.Http` would be called `Http`, as is that of service `a.HTTP`";
    assert!(services.starts_with(expected), "{services}");

    let text = "syntax = \"proto3\";\npackage a;\nmessage SClient {}\nservice S {}\n";
    let client = said("client", text);
    assert!(
        client.starts_with("a.proto:4:9: the client of service `a.S` would be called `SClient`"),
        "{client}"
    );
    let folder = folder("renamed", &[("a.proto", text)]);
    let renamed =
        Builder::new().rename_service("a.S", "Renamed").generate(&[folder.join("a.proto")], &[&folder]);
    assert!(
        renamed.expect("as advised").code("a.rs").expect("the code").contains("pub struct RenamedClient {")
    );
}

#[test]
fn a_package_and_the_types_inside_a_message_cannot_share_a_module() {
    let files = [
        (
            "a.proto",
            "syntax = \"proto3\";\npackage a;\nimport \"b.proto\";\nmessage B { message Inner {} }\nservice S {}\n",
        ),
        ("b.proto", "syntax = \"proto3\";\npackage a.b;\nmessage M {}\n"),
    ];
    let error = compile(&folder("modules", &files), "a.proto").expect_err("two modules `a::b`");
    assert_eq!((error.line(), error.column()), (Some(4), Some(9)));
    assert!(
        error.message().starts_with("the types inside message `B` would be in a module `b` of package `a`"),
        "{error}"
    );
}

#[test]
fn a_file_that_is_not_text_is_refused() {
    let folder = folder("bytes", &[]);
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("a.proto"), b"syntax = \"proto3\";\nmessage \xff {}").expect("a file");
    let error = compile(&folder, "a.proto").expect_err("it is not UTF-8");
    assert_eq!(error.help(), Some("save it as UTF-8"));
}

#[test]
fn an_attribute_that_does_not_parse_is_an_error_and_no_panic() {
    let folder = folder("attribute", &[("a.proto", "syntax = \"proto3\";\nmessage M {}\nservice S {}\n")]);
    let error = Builder::new()
        .type_attribute(".", "#[derive(")
        .generate(&[folder.join("a.proto")], &[&folder])
        .expect_err("the attribute is broken");
    assert!(error.message().starts_with("the generated code does not parse"), "{error}");
}

/// Files as an editor may leave them: cut short, with a letter changed, with a piece missing.
#[test]
fn a_mangled_file_is_an_error_or_code_and_never_a_panic() {
    let whole = include_str!("torture/torture.proto");
    let imported = [
        ("blocking.proto", include_str!("torture/blocking.proto")),
        ("elsewhere.proto", include_str!("torture/elsewhere.proto")),
    ];
    let folder = folder("mangled", &imported);
    let mut seed: u64 = 0x2545_f491_4f6c_dd1d;
    let mut next = move |bound: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % bound as u64).expect("below a usize")
    };
    let mut outcomes = [0, 0];
    for round in 0..150 {
        let mut text = whole.as_bytes().to_vec();
        match round % 3 {
            0 => text.truncate(next(text.len())),
            1 => text[next(whole.len())] = b"{};=\"()/. a9\n"[next(13)],
            _ => {
                let start = next(whole.len() - 20);
                text.drain(start..start + next(20));
            }
        }
        std::fs::write(folder.join("a.proto"), &text).expect("a file");
        match Builder::new().generate(&[folder.join("a.proto")], &[&folder]) {
            Ok(_) => outcomes[0] += 1,
            Err(error) => {
                assert!(!error.message().is_empty());
                outcomes[1] += 1;
            }
        }
    }
    assert!(outcomes[0] > 5 && outcomes[1] > 50, "{outcomes:?}");
}
