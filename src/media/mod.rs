//! RTP, recordings, playing and streams. `plan` says what a leg shall do, `engine` does it (pure), `worker` gives it
//! sockets and a clock. `clip` brings Play's audio, `decode` makes it playable.

pub mod clip;
pub mod decode;
pub mod event;
pub mod lru;
pub mod plan;
pub mod shared;
pub mod wav_read;
