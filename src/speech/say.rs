//! (s) Say: one provider, what it spoke kept for the next call that says the same, and a line in the log, once a voice, where another voice
//! than the one asked for is heard.

use super::{Provider, Speech, SpeechError, voices};
use crate::media::lru::Lru;
use crate::media::plan::Clip;
use crate::media::shared::{Shared, lock};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

/// Octets of spoken audio kept: 35 minutes.
pub const CACHE_MAX: usize = 16 * 1024 * 1024;
/// Voices remembered as warned about; beyond it nothing is logged.
const WARNED_MAX: usize = 1_000;

/// What was spoken.
#[derive(Clone, Debug)]
pub struct Spoken {
    /// The audio.
    pub clip: Arc<Clip>,
    /// For the account's notifications, once a voice and call: another voice speaks.
    pub warning: Option<(u32, String)>,
}

/// The provider's voice, the language, the text.
type Key = (String, String, String);
type Outcome = Result<Arc<Clip>, SpeechError>;

/// The service. One for the process.
pub struct Say {
    provider: Box<dyn Provider>,
    cache: Arc<Mutex<Lru<Key, ()>>>,
    coming: Arc<Shared<Key, Outcome>>,
    warned: Mutex<HashSet<String>>,
}

impl Say {
    /// Speaks by `provider`.
    pub fn new(provider: Box<dyn Provider>) -> Say {
        Say {
            provider,
            cache: Arc::new(Mutex::new(Lru::new(CACHE_MAX))),
            coming: Arc::default(),
            warned: Mutex::new(HashSet::new()),
        }
    }

    /// Speaks, or finds what was spoken before. Calls that say the same at once share the work,
    /// which stops when the last of them drops its future.
    ///
    /// # Errors
    /// 13520, 13521, 13512 for the text; the code of the fetch where a provider over HTTP failed.
    pub async fn speak(&self, speech: &Speech) -> Result<Spoken, SpeechError> {
        let (voice, real) = self.provider.voice(speech);
        let warning = voices::warning(speech, real, &voice);
        if let Some((_, words)) = &warning {
            self.log_once(&speech.voice, words);
        }
        let key = (voice, speech.language.clone(), speech.text.clone());
        if let Some((clip, _)) = lock(&self.cache).get(&key) {
            return Ok(Spoken { clip, warning });
        }
        let work = || {
            let (speaking, cache, key) = (self.provider.speak(speech), self.cache.clone(), key.clone());
            async move {
                let clip = Arc::new(speaking.await?);
                // Kept before the work counts as done, so that nobody begins it anew in between.
                lock(&cache).put(key, clip.clone(), ());
                Ok(clip)
            }
        };
        let broke = || SpeechError::new(13520, "the speech provider broke on this text");
        let clip = self.coming.get(key.clone(), work).await.unwrap_or_else(|| Err(broke()))?;
        Ok(Spoken { clip, warning })
    }

    /// Octets and entries of spoken audio held, and texts being spoken, for metrics.
    pub fn held(&self) -> (usize, usize, usize) {
        let coming = self.coming.len();
        let cache = lock(&self.cache);
        (cache.octets(), cache.len(), coming)
    }

    fn log_once(&self, voice: &str, words: &str) {
        let mut warned = lock(&self.warned);
        if warned.len() < WARNED_MAX && warned.insert(voice.to_owned()) {
            tracing::warn!("{words}");
        }
    }
}
