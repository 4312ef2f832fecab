//! The file descriptors of one connection: those that wait to leave with their messages, and those that came and that no
//! message has claimed yet. Whatever is left over is closed with it.
//!
//! ```text
//! send:    keep (by call) -> the session's note: leave -> the next write takes them along (SCM_RIGHTS)
//! receive: the read that brings them -> held -> claim (by the message that counts them) -> the application
//! ```

use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recvmsg, sendmsg};
use std::collections::{HashMap, VecDeque};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use zrpc_core::base::Attached;
use zrpc_core::rpc::Attachments;

/// What the kernel takes in one message (SCM_MAX_FD).
const AT_ONCE: usize = 253;
/// Descriptors of one connection that wait to leave, and as many that were received and not claimed. A peer that sends
/// more without the messages that count them loses its connection.
const HELD_MAX: usize = 512;
const SPACE: usize = rustix::cmsg_space!(ScmRights(AT_ONCE));

/// See the module.
#[derive(Debug, Default)]
pub struct Exchange {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    kept: HashMap<u64, VecDeque<OwnedFd>>,
    kept_count: usize,
    leaving: VecDeque<OwnedFd>,
    received: VecDeque<OwnedFd>,
}

impl Exchange {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether so many more may wait to leave.
    #[must_use]
    pub fn has_room(&self, count: usize) -> bool {
        let state = self.lock();
        state.kept_count + state.leaving.len() + count <= HELD_MAX
    }

    /// Keeps the descriptors of a message that the session was given, until it says that they must leave.
    pub fn keep(&self, call: u64, descriptors: Vec<OwnedFd>) {
        let mut state = self.lock();
        state.kept_count += descriptors.len();
        state.kept.entry(call).or_default().extend(descriptors);
    }

    /// Has descriptors leave with the next bytes, as the session noted.
    pub fn leave(&self, notes: &[Attached]) {
        let mut state = self.lock();
        for note in notes {
            let Some(mut kept) = state.kept.remove(&note.call) else { continue };
            let count = kept.len().min(usize::from(note.count));
            state.kept_count -= count;
            state.leaving.extend(kept.drain(..count));
            if !kept.is_empty() {
                state.kept.insert(note.call, kept);
            }
        }
    }

    /// Closes what waits to leave with messages of a call that sends no more of them.
    pub fn forget(&self, call: u64) {
        let mut state = self.lock();
        if let Some(kept) = state.kept.remove(&call) {
            state.kept_count -= kept.len();
        }
    }

    /// Closes what waits to leave with messages that will not be written: no call is open and nothing is queued.
    pub fn forget_all(&self) {
        let mut state = self.lock();
        state.kept_count = 0;
        state.kept = HashMap::new();
    }

