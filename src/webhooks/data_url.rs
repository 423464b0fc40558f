//! A document that stands in its URL (RFC 2397): `data:text/xml,<Response>...</Response>`. It is not requested, so nothing has to
//! be up for it.

use super::policy;
use super::request::FetchError;
use base64_simd::forgiving_decode_to_vec;
use twiml::{Content, Document};

/// Twilio's code for a URL that cannot be requested.
const INVALID: u32 = 11100;
/// The type of one that names none (RFC 2397 2).
const TYPE: &str = "text/plain;charset=US-ASCII";

/// What stands in a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// As a Content-Type has it.
    pub content_type: String,
    /// Decoded.
    pub body: Vec<u8>,
}

/// Reads a `data:` URL; None: it is another one.
///
/// What RFC 3986 wants escaped may stand as it is, as browsers take it, but for `#`: it would end the URL, and what a key in
/// `finishOnKey` means must not depend on who reads it.
///
/// # Errors
/// 11100 with what is wrong.
pub fn read(url: &str) -> Option<Result<Given, FetchError>> {
    let (scheme, rest) = url.trim_start().split_once(':')?;
    scheme
        .eq_ignore_ascii_case("data")
        .then(|| given(rest).map_err(|words| FetchError::early(INVALID, words)))
}

fn given(rest: &str) -> Result<Given, &'static str> {
    let (kind, data) = rest.split_once(',').ok_or("a data: URL has a comma before its document")?;
    if data.contains('#') {
        return Err("write # as %23 in a data: URL");
    }
    let octets = policy::unescaped(data);
    let (kind, body) =
        match kind.rsplit_once(';').filter(|(_, word)| word.trim().eq_ignore_ascii_case("base64")) {
            Some((kind, _)) => {
                (kind, forgiving_decode_to_vec(&octets).map_err(|_| "a data: URL with what is no base64")?)
            }
            None => (kind, octets),
        };
    let content_type = match kind.trim() {
        "" => TYPE.to_owned(),
        parameters if parameters.starts_with(';') => format!("text/plain{parameters}"),
        kind => kind.to_owned(),
    };
    Ok(Given { content_type, body })
}

/// Whether a call could run it.
///
/// # Errors
/// Words for whoever wrote it, with the place in the document.
pub fn check(given: &Given) -> Result<(), String> {
    match Document::read(&given.body, Some(&given.content_type)) {
        Ok(Content::Document(_) | Content::Text(_)) => Ok(()),
        Ok(Content::Audio) => Err("a data: URL holds TwiML or text, not audio".to_owned()),
        Err(e) if e.line > 0 => Err(format!("{} (line {}, column {})", e.words, e.line, e.column)),
        Err(e) => Err(e.words),
    }
}
