//! From a Dial's nouns to the rows and targets of its children.

use super::call::Call;
use super::cx::Cx;
use super::event::Spawn;
use super::notify;
use super::permission::SHUT_IN_A_DIAL;
use super::refer_url::ReferUrl;
use super::rights::Pbx;
use super::target::{self, NoRoute, Wish};
use crate::sid::CallSid;
use crate::store::rows::{CallRow, CallStatus, Direction, Hook, Subscription};
use crate::trunk::identity::is_withheld;
use crate::trunk::normalise::dialled;
use crate::webhooks::policy;
use std::collections::VecDeque;
use twiml::Secret;
use twiml::verb::{CallEvent, Dial, DialRecord, Noun, RecordingTrack, Sip, SipUri, Trim};

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
    // Of one track there is one channel.
    let channels = if dial.recording_track == RecordingTrack::Both { channels } else { 1 };
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

/// Whom a REFER of the Dial's parties is told to.
pub fn refer_url(dial: &Dial, base: Option<&str>) -> Option<ReferUrl> {
    let hook = hook(base, dial.refer_url.as_deref()?, dial.refer_method)?;
    Some(ReferUrl { hook, keep: dial.answer_on_bridge })
}

/// What a noun says, whichever it is.
struct Party<'a> {
    to: String,
    auth: Option<(String, String)>,
    headers: Vec<(String, String)>,
    digits: Option<String>,
    whisper: Option<(&'a str, twiml::Method)>,
    callback: Option<(&'a str, twiml::Method, &'a [CallEvent])>,
    secure: bool,
}

/// Addresses in the order in which they are tried: by priority, the lowest first, among equals by their share, as DNS SRV does
/// (RFC 2782). `rank` says both.
pub fn ordered<T>(cx: &mut Cx<'_>, mut left: Vec<T>, rank: impl Fn(&T) -> (u32, u64)) -> Vec<T> {
    let mut out = Vec::with_capacity(left.len());
    while let Some(first) = left.iter().map(|u| rank(u).0).min() {
        let share = |u: &T| if rank(u).0 == first { rank(u).1 } else { 0 };
        let all: u64 = left.iter().map(share).sum();
        let mut at = if left.len() > 1 { cx.rng.below(all) } else { 0 };
        let chosen = left.iter().position(|u| {
            let within = at < share(u);
            at = at.saturating_sub(share(u));
            within
        });
        out.push(left.remove(chosen.unwrap_or(0)));
    }
    out
}

/// Whom a noun rings: one party, or several that are tried until one can be reached.
fn parties<'a>(cx: &mut Cx<'_>, noun: &'a Noun) -> Result<Vec<Party<'a>>, NoRoute> {
    match noun {
        Noun::Number(n) => Ok(vec![Party {
            to: dialled(&n.number),
            auth: None,
            headers: vec![],
            digits: n.send_digits.clone(),
            whisper: n.url.as_deref().map(|u| (u, n.method)),
            callback: n
                .status_callback
                .as_deref()
                .map(|u| (u, n.status_callback_method, &*n.status_callback_event)),
            secure: false,
        }]),
        Noun::Sip(s) if s.uris.is_empty() => {
            Err(NoRoute { code: 13243, words: "<Sip> has no URI".to_owned() })
        }
        Noun::Sip(s) => {
            // One more, so that an address of weight 0 has its small chance.
            let rank = |u: &&SipUri| (u.priority, u64::from(u.weight).saturating_add(1));
            let uris = ordered(cx, s.uris.iter().collect(), rank);
            Ok(uris.into_iter().map(|uri| at_uri(s, uri)).collect())
        }
        Noun::Unsupported(n) => {
            Err(NoRoute { code: 13215, words: format!("<{}> inside <Dial> is not offered yet", n.name) })
        }
        Noun::Invalid(n) => {
            Err(NoRoute { code: n.code, words: format!("<{}> says nowhere to dial", n.name) })
        }
    }
}

fn at_uri<'a>(s: &'a Sip, uri: &'a SipUri) -> Party<'a> {
    let pair = |user: &Option<String>, secret: &Option<Secret>| {
        user.clone().zip(secret.as_ref().map(|s| s.0.clone()))
    };
    Party {
        to: uri.uri.clone(),
        auth: pair(&uri.username, &uri.password).or_else(|| pair(&s.username, &s.password)),
        headers: uri.headers.clone(),
        digits: None,
        whisper: s.url.as_deref().map(|u| (u, s.method)),
        callback: s
            .status_callback
            .as_deref()
            .map(|u| (u, s.status_callback_method, &*s.status_callback_event)),
        secure: false,
    }
}

/// The number that its account answers for: the one that was called, or calls.
fn own_number(parent: &Call) -> &str {
    if parent.row.direction.is_to_own() { &parent.row.to } else { &parent.row.from }
}

/// A call that is passed on under its caller's number was forwarded by the number that was called.
fn forwarders(parent: &Call, caller: &str) -> Vec<String> {
    let passed_on = parent.row.direction.is_to_own() && caller == parent.row.from;
    let before = parent.row.forwarded_from.clone();
    if passed_on { std::iter::once(parent.row.to.clone()).chain(before).collect() } else { Vec::new() }
}

