//! A native client and server over a link that delivers in any pieces at any time: see `crate::rpc::trial::pair`.

use crate::base::Time;
use crate::native::{Config, NativeClient, NativeServer};
use crate::rpc::grpc::Limits;
use crate::rpc::trial::pair::{CALLS_AT_ONCE, LARGE, pair as pair_of};
use core::time::Duration;

/// Whatever is done on either side, and however the link delivers, both sides agree with the model.
pub fn pair(input: &[u8]) {
    let config = Config {
        max_calls: CALLS_AT_ONCE,
        initial_credit: 20_000,
        part_bytes: 5_000,
        send_buffer_bytes: 3_000,
        opening_timeout: Duration::MAX,
        limits: Limits { receive_message_bytes_max: LARGE, ..Limits::default() },
        ..Config::default()
    }
    .shared();
    let client = NativeClient::new(Time::START, config.clone());
    let server = NativeServer::new(Time::START, config);
    pair_of(input, client, server, |client, server| {
        assert_eq!((client.waiting_to_send(), server.waiting_to_send()), (0, 0), "calls are forgotten");
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Entropy;
    use alloc::vec::Vec;

    #[test]
    fn both_sides_agree_with_the_model_whatever_is_done_and_however_the_link_delivers() {
        for seed in 0..400 {
            let mut chance = Entropy::from_seed(seed);
            let len = chance.below(900);
            let input: Vec<u8> = (0..len).map(|_| chance.next_u64() as u8).collect();
            pair(&input);
        }
    }
}
