//! Tests of media: virtual time, no sockets.

pub mod alloc;
pub mod audio;
mod bridge;
mod conceal;
mod dtmf;
mod g711;
mod lock;
mod phone;
mod play;
mod record;
pub mod rig;
mod rtcp;
mod silence;
mod stream;
mod wire;
