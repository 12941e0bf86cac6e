//! The program: what it is told on its command line, and what it says.
//!
//! Only here is anything printed.

mod arguments;
mod log;
mod serve;

use std::{io::Write as _, process::ExitCode};

use clap::Parser as _;

use self::arguments::{Arguments, Command};
use crate::{app::StartError, diagnostic::Diagnostic};

/// Why the program ends without having served.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    PidFile(#[from] crate::server::PidFileError),
    #[error(transparent)]
    Signals(#[from] crate::server::SignalError),
    #[error("cannot use the certificate: {0}")]
    Tls(#[from] crate::server::TlsError),
    #[error("cannot open the log file {name}: {source}")]
    LogFile { name: String, source: std::io::Error },
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
}

impl From<Vec<Diagnostic>> for Failure {
    fn from(faults: Vec<Diagnostic>) -> Self {
        Self::Start(StartError::Faults(faults))
    }
}

/// Runs the program to its end.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let command = arguments.command.unwrap_or(Command::Serve(arguments.serve));
    let done = match command {
        Command::Serve(options) => serve::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&told(&failure));
            ExitCode::FAILURE
        }
    }
}

/// A failure as a person reads it: diagnostics with their lines, everything else as one sentence.
fn told(failure: &Failure) -> String {
    use std::io::IsTerminal as _;
    let color = std::io::stderr().is_terminal();
    match failure {
        Failure::Start(StartError::Faults(faults)) => {
            let faults: Vec<String> = faults.iter().map(|fault| fault.render(color)).collect();
            faults.join("\n\n")
        }
        other => format!("error: {other}"),
    }
}

/// Says something on standard error; whoever closed it does not want to know.
fn say(text: &str) {
    drop(writeln!(std::io::stderr(), "{text}"));
}
