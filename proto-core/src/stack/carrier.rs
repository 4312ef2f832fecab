//! Which session speaks which carrier: the one place that knows it, for both drivers.

use crate::base::{Entropy, Secret, Time};
use crate::native::{self, NativeClient};
use crate::rpc::grpc_web::WebForm;
use crate::rpc::{Carrier, ClientSession};
use crate::stack::websocket_client::config_of_channel;
use crate::stack::{ClientConfig, GrpcClient, GrpcWebClient, WebSocketClient, WebSocketHttp2Client};
use alloc::boxed::Box;

/// Makes the session of a new connection. The entropy is the connection's own.
pub type NewClientSession = fn(Time, &ClientConfig, Entropy) -> Box<dyn ClientSession + Send>;

/// What makes a client's sessions of `carrier`.
#[must_use]
pub fn client_sessions(carrier: Carrier) -> NewClientSession {
    match carrier {
        Carrier::Grpc => |now, config, _| Box::new(GrpcClient::new(now, config)),
        Carrier::Native => |now, config, mut entropy| {
            let native = native_config(config, &mut entropy);
            Box::new(NativeClient::new(now, native.shared()))
        },
        Carrier::WebSocket => |now, config, mut entropy| {
            let native = native_config(config, &mut entropy);
            Box::new(WebSocketClient::of_channel(now, config, native, false, entropy))
        },
        Carrier::WebSocketJson => |now, config, mut entropy| {
            let native = native_config(config, &mut entropy);
            Box::new(WebSocketClient::of_channel(now, config, native, true, entropy))
        },
        Carrier::WebSocketHttp2 => |now, config, entropy| websocket_http2(now, config, false, entropy),
        Carrier::WebSocketJsonHttp2 => |now, config, entropy| websocket_http2(now, config, true, entropy),
        Carrier::GrpcWeb => {
            |now, config, _| Box::new(GrpcClient::new(now, &in_form(config, WebForm::Binary)))
        }
        Carrier::GrpcWebText => {
            |now, config, _| Box::new(GrpcClient::new(now, &in_form(config, WebForm::Text)))
        }
        Carrier::GrpcWebHttp1 => {
            |_, config, _| Box::new(GrpcWebClient::new(&in_form(config, WebForm::Binary)))
        }
        Carrier::GrpcWebTextHttp1 => {
            |_, config, _| Box::new(GrpcWebClient::new(&in_form(config, WebForm::Text)))
        }
    }
}

fn websocket_http2(
    now: Time,
    channel: &ClientConfig,
    text: bool,
    mut entropy: Entropy,
) -> Box<dyn ClientSession + Send> {
    let native = native_config(channel, &mut entropy);
    let (config, seed) = config_of_channel(channel, native.clone(), text, entropy.clone());
    match WebSocketHttp2Client::new(now, &channel.http2, &config, Secret::from_seed(seed)) {
        Ok(client) => Box::new(client),
        // What cannot be asked for there, cannot be asked for here either; this one says so to each call.
        Err(_) => Box::new(WebSocketClient::of_channel(now, channel, native, text, entropy)),
    }
}

fn in_form(config: &ClientConfig, form: WebForm) -> ClientConfig {
    ClientConfig { web: Some(form), ..config.clone() }
}

/// What the native protocol is told of a channel.
fn native_config(config: &ClientConfig, entropy: &mut Entropy) -> native::Config {
    native::Config {
        authority: config.authority.clone(),
        agent: config.user_agent.clone(),
        limits: config.limits,
        seed: entropy.next_u64(),
        ..config.native.clone()
    }
}
