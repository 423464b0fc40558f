//! User info of a URL, sent only after a 401 (webhooks.md 1): Basic (RFC 7617) and Digest (RFC 7616, MD5 and SHA-256, qop auth).

use super::request::Method;
use md5::{Digest as _, Md5};
use ring::digest;
use std::collections::BTreeMap;

/// Who asks for what.
#[derive(Copy, Clone, Debug)]
pub struct Asking<'a> {
    /// From the URL.
    pub user: &'a str,
    /// From the URL.
    pub password: &'a str,
    /// Of the request.
    pub method: Method,
    /// The request target as sent.
    pub path: &'a str,
    /// Fresh for each request.
    pub cnonce: &'a str,
    /// How often the nonce is used with this request, from 1.
    pub uses: u32,
}

/// The value of `Authorization` for the strongest challenge among the `WWW-Authenticate` values that we can answer. None: no challenge
/// with a realm is one of ours.
pub fn authorization(challenges: &[String], asking: Asking<'_>) -> Option<String> {
    let read: Vec<Challenge> = challenges.iter().flat_map(|c| split(c)).collect();
    let digest = |algorithm: &str| {
        read.iter().find(|c| {
            let named = c.fields.get("algorithm").map_or("MD5", String::as_str);
            c.scheme == "digest" && named.eq_ignore_ascii_case(algorithm) && c.fields.contains_key("realm")
        })
    };
    if let Some(challenge) = digest("SHA-256") {
        return answer(challenge, sha256, asking);
    }
    if let Some(challenge) = digest("MD5") {
        return answer(challenge, md5, asking);
    }
    let basic = read.iter().any(|c| c.scheme == "basic" && c.fields.contains_key("realm"));
    let pair = format!("{}:{}", asking.user, asking.password);
    basic.then(|| format!("Basic {}", base64_simd::STANDARD.encode_to_string(pair.as_bytes())))
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Challenge {
    scheme: String,
    fields: BTreeMap<String, String>,
}

/// One header value may hold several challenges: a word without `=` that is followed by a blank begins the next.
fn split(value: &str) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = Vec::new();
    for part in outside_quotes(value) {
        let part = part.trim();
        let (head, field) = match part.split_once(' ') {
            Some((scheme, rest)) if !scheme.contains('=') => (Some(scheme), rest.trim()),
            _ if !part.contains('=') && !part.is_empty() => (Some(part), ""),
            _ => (None, part),
        };
        if let Some(scheme) = head {
            found.push(Challenge { scheme: scheme.to_ascii_lowercase(), ..Challenge::default() });
        }
        if let (Some(challenge), Some((key, value))) = (found.last_mut(), field.split_once('=')) {
            let value = value.trim();
            let plain = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
            challenge.fields.insert(key.trim().to_ascii_lowercase(), plain.replace("\\\"", "\""));
        }
    }
    found
}

fn outside_quotes(value: &str) -> Vec<&str> {
    let mut quoted = false;
    let mut escaped = false;
    value
        .split(|c: char| {
            let was_escaped = escaped;
            escaped = quoted && c == '\\' && !was_escaped;
            if c == '"' && !was_escaped {
                quoted = !quoted;
            }
            c == ',' && !quoted
        })
        .collect()
}

fn answer(challenge: &Challenge, hash: fn(&str) -> String, asking: Asking<'_>) -> Option<String> {
    let Asking { user, password, method, path, cnonce, uses } = asking;
    let nc = format!("{uses:08x}");
    let field = |name: &str| challenge.fields.get(name).map(String::as_str);
    let (realm, nonce) = (field("realm")?, field("nonce")?);
    let verb = match method {
        Method::Get => "GET",
        Method::Post => "POST",
    };
    let ha1 = hash(&format!("{user}:{realm}:{password}"));
    let ha2 = hash(&format!("{verb}:{path}"));
    let qop = match field("qop") {
        None => false,
        Some(list) if list.split(',').any(|q| q.trim().eq_ignore_ascii_case("auth")) => true,
        Some(_) => return None,
    };
    let response = if qop {
        hash(&format!("{ha1}:{nonce}:{nc}:{cnonce}:auth:{ha2}"))
    } else {
        hash(&format!("{ha1}:{nonce}:{ha2}"))
    };
    let mut out = format!(
        "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{path}\", response=\"{response}\"",
        quote(user),
        quote(realm),
        quote(nonce)
    );
    if let Some(algorithm) = field("algorithm") {
        out.push_str(&format!(", algorithm={algorithm}"));
    }
    if qop {
        out.push_str(&format!(", qop=auth, nc={nc}, cnonce=\"{cnonce}\""));
    }
    if let Some(opaque) = field("opaque") {
        out.push_str(&format!(", opaque=\"{}\"", quote(opaque)));
    }
    Some(out)
}

fn quote(s: &str) -> String {
    s.replace('\\', "\\\\").replace('"', "\\\"")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn md5(text: &str) -> String {
    hex(&Md5::digest(text.as_bytes()))
}

fn sha256(text: &str) -> String {
    hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

/// For the fuzzer: any challenge.
pub fn fuzz_challenge(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data).into_owned();
    let asking =
        Asking { user: "user", password: "secret", method: Method::Post, path: "/x", cnonce: "00", uses: 1 };
    let answer = authorization(std::slice::from_ref(&text), asking);
    if let Some(value) = &answer {
        assert!(
            value.starts_with("Basic ") || value.starts_with("Digest "),
            "an unknown scheme was answered"
        );
        // What the challenge says is echoed, whatever it is.
        assert!(text.contains("secret") || !value.contains("secret"), "the password went out in clear");
    }
    answer.is_some()
}
