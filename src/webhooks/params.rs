//! The parameters of every request, under Twilio's names to the letter (webhooks.md 2 to 4).

use crate::clock::Wall;
use crate::sid::{AccountSid, CallSid, RecordingSid};
use crate::store::rows::{CallRow, CallStatus, DomainCall, RecordingRow, StreamRow};

/// Names and values in the order they are sent.
pub type Params = Vec<(String, String)>;

/// Version of the API that the parameters belong to.
pub const API_VERSION: &str = "2010-04-01";

/// Adds one.
pub fn add(params: &mut Params, name: &str, value: impl ToString) {
    params.push((name.to_owned(), value.to_string()));
}

/// Replaces the value of a name, or adds it.
pub fn set(params: &mut Params, name: &str, value: impl ToString) {
    match params.iter_mut().find(|(have, _)| have == name) {
        Some((_, old)) => *old = value.to_string(),
        None => add(params, name, value),
    }
}

/// What every request about a call carries (webhooks.md 2). `CallStatus` is the row's.
pub fn standard(call: &CallRow) -> Params {
    let mut p = Params::with_capacity(32);
    add(&mut p, "CallSid", call.sid);
    add(&mut p, "AccountSid", call.account);
    add(&mut p, "From", &call.from);
    add(&mut p, "To", &call.to);
    add(&mut p, "Caller", &call.from);
    add(&mut p, "Called", &call.to);
    add(&mut p, "CallStatus", call.status.as_str());
    add(&mut p, "ApiVersion", API_VERSION);
    add(&mut p, "Direction", call.direction.as_str());
    if let Some(parent) = call.parent {
        add(&mut p, "ParentCallSid", parent);
    }
    if let Some(application) = call.application {
        add(&mut p, "ApplicationSid", application);
    }
    if let Some(by) = &call.forwarded_from {
        add(&mut p, "ForwardedFrom", by);
    }
    if let Some(domain) = &call.domain {
        through_domain(&mut p, domain, call.dialog.as_ref().map_or("", |d| d.call_id.as_str()));
    }
    geo(&mut p, &call.from, ["From", "Caller"]);
    geo(&mut p, &call.to, ["To", "Called"]);
    p
}

/// Chorus looks no number up, and Twilio sends empty strings for what it does not know; a browser has no such fields.
fn geo(p: &mut Params, address: &str, sides: [&str; 2]) {
    if address.starts_with("client:") {
        return;
    }
    for side in sides {
        for what in ["City", "State", "Zip", "Country"] {
            p.push((format!("{side}{what}"), String::new()));
        }
    }
}

/// `SipHeader_X-Name` for each `X-` header (case kept), and User-to-User (webhooks.md 2.1).
pub fn sip_extras(headers: &[(String, String)]) -> Params {
    let passes = |name: &str| {
        name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("x-"))
            || name.eq_ignore_ascii_case("User-to-User")
    };
    headers
        .iter()
        .filter(|(name, _)| passes(name))
        .map(|(name, value)| (format!("SipHeader_{name}"), value.clone()))
        .collect()
}

/// What a call through a SIP domain adds beside its headers (webhooks.md 2.1).
fn through_domain(p: &mut Params, domain: &DomainCall, call_id: &str) {
    add(p, "SipDomain", &domain.name);
    add(p, "SipDomainSid", domain.sid);
    if let Some(user) = &domain.user {
        add(p, "SipUsername", user);
    }
    add(p, "SipCallId", call_id);
    add(p, "SipSourceIp", domain.source);
}

/// Where a recording is found; `base` is CHORUS_PUBLIC_URL. Without suffix it is the WAV.
pub fn recording_url(base: &str, account: AccountSid, recording: RecordingSid) -> String {
    format!("{}/{API_VERSION}/Accounts/{account}/Recordings/{recording}", base.trim_end_matches('/'))
}

/// Whole seconds of a recording, to the nearest.
pub fn recording_seconds(ms: u64) -> u64 {
    ms.saturating_add(500) / 1_000
}

/// A status callback (webhooks.md 3). `at` is when the status changed, `sequence` counts from 0 the callbacks of this call
/// (ruling 2.44). `recording`: the call's own, with its URL; sent once the call is over.
pub fn status_callback(
    call: &CallRow,
    at: Wall,
    sequence: u32,
    recording: Option<(&RecordingRow, &str)>,
) -> Params {
    let mut p = standard(call);
    add(&mut p, "Timestamp", at.rfc2822());
    add(&mut p, "CallbackSource", "call-progress-events");
    add(&mut p, "SequenceNumber", sequence);
    if call.status.is_final() {
        ended(&mut p, call);
        if let Some((row, url)) = recording {
            add(&mut p, "RecordingUrl", url);
            add(&mut p, "RecordingSid", row.sid);
            add(&mut p, "RecordingDuration", recording_seconds(row.ms.unwrap_or(0)));
        }
    }
    p
}

/// Seconds a call was up, rounded up (ruling 2.44); 0 if it was never answered.
pub fn call_seconds(call: &CallRow) -> u64 {
    match (call.answered, call.ended) {
        (Some(answered), Some(ended)) => ended.seconds_since(answered),
        _ => 0,
    }
}

fn ended(p: &mut Params, call: &CallRow) {
    let seconds = call_seconds(call);
    add(p, "CallDuration", seconds);
    add(p, "Duration", seconds.div_ceil(60));
    if let Some(cause) = &call.cause {
        add(p, "SipResponseCode", cause.code);
    }
    if let (CallStatus::Failed, Some(code)) = (call.status, call.error) {
        add(p, "ErrorCode", code);
    }
}

