//! The checks of a request that need no state (RFC 3261 section 8.2, in its order): method, scheme, extensions, body.
//! The reader has already refused what is malformed.

use super::wire::{Message, Method, Scheme, split_list};

/// Methods that the endpoint answers.
pub const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY";
/// Extensions that a request may require (RFC 3262, RFC 4028, RFC 3891).
pub const SUPPORTED: &[&str] = &["100rel", "timer", "replaces"];
/// Extensions that a REGISTER may require (RFC 3327, RFC 5626).
pub const REGISTER_SUPPORTED: &[&str] = &["path", "outbound"];
/// Bodies of INVITE and UPDATE.
pub const ACCEPT: &str = "application/sdp, multipart/mixed";
/// Bodies of INFO.
pub const ACCEPT_INFO: &str = "application/dtmf-relay, application/dtmf, application/media_control+xml";

/// What the answer to OPTIONS says that we can do (RFC 3261 section 11.2).
pub fn capabilities() -> [(&'static str, String); 5] {
    [
        ("Allow", ALLOW.to_owned()),
        ("Accept", ACCEPT.to_owned()),
        ("Accept-Encoding", "identity".to_owned()),
        ("Accept-Language", "en".to_owned()),
        ("Supported", SUPPORTED.join(", ")),
    ]
}

/// An answer to a request that is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// 405, 406, 415, 416, 420, 469 or 501.
    pub code: u16,
    /// For the log; the phrase of the answer.
    pub words: String,
    /// Allow, Accept, Unsupported ...
    pub headers: Vec<(&'static str, String)>,
}

fn refusal(code: u16, words: impl Into<String>, headers: Vec<(&'static str, String)>) -> Refusal {
    Refusal { code, words: words.into(), headers }
}

/// Can this request be worked on? An ACK always can: nothing is ever answered to it.
pub fn check_request(request: &Message) -> Result<(), Refusal> {
    let Some(method) = request.method().filter(|m| **m != Method::Ack) else { return Ok(()) };
    check_method(method)?;
    check_scheme(request)?;
    if *method == Method::Cancel {
        return Ok(());
    }
    check_extensions(request)?;
    check_body(request, method)?;
    check_accept(request, method)
}

/// The same of a REGISTER, where somebody may register (RFC 3261 section 10.3, steps 2 and 3).
pub fn check_register(request: &Message) -> Result<(), Refusal> {
    check_scheme(request)?;
    check_extensions(request)
}

/// 405 for a method that we know and do not offer, 501 for one that nobody told us of (RFC 3261 section 21.5.2).
fn check_method(method: &Method) -> Result<(), Refusal> {
    let allow = || vec![("Allow", ALLOW.to_owned())];
    match method {
        Method::Invite | Method::Ack | Method::Bye | Method::Cancel => Ok(()),
        Method::Options | Method::Info | Method::Update | Method::Prack => Ok(()),
        Method::Refer | Method::Notify => Ok(()),
        Method::Other(_) => Err(refusal(501, "Not Implemented", allow())),
        _ => Err(refusal(405, "Method Not Allowed", allow())),
    }
}

fn check_scheme(request: &Message) -> Result<(), Refusal> {
    match request.uri().map(|u| u.scheme) {
        Some(Scheme::Sip | Scheme::Sips | Scheme::Tel) => Ok(()),
        _ => Err(refusal(416, "Unsupported URI Scheme", Vec::new())),
    }
}

/// Proxy-Require is for proxies, but whoever sends it here expects one: it gets the same answer (RFC 4475 `bext01`).
fn check_extensions(request: &Message) -> Result<(), Refusal> {
    let mut unknown = request.require();
    unknown.extend(request.headers.elements("Proxy-Require"));
    let supported = if request.is(&Method::Register) { REGISTER_SUPPORTED } else { SUPPORTED };
    unknown.retain(|tag| !supported.iter().any(|s| s.eq_ignore_ascii_case(tag)));
    if unknown.is_empty() {
        return Ok(());
    }
    Err(refusal(420, "Bad Extension", vec![("Unsupported", unknown.join(", "))]))
}

fn check_body(request: &Message, method: &Method) -> Result<(), Refusal> {
    let accept = match method {
        Method::Invite | Method::Update | Method::Prack => ACCEPT,
        Method::Info => ACCEPT_INFO,
        // Nobody looks at the body of the others.
        _ => return Ok(()),
    };
    if request.body.is_empty() || is_optional(request) {
        return Ok(());
    }
    let encodings = request.headers.elements("Content-Encoding");
    if encodings.iter().any(|e| !e.eq_ignore_ascii_case("identity")) {
        let headers = vec![("Accept-Encoding", "identity".to_owned())];
        return Err(refusal(415, "Unsupported Media Type", headers));
    }
    let known = match request.content_type() {
        Some(t) if t.kind.starts_with("multipart/") => *method != Method::Info && request.sdp().is_some(),
        Some(t) => accept.split(", ").any(|a| a == t.kind),
        // No type: SDP is recognised by its first line; a missing type of INFO is the endpoint's to ignore.
        None => !request.headers.has("Content-Type") && (*method == Method::Info || request.sdp().is_some()),
    };
    if known {
        return Ok(());
    }
    if *method == Method::Info && request.headers.has("Info-Package") {
        // RFC 6086 section 4.2.2: no package is taken here, which an empty Recv-Info says.
        return Err(refusal(469, "Bad Info Package", vec![("Recv-Info", String::new())]));
    }
    Err(refusal(415, "Unsupported Media Type", vec![("Accept", accept.to_owned())]))
}

/// `Content-Disposition: ...;handling=optional`: the body may be passed over (RFC 3261 section 20.11).
fn is_optional(request: &Message) -> bool {
    request.headers.text("Content-Disposition").is_some_and(|v| {
        v.split(';').any(|p| {
            p.split_once('=').is_some_and(|(n, v)| {
                n.trim().eq_ignore_ascii_case("handling") && v.trim().eq_ignore_ascii_case("optional")
            })
        })
    })
}

/// Our answer to an INVITE or UPDATE is SDP: whoever does not accept that gets 406.
fn check_accept(request: &Message, method: &Method) -> Result<(), Refusal> {
    if !matches!(method, Method::Invite | Method::Update) || !request.headers.has("Accept") {
        return Ok(());
    }
    let fine = request.headers.all("Accept").any(|value| {
        let text = String::from_utf8_lossy(value).to_ascii_lowercase();
        split_list(&text).any(|range| {
            let kind: String =
                range.split(';').next().unwrap_or_default().chars().filter(|c| !c.is_whitespace()).collect();
            matches!(kind.as_str(), "application/sdp" | "application/*" | "*/*")
        })
    });
    if fine { Ok(()) } else { Err(refusal(406, "Not Acceptable", vec![("Accept", ACCEPT.to_owned())])) }
}
