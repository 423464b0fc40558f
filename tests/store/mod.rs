//! Tests of the store: one contract on memory, SQLite and PostgreSQL, then what only a database can do.

mod bench;
mod contract;
mod crypt;
mod files;
mod groups;
mod kit;
mod late;
mod lists;
mod memory;
mod migrations;
mod pace;
mod paging;
mod plans;
mod postgres;
mod reloads;
mod retention;
mod revisions;
mod schema;
mod secrets;
mod status;
