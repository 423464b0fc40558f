//! (s) POST Calls: from checked parameters to a dial request, once for each Idempotency-Key.

use super::auth;
use super::calls::show;
use super::command::*;
use super::hooks::given;
use super::operation::{Ctx, Outcome};
use super::params::{Kind, Param, Params, param};
use super::parse;
use super::refusal::Refusal;
use crate::sid::{AccountSid, ApplicationSid, CallSid};
use crate::store::query::Scope;
use crate::store::rows::{ApplicationRow, CallRow, Hook, NumberRow, RecordWish, Subscription};
use crate::store::{accounts, applications, calls, numbers};

/// Events of a call's progress.
pub const CALL_EVENTS: &[&str] = &["initiated", "ringing", "answered", "completed"];
/// Events of a recording.
pub const RECORDING_EVENTS: &[&str] = &["in-progress", "completed", "absent"];
/// Who is recorded.
pub const TRACKS: &[&str] = &["inbound", "outbound", "both"];
/// One channel or two.
pub const CHANNELS: &[&str] = &["mono", "dual"];
/// Silence at both ends.
pub const TRIMS: &[&str] = &["trim-silence", "do-not-trim"];

/// The callee.
const TO: Param =
    param("To", Kind::Callee, "Whom to call.").required(21201).bad(13223).example("+15005550006");

/// Parameters, the required ones in the order in which Twilio misses them.
pub const CREATE: &[Param] = &[
    TO,
    param("From", Kind::Caller, "Who calls: a number of the account; for a SIP callee also a user part.")
        .required(21213)
        .bad(21212)
        .example("+15005550001"),
    param("Url", Kind::TwimlUrl, "Where the TwiML is, once the callee has answered.")
        .bad(21205)
        .example("https://example.com/voice"),
    param("Twiml", Kind::Twiml, "The TwiML itself; Url wins if both are given.").bad(32018),
    param(
        "ApplicationSid",
        Kind::Sid("AP"),
        "Application whose URLs are used instead of Url and its friends.",
    )
    .bad(21218),
    param("Method", Kind::Method, "How Url is requested; POST by default.").bad(21209).example("POST"),
    param("FallbackUrl", Kind::TwimlUrl, "Where the TwiML is if Url fails.").bad(21205),
    param("FallbackMethod", Kind::Method, "How FallbackUrl is requested.").bad(21209),
    param("StatusCallback", Kind::Url, "Where the call's progress is told.").bad(21205),
    param("StatusCallbackEvent", Kind::Words(CALL_EVENTS), "What is told; completed by default."),
    param("StatusCallbackMethod", Kind::Method, "How StatusCallback is requested.").bad(21209),
    param("SendDigits", Kind::Digits, "Keys pressed after the answer; w waits half a second, W one.")
        .bad(21206),
    param("Timeout", Kind::Int(1, TIMEOUT_MAX_S as i64), "Seconds it may ring; 60 by default.").bad(21208),
    param("TimeLimit", Kind::Int(1, TIME_LIMIT_MAX_S as i64), "Seconds it may last; 14400 by default."),
    param("Record", Kind::Bool, "Record the whole call."),
    param("RecordingChannels", Kind::OneOf(CHANNELS), "mono by default; dual: callee and caller apart."),
    param("RecordingTrack", Kind::OneOf(TRACKS), "Whom to record; both by default."),
    param("Trim", Kind::OneOf(TRIMS), "Cut silence at both ends; trim-silence by default."),
    param("RecordingStatusCallback", Kind::Url, "Where the recording's progress is told.").bad(21205),
    param("RecordingStatusCallbackMethod", Kind::Method, "How it is requested.").bad(21209),
    param(
        "RecordingStatusCallbackEvent",
        Kind::Words(RECORDING_EVENTS),
        "What is told; completed by default.",
    ),
    param("SipAuthUsername", Kind::Token(128), "User for a SIP peer that asks for credentials.").bad(21222),
    param("SipAuthPassword", Kind::Token(128), "Password for it.").bad(21224),
    param("CallerId", Kind::Caller, "What the callee sees instead of From.").bad(21212),
    param("MachineDetection", Kind::OneOf(&["Enable", "DetectMessageEnd"]), "Not offered yet.").bad(21234),
    param("MachineDetectionTimeout", Kind::Int(3, 59), "Not offered yet."),
    param("MachineDetectionSpeechThreshold", Kind::Int(1_000, 6_000), "Not offered yet."),
    param("MachineDetectionSpeechEndThreshold", Kind::Int(500, 5_000), "Not offered yet."),
    param("MachineDetectionSilenceTimeout", Kind::Int(2_000, 10_000), "Not offered yet."),
    param("AsyncAmd", Kind::Bool, "Not offered yet."),
    param("AsyncAmdStatusCallback", Kind::Url, "Not offered yet.").bad(21205),
    param("AsyncAmdStatusCallbackMethod", Kind::Method, "Not offered yet.").bad(21209),
    param("Byoc", Kind::Sid("BY"), "Not offered yet.").bad(21300),
    param("CallReason", Kind::Text(50), "Not offered yet."),
    param("CallToken", Kind::Text(4_000), "Not offered yet."),
    param("ClientNotificationUrl", Kind::Url, "Not offered yet.").bad(21205),
    param("Passports", Kind::Text(8_000), "Not offered yet."),
    param("RecordingConfigurationId", Kind::Text(64), "Not offered yet."),
];

