//! (s) The voice inside the binary: flite's kal, American English, 8 kHz. Synthesis takes a core, so it runs on a bounded blocking pool
//! and stops when nobody waits for it any more.

use super::voices::{Gender, wanted};
use super::{Provider, Speaking, Speech, SpeechError};
use crate::media::codec::g711::ulaw_from_pcm;
use crate::media::decode::{CLIP_SAMPLES_MAX, decode_pcm16};
use crate::media::plan::Clip;
use flite_rs::{Engine, Flow};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Semaphore;

/// Characters of one Say (Twilio's limit, 13521).
pub const TEXT_MAX: usize = 4_096;
/// Letters of a word before it is cut: the cost of a word grows faster than its length (ruling 2.36).
const WORD_MAX: usize = 64;
const RATE: u32 = 8_000;
const NAME: &str = "kal";

/// The provider.
pub struct Embedded {
    engine: Arc<Engine>,
    pool: Arc<Semaphore>,
}

impl Embedded {
    /// Speaks on at most `threads` threads at once.
    ///
    /// # Errors
    /// The voice's data in the binary is damaged.
    pub fn new(threads: usize) -> Result<Embedded, String> {
        let engine = Engine::try_new().map_err(|e| format!("the embedded voice cannot be loaded: {e}"))?;
        Ok(Embedded { engine: Arc::new(engine), pool: Arc::new(Semaphore::new(threads.max(1))) })
    }
}

/// Sets the flag when the future that waits is dropped.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Provider for Embedded {
    fn voice(&self, speech: &Speech) -> (String, bool) {
        let wanted = wanted(&speech.voice, &speech.language);
        let basic = matches!(speech.voice.as_str(), "" | "man");
        let real = basic && wanted.gender == Gender::Male && wanted.language.eq_ignore_ascii_case("en-US");
        ("kal, the embedded American English voice".to_owned(), real)
    }

    fn speak(&self, speech: &Speech) -> Speaking {
        let (engine, pool, text) = (self.engine.clone(), self.pool.clone(), speech.text.clone());
        Box::pin(async move {
            check(&text)?;
            let stop = Arc::new(AtomicBool::new(false));
            let _stop_on_drop = StopOnDrop(stop.clone());
            let permit = pool.acquire_owned().await;
            let permit = permit.map_err(|_| SpeechError::new(11200, "the server is shutting down"))?;
            let work = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                synthesize(&engine, &text, &stop)
            });
            work.await.map_err(|_| SpeechError::new(13520, format!("voice `{NAME}` failed on this text")))?
        })
    }
}

/// Refuses what no voice should be given.
///
/// # Errors
/// 13520 for nothing to say, 13521 for too much.
pub fn check(text: &str) -> Result<(), SpeechError> {
    if text.trim().is_empty() {
        return Err(SpeechError::new(13520, "Say has no text"));
    }
    if text.chars().nth(TEXT_MAX).is_some() {
        return Err(SpeechError::new(13521, format!("Say takes at most {TEXT_MAX} characters")));
    }
    Ok(())
}

/// Long runs without a blank are cut, because one word is one unit of work that cannot be stopped.
fn cut_words(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / WORD_MAX);
    let mut run = 0;
    for c in text.chars() {
        run = if c.is_whitespace() { 0 } else { run + 1 };
        if run > WORD_MAX {
            out.push(' ');
            run = 1;
        }
        out.push(c);
    }
    out
}

fn synthesize(engine: &Engine, text: &str, stop: &AtomicBool) -> Result<Clip, SpeechError> {
    let mut samples: Vec<i16> = Vec::new();
    engine.synthesize_streaming(&cut_words(text), |period| {
        samples.extend_from_slice(period);
        let over = stop.load(Ordering::Relaxed) || samples.len() >= CLIP_SAMPLES_MAX;
        if over { Flow::Stop } else { Flow::Continue }
    });
    // Another script gives no samples at all, or only the pauses between its words (ruling 2.36).
    if samples.iter().all(|s| s.unsigned_abs() < AUDIBLE) {
        let words = format!(
            "voice `{NAME}` can speak nothing of this text: it knows English only; configure a speech provider"
        );
        return Err(SpeechError::new(13512, words));
    }
    if engine.sample_rate() == RATE {
        return Ok(Clip { ulaw: samples.into_iter().map(ulaw_from_pcm).collect() });
    }
    let octets: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
    decode_pcm16(&octets, engine.sample_rate() as usize).map_err(|e| SpeechError::new(13520, e.0))
}

/// The amplitude from which audio is more than a pause.
const AUDIBLE: u16 = 64;
