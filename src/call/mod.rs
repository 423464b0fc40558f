//! The heart: one call is its legs, one interpreter and one phase.

pub mod status;
