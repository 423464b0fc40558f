//! RTP, recordings, playing and streams. `plan` says what a leg shall do, `engine` does it (pure), `worker` gives it
//! sockets and a clock.

pub mod event;
pub mod plan;
