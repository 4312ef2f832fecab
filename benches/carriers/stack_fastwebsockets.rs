//! fastwebsockets, in the loop that its documentation shows for an echo.

use crate::plain_handshake;
use fastwebsockets::{Frame, OpCode, Role, WebSocket, WebSocketError};
use tokio::net::{TcpListener, TcpStream};
use zrpc_benches::Failure;

/// Serves on `listener` until the process ends.
pub async fn serve(listener: TcpListener) -> Result<(), Failure> {
    loop {
        let (socket, _) = listener.accept().await?;
        tokio::spawn(echo(socket));
    }
}

async fn echo(mut socket: TcpStream) -> Result<(), WebSocketError> {
    socket.set_nodelay(true)?;
    plain_handshake::accept(&mut socket).await?;
    let mut socket = WebSocket::after_handshake(socket, Role::Server);
    socket.set_writev(true);
    socket.set_auto_close(true);
    socket.set_auto_pong(true);
    loop {
        let frame = socket.read_frame().await?;
        match frame.opcode {
            // A frame made anew: one that was read keeps its mask, and would be sent as masked by a server.
            OpCode::Text | OpCode::Binary => {
                socket.write_frame(Frame::new(true, frame.opcode, None, frame.payload)).await?;
            }
            OpCode::Close => return Ok(()),
            _ => {}
        }
    }
}
