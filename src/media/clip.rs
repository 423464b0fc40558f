//! (s) Play's audio: fetched through the guard, decoded once, shared by every call of the account that plays it.
//!
//! A copy is used without asking while Cache-Control's max-age lasts, checked by ETag or Last-Modified afterwards, and never shared
//! between accounts. Requests for the same URL at the same time are one request.

use super::decode::{Container, container, decode};
use super::lru::Lru;
use super::plan::Clip;
use super::shared::{Shared, lock};
use crate::sid::{AccountSid, CallSid};
use crate::webhooks::fetch::{Fetcher, Validators};
use crate::webhooks::policy;
use crate::webhooks::request::{FetchError, FetchRequest, Method, Purpose};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Octets of decoded audio kept: 2 h 20 min.
pub const CACHE_MAX: usize = 64 * 1024 * 1024;
/// Media files on their way at once.
pub const FETCHES_MAX: usize = 128;
/// Of these for one account, so that a slow media server delays only those who use it.
pub const FETCHES_PER_ACCOUNT: usize = 16;
/// Accounts whose counters are kept although nothing of theirs is on its way.
const IDLE_ACCOUNTS_MAX: usize = 1_000;
/// No copy is trusted longer than this without asking.
pub const FRESH_MAX: Duration = Duration::from_secs(24 * 3_600);

type Key = (AccountSid, String);
type Outcome = Result<Arc<Clip>, FetchError>;

#[derive(Clone)]
struct Kept {
    validators: Validators,
    fresh_until: Option<Instant>,
    hash: [u8; 32],
}

/// The clips. One for the process.
pub struct Clips {
    fetcher: Arc<Fetcher>,
    cache: Mutex<Lru<Key, Kept>>,
    coming: Arc<Shared<Key, Outcome>>,
    fetches: Semaphore,
    accounts: Mutex<HashMap<AccountSid, Arc<Semaphore>>>,
    decoders: Arc<Semaphore>,
}

/// The request for a media file: GET, no parameters, no signature (twiml.md 3.10).
///
/// # Errors
/// As [`policy::split`].
pub fn media_request(
    account: AccountSid,
    call: Option<CallSid>,
    url: &str,
) -> Result<FetchRequest, FetchError> {
    let (url, policy) = policy::split(url)?;
    Ok(FetchRequest {
        purpose: Purpose::Media,
        account,
        call,
        url,
        method: Method::Get,
        json: None,
        params: Vec::new(),
        auth_token: None,
        token: String::new(),
        policy,
        cookies: Vec::new(),
        login: None,
    })
}

impl Clips {
    /// Fetches by `fetcher`, decodes on at most `decoders` threads.
    pub fn new(fetcher: Arc<Fetcher>, decoders: usize) -> Arc<Clips> {
        Arc::new(Clips {
            fetcher,
            cache: Mutex::new(Lru::new(CACHE_MAX)),
            coming: Arc::default(),
            fetches: Semaphore::new(FETCHES_MAX),
            accounts: Mutex::new(HashMap::new()),
            decoders: Arc::new(Semaphore::new(decoders.max(1))),
        })
    }

    /// The audio of a URL.
    ///
    /// # Errors
    /// Those of a fetch; 13420 if it is no audio that can be played.
    pub async fn play(self: &Arc<Clips>, request: FetchRequest) -> Outcome {
        let key = (request.account, request.url.clone());
        if let Some(clip) = self.fresh(&key) {
            return Ok(clip);
        }
        let work = || {
            let (clips, key, request) = (self.clone(), key.clone(), request.clone());
            async move { clips.get(&key, request).await }
        };
        let gone = || FetchError::early(11200, "the fetch of the media file broke");
        self.coming.get(key.clone(), work).await.unwrap_or_else(|| Err(gone()))
    }

    fn fresh(&self, key: &Key) -> Option<Arc<Clip>> {
        let mut cache = lock(&self.cache);
        let (clip, kept) = cache.get(key)?;
        kept.fresh_until.is_some_and(|until| until > Instant::now()).then_some(clip)
    }

