//! (s) The commands.

pub mod tls;
