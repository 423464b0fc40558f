//! RTP, recordings, playing and streams. `plan` says what a leg shall do, `engine` does it (pure), `worker` gives it
//! sockets and a clock. `clip` brings Play's audio, `decode` makes it playable.

pub mod clip;
pub mod codec;
pub mod comfort;
pub mod conceal;
pub mod decode;
pub mod disk;
pub mod dtmf;
pub mod engine;
pub mod event;
pub mod feed;
pub mod jitter;
pub mod level;
pub mod lru;
pub mod mos;
pub mod plan;
pub mod play;
pub mod port;
pub mod reception;
pub mod record;
pub mod rtcp;
pub mod rtp;
pub mod shared;
pub mod source_lock;
pub mod srtp;
pub mod tone;
pub mod wav_read;
pub mod worker;
