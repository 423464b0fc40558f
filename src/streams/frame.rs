//! WebSocket frames (RFC 6455 section 5) in the client's role: what we send is masked in place, what we read must not be.

use std::str;

/// The longest message that is put together. Ten minutes of audio, the most that may wait for playing, fit as base64.
pub const MESSAGE_MAX: usize = 8 * 1024 * 1024;
/// The longest payload of a control frame (RFC 6455 5.5).
pub const CONTROL_MAX: usize = 125;
/// Memory for putting messages together that is kept for the next one.
const KEEP: usize = 16 * 1024;
/// The longest header of a frame without mask.
const HEAD_MAX: usize = 10;

const CONTINUATION: u8 = 0x0;
/// Opcode of a text frame.
pub const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
/// Opcode of a close frame.
pub const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
/// Opcode of a pong frame.
pub const PONG: u8 = 0xA;

/// What the far end sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Got<'a> {
    /// A whole text message; not yet checked for UTF-8.
    Text(&'a [u8]),
    /// A whole binary message.
    Binary,
    /// To be answered with the same octets.
    Ping(&'a [u8]),
    /// To be ignored.
    Pong,
    /// The end. `code` as sent, None if the frame was empty.
    Close {
        /// RFC 6455 7.4.
        code: Option<u16>,
    },
}

/// How the far end broke the protocol; the connection is over.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Close code that we answer with.
    pub close: u16,
    /// For people.
    pub words: &'static str,
}

const fn broken(words: &'static str) -> Violation {
    Violation { close: 1002, words }
}

/// A frame's header.
#[derive(Copy, Clone, Debug)]
struct Head {
    fin: bool,
    opcode: u8,
    len: usize,
}

impl Head {
    /// Reads a header; the number is its length in octets. None: more octets are needed.
    fn read(b: &[u8]) -> Result<Option<(Head, usize)>, Violation> {
        let Some([b0, b1]) = b.first_chunk::<2>() else { return Ok(None) };
        if b0 & 0x70 != 0 {
            return Err(broken("a reserved bit is set"));
        }
        if b1 & 0x80 != 0 {
            return Err(broken("a frame of the server is masked"));
        }
        let head = |len| Head { fin: b0 & 0x80 != 0, opcode: b0 & 0x0F, len };
        let (head, size) = match b1 & 0x7F {
            126 => match b.get(2..).and_then(|r| r.first_chunk()) {
                Some(l) => (head(usize::from(u16::from_be_bytes(*l))), 4),
                None => return Ok(None),
            },
            127 => match b.get(2..).and_then(|r| r.first_chunk()) {
                Some(l) => (head(usize::try_from(u64::from_be_bytes(*l)).unwrap_or(usize::MAX)), HEAD_MAX),
                None => return Ok(None),
            },
            short => (head(usize::from(short)), 2),
        };
        Ok(Some((head, size)))
    }

    fn is_control(self) -> bool {
        self.opcode & 0x8 != 0
    }

    fn check(self, fragments: Option<u8>, held: usize) -> Result<(), Violation> {
        match self.opcode {
            CLOSE | PING | PONG if !self.fin => return Err(broken("a control frame is fragmented")),
            CLOSE | PING | PONG if self.len > CONTROL_MAX => {
                return Err(broken("a control frame is too long"));
            }
            CLOSE | PING | PONG => return Ok(()),
            CONTINUATION if fragments.is_none() => return Err(broken("a continuation of nothing")),
            TEXT | BINARY if fragments.is_some() => return Err(broken("a message inside another one")),
            CONTINUATION | TEXT | BINARY => {}
            _ => return Err(broken("an unknown opcode")),
        }
        if held.saturating_add(self.len) > MESSAGE_MAX {
            return Err(Violation { close: 1009, words: "a message is too long" });
        }
        Ok(())
    }
}

/// Reads frames from octets that arrive in any pieces. A message that lies whole in the input is handed out without copying.
#[derive(Debug, Default)]
pub struct Reader {
    head: [u8; HEAD_MAX],
    head_len: usize,
    /// The frame whose payload is being collected, and how much of it is missing.
    frame: Option<(Head, usize)>,
    /// Opcode of the fragmented message that is under way.
    fragments: Option<u8>,
    message: Vec<u8>,
    control: Vec<u8>,
    /// What `message` holds was handed out.
    delivered: bool,
}

impl Reader {
    /// Before the first frame.
    pub fn new() -> Reader {
        Reader::default()
    }

