//! (s) Calls: list, fetch, delete, and how a call is shown.

use super::dates::period;
use super::operation::{Ctx, Outcome};
use super::page::{Envelope, wanted};
use super::params::{Kind, Param, param};
use super::refusal::Refusal;
use super::schema::{Prop, Schema, Type, always, maybe};
use crate::clock::Wall;
use crate::sid::CallSid;
use crate::store::calls::{self, CallFilter};
use crate::store::rows::{CallRow, CallStatus, Direction};
use crate::store::tx::{Op, Tx};
use serde_json::{Value, json};

/// The words of a status in the REST API; `initiated` exists only as an event.
pub const STATUSES: &[&str] =
    &["queued", "ringing", "in-progress", "completed", "busy", "failed", "no-answer", "canceled"];

/// Filters of the list.
pub const FILTERS: &[Param] = &[
    param("To", Kind::Endpoint, "Only calls to exactly this.").example("+15005550006"),
    param("From", Kind::Endpoint, "Only calls from exactly this.").example("+15005550001"),
    param("ParentCallSid", Kind::Sid("CA"), "Only the calls that this call's Dial made."),
    param("Status", Kind::OneOf(STATUSES), "Only calls in this state.").example("completed"),
    param("StartTime", Kind::Time, "Only calls begun on this day, or in this second.").example("2026-01-02"),
    param("StartTime<", Kind::Time, "Only calls begun then or before.").example("2099-01-02"),
    param("StartTime>", Kind::Time, "Only calls begun then or after.").example("2020-01-02T03:04:05Z"),
    param("EndTime", Kind::Time, "Only calls ended on this day, or in this second.").example("2026-01-02"),
    param("EndTime<", Kind::Time, "Only calls ended then or before.").example("2099-01-02"),
    param("EndTime>", Kind::Time, "Only calls ended then or after.").example("2020-01-02"),
];

/// A call.
pub const CALL: Schema = Schema { name: "api.v2010.account.call", element: "Call", props: PROPS };

const PROPS: &[Prop] = &[
    always("sid", Type::Sid("CA")),
    always("date_created", Type::Date),
    always("date_updated", Type::Date),
    maybe("parent_call_sid", Type::Sid("CA")),
    always("account_sid", Type::Sid("AC")),
    always("to", Type::Text),
    always("to_formatted", Type::Text),
    always("from", Type::Text),
    always("from_formatted", Type::Text),
    maybe("phone_number_sid", Type::Sid("PN")),
    always("status", Type::OneOf(STATUSES)),
    maybe("start_time", Type::Date),
    maybe("end_time", Type::Date),
    maybe("duration", Type::Text),
    maybe("price", Type::Text),
    always("price_unit", Type::Text),
    always("direction", Type::Text),
    maybe("answered_by", Type::Text),
    always("api_version", Type::Text),
    maybe("forwarded_from", Type::Text),
    maybe("group_sid", Type::Sid("GP")),
    maybe("caller_name", Type::Text),
    always("queue_time", Type::Text),
    maybe("trunk_sid", Type::Sid("TK")),
    always("uri", Type::Text),
    always("subresource_uris", Type::Map),
];

/// A number of the North American plan as its people write it; everything else as it is.
pub fn formatted(number: &str) -> String {
    let parts = number
        .strip_prefix("+1")
        .filter(|d| d.len() == 10 && d.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|d| d.split_at_checked(3))
        .and_then(|(area, rest)| rest.split_at_checked(3).map(|(a, b)| (area, a, b)));
    match parts {
        Some((area, a, b)) => format!("({area}) {a}-{b}"),
        None => number.to_string(),
    }
}

/// The word of a status as the REST API shows it.
pub fn status_word(status: CallStatus) -> &'static str {
    match status {
        CallStatus::Initiated => "queued",
        other => other.as_str(),
    }
}

