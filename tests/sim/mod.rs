//! The seeded simulation: one call with a crash at every commit, then everything at once.

mod one_call;
