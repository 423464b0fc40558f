//! Say behind a small trait, and what it is asked for.

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
