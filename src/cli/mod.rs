//! (s) The commands.

pub mod check;
pub mod tls;
