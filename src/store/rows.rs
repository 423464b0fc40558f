//! The rows, one struct an aggregate: what a transaction writes and a read returns. A backend stores the columns it
//! filters and orders by beside the whole row as JSON, so that a new field needs no migration.

mod accounts;
mod calls;
mod outbox;
mod records;
mod sip;
mod trunks;

pub use accounts::*;
pub use calls::*;
pub use outbox::*;
pub use records::*;
pub use sip::*;
pub use trunks::*;
