//! Compression of messages, RFC 7692 §7.2: a raw DEFLATE stream whose last four bytes, always the same, are left away.
//!
//! Inflating enforces the limits while it runs: a bomb costs what they allow and not a byte more. Both states are made
//! when the first message needs them. Where no message refers to the one before, a connection that rests drops them.

#[cfg(feature = "deflate")]
pub(super) use built_in::{Deflater, Inflater};
#[cfg(not(feature = "deflate"))]
pub(super) use left_out::{Deflater, Inflater};

/// Bytes that a compressor takes at the most.
pub(super) const DEFLATER_BYTES: usize = 320 * 1024;
/// Bytes that an inflater takes.
pub(super) const INFLATER_BYTES: usize = 64 * 1024;

/// What an inflated message may cost.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "deflate"), expect(dead_code, reason = "nothing is inflated in this build"))]
pub(super) struct InflateLimits {
    pub(super) bytes_max: usize,
    /// How many times its size it may grow beyond the first MiB.
    pub(super) ratio_max: u32,
}

/// Whether this build can compress.
pub(super) const IS_BUILT_IN: bool = cfg!(feature = "deflate");

#[cfg(feature = "deflate")]
mod built_in {
    use super::{DEFLATER_BYTES, INFLATER_BYTES, InflateLimits};
    use crate::websocket::Violation;
    use alloc::vec::Vec;
    use bytes::{Bytes, BytesMut};
    use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

    /// What ends each message on its way through the codec and never goes on the wire.
    const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
    /// The window that every inflater has; a larger one than agreed on does no harm.
    const WINDOW_BYTES: usize = 32 * 1024;
    /// What an inflater may add at once.
    const STEP_BYTES: usize = 16 * 1024;
    /// What the ratio is not asked for below.
    const RATIO_FREE_BYTES: usize = 1024 * 1024;

    /// Inflates messages.
    #[derive(Debug)]
    pub(in crate::websocket) struct Inflater {
        state: Option<Decompress>,
        keeps_context: bool,
        /// Bytes of the message so far, before and after inflation.
        taken: usize,
        given: usize,
    }

    impl Inflater {
        pub(in crate::websocket) fn new(keeps_context: bool) -> Option<Inflater> {
            Some(Inflater { state: None, keeps_context, taken: 0, given: 0 })
        }

        /// Inflates the next part of a message and appends what comes of it.
        pub(in crate::websocket) fn push(
            &mut self,
            mut part: &[u8],
            to: &mut BytesMut,
            limits: InflateLimits,
        ) -> Result<(), Violation> {
            self.taken = self.taken.saturating_add(part.len());
            let state = self.state.get_or_insert_with(|| Decompress::new(false));
            loop {
                let start = to.len();
                to.resize(start + STEP_BYTES, 0);
                let (taken_before, given_before) = (state.total_in(), state.total_out());
                let status =
                    state.decompress(part, to.get_mut(start..).unwrap_or_default(), FlushDecompress::Sync);
                let taken = (state.total_in() - taken_before) as usize;
                let given = (state.total_out() - given_before) as usize;
                to.truncate(start + given);
                self.given = self.given.saturating_add(given);
                // RFC 7692 §8: the limit holds while a message inflates, not after.
                if self.given > limits.bytes_max {
                    to.truncate(to.len().saturating_sub(self.given - limits.bytes_max));
                    return Err(Violation::Bomb);
                }
                let ratio_bytes = self.taken.saturating_mul(limits.ratio_max as usize);
                if self.given > RATIO_FREE_BYTES && self.given > ratio_bytes {
                    return Err(Violation::Bomb);
                }
                part = part.get(taken..).unwrap_or_default();
                match status {
                    Err(_) => return Err(Violation::Corrupt),
                    // RFC 7692 §7.2.3.4: a block may say that it is the last; what follows goes on all the same.
                    Ok(Status::StreamEnd) => restart(state, to),
                    Ok(_) if part.is_empty() && given < STEP_BYTES => return Ok(()),
                    Ok(_) if taken == 0 && given == 0 => return Err(Violation::Corrupt),
                    Ok(_) => {}
                }
                if part.is_empty() && given < STEP_BYTES {
                    return Ok(());
                }
            }
        }

        /// The message has arrived whole.
        pub(in crate::websocket) fn finish(
            &mut self,
            to: &mut BytesMut,
            limits: InflateLimits,
        ) -> Result<(), Violation> {
            // RFC 7692 §7.2.2: the four bytes that were left away are appended, then the message is inflated.
            self.push(&TAIL, to, limits)?;
            self.taken = 0;
            self.given = 0;
            if !self.keeps_context
                && let Some(state) = &mut self.state
            {
                state.reset(false);
            }
            Ok(())
        }

        /// Drops what can be made anew.
        pub(in crate::websocket) fn shrink(&mut self) {
            if self.can_shrink() {
                self.state = None;
            }
        }

        /// Whether there is something to drop: nothing refers to it, and no message is under way.
        pub(in crate::websocket) fn can_shrink(&self) -> bool {
            self.state.is_some() && !self.keeps_context && self.taken == 0
        }

        pub(in crate::websocket) fn memory(&self) -> usize {
            if self.state.is_some() { INFLATER_BYTES } else { 0 }
        }
    }

