//! The program: what it is told on its command line, and what it says.
//!
//! Only here is anything printed.

mod arguments;
mod check;
mod import;
mod log;
mod openapi;
mod routes;
mod serve;

use std::{io::Write as _, process::ExitCode};

use clap::Parser as _;

use self::arguments::{Arguments, Command};
use crate::{
    app::{StartError, check::ContractError},
    diagnostic::Diagnostic,
};

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
    #[error(transparent)]
    Development(#[from] crate::server::DevelopmentError),
    #[error(
        "cannot listen on `tls.redirect_port`: {0}: stop the other program or set another port"
    )]
    Redirect(String),
    #[error(
        "cannot open the log file {name} of `log.file`: {source}: its folder must be there and be writable"
    )]
    LogFile { name: String, source: std::io::Error },
    #[error(transparent)]
    Contract(#[from] ContractError),
    #[error(transparent)]
    Import(#[from] import::ImportError),
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
}

impl From<Vec<Diagnostic>> for Failure {
    fn from(faults: Vec<Diagnostic>) -> Self {
        Self::Start(StartError::Faults(faults))
    }
}

/// What a command ends with that could not find out what it was asked.
const UNABLE: u8 = 2;

/// Runs the program to its end.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let command = arguments.command.unwrap_or(Command::Serve(arguments.serve));
    let (done, unable) = match command {
        Command::Serve(options) => {
            (serve::run(&options).map(|()| ExitCode::SUCCESS), ExitCode::FAILURE)
        }
        Command::Check(options) => (check::run(&options), ExitCode::from(UNABLE)),
        Command::Routes(options) => (routes::run(&options), ExitCode::from(UNABLE)),
        Command::Import(options) => (import::run(&options), ExitCode::from(UNABLE)),
        Command::Openapi(options) => (openapi::run(&options), ExitCode::from(UNABLE)),
    };
    done.unwrap_or_else(|failure| {
        say(&told(&failure));
        unable
    })
}

/// A failure as a person reads it: diagnostics with their lines, everything else as one sentence.
fn told(failure: &Failure) -> String {
    match failure {
        Failure::Start(StartError::Faults(faults)) => {
            let faults: Vec<String> = faults.iter().map(rendered).collect();
            faults.join("\n\n")
        }
        other => format!("error: {other}"),
    }
}

/// A diagnostic for standard error, in colours where that is a terminal.
fn rendered(diagnostic: &Diagnostic) -> String {
    use std::io::IsTerminal as _;
    diagnostic.render(std::io::stderr().is_terminal())
}

/// Says something on standard error; whoever closed it does not want to know.
fn say(text: &str) {
    drop(writeln!(std::io::stderr(), "{text}"));
}

/// Prints what was asked for on standard output; whoever closed it does not want to know.
fn print(text: &str) {
    let mut out = std::io::stdout();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}
