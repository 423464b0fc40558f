//! What an answer is, by its Content-Type (twiml.md 1.2).

use crate::decode::decode;
use crate::document::Document;
use crate::limits::BODY_MAX;
use crate::verb::{Hangup, Play, Say, Verb};
use crate::warning::{CONTENT_TYPE, DocumentError, TOO_LARGE, cut};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

/// What the answer to a document request holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// TwiML to run.
    Document(Document),
    /// Plain text that is no TwiML: it is spoken, then the call hangs up.
    Text(String),
    /// A sound file: it is played, then the call hangs up.
    Audio,
}

impl Content {
    /// The document that does what the answer means; `url` is where the answer came from.
    pub fn into_document(self, url: &str) -> Document {
        let verb = match self {
            Content::Document(document) => return document,
            Content::Text(text) => Verb::Say(Say::from_text(&text)),
            Content::Audio => Verb::Play(Play { url: url.to_string(), ..Play::default() }),
        };
        Document { verbs: vec![verb, Verb::Hangup(Hangup::default())], warnings: Vec::new() }
    }
}

/// Types that are parsed.
const XML: &[&str] = &["text/xml", "application/xml", "text/html"];
/// Types that are played (twiml.md 3.10).
const AUDIO: &[&str] = &[
    "audio/mpeg",
    "audio/mp3",
    "audio/wav",
    "audio/wave",
    "audio/x-wav",
    "audio/aiff",
    "audio/x-aifc",
    "audio/x-aiff",
    "audio/x-gsm",
    "audio/gsm",
    "audio/ulaw",
];

impl Document {
    /// Reads an answer: `content_type` as sent, with its parameters. A body of nothing and without a type is what
    /// 204 looks like, and has no verbs.
    pub fn read(bytes: &[u8], content_type: Option<&str>) -> Result<Content, DocumentError> {
        let Some(sent) = content_type.map(str::trim).filter(|t| !t.is_empty()) else {
            return if bytes.is_empty() {
                Ok(Content::Document(Document::default()))
            } else {
                Err(DocumentError::whole(CONTENT_TYPE, "the answer has no Content-Type"))
            };
        };
        let essence = sent.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if AUDIO.contains(&essence.as_str()) {
            return Ok(Content::Audio);
        }
        let plain = essence == "text/plain";
        if !plain && !XML.contains(&essence.as_str()) {
            let words = format!("the Content-Type {} is neither XML, text nor audio", cut(&essence));
            return Err(DocumentError::whole(CONTENT_TYPE, words));
        }
        if bytes.len() > BODY_MAX {
            return Err(DocumentError::whole(
                TOO_LARGE,
                format!("the body is larger than {BODY_MAX} octets"),
            ));
        }
        let text = decode(bytes, charset(sent).as_deref())?;
        match Document::parse(&text) {
            Ok(document) => Ok(Content::Document(document)),
            Err(_) if plain && text.trim().is_empty() => Ok(Content::Document(Document::default())),
            Err(_) if plain => Ok(Content::Text(text.trim().to_string())),
            Err(error) => Err(error),
        }
    }
}

/// The charset parameter of a Content-Type.
fn charset(content_type: &str) -> Option<String> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        (name.trim().eq_ignore_ascii_case("charset") && !value.is_empty()).then(|| value.to_string())
    })
}