/// Longest `TimeLimit`, seconds.
pub const TIME_LIMIT_MAX_S: u32 = 24 * 3_600;

/// What the account owns that the request names.
struct Owned {
    application: Option<ApplicationRow>,
    number: Option<NumberRow>,
    caller_id: bool,
}

/// POST Calls.
pub async fn create(ctx: Ctx) -> Result<Outcome, Refusal> {
    if let Some((key, hash)) = ctx.idempotency.clone()
        && let Some(row) = made_before(&ctx, key, &hash).await?
    {
        return Ok(Outcome::Record(show(&row)));
    }
    let owned = owned(&ctx).await?;
    let request = request(&ctx, owned)?;
    match ctx.api.live.ask(Request::Dial(Box::new(request))).await {
        Answer::Call(row) => Ok(Outcome::Record(show(&row))),
        Answer::Refused { code, words } => Err(Refusal::new(code, words)),
        Answer::Duplicate => {
            let (key, hash) = ctx.idempotency.clone().unwrap_or_default();
            let row = made_before(&ctx, key, &hash).await?.ok_or_else(Refusal::unavailable)?;
            Ok(Outcome::Record(show(&row)))
        }
        _ => Err(Refusal::unavailable()),
    }
}

/// The call that this key has made; another body under the same key is 409.
async fn made_before(ctx: &Ctx, key: String, hash: &str) -> Result<Option<CallRow>, Refusal> {
    let scope = ctx.scope()?;
    let row = ctx.read(move |r| calls::by_idempotency(r, scope, &key)).await?;
    let Some(row) = row else { return Ok(None) };
    match row.idempotency.as_ref().is_some_and(|(_, h)| h == hash) {
        true => Ok(Some(row)),
        false => Err(Refusal::new(20409, "This Idempotency-Key was used for another request.")),
    }
}

async fn owned(ctx: &Ctx) -> Result<Owned, Refusal> {
    let scope = ctx.scope()?;
    let application = ctx.params.text("ApplicationSid").and_then(ApplicationSid::parse);
    let from = ctx.params.owned("From").unwrap_or_default();
    let shown = ctx.params.owned("CallerId");
    ctx.read(move |r| {
        let application = application.map(|sid| applications::get(r, scope, sid)).transpose()?.flatten();
        let number = numbers::by_number(r, scope, &from)?;
        let caller_id = match &shown {
            Some(shown) => numbers::by_number(r, scope, shown)?.is_some(),
            None => true,
        };
        Ok(Owned { application, number, caller_id })
    })
    .await
}

/// The hooks of the document, its fallback and its callback: those of the application, or those given.
struct Hooks {
    document: Document,
    fallback: Option<Hook>,
    callback: Option<Hook>,
}

fn hooks(p: &Params, application: Option<&ApplicationRow>) -> Result<Hooks, Refusal> {
    if p.text("ApplicationSid").is_some() {
        let a = application.ok_or_else(|| Refusal::plain(21218))?;
        let voice = a.voice.clone().ok_or_else(|| Refusal::new(21218, "The application has no VoiceUrl."))?;
        return Ok(Hooks {
            document: Document::Fetch(voice),
            fallback: a.fallback.clone(),
            callback: a.status_callback.clone(),
        });
    }
    let document = match (given(p, "Url", "Method"), p.owned("Twiml")) {
        (Some(hook), _) => Document::Fetch(hook),
        (None, Some(twiml)) => Document::Inline(twiml),
        (None, None) => {
            return Err(Refusal::new(
                21205,
                "Url parameter is required. Twiml or ApplicationSid do as well.",
            ));
        }
    };
    let fallback = given(p, "FallbackUrl", "FallbackMethod");
    Ok(Hooks { document, fallback, callback: given(p, "StatusCallback", "StatusCallbackMethod") })
}

fn subscription(hook: Hook, events: &[&str]) -> Subscription {
    let wants = |event: &str| events.contains(&event);
    Subscription {
        hook,
        initiated: wants("initiated"),
        ringing: wants("ringing"),
        answered: wants("answered"),
        completed: wants("completed") || events.is_empty(),
    }
}

