//! What calls leave behind: recordings, streams, timelines, lines of the account's debugger.

use super::Hook;
use crate::clock::Wall;
use crate::sid::*;
use crate::webhooks::request::Method;
use serde::{Deserialize, Serialize};

/// A recording.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordingRow {
    /// SID.
    pub sid: RecordingSid,
    /// Account.
    pub account: AccountSid,
    /// Call.
    pub call: CallSid,
    /// `in-progress`, `paused`, `stopped`, `processing`, `completed`, `absent`, `failed`.
    pub status: String,
    /// `RecordVerb`, `DialVerb`, `OutboundAPI`, `StartCallRecordingAPI`.
    pub source: String,
    /// 1 or 2.
    pub channels: u8,
    /// `inbound`, `outbound`, `both`.
    pub track: String,
    /// Milliseconds, once known.
    pub ms: Option<u64>,
    /// File name under the recordings directory.
    pub file: String,
    /// Twilio code of a failed one.
    pub error: Option<u32>,
    /// Where its status goes.
    pub callback: Option<Hook>,
    /// Which events: `in-progress completed absent`.
    pub events: String,
    /// When its audio began.
    pub started: Wall,
    /// Created.
    pub created: Wall,
    /// Changed.
    pub updated: Wall,
}

/// A line of the account's debugger.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NotificationRow {
    /// SID.
    pub sid: NotificationSid,
    /// Account.
    pub account: AccountSid,
    /// Call.
    pub call: Option<CallSid>,
    /// Twilio's code.
    pub code: u32,
    /// 0 error, 1 warning.
    pub level: u8,
    /// What happened and what to do.
    pub words: String,
    /// Request it is about.
    pub request_method: Option<Method>,
    /// Its URL.
    pub request_url: Option<String>,
    /// Its parameters as a form.
    pub request_variables: Option<String>,
    /// What came back.
    pub response_headers: Option<String>,
    /// What came back.
    pub response_body: Option<String>,
    /// When.
    pub created: Wall,
}

/// A media stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StreamRow {
    /// SID.
    pub sid: StreamSid,
    /// Account.
    pub account: AccountSid,
    /// Call.
    pub call: CallSid,
    /// Name, by default the SID.
    pub name: String,
    /// `in-progress` or `stopped`.
    pub status: String,
    /// Where its events go, also those of a stream that a crash cut off.
    #[serde(default)]
    pub callback: Option<Hook>,
    /// Created.
    pub created: Wall,
    /// Changed.
    pub updated: Wall,
}

/// The bounded timeline of one call, appended to in batches.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TimelineRow {
    /// Call.
    pub call: CallSid,
    /// Account.
    pub account: AccountSid,
    /// All lines so far.
    pub lines: Vec<Line>,
    /// Changed.
    pub updated: Wall,
}

/// One line of a timeline. Never a token, password, digit or query value (ruling 2.40).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When.
    pub at: Wall,
    /// `phone`, `chorus`, `app`, `agent`.
    pub from: String,
    /// The same set; equal to `from` for a note.
    pub to: String,
    /// What.
    pub what: String,
}
