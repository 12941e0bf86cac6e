//! The real program, driven over real sockets, files and signals.
//!
//! Each test starts a server of its own on a port of its own, waits on what it asks for and never on
//! the clock, and leaves nothing behind.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on must fail")]
#![expect(clippy::print_stderr, reason = "what a server logged explains why its test failed")]

mod harness;

mod admin;
mod answer;
mod beside_pserve;
mod broken;
mod bundled;
mod check;
mod cli;
mod clients;
mod compiled;
mod concurrency;
mod contract;
mod contract_moved;
mod cors;
mod doc_scripts;
mod docs;
mod documents;
mod documents_http;
mod documents_outside;
mod documents_pages;
mod embed;
mod ending;
mod errors;
mod extras;
mod faults;
mod files;
mod floods;
mod guards;
mod hostile;
mod house;
mod import;
mod imports;
mod jobs;
mod keys;
mod leaks;
mod lifecycle;
mod limits;
mod load_time;
mod mutants;
mod names;
mod natives;
mod openapi;
mod openapi_info;
mod page;
mod promises;
mod rates;
mod reload;
mod request;
mod returns;
mod rhai_table;
mod routing;
mod safety;
mod saving;
mod saving_config;
mod schemas;
mod sessions;
mod sessions_kept;
mod sessions_redis;
mod sessman;
mod signals;
mod state;
mod store;
mod store_much;
mod system;
mod tls;
mod tls_clients;
mod tls_dev;
mod tls_redirect;
mod validation;
mod wire;
