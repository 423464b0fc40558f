//! `"Display" <uri>;params` or `uri;params`: From, To, Contact, Route, Record-Route (RFC 3261 section 20.10).

use super::{
    params::{self, Params},
    text::{Set, find_outside, is_quoted, quote, trim_str, unquote},
    uri::{self, Uri},
};
use std::fmt;

/// One address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAddr {
    /// Display name without quotes; empty if none.
    pub display: String,
    /// The URI.
    pub uri: Uri,
    /// Header parameters (`tag`, `expires`, `q` ...), not those of the URI.
    pub params: Params,
}

/// Display as written, URI, header parameters. Checks all three without allocation.
pub(super) fn split(s: &str) -> Result<(&str, uri::Parts<'_>, &str), &'static str> {
    let s = trim_str(s);
    let (display, uri, rest) = match find_outside(s, b'<', false) {
        Some(at) => {
            let (display, rest) = s.split_at_checked(at).ok_or("bad address")?;
            let (uri, rest) = rest.strip_prefix('<').and_then(|r| r.split_once('>')).ok_or("open <")?;
            (trim_str(display), uri, trim_str(rest))
        }
        None => {
            let (uri, rest) = s.split_at_checked(s.find(';').unwrap_or(s.len())).ok_or("bad address")?;
            // Without <> these belong to the header, so a URI that holds them is ambiguous.
            if uri.contains(['?', ',']) {
                return Err("URI must be in <>");
            }
            ("", trim_str(uri), rest)
        }
    };
    check_display(display)?;
    let uri = uri::split(uri)?;
    let params = match rest.strip_prefix(';') {
        Some(p) if !trim_str(p).is_empty() => trim_str(p),
        None if rest.is_empty() => "",
        _ => return Err("text behind an address"),
    };
    params::check(params)?;
    Ok((display, uri, params))
}

const WORDS: Set = Set::alphanumeric_and(b"-.!%*_+`'~ \t/=?#$&()@[]{}|^");

/// A quoted string, or words. Words are taken wider than tokens (names with accents, `(Sales)`, `100@pbx`), but not
/// with what would separate values.
fn check_display(s: &str) -> Result<(), &'static str> {
    if is_quoted(s) || s.bytes().all(|b| WORDS.has_or_wide(b)) { Ok(()) } else { Err("bad display name") }
}

impl NameAddr {
    /// Reads one address. Errors: an open quote or `<`, a bad URI, bad parameters.
    pub fn parse(s: &str) -> Result<NameAddr, &'static str> {
        let (display, uri, params) = split(s)?;
        Ok(NameAddr {
            display: unquote(display).into_owned(),
            uri: Uri::of(&uri)?,
            params: Params::parse(params)?,
        })
    }

    /// The `tag` parameter; None if missing or empty.
    pub fn tag(&self) -> Option<&str> {
        self.params.get("tag").filter(|t| !t.is_empty())
    }

    /// The same without its tag.
    pub fn without_tag(&self) -> NameAddr {
        NameAddr { params: self.params.without("tag"), ..self.clone() }
    }
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.display.is_empty() {
            write!(f, "{} ", quote(&self.display))?;
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}
