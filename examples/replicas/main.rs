//! A service of one's own in the simulator: three replicas keep a register, a client writes to two of them and reads from
//! two, while hosts crash and links fail.
//!
//! ```text
//! cargo run --example replicas                                  # 100 seeds, and what happened in them
//! cargo test --example replicas                                 # 500 seeds, and a mistake that they find
//! ZRPC_SIM_SEED=7 cargo test --example replicas replicas        # one of them again
//! ```
//!
//! `replica.rs` is the service, `client.rs` its client; neither knows that it is simulated. Everything in `generated` was
//! made from `register.proto`.

mod client;
mod generated;
mod replica;

use client::Client;
use generated::zrpc::examples::register::v1 as register;
use replica::{Disk, Replica};
use std::time::{Duration, Instant};
use zrpc::core::stack::ClientConfig;
use zrpc::tokio::{Channel, Server};
use zrpc_sim::network::{self, Network};

const REPLICAS: [&str; 3] = ["one", "two", "three"];
/// Of three, any two have one in common.
const QUORUM: usize = 2;
const WRITES: u64 = 20;
/// How long things go wrong.
const BAD_TIMES: Duration = Duration::from_secs(30);

fn main() {
    let started = Instant::now();
    let seeds = 100;
    network::check("replicas", seeds, async |network| no_write_is_lost(network, QUORUM).await);
    println!("{seeds} worlds of three replicas, {WRITES} writes in each, no acknowledged write was lost");
    println!("it took {:?}; each world lived for half a minute and more", started.elapsed());
}

/// Writes and reads in turns while things go wrong: what was acknowledged is read, or something later.
async fn no_write_is_lost(network: Network, quorum: usize) {
    for name in REPLICAS {
        // It outlives the process, as a disk would.
        let disk = Disk::default();
        let network_of_host = network.clone();
        network.host(name, move || {
            let replica = register::RegisterServer::new(Replica::with(disk.clone()));
            Server::builder().service(replica).listen(network_of_host.listen(name)).run()
        });
    }
    let misfortune = {
        let network = network.clone();
        tokio::spawn(async move { network.misfortune(BAD_TIMES, &["client"]).await })
    };
    let client = Client::new(REPLICAS.map(|name| channel(&network, name)), quorum);
    for version in 1..=WRITES {
        client.write(version, format!("value {version}")).await;
        tokio::time::sleep(Duration::from_millis(network.random_below(2_000))).await;
        let read = client.read().await;
        network.note(format_args!("wrote {version}, read {}", read.version));
        assert!(read.version >= version, "version {version} was acknowledged, and {} was read", read.version);
        assert_eq!(read.value, format!("value {}", read.version));
    }
    misfortune.await.expect("misfortune does not panic");
}

/// With keepalive: a connection that is dead without a word would be waited on for ever.
fn channel(network: &Network, replica: &str) -> Channel {
    let keepalive = |config: &mut ClientConfig| {
        config.http2.keepalive_interval = Some(Duration::from_secs(10));
        config.http2.keepalive_timeout = Duration::from_secs(2);
    };
    network.channel_builder("client", replica).config(keepalive).seed(network.random()).lazy()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn replicas_lose_no_acknowledged_write_in_500_worlds() {
        let hashes = network::check("replicas", 500, async |network| no_write_is_lost(network, QUORUM).await);
        assert!(!hashes.is_empty());
    }

    #[test]
    fn the_same_seed_is_the_same_world() {
        let hash = |seed| {
            network::run(seed, async |network: Network| {
                no_write_is_lost(network.clone(), QUORUM).await;
                network.transcript_hash()
            })
        };
        let hashes = [1, 2, 3, 4, 5].map(hash);
        assert_eq!(hashes, [1, 2, 3, 4, 5].map(hash));
        assert_ne!(hashes[0], hashes[1]);
    }

    #[test]
    fn a_client_that_is_content_with_one_replica_is_found_out() {
        let found = (0..20).find(|seed| {
            let world = || network::run(*seed, async |network| no_write_is_lost(network, 1).await);
            catch_unwind(AssertUnwindSafe(world)).is_err()
        });
        assert!(found.is_some(), "no seed of 20 found the mistake");
    }
}
