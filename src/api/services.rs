//! (s) `/services`: an external switch reports its calls and their streams (rulings 2.11, 2.12). An unknown type is kept and changes
//! nothing. Reports come at least once: one that says what is known already changes nothing either.

use super::command::{Answer, Request};
use super::command_external::{CallReport, ExternalCall, Origin};
use super::operation::{Ctx, Outcome};
use super::params::{Kind, Param, param};
use super::refusal::Refusal;
use super::schema::{METHODS, Prop, Schema, Type, always, maybe};
use super::services_body::{Body, CALL_WORDS, STREAM_WORDS, StreamStep, known};
use super::{carrier_body::unprocessable, hooks};
use crate::clock::Wall;
use crate::sid::{CallSid, ReportSid, StreamSid, TrunkSid};
use crate::sip::telephone;
use crate::sip::wire::Uri;
use crate::store::query::Scope;
use crate::store::reports::ReportRow;
use crate::store::rows::{CallRow, StreamRow, TrunkMode};
use crate::store::tx::{Op, Tx};
use crate::store::{calls, streams, trunks};
use crate::webhooks::{data_url, events};
use serde_json::{Value, json};

const CALL_SID: Param = param("call_sid", Kind::Sid("CA"), "The call, by our name.");
const PHONE_CALL: Param =
    param("phone_call", Kind::Token(128), "The call, by the id that the switch gave it, or ours.")
        .example("switch-call-1");
const TYPE: Param = param("type", Kind::Token(64), "What happened; may stand in `event`.").required(20001);

/// Of a call that came in.
pub const INBOUND: &[Param] = &[
    param("to", Kind::Endpoint, "Who was called, as it was dialled.").required(20001).example("+15005550031"),
    param("from", Kind::Endpoint, "Who calls.").required(20001).example("+15005550099"),
    param("source_ip", Kind::Address, "Where the call came from.").example("192.0.2.1"),
    param(
        "external_id",
        Kind::Token(128),
        "Id of the call at the switch: a second report of it makes no second call.",
    ),
    param("gateway_id", Kind::Token(64), "The gateway that it came from: id or name. It counts first."),
    param("client_identifier", Kind::Token(128), "The user that registered. It counts before source_ip."),
    param("sip_from_host", Kind::Host, "Host of From; may stand in `variables`."),
];

/// Of a call's event.
pub const CALL_EVENT: &[Param] = &[
    TYPE.example("ringing"),
    CALL_SID,
    PHONE_CALL,
    param(
        "sip_term_status",
        Kind::Int(100, 699),
        "Last SIP status; may stand in `variables`, as all that follows.",
    ),
    param("hangup_cause_q850", Kind::Int(1, 127), "Q.850 cause."),
    param("hangup_cause", Kind::Text(128), "Why it ended."),
    param("hung_up_by", Kind::OneOf(&["caller", "callee"]), "Who ended it."),
    param(
        "answer_epoch",
        Kind::Int(0, 99_999_999_999),
        "When it was answered, in seconds since 1970; 0: never.",
    ),
    param("duration", Kind::Int(0, 10_000_000), "Seconds from the answer to the end."),
];

/// Of a stream's event.
pub const STREAM_EVENT: &[Param] = &[
    TYPE.example("connect"),
    param("media_stream_id", Kind::Token(128), "The stream, by the id that the switch gave it, or ours.")
        .example("switch-stream-1"),
    param("stream_sid", Kind::Sid("MZ"), "The stream, by our name."),
    CALL_SID,
    PHONE_CALL,
];

/// What the switch is told about a call.
pub const TAKEN: Schema =
    Schema { name: "services.inbound_phone_call", element: "InboundPhoneCall", props: PROPS };

