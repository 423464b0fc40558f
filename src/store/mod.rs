//! What is never lost. A transaction is data (`tx`) over rows (`rows`). Each aggregate has one file that declares its
//! table and answers the questions about it (`calls`, `recordings`, ...). What a transaction does (`steps`) and what a
//! question asks (`query`) are data too, so memory, SQLite and PostgreSQL do the same thing: memory walks its rows, a
//! database runs the statement that `sql` makes.
//!
//! ```text
//!  Store::submit/commit --> writer thread --> Backend::apply(group) --> done
//!  Store::read ----------> reader threads --> calls::list(reader, scope, ..) --> rows
//! ```

pub mod account_rules;
pub mod accounts;
pub mod applications;
pub mod backend;
pub mod bench;
pub mod calls;
pub mod conn;
pub mod crypt;
pub mod elastic;
mod halves;
pub mod handle;
pub mod inventory;
pub mod keys;
pub mod lock;
pub mod memory;
pub mod notifications;
pub mod numbers;
pub mod outbox;
pub mod pace;
pub mod page;
mod pool;
pub mod postgres;
pub mod query;
pub mod reader;
pub mod recordings;
pub mod reports;
pub mod retention;
pub mod rows;
mod sealed;
pub mod sip_domains;
pub mod sip_lists;
pub mod snapshot;
pub mod sql;
pub mod sqlite;
pub mod steps;
pub mod streams;
pub mod sweep;
pub mod table;
pub mod timeline;
pub mod trunks;
pub mod tx;
mod writer;

pub use crypt::Key;
pub use handle::{Full, OpenError, Options, Store};
pub use page::{Cursor, Listed, Page};
pub use query::{Period, Scope};
pub use reader::Reader;
pub use writer::QUEUE_MAX;
