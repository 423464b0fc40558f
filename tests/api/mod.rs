//! Tests of the REST API on a real socket with a real store.

mod access;
mod bad_input;
mod calls;
mod errors;
mod forms;
pub mod harness;
mod http;
mod idempotency;
mod limits;
mod lists;
mod media;
mod openapi;
pub mod postgres;
mod resources;
mod schema;
mod stub;
mod targets;
mod tls;
mod trunks;
