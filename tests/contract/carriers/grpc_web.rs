//! gRPC-Web: in bytes on either HTTP, and in base64.

use crate::carrier::{NewClient, Setup};
use crate::carriers::http2::client_config;
use zrpc::core::rpc::grpc_web::WebForm;
use zrpc::core::stack::{ClientConfig, GrpcClient, GrpcWebClient};

/// The sessions of a client, in bytes on HTTP/2.
pub fn client_on_http2(setup: Setup) -> NewClient {
    let config = ClientConfig { web: Some(WebForm::Binary), ..client_config(setup) };
    Box::new(move |now| Box::new(GrpcClient::new(now, &config)))
}

/// The sessions of a client, in bytes on HTTP/1.1.
pub fn client_on_http1(setup: Setup) -> NewClient {
    on_http1(setup, WebForm::Binary)
}

/// The sessions of a client, in base64 on HTTP/1.1.
pub fn client_in_text(setup: Setup) -> NewClient {
    on_http1(setup, WebForm::Text)
}

fn on_http1(setup: Setup, form: WebForm) -> NewClient {
    let config = ClientConfig { web: Some(form), ..client_config(setup) };
    Box::new(move |_| Box::new(GrpcWebClient::new(&config)))
}
