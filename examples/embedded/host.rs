//! A server in somebody's own event loop: a listener, its links, and one poller for all. `turn` is one round of the loop;
//! whatever else the program does can stand before and after it.

use super::link::{Clock, Link};
use super::room::Rooms;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use zrpc::core::base::{Time, Wake};
use zrpc::core::stack::{GrpcServer, ServerConfig};

const LISTENER: Token = Token(usize::MAX - 1);

/// The server.
pub struct Host {
    poll: Poll,
    events: Events,
    listener: TcpListener,
    clock: Clock,
    config: ServerConfig,
    links: BTreeMap<usize, Link<GrpcServer>>,
    next: usize,
    rooms: Rooms,
}

impl Host {
    /// Listens on `address`; port 0 picks one.
    pub fn listen(address: SocketAddr) -> io::Result<Host> {
        let mut listener = TcpListener::bind(address)?;
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Host {
            poll,
            events: Events::with_capacity(256),
            listener,
            clock: Clock::start(),
            config: ServerConfig::default(),
            links: BTreeMap::new(),
            next: 0,
            rooms: Rooms::default(),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// One round: waits until something happens, at most `patience`, and deals with it.
    pub fn turn(&mut self, patience: Duration) -> io::Result<()> {
        let now = self.clock.now();
        let wake = self.links.values().filter_map(|link| link.wake).map(|Wake { at, .. }| at).min();
        let timeout = wake.map_or(patience, |at| patience.min(at.saturating_since(now)));
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let now = self.clock.now();
        let ready: Vec<(Token, bool)> = self
            .events
            .iter()
            .map(|event| (event.token(), event.is_readable() || event.is_read_closed()))
            .collect();
        for (token, readable) in ready {
            match self.links.get_mut(&token.0) {
                Some(link) if readable => link.read(now),
                Some(_) => {}
                None => self.accept(now)?,
            }
        }
        self.pump(now);
        Ok(())
    }

    fn accept(&mut self, now: Time) -> io::Result<()> {
        loop {
            match self.listener.accept() {
                Ok((mut socket, _)) => {
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    self.poll.registry().register(&mut socket, Token(self.next), interest)?;
                    self.links.insert(self.next, Link::new(socket, GrpcServer::new(now, &self.config)));
                    self.next += 1;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // A connection that broke before it was accepted concerns nobody.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Polls every link until none has an event left. What one guest says goes out on other links, so a round in which
    /// anything happened is followed by another.
    fn pump(&mut self, now: Time) {
        loop {
            let mut quiet = true;
            let mut at = None;
            while let Some((&key, _)) = next_link(&self.links, at) {
                at = Some(key);
                while let Some(event) = self.links.get_mut(&key).and_then(|link| link.poll(now)) {
                    quiet = false;
                    self.rooms.on_event(&mut self.links, key, event);
                }
            }
            if quiet {
                break;
            }
        }
        self.links.retain(|_, link| !link.done);
    }
}

fn next_link(
    links: &BTreeMap<usize, Link<GrpcServer>>,
    after: Option<usize>,
) -> Option<(&usize, &Link<GrpcServer>)> {
    links.range(after.map_or(0, |after| after + 1)..).next()
}
