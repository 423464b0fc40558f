//! From a Dial's nouns to the rows and targets of its children.

use super::call::Call;
use super::cx::Cx;
use super::event::Spawn;
use super::target::{self, NoRoute, Wish};
use crate::sid::CallSid;
use crate::store::rows::{CallRow, CallStatus, Direction, Hook, Subscription};
use crate::webhooks::policy;
use twiml::Secret;
use twiml::verb::{CallEvent, Dial, DialRecord, Noun, Trim};

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
        track: dial.recording_track.as_str().to_owned(),
        trim: dial.trim == Trim::TrimSilence,
        callback: dial
            .recording_status_callback
            .as_ref()
            .and_then(|url| hook(base, url, dial.recording_status_callback_method)),
        events: super::recordings::events(&dial.recording_status_callback_event),
    })
}

fn hook(base: Option<&str>, href: &str, method: twiml::Method) -> Option<Hook> {
    let url = policy::resolve(base, href).ok()?;
    Some(Hook { url, method: super::program::method_of(method) })
}

/// What a noun says, whichever it is.
struct Party<'a> {
    to: String,
    auth: Option<(String, String)>,
    headers: Vec<(String, String)>,
    digits: Option<String>,
    whisper: Option<(&'a str, twiml::Method)>,
    callback: Option<(&'a str, twiml::Method, &'a [CallEvent])>,
}

fn party(noun: &Noun) -> Result<Party<'_>, NoRoute> {
    match noun {
        Noun::Number(n) => Ok(Party {
            to: n.number.clone(),
            auth: None,
            headers: vec![],
            digits: n.send_digits.clone(),
            whisper: n.url.as_deref().map(|u| (u, n.method)),
            callback: n
                .status_callback
                .as_deref()
                .map(|u| (u, n.status_callback_method, &*n.status_callback_event)),
        }),
        Noun::Sip(s) => {
            let best = s.uris.iter().min_by_key(|u| u.priority);
            let uri = best.ok_or(NoRoute { code: 13243, words: "<Sip> has no URI".to_owned() })?;
            let pair = |user: &Option<String>, secret: &Option<Secret>| {
                user.clone().zip(secret.as_ref().map(|s| s.0.clone()))
            };
            Ok(Party {
                to: uri.uri.clone(),
                auth: pair(&uri.username, &uri.password).or_else(|| pair(&s.username, &s.password)),
                headers: uri.headers.clone(),
                digits: None,
                whisper: s.url.as_deref().map(|u| (u, s.method)),
                callback: s
                    .status_callback
                    .as_deref()
                    .map(|u| (u, s.status_callback_method, &*s.status_callback_event)),
            })
        }
        Noun::Unsupported(n) => {
            Err(NoRoute { code: 13215, words: format!("<{}> inside <Dial> is not offered yet", n.name) })
        }
        Noun::Invalid(n) => {
            Err(NoRoute { code: n.code, words: format!("<{}> says nowhere to dial", n.name) })
        }
    }
}

/// A telephone number may be shown the caller, the called number, or a number of the account (13214).
fn may_show(parent: &Call, caller: &str) -> bool {
    let own = parent.tables.trunks.number(caller).is_some_and(|n| n.account == parent.row.account);
    own || caller == parent.row.from || caller == parent.row.to
}

/// A child for one noun.
pub fn spawn(cx: &mut Cx<'_>, parent: &Call, dial: &Dial, noun: &Noun) -> Result<Spawn, NoRoute> {
    let caller = dial.caller_id.clone().unwrap_or_else(|| parent.row.from.clone());
    let base = parent.program.base.as_deref();
    let p = party(noun)?;
    if matches!(noun, Noun::Number(_)) && !may_show(parent, &caller) {
        let words = format!("the caller ID {caller} is neither of this call nor a number of the account");
        return Err(NoRoute { code: 13214, words });
    }
    let wish = Wish { to: &p.to, from: &caller, auth: p.auth.clone(), headers: p.headers };
    let mut target = target::find(cx, parent.row.account, &wish)?;
    target.max_forwards = parent.leg.hops.checked_sub(1).ok_or_else(|| NoRoute {
        code: 32011,
        words: "the call has taken all the hops it may: look for numbers that dial each other".to_owned(),
    })?;
    let callbacks = p.callback.and_then(|(url, method, events)| {
        let has = |e: CallEvent| events.contains(&e);
        Some(Subscription {
            hook: hook(base, url, method)?,
            initiated: has(CallEvent::Initiated),
            ringing: has(CallEvent::Ringing),
            answered: has(CallEvent::Answered),
            completed: has(CallEvent::Completed) || events.is_empty(),
        })
    });
    let row = CallRow {
        sid: CallSid::new(cx.rng),
        account: parent.row.account,
        parent: Some(parent.row.sid),
        to: p.to,
        from: caller,
        direction: Direction::OutboundDial,
        callbacks: callbacks.into_iter().collect(),
        timeout_s: dial.timeout,
        time_limit_s: parent.row.time_limit_s,
        send_digits: p.digits,
        sip_auth: p.auth,
        trunk: target.trunk,
        ..CallRow::empty(parent.row.account, cx.now.wall, &cx.settings.node, CallStatus::Queued)
    };
    let whisper = p.whisper.and_then(|(url, method)| hook(base, url, method));
    Ok(Spawn { row, target, whisper, parent: parent.row.sid })
}
