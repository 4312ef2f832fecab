//! A fuzz target of recordings: whatever the bytes are, they are read, refused or replayed, and nothing panics.

use crate::base::Time;
use crate::recorder::{Header, Made, Replay};
use crate::stack::AnyServerConfig;
use bytes::Bytes;

/// Any bytes, as a whole recording and as what follows a header.
pub fn read(input: &[u8]) {
    let mut behind_header = Header::new(Time::START, Made::Server(AnyServerConfig::default())).to_bytes();
    behind_header.extend_from_slice(input);
    for recording in [Bytes::copy_from_slice(input), behind_header.into()] {
        let Ok(mut replay) = Replay::new(recording) else { continue };
        // It ends, or says where it diverges.
        let _ = replay.run();
    }
}
