//! Twilio Media Streams. `frame` is the WebSocket framing (RFC 6455, client role), `handshake` and `target` the way to
//! the 101, `message` Twilio's JSON, `audio` what the agent wants played, `session` the conversation that joins them.
//! Everything here is pure but `connect`, which finds the agent and dials it.

pub mod audio;
pub mod buf;
pub mod codes;
pub mod connect;
pub mod frame;
pub mod fuzz;
pub mod handshake;
pub mod message;
pub mod session;
pub mod target;

pub use buf::StreamBuf;
pub use session::Session;
