//! Which session speaks which carrier: the one place that knows it, for both drivers.

use crate::base::{Entropy, Time};
use crate::native;
use crate::rpc::grpc_web::WebForm;
use crate::rpc::{Carrier, ClientSession, Status};
use crate::stack::{ClientConfig, GrpcClient, GrpcWebClient, WebSocketClient};
use alloc::boxed::Box;
use alloc::format;

/// Makes the session of a new connection. The entropy is the connection's own.
pub type NewClientSession = fn(Time, &ClientConfig, Entropy) -> Box<dyn ClientSession + Send>;

/// What makes a client's sessions of `carrier`.
///
/// # Errors
/// UNIMPLEMENTED when this build does not have the carrier.
pub fn client_sessions(carrier: Carrier) -> Result<NewClientSession, Status> {
    match carrier {
        Carrier::Grpc => Ok(|now, config, _| Box::new(GrpcClient::new(now, config))),
        Carrier::GrpcWeb => {
            Ok(|now, config, _| Box::new(GrpcClient::new(now, &in_form(config, WebForm::Binary))))
        }
        Carrier::GrpcWebText => {
            Ok(|now, config, _| Box::new(GrpcClient::new(now, &in_form(config, WebForm::Text))))
        }
        Carrier::GrpcWebHttp1 => {
            Ok(|_, config, _| Box::new(GrpcWebClient::new(&in_form(config, WebForm::Binary))))
        }
        Carrier::GrpcWebTextHttp1 => {
            Ok(|_, config, _| Box::new(GrpcWebClient::new(&in_form(config, WebForm::Text))))
        }
        Carrier::WebSocket => Ok(|now, config, entropy| {
            Box::new(WebSocketClient::of_channel(now, config, native_config(config), false, entropy))
        }),
        Carrier::WebSocketJson => Ok(|now, config, entropy| {
            Box::new(WebSocketClient::of_channel(now, config, native_config(config), true, entropy))
        }),
        absent => Err(Status::unimplemented(format!(
            "this build does not speak {absent}; connect to http://host:port or http+unix:///path for gRPC on HTTP/2"
        ))),
    }
}

fn in_form(config: &ClientConfig, form: WebForm) -> ClientConfig {
    ClientConfig { web: Some(form), ..config.clone() }
}

/// What the native protocol is told of a channel.
fn native_config(config: &ClientConfig) -> native::Config {
    native::Config {
        authority: config.authority.clone(),
        agent: config.user_agent.clone(),
        limits: config.limits,
        ..native::Config::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::Code;

    #[test]
    fn a_carrier_that_is_not_built_in_is_refused_by_its_name() {
        assert!(client_sessions(Carrier::Grpc).is_ok());
        if let Err(status) = client_sessions(Carrier::Native) {
            assert_eq!(status.code(), Code::Unimplemented);
            assert!(status.message().contains("does not speak the native protocol"), "{status}");
        }
    }
}
