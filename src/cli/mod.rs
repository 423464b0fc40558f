//! (s) The commands.

pub mod check;
pub mod serve;
pub mod tls;
