//! The events of our calls for the operator: what an external switch would report to `/services` of its own, told in the same words to
//! a URL of the settings. They are rows of the outbox like every callback, written with what they tell of.

use super::params::call_seconds;
use super::request::Method;
use crate::call::verdict;
use crate::clock::Wall;
use crate::store::rows::{CallRow, CallStatus, Direction, Hook, OutboxId, OutboxRow, Part, StreamRow};
use serde_json::{Map, Value, json};

/// Stands in the URL for `phone_call_events` or `media_stream_events`.
const PLACE: &str = "{resource}";
const OF_CALLS: &str = "phone_call_events";
const OF_STREAMS: &str = "media_stream_events";

/// Room that a restart leaves among the positions of a call's events: those of its streams are not in its row.
pub const RESTART_ROOM: u32 = 100_000;

/// Where events go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// CHORUS_EVENTS_URL.
    pub url: String,
    /// CHORUS_EVENTS_TOKEN; empty: none is sent.
    pub bearer: String,
}

impl Target {
    fn hook(&self, resource: &str) -> Hook {
        Hook { url: self.url.replace(PLACE, resource), method: Method::Post }
    }

    /// The token for a request to this URL: rows may have been written for another one, which must not get it.
    pub fn bearer_for(&self, url: &str) -> Option<String> {
        let ours = [OF_CALLS, OF_STREAMS].iter().any(|resource| self.hook(resource).url == url);
        Some(self.bearer.clone()).filter(|bearer| ours && !bearer.is_empty())
    }
}

/// One event before it is a row: its place among those of its call, its name, its time.
pub struct Event<'a> {
    /// Token of the row.
    pub id: OutboxId,
    /// `ringing`, `connect` ...
    pub kind: &'a str,
    /// Order within the call.
    pub position: u32,
    /// When.
    pub at: Wall,
}

impl Event<'_> {
    fn row(&self, hook: Hook, account: crate::sid::AccountSid, body: Map<String, Value>) -> OutboxRow {
        let json = Some(Value::Object(body).to_string());
        OutboxRow { json, ..OutboxRow::pending(self.id, account, hook, vec![], self.at) }
    }

    /// About a call.
    pub fn of_call(&self, target: &Target, call: &CallRow) -> OutboxRow {
        let mut body = object(json!({
            "type": self.kind,
            "phone_call": call.sid,
            "call_sid": call.sid,
            "account_sid": call.account,
            "parent_call_sid": call.parent,
            "to": call.to,
            "from": call.from,
            "direction": call.direction.as_str(),
            "call_direction": direction(call.direction),
            "status": call.status.as_str(),
            "timestamp": self.at.iso8601(),
            "sequence": self.position,
        }));
        if call.status.is_final() {
            let (party, reason) = verdict::hung_up(call);
            body.extend(object(json!({
                "duration": call_seconds(call),
                "sip_term_status": call.cause.as_ref().map(|c| c.code),
                "q850_cause": verdict::q850(call),
                "hangup_cause": call.cause.as_ref().map(|c| &c.words),
                "hung_up_by": party,
                "hung_up_how": reason,
                "error_code": call.error,
            })));
        }
        self.row(target.hook(OF_CALLS), call.account, body).of(
            call.sid,
            Part::Events(call.sid),
            self.position,
        )
    }

    /// About a stream of a call.
    pub fn of_stream(&self, target: &Target, stream: &StreamRow, error: Option<&str>) -> OutboxRow {
        let body = object(json!({
            "type": self.kind,
            "media_stream_id": stream.sid,
            "stream_sid": stream.sid,
            "stream_name": stream.name,
            "phone_call": stream.call,
            "call_sid": stream.call,
            "account_sid": stream.account,
            "details": error.map(|words| json!({ "message": words })),
            "timestamp": self.at.iso8601(),
            "sequence": self.position,
        }));
        self.row(target.hook(OF_STREAMS), stream.account, body).of(
            stream.call,
            Part::Events(stream.call),
            self.position,
        )
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The event of a change to this status; the steps before a call rings are nobody's but ours.
pub fn kind(status: CallStatus) -> Option<&'static str> {
    match status {
        CallStatus::Queued | CallStatus::Initiated => None,
        CallStatus::Ringing => Some("ringing"),
        CallStatus::InProgress => Some("answered"),
        _ => Some("completed"),
    }
}

/// The document's word for a direction (ruling 2.2).
pub fn direction(d: Direction) -> &'static str {
    match d {
        Direction::Inbound => "inbound",
        _ => "outbound",
    }
}
