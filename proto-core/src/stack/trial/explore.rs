//! Every order of what can happen to one or two calls of gRPC on HTTP/2: see `crate::rpc::trial::explore`.

use crate::base::Time;
use crate::http2::Config;
use crate::rpc::trial::scenario::explore_calls;
use crate::stack::{ClientConfig, GrpcClient, GrpcServer, ServerConfig};
use core::time::Duration;

fn pair() -> (GrpcClient, GrpcServer) {
    let http2 = Config {
        max_concurrent_streams: 2,
        stream_window_bytes: 3_000,
        window_bytes_max: 65_535,
        send_buffer_bytes: 1_500,
        settings_timeout: Duration::MAX,
        ..Config::default()
    };
    let client = ClientConfig { http2: http2.clone(), ..ClientConfig::default() };
    let server = ServerConfig { http2, ..ServerConfig::default() };
    (GrpcClient::new(Time::START, &client), GrpcServer::new(Time::START, &server))
}

explore_calls!("gRPC", pair);
