//! `sip:`, `sips:` and `tel:` URIs (RFC 3261 section 19.1, RFC 3966); every other scheme is kept as opaque text.

use super::{
    params::{self, Params},
    text::{Set, host_port},
};
use std::{
    borrow::Cow,
    fmt::{self, Write as _},
};

/// Most header fields of a URI that are looked at (`?X-a=b&...`).
pub const URI_HEADERS_MAX: usize = 32;

/// The scheme of a URI.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:`
    Tel,
    /// Any other, as written.
    Other(String),
}

impl Scheme {
    /// Its name, without the colon.
    pub fn as_str(&self) -> &str {
        match self {
            Scheme::Sip => "sip",
            Scheme::Sips => "sips",
            Scheme::Tel => "tel",
            Scheme::Other(s) => s,
        }
    }
}

/// A URI in parts. Nothing is percent-decoded: `%` is compared, echoed and hashed as written (RFC 4475 `esc01`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Uri {
    /// The scheme.
    pub scheme: Scheme,
    /// User part of `sip:`, number of `tel:`; escapes kept.
    pub user: Option<String>,
    /// The password that nobody should send.
    pub password: Option<String>,
    /// Host, IPv6 in brackets; empty for `tel:` and unknown schemes.
    pub host: String,
    /// Port, if written.
    pub port: Option<u16>,
    /// URI parameters (`transport`, `lr`, `user`, `phone-context` ...).
    pub params: Params,
    /// The text behind `?`, escapes kept; empty if none.
    pub headers: String,
    /// What follows the colon of an unknown scheme.
    pub opaque: String,
}

/// The pieces of a URI, borrowed.
#[derive(Default)]
pub(super) struct Parts<'a> {
    pub scheme: &'a str,
    pub user: Option<&'a str>,
    pub password: Option<&'a str>,
    pub host: &'a str,
    pub port: Option<u16>,
    pub params: &'a str,
    pub headers: &'a str,
    pub opaque: &'a str,
}

/// What may stand in a URI at all: no space, quote, angle bracket or control character.
const GRAPHIC: Set = Set::alphanumeric_and(b"-.!%*_+`'~[]/:&$?#@()|={}^;,\\");

/// Splits and checks without allocation.
pub(super) fn split(s: &str) -> Result<Parts<'_>, &'static str> {
    if !s.bytes().all(|b| GRAPHIC.has_or_wide(b)) {
        return Err("space, quote or control character in a URI");
    }
    let (scheme, rest) = s.split_once(':').ok_or("URI without scheme")?;
    let first = scheme.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    if !first || !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')) {
        return Err("bad URI scheme");
    }
    if scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips") {
        return split_sip(scheme, rest);
    }
    if scheme.eq_ignore_ascii_case("tel") {
        let (number, params) = rest.split_once(';').unwrap_or((rest, ""));
        if number.is_empty() {
            return Err("tel URI without number");
        }
        params::check(params)?;
        return Ok(Parts { scheme, user: Some(number), params, ..Parts::default() });
    }
    if rest.is_empty() {
        return Err("empty URI");
    }
    Ok(Parts { scheme, opaque: rest, ..Parts::default() })
}

fn split_sip<'a>(scheme: &'a str, rest: &'a str) -> Result<Parts<'a>, &'static str> {
    // Unescaped `@` occurs nowhere but behind the user part, and `;` or `?` may be inside it (RFC 4475 `semiuri`).
    let (userinfo, rest) = rest.split_once('@').map_or((None, rest), |(u, r)| (Some(u), r));
    let (user, password) = match userinfo.map(|u| u.split_once(':').unwrap_or((u, ""))) {
        Some(("", _)) => return Err("empty user in a URI"),
        Some((user, "")) => (Some(user), None),
        Some((user, password)) => (Some(user), Some(password)),
        None => (None, None),
    };
    let (rest, headers) = rest.split_once('?').unwrap_or((rest, ""));
    let (hostport, params) = rest.split_once(';').map_or((rest, None), |(h, p)| (h, Some(p)));
    let (host, port) = host_port(hostport)?;
    if params == Some("") {
        return Err("empty URI parameter");
    }
    let params = params.unwrap_or("");
    params::check(params)?;
    Ok(Parts { scheme, user, password, host, port, params, headers, opaque: "" })
}

