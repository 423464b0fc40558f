//! Tests of the REST API on a real socket with a real store.

mod access;
pub mod app;
mod bad_input;
pub mod callee;
mod calls;
mod differences;
mod elastic;
mod errors;
mod forms;
pub mod harness;
mod http;
mod idempotency;
mod limits;
mod lists;
mod live;
mod media;
mod openapi;
pub mod postgres;
mod pressure;
mod resources;
pub mod rows;
pub mod schema;
mod sip;
mod targets;
mod tls;
mod trunk_test;
mod trunks;
