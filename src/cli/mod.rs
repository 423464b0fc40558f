//! (s) The commands.

pub mod check;
