//! Comments are read back as rustdoc reads them, so that the claim "never a doctest" is about markdown itself.

use super::*;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag};

#[test]
fn prose_stays_as_it_is() {
    assert_eq!(rustdoc(" Says one thing.\n And another.\n"), ["Says one thing.", "And another."]);
    assert_eq!(rustdoc("\n\n Only this.\n\n"), ["Only this."]);
    assert_eq!(rustdoc(" - one\n - two\n"), ["- one", "- two"]);
}

#[test]
fn code_becomes_text() {
    assert_eq!(rustdoc(" ```\n let x;\n ```"), ["```text", "let x;", "```"]);
    assert_eq!(rustdoc(" ```rust\n let x;"), ["```text", "let x;", "```"]);
    assert_eq!(
        rustdoc(" Like so:\n\n     let x;\n\n     x\n After."),
        ["Like so:", "", "```text", "let x;", "", "x", "```", "", "After."]
    );
    assert_eq!(rustdoc("a\n\n    ``` x"), ["a", "", "````text", "``` x", "````"]);
}

#[test]
fn indentation_that_continues_a_paragraph_is_no_code() {
    assert_eq!(rustdoc("- one\n      and more"), ["- one", "   and more"]);
    assert_eq!(rustdoc(">     quoted"), ["> quoted"]);
    assert_eq!(rustdoc("- ```rust"), ["- \\`\\`\\`rust"]);
}

#[test]
fn what_rustdoc_would_take_for_links_and_tags_is_escaped() {
    assert_eq!(rustdoc("an [index] of Vec<T>"), ["an \\[index\\] of Vec\\<T\\>"]);
    assert_eq!(rustdoc("`a[0]` and `Vec<T>`"), ["`a[0]` and `Vec<T>`"]);
    assert_eq!(rustdoc("a ` alone"), ["a \\` alone"]);
    assert_eq!(rustdoc("see https://a.example/b_c."), ["see <https://a.example/b_c>."]);
    assert_eq!(rustdoc("see <https://a.example>"), ["see <https://a.example>"]);
    assert_eq!(rustdoc("[the guide](https://a.example/x)"), ["[the guide](https://a.example/x)"]);
    assert_eq!(rustdoc("[the guide](local.md)"), ["\\[the guide\\](local.md)"]);
}

#[test]
fn markers_give_way_to_the_documentation_and_nothing_else_changes() {
    let mut file = FileDescriptorProto { package: Some("a".to_owned()), ..FileDescriptorProto::default() };
    file.message_type.push(DescriptorProto { name: Some("M".to_owned()), ..DescriptorProto::default() });
    let mut docs = Docs::default();
    docs.mark(&mut file);
    assert_eq!(
        docs.unmark("    /// zrpc-doc:0\n/// zrpc-doc:7\nx"),
        "/// Message `a.M`.\n/// zrpc-doc:7\nx\n"
    );
}

/// Ten thousand comments made of what is dangerous in markdown.
#[test]
fn no_comment_becomes_a_doctest_a_tag_or_a_dead_link() {
    let pieces = [
        "```",
        "~~~",
        "````rust",
        "    ",
        "\t",
        "> ",
        "- ",
        "1. ",
        "* ",
        "\n",
        "\n",
        "\n\n",
        "word",
        "`",
        "``",
        "[a]",
        "[a]: b",
        "[a](b)",
        "<T>",
        "</p>",
        "<!--",
        "\\",
        "# ",
        "---",
        "===",
        "https://a.example",
        "|",
        "*",
        "_",
        " ",
        "ü",
        "]",
        "[",
        "(",
        "<",
        ">",
        "&lt;",
        "++++",
        "  ",
        "+",
        "2)",
        "\r\n",
        "```text\n",
        "    - ",
        "~",
        "!",
    ];
    let mut seed: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut next = move |bound: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % bound as u64).expect("below a usize")
    };
    for round in 0..10_000 {
        let comment: String = (0..=next(24)).map(|_| pieces[next(pieces.len())]).collect();
        let lines = rustdoc(&comment);
        let markdown = lines.join("\n");
        let seen = harms(&markdown);
        assert!(seen.is_empty(), "round {round}: {seen:?}\nfrom {comment:?}\nmade {markdown:?}");
    }
}

/// What rustdoc would compile, take for HTML or link to a file.
fn harms(markdown: &str) -> Vec<String> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_SMART_PUNCTUATION;
    Parser::new_ext(markdown, options)
        .filter_map(|event| match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)) => Some("indented code".to_owned()),
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) if &*info != "text" => {
                Some(format!("fenced code of {info:?}"))
            }
            Event::Start(Tag::Link { dest_url, .. }) if !dest_url.starts_with("http") => {
                Some(format!("link to {dest_url}"))
            }
            Event::Html(tag) | Event::InlineHtml(tag) => Some(format!("HTML {tag}")),
            _ => None,
        })
        .collect()
}
