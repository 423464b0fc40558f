//! (s) The commands.