    /// Begins another stream that may refer to the message's bytes so far.
    fn restart(state: &mut Decompress, to: &BytesMut) {
        state.reset(false);
        let window = to.get(to.len().saturating_sub(WINDOW_BYTES)..).unwrap_or_default();
        // What refuses is an empty window; then nothing can be referred to.
        let _ = state.set_dictionary(window);
    }

    /// Compresses messages.
    #[derive(Debug)]
    pub(in crate::websocket) struct Deflater {
        state: Option<Compress>,
        window_bits: u8,
        level: u8,
        keeps_context: bool,
    }

    impl Deflater {
        pub(in crate::websocket) fn new(window_bits: u8, level: u8, keeps_context: bool) -> Option<Deflater> {
            Some(Deflater { state: None, window_bits, level: level.min(9), keeps_context })
        }

        pub(in crate::websocket) fn keeps_context(&self) -> bool {
            self.keeps_context
        }

        /// The payload of a compressed message; `None` when the codec refuses.
        pub(in crate::websocket) fn message(&mut self, message: &[u8]) -> Option<Bytes> {
            let level = Compression::new(u32::from(self.level));
            // The codec has no window of 8 bits. One of 9 keeps to it when nothing refers across 256 bytes.
            let bits = self.window_bits.clamp(9, 15);
            let part_bytes = if self.window_bits < 9 { 256 } else { usize::MAX };
            let state = self.state.get_or_insert_with(|| Compress::new_with_window_bits(level, false, bits));
            let mut to = Vec::with_capacity(message.len() / 2 + 64);
            let mut rest = message;
            loop {
                let (part, later) = rest.split_at(rest.len().min(part_bytes));
                let flush = if part_bytes == 256 { FlushCompress::Full } else { FlushCompress::Sync };
                compress(state, part, &mut to, flush)?;
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            if !self.keeps_context {
                state.reset();
            }
            // RFC 7692 §7.2.1: the last four bytes MUST be removed from the end.
            if to.ends_with(&TAIL) {
                to.truncate(to.len() - TAIL.len());
            }
            // RFC 7692 §7.2.3.6: an empty message is one byte of zero.
            if to.is_empty() {
                to.push(0);
            }
            Some(to.into())
        }

        /// Drops what can be made anew.
        pub(in crate::websocket) fn shrink(&mut self) {
            if self.can_shrink() {
                self.state = None;
            }
        }

        /// Whether there is something to drop to which nothing refers.
        pub(in crate::websocket) fn can_shrink(&self) -> bool {
            self.state.is_some() && !self.keeps_context
        }

        pub(in crate::websocket) fn memory(&self) -> usize {
            if self.state.is_some() { DEFLATER_BYTES } else { 0 }
        }
    }

    fn compress(state: &mut Compress, mut part: &[u8], to: &mut Vec<u8>, flush: FlushCompress) -> Option<()> {
        loop {
            if to.capacity() - to.len() < 64 {
                to.reserve(to.len().clamp(256, 64 * 1024));
            }
            let before = state.total_in();
            let status = state.compress_vec(part, to, flush).ok()?;
            part = part.get((state.total_in() - before) as usize..)?;
            // With room left, all that was flushed is there.
            if part.is_empty() && to.len() < to.capacity() || status == Status::BufError {
                return part.is_empty().then_some(());
            }
        }
    }
}

/// The same for a build without the feature `deflate`, in which nothing is ever agreed on.
#[cfg(not(feature = "deflate"))]
mod left_out {
    use super::InflateLimits;
    use crate::websocket::Violation;
    use bytes::{Bytes, BytesMut};

    /// Never made.
    #[derive(Debug)]
    pub(in crate::websocket) enum Inflater {}

    impl Inflater {
        pub(in crate::websocket) fn new(_: bool) -> Option<Inflater> {
            None
        }

        pub(in crate::websocket) fn push(
            &mut self,
            _: &[u8],
            _: &mut BytesMut,
            _: InflateLimits,
        ) -> Result<(), Violation> {
            match *self {}
        }

        pub(in crate::websocket) fn finish(
            &mut self,
            _: &mut BytesMut,
            _: InflateLimits,
        ) -> Result<(), Violation> {
            match *self {}
        }

        pub(in crate::websocket) fn shrink(&mut self) {
            match *self {}
        }

        pub(in crate::websocket) fn can_shrink(&self) -> bool {
            match *self {}
        }

        pub(in crate::websocket) fn memory(&self) -> usize {
            match *self {}
        }
    }

    /// Never made.
    #[derive(Debug)]
    pub(in crate::websocket) enum Deflater {}

    impl Deflater {
        pub(in crate::websocket) fn new(_: u8, _: u8, _: bool) -> Option<Deflater> {
            None
        }

        pub(in crate::websocket) fn keeps_context(&self) -> bool {
            match *self {}
        }

        pub(in crate::websocket) fn message(&mut self, _: &[u8]) -> Option<Bytes> {
            match *self {}
        }

        pub(in crate::websocket) fn shrink(&mut self) {
            match *self {}
        }

        pub(in crate::websocket) fn can_shrink(&self) -> bool {
            match *self {}
        }

        pub(in crate::websocket) fn memory(&self) -> usize {
            match *self {}
        }
    }
}
