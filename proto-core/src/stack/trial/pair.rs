//! A gRPC client and server over a link that delivers in any pieces at any time: see `crate::rpc::trial::pair`.

use crate::base::Time;
use crate::http2::Config;
use crate::rpc::grpc::Limits;
use crate::rpc::grpc_web::{WebConfig, WebForm};
use crate::rpc::trial::pair::{CALLS_AT_ONCE, LARGE, pair_with};
use crate::stack::{ClientConfig, GrpcClient, GrpcServer, ServerConfig};
use core::time::Duration;

/// Whatever is done on either side, and however the link delivers, both sides agree with the model.
pub fn pair(input: &[u8]) {
    pair_in(None, input);
}

/// The same with gRPC-Web on HTTP/2, the first byte says in which form.
pub fn web_pair(input: &[u8]) {
    let (form, input) = input.split_first().map_or((0, input), |(first, rest)| (first % 2, rest));
    pair_in(Some(if form == 1 { WebForm::Text } else { WebForm::Binary }), input);
}

fn pair_in(web: Option<WebForm>, input: &[u8]) {
    let limits = Limits { receive_message_bytes_max: LARGE, ..Limits::default() };
    let client = ClientConfig { http2: http2(), limits, web, ..ClientConfig::default() };
    let is_web = web.is_some();
    let web = is_web.then(WebConfig::default);
    let server = ServerConfig { http2: http2(), limits, web, ..ServerConfig::default() };
    let client = GrpcClient::new(Time::START, &client);
    let server = GrpcServer::new(Time::START, &server);
    // gRPC-Web has no streams of requests.
    let requests_max = if is_web { 1 } else { usize::MAX };
    pair_with(requests_max, input, client, server, |client, server| {
        assert_eq!((client.http2().open_streams(), server.http2().open_streams()), (0, 0));
    });
}

fn http2() -> Config {
    Config {
        max_concurrent_streams: CALLS_AT_ONCE,
        stream_window_bytes: 20_000,
        connection_window_bytes: 65_535,
        window_bytes_max: 65_535,
        send_buffer_bytes: 3_000,
        settings_timeout: Duration::MAX,
        ..Config::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Entropy;
    use alloc::vec::Vec;

    /// Found by the fuzzer: the end of the stream came in an empty frame, while the window was below zero.
    #[test]
    fn a_call_that_outruns_the_servers_smaller_window_ends_well() {
        pair(&[0, 101, 2, 0, 13, 146, 255, 255, 255, 255, 30, 6, 1]);
    }

    #[test]
    fn both_sides_agree_with_the_model_whatever_is_done_and_however_the_link_delivers() {
        for seed in 0..400 {
            let mut chance = Entropy::from_seed(seed);
            let len = chance.below(900);
            let input: Vec<u8> = (0..len).map(|_| chance.next_u64() as u8).collect();
            pair(&input);
        }
    }

    #[test]
    fn both_sides_agree_with_the_model_in_either_form_of_grpc_web() {
        for seed in 0..150 {
            let mut chance = Entropy::from_seed(seed);
            let len = chance.below(900);
            let input: Vec<u8> = (0..len).map(|_| chance.next_u64() as u8).collect();
            web_pair(&input);
        }
    }
}
