//! The small lexical tools that every value parser uses.

use std::borrow::Cow;

/// `token` of RFC 3261 section 25.1.
pub fn is_token(s: &str) -> bool {
    !s.is_empty() && s.bytes().all(is_token_byte)
}

/// A set of ASCII octets; those from 0x80 on are asked for separately.
#[derive(Copy, Clone)]
pub(super) struct Set([u64; 2]);

impl Set {
    /// Letters, digits and these (ASCII).
    pub const fn alphanumeric_and(mut more: &[u8]) -> Set {
        let (mut low, mut high) = (0_u64, 0_u64);
        let mut b = 0_u8;
        while b < 64 {
            low |= (b.is_ascii_alphanumeric() as u64) << b;
            high |= ((b + 64).is_ascii_alphanumeric() as u64) << b;
            b += 1;
        }
        while let [first, rest @ ..] = more {
            match *first {
                b @ 0..64 => low |= 1 << b,
                b => high |= 1 << (b - 64),
            }
            more = rest;
        }
        Set([low, high])
    }

    /// Is it in the set? False from 0x80 on.
    pub const fn has(self, b: u8) -> bool {
        let Set([low, high]) = self;
        let word = if b < 64 { low } else { high };
        b < 128 && (word >> (b & 63)) & 1 == 1
    }

    /// Is it in the set or not ASCII?
    pub const fn has_or_wide(self, b: u8) -> bool {
        b >= 128 || self.has(b)
    }
}

const TOKEN: Set = Set::alphanumeric_and(b"-.!%*_+`'~");
const HOST: Set = Set::alphanumeric_and(b"-._");

/// One octet of a token.
pub(super) fn is_token_byte(b: u8) -> bool {
    TOKEN.has(b)
}

/// Whitespace inside a header field, fold included.
pub(super) fn is_lws(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | b'\n')
}

/// Cuts whitespace and folds at both ends.
pub(super) fn trim(mut b: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = b
        && is_lws(*first)
    {
        b = rest;
    }
    while let [rest @ .., last] = b
        && is_lws(*last)
    {
        b = rest;
    }
    b
}

/// As [`trim`], for text that was unfolded.
pub(super) fn trim_str(s: &str) -> &str {
    let edge = |b: Option<&u8>| b.is_some_and(|b| is_lws(*b));
    // Nearly always there is nothing to cut.
    if edge(s.as_bytes().first()) || edge(s.as_bytes().last()) {
        return s.trim_matches([' ', '\t', '\r', '\n']);
    }
    s
}

/// The text of a field: folds become one space; octets that are not UTF-8 are read as Latin-1, because old
/// telephones send such display names.
pub(super) fn text(raw: &[u8]) -> Cow<'_, str> {
    let folded = memchr::memchr2(b'\n', b'\r', raw).is_some();
    match (std::str::from_utf8(raw), folded) {
        (Ok(s), false) => Cow::Borrowed(s),
        (Ok(s), true) => Cow::Owned(unfold(s)),
        (Err(_), _) => {
            let latin: String = raw.iter().map(|b| char::from(*b)).collect();
            Cow::Owned(if folded { unfold(&latin) } else { latin })
        }
    }
}

fn unfold(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    for line in s.split(['\r', '\n']).filter(|l| !l.is_empty()) {
        if out.is_empty() {
            out.push_str(line);
        } else {
            out.push(' ');
            out.push_str(line.trim_start_matches([' ', '\t']));
        }
    }
    out
}

/// Where `want` first occurs outside quoted strings and, if `angles`, outside `<>`.
pub(super) fn find_outside(s: &str, want: u8, angles: bool) -> Option<usize> {
    let bytes = s.as_bytes();
    let open = if angles { b'<' } else { b'"' };
    let mut at = 0_usize;
    loop {
        let rest = bytes.get(at..)?;
        let hit = memchr::memchr3(want, b'"', open, rest)?;
        let (found, behind) = rest.get(hit..)?.split_first()?;
        at = at.checked_add(hit)?;
        if *found == want {
            return Some(at);
        }
        // What was opened is skipped as a whole; if it never ends, nothing is outside it.
        let skip = if *found == b'"' { closing_quote(behind)? } else { memchr::memchr(b'>', behind)? };
        at = at.checked_add(skip)?.checked_add(2)?;
    }
}

