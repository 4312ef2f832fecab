//! The floors: Unix sockets that move as many bytes as a call and look at none of them. Blocking, polling, and on tokio.

use bytes::Bytes;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Mutex;
use zrpc_benches::Failure;
use zrpc_benches::load::Unary;

/// How a side waits for bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    Asleep,
    Polling,
}

/// Serves on `listener` until the process ends. A client first says how long requests and replies are.
pub fn serve(listener: &UnixListener, wait: Wait) -> Result<(), Failure> {
    for socket in listener.incoming() {
        let socket = socket?;
        std::thread::spawn(move || echo(socket, wait));
    }
    Ok(())
}

fn echo(mut socket: UnixStream, wait: Wait) -> std::io::Result<()> {
    let mut lengths = [0; 8];
    socket.read_exact(&mut lengths)?;
    let (mut request, reply) = buffers(lengths);
    socket.set_nonblocking(wait == Wait::Polling)?;
    loop {
        fill(&mut socket, &mut request)?;
        socket.write_all(&reply)?;
    }
}

fn buffers(lengths: [u8; 8]) -> (Vec<u8>, Vec<u8>) {
    let [a, b, c, d, e, f, g, h] = lengths;
    let [request, reply] = [[a, b, c, d], [e, f, g, h]].map(u32::from_be_bytes);
    (vec![0; request as usize], vec![7; reply as usize])
}

fn lengths(request: usize, reply: usize) -> [u8; 8] {
    let mut both = [0; 8];
    both[..4].copy_from_slice(&(request as u32).to_be_bytes());
    both[4..].copy_from_slice(&(reply as u32).to_be_bytes());
    both
}

/// Reads until the buffer is full, and asks again at once where there is nothing.
fn fill(socket: &mut UnixStream, buffer: &mut [u8]) -> std::io::Result<()> {
    let mut at = 0;
    while at < buffer.len() {
        match socket.read(&mut buffer[at..]) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => at += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The blocking client's side.
pub struct Client {
    socket: UnixStream,
    request: Vec<u8>,
    reply: Vec<u8>,
}

impl Client {
    /// Connects, for requests and replies of these lengths.
    pub fn connect(path: &str, (request, reply): (usize, usize), wait: Wait) -> Result<Client, Failure> {
        let mut socket = UnixStream::connect(path)?;
        socket.write_all(&lengths(request, reply))?;
        socket.set_nonblocking(wait == Wait::Polling)?;
        Ok(Client { socket, request: vec![7; request], reply: vec![0; reply] })
    }

    /// One request and its reply.
    pub fn call(&mut self) -> Result<(), Failure> {
        self.socket.write_all(&self.request)?;
        Ok(fill(&mut self.socket, &mut self.reply)?)
    }
}

/// Serves on tokio until the process ends.
pub async fn serve_tokio(listener: tokio::net::UnixListener) -> Result<(), Failure> {
    loop {
        let (mut socket, _) = listener.accept().await?;
        tokio::spawn(async move {
            let mut both = [0; 8];
            socket.read_exact(&mut both).await?;
            let (mut request, reply) = buffers(both);
            loop {
                socket.read_exact(&mut request).await?;
                socket.write_all(&reply).await?;
            }
            #[allow(unreachable_code)] // Tells the type of the errors.
            Ok::<(), std::io::Error>(())
        });
    }
}

/// The tokio client's side, for one call at a time.
#[derive(Clone)]
pub struct TokioClient(Arc<Mutex<Line>>);

struct Line {
    socket: tokio::net::UnixStream,
    request: Vec<u8>,
    reply: Vec<u8>,
}

impl TokioClient {
    /// Connects, for requests and replies of these lengths.
    pub async fn connect(path: &str, (request, reply): (usize, usize)) -> Result<TokioClient, Failure> {
        let mut socket = tokio::net::UnixStream::connect(path).await?;
        socket.write_all(&lengths(request, reply)).await?;
        let line = Line { socket, request: vec![7; request], reply: vec![0; reply] };
        Ok(TokioClient(Arc::new(Mutex::new(line))))
    }
}

impl Unary for TokioClient {
    async fn echo(&mut self, body: Bytes) -> Result<usize, Failure> {
        let mut line = self.0.lock().await;
        let Line { socket, request, reply } = &mut *line;
        socket.write_all(request).await?;
        socket.read_exact(reply).await?;
        Ok(body.len())
    }
}