/// What a recording shall be; `trim` is the default that differs between Calls and Calls/{Sid}/Recordings.
pub fn record_wish(p: &Params, trim: bool) -> RecordWish {
    let events = p.words("RecordingStatusCallbackEvent");
    RecordWish {
        channels: if p.text("RecordingChannels") == Some("dual") { 2 } else { 1 },
        track: p.text("RecordingTrack").unwrap_or("both").to_string(),
        trim: p.text("Trim").map_or(trim, |t| t == "trim-silence"),
        callback: given(p, "RecordingStatusCallback", "RecordingStatusCallbackMethod"),
        events: if events.is_empty() { "completed".to_string() } else { events.join(" ") },
    }
}

fn sip_auth(p: &Params) -> Result<Option<(String, String)>, Refusal> {
    match (p.owned("SipAuthUsername"), p.owned("SipAuthPassword")) {
        (Some(user), Some(password)) => Ok(Some((user, password))),
        (Some(_), None) => Err(Refusal::plain(21225)),
        _ => Ok(None),
    }
}

/// To a phone number, who calls must be a number of the account.
fn check_from(to: &str, from: &str, number: Option<&NumberRow>) -> Result<(), Refusal> {
    if to.starts_with("sip:") {
        return Ok(());
    }
    if parse::phone(from).is_none() {
        return Err(Refusal::new(21212, "From must be a phone number in E.164 if To is one."));
    }
    if number.is_none() {
        let words = format!("The source phone number provided, {from}, is not a number of this account.");
        return Err(Refusal::new(21210, words));
    }
    Ok(())
}

/// A To as POST Calls reads it, for whoever asks beforehand.
///
/// # Errors
/// 13223: it takes no such To.
pub fn callee(text: &str) -> Result<String, Refusal> {
    parse::text(&TO, text)
}

/// What an account's POST Calls to `to` would be refused with before the live calls are asked, for whoever asks why not. The others of
/// its parameters are not known.
///
/// # Errors
/// 503: the database does not answer.
pub async fn at_the_door(
    ctx: &Ctx,
    account: AccountSid,
    to: &str,
    from: Option<String>,
) -> Result<Option<Refusal>, Refusal> {
    let calls = from.clone();
    let (found, number) = ctx
        .read(move |r| {
            let number = match &calls {
                Some(from) => numbers::by_number(r, Scope::Account(account), from)?,
                None => None,
            };
            Ok((accounts::with_owner(r, Scope::Operator, account)?, number))
        })
        .await?;
    let Some((row, owner)) = found else {
        return Ok(Some(Refusal::new(20404, format!("There is no account {account}."))));
    };
    let asleep = auth::alive(row.standing(owner.as_ref())).err();
    Ok(asleep.or_else(|| check_from(to, &from?, number.as_ref()).err()))
}

fn check_caller(to: &str, from: &str, owned: &Owned) -> Result<(), Refusal> {
    check_from(to, from, owned.number.as_ref())?;
    if to.starts_with("sip:") {
        return Ok(());
    }
    match owned.caller_id {
        true => Ok(()),
        false => Err(Refusal::new(21210, "CallerId is not a number of this account.")),
    }
}

fn request(ctx: &Ctx, owned: Owned) -> Result<DialRequest, Refusal> {
    let p = &ctx.params;
    let (to, from) = (p.owned("To").unwrap_or_default(), p.owned("From").unwrap_or_default());
    let hooks = hooks(p, owned.application.as_ref())?;
    let sip_auth = sip_auth(p)?;
    check_caller(&to, &from, &owned)?;
    let seconds =
        |name: &str, default: u32| p.int(name).and_then(|n| u32::try_from(n).ok()).unwrap_or(default);
    let events = match owned.application {
        Some(_) => &[],
        None => p.words("StatusCallbackEvent"),
    };
    Ok(DialRequest {
        sid: CallSid::new(&mut super::rng()),
        account: ctx.account()?.sid,
        number: owned.number.map(|n| n.sid),
        caller_id: p.owned("CallerId"),
        application: owned.application.map(|a| a.sid),
        document: hooks.document,
        twiml_left_out: ["Url", "Twiml"].iter().all(|n| p.text(n).is_some())
            && p.text("ApplicationSid").is_none(),
        fallback: hooks.fallback,
        status_callback: hooks.callback.map(|h| subscription(h, events)),
        timeout_s: seconds("Timeout", TIMEOUT_DEFAULT_S),
        time_limit_s: seconds("TimeLimit", TIME_LIMIT_DEFAULT_S),
        send_digits: p.owned("SendDigits"),
        record: p.flag("Record", false).then(|| record_wish(p, true)),
        sip_auth,
        idempotency: ctx.idempotency.clone(),
        at: ctx.now,
        to,
        from,
    })
}
