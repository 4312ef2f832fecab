//! zRPC's blocking driver on both sides, default settings.

use crate::message::Payload;
use crate::stack_zrpc::ECHO;
use bytes::Bytes;
use std::time::Duration;
use zrpc_benches::Failure;
use zrpc_core::rpc::{ProstCodec, Request, Response, ServiceDescriptor};
use zrpc_std::{Channel, IncomingCall, Server, ServerBuilder, Service};

/// Serves what `bind` makes of a server until the process ends.
pub fn serve(bind: impl FnOnce(ServerBuilder) -> Result<Server, Failure>) -> Result<(), Failure> {
    bind(Server::builder().service(Echo))?.run()?;
    Ok(())
}

/// A channel of one connection.
pub struct Client {
    channel: Channel,
    body: Bytes,
}

impl Client {
    /// Connects; polls for answers as long as said before it sleeps, or as the driver thinks fit.
    pub fn connect(uri: &str, body: &Bytes, polling: Option<Duration>) -> Result<Client, Failure> {
        let builder = Channel::builder(uri)?;
        let builder = if let Some(polling) = polling { builder.spin(polling) } else { builder };
        Ok(Client { channel: builder.connect()?, body: body.clone() })
    }

    /// One request and its reply.
    pub fn call(&mut self) -> Result<(), Failure> {
        let request = Request::new(Payload { body: self.body.clone() });
        let reply = self.channel.unary::<ProstCodec<Payload, Payload>>(&ECHO.methods[0], request)?;
        match reply.message().body.len() == self.body.len() {
            true => Ok(()),
            false => Err("a reply is not as long as its request".into()),
        }
    }
}

struct Echo;

impl Service for Echo {
    fn descriptor(&self) -> &'static ServiceDescriptor {
        &ECHO
    }

    fn call(&self, method: usize, call: IncomingCall) {
        match method {
            0 => call
                .unary::<ProstCodec<Payload, Payload>>(|request| Ok(Response::new(request.into_message()))),
            _ => call.unimplemented(),
        }
    }
}
