//! RTP, recordings, playing and streams. `plan` says what a leg shall do, `engine` does it (pure), `worker` gives it
//! sockets and a clock.

pub mod codec;
pub mod engine;
pub mod event;
pub mod plan;
pub mod rtp;
