//! Tests of streams: frames, messages, sessions, the worker's sockets, ports and the disk.

mod agent;
mod allocations;
mod backlog;
mod disk;
mod frames;
pub mod fuzz;
mod handshakes;
mod messages;
mod ports;
mod rig;
mod sessions;
mod worker;
