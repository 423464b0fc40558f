//! Octets to start line, header spans and body. One pass, one allocation (the spans).

use super::{
    BODY_MAX, HEAD_MAX, HEADERS_MAX, Method, URI_MAX,
    headers::{Headers, Known, Span},
    message::{Message, Start},
    text::{digits, is_lws, is_token_byte, text, trim},
};
use bytes::Bytes;

/// Room for the spans of an ordinary message.
const SPANS: usize = 32;

/// Why a message must be answered with an error: status code and words.
pub(super) type Fault = (u16, &'static str);

/// The header section of a message.
pub(super) struct Index {
    pub spans: Vec<Span>,
    /// Behind the blank line.
    pub body_at: usize,
    pub fault: Option<Fault>,
}

/// One line of the header section.
#[derive(Copy, Clone)]
struct Line {
    /// Behind its last octet, line end not counted.
    end: usize,
    /// Where the next line begins.
    next: usize,
    /// It holds a CR that ends no line: some readers would see a new header behind it.
    lone_cr: bool,
}

/// The line that begins at `at`; None if its end is missing.
fn line(buf: &[u8], at: usize) -> Option<Line> {
    let (mut from, mut lone_cr) = (at, false);
    loop {
        let end = from.checked_add(memchr::memchr2(b'\n', b'\r', buf.get(from..)?)?)?;
        let next = end.checked_add(1)?;
        match (buf.get(end)?, buf.get(next)) {
            (b'\n', _) => return Some(Line { end, next, lone_cr }),
            (_, Some(b'\n')) => return Some(Line { end, next: next.checked_add(1)?, lone_cr }),
            _ => (from, lone_cr) = (next, true),
        }
    }
}

/// How many octets of line ends and NULs stand before the message.
pub(super) fn leading(buf: &[u8]) -> usize {
    buf.iter().take_while(|b| matches!(b, b'\r' | b'\n' | 0)).count()
}

/// What every answer repeats: kept of a message beyond the limits, too, so that whoever sent it learns which one that was.
fn answers_need(span: &Span, spans: &[Span]) -> bool {
    let copied = matches!(span.known, Known::Via | Known::From | Known::To | Known::CallId | Known::CSeq);
    copied && !spans.iter().any(|s| s.known == span.known)
}

/// Reads header fields from `at` to the blank line.
pub(super) fn index(buf: &[u8], mut at: usize) -> Index {
    let mut spans = Vec::with_capacity(SPANS);
    let mut fault = None;
    loop {
        let Some(Line { mut end, mut next, mut lone_cr }) = line(buf, at) else {
            // The blank line is missing: the message was cut off.
            return Index {
                spans,
                body_at: buf.len(),
                fault: fault.or(Some((400, "Header section cut off"))),
            };
        };
        if end == at {
            return Index { spans, body_at: next, fault };
        }
        while matches!(buf.get(next), Some(b' ' | b'\t'))
            && let Some(more) = line(buf, next)
        {
            (end, next, lone_cr) = (more.end, more.next, lone_cr || more.lone_cr);
        }
        match field(buf, at, end) {
            Ok(_) if lone_cr => fault = fault.or(Some((400, "Lone CR in a header"))),
            Ok(span) if spans.len() < HEADERS_MAX => spans.push(span),
            Ok(span) if answers_need(&span, &spans) => spans.push(span),
            Ok(_) => fault = fault.or(Some((513, "Too many header fields"))),
            Err(words) => fault = fault.or(Some((400, words))),
        }
        if next > HEAD_MAX {
            fault = Some((513, "Header section too long"));
        }
        at = next;
    }
}

/// `name : value` between `at` and `end`.
fn field(buf: &[u8], at: usize, end: usize) -> Result<Span, &'static str> {
    let whole = buf.get(at..end).unwrap_or_default();
    let name_len = whole.iter().take_while(|b| is_token_byte(**b)).count();
    let (name, behind) = whole.split_at_checked(name_len).unwrap_or_default();
    let gap = behind.iter().take_while(|b| is_lws(**b)).count();
    let value = match behind.get(gap..) {
        Some([b':', value @ ..]) if name_len > 0 => value,
        _ if !whole.contains(&b':') => return Err("Header line without colon"),
        _ => return Err("Bad header name"),
    };
    let colon = name_len.saturating_add(gap);
    let trimmed = trim(value);
    // `trim` cuts at both ends only: what it cut in front is found by the length of what follows.
    let lead =
        value.iter().take_while(|b| is_lws(**b)).count().min(value.len().saturating_sub(trimmed.len()));
    let value_at = at.saturating_add(colon).saturating_add(1).saturating_add(lead);
    Ok(Span {
        known: Known::of(name),
        name: (at as u32, at.saturating_add(name_len) as u32),
        value: (value_at as u32, value_at.saturating_add(trimmed.len()) as u32),
    })
}

/// The Content-Length of a header section. Errors: not a number, or two of them.
pub(super) fn content_length(buf: &[u8], spans: &[Span]) -> Result<Option<u64>, &'static str> {
    let mut fields = spans.iter().filter(|s| s.known == Known::ContentLength);
    let Some(first) = fields.next() else { return Ok(None) };
    if fields.next().is_some() {
        return Err("Several Content-Length");
    }
    let value = buf.get(first.value.0 as usize..first.value.1 as usize).unwrap_or_default();
    match std::str::from_utf8(value).ok().and_then(digits) {
        Some(n) => Ok(Some(n)),
        None => Err("Bad Content-Length"),
    }
}

