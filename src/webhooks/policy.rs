//! What a URL says beside where to go: overrides in the fragment (webhooks.md 1.2), resolution against the document
//! (twiml.md 1.5), user info, and which request follows a 3xx.

use super::request::{FetchError, Method, Policy, Purpose, RetryOn};
use std::time::Duration;
use url::Url;

/// Redirects followed before 11215.
pub const REDIRECTS_MAX: usize = 10;
/// No override makes a call wait longer than this for a document.
pub const TOTAL_MAX: Duration = Duration::from_secs(15);
/// Longest URL taken, in octets.
pub const URL_MAX: usize = 8 * 1024;

const EDGES: [&str; 8] =
    ["ashburn", "dublin", "frankfurt", "sao-paulo", "singapore", "sydney", "tokyo", "umatilla"];

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            connect: Duration::from_millis(5_000),
            read: Duration::from_millis(15_000),
            total: TOTAL_MAX,
            retries: 1,
            retry_on: RetryOn { client_error: false, server_error: false, connect: true, read: false },
            sni: true,
        }
    }
}

impl FetchError {
    /// An error before anything was sent.
    pub fn early(code: u32, words: impl Into<String>) -> FetchError {
        FetchError { code, words: words.into(), status: None, ms: 0 }
    }
}

/// Splits a configured URL: what to request (no fragment), and its overrides.
///
/// # Errors
/// 11100 for a number out of its range, 11240 and 11241 for the edge list, 11243 for the retry policy. An unknown key is no
/// error: `#section` is a legal fragment that asks for nothing.
pub fn split(url: &str) -> Result<(String, Policy), FetchError> {
    let Some((head, fragment)) = url.split_once('#') else {
        return Ok((url.to_owned(), Policy::default()));
    };
    Ok((head.to_owned(), overrides(fragment)?))
}

/// Reads the overrides of a fragment (without `#`).
///
/// # Errors
/// As [`split`].
pub fn overrides(fragment: &str) -> Result<Policy, FetchError> {
    let mut policy = Policy::default();
    for part in fragment.split('&') {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        match key {
            "ct" => policy.connect = millis(key, value, 10_000)?,
            "rt" => policy.read = millis(key, value, 15_000)?,
            "tt" => policy.total = millis(key, value, 15_000)?,
            "rc" => policy.retries = number(key, value, 0, 5)?.try_into().unwrap_or(5),
            "rp" => policy.retry_on = retry_on(value)?,
            "sni" => policy.sni = yes_or_no(value)?,
            "e" => edges(value)?,
            _ => {}
        }
    }
    Ok(policy)
}

fn number(key: &str, value: &str, low: u64, high: u64) -> Result<u64, FetchError> {
    value.parse().ok().filter(|n| (low..=high).contains(n)).ok_or_else(|| {
        FetchError::early(11100, format!("connection override #{key} must be a number from {low} to {high}"))
    })
}

fn millis(key: &str, value: &str, high: u64) -> Result<Duration, FetchError> {
    number(key, value, 100, high).map(Duration::from_millis)
}

fn yes_or_no(value: &str) -> Result<bool, FetchError> {
    match value {
        "y" => Ok(true),
        "n" => Ok(false),
        _ => Err(FetchError::early(11100, "connection override #sni must be y or n")),
    }
}

fn retry_on(value: &str) -> Result<RetryOn, FetchError> {
    let mut on = RetryOn { client_error: false, server_error: false, connect: false, read: false };
    for word in value.split(',') {
        match word {
            "4xx" => on.client_error = true,
            "5xx" => on.server_error = true,
            "ct" => on.connect = true,
            "rt" => on.read = true,
            "all" => on = RetryOn { client_error: true, server_error: true, connect: true, read: true },
            _ => {
                let words = "connection override #rp must be a list of 4xx, 5xx, ct, rt or all";
                return Err(FetchError::early(11243, words));
            }
        }
    }
    Ok(on)
}

/// There is one edge, this server: a known name is accepted and changes nothing.
fn edges(value: &str) -> Result<(), FetchError> {
    for edge in value.split(',') {
        if edge.is_empty() || !edge.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') {
            return Err(FetchError::early(
                11240,
                "connection override #e must be a comma list of edge names",
            ));
        }
        let place = edge.strip_suffix("-ix").unwrap_or(edge);
        if !EDGES.contains(&place) {
            return Err(FetchError::early(11241, "connection override #e names an edge that does not exist"));
        }
    }
    Ok(())
}

/// The total time of a request: a document never holds its call longer than 15 s.
pub fn total(policy: &Policy, purpose: Purpose) -> Duration {
    match purpose {
        Purpose::Document | Purpose::Callback => policy.total.min(TOTAL_MAX),
        Purpose::Media => policy.total,
    }
}

