//! The transaction layer (RFC 3261 section 17, as amended by RFC 6026): four pure machines over opaque bytes, the key
//! that finds them, and the table that holds them.
//!
//! A machine is told what happened (`on(now, event, out)`) and answers with [`Action`]s; it keeps its own deadlines,
//! so whoever owns it needs one entry in a clock per transaction and no cancellation by name.

mod client;
mod invite_client;
mod invite_server;
mod key;
mod server;
mod table;
mod timer;

pub use client::{Client, ClientEvent, ClientState};
pub use invite_client::{InviteClient, InviteClientEvent, InviteClientState};
pub use invite_server::{InviteServer, InviteServerEvent, InviteServerState};
pub use key::Key;
pub use server::{Server, ServerEvent, ServerState};
pub use table::{Machine, Table, Txn, TxnId};
pub use timer::{T1, T2, T4, Timer, Timers};

use bytes::Bytes;

/// What a machine wants done. `Done` is always the last one of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Hand these bytes to the transport.
    Send(Bytes),
    /// Give the message that caused this event to the transaction user.
    Pass,
    /// Tell the transaction user that the transaction failed.
    Fail(Failure),
    /// The transaction is over and may be forgotten.
    Done,
}

/// Why a transaction failed (RFC 3261 8.1.3.1 and 17).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Timer B, F or H fired.
    Timeout,
    /// The transport could not deliver.
    Transport,
}
