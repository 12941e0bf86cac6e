//! The command line.

use std::{net::IpAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::{
    openapi::Format,
    pserve::Secrets,
    settings::{Overrides, Sources},
};

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
    /// Load everything as the server would, and say what is wrong with it
    Check(Check),
    /// List the routes of the scripts
    Routes(Routes),
    /// Carry the configuration of a pserve server over to ours
    Import(Import),
    /// Print the OpenAPI document of the scripts, or compare it with the accepted one
    Openapi(OpenApi),
}

/// Which project a command is about.
#[derive(Debug, Default, Args)]
pub(super) struct Project {
    /// The configuration file [default: config/hotplate.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of scripts [default: plugins]
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
}

impl Project {
    /// Where the settings come from. Nothing is going to listen, so that any address is fine.
    pub(super) fn sources(&self) -> std::io::Result<Sources> {
        let overrides = Overrides {
            plugins: self.plugins.clone(),
            insecure: Some(true),
            ..Overrides::default()
        };
        Ok(Sources { file: self.config.clone(), overrides, ..Sources::of_process()? })
    }
}

/// How to check.
#[derive(Debug, Args)]
#[command(
    after_help = "Ends with 0 if everything can be served as written, 1 if something cannot, 2 if that cannot be told."
)]
pub(super) struct Check {
    /// Say which functions run compiled, which are interpreted, and why
    #[arg(long)]
    pub(super) compiled: bool,
    /// Print what is found as JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) project: Project,
}

/// How to list routes.
#[derive(Debug, Args)]
pub(super) struct Routes {
    /// Print them as JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) project: Project,
}

/// What to do with the OpenAPI document.
#[derive(Debug, Args)]
#[command(
    after_help = "Ends with 0 if nothing breaks, 1 on breaking changes, 2 if that cannot be told."
)]
pub(super) struct OpenApi {
    /// Compare it with openapi/contract.json, and end with 1 if anything breaks what was accepted
    #[arg(long, conflicts_with_all = ["accept", "diff"])]
    pub(super) check: bool,
    /// Write it to openapi/contract.json: it is what is accepted from now on
    #[arg(long, conflicts_with = "diff")]
    pub(super) accept: bool,
    /// Compare two files with documents in JSON, the old one first
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"], conflicts_with_all = ["config", "plugins"])]
    pub(super) diff: Option<Vec<PathBuf>>,
    /// The form of what is printed [default: json for a document, sentences for changes]
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    pub(super) format: Option<Format>,
    #[command(flatten)]
    pub(super) project: Project,
}

/// What to carry over.
#[derive(Debug, Args)]
#[command(
    after_help = "What is not carried is named on standard error, and in a comment of the new file."
)]
pub(super) struct Import {
    /// The INI file of the pserve server
    #[arg(value_name = "FILE.ini")]
    pub(super) file: PathBuf,
    /// The file to write, which must not be there yet [default: print it]
    #[arg(short, long, value_name = "OUT")]
    pub(super) out: Option<PathBuf>,
    /// Where keys and passwords go: `plain` into the new file, `env` into variables that it names
    #[arg(long, value_name = "WHERE", value_parser = secrets)]
    pub(super) secrets: Option<Secrets>,
}

fn secrets(name: &str) -> Result<Secrets, String> {
    match name {
        "plain" => Ok(Secrets::Plain),
        "env" => Ok(Secrets::Env),
        _ => Err("it is `plain` or `env`".to_owned()),
    }
}

fn format(name: &str) -> Result<Format, String> {
    match name {
        "json" => Ok(Format::Json),
        "yaml" => Ok(Format::Yaml),
        _ => Err("it is `json` or `yaml`".to_owned()),
    }
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
    /// Speak HTTPS with a certificate for this machine, made now and kept in the data folder
    #[arg(long)]
    tls_dev: bool,
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
            tls_dev: self.tls_dev.then_some(true),
            insecure: self.insecure.then_some(true),
        };
        Ok(Sources { file: self.config.clone(), overrides, ..Sources::of_process()? })
    }
}
