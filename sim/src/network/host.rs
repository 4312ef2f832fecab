//! Hosts: code that runs, crashes and is started again, and what listens there.

use super::{Network, Socket};
use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::mpsc;
use zrpc_core::rpc::Peer;
use zrpc_tokio::{Accepted, Listener};

#[derive(Default)]
pub(super) struct Hosts(BTreeMap<String, Host>);

#[derive(Default)]
struct Host {
    listener: Option<mpsc::UnboundedSender<Socket>>,
    /// It is to crash, and stay down for so long.
    crash: Option<Duration>,
    waker: Option<Waker>,
    runs: bool,
}

impl Hosts {
    /// Hands a connection to who listens on this host, and back when nobody does.
    pub(super) fn deliver(&self, host: &str, socket: Socket) -> Result<(), Socket> {
        match self.0.get(host).and_then(|host| host.listener.as_ref()) {
            Some(listener) => listener.send(socket).map_err(|unsent| unsent.0),
            None => Err(socket),
        }
    }

    /// Names of the hosts whose code can crash and start again.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, host)| host.runs).map(|(name, _)| name.as_str())
    }

    /// Asks a host to crash.
    pub(super) fn crash(&mut self, name: &str, down: Duration) {
        let host = self.0.entry(name.to_owned()).or_default();
        host.crash = Some(down);
        host.listener = None;
        if let Some(waker) = host.waker.take() {
            waker.wake();
        }
    }

    fn poll_crash(&mut self, name: &str, cx: &Context<'_>) -> Poll<Duration> {
        let host = self.0.entry(name.to_owned()).or_default();
        host.runs = true;
        match host.crash.take() {
            Some(down) => Poll::Ready(down),
            None => {
                host.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Network {
    /// Runs the code of a host, and again after each crash: `start` makes its future, which is dropped where it waits when the
    /// host crashes. What it holds is lost with it, unless `start` keeps it elsewhere, as a disk would.
    pub fn host<F>(&self, name: &str, start: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (network, name) = (self.clone(), name.to_owned());
        tokio::spawn(async move {
            loop {
                let down = {
                    let mut code = pin!(start());
                    let mut is_done = false;
                    poll_fn(|cx| {
                        let crash = network.state().hosts.poll_crash(&name, cx);
                        if crash.is_pending() && !is_done {
                            is_done = code.as_mut().poll(cx).is_ready();
                        }
                        crash
                    })
                    .await
                };
                tokio::time::sleep(down).await;
                network.note(format_args!("{name} starts again"));
            }
        });
    }

    /// Listens on a host: for [`ServerBuilder::listen`](zrpc_tokio::ServerBuilder::listen). The newest listener of a host
    /// takes its connections.
    #[must_use]
    pub fn listen(&self, host: &str) -> HostListener {
        let (sender, dialled) = mpsc::unbounded_channel();
        self.state().hosts.0.entry(host.to_owned()).or_default().listener = Some(sender);
        HostListener { dialled }
    }
}

/// What listens on a host.
pub struct HostListener {
    dialled: mpsc::UnboundedReceiver<Socket>,
}

impl Listener for HostListener {
    type Stream = Socket;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Accepted<Socket>>>> {
        self.dialled.poll_recv(cx).map(|socket| Some(Ok((socket?, Peer::UNKNOWN))))
    }

    fn close(mut self) -> Vec<Accepted<Socket>> {
        self.dialled.close();
        std::iter::from_fn(|| self.dialled.try_recv().ok()).map(|socket| (socket, Peer::UNKNOWN)).collect()
    }
}

impl fmt::Debug for HostListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostListener")
    }
}
