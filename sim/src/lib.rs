//! A whole RPC system from one seed: virtual clocks, links with faults, and the real machines of zRPC between them.
//!
//! Whatever can happen to a distributed system happens here in one thread and in no time: links stall and vanish, processes
//! crash, stop and drain, clocks drift and jump. After each step the world checks what must hold of every call. What fails,
//! fails again from the same seed, on any machine.
//!
//! Two ways in:
//!
//! * [`World`] runs the machines themselves, on every carrier, with handlers that are plain async functions. Its
//!   [`check`] runs thousands of seeds of a [`Scenario`], and shrinks the first that fails.
//! * `network` (feature `tokio`, on by default) puts simulated links under the tokio driver, so that your own generated services and clients
//!   run in it as they are.
//!
//! Here is a server that loses power while a call is under way, and a client that notices:
//!
//! ```
//! use std::time::Duration;
//! use zrpc_sim::{ChannelOptions, Fault, NewCall, World};
//!
//! let mut world = World::new(1);
//! let server = world.server(|call| async move {
//!     call.clock().sleep(Duration::from_secs(30)).await;
//!     call.send("late".into()).await
//! });
//! let client = world.client();
//! let channel = world.channel(client, server, ChannelOptions::default());
//! world.spawn(client, async move {
//!     let mut head = NewCall::to("/demo.Reports/Make");
//!     head.deadline = Some(channel.clock().now() + Duration::from_secs(60));
//!     let call = channel.start(head);
//!     call.send("the yearly one".into()).await.unwrap();
//!     call.half_close();
//!     assert!(!call.status().await.is_ok());
//! });
//! world.run_for(Duration::from_secs(5))?;
//! world.inject(Fault::PowerOff(server, Duration::from_secs(10)));
//! world.run_until_done(Duration::from_secs(90))?;
//! # Ok::<(), zrpc_sim::Violation>(())
//! ```
//!
//! | module | what it decides |
//! |---|---|
//! | `network` | hosts and sockets for the tokio driver |
//! | [`link`] | how bytes and datagrams arrive: delay, rate, pieces, loss, bursts, order, damage |
//! | `world` | processes and connections, and when anything happens next |
//! | `ledger` | what must hold of every call |
//! | `check` | many seeds, the smallest scenario that still fails, and the line that replays it |

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod call;
mod check;
mod clock;
mod ledger;
pub mod link;
#[cfg(feature = "tokio")]
pub mod network;
mod tasks;
mod transcript;
mod world;

pub use call::{CallKey, Channel, ClientCall, NewCall, ServerCall};
pub use check::{Failure, Report, Scenario, check, try_check};
pub use clock::{Clock, Skew};
pub use ledger::Violation;
pub use transcript::Transcript;
pub use world::{ChannelOptions, Fault, ProcessId, World};