impl Uri {
    /// Reads a URI. Errors: whitespace or control characters, no scheme, a bad host, port or parameter.
    pub fn parse(s: &str) -> Result<Uri, &'static str> {
        Uri::of(&split(s)?)
    }

    /// Of its pieces.
    pub(super) fn of(p: &Parts<'_>) -> Result<Uri, &'static str> {
        let scheme = match p.scheme {
            s if s.eq_ignore_ascii_case("sip") => Scheme::Sip,
            s if s.eq_ignore_ascii_case("sips") => Scheme::Sips,
            s if s.eq_ignore_ascii_case("tel") => Scheme::Tel,
            s => Scheme::Other(s.to_owned()),
        };
        Ok(Uri {
            scheme,
            user: p.user.map(str::to_owned),
            password: p.password.map(str::to_owned),
            host: p.host.to_owned(),
            port: p.port,
            params: Params::parse(p.params)?,
            headers: p.headers.to_owned(),
            opaque: p.opaque.to_owned(),
        })
    }

    /// `sip:user@host` without parameters.
    pub fn sip(user: Option<&str>, host: &str, port: Option<u16>) -> Uri {
        Uri {
            scheme: Scheme::Sip,
            user: user.map(str::to_owned),
            password: None,
            host: host.to_owned(),
            port,
            params: Params::default(),
            headers: String::new(),
            opaque: String::new(),
        }
    }

    /// The user part, percent-decoded once; empty if there is none.
    pub fn user_decoded(&self) -> String {
        percent_decode(self.user.as_deref().unwrap_or("")).into_owned()
    }

    /// `transport` parameter.
    pub fn transport(&self) -> Option<&str> {
        self.params.get("transport").filter(|t| !t.is_empty())
    }

    /// Is `lr` there? Kamailio writes `lr=on`, others `lr=true`.
    pub fn is_loose(&self) -> bool {
        self.params.has("lr")
    }

    /// The host that a request to this URI is sent to: `maddr`, or the URI's own (RFC 3263 section 4). No brackets.
    pub fn next_host(&self) -> &str {
        let maddr = self.params.get("maddr").filter(|host| !host.is_empty());
        maddr.map_or(self.bare_host(), |host| host.trim_matches(['[', ']']))
    }

    /// Host without the brackets of IPv6.
    pub fn bare_host(&self) -> &str {
        self.host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(&self.host)
    }

    /// The header fields behind `?`, names and values percent-decoded.
    pub fn header_fields(&self) -> Vec<(String, String)> {
        let fields = self.headers.split('&').filter(|f| !f.is_empty()).take(URI_HEADERS_MAX);
        fields
            .map(|f| f.split_once('=').unwrap_or((f, "")))
            .map(|(n, v)| (percent_decode(n).into_owned(), percent_decode(v).into_owned()))
            .collect()
    }

    /// The same without the part behind `?`, which must not be in a Request-URI (RFC 3261 section 19.1.5).
    pub fn without_headers(mut self) -> Uri {
        self.headers.clear();
        self
    }
}

/// A user part that may hold anything, as it may stand in a URI (RFC 3261 section 25.1, `user`). Read again and decoded it is
/// the same.
pub fn escape_user(user: &str) -> String {
    user.bytes().fold(String::with_capacity(user.len()), |mut out, b| {
        if b.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&b) {
            out.push(char::from(b));
        } else {
            let _ = write!(out, "%{b:02X}");
        }
        out
    })
}

/// Resolves `%XX` once; what is not such an escape stays. Octets that are not UTF-8 become U+FFFD.
pub(super) fn percent_decode(s: &str) -> Cow<'_, str> {
    if !s.contains('%') {
        return Cow::Borrowed(s);
    }
    let mut out = Vec::with_capacity(s.len());
    let mut rest = s.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
        match (first, tail) {
            (b'%', [hi, lo, after @ ..]) if hex(*hi).is_some() && hex(*lo).is_some() => {
                out.push((hex(*hi).unwrap_or(0) << 4) | hex(*lo).unwrap_or(0));
                rest = after;
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.scheme.as_str(), self.opaque)?;
        if let Some(user) = &self.user {
            f.write_str(user)?;
        }
        if let Some(password) = &self.password {
            write!(f, ":{password}")?;
        }
        if self.user.is_some() && !matches!(self.scheme, Scheme::Tel) {
            f.write_str("@")?;
        }
        f.write_str(&self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.params)?;
        if self.headers.is_empty() { Ok(()) } else { write!(f, "?{}", self.headers) }
    }
}
