//! Twilio's error and warning codes of a stream, under names.

/// The agent could not be reached, or did not answer the handshake, in time.
pub const TIMEOUT: u32 = 31901;
/// Nobody listens at the agent's address.
pub const REFUSED: u32 = 31902;
/// The connection broke without a close frame.
pub const BROKEN_PIPE: u32 = 31903;
/// The agent's host was not found or has no route.
pub const UNREACHABLE: u32 = 31904;
/// TLS failed: certificate, name, version or a broken record.
pub const TLS: u32 = 31910;
/// The answer to the upgrade was not 101.
pub const NOT_101: u32 = 31920;
/// The agent closed with a code that says error.
pub const CLOSED_BY_AGENT: u32 = 31921;
/// The URL's scheme is not wss (or is ws where that is not allowed, ruling 2.37).
pub const SCHEME: u32 = 31922;
/// The URL cannot be read.
pub const MALFORMED_URL: u32 = 31923;
/// The agent broke RFC 6455.
pub const PROTOCOL: u32 = 31924;
/// Warning: the agent does not read; audio of the call to it was dropped.
pub const UPSTREAM_OVERFLOW: u32 = 31930;
/// Warning: more than ten minutes of the agent's audio waited; the rest was dropped.
pub const AUDIO_DISCARDED: u32 = 31931;
/// Warning: a binary message.
pub const UNDECODABLE: u32 = 31950;
/// Warning: a message that is not of the dialect.
pub const INVALID: u32 = 31951;
