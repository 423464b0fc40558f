//! From a Dial's nouns to the rows and targets of its children.

use super::call::Call;
use super::cx::Cx;
use super::event::Spawn;
use super::target::{self, NoRoute, Wish};
use crate::sid::CallSid;
use crate::store::rows::{CallRow, CallStatus, Direction, Hook, Subscription};
use crate::webhooks::policy;
use twiml::{Dial, DialRecord, Noun};

/// Dial's recording in the words of the recordings room.
pub struct DialRecording {
    /// With the verb, not with the bridge.
    pub from_ringing: bool,
    /// 1 or 2.
    pub channels: u8,
    /// `both`, `inbound`, `outbound`.
    pub track: String,
    /// Trim silence.
    pub trim: bool,
    /// RecordingStatusCallback.
    pub callback: Option<Hook>,
    /// Subscribed events.
    pub events: String,
}

/// What Dial's `record` asks for.
pub fn recording(dial: &Dial, base: Option<&str>) -> Option<DialRecording> {
    let (from_ringing, channels) = match dial.record {
        DialRecord::DoNotRecord => return None,
        DialRecord::FromAnswer => (false, 1),
        DialRecord::FromRinging => (true, 1),
        DialRecord::FromAnswerDual => (false, 2),
        DialRecord::FromRingingDual => (true, 2),
    };
    Some(DialRecording {
        from_ringing,
        channels,
        track: dial.recording_track.clone(),
        trim: dial.trim,
        callback: dial.recording_status_callback.as_ref().and_then(|c| hook(base, &c.url, c.method)),
        events: super::recordings::events(&dial.recording_status_callback_event),
    })
}

fn hook(base: Option<&str>, href: &str, method: twiml::Method) -> Option<Hook> {
    let url = policy::resolve(base, href).ok()?;
    Some(Hook { url, method: super::program::method_of(method) })
}

/// A child for one noun.
pub fn spawn(cx: &mut Cx<'_>, parent: &Call, dial: &Dial, noun: &Noun) -> Result<Spawn, NoRoute> {
    let caller = dial.caller_id.clone().unwrap_or_else(|| parent.row.from.clone());
    let base = parent.program.base.as_deref();
    let (to, auth, headers, common, digits) = match noun {
        Noun::Number(n) => (n.number.clone(), None, vec![], &n.common, n.send_digits.clone()),
        Noun::Sip(s) => {
            let auth = s.username.clone().zip(s.password.clone());
            (s.uri.clone(), auth, s.headers.clone(), &s.common, None)
        }
        Noun::Unsupported { name } => {
            let words = format!("<{name}> inside <Dial> is not offered yet");
            return Err(NoRoute { code: 13215, words });
        }
    };
    let wish = Wish { to: &to, from: &caller, auth: auth.clone(), headers };
    let target = target::find(cx, parent.row.account, &wish)?;
    let callbacks = common.status_callback.as_ref().and_then(|c| {
        let events = &common.status_callback_event;
        let has = |e: &str| events.iter().any(|x| x == e);
        Some(Subscription {
            hook: hook(base, &c.url, c.method)?,
            initiated: has("initiated"),
            ringing: has("ringing"),
            answered: has("answered"),
            completed: has("completed") || events.is_empty(),
        })
    });
    let row = CallRow {
        sid: CallSid::new(cx.rng),
        account: parent.row.account,
        parent: Some(parent.row.sid),
        to,
        from: caller,
        direction: Direction::OutboundDial,
        callbacks: callbacks.into_iter().collect(),
        timeout_s: dial.timeout,
        time_limit_s: parent.row.time_limit_s,
        send_digits: digits,
        sip_auth: auth,
        trunk: target.trunk,
        ..CallRow::empty(parent.row.account, cx.now.wall, &cx.settings.node, CallStatus::Queued)
    };
    let whisper = common.url.as_ref().and_then(|u| hook(base, u, common.method));
    Ok(Spawn { row, target, whisper, parent: parent.row.sid })
}
