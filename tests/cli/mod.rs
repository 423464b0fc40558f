//! The commands, as the built binary.

mod compare;
mod demo;
mod ear;
mod ladder;
mod settings;
mod small;
mod trunk;

use crate::security::layer;
use std::path::PathBuf;
use std::process::{Command, Output};

/// The binary, with nothing of our own environment that concerns it.
pub fn chorus() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chorus"));
    for key in chorus::config::KEYS {
        command.env_remove(key.env);
    }
    command
}

/// Runs a command to its end; the layer reads what it wrote to stderr.
pub fn output(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    watched(&output.stderr);
    output
}

/// What a binary wrote to stderr.
pub fn watched(stderr: &[u8]) {
    String::from_utf8_lossy(stderr).lines().for_each(|line| layer::heard("stderr of the binary", line));
}

/// An empty folder that is removed again.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("chorus-cli-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
