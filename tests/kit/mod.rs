//! What every test may use: a whole world in virtual time, and ladders.
#![allow(dead_code, reason = "each folder of tests uses a part of the kit")]

pub mod agent;
pub mod app;
pub mod doors;
pub mod hand;
pub mod ladder;
pub mod net;
pub mod oracle;
pub mod phone;
pub mod raw;
pub mod registrar;
pub mod rows;
pub mod world;

pub use app::Reply;
pub use world::World;
