//! The command line.

use std::{net::IpAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::settings::{Overrides, Sources};

/// An HTTP server that is programmed by dropping Rhai scripts into a folder.
#[derive(Debug, Parser)]
#[command(name = "hotplate", version, about, args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) serve: Serve,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve the scripts of a folder; what happens without a subcommand too.
    Serve(Serve),
}

/// How to serve.
#[derive(Debug, Default, Args)]
pub(super) struct Serve {
    /// The configuration file [default: config/hotplate.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of scripts [default: plugins]
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    /// The address to listen on [default: 127.0.0.1]
    #[arg(long, value_name = "ADDR")]
    bind: Option<IpAddr>,
    /// The port to listen on, 0 for any that is free [default: 8080]
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// Development mode: clients see errors, and `/` is a start page
    #[arg(long)]
    dev: bool,
    /// Allow an address that others can reach although no key is configured
    #[arg(long)]
    insecure: bool,
}

impl Serve {
    /// Where the settings come from.
    pub(super) fn sources(&self) -> std::io::Result<Sources> {
        let overrides = Overrides {
            plugins: self.plugins.clone(),
            bind: self.bind,
            port: self.port,
            development: self.dev.then_some(true),
            insecure: self.insecure.then_some(true),
        };
        Ok(Sources { file: self.config.clone(), overrides, ..Sources::of_process()? })
    }
}
