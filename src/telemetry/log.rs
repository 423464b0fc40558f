//! (s) The log: one line an event, to stderr; JSON where that is no terminal.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts it with a filter as in CHORUS_LOG.
pub fn start(filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started =
        if std::io::stderr().is_terminal() { builder.try_init() } else { builder.json().try_init() };
    // A second start (tests, demo) keeps the first.
    let _ = started;
}
