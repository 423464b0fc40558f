//! Writes a message once, into one buffer.

use super::{
    Method, Params,
    headers::Known,
    is_token,
    message::{Message, Start},
    params, reason,
    text::{find_outside, text, trim_str},
    via,
};
use bytes::{BufMut, Bytes, BytesMut};
use std::{fmt::Write as _, net::SocketAddr};

/// Room for an ordinary message, so that it is written without growing.
const ROOM: usize = 1024;

/// A message being written. Nothing that is put in can end its line: CR, LF and NUL become spaces.
pub struct Writer {
    out: BytesMut,
}

impl Writer {
    /// A request. Whitespace and control characters are left out of `uri`.
    pub fn request(method: &Method, uri: &str) -> Writer {
        let mut w = Writer { out: BytesMut::with_capacity(ROOM) };
        w.put(method.as_str());
        w.put(" ");
        w.out.extend(uri.bytes().filter(|b| *b > b' ' && *b != 0x7f));
        w.put(" SIP/2.0\r\n");
        w
    }

    /// A response without any header field; an empty `words` takes the usual phrase.
    pub fn response(code: u16, words: &str) -> Writer {
        let mut w = Writer { out: BytesMut::with_capacity(ROOM) };
        let _ = write!(w.out, "SIP/2.0 {code} ");
        w.clean(if words.is_empty() { reason::phrase(code) } else { words }.as_bytes());
        w.put("\r\n");
        w
    }

    /// The answer to `request` (RFC 3261 section 8.2.6): Via, From, To, Call-ID and CSeq are copied to the octet, in a
    /// 101-299 Record-Route too, in a 100 Timestamp. `source` is put into the top Via as `received` and `rport`
    /// (section 18.2.1, RFC 3581), `to_tag` behind a To without tag.
    pub fn response_to(
        request: &Message,
        source: Option<SocketAddr>,
        code: u16,
        words: &str,
        to_tag: Option<&str>,
    ) -> Writer {
        let mut w = Writer::response(code, words);
        for (n, value) in request.headers.known(Known::Via).enumerate() {
            match source.filter(|_| n == 0) {
                Some(source) => w = w.header("Via", &stamp(&text(value), source)),
                None => w.raw("Via", value),
            }
        }
        if (101..300).contains(&code) {
            w = w.copy(request, "Record-Route");
        }
        w = w.copy(request, "From");
        for value in request.headers.known(Known::To) {
            match to_tag.filter(|_| request.to_tag().is_none()) {
                Some(tag) => w.raw("To", &[value, b";tag=", tag.as_bytes()].concat()),
                None => w.raw("To", value),
            }
        }
        w = w.copy(request, "Call-ID").copy(request, "CSeq");
        if code == 100 { w.copy(request, "Timestamp") } else { w }
    }

    /// One field. A name that is no token is left out with its value.
    pub fn header(mut self, name: &str, value: &str) -> Writer {
        if is_token(name) {
            self.put(name);
            self.put(": ");
            self.clean(trim_str(value).as_bytes());
            self.put("\r\n");
        }
        self
    }

    /// Several fields.
    pub fn headers<'a>(self, fields: impl IntoIterator<Item = &'a (String, String)>) -> Writer {
        fields.into_iter().fold(self, |w, (name, value)| w.header(name, value))
    }

    /// Every field of this name of another message, to the octet.
    pub fn copy(mut self, from: &Message, name: &str) -> Writer {
        for value in from.headers.all(name) {
            self.raw(name, value);
        }
        self
    }

    /// Ends the message with a body.
    pub fn body(mut self, content_type: &str, body: &[u8]) -> Bytes {
        if body.is_empty() {
            return self.finish();
        }
        self = self.header("Content-Type", content_type);
        self.end(body)
    }

    /// Ends the message without body.
    pub fn finish(self) -> Bytes {
        self.end(&[])
    }

    fn end(mut self, body: &[u8]) -> Bytes {
        let _ = write!(self.out, "Content-Length: {}\r\n\r\n", body.len());
        self.out.put_slice(body);
        self.out.freeze()
    }

    fn put(&mut self, s: &str) {
        self.out.put_slice(s.as_bytes());
    }

    fn clean(&mut self, value: &[u8]) {
        // In pieces: octet by octet it was a tenth of what an answer costs.
        for (n, piece) in value.split(|b| matches!(b, b'\r' | b'\n' | 0)).enumerate() {
            if n > 0 {
                self.put(" ");
            }
            self.out.put_slice(piece);
        }
    }

    /// `value` comes from the reader: a line end in it is a fold.
    fn raw(&mut self, name: &str, value: &[u8]) {
        self.put(name);
        self.put(": ");
        self.out.put_slice(value);
        self.put("\r\n");
    }
}

/// The top Via of a response: `received` and `rport` say where the request came from, the rest stays as it was.
pub fn stamp(value: &str, source: SocketAddr) -> String {
    let end = find_outside(value, b',', true).unwrap_or(value.len());
    let (top, others) = value.split_at_checked(end).unwrap_or((value, ""));
    let (head, rest) = top.split_once(';').unwrap_or((top, ""));
    let mut out = head.trim_end().to_owned();
    let mut asked = false;
    for segment in params::segments(rest) {
        match params::pair(segment) {
            (name, _) if name.eq_ignore_ascii_case("received") => {}
            (name, _) if name.eq_ignore_ascii_case("rport") => {
                asked = true;
                let _ = write!(out, ";rport={}", source.port());
            }
            _ => {
                out.push(';');
                out.push_str(segment.trim());
            }
        }
    }
    let ip = source.ip().to_canonical();
    let host = via::split(top.trim()).map(|(_, host, ..)| host.trim_matches(['[', ']'])).unwrap_or_default();
    if asked || host.parse() != Ok(ip) {
        let _ = write!(out, ";received={ip}");
    }
    out.push_str(others);
    out
}

/// A message that was read, written again.
pub(super) fn message(m: &Message) -> Bytes {
    let mut w = match &m.start {
        Start::Request { method, .. } => Writer::request(method, m.uri_text()),
        Start::Response { code, reason } => {
            let mut w = Writer { out: BytesMut::with_capacity(ROOM) };
            let _ = write!(w.out, "SIP/2.0 {code} ");
            w.clean(reason.as_bytes());
            w.put("\r\n");
            w
        }
    };
    for (name, value) in m.headers.iter().filter(|(n, _)| Known::of(n.as_bytes()) != Known::ContentLength) {
        w.raw(name, value);
    }
    w.end(&m.body)
}

/// Parameters from pairs, for those who build a URI or an address; a value that is no token is quoted.
impl<'a> FromIterator<(&'a str, &'a str)> for Params {
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a str)>>(pairs: T) -> Params {
        pairs.into_iter().fold(Params::default(), |p, (name, value)| {
            if value.is_empty() || is_token(value) {
                p.with(name, value)
            } else {
                p.with(name, &super::quote(value))
            }
        })
    }
}
