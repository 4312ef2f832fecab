//! Generates zRPC services and clients from .proto files, for code that is checked in.

use std::process::ExitCode;
use zrpc_build::command::{HELP, Outcome, run};

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Help) => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        Ok(Outcome::Stale(differences)) => {
            differences.iter().for_each(|difference| eprintln!("{difference}"));
            eprintln!("run the same without --check to write them");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
