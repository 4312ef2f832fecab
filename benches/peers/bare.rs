//! The floor: a blocking `TcpStream` on each side that moves as many bytes as a call and looks at none of them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use zrpc_benches::Failure;

/// Serves on `listener` until the process ends. A client first says how long requests and replies are.
pub fn serve(listener: TcpListener) -> Result<(), Failure> {
    for socket in listener.incoming() {
        let socket = socket?;
        std::thread::spawn(move || echo(socket));
    }
    Ok(())
}

fn echo(mut socket: TcpStream) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let mut request = vec![0; read_length(&mut socket)?];
    let reply = vec![7; read_length(&mut socket)?];
    loop {
        socket.read_exact(&mut request)?;
        socket.write_all(&reply)?;
    }
}

fn read_length(socket: &mut TcpStream) -> std::io::Result<usize> {
    let mut length = [0; 4];
    socket.read_exact(&mut length)?;
    Ok(u32::from_be_bytes(length) as usize)
}

/// The client's side.
pub struct Client {
    socket: TcpStream,
    request: Vec<u8>,
    reply: Vec<u8>,
}

impl Client {
    /// Connects, for requests and replies of these lengths.
    pub fn connect(address: SocketAddr, request: u32, reply: u32) -> Result<Client, Failure> {
        let mut socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.write_all(&request.to_be_bytes())?;
        socket.write_all(&reply.to_be_bytes())?;
        Ok(Client { socket, request: vec![7; request as usize], reply: vec![0; reply as usize] })
    }

    /// One request and its reply.
    pub fn call(&mut self) -> Result<(), Failure> {
        self.socket.write_all(&self.request)?;
        self.socket.read_exact(&mut self.reply)?;
        Ok(())
    }
}
