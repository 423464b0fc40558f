//! RFC 3261: reader and writer, transactions, dialogs, and the endpoint that joins them.

pub mod check;
pub mod command;
pub mod dialog;
pub mod digest;
pub mod endpoint;
pub mod event;
pub mod flow;
pub mod identity;
pub mod refer;
pub mod registrar;
pub mod registration;
pub mod session;
pub mod telephone;
pub mod transaction;
pub mod transport;
pub mod wire;

pub use endpoint::{Counts, Endpoint, EndpointConfig};
