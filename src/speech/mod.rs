//! Say behind a small trait, and what it is asked for: [`voices`] says who speaks, [`embedded`] and [`openai`] are the providers,
//! [`say`] chooses between them and keeps what was spoken.

pub mod embedded;
pub mod openai;
pub mod say;
pub mod voices;

use crate::media::plan::Clip;
use std::future::Future;
use std::pin::Pin;

/// Names one clip that a call waits for (spoken or fetched).
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClipId(pub u64);

/// What shall be spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speech {
    /// Plain text; SSML markup already taken out by the twiml crate's `plain_text`.
    pub text: String,
    /// As written: `alice`, `Polly.Joanna`, ... Empty: the default.
    pub voice: String,
    /// BCP 47, empty: the voice's own.
    pub language: String,
}

/// Nothing came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpeechError {
    /// Twilio's code (13520, 13521, 11200 ... for a provider that failed).
    pub code: u32,
    /// Names the voice and what to do.
    pub words: String,
}

/// What a provider will give.
pub type Speaking = Pin<Box<dyn Future<Output = Result<Clip, SpeechError>> + Send>>;

/// Turns text into audio. Dropping what it returned stops the work.
pub trait Provider: Send + Sync {
    /// The provider's own name for the voice it uses for `speech`, and whether that is the voice that was asked for.
    fn voice(&self, speech: &Speech) -> (String, bool);
    /// Speaks.
    fn speak(&self, speech: &Speech) -> Speaking;
}

impl SpeechError {
    /// With a code and a sentence.
    pub fn new(code: u32, words: impl Into<String>) -> SpeechError {
        SpeechError { code, words: words.into() }
    }
}

impl std::fmt::Display for SpeechError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.words)
    }
}

impl std::error::Error for SpeechError {}
