//! tungstenite on tokio, default settings.

use crate::plain_handshake;
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::protocol::Role;
use zrpc_benches::Failure;

/// Serves on `listener` until the process ends.
pub async fn serve(listener: TcpListener) -> Result<(), Failure> {
    loop {
        let (socket, _) = listener.accept().await?;
        tokio::spawn(echo(socket));
    }
}

async fn echo(mut socket: TcpStream) -> Result<(), Error> {
    socket.set_nodelay(true)?;
    plain_handshake::accept(&mut socket).await?;
    let mut socket = WebSocketStream::from_raw_socket(socket, Role::Server, None).await;
    while let Some(message) = socket.next().await.transpose()? {
        if message.is_binary() || message.is_text() {
            socket.send(message).await?;
        }
    }
    Ok(())
}
