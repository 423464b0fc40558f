//! Twilio Media Streams: frames, messages, sessions.
