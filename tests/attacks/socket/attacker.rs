//! A script on a socket: as fast as the victim takes it, until it is refused, over, or has had its time.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use zrpc_tests::attacks::{Script, Wire};

/// How long an attack may go on.
const TIME: Duration = Duration::from_millis(1_200);
/// What is written at once, about.
const BATCH: usize = 16 * 1024;

/// How an attack ended.
pub struct Outcome {
    /// Units that were sent; some of them were under way when the victim had had enough.
    pub units: u32,
    /// After which time the victim refused more, if it did.
    pub refused: Option<Duration>,
    /// What the victim said at the end, or did.
    pub end: String,
}

/// Runs a script against a server.
pub fn attack(at: SocketAddr, mut script: Script) -> std::io::Result<Outcome> {
    let mut stream = TcpStream::connect(at)?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(TIME))?;
    let refused = Arc::new(AtomicBool::new(false));
    let reader = script.reads.then(|| {
        let (stream, refused) = (stream.try_clone(), Arc::clone(&refused));
        std::thread::spawn(move || {
            stream.map_or_else(|error| error.to_string(), |stream| listen(stream, &refused))
        })
    });
    let start = Instant::now();
    let mut wire = script.opening.clone();
    let mut broke = stream.write_all(&wire.take()).err();
    let mut units = 0;
    while broke.is_none()
        && units < script.units
        && start.elapsed() < TIME
        && !refused.load(Ordering::Relaxed)
    {
        wire = Wire::default();
        while wire.0.len() < BATCH && units < script.units {
            script.write(&mut wire, units);
            units += 1;
        }
        broke = stream.write_all(&wire.take()).err();
    }
    // A flood that was taken whole may be refused once it is read.
    let patience = start.elapsed() + Duration::from_millis(200);
    while broke.is_none()
        && reader.is_some()
        && !refused.load(Ordering::Relaxed)
        && start.elapsed() < patience
    {
        std::thread::sleep(Duration::from_millis(1));
    }
    let is_refused = refused.load(Ordering::Relaxed)
        || broke
            .as_ref()
            .is_some_and(|error| !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    let after = start.elapsed();
    // The victim may have hung up already.
    let _gone = stream.shutdown(Shutdown::Both);
    let said = reader.and_then(|reader| reader.join().ok()).filter(|said| !said.is_empty());
    let end = match said {
        Some(said) if is_refused => said,
        _ => broke.map_or_else(|| "goes on".to_owned(), |error| error.kind().to_string()),
    };
    Ok(Outcome { units, refused: is_refused.then_some(after), end })
}

/// Reads to the end; what the victim said last, if that was a refusal.
fn listen(mut stream: TcpStream, refused: &AtomicBool) -> String {
    let (mut read, mut buffer, mut said) = (Vec::new(), vec![0; 64 * 1024], String::new());
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        read.extend_from_slice(&buffer[..count]);
        if said.is_empty() {
            let whole = take_frames(&mut read, &mut said);
            read.drain(..whole);
        } else {
            read.clear();
        }
        if !said.is_empty() {
            refused.store(true, Ordering::Relaxed);
        }
    }
    refused.store(true, Ordering::Relaxed);
    if said.is_empty() { "hung up".to_owned() } else { said }
}

/// Looks for GOAWAY among the frames; how many octets were looked at.
fn take_frames(read: &mut [u8], said: &mut String) -> usize {
    let mut at = 0;
    while let Some(head) = read.get(at..at + 9) {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let Some(payload) = read.get(at + 9..at + 9 + length) else { break };
        if head[3] == 7 && length >= 8 {
            let code = payload[7];
            *said = format!("GOAWAY {code} {}", payload[8..].escape_ascii());
        }
        at += 9 + length;
    }
    at
}
