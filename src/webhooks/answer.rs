//! (s) What comes back: the head as headers we keep, the body never beyond its limit, nothing decompressed.

use super::request::{Cookie, FetchError, FetchRequest, Fetched, Login, Purpose};
use bytes::{Bytes, BytesMut};
use reqwest::header;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// Octets of a document (11750).
pub const BODY_MAX: usize = 64 * 1024;
/// Octets of a media file for Play (11750): 40 minutes of PCM 16 bit at 8 kHz, or of MP3 at 200 kbit/s.
pub const PLAY_BODY_MAX: usize = 64 * 1024 * 1024;
/// How long the body of a callback's answer is waited for; it is thrown away.
const DRAIN_MAX: Duration = Duration::from_secs(2);

/// What a cached copy can be checked with, and what an answer says about keeping it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
}

/// Reads the body as far as the purpose wants it.
///
/// # Errors
/// 11750 too large, 11770 chunked and empty, 11200 compressed, stalled or cut off; all with the answer's status.
pub async fn finish(
    request: &FetchRequest,
    deadline: Instant,
    (cookies, login): (Vec<Cookie>, Option<Login>),
    url: String,
    mut answer: reqwest::Response,
) -> Result<(Fetched, Validators), FetchError> {
    let status = answer.status().as_u16();
    let text = |name: header::HeaderName| {
        answer.headers().get(name).map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned())
    };
    let validators = Validators {
        etag: text(header::ETAG),
        last_modified: text(header::LAST_MODIFIED),
        cache_control: text(header::CACHE_CONTROL),
    };
    let content_type = text(header::CONTENT_TYPE);
    let chunked = text(header::TRANSFER_ENCODING).is_some_and(|v| v.to_ascii_lowercase().contains("chunked"));
    let packed = text(header::CONTENT_ENCODING).filter(|v| !v.eq_ignore_ascii_case("identity"));
    let failed = |code: u32, words: String| FetchError { code, words, status: Some(status), ms: 0 };
    let body = match request.purpose {
        Purpose::Callback => {
            drain(&mut answer, deadline).await;
            Bytes::new()
        }
        _ if packed.is_some() => {
            return Err(failed(11200, "the answer is compressed, which was not asked for".to_owned()));
        }
        Purpose::Document => {
            // An answer may be the audio itself, which is played.
            let audio =
                content_type.as_deref().is_some_and(|t| t.trim().to_ascii_lowercase().starts_with("audio/"));
            read(&mut answer, if audio { PLAY_BODY_MAX } else { BODY_MAX }, request.policy.read).await?
        }
        Purpose::Media => read(&mut answer, PLAY_BODY_MAX, request.policy.read).await?,
    };
    if request.purpose == Purpose::Document && body.is_empty() && chunked {
        return Err(failed(11770, "a chunked answer without a body".to_owned()));
    }
    let fetched = Fetched { status, content_type, body, url, cookies, login, ms: 0 };
    Ok((fetched, validators))
}

/// Reads to the end, or to one octet beyond the limit; never more is held. `rt` holds between chunks.
///
/// # Errors
/// 11750, 11200.
pub async fn read(answer: &mut reqwest::Response, max: usize, rt: Duration) -> Result<Bytes, FetchError> {
    let status = Some(answer.status().as_u16());
    let failed = |code: u32, words: String| FetchError { code, words, status, ms: 0 };
    let too_large = || failed(11750, format!("the answer is larger than {max} octets"));
    if answer.content_length().is_some_and(|n| n > max as u64) {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    loop {
        let chunk = timeout(rt, answer.chunk())
            .await
            .map_err(|_| failed(11200, format!("the answer stalled for {} ms", rt.as_millis())))?
            .map_err(|e| FetchError { status, ..super::client::classify(&e) })?;
        let Some(chunk) = chunk else { return Ok(body.freeze()) };
        if body.len() + chunk.len() > max {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
}

/// A callback is delivered once its status came. Its body is read so that the sender need not see a reset, but not for long.
async fn drain(answer: &mut reqwest::Response, deadline: Instant) {
    let until = deadline.min(Instant::now() + DRAIN_MAX);
    let reading = async {
        let mut seen = 0_usize;
        while let Ok(Some(chunk)) = answer.chunk().await {
            seen = seen.saturating_add(chunk.len());
            if seen > BODY_MAX {
                break;
            }
        }
    };
    let _ = timeout_at(until, reading).await;
}
