//! What holds for an encoder and a decoder whatever is sent: over many random schedules from fixed seeds.
//!
//! A schedule is a connection: a row of header lists, with changes of the table's size and of the receiver's
//! limits between them.

use zrpc_core::base::{Entropy, Field, Fields};
use zrpc_core::hpack::{Decoder, Encoder, ListLimits, ListSize};

const SCHEDULES: u64 = 10_000;
const AMPLE: ListLimits = ListLimits { bytes_max: 1 << 20, fields_max: 1 << 10 };

/// A list like those of RPCs: names and values that repeat, values that do not, secrets, and some noise.
fn random_list(entropy: &mut Entropy) -> Fields {
    const NAMES: [&[u8]; 12] = [
        b":method",
        b":path",
        b":status",
        b":authority",
        b"content-type",
        b"te",
        b"grpc-timeout",
        b"grpc-status",
        b"traceparent",
        b"authorization",
        b"x-request-id",
        b"cookie",
    ];
    const VALUES: [&[u8]; 8] =
        [b"", b"GET", b"POST", b"200", b"/chat.Chat/Say", b"application/grpc", b"trailers", b"0"];
    let mut fields = Fields::new();
    for _ in 0..entropy.below(12) {
        let noise_len = if entropy.below(20) == 0 { 1500 } else { 40 };
        let noise: Vec<u8> = (0..entropy.below(noise_len)).map(|_| entropy.next_u64() as u8).collect();
        let digits = entropy.next_u64().to_string();
        let name = match entropy.below(10) {
            0 => &noise[..noise.len().min(9)],
            _ => NAMES[entropy.below(12) as usize],
        };
        let value = match entropy.below(6) {
            0 => &noise,
            1 => digits.as_bytes(),
            _ => VALUES[entropy.below(8) as usize],
        };
        fields.push(Field { name, value, secret: entropy.below(8) == 0 });
    }
    fields
}

/// Changes the receiver's setting up to three times, as the sender sees it too.
fn resize_tables(entropy: &mut Entropy, encoder: &mut Encoder, decoder: &mut Decoder) -> Option<usize> {
    let mut last = None;
    for _ in 0..entropy.below(4) {
        let size = if entropy.below(4) == 0 { 0 } else { entropy.below(10_000) as usize };
        encoder.set_peer_table_size_max(size);
        decoder.set_table_size_max(size);
        last = Some(size);
    }
    last
}

#[test]
fn every_list_comes_back_through_tables_that_change_their_size() {
    for seed in 0..SCHEDULES {
        let mut entropy = Entropy::from_seed(seed);
        let willing = entropy.below(10_000) as usize;
        let (mut encoder, mut decoder) = (Encoder::new(willing), Decoder::new(4096));
        let mut size_max = 4096;
        for step in 0..6 {
            size_max = resize_tables(&mut entropy, &mut encoder, &mut decoder).unwrap_or(size_max);
            let list = random_list(&mut entropy);
            let (mut block, mut decoded) = (Vec::new(), Fields::new());
            encoder.encode(list.iter(), &mut block);
            let size = decoder.decode(&block, AMPLE, &mut decoded);
            assert_eq!(size, Ok(ListSize::Within), "seed {seed} step {step}");
            assert_eq!(decoded, list, "seed {seed} step {step}");
            assert!(encoder.table().eq(decoder.table()), "seed {seed} step {step}");
            assert!(encoder.table_size() <= size_max.min(willing), "seed {seed} step {step}");
        }
    }
}

