//! Tests of media: virtual time, no sockets (but `arrival`, which asks the kernel).

pub mod alloc;
mod arrival;
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
mod secure;
mod silence;
mod srtp;
mod stream;
mod tones;
mod wire;