    /// What belongs to a message, after those that no message was told of, which are closed.
    ///
    /// # Errors
    /// When the peer sent fewer than its messages count; the connection cannot go on.
    pub fn claim(&self, unclaimed: u32, count: u8) -> io::Result<Attachments> {
        let mut state = self.lock();
        let unclaimed = usize::try_from(unclaimed).unwrap_or(usize::MAX);
        let wanted = unclaimed.saturating_add(usize::from(count));
        if state.received.len() < wanted {
            let text = "a message counts more file descriptors than the peer sent";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        drop(state.received.drain(..unclaimed));
        Ok(state.received.drain(..usize::from(count)).collect())
    }

    /// Reads what is there, and the descriptors that came with it.
    ///
    /// # Errors
    /// As recv(2); also when descriptors were lost or more came than may be held, with which the connection is lost.
    pub fn receive(&self, socket: impl AsFd, buffer: &mut [u8], flags: RecvFlags) -> io::Result<usize> {
        let mut space = [MaybeUninit::uninit(); SPACE];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut slices = [IoSliceMut::new(buffer)];
        #[cfg(not(target_vendor = "apple"))]
        let flags = flags | RecvFlags::CMSG_CLOEXEC;
        let message = recvmsg(socket, &mut slices, &mut control, flags)?;
        let mut received = Vec::new();
        for part in control.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = part {
                received.extend(descriptors);
            }
        }
        #[cfg(target_vendor = "apple")]
        for descriptor in &received {
            rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::CLOEXEC)?;
        }
        if message.flags.contains(ReturnFlags::CTRUNC) {
            let text = "file descriptors were lost on their way: this process may have too many open";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        if !received.is_empty() {
            let mut state = self.lock();
            if state.received.len() + received.len() > HELD_MAX {
                let text = "the peer sent file descriptors that no message counts";
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            state.received.extend(received);
        }
        Ok(message.bytes)
    }

    /// Writes what there is room for, and with it the descriptors that must leave.
    ///
    /// # Errors
    /// As sendmsg(2).
    pub fn send(&self, socket: impl AsFd, chunks: &[IoSlice<'_>], flags: SendFlags) -> io::Result<usize> {
        let mut state = self.lock();
        if state.leaving.is_empty() {
            drop(state);
            return Ok(sendmsg(socket, chunks, &mut SendAncillaryBuffer::default(), flags)?);
        }
        let count = state.leaving.len().min(AT_ONCE);
        // What does not fit into one message leaves with a byte of its own before the rest.
        let split = state.leaving.len() > AT_ONCE;
        let written = {
            let mut space = [MaybeUninit::uninit(); SPACE];
            let mut control = SendAncillaryBuffer::new(&mut space);
            let descriptors: Vec<BorrowedFd<'_>> =
                state.leaving.iter().take(count).map(AsFd::as_fd).collect();
            control.push(SendAncillaryMessage::ScmRights(&descriptors));
            let first = chunks.iter().find(|chunk| !chunk.is_empty()).map_or(&[][..], |chunk| &chunk[..1]);
            if split {
                sendmsg(socket, &[IoSlice::new(first)], &mut control, flags)
            } else {
                sendmsg(socket, chunks, &mut control, flags)
            }
        };
        match written {
            Ok(written) => {
                drop(state.leaving.drain(..count));
                Ok(written)
            }
            Err(Errno::TOOMANYREFS) => {
                let text = "too many file descriptors are on their way to peers that do not read";
                Err(io::Error::new(io::ErrorKind::WouldBlock, text))
            }
            Err(errno) => Err(errno.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{PipeReader, Read, Write};
    use std::os::unix::net::UnixStream;

    fn reader(text: &str) -> OwnedFd {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(text.as_bytes()).unwrap();
        reader.into()
    }

    fn text(descriptor: OwnedFd) -> String {
        let mut text = String::new();
        PipeReader::from(descriptor).read_to_string(&mut text).unwrap();
        text
    }

    fn open() -> usize {
        std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
    }

    #[test]
    fn descriptors_arrive_in_the_order_of_their_notes_and_what_nobody_takes_is_closed() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (from, to) = (Exchange::default(), Exchange::default());
        from.keep(1, vec![reader("one"), reader("two")]);
        from.keep(2, vec![reader("three")]);
        from.keep(3, vec![reader("never")]);
        from.leave(&[Attached { call: 1, count: 1 }, Attached { call: 2, count: 1 }]);
        let chunks = [IoSlice::new(b"ab"), IoSlice::new(b"c")];
        assert_eq!(from.send(&ours, &chunks, SendFlags::empty()).unwrap(), 3);
        from.leave(&[Attached { call: 1, count: 1 }]);
        assert_eq!(from.send(&ours, &chunks, SendFlags::empty()).unwrap(), 3);
        let mut buffer = [0; 8];
        assert_eq!(to.receive(&theirs, &mut buffer, RecvFlags::empty()).unwrap(), 3);
        let came: Vec<String> = to.claim(0, 2).unwrap().take::<OwnedFd>().into_iter().map(text).collect();
        assert_eq!(came, ["one", "three"]);
        assert!(to.claim(0, 1).is_err(), "the message behind has not been read");
        assert_eq!(to.receive(&theirs, &mut buffer, RecvFlags::empty()).unwrap(), 3);
        assert!(to.claim(1, 0).unwrap().is_empty());
    }

    #[test]
    fn a_flood_of_descriptors_that_nothing_counts_ends_the_connection_and_leaves_none_open() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let to = Exchange::default();
        let from = Exchange::default();
        let error = loop {
            from.keep(1, (0..200).map(|_| theirs.try_clone().unwrap().into()).collect());
            from.leave(&[Attached { call: 1, count: 200 }]);
            assert_eq!(from.send(&ours, &[IoSlice::new(b"x")], SendFlags::empty()).unwrap(), 1);
            if let Err(error) = to.receive(&theirs, &mut [0; 8], RecvFlags::empty()) {
                break error;
            }
        };
        assert!(error.to_string().contains("no message counts"), "{error}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_endpoint_that_takes_no_descriptors_lets_none_stay_open() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let from = Exchange::default();
        let sent: OwnedFd = reader("x");
        let before = open();
        for _ in 0..1000 {
            from.keep(1, (0..10).map(|_| sent.try_clone().unwrap()).collect());
            from.leave(&[Attached { call: 1, count: 10 }]);
            let _ = from.send(&ours, &[IoSlice::new(b"x")], SendFlags::empty()).unwrap();
            assert_eq!((&theirs).read(&mut [0; 8]).unwrap(), 1);
        }
        // Other tests of this process open and close some meanwhile.
        assert!(open() < before + 600, "{before} were open and now {}", open());
    }
}
