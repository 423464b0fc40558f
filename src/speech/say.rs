//! (s) Say: one provider, what it spoke kept for the next call that says the same, and a line in the log, once a voice, where another voice
//! than the one asked for is heard.

use super::{Provider, Speech, SpeechError, voices};
use crate::media::lru::Lru;
use crate::media::plan::Clip;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

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

/// The service. One for the process.
pub struct Say {
    provider: Box<dyn Provider>,
    cache: Mutex<Lru<(String, String, String), ()>>,
    warned: Mutex<HashSet<String>>,
}

impl Say {
    /// Speaks by `provider`.
    pub fn new(provider: Box<dyn Provider>) -> Say {
        Say { provider, cache: Mutex::new(Lru::new(CACHE_MAX)), warned: Mutex::new(HashSet::new()) }
    }

    /// Speaks, or finds what was spoken before. Dropping the future stops the work.
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
        let known = self.cache.lock().unwrap_or_else(PoisonError::into_inner).get(&key).map(|(clip, _)| clip);
        if let Some(clip) = known {
            return Ok(Spoken { clip, warning });
        }
        let clip = Arc::new(self.provider.speak(speech).await?);
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).put(key, clip.clone(), ());
        Ok(Spoken { clip, warning })
    }

    fn log_once(&self, voice: &str, words: &str) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.len() < WARNED_MAX && warned.insert(voice.to_owned()) {
            tracing::warn!("{words}");
        }
    }
}
