//! A gRPC server that misbehaves, to see that clients do not: the eight negative HTTP/2 cases of the interoperability
//! suite, built on the core's frames because the core's connection would not do what is asked for here.
//!
//! Usage: `misbehaving-server --test_case NAME`. Its first line of output is its port. When its standard input ends
//! it says what the client did wrong, if anything, and exits with 1 then.

mod cases;
mod peer;

use cases::{Case, Ledger};
use peer::Peer;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use zrpc_tests::arguments::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::from_process();
    let Some(case) = arguments.value("test_case").and_then(Case::named) else {
        eprintln!("usage: misbehaving-server --test_case {}", Case::NAMES.join("|"));
        return ExitCode::from(2);
    };
    match serve(case) {
        Ok(verdict) => verdict,
        Err(error) => {
            eprintln!("cannot listen on 127.0.0.1: {error}");
            ExitCode::from(2)
        }
    }
}

fn serve(case: Case) -> std::io::Result<ExitCode> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let connections = Arc::new(Mutex::new(Vec::<JoinHandle<()>>::new()));
    std::thread::spawn({
        let (ledger, connections) = (Arc::clone(&ledger), Arc::clone(&connections));
        move || {
            for stream in listener.incoming().flatten() {
                let ledger = Arc::clone(&ledger);
                let served = std::thread::spawn(move || serve_connection(case, stream, &ledger));
                connections.lock().unwrap_or_else(PoisonError::into_inner).push(served);
            }
        }
    });
    std::io::stdin().read_to_end(&mut Vec::new())?;
    // The client is gone by now, so that each connection is at its end.
    let served = std::mem::take(&mut *connections.lock().unwrap_or_else(PoisonError::into_inner));
    served.into_iter().for_each(|connection| drop(connection.join()));
    let complaints = case.complaints(&ledger.lock().unwrap_or_else(PoisonError::into_inner));
    complaints.iter().for_each(|complaint| eprintln!("{complaint}"));
    Ok(if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn serve_connection(case: Case, stream: TcpStream, ledger: &Mutex<Ledger>) {
    let mut record = cases::Record::default();
    let served = Peer::accept(stream, case.settings()).and_then(|mut peer| {
        let served = case.serve(&mut peer, &mut record);
        record.open_max = peer.open_max();
        record.pings_unanswered = peer.pings_unanswered();
        served
    });
    if let Err(error) = served {
        record.error = Some(error.to_string());
    }
    ledger.lock().unwrap_or_else(PoisonError::into_inner).records.push(record);
}
