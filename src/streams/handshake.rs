//! The upgrade of a connection to WebSocket (RFC 6455 section 4): the request's octets, and the verdict on the answer.

use super::{codes, target::Target};
use ring::digest;
use std::str;

/// The longest head of an answer.
pub const HEAD_MAX: usize = 16 * 1024;
/// RFC 6455 1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const USER_AGENT: &str = "Twilio.TmeWs/1.0";

/// A handshake under way: what is sent, and what has come back so far.
#[derive(Clone, Debug)]
pub struct Handshake {
    request: Vec<u8>,
    accept: String,
    head: Vec<u8>,
}

/// What the answer says so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The head is not complete.
    More,
    /// 101. The first `used` octets of this input belong to the head; what follows are frames already.
    Open {
        /// Octets of the input that belong to the head.
        used: usize,
    },
    /// No stream comes of it.
    Failed {
        /// 31920 or 31924.
        code: u32,
        /// For Notifications.
        words: String,
    },
}

impl Handshake {
    /// The request to `target`, with the headers of Twilio and no others. `nonce` is random; `signature` is the
    /// X-Twilio-Signature over [`Target::requested`].
    pub fn new(target: &Target, nonce: [u8; 16], signature: &str) -> Handshake {
        let key = base64_simd::STANDARD.encode_to_string(nonce);
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {USER_AGENT}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nX-Twilio-Signature: {signature}\r\n\r\n",
            target.path, target.authority,
        );
        Handshake { request: request.into_bytes(), accept: accept_of(&key), head: Vec::new() }
    }

    /// What is sent first.
    pub fn request(&self) -> &[u8] {
        &self.request
    }

    /// Octets of the answer, in any pieces.
    pub fn on_bytes(&mut self, bytes: &[u8]) -> Verdict {
        let before = self.head.len();
        self.head.extend_from_slice(bytes.get(..bytes.len().min(HEAD_MAX)).unwrap_or_default());
        // The end may lie across the border of two pieces.
        let from = before.saturating_sub(3);
        let end = self.head.get(from..).and_then(|h| h.windows(4).position(|w| w == b"\r\n\r\n"));
        let Some(end) = end.map(|e| e.saturating_add(from).saturating_add(4)) else {
            return self.unfinished();
        };
        let head = self.head.get(..end).unwrap_or_default();
        match check(head, &self.accept) {
            Ok(()) => Verdict::Open { used: end.saturating_sub(before) },
            Err((code, words)) => Verdict::Failed { code, words },
        }
    }

    /// No need to wait for the end of something that is no HTTP at all.
    fn unfinished(&self) -> Verdict {
        let failed = |words: &str| Verdict::Failed { code: codes::NOT_101, words: words.to_owned() };
        let start = b"HTTP/1.1 ";
        if self.head.iter().zip(start).any(|(a, b)| a != b) {
            return failed("the agent did not answer in HTTP/1.1");
        }
        if self.head.len() >= HEAD_MAX {
            failed("the head of the agent's answer is too long")
        } else {
            Verdict::More
        }
    }
}

/// `Sec-WebSocket-Accept` for a key (RFC 6455 4.2.2).
pub fn accept_of(key: &str) -> String {
    let mut sha = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    sha.update(key.as_bytes());
    sha.update(GUID);
    base64_simd::STANDARD.encode_to_string(sha.finish())
}

/// RFC 6455 4.1: what a client must find in the answer.
fn check(head: &[u8], accept: &str) -> Result<(), (u32, String)> {
    let not_101 = |words: String| (codes::NOT_101, words);
    let protocol = |words: &str| (codes::PROTOCOL, words.to_owned());
    let text = str::from_utf8(head).map_err(|_| not_101("the agent's answer is not text".to_owned()))?;
    let mut lines = text.split("\r\n");
    let status = lines.next().unwrap_or_default();
    let code = status.strip_prefix("HTTP/1.1 ").and_then(|s| s.get(..3));
    match code {
        Some("101") => {}
        Some(c) if c.bytes().all(|b| b.is_ascii_digit()) => {
            return Err(not_101(format!("the agent answered the upgrade with {c} instead of 101")));
        }
        _ => return Err(not_101("the agent did not answer in HTTP/1.1".to_owned())),
    }
    let (mut upgrade, mut connection, mut accepted) = (false, false, None);
    for (name, value) in lines.filter_map(|l| l.split_once(':')) {
        let value = value.trim();
        let has = |token: &str| value.split(',').any(|t| t.trim().eq_ignore_ascii_case(token));
        match name.to_ascii_lowercase().as_str() {
            "upgrade" => upgrade |= has("websocket"),
            "connection" => connection |= has("upgrade"),
            "sec-websocket-accept" => accepted = Some(value),
            "sec-websocket-protocol" => {
                return Err(protocol("the agent chose a subprotocol, none was offered"));
            }
            "sec-websocket-extensions" if !value.is_empty() => {
                return Err(protocol("the agent chose an extension, none was offered"));
            }
            _ => {}
        }
    }
    if !upgrade || !connection {
        return Err(protocol("the agent's 101 does not upgrade to websocket"));
    }
    if accepted != Some(accept) {
        return Err(protocol("the agent's Sec-WebSocket-Accept is wrong"));
    }
    Ok(())
}
