//! What can be seen: log, metrics, timelines as ladders.

pub mod ladder;
pub mod log;
pub mod metrics;
pub mod redact;