const PROPS: &[Prop] = &[
    always("sid", Type::Sid("CA")),
    always("call_sid", Type::Sid("CA")),
    maybe("external_id", Type::Text),
    always("account_sid", Type::Sid("AC")),
    maybe("trunk_sid", Type::Sid("TK")),
    always("to", Type::Text),
    always("from", Type::Text),
    always("direction", Type::Text),
    always("call_direction", Type::Text),
    always("status", Type::Text),
    maybe("voice_url", Type::Url),
    always("voice_method", Type::OneOf(METHODS)),
    maybe("status_callback_url", Type::Url),
    always("status_callback_method", Type::OneOf(METHODS)),
    maybe("twiml", Type::Text),
    always("api_version", Type::Text),
];

/// What is answered to an event.
pub const REPORTED: Schema = Schema {
    name: "services.event",
    element: "Event",
    props: &[
        always("id", Type::Sid("EV")),
        always("type", Type::Text),
        always("known", Type::Bool),
        always("call_sid", Type::Sid("CA")),
        always("call_status", Type::Text),
        maybe("stream_sid", Type::Sid("MZ")),
    ],
};

fn show(row: &CallRow) -> Value {
    let hook = row.callbacks.first().map(|s| s.hook.clone());
    // A switch can request no data: URL.
    let given = row.voice.as_ref().and_then(|hook| data_url::read(&hook.url)?.ok());
    let given = given.map(|given| String::from_utf8_lossy(&given.body).into_owned());
    let method = |hook: &Option<_>| hooks::method(hook, &serde_json::Map::new(), "");
    json!({
        "sid": row.sid,
        "call_sid": row.sid,
        "external_id": row.external_id(),
        "account_sid": row.account,
        "trunk_sid": row.trunk,
        "to": row.to,
        "from": row.from,
        "direction": row.direction.as_str(),
        "call_direction": events::direction(row.direction),
        "status": row.status.as_str(),
        "voice_url": hooks::url(&row.voice.clone().filter(|_| given.is_none())),
        "voice_method": method(&row.voice),
        "status_callback_url": hooks::url(&hook),
        "status_callback_method": method(&hook),
        "twiml": given.or_else(|| row.twiml.clone()),
        "api_version": "2010-04-01",
    })
}

async fn by_external(ctx: &Ctx, id: String) -> Result<Option<CallRow>, Refusal> {
    ctx.read(move |r| calls::by_external(r, &id)).await
}

/// POST /services/inbound_phone_calls.
pub async fn inbound(ctx: Ctx) -> Result<Outcome, Refusal> {
    let body = Body::read(&ctx)?;
    let external = body.text("external_id");
    if let Some(id) = &external
        && let Some(row) = by_external(&ctx, id.clone()).await?
    {
        return Ok(Outcome::Record(show(&row)));
    }
    let source = body.text("source_ip").and_then(|ip| ip.parse().ok());
    let (to, _) = party(body.text("to").unwrap_or_default());
    let (from, host) = party(body.text("from").unwrap_or_default());
    let host = body.text("sip_from_host").or(host).or_else(|| body.text("source_ip"));
    let call = ExternalCall {
        external: external.clone(),
        to,
        from,
        host: host.unwrap_or_default(),
        origin: origin(&ctx, &body).await?,
        source,
    };
    match ctx.api.live.ask(Request::External(Box::new(call))).await {
        Answer::Call(row) => Ok(Outcome::Record(show(&row))),
        Answer::Duplicate => {
            let row = by_external(&ctx, external.unwrap_or_default()).await?;
            Ok(Outcome::Record(show(&row.ok_or_else(Refusal::unavailable)?)))
        }
        Answer::Refused { code, words } => Err(Refusal::new(code, words)),
        _ => Err(Refusal::unavailable()),
    }
}