    async fn get(&self, key: &Key, request: FetchRequest) -> Outcome {
        let closed = |_| FetchError::early(11200, "the server is shutting down");
        let share = self.share(key.0);
        let _share = share.acquire().await.map_err(closed)?;
        let _permit = self.fetches.acquire().await.map_err(closed)?;
        let known = lock(&self.cache).get(key).map(|(clip, kept)| (clip, kept.clone()));
        let validators = known.as_ref().map(|(_, kept)| &kept.validators);
        let (fetched, answered) = self.fetcher.fetch_if(request, validators).await?;
        match (fetched.status, known) {
            (304, Some((clip, kept))) => {
                let validators = merged(kept.validators, answered);
                self.keep(key, &clip, Kept { fresh_until: fresh_until(&validators), validators, ..kept });
                return Ok(clip);
            }
            (200..=299, known) => {
                let hash = hash_of(&fetched.body);
                let kept = Kept { fresh_until: fresh_until(&answered), validators: answered, hash };
                if let Some((clip, old)) = known
                    && old.hash == hash
                {
                    self.keep(key, &clip, kept);
                    return Ok(clip);
                }
                let clip = self.decoded(fetched.body, fetched.content_type.as_deref()).await?;
                self.keep(key, &clip, kept);
                return Ok(clip);
            }
            _ => {}
        }
        let words = format!("the media file's server answered {}", fetched.status);
        Err(FetchError { code: 11200, words, status: Some(fetched.status), ms: fetched.ms })
    }

    fn share(&self, account: AccountSid) -> Arc<Semaphore> {
        let mut accounts = lock(&self.accounts);
        if accounts.len() > IDLE_ACCOUNTS_MAX {
            accounts.retain(|_, share| Arc::strong_count(share) > 1);
        }
        accounts.entry(account).or_insert_with(|| Arc::new(Semaphore::new(FETCHES_PER_ACCOUNT))).clone()
    }

    fn keep(&self, key: &Key, clip: &Arc<Clip>, kept: Kept) {
        let mut cache = lock(&self.cache);
        match says(&kept.validators, "no-store") {
            true => cache.remove(key),
            false => cache.put(key.clone(), clip.clone(), kept),
        }
    }

    async fn decoded(&self, body: Bytes, content_type: Option<&str>) -> Outcome {
        let refused = |words: String| FetchError::early(13420, words);
        let content_type =
            content_type.ok_or_else(|| refused("the media file has no Content-Type".into()))?;
        let container: Container = container(content_type).ok_or_else(|| {
            let shown: String = content_type.chars().filter(|c| !c.is_control()).take(80).collect();
            refused(format!("the Content-Type `{shown}` is not audio that Play takes"))
        })?;
        let permit = self.decoders.clone().acquire_owned().await;
        let permit = permit.map_err(|_| FetchError::early(11200, "the server is shutting down"))?;
        let work = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            decode(body, container)
        });
        match work.await {
            Ok(Ok(clip)) => Ok(Arc::new(clip)),
            Ok(Err(e)) => Err(refused(e.0)),
            Err(_) => Err(refused("the media file broke the decoder".to_owned())),
        }
    }

    /// Octets and entries of decoded audio held, and files on their way, for metrics.
    pub fn held(&self) -> (usize, usize, usize) {
        let coming = self.coming.len();
        let cache = lock(&self.cache);
        (cache.octets(), cache.len(), coming)
    }
}

/// A 304 may name new values; what it leaves out stays.
fn merged(old: Validators, new: Validators) -> Validators {
    Validators {
        etag: new.etag.or(old.etag),
        last_modified: new.last_modified.or(old.last_modified),
        cache_control: new.cache_control.or(old.cache_control),
    }
}

fn says(validators: &Validators, word: &str) -> bool {
    let value = validators.cache_control.as_deref().unwrap_or_default();
    value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word))
}

/// Without max-age every use asks, and a server that knows validators answers 304.
fn fresh_until(validators: &Validators) -> Option<Instant> {
    if says(validators, "no-cache") || says(validators, "no-store") {
        return None;
    }
    let value = validators.cache_control.as_deref()?;
    let seconds = value.split(',').find_map(|part| {
        let (name, value) = part.split_once('=')?;
        let seconds: u64 = value.trim().trim_matches('"').parse().ok()?;
        name.trim().eq_ignore_ascii_case("max-age").then_some(seconds)
    })?;
    Some(Instant::now() + Duration::from_secs(seconds).min(FRESH_MAX))
}

fn hash_of(body: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, body);
    digest.as_ref().first_chunk::<32>().copied().unwrap_or_default()
}
