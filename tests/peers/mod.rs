//! Real peers over real sockets: sipp with scenarios of our own, baresip with audio both ways.

mod baresip;
mod cables;
mod called;
mod callee;
mod caller;
mod calling;
mod deaf;
mod domain;
mod fragments;
mod ipv6;
mod kamailio;
mod keepalive;
mod loss;
mod nat;
mod network;
mod restart;
mod scanner;
mod scene;
mod script;
mod secure;
mod sipp;
mod srtp;

use std::path::{Path, PathBuf};

/// The program, if it is installed. Without it the test is named as not run, and fails in CI.
pub fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|p| p.join(program).is_file()) {
        return true;
    }
    assert!(std::env::var_os("CHORUS_CI").is_none(), "{program} is not installed");
    println!("not run: {program} is not installed");
    false
}

pub fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(format!("{name}.xml"))
}