/// Who stands in an address as a switch may write it: a number or a name, or the whole URI, whose user and host these are.
fn party(text: String) -> (String, Option<String>) {
    let scheme = text.split(':').next().unwrap_or_default().to_ascii_lowercase();
    match Uri::parse(&text) {
        Ok(uri) if ["sip", "sips", "tel"].contains(&scheme.as_str()) => {
            let host = Some(uri.host.to_string()).filter(|host| !host.is_empty());
            (telephone::user(&uri), host)
        }
        _ => (text, None),
    }
}

/// The document's order: the gateway, the user, the address.
async fn origin(ctx: &Ctx, body: &Body) -> Result<Origin, Refusal> {
    if let Some(id) = body.text("gateway_id") {
        let wanted = id.clone();
        let named = ctx.read(move |r| trunks::named(r, &wanted)).await?;
        let registers = named.iter().find(|t| t.authentication_mode == TrunkMode::OutboundRegistration);
        let sid = TrunkSid::parse(&id).or(registers.map(|t| t.sid));
        return sid
            .map(Origin::Gateway)
            .ok_or_else(|| Refusal::new(20404, format!("There is no gateway '{id}'.")));
    }
    if let Some(user) = body.text("client_identifier") {
        return Ok(Origin::Client(user));
    }
    let source = body.text("source_ip").and_then(|ip| ip.parse().ok());
    let words = "Give source_ip, gateway_id or client_identifier: over which trunk it came.";
    source.map(Origin::Source).ok_or_else(|| unprocessable(words).about("source_ip"))
}

/// The call that an event names; None: it names none.
async fn named(ctx: &Ctx, body: &Body) -> Result<Option<CallRow>, Refusal> {
    let (sid, id) = (body.text("call_sid"), body.text("phone_call"));
    let Some(name) = sid.or(id) else { return Ok(None) };
    let wanted = name.clone();
    let found = ctx.read(move |r| match CallSid::parse(&wanted) {
        Some(sid) => calls::get(r, Scope::Operator, sid),
        None => calls::by_external(r, &wanted),
    });
    let words = format!("There is no call '{name}'. POST /services/inbound_phone_calls makes it known.");
    found.await?.map(Some).ok_or_else(|| Refusal::new(20404, words))
}

fn report(ctx: &Ctx, body: &Body, of: &str, call: &CallRow) -> ReportRow {
    ReportRow {
        sid: ReportSid::new(&mut super::rng()),
        account: call.account,
        call: call.sid,
        of: of.to_owned(),
        kind: body.kind(),
        payload: body.payload.clone(),
        created: ctx.now,
    }
}

/// POST /services/phone_call_events.
pub async fn phone_call(ctx: Ctx) -> Result<Outcome, Refusal> {
    let body = Body::read(&ctx)?;
    let words = "Give call_sid or phone_call: which call it is about.";
    let call = named(&ctx, &body).await?.ok_or_else(|| unprocessable(words).about("call_sid"))?;
    let row = report(&ctx, &body, "phone_call", &call);
    let progress = known(CALL_WORDS, &row.kind).copied();
    let done = |sid: ReportSid, call: &CallRow| {
        Outcome::Record(json!({
            "id": sid, "type": body.kind(), "known": progress.is_some(), "call_sid": call.sid,
            "call_status": call.status.as_str(), "stream_sid": null,
        }))
    };
    let told = CallReport {
        progress,
        sip_code: body.int("sip_term_status").and_then(|n| u16::try_from(n).ok()),
        q850: body.int("hangup_cause_q850").and_then(|n| u8::try_from(n).ok()),
        words: body.text("hangup_cause"),
        answered: body.int("answer_epoch").filter(|s| *s > 0).map(|s| Wall(s.saturating_mul(1_000))),
        seconds: body.int("duration").and_then(|n| u64::try_from(n).ok()),
        by_caller: body.text("hung_up_by").map(|who| who == "caller"),
        row: row.clone(),
    };
    let answer = match call.external_is_live() {
        true => ctx.api.live.ask(Request::Reported(call.sid, Box::new(told))).await,
        false => Answer::NotLive,
    };
    match answer {
        Answer::Call(now) => Ok(done(row.sid, &now)),
        // Over, or a call of our own: kept, and nothing changes.
        Answer::NotLive => {
            let sid = row.sid;
            ctx.commit(Tx::one(Op::PutReport(Box::new(row)))).await?;
            Ok(done(sid, &call))
        }
        _ => Err(Refusal::unavailable()),
    }
}

