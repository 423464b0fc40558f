//! Numbers and ways: how a number is written, which trunk dials it, and what its INVITE says.

mod destination;
mod names;
mod normalise;
mod route;
mod target;