/// Reads a whole message. Errors: the words for dropping what is not SIP.
pub(super) fn message(bytes: &Bytes) -> Result<(Message, Option<Fault>), &'static str> {
    let at = leading(bytes);
    let Line { end, next, lone_cr } =
        line(bytes, at).ok_or(if at == bytes.len() { "keep-alive" } else { "not SIP" })?;
    if lone_cr {
        return Err("not SIP");
    }
    let (start, start_fault) = start_line(bytes, at, end)?;
    let index = index(bytes, next);
    let mut fault = start_fault.or(index.fault);
    let body = match body(bytes, &index) {
        Ok(body) => body,
        Err(f) => {
            fault = fault.or(Some(f));
            Bytes::new()
        }
    };
    let headers = Headers { raw: bytes.clone(), spans: index.spans };
    Ok((Message { start, headers, body }, fault))
}

fn body(bytes: &Bytes, index: &Index) -> Result<Bytes, Fault> {
    let rest = bytes.get(index.body_at..).unwrap_or_default();
    let length = match content_length(bytes, &index.spans).map_err(|w| (400, w))? {
        Some(n) => usize::try_from(n).unwrap_or(usize::MAX),
        // RFC 3261 section 18.3: to the end of the datagram. Some telephones append a NUL.
        None => rest.iter().rposition(|b| *b != 0).map_or(0, |p| p.saturating_add(1)),
    };
    // Of a stream only the head is handed over then.
    if length > BODY_MAX && (rest.is_empty() || length <= rest.len()) {
        return Err((513, "Body too long"));
    }
    if length > rest.len() {
        // Of a body that a stream announces as too long nothing is read: `Framer` hands over the head alone.
        return Err(match rest.is_empty() && length > BODY_MAX {
            true => (513, "Body too long"),
            false => (400, "Content-Length beyond the datagram"),
        });
    }
    Ok(bytes.slice(index.body_at..index.body_at.saturating_add(length)))
}

fn start_line(bytes: &Bytes, at: usize, end: usize) -> Result<(Start, Option<Fault>), &'static str> {
    let whole = bytes.get(at..end).unwrap_or_default();
    if whole.first_chunk::<4>().is_some_and(|p| p.eq_ignore_ascii_case(b"SIP/")) {
        return status_line(whole).map(|s| (s, None));
    }
    let space = whole.iter().position(|b| *b == b' ' || *b == b'\t').ok_or("not SIP")?;
    let method = whole.get(..space).unwrap_or_default();
    let version_at = trim(whole).iter().rposition(|b| *b == b' ' || *b == b'\t').ok_or("not SIP")?;
    let version = trim(whole.get(version_at..).unwrap_or_default());
    let is_sip = version.first_chunk::<4>().is_some_and(|p| p.eq_ignore_ascii_case(b"SIP/"));
    if !is_sip || method.is_empty() || !method.iter().all(|b| is_token_byte(*b)) {
        return Err("not SIP");
    }
    let middle = whole.get(space..version_at).unwrap_or_default();
    let uri = trim(middle);
    let text = std::str::from_utf8(uri).unwrap_or_default();
    let fault = if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        Some((505, "Version Not Supported"))
    } else if uri.len() > URI_MAX {
        Some((414, "Request-URI Too Long"))
    } else if whole.len() != method.len().saturating_add(uri.len()).saturating_add(9) {
        // 9: two single spaces and `SIP/2.0`.
        Some((400, "Whitespace in the start line"))
    } else {
        super::uri::split(text).err().map(|_| (400, "Bad Request-URI"))
    };
    let uri_at = at
        .saturating_add(space)
        .saturating_add(middle.iter().take_while(|b| is_lws(**b)).count().min(middle.len()));
    let uri = bytes.slice(uri_at..uri_at.saturating_add(uri.len()));
    let method = Method::from(std::str::from_utf8(method).unwrap_or_default());
    Ok((Start::Request { method, uri }, fault))
}

/// `SIP/2.0 200 OK`; the reason may be missing, the code is exactly three digits (RFC 4475 `bigcode`).
fn status_line(whole: &[u8]) -> Result<Start, &'static str> {
    let rest = whole
        .split_first_chunk::<8>()
        .filter(|(v, _)| v.eq_ignore_ascii_case(b"SIP/2.0 "))
        .map(|(_, r)| r)
        .ok_or("bad version of a response")?;
    let (code, reason) = match rest {
        [a, b, c] => ([*a, *b, *c], &[][..]),
        [a, b, c, b' ', reason @ ..] => ([*a, *b, *c], reason),
        _ => return Err("bad status code"),
    };
    let code = std::str::from_utf8(&code).ok().and_then(digits).and_then(|n| u16::try_from(n).ok());
    let code = code.filter(|c| (100..700).contains(c)).ok_or("bad status code")?;
    Ok(Start::Response { code, reason: text(reason).into_owned() })
}
