//! (s) Calls/{CallSid}/Streams: start a one-way stream on a live call, stop it by SID or name.

use super::calls;
use super::command::*;
use super::hooks::given;
use super::operation::{Ctx, Outcome};
use super::params::{Kind, Param, param};
use super::refusal::Refusal;
use super::schema::{Prop, Schema, Type, always};
use crate::sid::StreamSid;
use crate::store::rows::StreamRow;
use crate::store::streams;
use serde_json::{Value, json};

/// Which audio.
pub const TRACKS: &[&str] = &["inbound_track", "outbound_track", "both_tracks"];

/// Parameters of start.
pub const CREATE: &[Param] = &[
    param("Url", Kind::StreamUrl, "Where the audio goes: wss.")
        .required(20001)
        .bad(31923)
        .example("wss://example.com/s"),
    param("Name", Kind::Text(128), "Name, unique in the call; the SID by default.").example("ear"),
    param("Track", Kind::OneOf(TRACKS), "Which audio; inbound_track by default.").bad(31941),
    param("StatusCallback", Kind::Url, "Where the stream's progress is told.").bad(21502),
    param("StatusCallbackMethod", Kind::Method, "How it is requested.").bad(21209),
    param(
        "Parameter",
        Kind::Pairs,
        "Parameter1.Name, Parameter1.Value to 99: passed on to the stream's server.",
    ),
];

/// Parameters of stop.
pub const UPDATE: &[Param] =
    &[param("Status", Kind::OneOf(&["stopped"]), "stopped.").required(20001).example("stopped")];

/// A stream.
pub const STREAM: Schema = Schema { name: "api.v2010.account.call.stream", element: "Stream", props: PROPS };

const PROPS: &[Prop] = &[
    always("sid", Type::Sid("MZ")),
    always("account_sid", Type::Sid("AC")),
    always("call_sid", Type::Sid("CA")),
    always("name", Type::Text),
    always("status", Type::OneOf(&["in-progress", "stopped"])),
    always("date_updated", Type::Date),
    always("uri", Type::Text),
];

/// A stream as a record.
pub fn show(row: &StreamRow) -> Value {
    json!({
        "sid": row.sid,
        "account_sid": row.account,
        "call_sid": row.call,
        "name": row.name,
        "status": row.status,
        "date_updated": row.updated.rfc2822(),
        "uri": format!("/2010-04-01/Accounts/{}/Calls/{}/Streams/{}.json", row.account, row.call, row.sid),
    })
}

fn answered(ctx: &Ctx, answer: Answer) -> Result<Outcome, Refusal> {
    match answer {
        Answer::Stream(row) => Ok(Outcome::Record(show(&row))),
        Answer::NotLive => Err(Refusal::new(21220, "Call is not in-progress. It cannot be streamed.")),
        Answer::Refused { code: 20404, .. } => Err(ctx.not_found()),
        Answer::Refused { code, words } => Err(Refusal::new(code, words)),
        _ => Err(Refusal::unavailable()),
    }
}

/// POST Calls/{CallSid}/Streams.
pub async fn create(ctx: Ctx) -> Result<Outcome, Refusal> {
    let call = calls::find(&ctx, "CallSid").await?;
    if call.status.is_final() {
        return answered(&ctx, Answer::NotLive);
    }
    let p = &ctx.params;
    let start = StreamStartRequest {
        sid: StreamSid::new(&mut super::rng()),
        url: p.owned("Url").unwrap_or_default(),
        name: p.owned("Name"),
        track: p.text("Track").unwrap_or("inbound_track").to_string(),
        status_callback: given(p, "StatusCallback", "StatusCallbackMethod"),
        parameters: p.pairs("Parameter").to_vec(),
    };
    let answer = ctx.api.live.ask(Request::StartStream(call.sid, Box::new(start))).await;
    answered(&ctx, answer)
}

/// POST Calls/{CallSid}/Streams/{Sid}: stops it; a stream that has stopped is shown as it is.
pub async fn stop(ctx: Ctx) -> Result<Outcome, Refusal> {
    let call = calls::find(&ctx, "CallSid").await?;
    let (scope, which) = (ctx.scope()?, ctx.var("Sid").to_string());
    let named = which.clone();
    let row = ctx.read(move |r| streams::find(r, scope, call.sid, &named)).await?;
    let row = row.ok_or_else(|| ctx.not_found())?;
    if row.status == "stopped" {
        return Ok(Outcome::Record(show(&row)));
    }
    let answer = ctx.api.live.ask(Request::StopStream(call.sid, which)).await;
    answered(&ctx, answer)
}
