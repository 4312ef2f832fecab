//! zRPC's WebSocket on tokio, for plain messages: each one is sent back.

use std::ops::ControlFlow;
use std::sync::Arc;
use tokio::net::TcpListener;
use zrpc_benches::Failure;
use zrpc_core::base::Time;
use zrpc_core::websocket::{Config, Connection, Event};
use zrpc_tokio::clock;
use zrpc_tokio::pump::{Owner, drive};

/// Serves on `listener` until the process ends.
pub async fn serve(listener: TcpListener) -> Result<(), Failure> {
    let config = Arc::new(Config::default());
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        tokio::spawn(drive(socket, Connection::server(clock::now(), Arc::clone(&config)), Echo));
    }
}

struct Echo;

impl Owner<Connection> for Echo {
    fn on_event(&mut self, connection: &mut Connection, event: Event, _: Time) -> ControlFlow<()> {
        match event {
            Event::Message { kind, payload, .. } => {
                // What refuses it is a connection that closes.
                let _ = connection.send(kind, payload, false);
            }
            Event::Closed(_) => return ControlFlow::Break(()),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