/// POST /services/media_stream_events.
pub async fn media_stream(ctx: Ctx) -> Result<Outcome, Refusal> {
    let body = Body::read(&ctx)?;
    let name = body.text("stream_sid").or_else(|| body.text("media_stream_id"));
    let words = "Give media_stream_id or stream_sid: which stream it is about.";
    let name = name.ok_or_else(|| unprocessable(words).about("media_stream_id"))?;
    let call = named(&ctx, &body).await?;
    let stream = stream_of(&ctx, &name, call.as_ref()).await?;
    let call = match call {
        Some(call) => call,
        None => {
            let sid = stream.call;
            let found = ctx.read(move |r| calls::get(r, Scope::Operator, sid)).await?;
            found.ok_or_else(|| ctx.not_found())?
        }
    };
    let row = report(&ctx, &body, "media_stream", &call);
    let step = known(STREAM_WORDS, &row.kind).copied();
    let (id, sid) = (row.sid, stream.sid);
    let mut ops = vec![Op::PutReport(Box::new(row))];
    // A stream of a call that we carry is ours to tell.
    if let Some(step) = step.filter(|_| call.external.is_some() && stream.status != "stopped") {
        let status = if step == StreamStep::Over { "stopped" } else { "in-progress" };
        let stream = StreamRow { status: status.to_owned(), updated: ctx.now, ..stream };
        ops.push(Op::PutStream(Box::new(stream)));
    }
    ctx.commit(Tx { ops }).await?;
    Ok(Outcome::Record(json!({
        "id": id, "type": body.kind(), "known": step.is_some(), "call_sid": call.sid,
        "call_status": call.status.as_str(), "stream_sid": sid,
    })))
}

/// The stream of this name: ours, or one of an external call, which gets a SID of its own that every report finds again. Where two
/// calls have a stream of one name, it is that of the first unless its call is named.
async fn stream_of(ctx: &Ctx, name: &str, call: Option<&CallRow>) -> Result<StreamRow, Refusal> {
    let of = call.filter(|c| c.external.is_some());
    let mut sids = vec![StreamSid::parse(name).unwrap_or_else(|| derived(name))];
    if let (None, Some(call)) = (StreamSid::parse(name), of) {
        sids.push(derived(&format!("{}/{name}", call.sid)));
    }
    let (mut free, mut foreign) = (None, false);
    for sid in sids {
        match ctx.read(move |r| streams::get(r, Scope::Operator, sid)).await? {
            Some(row) if call.is_none_or(|call| call.sid == row.call) => return Ok(row),
            Some(_) => foreign = true,
            None => free = free.or(Some(sid)),
        }
    }
    let words = match foreign {
        true => format!("The stream '{name}' is not one of the call that was named."),
        false => {
            format!(
                "There is no stream '{name}'. Name its call too, by call_sid or phone_call, and it is made known."
            )
        }
    };
    let (Some(sid), Some(call)) = (free, of) else { return Err(Refusal::new(20404, words)) };
    Ok(StreamRow {
        sid,
        account: call.account,
        call: call.sid,
        name: name.to_owned(),
        status: "in-progress".to_owned(),
        callback: None,
        created: ctx.now,
        updated: ctx.now,
    })
}

fn derived(name: &str) -> StreamSid {
    let digest = ring::digest::digest(&ring::digest::SHA256, name.as_bytes());
    let octets = digest.as_ref().iter().take(16);
    StreamSid(octets.fold(0, |all, octet| (all << 8) | u128::from(*octet)))
}