/// Where the quoted string ends whose first quote was passed.
fn closing_quote(s: &[u8]) -> Option<usize> {
    let mut at = 0_usize;
    loop {
        let rest = s.get(at..)?;
        let hit = memchr::memchr2(b'"', b'\\', rest)?;
        at = at.checked_add(hit)?;
        if s.get(at) == Some(&b'"') {
            return Some(at);
        }
        at = at.checked_add(2)?;
    }
}

/// The elements of a comma-separated list, trimmed; commas in quotes and in `<>` do not separate.
/// An empty element is handed out too: the caller knows whether it is an error.
pub fn split_list(s: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(s);
    std::iter::from_fn(move || {
        let now = rest?;
        let at = find_outside(now, b',', true);
        let (head, tail) = match at.and_then(|at| now.split_at_checked(at)) {
            Some((head, tail)) => (head, tail.get(1..)),
            None => (now, None),
        };
        rest = tail;
        Some(trim_str(head))
    })
}

/// Takes the quotes off a quoted string and resolves its `\x` pairs; other text comes back as it is.
pub fn unquote(s: &str) -> Cow<'_, str> {
    let Some(inner) = s.strip_prefix('"').and_then(|s| s.strip_suffix('"')) else {
        return Cow::Borrowed(s);
    };
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// A quoted string; CR and LF, which no quoting can carry, become spaces.
pub fn quote(s: &str) -> String {
    let mut out = String::with_capacity(s.len().saturating_add(2));
    out.push('"');
    for c in s.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\r' | '\n' => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Is this one whole quoted string, its last quote the closing one?
pub(super) fn is_quoted(s: &str) -> bool {
    let inner = s.strip_prefix('"').map(str::as_bytes);
    inner.is_some_and(|i| closing_quote(i).and_then(|at| at.checked_add(1)) == Some(i.len()))
}

/// Decimal digits only, saturating at `u64::MAX`: what is too large stays too large.
pub(super) fn digits(s: &str) -> Option<u64> {
    if s.is_empty() {
        return None;
    }
    s.bytes().try_fold(0_u64, |n, b| {
        b.is_ascii_digit().then(|| n.saturating_mul(10).saturating_add(u64::from(b.wrapping_sub(b'0'))))
    })
}

/// `host` of RFC 3261 in a lenient form: a name, an IPv4 literal or an IPv6 literal in brackets, and its port.
/// Returns host (brackets kept) and port; whitespace around the colon is allowed, as Via permits it.
pub(super) fn host_port(s: &str) -> Result<(&str, Option<u16>), &'static str> {
    let at = match s.find(']') {
        Some(at) if s.starts_with('[') => at.saturating_add(1),
        _ => s.find(':').unwrap_or(s.len()),
    };
    let (host, rest) = s.split_at_checked(at).unwrap_or((s, ""));
    let (host, rest) = (trim_str(host), trim_str(rest));
    if !is_host(host) {
        return Err("bad host");
    }
    let Some(port) = rest.strip_prefix(':') else {
        return if rest.is_empty() { Ok((host, None)) } else { Err("bad host") };
    };
    let port = digits(trim_str(port)).and_then(|p| u16::try_from(p).ok()).ok_or("bad port")?;
    Ok((host, Some(port)))
}

fn is_host(s: &str) -> bool {
    if let Some(v6) = s.strip_prefix('[').and_then(|s| s.strip_suffix(']')) {
        // A zone index is cut off before the check: link-local peers send it.
        let plain = v6.split('%').next().unwrap_or(v6);
        return plain.parse::<std::net::Ipv6Addr>().is_ok();
    }
    !s.is_empty() && s.bytes().all(|b| HOST.has_or_wide(b))
}
