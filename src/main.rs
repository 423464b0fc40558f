//! (s) Arguments become a configuration and a command.

use chorus::{cli, config};
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Twilio Programmable Voice as one binary.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Settings as TOML; the environment wins. Without it, chorus.toml here if there is one.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// The server (also without a command).
    Serve,
    /// What the interpreter makes of a TwiML document.
    Check { file: PathBuf },
    /// The page of all settings.
    Config,
    /// What calls cost, beside floor programs measured in the same run.
    Bench(cli::bench::Arguments),
}

fn main() {
    let arguments = Arguments::parse();
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("chorus: TLS cannot be set up");
        std::process::exit(1);
    }
    let config = || match config::Config::from_process(arguments.config.as_deref()) {
        Ok(c) => c,
        Err(why) => {
            eprintln!("chorus: {why}");
            std::process::exit(2);
        }
    };
    let code = match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => cli::serve::run(config()),
        Command::Check { file } => cli::check::run(&file),
        Command::Bench(arguments) => cli::bench::run(&arguments),
        Command::Config => {
            print!("{}", config::page());
            0
        }
    };
    std::process::exit(code);
}
