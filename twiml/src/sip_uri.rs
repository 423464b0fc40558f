//! The address of a Sip noun: what is the URI, what are headers, and what must never reach a SIP message.

use crate::limits::{SIP_HEADERS_LENGTH_MAX, SIP_HEADERS_MAX, SIP_URI_MAX};
use crate::warning::{Reader, cut};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Twilio's code for too many headers.
const TOO_MANY_HEADERS: u32 = 13251;
/// Twilio's code for a header that is not allowed.
pub(crate) const HEADER_NAME: u32 = 13252;
/// Twilio's code for headers that are too long.
const HEADERS_TOO_LONG: u32 = 13253;

/// Headers allowed beside those that begin with `X-`.
const ALLOWED: &[&str] = &["User-to-User", "Remote-Party-ID", "P-Preferred-Identity", "P-Called-Party-ID"];

/// The URI without its headers, and the headers decoded. None: no SIP URI.
pub(crate) fn split(text: &str) -> Option<(String, Vec<(String, String)>)> {
    let (uri, query) = text.split_once('?').unwrap_or((text, ""));
    let (scheme, rest) = uri.split_once(':')?;
    let scheme = ["sip", "sips"].into_iter().find(|s| s.eq_ignore_ascii_case(scheme))?;
    let after_user = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = after_user.split(';').next().unwrap_or_default();
    // A quote, bracket or blank would end the address early where it stands in a header.
    let clean = uri.chars().all(|c| !c.is_control() && !c.is_whitespace() && !"<>\"\\".contains(c));
    if host.is_empty() || !clean || uri.chars().count() > SIP_URI_MAX {
        return None;
    }
    let headers = query.split('&').filter(|h| !h.is_empty()).map(header).collect();
    Some((format!("{scheme}:{rest}"), headers))
}

/// Is this a SIP address, with or without headers, that may stand between `<` and `>`?
pub(crate) fn is_address(text: &str) -> bool {
    let clean = text.chars().all(|c| !c.is_control() && !c.is_whitespace() && !"<>\"\\".contains(c));
    clean && split(text).is_some() && text.len() <= SIP_URI_MAX + SIP_HEADERS_LENGTH_MAX
}

fn header(text: &str) -> (String, String) {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    (decode(name), decode(value))
}

/// Adds a header if it is allowed, else warns.
pub(crate) fn add_header(
    headers: &mut Vec<(String, String)>,
    (name, value): (String, String),
    at: usize,
    reader: &mut Reader<'_>,
) {
    let token = |c: char| c.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(c);
    let custom = name.get(..2).is_some_and(|x| x.eq_ignore_ascii_case("x-")) && name.chars().nth(2).is_some();
    let known = ALLOWED.iter().any(|a| a.eq_ignore_ascii_case(&name));
    if !(custom || known) || !name.chars().all(token) {
        reader.warn(
            at,
            HEADER_NAME,
            format!("header \"{}\" is not allowed in Sip; it is left out", cut(&name)),
        );
    } else if value.chars().any(char::is_control) {
        reader.warn(
            at,
            HEADER_NAME,
            format!("header {} holds control characters; it is left out", cut(&name)),
        );
    } else if headers.len() >= SIP_HEADERS_MAX {
        let words = format!("Sip takes {SIP_HEADERS_MAX} headers; {} is left out", cut(&name));
        reader.warn(at, TOO_MANY_HEADERS, words);
    } else {
        headers.push((name, value));
        if written(headers).len() > SIP_HEADERS_LENGTH_MAX {
            let name = headers.pop().map(|(name, _)| name).unwrap_or_default();
            let words = format!(
                "headers of Sip are longer than {SIP_HEADERS_LENGTH_MAX}; {} is left out",
                cut(&name)
            );
            reader.warn(at, HEADERS_TOO_LONG, words);
        }
    }
}

/// The URI with its headers behind `?`.
pub(crate) fn join(uri: &str, headers: &[(String, String)]) -> String {
    if headers.is_empty() { uri.to_owned() } else { format!("{uri}?{}", written(headers)) }
}

fn written(headers: &[(String, String)]) -> String {
    let mut out = String::new();
    for (name, value) in headers {
        if !out.is_empty() {
            out.push('&');
        }
        encode(name, &mut out);
        out.push('=');
        encode(value, &mut out);
    }
    out
}

fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

/// Percent signs that no two hexadecimal digits follow stand for themselves.
fn decode(text: &str) -> String {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let pair = after.split_at_checked(2).and_then(|(pair, tail)| Some((hex(pair)?, tail)));
        let (octet, tail) = match pair {
            Some(decoded) if *first == b'%' => decoded,
            _ => (*first, after),
        };
        octets.push(octet);
        rest = tail;
    }
    String::from_utf8_lossy(&octets).into_owned()
}

fn hex(pair: &[u8]) -> Option<u8> {
    let text = core::str::from_utf8(pair).ok().filter(|t| t.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u8::from_str_radix(text, 16).ok()
}
