//! The suite: one binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod api;
mod bench;
mod cli;
mod fault;
mod kit;
mod ladder;
mod media;
mod peers;
mod sdk;
mod security;
mod sim;
mod sip;
mod store;
mod streams;
mod tidy;
mod trunk;
mod twiml;
mod webhooks;