#[test]
fn a_list_beyond_its_limits_leaves_the_tables_in_step_or_ends_the_connection() {
    for seed in 0..SCHEDULES {
        let mut entropy = Entropy::from_seed(seed);
        let (mut encoder, mut decoder) = (Encoder::new(4096), Decoder::new(4096));
        for _ in 0..6 {
            let list = random_list(&mut entropy);
            let limits = ListLimits {
                bytes_max: entropy.below(1000) as usize,
                fields_max: entropy.below(12) as usize,
            };
            let (mut block, mut decoded) = (Vec::new(), Fields::new());
            encoder.encode(list.iter(), &mut block);
            match decoder.decode(&block, limits, &mut decoded) {
                Ok(ListSize::Within) => assert_eq!(decoded, list, "seed {seed}"),
                Ok(ListSize::Exceeded { bytes, fields }) => {
                    assert_eq!((bytes, fields), (list.size(), list.len()), "seed {seed}");
                    assert!(decoded.iter().zip(&list).all(|(a, b)| a == b), "seed {seed}");
                    assert!(decoded.len() < list.len(), "seed {seed}");
                }
                Err(_) => {
                    assert!(list.size() > 4 * limits.bytes_max, "seed {seed}");
                    break;
                }
            }
            assert!(decoded.size() <= limits.bytes_max && decoded.len() <= limits.fields_max, "seed {seed}");
            assert!(encoder.table().eq(decoder.table()), "seed {seed}");
        }
    }
}

/// Decodes `blocks` on one connection and checks what no peer may break.
fn assert_bounded<'a>(seed: u64, blocks: impl Iterator<Item = &'a [u8]>) {
    const LIMITS: ListLimits = ListLimits { bytes_max: 2000, fields_max: 40 };
    let mut decoder = Decoder::new(4096);
    for block in blocks {
        let mut fields = Fields::new();
        let result = decoder.decode(block, LIMITS, &mut fields);
        assert!(fields.size() <= LIMITS.bytes_max && fields.len() <= LIMITS.fields_max, "seed {seed}");
        // What is stored, and twice the string that was too much.
        assert!(fields.capacity() <= 2 * (LIMITS.bytes_max + 4 * LIMITS.bytes_max), "seed {seed}");
        assert!(decoder.table_size() <= 4096, "seed {seed}");
        // Twice the octets of the table, and at most 256 places of 12 bytes for its entries.
        assert!(decoder.memory() <= 2 * 4096 + 256 * 12 + 256, "seed {seed}: {}", decoder.memory());
        if result.is_err() {
            return;
        }
    }
}

#[test]
fn random_octets_never_panic_and_never_exceed_the_bounds() {
    for seed in 0..5 * SCHEDULES {
        let mut entropy = Entropy::from_seed(seed);
        let blocks: Vec<Vec<u8>> =
            (0..4).map(|_| (0..entropy.below(200)).map(|_| entropy.next_u64() as u8).collect()).collect();
        assert_bounded(seed, blocks.iter().map(Vec::as_slice));
    }
}

#[test]
fn blocks_with_mutations_never_panic_and_never_exceed_the_bounds() {
    for seed in 0..SCHEDULES {
        let mut entropy = Entropy::from_seed(seed);
        let mut encoder = Encoder::new(4096);
        let blocks: Vec<Vec<u8>> = (0..6)
            .map(|_| {
                let mut block = Vec::new();
                encoder.encode(random_list(&mut entropy).iter(), &mut block);
                mutate(&mut entropy, &mut block);
                block
            })
            .collect();
        assert_bounded(seed, blocks.iter().map(Vec::as_slice));
    }
}

/// Flips, cuts, inserts or repeats a few octets.
fn mutate(entropy: &mut Entropy, block: &mut Vec<u8>) {
    for _ in 0..entropy.below(4) {
        let at = entropy.below(block.len() as u64 + 1) as usize;
        match entropy.below(4) {
            0 => block.truncate(at),
            1 => block.insert(at, entropy.next_u64() as u8),
            2 => block.extend_from_within(at..),
            _ if at < block.len() => block[at] ^= 1 << entropy.below(8),
            _ => block.push(0xff),
        }
    }
}

#[test]
fn the_same_lists_give_the_same_octets_in_every_encoder() {
    let transcript = || {
        let (mut encoder, mut entropy) = (Encoder::new(4096), Entropy::from_seed(6));
        let mut octets = Vec::new();
        for _ in 0..200 {
            encoder.encode(random_list(&mut entropy).iter(), &mut octets);
        }
        octets
    };
    assert_eq!(transcript(), transcript());
}
