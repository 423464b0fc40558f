//! What a switch writes: flat, or with the event in `event` and figures in `variables` (ruling 2.11). What nobody declared is kept in
//! the report and passed over.

use super::carrier_body::{checked, object, text};
use super::command_external::Progress;
use super::form::Fields;
use super::json::Json;
use super::operation::Ctx;
use super::params::Params;
use super::refusal::Refusal;
use crate::store::rows::CallStatus;
use serde_json::Value;

/// What a stream came to.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum StreamStep {
    /// It stands.
    Up,
    /// It is over, or never was.
    Over,
}

/// Both vocabularies of calls: the document's, and Twilio's names of statuses (ruling 2.22).
pub const CALL_WORDS: &[(&str, Progress)] = &[
    ("ringing", Progress::Ringing),
    ("ring", Progress::Ringing),
    ("early", Progress::Ringing),
    ("answered", Progress::Answered),
    ("answer", Progress::Answered),
    ("in-progress", Progress::Answered),
    ("completed", Progress::Over(None)),
    ("hangup", Progress::Over(None)),
    ("busy", Progress::Over(Some(CallStatus::Busy))),
    ("failed", Progress::Over(Some(CallStatus::Failed))),
    ("session_timeout", Progress::Over(Some(CallStatus::Failed))),
    ("no-answer", Progress::Over(Some(CallStatus::NoAnswer))),
    ("not_answered", Progress::Over(Some(CallStatus::NoAnswer))),
    ("canceled", Progress::Over(Some(CallStatus::Canceled))),
];

/// The same of streams: the figure's `connected`, the switch's `connect`, Twilio's `stream-started`.
pub const STREAM_WORDS: &[(&str, StreamStep)] = &[
    ("connect", StreamStep::Up),
    ("connected", StreamStep::Up),
    ("start", StreamStep::Up),
    ("started", StreamStep::Up),
    ("stream-started", StreamStep::Up),
    ("disconnect", StreamStep::Over),
    ("disconnected", StreamStep::Over),
    ("stop", StreamStep::Over),
    ("stopped", StreamStep::Over),
    ("stream-stopped", StreamStep::Over),
    ("connect_failed", StreamStep::Over),
    ("stream-error", StreamStep::Over),
];

/// What a word means.
pub fn known<'a, T>(words: &'a [(&str, T)], word: &str) -> Option<&'a T> {
    words.iter().find(|(w, _)| w.eq_ignore_ascii_case(word)).map(|(_, meaning)| meaning)
}

/// A report.
pub struct Body {
    params: Params,
    /// As it came.
    pub payload: Value,
}

impl Body {
    /// Reads it.
    ///
    /// # Errors
    /// 422, with the field where one is meant.
    pub fn read(ctx: &Ctx) -> Result<Body, Refusal> {
        let mut members = object(&ctx.body)?;
        for (name, value) in nested(&members) {
            // What stands outside counts.
            if !members.iter().any(|(n, _)| *n == name) {
                members.push((name, value));
            }
        }
        let table = ctx.operation.params;
        let mut fields = Fields::new();
        for (name, value) in members {
            let Some(declared) = table.iter().find(|p| p.name == name) else { continue };
            // `"event": {...}` is a place, and null says nothing.
            if !matches!(value, Json::Null) {
                fields.push((name, text(declared, value)?));
            }
        }
        let params = checked(ctx.operation.id, table, &fields)?;
        let payload = serde_json::from_slice(&ctx.body).unwrap_or(Value::Null);
        Ok(Body { params, payload })
    }

    /// A text that was given.
    pub fn text(&self, name: &str) -> Option<String> {
        self.params.owned(name)
    }

    /// A number that was given.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.params.int(name)
    }

    /// The type.
    pub fn kind(&self) -> String {
        self.text("type").unwrap_or_default()
    }
}

/// The members of `event` and `variables`; an `event` that is a word is the type.
fn nested(members: &[(String, Json)]) -> Vec<(String, Json)> {
    let mut out = Vec::new();
    for (name, value) in members {
        match (name.as_str(), value) {
            ("event" | "variables", Json::Object(inner)) => out.extend(inner.iter().cloned()),
            ("event", Json::Text(word)) => out.push(("type".to_owned(), Json::Text(word.clone()))),
            _ => {}
        }
    }
    out
}
