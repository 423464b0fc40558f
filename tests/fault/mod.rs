//! What is promised when something breaks, on the real binary: a server process is killed or told to stop while phones,
//! an application and an agent in the test's own process note everything they saw.

pub mod agent;
pub mod app;
pub mod bank;
mod book;
mod callers;
pub mod child;
mod drain;
mod exhausted;
mod held;
pub mod http;
mod kill;
mod lies;
mod load;
mod overload;
mod power;
mod reconcile;
mod recordings;
pub mod wave;
mod wrong;
