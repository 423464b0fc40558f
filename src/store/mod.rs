//! What is never lost. `tx` is a transaction as data, `rows` its values; backends and the writer come beside them.

pub mod rows;
pub mod tx;