/// A recording callback (webhooks.md 4.2) for the event `status`: `in-progress`, `completed`, `absent`, `failed`.
pub fn recording_callback(row: &RecordingRow, status: &str, url: &str) -> Params {
    let mut p = Params::new();
    add(&mut p, "AccountSid", row.account);
    add(&mut p, "CallSid", row.call);
    add(&mut p, "RecordingSid", row.sid);
    add(&mut p, "RecordingUrl", url);
    add(&mut p, "RecordingStatus", status);
    match (status, row.ms) {
        ("in-progress", _) => add(&mut p, "RecordingDuration", "-1"),
        (_, Some(ms)) => add(&mut p, "RecordingDuration", recording_seconds(ms)),
        (_, None) => {}
    }
    add(&mut p, "RecordingChannels", row.channels);
    add(&mut p, "RecordingStartTime", row.started.rfc2822());
    add(&mut p, "RecordingSource", &row.source);
    add(&mut p, "RecordingTrack", &row.track);
    if let Some(code) = row.error {
        add(&mut p, "ErrorCode", code);
    }
    p
}

/// A stream callback (webhooks.md 4.5). `event`: `stream-started`, `stream-stopped`, `stream-error`.
pub fn stream_callback(row: &StreamRow, event: &str, error: Option<&str>, at: Wall) -> Params {
    let mut p = Params::new();
    add(&mut p, "AccountSid", row.account);
    add(&mut p, "CallSid", row.call);
    add(&mut p, "StreamSid", row.sid);
    add(&mut p, "StreamName", &row.name);
    add(&mut p, "StreamEvent", event);
    if let Some(words) = error {
        add(&mut p, "StreamError", words);
    }
    add(&mut p, "Timestamp", at.iso8601());
    p
}

/// What a Gather action adds. `finished_on_key` is empty unless a key ended it.
pub fn gather_action(digits: &str, finished_on_key: &str) -> Params {
    let mut p = Params::new();
    add(&mut p, "Digits", digits);
    add(&mut p, "FinishedOnKey", finished_on_key);
    add(&mut p, "msg", "Gather End");
    p
}

/// What a Record action adds. `digits` is the key that ended it, or `hangup`.
pub fn record_action(recording: &RecordingRow, url: &str, digits: &str) -> Params {
    let mut p = Params::new();
    add(&mut p, "RecordingUrl", url);
    add(&mut p, "RecordingSid", recording.sid);
    add(&mut p, "RecordingDuration", recording_seconds(recording.ms.unwrap_or(0)));
    add(&mut p, "Digits", digits);
    p
}

/// How a Dial ended.
#[derive(Clone, Debug, Default)]
pub struct DialOutcome {
    /// `completed`, `answered`, `busy`, `no-answer`, `failed`, `canceled`.
    pub status: String,
    /// The child that was bridged, or the last one tried.
    pub child: Option<CallSid>,
    /// Seconds of the child, if it was answered.
    pub seconds: Option<u64>,
    /// The two were connected.
    pub bridged: bool,
    /// Of the Dial's recording.
    pub recording_url: Option<String>,
    /// Sip noun: Call-ID and final code of the child.
    pub sip: Option<(String, u16)>,
}

/// What a Dial action adds.
pub fn dial_action(outcome: &DialOutcome) -> Params {
    let mut p = Params::new();
    add(&mut p, "DialCallStatus", &outcome.status);
    if let Some(child) = outcome.child {
        add(&mut p, "DialCallSid", child);
    }
    if let Some(seconds) = outcome.seconds {
        add(&mut p, "DialCallDuration", seconds);
    }
    add(&mut p, "DialBridged", outcome.bridged);
    if let Some(url) = &outcome.recording_url {
        add(&mut p, "RecordingUrl", url);
    }
    if let Some((call_id, code)) = &outcome.sip {
        add(&mut p, "DialSipCallId", call_id);
        add(&mut p, "DialSipResponseCode", code);
    }
    p
}

/// What the request for the fallback URL adds (twiml.md 1.7).
pub fn fallback(code: u32, failed_url: &str) -> Params {
    let mut p = Params::new();
    add(&mut p, "ErrorCode", code);
    add(&mut p, "ErrorUrl", failed_url);
    p
}

/// The form body of a POST, UTF-8 percent-encoded, blanks as `+`.
pub fn form(params: &[(String, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish()
}

/// A GET's URL: the parameters after any query that is there. The fragment, if any, stays last.
pub fn with_query(url: &str, params: &[(String, String)]) -> String {
    if params.is_empty() {
        return url.to_owned();
    }
    let (head, fragment) = match url.split_once('#') {
        Some((head, fragment)) => (head, format!("#{fragment}")),
        None => (url, String::new()),
    };
    let mark = match head.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{head}{mark}{}{fragment}", form(params))
}

/// For the fuzzer: bytes as a form; what is read must be written and read again the same.
pub fn fuzz_form(data: &[u8]) -> bool {
    let read: Params = url::form_urlencoded::parse(data).into_owned().collect();
    let again: Params = url::form_urlencoded::parse(form(&read).as_bytes()).into_owned().collect();
    assert_eq!(read, again, "a form does not read back as it was written");
    let _ = super::sign::sign("token", &String::from_utf8_lossy(data), &read);
    !read.is_empty()
}
