//! Randomness that a peer must not guess: a stream of ChaCha20 (RFC 8439) under a key that the driver hands in.
//!
//! The core cannot ask the system for randomness, so its quality is that of the seed. One seed is one stream: hand
//! each connection its own.

/// How a block begins, RFC 8439 §2.3: "expand 32-byte k".
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];
const ROUNDS: usize = 20;
const WORDS: usize = 16;

/// A source of secret randomness. Its `Debug` form shows nothing.
#[derive(Clone)]
pub struct Secret {
    key: [u32; 8],
    counter: u64,
    block: [u32; WORDS],
    /// Words of the block that are used up.
    used: usize,
}

impl Secret {
    /// A source whose whole sequence follows from `seed`, which must come from the system's randomness.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Secret {
        let mut key = [0; 8];
        for (word, bytes) in key.iter_mut().zip(seed.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        Secret { key, counter: 0, block: [0; WORDS], used: WORDS }
    }

    /// The next four random bytes.
    pub fn next_bytes(&mut self) -> [u8; 4] {
        if self.used >= WORDS {
            self.block = block(&self.key, self.counter);
            self.counter = self.counter.wrapping_add(1);
            self.used = 0;
        }
        let word = self.block.get(self.used).copied().unwrap_or_default();
        self.used += 1;
        word.to_le_bytes()
    }

    /// Fills `bytes` with random ones.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(4) {
            part.copy_from_slice(&self.next_bytes()[..part.len()]);
        }
    }
}

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

/// One block of the stream: a 64-bit counter and a nonce of zero.
fn block(key: &[u32; 8], counter: u64) -> [u32; WORDS] {
    let mut start = [0; WORDS];
    start[..4].copy_from_slice(&CONSTANTS);
    start[4..12].copy_from_slice(key);
    start[12] = counter as u32;
    start[13] = (counter >> 32) as u32;
    permuted(start)
}

fn permuted(start: [u32; WORDS]) -> [u32; WORDS] {
    let mut state = start;
    for _ in 0..ROUNDS / 2 {
        for column in 0..4 {
            quarter_round(&mut state, [column, 4 + column, 8 + column, 12 + column]);
        }
        for diagonal in 0..4 {
            let turned = |row: usize| 4 * row + (diagonal + row) % 4;
            quarter_round(&mut state, [diagonal, turned(1), turned(2), turned(3)]);
        }
    }
    for (word, first) in state.iter_mut().zip(start) {
        *word = word.wrapping_add(first);
    }
    state
}

/// RFC 8439 §2.1.
fn quarter_round(state: &mut [u32; WORDS], [a, b, c, d]: [usize; 4]) {
    for (left, right) in [(16, 12), (8, 7)] {
        state[a] = state[a].wrapping_add(state[b]);
        state[d] = (state[d] ^ state[a]).rotate_left(left);
        state[c] = state[c].wrapping_add(state[d]);
        state[b] = (state[b] ^ state[c]).rotate_left(right);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn rfc8439_2_3_2_the_block_of_the_example() {
        let mut start = [0u32; WORDS];
        start[..4].copy_from_slice(&CONSTANTS);
        for (index, word) in start[4..12].iter_mut().enumerate() {
            let first = 4 * index as u8;
            *word = u32::from_le_bytes([first, first + 1, first + 2, first + 3]);
        }
        start[12..].copy_from_slice(&[1, 0x0900_0000, 0x4a00_0000, 0]);
        let expected = [
            0xe4e7_f110,
            0x1559_3bd1,
            0x1fdd_0f50,
            0xc471_20a3,
            0xc7f4_d1c7,
            0x0368_c033,
            0x9aaa_2204,
            0x4e6c_d4c3,
            0x4664_82d2,
            0x09aa_9f07,
            0x05d7_c214,
            0xa202_8bd9,
            0xd19c_12b5,
            0xb94e_16de,
            0xe883_d0cb,
            0x4e3c_50a2,
        ];
        assert_eq!(permuted(start), expected);
    }

    #[test]
    fn rfc8439_a_1_the_first_two_blocks_under_a_key_of_zero() {
        let mut secret = Secret::from_seed([0; 32]);
        let mut stream = [0; 128];
        secret.fill(&mut stream);
        assert_eq!(stream[..8], [0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90]);
        assert_eq!(stream[64..72], [0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a]);
        assert_eq!(format!("{secret:?}"), "Secret([redacted])");
    }
}