/// A telephone number may be shown the caller, the called number, a number of the account (13214), or nobody.
fn may_show(parent: &Call, caller: &str) -> bool {
    let own = parent.tables.trunks.number(caller).is_some_and(|n| n.account == parent.row.account);
    own || caller == parent.row.from || caller == parent.row.to || is_withheld(caller)
}

/// A SIP callee may be shown any name of such characters (twiml.md 3.2).
fn may_be_user(caller: &str) -> bool {
    let user = target::user_of(caller);
    !user.is_empty() && user.chars().all(|c| c.is_ascii_alphanumeric() || "+-_.".contains(c))
}

/// The children of one noun in the order in which they are tried; there is at least one.
pub fn spawns(cx: &mut Cx<'_>, parent: &Call, dial: &Dial, noun: &Noun) -> Result<VecDeque<Spawn>, NoRoute> {
    let caller = dial.caller_id.clone().unwrap_or_else(|| parent.row.from.clone());
    if matches!(noun, Noun::Number(_)) && !may_show(parent, &caller) {
        let words = format!("the caller ID {caller} is neither of this call nor a number of the account");
        return Err(NoRoute { code: 13214, words });
    }
    if let (Noun::Sip(_), Some(shown)) = (noun, dial.caller_id.as_deref().filter(|c| !may_be_user(c))) {
        let words = format!("the caller ID {shown} is more than letters, digits and + - _ .");
        return Err(NoRoute { code: 13214, words });
    }
    let parties = parties(cx, noun)?;
    parties.into_iter().map(|p| spawn(cx, parent, dial, &caller, p)).collect()
}

/// One child that rings at the first of these addresses that can be dialled at all, and goes on to the others while it reaches nobody;
/// None if there is no such address.
pub fn at_addresses(cx: &mut Cx<'_>, parent: &Call, dial: &Dial, addresses: &[String]) -> Option<Spawn> {
    let caller = parent.row.from.clone();
    let mut first: Option<Spawn> = None;
    for to in addresses {
        let party = Party {
            to: to.clone(),
            auth: None,
            headers: of_trunk(parent),
            digits: None,
            whisper: None,
            callback: None,
            secure: parent.trunking.as_ref().is_some_and(|t| t.trunk.secure),
        };
        match (spawn(cx, parent, dial, &caller, party), &mut first) {
            (Ok(mut spawn), None) => {
                if let Some(t) = &parent.trunking {
                    spawn.target.hasty = t.disaster_recovery().is_some();
                    spawn.pbx = Some(Box::new(Pbx::new(&t.trunk, &parent.row.to)));
                }
                first = Some(spawn);
            }
            (Ok(spawn), Some(first)) => first.target.alternatives.push(spawn.target.into_alternative()),
            (Err(e), _) => notify::write(cx, &parent.row, e.code, &e.words),
        }
    }
    first
}

/// How the PBX recognises a call that the REST API shows, in Twilio's words.
fn of_trunk(parent: &Call) -> Vec<(String, String)> {
    vec![
        ("X-Twilio-AccountSid".to_owned(), parent.row.account.to_string()),
        ("X-Twilio-CallSid".to_owned(), parent.row.sid.to_string()),
    ]
}

/// What a Dial says of a party that was not reached, by its last cause.
pub fn unreached(cause: &str) -> String {
    format!("the dialled party could not be reached: {cause}")
}

/// In a document a country that is not open is another code than in a request.
pub fn in_a_dial(no: NoRoute) -> NoRoute {
    NoRoute { code: if no.code == 21215 { SHUT_IN_A_DIAL } else { no.code }, ..no }
}

fn spawn(cx: &mut Cx<'_>, parent: &Call, dial: &Dial, caller: &str, p: Party<'_>) -> Result<Spawn, NoRoute> {
    let base = parent.program.base.as_deref();
    let wish = Wish {
        to: &p.to,
        from: caller,
        auth: p.auth.clone(),
        headers: p.headers,
        behind: Some(own_number(parent)),
        diverted_by: forwarders(parent, caller),
        secure: p.secure,
    };
    let account = parent.row.account;
    let left = cx.usage.left(cx.now.wall, cx.tables, account);
    let left = left.map_err(|(code, words)| NoRoute { code, words })?;
    let mut target = target::find(cx, account, &wish).map_err(in_a_dial)?;
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
        from: caller.to_owned(),
        direction: Direction::OutboundDial,
        callbacks: callbacks.into_iter().collect(),
        timeout_s: dial.timeout,
        time_limit_s: parent.row.time_limit_s.min(left.unwrap_or(u32::MAX)),
        send_digits: p.digits,
        sip_auth: p.auth,
        trunk: target.trunk,
        ..CallRow::empty(parent.row.account, cx.now.wall, &cx.settings.node, CallStatus::Queued)
    };
    let whisper = p.whisper.and_then(|(url, method)| hook(base, url, method));
    let refer_url = refer_url(dial, base);
    Ok(Spawn { row, target, whisper, parent: parent.row.sid, pbx: None, refer_url, far_end: false })
}
