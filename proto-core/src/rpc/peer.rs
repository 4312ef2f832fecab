//! Who is at the other end of a connection, as far as its transport knows: an address, or the process behind a Unix
//! socket.

use core::fmt;
use core::net::SocketAddr;

/// The process at the other end of a Unix socket, as the kernel vouches for it: whose it was when it connected.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Credentials {
    /// The process; `None` when this process cannot see it, as across PID namespaces.
    pub pid: Option<u32>,
    /// The user it ran as.
    pub uid: u32,
    /// The group it ran as.
    pub gid: u32,
}

/// Who is at the other end of a connection.
///
/// ```
/// use zrpc_core::rpc::{Credentials, Peer};
///
/// let peer = Peer::from(Credentials { pid: Some(7), uid: 1000, gid: 100 });
/// assert_eq!(peer.credentials().map(|who| who.uid), Some(1000));
/// assert_eq!(peer.address(), None);
/// assert_eq!(peer.to_string(), "process 7 of user 1000, group 100");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Peer(Known);

#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
enum Known {
    #[default]
    Nothing,
    Address(SocketAddr),
    Process(Credentials),
}

impl Peer {
    /// A peer of which the transport knows nothing, as in memory.
    pub const UNKNOWN: Peer = Peer(Known::Nothing);

    /// Its address, where the transport has addresses.
    #[must_use]
    pub const fn address(&self) -> Option<SocketAddr> {
        match self.0 {
            Known::Address(address) => Some(address),
            Known::Nothing | Known::Process(_) => None,
        }
    }

    /// The process that it is, on a Unix socket.
    #[must_use]
    pub const fn credentials(&self) -> Option<Credentials> {
        match self.0 {
            Known::Process(credentials) => Some(credentials),
            Known::Nothing | Known::Address(_) => None,
        }
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Peer {
        Peer(Known::Address(address))
    }
}

impl From<Credentials> for Peer {
    fn from(credentials: Credentials) -> Peer {
        Peer(Known::Process(credentials))
    }
}

impl<T: Into<Peer>> From<Option<T>> for Peer {
    fn from(known: Option<T>) -> Peer {
        known.map_or(Peer::UNKNOWN, Into::into)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Known::Nothing => f.write_str("an unknown peer"),
            Known::Address(address) => address.fmt(f),
            Known::Process(Credentials { pid: Some(pid), uid, gid }) => {
                write!(f, "process {pid} of user {uid}, group {gid}")
            }
            Known::Process(Credentials { pid: None, uid, gid }) => {
                write!(f, "a process of user {uid}, group {gid}")
            }
        }
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_peer_says_who_it_is() {
        let address: SocketAddr = "[::1]:80".parse().unwrap();
        assert_eq!(Peer::from(address).to_string(), "[::1]:80");
        assert_eq!(Peer::from(Some(address)).address(), Some(address));
        assert_eq!(Peer::from(None::<SocketAddr>), Peer::UNKNOWN);
        let hidden = Credentials { pid: None, uid: 0, gid: 0 };
        assert_eq!(Peer::from(hidden).to_string(), "a process of user 0, group 0");
    }

    #[test]
    fn a_peer_is_no_larger_than_an_address() {
        // Each idle connection holds one.
        assert_eq!(size_of::<Peer>(), size_of::<SocketAddr>());
    }
}
