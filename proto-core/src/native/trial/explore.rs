//! Every order of what can happen to one or two calls of the native protocol: see `crate::rpc::trial::explore`.

use crate::base::Time;
use crate::base::laws::explore::explore;
use crate::native::{Config, NativeClient, NativeServer};
use crate::rpc::trial::explore::{Pair, Scenario};
use core::time::Duration;

fn pair() -> (NativeClient, NativeServer) {
    let config = Config {
        max_calls: 2,
        initial_credit: 3_000,
        part_bytes: 2_000,
        send_buffer_bytes: 1_500,
        opening_timeout: Duration::MAX,
        ..Config::default()
    }
    .shared();
    (NativeClient::new(Time::START, config.clone()), NativeServer::new(Time::START, config))
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
    let found = explore("native, two calls", Pair::new(PLAIN, pair), 8);
    assert!(found.states > 1_000, "{found:?}");
}

#[test]
fn a_call_ends_wherever_it_is_cancelled_or_runs_out_of_time_or_its_transport_ends() {
    let scenario = Scenario { cancels: true, deadlines: true, cuts: true, is_greeted: false, ..PLAIN };
    let found = explore("native, cancellation", Pair::new(scenario, pair), 7);
    assert!(found.states > 1_000, "{found:?}");
}

#[test]
fn calls_end_wherever_either_side_drains() {
    let scenario = Scenario { drains: true, ..PLAIN };
    let found = explore("native, drain", Pair::new(scenario, pair), 7);
    assert!(found.states > 1_000, "{found:?}");
}

#[test]
fn messages_beyond_the_credit_arrive_whenever_it_is_given_back() {
    let scenario = Scenario { calls_max: 1, messages_max: 3, message_bytes: 1_800, consumes: true, ..PLAIN };
    let found = explore("native, credit", Pair::new(scenario, pair), 11);
    assert!(found.states > 1_000, "{found:?}");
}