    /// Takes octets from the front of `input`. The number says how many; nothing and 0 octets: all were taken.
    ///
    /// # Errors
    /// The far end broke RFC 6455; the reader must not be used any more.
    pub fn read<'a>(&'a mut self, input: &'a [u8]) -> Result<(usize, Option<Got<'a>>), Violation> {
        if std::mem::take(&mut self.delivered) {
            self.message.clear();
            if self.message.capacity() > KEEP {
                self.message = Vec::new();
            }
        }
        let (used, head, missing) = match self.frame {
            Some((head, missing)) => (0, head, missing),
            None => match self.read_head(input)? {
                (used, Some(head)) => (used, head, head.len),
                (used, None) => return Ok((used, None)),
            },
        };
        let rest = input.get(used..).unwrap_or_default();
        let whole = self.frame.is_none() && rest.len() >= head.len;
        if whole && (head.is_control() || (head.fin && self.fragments.is_none())) {
            let payload = rest.get(..head.len).unwrap_or_default();
            return Ok((used.saturating_add(head.len), Some(complete(head.opcode, payload)?)));
        }
        self.collect(head, missing, used, rest)
    }

    /// Takes the octets of a header, which may come in pieces.
    fn read_head(&mut self, input: &[u8]) -> Result<(usize, Option<Head>), Violation> {
        let held = self.message.len();
        if self.head_len == 0
            && let Some((head, size)) = Head::read(input)?
        {
            head.check(self.fragments, held)?;
            return Ok((size, Some(head)));
        }
        let mut used = 0;
        for b in input {
            let Some(slot) = self.head.get_mut(self.head_len) else { break };
            *slot = *b;
            self.head_len += 1;
            used += 1;
            if let Some((head, _)) = Head::read(self.head.get(..self.head_len).unwrap_or_default())? {
                head.check(self.fragments, held)?;
                self.head_len = 0;
                return Ok((used, Some(head)));
            }
        }
        Ok((used, None))
    }

    /// Collects a payload that came in pieces or belongs to a fragmented message.
    fn collect<'a>(
        &'a mut self,
        head: Head,
        missing: usize,
        used: usize,
        rest: &[u8],
    ) -> Result<(usize, Option<Got<'a>>), Violation> {
        let part = rest.get(..missing.min(rest.len())).unwrap_or_default();
        let used = used.saturating_add(part.len());
        let missing = missing.saturating_sub(part.len());
        let into = if head.is_control() { &mut self.control } else { &mut self.message };
        if head.is_control() && self.frame.is_none() {
            into.clear();
        }
        into.extend_from_slice(part);
        if missing > 0 {
            self.frame = Some((head, missing));
            return Ok((used, None));
        }
        self.frame = None;
        if head.is_control() {
            return Ok((used, Some(complete(head.opcode, &self.control)?)));
        }
        let opcode = self.fragments.take().unwrap_or(head.opcode);
        if !head.fin {
            self.fragments = Some(opcode);
            return Ok((used, None));
        }
        self.delivered = true;
        Ok((used, Some(complete(opcode, &self.message)?)))
    }
}

fn complete(opcode: u8, payload: &[u8]) -> Result<Got<'_>, Violation> {
    Ok(match opcode {
        TEXT => Got::Text(payload),
        BINARY => Got::Binary,
        PING => Got::Ping(payload),
        PONG => Got::Pong,
        _ => Got::Close { code: close_code(payload)? },
    })
}

/// RFC 6455 7.4: which codes may be on the wire; the reason must be UTF-8.
fn close_code(payload: &[u8]) -> Result<Option<u16>, Violation> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() { Ok(None) } else { Err(broken("a close frame of one octet")) };
    };
    let code = u16::from_be_bytes(*code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(broken("a close code that must not be sent"));
    }
    if str::from_utf8(reason).is_err() {
        return Err(Violation { close: 1007, words: "the reason of a close frame is not UTF-8" });
    }
    Ok(Some(code))
}

/// XORs `payload` with the mask, eight octets at a time.
pub fn mask(payload: &mut [u8], key: [u8; 4]) {
    let wide = u64::from(u32::from_ne_bytes(key));
    let wide = wide | (wide << 32);
    let (words, tail) = payload.as_chunks_mut::<8>();
    for w in words {
        *w = (u64::from_ne_bytes(*w) ^ wide).to_ne_bytes();
    }
    for (b, k) in tail.iter_mut().zip(key.iter().cycle()) {
        *b ^= k;
    }
}

/// Room for the header that most messages need: two octets, a 16-bit length, the mask.
const USUAL_HEAD: usize = 8;

/// Appends one whole frame; `payload` appends what is in it. No allocation if `out` has room.
pub fn write(out: &mut Vec<u8>, opcode: u8, key: [u8; 4], payload: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; USUAL_HEAD]);
    let body = out.len();
    payload(out);
    let len = out.len().saturating_sub(body);
    if let Some(p) = out.get_mut(body..) {
        mask(p, key);
    }
    let mut head = [0u8; 14];
    let size = write_head(&mut head, opcode, len, key);
    let head = head.get(..size).unwrap_or_default();
    // Puts the real header in the place of the assumed one; the same length except for very short and very long messages.
    if let Some(place) = out.get_mut(start..body).filter(|p| p.len() == size) {
        place.copy_from_slice(head);
    } else {
        out.splice(start..body, head.iter().copied());
    }
}

fn write_head(head: &mut [u8; 14], opcode: u8, len: usize, key: [u8; 4]) -> usize {
    let short = match len {
        0..=125 => len as u8,
        126..=0xFFFF => 126,
        _ => 127,
    };
    let wide = (len as u64).to_be_bytes();
    let length: &[u8] = match short {
        126 => wide.last_chunk::<2>().map_or(&[], |l| l),
        127 => &wide,
        _ => &[],
    };
    let octets = [0x80 | opcode, 0x80 | short];
    let all = octets.iter().chain(length).chain(&key);
    head.iter_mut().zip(all).map(|(to, from)| *to = *from).count()
}
