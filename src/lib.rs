//! THE MAP.

pub mod api;
pub mod call;
pub mod cli;
pub mod clock;
pub mod error;
pub mod media;
pub mod rng;
pub mod sdp;
pub mod sid;
pub mod sip;
pub mod speech;
pub mod store;
pub mod streams;
pub mod telemetry;
pub mod trunk;
pub mod webhooks;