/// An href of a document as an absolute http or https URL; its fragment is kept. An absolute one is returned as written, so that it
/// is signed as written. An empty one is the document itself.
///
/// # Errors
/// 15004 for a relative href in a document that has no URL (given by `Twiml`), 11100 for everything else.
pub fn resolve(base: Option<&str>, href: &str) -> Result<String, FetchError> {
    let href = href.trim();
    short_enough(href)?;
    match Url::parse(href) {
        Ok(url) => check(&url).map(|()| href.to_owned()),
        Err(url::ParseError::RelativeUrlWithoutBase) => relative(base, href),
        Err(e) => Err(FetchError::early(11100, format!("invalid URL: {e}"))),
    }
}

fn relative(base: Option<&str>, href: &str) -> Result<String, FetchError> {
    let Some(base) = base else {
        let words =
            "a relative URL needs a document with a URL; this one was given as Twiml: write it absolute";
        return Err(FetchError::early(15004, words));
    };
    let joined = Url::parse(base).and_then(|base| base.join(href));
    let url = joined.map_err(|e| FetchError::early(11100, format!("invalid URL: {e}")))?;
    check(&url)?;
    // Escapes and the base make it longer than it was written.
    short_enough(url.as_str()).map(|()| url.to_string())
}

fn short_enough(url: &str) -> Result<(), FetchError> {
    match url.len() > URL_MAX {
        true => Err(FetchError::early(11100, format!("a URL may have {URL_MAX} octets"))),
        false => Ok(()),
    }
}

fn check(url: &Url) -> Result<(), FetchError> {
    match url.scheme() {
        "http" | "https" if url.host_str().is_some_and(|h| !h.is_empty()) => Ok(()),
        other => Err(FetchError::early(11100, format!("a URL must be http or https, not {other}"))),
    }
}

/// Takes user info out of a URL. User and password are percent-decoded.
pub fn split_user_info(url: &Url) -> (Url, Option<(String, String)>) {
    if url.username().is_empty() && url.password().is_none() {
        return (url.clone(), None);
    }
    let decode = |s: &str| percent_decode(s);
    let info = (decode(url.username()), decode(url.password().unwrap_or("")));
    let mut bare = url.clone();
    // Both fail only for URLs that cannot have user info, and this one has some.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    (bare, Some(info))
}

fn percent_decode(s: &str) -> String {
    String::from_utf8_lossy(&unescaped(s)).into_owned()
}

/// The octets of a text with percent escapes; a `%` without two digits is itself.
pub fn unescaped(s: &str) -> Vec<u8> {
    let mut bytes = s.bytes();
    let mut out = Vec::with_capacity(s.len());
    while let Some(b) = bytes.next() {
        let mut ahead = bytes.clone();
        let pair = (ahead.next().and_then(hex), ahead.next().and_then(hex));
        match (b, pair) {
            (b'%', (Some(high), Some(low))) => {
                out.push(high << 4 | low);
                bytes = ahead;
            }
            _ => out.push(b),
        }
    }
    out
}

fn hex(b: u8) -> Option<u8> {
    (b as char).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

/// The request that follows a redirect.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Follow {
    /// Its method.
    pub method: Method,
    /// The parameters are sent again (in the body, or for GET in the query).
    pub params: bool,
}

/// 301, 302 and 303 lead to a GET without the parameters (webhooks.md 1: `Digits` are lost); 307 and 308 repeat the request.
/// None: this status is no redirect.
pub fn follow(status: u16, method: Method) -> Option<Follow> {
    match status {
        301..=303 => Some(Follow { method: Method::Get, params: false }),
        307 | 308 => Some(Follow { method, params: true }),
        _ => None,
    }
}

/// May the exchange that failed so be tried again under this policy? `status` decides where there was an answer.
pub fn retries(policy: &Policy, error: &FetchError) -> bool {
    match (error.status, error.code) {
        (Some(400..=499), _) => policy.retry_on.client_error,
        (Some(500..=599), _) => policy.retry_on.server_error,
        (Some(_), _) => false,
        (None, 11201 | 11202 | 11205 | 11220) => policy.retry_on.connect,
        (None, READ_TIMEOUT) => policy.retry_on.read,
        _ => false,
    }
}

/// No answer within `rt`.
pub const READ_TIMEOUT: u32 = 11200;

/// For the fuzzer: any fragment and any href.
pub fn fuzz_fragment(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    let policy = overrides(&text);
    if let Ok(policy) = &policy {
        assert!(policy.total <= TOTAL_MAX && policy.retries <= 5, "an override passed its range");
    }
    if let Ok(url) = resolve(Some("https://user:pw@base.test/dir/doc?q=1"), &text) {
        let again = resolve(None, &url);
        assert_eq!(again.as_deref(), Ok(url.as_str()), "a resolved URL is absolute");
        if let Ok(parsed) = Url::parse(&url) {
            let (bare, _) = split_user_info(&parsed);
            assert!(bare.username().is_empty() && bare.password().is_none(), "user info is left");
        }
    }
    policy.is_ok()
}
