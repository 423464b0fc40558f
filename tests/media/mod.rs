//! Tests of media: virtual time, no sockets.

pub mod alloc;
pub mod audio;
mod bridge;
mod dtmf;
mod g711;
mod lock;
mod phone;
mod play;
mod record;
mod rig;
mod stream;
mod wire;
