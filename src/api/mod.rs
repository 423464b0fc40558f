//! (s) HTTP in.

pub mod command;
pub mod live;
