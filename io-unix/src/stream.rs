//! A connected socket read and written without waiting, with the descriptors that travel beside the bytes.

use crate::Exchange;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, recv, send as send_one, sendmsg};
use std::io::{self, IoSlice};
use std::os::fd::AsFd;

/// A peer that went away is an error of the call, not a signal that ends the process.
#[cfg(not(target_vendor = "apple"))]
const SEND_FLAGS: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);
#[cfg(target_vendor = "apple")]
const SEND_FLAGS: SendFlags = SendFlags::DONTWAIT;

/// Reads what is there; 0 bytes are the end.
///
/// # Errors
/// `WouldBlock` when nothing is there; any other error means that the connection is lost.
pub fn receive(socket: impl AsFd, exchange: Option<&Exchange>, buffer: &mut [u8]) -> io::Result<usize> {
    match exchange {
        Some(exchange) => exchange.receive(socket, buffer, RecvFlags::DONTWAIT),
        // Without a place for them, the kernel closes descriptors that came with the bytes.
        None => Ok(recv(socket, buffer, RecvFlags::DONTWAIT)?.0),
    }
}

/// Writes as much as there is room for.
///
/// # Errors
/// `WouldBlock` when there is no room; any other error means that the connection is lost.
pub fn send(socket: impl AsFd, exchange: Option<&Exchange>, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
    match (exchange, chunks) {
        (Some(exchange), chunks) => exchange.send(socket, chunks, SEND_FLAGS),
        // The common case, and cheaper in the kernel.
        (None, [chunk]) => Ok(send_one(socket, chunk, SEND_FLAGS)?),
        (None, chunks) => Ok(sendmsg(socket, chunks, &mut SendAncillaryBuffer::default(), SEND_FLAGS)?),
    }
}

/// Ends the direction towards the peer.
///
/// # Errors
/// When the connection is gone already.
pub fn finish(socket: impl AsFd) -> io::Result<()> {
    Ok(rustix::net::shutdown(socket, Shutdown::Write)?)
}
