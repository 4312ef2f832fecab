//! JSON as another implementation reads it: the core's reader takes and refuses what serde_json takes and refuses.

use serde_json::Value;
use zrpc_core::base::Entropy;
use zrpc_core::codec::json::{Reader, write_str};

fn is_json(text: &str) -> bool {
    let mut reader = Reader::new(text);
    reader.skip().and_then(|_| reader.end()).is_ok()
}

#[test]
fn what_is_not_json_is_refused_as_the_peer_refuses_it() {
    let texts = "|[|]|{|}|[1,]|[,1]|{,}|{\"a\"}|{\"a\":}|{\"a\":1,}|{a:1}|{1:1}|01|-|1.|.5|1e|+1|0x1|NaN|tru|truex|nul|\"|\
        \"\\x\"|\"\\u12\"|\"\n\"|'a'|1 2|[1 2]|{\"a\" 1}|{\"a\":1 \"b\":2}|[1}|{\"a\":1]|//|[1]//|\"\\|\"\\u|[[1]|{\"a\":{}|\
        tRue|-a|--1|1-|[\"a\",\"b\"|\u{feff}1|[\"a\":1]|{\"a\",1}|[:]|{:}|[{]}";
    for text in texts.split('|') {
        assert!(!is_json(text), "{text}");
        assert!(serde_json::from_str::<Value>(text).is_err(), "{text}");
    }
}

#[test]
fn random_edits_of_a_text_are_judged_as_the_peer_judges_them() {
    let mut chance = Entropy::from_seed(7);
    let seed = r#"{"a":[1,-2.5e3,"x\u0041\n"],"b":{"c":null,"d":true},"e":[[],{}]}"#;
    let alphabet = b"{}[],:\"\\u0n1e-.tfalse ";
    let mut taken = 0;
    for _ in 0..20_000 {
        let mut text: Vec<u8> = seed.into();
        for _ in 0..=chance.below(3) {
            let at = chance.below(text.len() as u64) as usize;
            text[at] = alphabet[chance.below(alphabet.len() as u64) as usize];
        }
        let text = String::from_utf8(text).unwrap();
        let theirs = serde_json::from_str::<Value>(&text);
        // The peer's numbers overflow, and it unescapes what is passed over here.
        if theirs.as_ref().is_err_and(|error| {
            ["out of range", "surrogate", "code point", "escape"]
                .iter()
                .any(|what| error.to_string().contains(what))
        }) {
            continue;
        }
        taken += usize::from(theirs.is_ok());
        assert_eq!(is_json(&text), theirs.is_ok(), "{text}");
    }
    assert!(taken > 1_000, "{taken}");
}

#[test]
fn strings_are_unescaped_and_escaped_as_the_peer_does() {
    for text in [
        r#""plain""#,
        r#""a\"b\\c\/d\b\f\n\r\t""#,
        r#""\u00e9\u4e2d""#,
        r#""\ud83d\ude00!\u0000""#,
        "\"é中😀\"",
    ] {
        let theirs: String = serde_json::from_str(text).unwrap();
        let ours = Reader::new(text).string().unwrap();
        assert_eq!(ours, theirs);
        let mut written = Vec::new();
        write_str(&ours, &mut written);
        assert_eq!(serde_json::from_slice::<String>(&written).unwrap(), theirs);
    }
}
