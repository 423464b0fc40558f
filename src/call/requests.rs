//! The requests a call makes of its application, complete with parameters, limits and what signs them.

use super::call::Call;
use super::cx::Cx;
use crate::store::rows::Hook;
use crate::webhooks::request::{FetchError, FetchRequest, Method, Purpose};
use crate::webhooks::{params, policy, schedule};
use url::Url;

impl Call {
    /// A request for a document, with the standard parameters of this call.
    ///
    /// # Errors
    /// 11100 and 1124x for a URL that cannot be requested.
    pub(super) fn request(
        &self,
        cx: &mut Cx<'_>,
        hook: &Hook,
        extra: Vec<(String, String)>,
    ) -> Result<FetchRequest, FetchError> {
        let mut all = params::standard(&self.row);
        all.extend(params::sip_extras(&self.heard_headers));
        all.extend(extra);
        let mut request = self.plain_request(cx, hook, Purpose::Document)?;
        request.params = all;
        request.auth_token = Some(self.tables.auth_token(self.row.account));
        Ok(request)
    }

    /// A request without parameters and signature: audio.
    ///
    /// # Errors
    /// As [`Call::request`].
    pub(super) fn media_request(&self, cx: &mut Cx<'_>, url: String) -> Result<FetchRequest, FetchError> {
        self.plain_request(cx, &Hook { url, method: Method::Get }, Purpose::Media)
    }

    fn plain_request(
        &self,
        cx: &mut Cx<'_>,
        hook: &Hook,
        purpose: Purpose,
    ) -> Result<FetchRequest, FetchError> {
        let (url, policy) = policy::split(&hook.url)?;
        Ok(FetchRequest {
            json: None,
            purpose,
            account: self.row.account,
            call: Some(self.row.sid),
            url,
            method: hook.method,
            params: Vec::new(),
            auth_token: None,
            token: schedule::token_text(cx.rng.next_u128()),
            policy,
            cookies: self.program.cookies.clone(),
            login: self.program.login.clone(),
        })
    }
}

/// A URL as it may be shown to the account: without user and password, without the fragment of overrides.
pub fn shown(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut parsed)
            if !parsed.username().is_empty()
                || parsed.password().is_some()
                || parsed.fragment().is_some() =>
        {
            let _ = parsed.set_username("");
            let _ = parsed.set_password(None);
            parsed.set_fragment(None);
            parsed.into()
        }
        _ => url.to_owned(),
    }
}

/// Host and port of a URL, for a timeline: no path, no query, no user.
pub fn host(url: &str) -> String {
    let Ok(url) = Url::parse(url) else {
        return "an unreadable URL".to_owned();
    };
    let host = url.host_str().unwrap_or("");
    let path = url.path();
    match url.port() {
        Some(port) => format!("{host}:{port}{path}"),
        None => format!("{host}{path}"),
    }
}

/// The URL of a stream: absolute, or relative to the document with the scheme made `wss` (`ws` for http); query and fragment
/// are taken off (media-streams.md A.2).
///
/// # Errors
/// 31922 for another scheme, 31923 for what is no URL.
pub fn stream_url(base: Option<&str>, href: &str) -> Result<String, (u32, String)> {
    let href = href.trim();
    // Not the document itself, as an empty action is: a document is no agent.
    if href.is_empty() {
        return Err((31923, "the Stream has no url".to_owned()));
    }
    let malformed = |e: url::ParseError| (31923, format!("the url of the Stream cannot be read: {e}"));
    let mut url = match Url::parse(href) {
        Ok(url) => url,
        Err(url::ParseError::RelativeUrlWithoutBase) => {
            let base = base.ok_or((31923, "a relative Stream url needs a document with a URL".to_owned()))?;
            let mut joined = Url::parse(base).and_then(|b| b.join(href)).map_err(malformed)?;
            let scheme = if joined.scheme() == "http" { "ws" } else { "wss" };
            let _ = joined.set_scheme(scheme);
            joined
        }
        Err(e) => return Err(malformed(e)),
    };
    if !matches!(url.scheme(), "wss" | "ws") {
        return Err((31922, "the url of a Stream must begin with wss://".to_owned()));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err((31923, "the url of the Stream has no host".to_owned()));
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url.into())
}

/// The headers behind `?` of a `sip:` URI, percent-decoded: only those an application may set.
pub fn uri_headers(query: &str) -> Vec<(String, String)> {
    const ALLOWED: [&str; 4] =
        ["user-to-user", "remote-party-id", "p-preferred-identity", "p-called-party-id"];
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .filter(|(name, value)| {
            let lower = name.to_ascii_lowercase();
            let allowed = lower.starts_with("x-") || ALLOWED.contains(&lower.as_str());
            allowed
                && !value.contains(['\r', '\n', '\0'])
                && lower.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
        .collect()
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&b) = bytes.get(at) {
        let hex = bytes.get(at + 1..at + 3).and_then(|h| std::str::from_utf8(h).ok());
        match (b, hex.and_then(|h| u8::from_str_radix(h, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(b);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
