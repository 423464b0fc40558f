//! What can be seen: log, metrics, redaction, timeline.

pub mod ladder;
