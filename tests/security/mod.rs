//! What must not happen: secrets in sight, octets that stop the house, lies that it believes.

mod canaries;
mod house;
mod junk;
mod layer;
mod liars;
mod metrics;
mod redact;
mod replay;
