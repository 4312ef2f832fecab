//! Clients and servers on every carrier, over links of every kind, while processes crash and links fail: 2,000 seeds.
//!
//! Each world has a phase with faults, in which nothing untrue may be said, and then one in which all is well again, in which
//! every call must end, large messages must pass on each channel, and nothing may be left behind.

mod code;
mod plan;

use plan::{Call, Plan, Trouble};
use std::time::Duration;
use zrpc_core::native;
use zrpc_core::policy::Backoff;
use zrpc_core::stack::{AnyServerConfig, ClientConfig};
use zrpc_sim::{Channel, ChannelOptions, Fault, ProcessId, Scenario, Violation, World, check, try_check};

/// How long calls may take once all is well.
const HEALED: Duration = Duration::from_secs(1800);
const PROOF: Duration = Duration::from_secs(900);
const WIND_DOWN: Duration = Duration::from_secs(120);

impl Scenario for Plan {
    fn from_seed(seed: u64) -> Plan {
        Plan::new(seed)
    }

    fn run(&self, world: &mut World) -> Result<(), Violation> {
        let servers: Vec<ProcessId> = self
            .servers
            .iter()
            .map(|skew| world.server_with(&self.server_config(), *skew, code::answer))
            .collect();
        let clients: Vec<ProcessId> = self.clients.iter().map(|skew| world.client_with(*skew)).collect();
        let channels: Vec<(ProcessId, ProcessId, Channel)> = self
            .ways
            .iter()
            .map(|way| {
                let (client, server) = (clients[way.client], servers[way.server]);
                (client, server, world.channel(client, server, self.channel_options(way)))
            })
            .collect();
        let spawn = |world: &mut World, call: &Call| {
            let (client, _, channel) = &channels[call.channel];
            world.spawn(*client, code::make(channel.clone(), *call));
        };
        self.calls.iter().for_each(|call| spawn(world, call));

        let mut incidents = self.incidents.clone();
        incidents.sort_by_key(|incident| incident.at);
        let started = world.now();
        for incident in &incidents {
            world.run_for(incident.at.saturating_sub(world.now().saturating_since(started)))?;
            let (client, server, _) = channels[incident.channel];
            world.inject(fault(incident.trouble, client, server, incident.lasts));
        }
        world.run_for(Duration::from_secs(20))?;

        world.heal();
        world.run_until_done(HEALED)?;
        for (client, _, channel) in &channels {
            world.spawn(*client, code::prove(channel.clone()));
        }
        world.run_until_done(PROOF)?;
        world.wind_down(WIND_DOWN)
    }

    fn smaller(&self) -> Vec<Plan> {
        Plan::smaller(self)
    }
}

impl Plan {
    fn server_config(&self) -> AnyServerConfig {
        let mut config = AnyServerConfig::default();
        if self.is_tight {
            config.grpc.http2.max_concurrent_streams = 3;
            config.grpc.http2.stream_window_bytes = 2_000;
            config.grpc.http2.window_bytes_max = 2_000;
            config.native = config.native.map(tight);
        }
        config
    }

    fn channel_options(&self, way: &plan::Way) -> ChannelOptions {
        let mut config = ClientConfig::default();
        config.http2.keepalive_interval = way.keepalive;
        if self.is_tight {
            config.http2.stream_window_bytes = 1_000;
            config.http2.window_bytes_max = 1_000;
            config.native = tight(config.native);
        }
        let backoff = Backoff {
            initial: Duration::from_millis(100),
            max: Duration::from_secs(3),
            ..Backoff::default()
        };
        ChannelOptions { carrier: way.carrier, config, up: way.up, down: way.down, backoff }
    }
}

fn tight(config: native::Config) -> native::Config {
    native::Config { max_calls: 3, initial_credit: 2_000, ..config }
}

fn fault(trouble: Trouble, client: ProcessId, server: ProcessId, lasts: Duration) -> Fault {
    match trouble {
        Trouble::Stall => Fault::Stall(client, server, lasts),
        Trouble::Partition => Fault::Partition(client, server, lasts),
        Trouble::Vanish => Fault::Vanish(client, server),
        Trouble::Reset => Fault::Reset(client, server),
        Trouble::CrashServer => Fault::Crash(server, lasts),
        Trouble::CrashClient => Fault::Crash(client, lasts),
        Trouble::PowerOffServer => Fault::PowerOff(server, lasts),
        Trouble::StopServer => Fault::Stop(server, lasts),
        Trouble::StopClient => Fault::Stop(client, lasts),
        Trouble::JumpServer => Fault::Jump(server, lasts),
        Trouble::JumpClient => Fault::Jump(client, lasts),
        Trouble::Drain => Fault::Drain(server, lasts),
    }
}

#[test]
fn mixed() {
    let report = check::<Plan>("mixed", 2_000);
    println!("{report}");
    if report.seeds >= 1_000 {
        assert_eq!(report.faults.len(), 9, "every kind of fault happened: {:?}", report.faults);
        assert!(report.calls() > 20 * report.seeds);
    }
}

/// Hashes of the first transcripts, which are the same in every build and on every machine. A change to what any machine
/// says changes them: `ZRPC_REGENERATE=1 cargo test -p zrpc-sim --test mixed golden` writes them anew.
const GOLDEN: &str = include_str!("golden.txt");
const GOLDEN_SEEDS: u64 = 50;

#[test]
fn golden_hashes_are_those_of_any_run_build_and_machine() {
    let run = || {
        let report =
            try_check::<Plan>("mixed", 0..GOLDEN_SEEDS).unwrap_or_else(|failure| panic!("{failure}"));
        report.hashes.iter().map(|(seed, hash)| format!("{seed} {hash:016x}\n")).collect::<String>()
    };
    let hashes = run();
    assert_eq!(hashes, run(), "two runs in one process");
    if std::env::var_os("ZRPC_REGENERATE").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mixed/golden.txt");
        std::fs::write(path, &hashes).expect("the golden file can be written");
        return;
    }
    assert_eq!(hashes, GOLDEN, "a seed's transcript is not what it was");
}
