//! Every order of what can happen to one or two calls of the native protocol: see `crate::rpc::trial::explore`.

use crate::base::Time;
use crate::native::{Config, NativeClient, NativeServer};
use crate::rpc::trial::scenario::explore_calls;
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

explore_calls!("native", pair);
