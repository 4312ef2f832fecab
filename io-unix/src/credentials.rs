//! Who is at the other end of a Unix socket, asked once when the connection is made.

use std::os::fd::AsFd;
use zrpc_core::rpc::Peer;

/// The process at the other end, as it was when it connected or began to listen; unknown where the system does not
/// say.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[must_use]
pub fn peer_of(socket: impl AsFd) -> Peer {
    use zrpc_core::rpc::Credentials;
    let Ok(who) = rustix::net::sockopt::socket_peercred(socket) else { return Peer::UNKNOWN };
    // A process of another PID namespace shows as 0, whatever the type says: looked at as any number.
    let pid = std::hint::black_box(who.pid.as_raw_nonzero().get());
    let pid = u32::try_from(pid).ok().filter(|pid| *pid != 0);
    Peer::from(Credentials { pid, uid: who.uid.as_raw(), gid: who.gid.as_raw() })
}

/// Unknown: the system does not say.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[must_use]
pub fn peer_of(_: impl AsFd) -> Peer {
    Peer::UNKNOWN
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_other_end_of_a_pair_is_this_process() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let who = peer_of(&ours).credentials().unwrap();
        assert_eq!(who.pid, Some(std::process::id()));
        assert_eq!(who.uid, rustix::process::getuid().as_raw());
        assert_eq!(who.gid, rustix::process::getgid().as_raw());
    }
}
