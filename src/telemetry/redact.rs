//! What the log and the timelines may not hold (ruling 2.40): numbers are shown as `+1555*****34`; user, password and query values
//! of URLs are not shown. Both have one door each ([`crate::switch`]'s log and its timelines), and what leaves by it passes here.

use std::borrow::Cow;

/// Digits in a row from which on they are taken for a number; shorter ones are codes, ports, milliseconds, extensions.
pub const NUMBER_MIN: usize = 7;
/// First and last digits of a number that stay.
const FIRST: usize = 4;
const LAST: usize = 2;
/// A short number keeps less, so that something is hidden.
const SHORT: usize = 9;

/// A number as a log may show it: `+1555*****34`.
pub fn number(number: &str) -> String {
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    if digits < NUMBER_MIN {
        return number.to_owned();
    }
    let first = if digits < SHORT { FIRST / 2 } else { FIRST };
    let mut at = 0;
    let masked = number.chars().map(|c| {
        at += usize::from(c.is_ascii_digit());
        let hidden = c.is_ascii_digit() && at > first && at + LAST <= digits;
        if hidden { '*' } else { c }
    });
    masked.collect()
}

/// A sentence as a log may show it. Identifiers (letters and digits) and addresses stay as they are.
pub fn line(text: &str) -> Cow<'_, str> {
    let urls = text.contains("//") || text.contains('?') || after_sip(text).is_some();
    let needs = urls || longest_run(text) >= NUMBER_MIN;
    if !needs {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for word in text.split_inclusive(|c: char| c.is_whitespace()) {
        match urls && is_url(word) {
            true => numbers(&url(word), &mut out),
            false => numbers(word, &mut out),
        }
    }
    Cow::Owned(out)
}

/// A sentence without what it quotes: where a timeline tells what is wrong with a document, the document's keys and passwords must
/// not be repeated.
pub fn unquoted(text: &str) -> String {
    let parts = text.split('"').enumerate();
    parts.map(|(i, part)| if i % 2 == 0 { part } else { "\"*\"" }).collect()
}

fn longest_run(text: &str) -> usize {
    text.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0)
}

/// Where what follows `sip:` or `sips:` begins; schemes are the same in capitals.
fn after_sip(text: &str) -> Option<usize> {
    let at = |scheme: &str| {
        let found =
            text.as_bytes().windows(scheme.len()).position(|w| w.eq_ignore_ascii_case(scheme.as_bytes()));
        found.map(|at| at + scheme.len())
    };
    at("sip:").or_else(|| at("sips:"))
}

/// Also a relative one: `/voice?pin=1`, `//user:password@host`.
fn is_url(word: &str) -> bool {
    let query = || word.split_once('?').is_some_and(|(_, query)| query.contains('='));
    word.contains("//") || after_sip(word).is_some() || query()
}

/// Takes user and password of a URL with an authority out, the password of a SIP address, and the values of every query.
fn url(word: &str) -> String {
    let (head, query) = match word.split_once('?') {
        Some((head, query)) => (head, Some(query)),
        None => (word, None),
    };
    let mut out = match head.split_once("//") {
        Some((scheme, rest)) => {
            let end = rest.find(['/', '#']).unwrap_or(rest.len());
            let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            format!("{scheme}//{host}{path}")
        }
        None => without_password(head),
    };
    if let Some(query) = query {
        // What closes the URL in its sentence is not part of the last value.
        let space = query.trim_end().len();
        let (query, tail) = query.split_at_checked(space).unwrap_or((query, ""));
        for (i, pair) in query.split('&').enumerate() {
            out.push(if i == 0 { '?' } else { '&' });
            out.push_str(pair.split_once('=').map_or("", |(name, _)| name));
            out.push_str("=*");
        }
        out.push_str(tail);
    }
    out
}

/// `sip:user:password@host` as `sip:user@host` (RFC 3261, 19.1.1).
fn without_password(head: &str) -> String {
    let parts = after_sip(head).and_then(|at| head.split_at_checked(at));
    let address = parts.and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?)));
    let Some((scheme, (user, host))) = address else { return head.to_owned() };
    format!("{scheme}{}@{host}", user.split_once(':').map_or(user, |(user, _)| user))
}

/// Masks every run of digits that stands alone: letters beside it make it a part of an identifier.
fn numbers(text: &str, out: &mut String) {
    let mut rest = text;
    let mut before = None;
    while !rest.is_empty() {
        let plain = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (head, tail) = rest.split_at_checked(plain).unwrap_or((rest, ""));
        out.push_str(head);
        before = head.chars().next_back().or(before);
        let length = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
        let (digits, after) = tail.split_at_checked(length).unwrap_or((tail, ""));
        let joined = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        match joined(before) || joined(after.chars().next()) {
            true => out.push_str(digits),
            false => out.push_str(&number(digits)),
        }
        before = digits.chars().next_back().or(before);
        rest = after;
    }
}
