//! (s) `chorus serve`: the server.

use crate::config::{self, Config};
use crate::{server, telemetry};

/// Runs until a signal; the exit code.
pub fn run(config: Config) -> i32 {
    telemetry::log::start(&config.log);
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in config::strangers(names) {
        tracing::warn!("{name} is no setting of this version: it has no effect");
    }
    #[cfg(feature = "mutants")]
    crate::mutants::plant(
        std::env::var("CHORUS_MUTANT").ok().and_then(|name| crate::mutants::Mutant::named(&name)),
    );
    let Ok(runtime) = tokio::runtime::Runtime::new() else {
        eprintln!("chorus: no threads could be started");
        return 1;
    };
    match runtime.block_on(server::serve(config)) {
        Ok(()) => 0,
        Err(why) => {
            eprintln!("chorus: {why}");
            1
        }
    }
}