/// Seconds since the answer as text: null while nobody rings, "0" until there is an answer.
fn duration(row: &CallRow) -> Value {
    match (row.answered, row.ended, row.status) {
        (Some(answered), Some(ended), _) => json!(ended.seconds_since(answered).to_string()),
        (_, _, CallStatus::Queued | CallStatus::Initiated) => Value::Null,
        _ => json!("0"),
    }
}

/// A call as a record.
pub fn show(row: &CallRow) -> Value {
    let uri = format!("/2010-04-01/Accounts/{}/Calls/{}", row.account, row.sid);
    let date = |w: Option<Wall>| json!(w.map(Wall::rfc2822));
    let below = |name: &str| json!(format!("{uri}/{name}.json"));
    json!({
        "sid": row.sid,
        "date_created": row.created.rfc2822(),
        "date_updated": row.updated.rfc2822(),
        "parent_call_sid": row.parent,
        "account_sid": row.account,
        "to": row.to,
        "to_formatted": formatted(&row.to),
        "from": row.from,
        "from_formatted": formatted(&row.from),
        "phone_number_sid": row.number,
        "status": status_word(row.status),
        "start_time": date(row.started),
        "end_time": date(row.ended),
        "duration": duration(row),
        "price": null,
        "price_unit": "USD",
        "direction": row.direction.as_str(),
        "answered_by": null,
        "api_version": "2010-04-01",
        "forwarded_from": row.forwarded_from,
        "group_sid": null,
        "caller_name": null,
        "queue_time": queue_time(row).to_string(),
        "trunk_sid": row.elastic_trunk,
        "uri": format!("{uri}.json"),
        "subresource_uris": {
            "notifications": below("Notifications"),
            "recordings": below("Recordings"),
            "streams": below("Streams"),
        },
    })
}

/// The status of a word.
pub fn status(word: &str) -> Option<CallStatus> {
    use CallStatus::*;
    [Queued, Ringing, InProgress, Completed, Busy, Failed, NoAnswer, Canceled]
        .into_iter()
        .find(|s| s.as_str() == word)
}

/// GET Calls.
pub async fn list(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (scope, page, p) = (ctx.scope()?, wanted(&ctx.params)?, &ctx.params);
    let filter = CallFilter {
        to: p.owned("To"),
        from: p.owned("From"),
        status: p.text("Status").and_then(status),
        parent: p.text("ParentCallSid").and_then(CallSid::parse),
        started: period(p.time("StartTime"), p.time("StartTime<"), p.time("StartTime>")),
        ended: period(p.time("EndTime"), p.time("EndTime<"), p.time("EndTime>")),
    };
    let asked = page.clone();
    let listed = ctx.read(move |r| calls::list(r, scope, &filter, &asked)).await?;
    let envelope = Envelope { key: "calls", path: &ctx.path, filters: &ctx.filters, page: &page };
    Ok(Outcome::Page(envelope.body(&listed, show)))
}

/// The call in the path, or 404.
pub async fn find(ctx: &Ctx, var: &str) -> Result<CallRow, Refusal> {
    let (scope, sid) = (ctx.scope()?, ctx.sid(var, CallSid::parse)?);
    ctx.read(move |r| calls::get(r, scope, sid)).await?.ok_or_else(|| ctx.not_found())
}

/// GET Calls/{Sid}.
pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
    Ok(Outcome::Record(show(&find(&ctx, "Sid").await?)))
}

/// DELETE Calls/{Sid}: only a call that is over.
pub async fn delete(ctx: Ctx) -> Result<Outcome, Refusal> {
    let row = find(&ctx, "Sid").await?;
    if !row.status.is_final() {
        return Err(Refusal::new(20009, "The call is not over. End it first with Status=completed."));
    }
    ctx.commit(Tx::one(Op::DeleteCall(row.sid))).await?;
    Ok(Outcome::Empty)
}

/// Milliseconds that a call of the REST API waited before it was dialled.
fn queue_time(row: &CallRow) -> i64 {
    let waited = row.started.map_or(0, |at| at.0.saturating_sub(row.created.0).max(0));
    if row.direction == Direction::OutboundApi { waited } else { 0 }
}
