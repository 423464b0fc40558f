//! What can be seen: log, metrics, redaction, timeline.
