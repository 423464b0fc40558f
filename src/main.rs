//! (s) Arguments become a command.

use clap::Parser;

fn main() {
    let arguments = chorus::cli::Arguments::parse();
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("chorus: TLS cannot be set up");
        std::process::exit(1);
    }
    std::process::exit(arguments.run());
}
