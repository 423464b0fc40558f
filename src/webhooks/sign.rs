//! X-Twilio-Signature (webhooks.md 6.1): what is signed, and with what. The auth token never leaves this file in another form
//! than a signature.

use ring::{digest, hmac};
use std::{borrow::Cow, collections::BTreeMap, collections::BTreeSet};
use url::Url;

/// The URL as it enters the signature: no fragment, no user info, for https no port (for http and WebSockets the port stays as
/// written), path and query as they go over the wire.
pub fn signed_url(configured: &str) -> String {
    let without_fragment = configured.split_once('#').map_or(configured, |(head, _)| head);
    let Some((scheme, rest)) = without_fragment.split_once("://") else {
        return without_fragment.to_owned();
    };
    let scheme = scheme.to_ascii_lowercase();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let host_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host_port = if scheme == "https" { without_port(host_port) } else { host_port };
    format!("{scheme}://{}{}", host_port.to_ascii_lowercase(), on_the_wire(without_fragment, tail))
}

/// A path with blanks or letters outside ASCII is percent-encoded before it is sent, and the receiver signs what it sees. A bare
/// origin is signed without the slash that HTTP adds: `https://h` and `https://h/` differ.
fn on_the_wire<'a>(url: &str, tail: &'a str) -> Cow<'a, str> {
    match Url::parse(url) {
        Ok(parsed) if tail.starts_with('/') => {
            let query = parsed.query().map(|q| format!("?{q}")).unwrap_or_default();
            Cow::Owned(format!("{}{query}", parsed.path()))
        }
        _ => Cow::Borrowed(tail),
    }
}

/// An IPv6 literal is bracketed, so a colon after the last bracket (or the only colon) begins a port.
fn without_port(host_port: &str) -> &str {
    match host_port.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !host.is_empty() => host,
        _ => host_port,
    }
}

/// URL and, for a form POST, each key followed by its value: keys in byte order, the distinct values of a repeated key in byte order.
fn payload(url: &str, form: &[(String, String)]) -> String {
    let mut sorted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (key, value) in form {
        sorted.entry(key).or_default().insert(value);
    }
    let mut text = signed_url(url);
    for (key, values) in sorted {
        for value in values {
            text.push_str(key);
            text.push_str(value);
        }
    }
    text
}

fn mac(algorithm: hmac::Algorithm, key: &str, text: &str) -> String {
    let key = hmac::Key::new(algorithm, key.as_bytes());
    base64_simd::STANDARD.encode_to_string(hmac::sign(&key, text.as_bytes()).as_ref())
}

/// The signature of a request. `form` holds the parameters of a form POST; it is empty for GET, whose parameters are in `url`.
pub fn sign(auth_token: &str, url: &str, form: &[(String, String)]) -> String {
    mac(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, auth_token, &payload(url, form))
}

/// The signature with a shared key (`X-Twilio-Webhooks-Signature-Settings: key=<id>,algorithm=HMAC_SHA256`).
pub fn sign_sha256(shared_key: &str, url: &str, form: &[(String, String)]) -> String {
    mac(hmac::HMAC_SHA256, shared_key, &payload(url, form))
}

/// The signature of a WebSocket upgrade: the `wss://` or `ws://` URL as requested, no parameters.
pub fn sign_websocket(auth_token: &str, url: &str) -> String {
    sign(auth_token, url, &[])
}

/// For a body that is no form: the URL with the query parameter `bodySHA256`, to be requested and signed in this shape.
pub fn with_body_hash(url: &str, body: &[u8]) -> String {
    let (head, fragment) = match url.split_once('#') {
        Some((head, fragment)) => (head, Some(fragment)),
        None => (url, None),
    };
    let hash: String =
        digest::digest(&digest::SHA256, body).as_ref().iter().map(|b| format!("{b:02x}")).collect();
    let mark = if head.contains('?') { '&' } else { '?' };
    let fragment = fragment.map(|f| format!("#{f}")).unwrap_or_default();
    format!("{head}{mark}bodySHA256={hash}{fragment}")
}

/// Checks a signature in constant time, as an application does (the demo's and the tests' application use it).
pub fn verify(auth_token: &str, url: &str, form: &[(String, String)], signature: &str) -> bool {
    use subtle::ConstantTimeEq;
    sign(auth_token, url, form).as_bytes().ct_eq(signature.as_bytes()).into()
}
