//! A11, A18, A19, A20, A21, A22, A30: heads that are not what they seem, each refused alone while the connection goes on.

use crate::host::{Handlers, Victim, frames, opened};
use zrpc::core::base::{Field, Fields};
use zrpc::core::http2::validate::{Section, check};
use zrpc::core::rpc::timeout;
use zrpc::core::stack::AnyServerConfig;
use zrpc_tests::attacks::Wire;
use zrpc_tests::attacks::wire::{PATH, block_of, call_fields, literal, message};

fn fields(list: &[(&[u8], &[u8])]) -> Fields {
    list.iter().map(|(name, value)| Field::new(name, value)).collect()
}

fn request(more: &[(&[u8], &[u8])]) -> bool {
    let mut list: Vec<(&[u8], &[u8])> =
        vec![(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/a"), (b":authority", b"a")];
    list.extend(more);
    check(&fields(&list), Section::Request, false).is_ok()
}

/// RFC 9113 §8.2: a field's name is a token of RFC 9110 §5.6.2 in lower case.
fn is_name(octet: u8) -> bool {
    octet.is_ascii_lowercase() || octet.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&octet)
}

#[test]
fn a18_the_256_octets_in_names_and_values_are_taken_as_rfc_9113_says() {
    for octet in 0..=255u8 {
        let taken = |name: &[u8], value: &[u8]| request(&[(name, value)]);
        assert_eq!(taken(&[b'x', octet], b"v"), is_name(octet), "name with {octet:#04x}");
        // RFC 9113 §8.2.1: no NUL, LF or CR anywhere, and no blank at either end.
        let forbidden = matches!(octet, 0 | b'\n' | b'\r');
        let blank = matches!(octet, b' ' | b'\t');
        assert_eq!(taken(b"x", &[b'a', octet, b'b']), !forbidden, "value with {octet:#04x}");
        assert_eq!(taken(b"x", &[octet, b'b']), !forbidden && !blank, "value that begins with {octet:#04x}");
        assert_eq!(taken(b"x", &[b'a', octet]), !forbidden && !blank, "value that ends with {octet:#04x}");
        for pseudo in [&b":method"[..], b":scheme", b":path", b":authority"] {
            let mut list: Vec<(&[u8], &[u8])> =
                vec![(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/a"), (b":authority", b"a")];
            let value = [&b"/a"[..], &[octet]].concat();
            let place = list.iter().position(|(name, _)| *name == pseudo).expect("it is there");
            list[place].1 = &value;
            let taken = check(&fields(&list), Section::Request, false).is_ok();
            assert!(!taken || !forbidden && !blank, "{} with {octet:#04x}", pseudo.escape_ascii());
        }
    }
}

#[test]
fn a18_what_smuggles_requests_elsewhere_is_malformed() {
    for (name, value) in [
        (&b"connection"[..], &b"close"[..]),
        (b"keep-alive", b"1"),
        (b"proxy-connection", b"close"),
        (b"transfer-encoding", b"chunked"),
        (b"upgrade", b"h2c"),
        (b"te", b"gzip"),
        (b":path", b"/again"),
        (b":unknown", b"x"),
        (b":status", b"200"),
    ] {
        assert!(!request(&[(name, value)]), "{}", name.escape_ascii());
    }
    assert!(request(&[(b"te", b"trailers")]));
    assert!(!request(&[(b"x", b"y"), (b":scheme", b"http")]), "a pseudo-header after a field");
    assert!(!request(&[(b"host", b"other")]), "another host than :authority");
}

/// Calls with a head each, between good ones; which were refused, by their grpc-status, and how many good ones went well.
fn between_good_calls(heads: impl Iterator<Item = Vec<u8>>) -> (usize, usize, Victim) {
    let mut victim = Victim::new(AnyServerConfig::default(), Handlers::Answer);
    victim.take(&opened().take(), true);
    let (mut stream, mut bad) = (1, 0);
    for head in heads {
        let mut wire = Wire::default();
        wire.block(stream, &head, false).data(stream, &message(b"x"), true);
        wire.call(stream + 2, false).data(stream + 2, &message(b"y"), true);
        victim.now = victim.now + std::time::Duration::from_millis(20);
        victim.take(&wire.take(), true);
        stream += 4;
        bad += 1;
    }
    assert_eq!(victim.end(), None, "the connection goes on");
    let started = victim.started();
    (bad, started, victim)
}

fn head_with(more: &[(&str, &str)]) -> Vec<u8> {
    let mut fields = call_fields(PATH);
    fields.extend(more);
    block_of(&fields)
}

#[test]
fn a19_mutated_paths_are_routed_byte_for_byte_or_not_at_all() {
    // The router of each driver compares bytes; what the core hands on is what came, or the call is refused.
    let mutations = ["//", "%2f", "/./", "/../", ";a", "?a=b", "#a", "%00", "\\", " ", "%41", "/"];
    let mut seen = 0;
    for index in 0..10_000usize {
        let mutation = mutations[index % mutations.len()];
        let at = index / mutations.len() % PATH.len();
        let mut path = String::from(PATH);
        path.insert_str(at, mutation);
        let mut victim = Victim::new(AnyServerConfig::default(), Handlers::Hang);
        let mut wire = opened();
        wire.block(1, &block_of(&call_fields(&path)), false);
        victim.take(&wire.take(), true);
        if let Some(asked) = victim.paths.first() {
            assert_eq!(asked, &path);
            assert_ne!(asked, PATH);
            seen += 1;
        }
    }
    assert!(seen > 1_000, "{seen}");
}

#[test]
fn a20_a21_a30_a_thousand_bad_calls_leave_a_thousand_good_ones_alone() {
    let bad = [
        head_with(&[("x-bin", "****")]),
        head_with(&[("x-bin", "AAA")]),
        head_with(&[("x-bin", "AAAA,BBBB")]),
        head_with(&[("grpc-timeout", "")]),
        head_with(&[("grpc-timeout", "999999999S")]),
        head_with(&[("grpc-timeout", "-1S")]),
        head_with(&[("grpc-encoding", "unheard-of")]),
        block_of(&[
            (":method", "POST"),
            (":scheme", "gopher"),
            (":path", PATH),
            ("content-type", "application/grpc"),
        ]),
        block_of(&[(":method", "POST"), (":scheme", "http"), (":path", PATH), ("te", "gzip")]),
        block_of(&[(":method", "GET"), (":scheme", "http"), (":path", PATH)]),
    ];
    let (count, started, victim) = between_good_calls((0..1_000).map(|index| bad[index % bad.len()].clone()));
    let good = frames(&victim.answers).filter(|(kind, _, stream, _)| *kind == 0 && stream % 4 == 3).count();
    assert_eq!((count, good), (1_000, 1_000));
    assert!(started >= 1_000);
}

#[test]
fn a22_metadata_above_the_limit_fails_alone_and_four_times_as_much_ends_the_connection() {
    let (count, started, _) = between_good_calls((0..100).map(|_| {
        let mut block = block_of(&call_fields(PATH));
        // 163 each, as lists are counted: more than 16 KiB in a frame that has less.
        (0..101).for_each(|_| literal(&mut block, 0, b"x", &[b'v'; 130]));
        block
    }));
    assert_eq!((count, started), (100, 100), "only the good ones");
    let mut victim = Victim::new(AnyServerConfig::default(), Handlers::Answer);
    let mut wire = opened();
    let mut block = block_of(&call_fields(PATH));
    (0..70).for_each(|_| literal(&mut block, 0, b"x", &[b'v'; 1024]));
    for (index, part) in block.chunks(16_384).enumerate() {
        let (kind, is_last) = (if index == 0 { 1 } else { 9 }, (index + 1) * 16_384 >= block.len());
        wire.frame(kind, if is_last { 4 } else { 0 }, 1, part);
    }
    victim.take(&wire.take(), true);
    assert!(victim.end().is_some());
}

#[test]
fn a30_every_timeout_of_up_to_nine_characters_is_a_time_or_none() {
    let alphabet = b"09HMSmunx- +";
    let mut word = Vec::new();
    for number in 0..200_000usize {
        word.clear();
        let mut rest = number;
        while rest > 0 {
            word.push(alphabet[rest % alphabet.len()]);
            rest /= alphabet.len();
        }
        let digits = word.iter().take_while(|octet| octet.is_ascii_digit()).count();
        let is_timeout = (1..=8).contains(&digits)
            && word.len() == digits + 1
            && word.last().is_some_and(|unit| b"HMSmun".contains(unit));
        assert_eq!(timeout::parse(&word).is_some(), is_timeout, "{}", word.escape_ascii());
    }
    for text in ["99999999H", "99999999M", "00000000n", "99999999n"] {
        assert!(timeout::parse(text.as_bytes()).is_some(), "{text}");
    }
}

#[test]
fn a11_a_million_names_leave_nothing_behind() {
    let mut victim = Victim::new(AnyServerConfig::default(), Handlers::Answer);
    victim.take(&opened().take(), true);
    let mut live = 0;
    for round in 0..10_000u32 {
        let mut block = block_of(&call_fields(PATH));
        (0..100).for_each(|index| literal(&mut block, 0x40, format!("n{round}-{index}").as_bytes(), b""));
        let stream = 2 * round + 1;
        let mut wire = Wire::default();
        wire.block(stream, &block, false).data(stream, &message(b"x"), true);
        victim.take(&wire.take(), true);
        victim.answers.clear();
        if round == 100 {
            live = victim.live();
        }
    }
    assert!(victim.live() <= live + 1024, "{} bytes after {live}", victim.live());
    assert_eq!(victim.end(), None);
}
