//! (s) The commands.

pub mod account;
pub mod bench;
pub mod call;
pub mod check;
pub mod compare;
pub mod demo;
pub mod ear;
pub mod files;
pub mod ladder;
pub mod phone;
pub mod serve;
pub mod tls;
pub mod trunk;

use crate::config;
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Twilio Programmable Voice as one binary.
#[derive(Parser)]
#[command(version)]
pub struct Arguments {
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
    /// A whole call on this machine: server, app, agent and phone; exits 0 if everything was as it must be.
    Demo {
        /// Leaves the server up afterwards, with lines to paste.
        #[arg(long)]
        keep: bool,
        /// Spoils the call, to see that it is noticed.
        #[arg(long = "break", value_name = "NAME")]
        broken: Option<demo::Break>,
    },
    /// A phone in the terminal: dials a number or a sip: URI over SIP and prints the ladder.
    Call(call::Options),
    /// The timeline of a call as a picture, while it runs and afterwards.
    Ladder(ladder::Options),
    /// Accounts.
    Account {
        #[command(subcommand)]
        command: account::Command,
    },
    /// Trunks.
    Trunk {
        #[command(subcommand)]
        command: trunk::Command,
    },
    /// Certificates for software that insists on api.twilio.com.
    Tls {
        #[command(subcommand)]
        command: tls::Command,
    },
    /// What the interpreter makes of a TwiML document.
    Check {
        /// The document.
        file: PathBuf,
    },
    /// The page of all settings.
    Config,
    /// What calls cost, beside floor programs measured in the same run.
    Bench(bench::Arguments),
}

impl Arguments {
    /// Does it; the exit code.
    pub fn run(self) -> i32 {
        crate::heap::bound();
        files::raise();
        let path = self.config;
        let with = |command: fn(config::Config) -> i32| match config::Config::from_process(path.as_deref()) {
            Ok(c) => command(c),
            Err(why) => fail(2, &why),
        };
        match self.command.unwrap_or(Command::Serve) {
            Command::Serve => with(serve::run),
            Command::Demo { keep, broken } => demo::run(demo::Options { keep, broken }),
            Command::Call(options) => call::run(options),
            Command::Ladder(options) => ladder::run(options, path.as_deref()),
            Command::Account { command } => account::run(command, path.as_deref()),
            Command::Trunk { command } => trunk::run(command, path.as_deref()),
            Command::Tls { command } => tls::run(command),
            Command::Check { file } => check::run(&file),
            Command::Bench(arguments) => bench::run(&arguments),
            Command::Config => {
                print!("{}", config::page());
                0
            }
        }
    }
}

/// Says why, for this exit code.
fn fail(code: i32, why: &str) -> i32 {
    eprintln!("chorus: {why}");
    code
}

/// Runs a command that needs tasks.
fn block_on(work: impl Future<Output = Result<(), String>>) -> i32 {
    let Ok(runtime) = tokio::runtime::Runtime::new() else {
        return fail(1, "no threads could be started");
    };
    match runtime.block_on(work) {
        Ok(()) => 0,
        Err(why) => fail(1, &why),
    }
}
