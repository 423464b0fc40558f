//! An HTTP request of ours as data, complete before the shell sees it: signed, with its limits; and what came back.

use crate::sid::{AccountSid, CallSid};
use bytes::Bytes;
use std::time::Duration;

/// Names one fetch; a late answer with an id that nobody holds is ignored.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FetchId(pub u64);

/// HTTP method of a webhook.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Parameters in the query.
    Get,
    /// Parameters in a form body.
    #[default]
    Post,
}

/// Connection overrides of a URL's fragment (`#ct rt tt rc rp sni`), defaults filled in (webhooks.md 1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// TCP connect and TLS handshake, each attempt.
    pub connect: Duration,
    /// To the headers, and between two chunks.
    pub read: Duration,
    /// Everything together, retries included.
    pub total: Duration,
    /// Retries after the first attempt.
    pub retries: u8,
    /// When to retry.
    pub retry_on: RetryOn,
    /// Send the server name in TLS.
    pub sni: bool,
}

/// Conditions of `rp`.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct RetryOn {
    /// 4xx.
    pub client_error: bool,
    /// 5xx.
    pub server_error: bool,
    /// Connect timeout and failure.
    pub connect: bool,
    /// Read timeout.
    pub read: bool,
}

/// What a request is for; decides limits and what the shell may do with the answer.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A TwiML document: body up to 64 KiB (11750), redirects followed.
    Document,
    /// A status, recording or stream callback: the body is read up to 64 KiB and thrown away.
    Callback,
    /// Audio for Play: body up to `PLAY_BODY_MAX`.
    Media,
}

/// One cookie of a call's jar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// Host it belongs to (or `.domain`).
    pub domain: String,
    /// Path prefix.
    pub path: String,
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
    /// Only over https.
    pub secure: bool,
    /// Not sent from then on; None: for the life of the call.
    pub expires: Option<crate::clock::Wall>,
}

/// The challenge that the application of a call answered with before, so that the next request to the same origin is logged in from the
/// start (webhooks.md 1). It holds no secret: user and password stay in the URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Scheme, host and port it belongs to.
    pub origin: String,
    /// The `WWW-Authenticate` values.
    pub challenges: Vec<String>,
    /// How often its nonce was used.
    pub uses: u32,
}

/// A body for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json {
    /// The text.
    pub text: String,
    /// For `Authorization`.
    pub bearer: Option<String>,
}

/// A complete request.
#[derive(Clone, Debug)]
pub struct FetchRequest {
    /// What for.
    pub purpose: Purpose,
    /// Whose; for fairness and limits.
    pub account: AccountSid,
    /// For log lines.
    pub call: Option<CallSid>,
    /// The URL to dial: without fragment; user info still in it (used only after a 401).
    pub url: String,
    /// Method.
    pub method: Method,
    /// Parameters. POST: form body, GET: appended to the query (also on each retry and 307/308).
    pub params: Vec<(String, String)>,
    /// JSON in the body instead of parameters, for the operator.
    pub json: Option<Json>,
    /// Key of the signature; the shell signs each hop's URL with `webhooks::sign`. None: not signed (Play media).
    pub auth_token: Option<String>,
    /// `I-Twilio-Idempotency-Token`, the same on every retry.
    pub token: String,
    /// Timeouts and retries.
    pub policy: Policy,
    /// Cookies the call has collected.
    pub cookies: Vec<Cookie>,
    /// The call's login, as the last answer gave it.
    pub login: Option<Login>,
}

/// An answer with a status below 400.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// HTTP status.
    pub status: u16,
    /// Content-Type as sent.
    pub content_type: Option<String>,
    /// The body, within its limit.
    pub body: Bytes,
    /// The URL that answered, after redirects: the base of relative hrefs.
    pub url: String,
    /// The jar after it.
    pub cookies: Vec<Cookie>,
    /// For the call's next request.
    pub login: Option<Login>,
    /// From start to end.
    pub ms: u64,
}

/// No usable answer: a row of the error table and a sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchError {
    /// Twilio's code: 11200, 11201 ...
    pub code: u32,
    /// What happened, without query, token or body.
    pub words: String,
    /// HTTP status if there was one.
    pub status: Option<u16>,
    /// From start to failure.
    pub ms: u64,
}

impl std::fmt::Display for FetchError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.words)
    }
}

impl std::error::Error for FetchError {}
