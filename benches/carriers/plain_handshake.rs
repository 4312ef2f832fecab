//! The opening handshake of the WebSocket peers, whose own would bring an HTTP stack along: a request's head is read and
//! answered, and not looked at. The bench's client does not check the accept key.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Reads a request's head and accepts it.
pub async fn accept(socket: &mut TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    socket.write_all(answer.as_bytes()).await
}
