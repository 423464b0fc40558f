//! (s) A provider over HTTP in the shape of OpenAI's `POST /v1/audio/speech`, which hosted and self-hosted engines offer alike.

use super::embedded::check;
use super::voices::{Gender, wanted};
use super::{Provider, Speaking, Speech, SpeechError};
use crate::media::decode::{self, Container, decode_pcm16};
use crate::media::plan::Clip;
use crate::webhooks::fetch::Fetcher;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Octets of one answer.
pub const SPEECH_BODY_MAX: usize = 32 * 1024 * 1024;
/// Requests to the provider at once; the others wait.
pub const REQUESTS_MAX: usize = 32;
/// Rate of `pcm` answers, as OpenAI documents it, in Hz.
const PCM_RATE: usize = 24_000;

/// How to reach the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenAiConfig {
    /// `https://api.openai.com` or with `/v1`; the rest of the path is added.
    pub base_url: String,
    /// Sent as a bearer token; empty: none.
    #[serde(default)]
    pub api_key: String,
    /// `tts-1`, `kokoro` ...
    pub model: String,
    /// Voice by Twilio's name (`Polly.Joanna`), by gender (`male`, `female`), or `default`.
    #[serde(default)]
    pub voices: BTreeMap<String, String>,
}

/// The provider.
pub struct OpenAi {
    config: OpenAiConfig,
    fetcher: Arc<Fetcher>,
    decoders: Arc<Semaphore>,
    requests: Arc<Semaphore>,
}

impl OpenAi {
    /// Asks through `fetcher`, so that the guard decides about its address too. Decodes on at most `threads` threads.
    pub fn new(config: OpenAiConfig, fetcher: Arc<Fetcher>, threads: usize) -> OpenAi {
        OpenAi {
            config,
            fetcher,
            decoders: Arc::new(Semaphore::new(threads.max(1))),
            requests: Arc::new(Semaphore::new(REQUESTS_MAX)),
        }
    }

    fn url(&self) -> String {
        let base = self.config.base_url.trim_end_matches('/');
        let base = base.strip_suffix("/v1").unwrap_or(base);
        format!("{base}/v1/audio/speech")
    }
}

impl Provider for OpenAi {
    fn voice(&self, speech: &Speech) -> (String, bool) {
        let wanted = wanted(&speech.voice, &speech.language);
        if let Some(exact) = self.config.voices.get(&speech.voice) {
            return (exact.clone(), true);
        }
        let gender = match wanted.gender {
            Gender::Male => ("male", "onyx"),
            Gender::Female => ("female", "alloy"),
        };
        let voices = &self.config.voices;
        let mapped = voices.get(gender.0).or_else(|| voices.get("default")).cloned();
        // `man` and `woman` ask for no more than a gender.
        let real = matches!(speech.voice.as_str(), "" | "man" | "woman");
        (mapped.unwrap_or_else(|| gender.1.to_owned()), real)
    }

    fn speak(&self, speech: &Speech) -> Speaking {
        let (voice, _) = self.voice(speech);
        let body = serde_json::json!({
            "model": self.config.model,
            "input": speech.text,
            "voice": voice,
            "response_format": "wav",
        });
        let (fetcher, decoders, requests) =
            (self.fetcher.clone(), self.decoders.clone(), self.requests.clone());
        let (url, key, text) = (self.url(), self.config.api_key.clone(), speech.text.clone());
        Box::pin(async move {
            check(&text)?;
            let failed = |code: u32, words: &str| {
                SpeechError::new(code, format!("speech provider, voice `{voice}`: {words}"))
            };
            let _turn = requests.acquire_owned().await;
            let (content_type, audio) = fetcher
                .post_json(&url, &key, body.to_string(), SPEECH_BODY_MAX)
                .await
                .map_err(|e| failed(e.code, &e.words))?;
            let permit = decoders.acquire_owned().await;
            let permit = permit.map_err(|_| failed(11200, "the server is shutting down"))?;
            let work = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                decoded(&content_type.unwrap_or_default(), audio)
            });
            let clip = work.await.map_err(|_| failed(11200, "its audio broke the decoder"))?;
            clip.map_err(|words| failed(11200, &words))
        })
    }
}

fn decoded(content_type: &str, audio: Bytes) -> Result<Clip, String> {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let clip = match essence.as_str() {
        "audio/pcm" | "audio/l16" => decode_pcm16(&audio, rate_of(content_type)),
        // Some engines name every answer application/octet-stream: the content tells.
        _ if audio.starts_with(b"RIFF") => decode::decode(audio, Container::Riff),
        "audio/mpeg" | "audio/mp3" => decode::decode(audio, Container::Mp3),
        other => return Err(format!("an answer of type `{other}` is neither wav, pcm nor mp3")),
    };
    clip.map_err(|e| e.0)
}

/// `audio/L16; rate=16000`.
fn rate_of(content_type: &str) -> usize {
    let rate = content_type.split(';').skip(1).find_map(|p| p.trim().strip_prefix("rate=")?.parse().ok());
    rate.unwrap_or(PCM_RATE)
}
