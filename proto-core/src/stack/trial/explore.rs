//! Every order of what can happen to one or two calls of the gRPC on HTTP/2: see `crate::rpc::trial::explore`.

use crate::base::Time;
use crate::base::laws::explore::explore;
use crate::http2::Config;
use crate::rpc::trial::explore::{Pair, Scenario};
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

const PLAIN: Scenario = Scenario {
    calls_max: 2,
    messages_max: 1,
    message_bytes: 3,
    deadlines: false,
    consumes: false,
    cancels: false,
    drains: false,
    cuts: false,
    is_greeted: true,
};

#[test]
fn two_calls_end_whatever_comes_first() {
    let found = explore("gRPC, two calls", Pair::new(PLAIN, pair), 8);
    assert!(found.states > 1_000, "{found:?}");
}

#[test]
fn a_call_ends_wherever_it_is_cancelled_or_runs_out_of_time_or_its_transport_ends() {
    let scenario = Scenario { cancels: true, deadlines: true, cuts: true, is_greeted: false, ..PLAIN };
    let found = explore("gRPC, cancellation", Pair::new(scenario, pair), 7);
    assert!(found.states > 1_000, "{found:?}");
}

#[test]
fn calls_end_wherever_either_side_drains() {
    let scenario = Scenario { drains: true, ..PLAIN };
    let found = explore("gRPC, drain", Pair::new(scenario, pair), 7);
    assert!(found.states > 1_000, "{found:?}");
}

#[test]
fn messages_beyond_the_credit_arrive_whenever_it_is_given_back() {
    let scenario = Scenario { calls_max: 1, messages_max: 3, message_bytes: 1_800, consumes: true, ..PLAIN };
    let found = explore("gRPC, credit", Pair::new(scenario, pair), 11);
    assert!(found.states > 1_000, "{found:?}");
}
