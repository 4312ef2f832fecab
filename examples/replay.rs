//! Reads a recording of a connection and replays it: prints each step, stops where it is told to, and shows the session.
//!
//! ```text
//! cargo run --example replay -- FILE.zrec                  each step
//! cargo run --example replay -- FILE.zrec --step 120       the session after so many steps
//! cargo run --example replay -- FILE.zrec --until Ended    up to the first event that says so, and the session there
//! ```
//!
//! Without a file, it records a small connection of its own and replays that. docs/flight-recorder.md says how servers and
//! channels record theirs.

use std::error::Error;
use std::sync::mpsc;
use zrpc::core::recorder::{Record, Replay, Step};
use zrpc::tokio::{Channel, Recorder, Server};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let recording = match words.first() {
        Some(path) => std::fs::read(path)?,
        None => record_one()?,
    };
    let mut replay = Replay::new(recording.into())?;
    println!("{} records by zrpc {}", replay.records().len(), replay.header().library);
    match words.get(1..).unwrap_or_default() {
        ["--step", count] => replay.seek(count.parse()?)?,
        ["--until", text] => {
            match replay.until(|step| step.event.as_ref().is_some_and(|event| event.contains(text)))? {
                Some(step) => print(&step),
                None => println!("no event says {text:?}"),
            }
        }
        [] => {
            while let Some(step) = replay.step()? {
                print(&step);
            }
        }
        other => return Err(format!("unknown arguments {other:?}; use --step NUMBER or --until TEXT").into()),
    }
    println!("after {} steps: {}", replay.position(), replay.state()?);
    Ok(())
}

fn print(step: &Step) {
    let Step { index, record, written, event } = step;
    match record {
        Record::Input { now, bytes } => println!("{index:6} {now:?} {} bytes arrive", bytes.len()),
        Record::Poll { now, turned, .. } => {
            let event = event.as_deref().unwrap_or_default();
            println!("{index:6} {now:?} {turned:?}, {} bytes written {event}", written.len());
        }
        record => println!("{index:6} {record:?}"),
    }
}

/// The recording of a connection without a call.
fn record_one() -> Result<Vec<u8>, Box<dyn Error>> {
    let (hand_over, recorded) = mpsc::channel();
    let recorder = Recorder::ring(1 << 20, move |recorded| {
        // Nobody waits for it any more once there is one.
        let _ = hand_over.send(recorded.ring.to_bytes());
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = Server::builder().record(recorder).bind("127.0.0.1:0").await?;
        let (handle, address) = (server.handle(), server.local_addr()?);
        tokio::spawn(server.run());
        let channel = Channel::connect(&format!("http://{address}")).await?;
        drop(channel);
        handle.drain(std::time::Duration::from_secs(1)).await;
        Ok::<(), Box<dyn Error>>(())
    })?;
    Ok(recorded.recv()?)
}
