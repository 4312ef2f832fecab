//! The codec alone: the examples of RFC 7692, every window, bombs, noise.

use crate::base::Entropy;
use crate::websocket::Violation;
use crate::websocket::codec::{Deflater, InflateLimits, Inflater};
use alloc::vec;
use alloc::vec::Vec;
use bytes::BytesMut;

/// What an inflater may add before it looks at the limit, and what the ratio is not asked for below.
const STEP_BYTES: usize = 16 * 1024;
const RATIO_FREE_BYTES: usize = 1024 * 1024;

fn limits(bytes_max: usize, ratio_max: u32) -> InflateLimits {
    InflateLimits { bytes_max, ratio_max }
}

fn inflate(inflater: &mut Inflater, payload: &[u8], cut: usize) -> Result<Vec<u8>, Violation> {
    let mut to = BytesMut::new();
    for part in payload.chunks(cut.max(1)) {
        inflater.push(part, &mut to, limits(1 << 24, 200))?;
    }
    inflater.finish(&mut to, limits(1 << 24, 200))?;
    Ok(to.to_vec())
}

// RFC 7692 §7.2.1: the last four bytes are removed. RFC 7692 §7.2.2: four bytes are appended, then it is inflated.
// RFC 7692 §7.2.3.6: an empty message is one byte.
#[test]
fn rfc7692_7_2_3_the_examples() {
    let one = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let stored = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
    let last = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
    let two = [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
    for cut in 1..14 {
        let mut inflater = Inflater::new(false).unwrap();
        for payload in [&one[..], &stored, &last, &two] {
            assert_eq!(inflate(&mut inflater, payload, cut).as_deref(), Ok(&b"Hello"[..]), "cut {cut}");
        }
        // §7.2.3.2: the second message refers to the first.
        let mut inflater = Inflater::new(true).unwrap();
        let again = [0xf2, 0x00, 0x11, 0x00, 0x00];
        assert_eq!(inflate(&mut inflater, &one, cut).as_deref(), Ok(&b"Hello"[..]));
        assert_eq!(inflate(&mut inflater, &again, cut).as_deref(), Ok(&b"Hello"[..]));
        assert_eq!(inflate(&mut Inflater::new(false).unwrap(), &again, cut), Err(Violation::Corrupt));
        // §7.2.3.6: an empty message.
        assert_eq!(inflate(&mut inflater, &[0], cut).as_deref(), Ok(&b""[..]));
    }
    let mut deflater = Deflater::new(15, 6, true).unwrap();
    assert_eq!(deflater.message(b"Hello").as_deref(), Some(&one[..]));
    assert_eq!(deflater.message(b"Hello").as_deref(), Some(&[0xf2, 0x00, 0x11, 0x00, 0x00][..]));
    assert_eq!(deflater.message(b"").as_deref(), Some(&[0][..]));
}

#[test]
fn every_window_and_takeover_gives_messages_back() {
    let mut chance = Entropy::from_seed(11);
    for bits in 8..=15 {
        for keeps in [false, true] {
            let (mut deflater, mut inflater) =
                (Deflater::new(bits, 6, keeps).unwrap(), Inflater::new(keeps).unwrap());
            for size in [0, 1, 5, 255, 256, 257, 1000, 16_384, 16_385, 70_000, 200_000] {
                let message: Vec<u8> = (0..size).map(|_| b'a' + chance.below(3) as u8).collect();
                let payload = deflater.message(&message).unwrap();
                let back = inflate(&mut inflater, &payload, 1 + chance.below(5_000) as usize);
                assert_eq!(back.as_deref(), Ok(&message[..]), "{bits} bits, {size} bytes, {keeps}");
            }
        }
    }
}

#[test]
fn a_window_of_256_bytes_is_never_referred_beyond() {
    // At a distance of 300, a compressor with a window of 1024 bytes refers back; this one cannot.
    let mut chance = Entropy::from_seed(12);
    let part: Vec<u8> = (0..300).map(|_| chance.next_u64() as u8).collect();
    let message = [&part[..], &part].concat();
    let narrow = Deflater::new(8, 9, true).unwrap().message(&message).unwrap();
    let wide = Deflater::new(10, 9, true).unwrap().message(&message).unwrap();
    assert!(narrow.len() > 600 && wide.len() < 400, "{} and {}", narrow.len(), wide.len());
}

#[test]
fn a_bomb_stops_at_the_limit_of_a_message_or_of_its_ratio() {
    let zeros = vec![0; 8 << 20];
    let bomb = Deflater::new(15, 9, false).unwrap().message(&zeros).unwrap();
    let mut to = BytesMut::new();
    assert_eq!(
        Inflater::new(false).unwrap().push(&bomb, &mut to, limits(1 << 19, 2_000)),
        Err(Violation::Bomb)
    );
    assert!(to.len() <= (1 << 19) + STEP_BYTES, "{}", to.len());
    let mut to = BytesMut::new();
    assert_eq!(
        Inflater::new(false).unwrap().push(&bomb, &mut to, limits(1 << 24, 100)),
        Err(Violation::Bomb)
    );
    assert!(to.len() <= RATIO_FREE_BYTES + STEP_BYTES, "{}", to.len());
    assert_eq!(Inflater::new(false).unwrap().push(&bomb, &mut to, limits(1 << 24, 2_000)), Ok(()));
}

#[test]
fn noise_is_inflated_or_refused_and_ends() {
    let mut chance = Entropy::from_seed(13);
    for _ in 0..3_000 {
        let noise: Vec<u8> = (0..chance.below(60)).map(|_| chance.next_u64() as u8).collect();
        let _ = inflate(&mut Inflater::new(chance.below(2) == 0).unwrap(), &noise, 7);
    }
}
