//! RFC 3261: reader and writer, transactions, dialogs, and the endpoint that joins them.

pub mod check;
pub mod digest;
pub mod event;
pub mod wire;
