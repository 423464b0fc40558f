//! (s) HTTP in.
