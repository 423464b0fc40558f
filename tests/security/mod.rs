//! What must not happen: secrets in sight, octets that stop the house, lies that it believes.

mod canaries;
mod doors;
mod house;
mod independence;
mod junk;
pub mod layer;
mod liars;
mod limits;
mod metrics;
mod mutator;
mod redact;
mod replay;
pub mod secrets;
mod strangers;
