//! Messages out of a stream (RFC 3261 section 18.3): cut by Content-Length, keep-alives of RFC 5626 between them.
//!
//! ```text
//!  Between --CRLF CRLF--> Ping       Between --octets--> Head --blank line--> Body --length reached--> Message
//!  Between --CRLF-------> Pong       Head --limit, bad length--> Dead (Broken or TooBig once, then nothing)
//! ```

use super::{BODY_MAX, HEAD_MAX, headers::Known, lex};
use bytes::{Buf, Bytes, BytesMut};

/// A body begins, and nothing says where it ends.
const NO_LENGTH: &str = "Content-Length is missing";

/// The head as the reader refuses it: alone it would be a whole message without body.
fn without_length(head: &[u8]) -> Bytes {
    let lines = head.strip_suffix(b"\n").map_or(head, |h| h.strip_suffix(b"\r").unwrap_or(h));
    [lines, b"Content-Length: missing\r\n\r\n"].concat().into()
}

/// What the stream holds next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A whole message, for `read_datagram`.
    Message(Bytes),
    /// CRLF CRLF: answer with one CRLF (RFC 5626 section 4.4.1).
    Ping,
    /// CRLF: the answer to a ping of ours.
    Pong,
    /// Where the next message begins is unknown: answer `head` (`read_datagram` refuses it), then close.
    Broken {
        /// The header section.
        head: Bytes,
        /// For the log.
        words: &'static str,
    },
    /// Longer than the limits: answer `head` (`read_datagram` refuses it, with 513 if it is SIP), then close.
    TooBig {
        /// The header section, or as much of it as came.
        head: Bytes,
    },
}

/// Cuts one connection's octets into frames. Drain [`Framer::next`] after each push: what is held is then at most
/// one unfinished message, [`HEAD_MAX`] and [`BODY_MAX`] octets.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: BytesMut,
    /// No line before here is followed by a blank one.
    scanned: usize,
    /// Length of head and body, once the head is whole.
    need: Option<usize>,
    /// The last thing was a lone CRLF: another one makes it a ping.
    half_ping: bool,
    dead: bool,
}

impl Framer {
    /// Takes what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.dead {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Is a message begun and not finished? For the shell's limit on slow senders.
    pub fn is_partial(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The next frame; None: more octets are needed.
    #[expect(clippy::should_implement_trait, reason = "it is no iterator: None is not the end")]
    pub fn next(&mut self) -> Option<Frame> {
        if self.need.is_none() {
            if let Some(keep_alive) = self.between() {
                return Some(keep_alive);
            }
            if matches!(self.buffer.first(), None | Some(b'\r')) {
                return None;
            }
            let Some(end) = self.head_end() else {
                return (self.buffer.len() > HEAD_MAX).then(|| {
                    self.buffer.extend_from_slice(b"\r\n\r\n");
                    self.too_big()
                });
            };
            if end > HEAD_MAX {
                self.buffer.truncate(end);
                return Some(self.too_big());
            }
            match self.body_length(end) {
                Ok(body) if body <= BODY_MAX => self.need = end.checked_add(body),
                Ok(_) => {
                    self.buffer.truncate(end);
                    return Some(self.too_big());
                }
                Err(words) => {
                    let head = self.buffer.split_to(end);
                    let head = if words == NO_LENGTH { without_length(&head) } else { head.freeze() };
                    return Some(self.die(Frame::Broken { head, words }));
                }
            }
        }
        let need = self.need.filter(|n| self.buffer.len() >= *n)?;
        self.need = None;
        self.scanned = 0;
        Some(Frame::Message(self.buffer.split_to(need).freeze()))
    }

    /// Line ends between messages; stray CRs and NULs are passed over.
    fn between(&mut self) -> Option<Frame> {
        loop {
            let skip = match self.buffer.as_ref() {
                [b'\r', b'\n', ..] => 2,
                [b'\n', ..] => 1,
                // A lone CR may be the first half of a CRLF.
                [] | [b'\r'] => return None,
                [b'\r' | 0, ..] => {
                    self.buffer.advance(1);
                    continue;
                }
                _ => {
                    self.half_ping = false;
                    return None;
                }
            };
            self.buffer.advance(skip);
            if self.half_ping {
                self.half_ping = false;
                return Some(Frame::Ping);
            }
            self.half_ping = true;
            // The second half is often there already.
            if !matches!(self.buffer.as_ref(), [b'\r', b'\n', ..] | [b'\n', ..]) {
                return Some(Frame::Pong);
            }
        }
    }

    /// Behind the blank line: a line end with another one right behind it, as the reader sees it.
    fn head_end(&mut self) -> Option<usize> {
        let mut at = self.scanned;
        while let Some(hit) = memchr::memchr(b'\n', self.buffer.get(at..)?) {
            at = at.checked_add(hit)?.checked_add(1)?;
            match self.buffer.get(at..) {
                Some([b'\n', ..]) => return at.checked_add(1),
                Some([b'\r', b'\n', ..]) => return at.checked_add(2),
                _ => {}
            }
        }
        // The last two octets may be the beginning of a blank line.
        self.scanned = self.buffer.len().saturating_sub(2);
        None
    }

    fn body_length(&self, end: usize) -> Result<usize, &'static str> {
        let head = self.buffer.get(..end).unwrap_or_default();
        let start = head.iter().position(|b| *b == b'\n').map_or(0, |p| p.saturating_add(1));
        let index = lex::index(head, start);
        let length = lex::content_length(head, &index.spans)?;
        // It must be there (RFC 3261 section 18.3). Who leaves it out of a message without body is understood.
        if length.is_none() && index.spans.iter().any(|s| s.known == Known::ContentType) {
            return Err(NO_LENGTH);
        }
        let length = length.unwrap_or(0);
        Ok(usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// What is held is its head.
    fn too_big(&mut self) -> Frame {
        let head = self.buffer.split().freeze();
        self.die(Frame::TooBig { head })
    }

    fn die(&mut self, last: Frame) -> Frame {
        self.dead = true;
        self.need = None;
        self.buffer = BytesMut::new();
        last
    }
}
