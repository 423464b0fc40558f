//! (s) `/carrier/v1/calls`: every call of every account with what an operator asks about it: why it ended, who ended it, how long it
//! took to ring and to be answered, and how it sounded. A figure that nobody measured is null.

use super::calls::{STATUSES, status};
use super::carrier;
use super::operation::{Ctx, Outcome};
use super::page::wanted;
use super::params::{Kind, Param, param};
use super::refusal::Refusal;
use super::schema::{Prop, Schema, Type, always, maybe};
use crate::call::verdict::{self, PARTIES, REASONS};
use crate::clock::Wall;
use crate::media::event::Stats;
use crate::sid::{AccountSid, CallSid};
use crate::store::calls::{self, CallFilter};
use crate::store::query::Scope;
use crate::store::reports::{self, ReportRow};
use crate::store::rows::CallRow;
use crate::webhooks::params::call_seconds;
use serde_json::{Value, json};

/// Filters of the list.
pub const FILTERS: &[Param] = &[
    param("account_sid", Kind::Sid("AC"), "Only calls of this account."),
    param("status", Kind::OneOf(STATUSES), "Only calls in this status."),
    param("to", Kind::Endpoint, "Only calls to exactly this address."),
    param("from", Kind::Endpoint, "Only calls from exactly this address."),
];

/// A call.
pub const CALL: Schema = Schema { name: "carrier.v1.call", element: "Call", props: PROPS };

const PROPS: &[Prop] = &[
    always("account_sid", Type::Sid("AC")),
    maybe("parent_call_sid", Type::Sid("CA")),
    always("to", Type::Text),
    always("from", Type::Text),
    always("direction", Type::Text),
    always("status", Type::Text),
    maybe("trunk_sid", Type::Sid("TK")),
    maybe("phone_number_sid", Type::Sid("PN")),
    maybe("external_id", Type::Text),
    always("created_at", Type::Text),
    maybe("started_at", Type::Text),
    maybe("answered_at", Type::Text),
    maybe("ended_at", Type::Text),
    maybe("duration", Type::Int),
    maybe("sip_code", Type::Int),
    maybe("q850_cause", Type::Int),
    maybe("hangup_cause", Type::Text),
    maybe("hung_up_by", Type::OneOf(PARTIES)),
    maybe("hung_up_how", Type::OneOf(REASONS)),
    maybe("error_code", Type::Int),
    maybe("post_dial_delay_ms", Type::Int),
    maybe("answer_delay_ms", Type::Int),
    maybe("packets_received", Type::Int),
    maybe("packets_sent", Type::Int),
    maybe("packets_lost", Type::Int),
    maybe("packet_loss_percent", Type::Number),
    maybe("jitter_ms", Type::Number),
    maybe("remote_packets_lost", Type::Int),
    maybe("remote_jitter_ms", Type::Number),
    maybe("round_trip_ms", Type::Number),
    maybe("mos", Type::Number),
];

/// What was measured, by name.
fn figures(stats: Option<&Stats>) -> Vec<(&'static str, Value)> {
    let heard = stats.filter(|s| s.received > 0);
    // Of what the peer heard we know by its reports alone.
    let told = stats.filter(|s| s.rtt_us > 0 || s.remote_jitter_us > 0 || s.remote_lost > 0);
    let ms = |us: u64| us as f64 / 1_000.0;
    let percent = |s: &Stats| {
        let expected = s.received.saturating_add(s.lost);
        (s.lost as f64 / expected as f64 * 10_000.0).round() / 100.0
    };
    vec![
        ("packets_received", json!(stats.map(|s| s.received))),
        ("packets_sent", json!(stats.map(|s| s.sent))),
        ("packets_lost", json!(heard.map(|s| s.lost))),
        ("packet_loss_percent", json!(heard.map(percent))),
        ("jitter_ms", json!(heard.map(|s| ms(s.jitter_us)))),
        ("remote_packets_lost", json!(told.map(|s| s.remote_lost))),
        ("remote_jitter_ms", json!(told.map(|s| ms(s.remote_jitter_us)))),
        ("round_trip_ms", json!(told.filter(|s| s.rtt_us > 0).map(|s| ms(s.rtt_us)))),
        ("mos", json!(heard.filter(|s| s.mos_x100 > 0).map(|s| f64::from(s.mos_x100) / 100.0))),
    ]
}

fn show(row: &CallRow) -> Value {
    let date = |w: Option<Wall>| json!(w.map(Wall::iso8601));
    let cause = row.cause.as_ref().filter(|_| row.status.is_final());
    let (party, reason) = verdict::hung_up(row);
    let mut attributes = json!({
        "account_sid": row.account,
        "parent_call_sid": row.parent,
        "to": row.to,
        "from": row.from,
        "direction": row.direction.as_str(),
        "status": row.status.as_str(),
        "trunk_sid": row.trunk.map_or_else(|| json!(row.elastic_trunk), |sid| json!(sid)),
        "phone_number_sid": row.number,
        "external_id": row.external_id(),
        "created_at": row.created.iso8601(),
        "started_at": date(row.started),
        "answered_at": date(row.answered),
        "ended_at": date(row.ended),
        "duration": row.ended.map(|_| call_seconds(row)),
        "sip_code": cause.map(|c| c.code),
        "q850_cause": verdict::q850(row),
        "hangup_cause": cause.map(|c| &c.words),
        "hung_up_by": party,
        "hung_up_how": reason,
        "error_code": row.error,
        "post_dial_delay_ms": row.post_dial_delay_ms,
        "answer_delay_ms": row.answer_delay_ms,
    });
    if let Some(all) = attributes.as_object_mut() {
        all.extend(figures(row.stats.as_ref()).into_iter().map(|(name, value)| (name.to_owned(), value)));
    }
    carrier::resource(&CALL, row.sid, attributes)
}

/// GET /carrier/v1/calls.
pub async fn list(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (page, p) = (wanted(&ctx.params)?, &ctx.params);
    let account = p.text("account_sid").and_then(AccountSid::parse);
    let scope = account.map_or(Scope::Operator, Scope::Account);
    let filter = CallFilter {
        to: p.owned("to"),
        from: p.owned("from"),
        status: p.text("status").and_then(status),
        ..CallFilter::default()
    };
    let asked = page.clone();
    let listed = ctx.read(move |r| calls::list(r, scope, &filter, &asked)).await?;
    Ok(carrier::list(&ctx, &page, &listed, show))
}

/// What an external switch reported.
pub const EVENT: Schema = Schema {
    name: "carrier.v1.call.event",
    element: "Event",
    props: &[
        always("of", Type::OneOf(&["phone_call", "media_stream"])),
        always("type", Type::Text),
        always("payload", Type::Any),
        always("created_at", Type::Text),
    ],
};

/// GET /carrier/v1/calls/{Sid}/events.
pub async fn events(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (call, page) = (find(&ctx).await?.sid, wanted(&ctx.params)?);
    let asked = page.clone();
    let listed = ctx.read(move |r| reports::of_call(r, Scope::Operator, call, &asked)).await?;
    let shown = |row: &ReportRow| {
        let attributes = json!({
            "of": row.of, "type": row.kind, "payload": row.payload, "created_at": row.created.iso8601(),
        });
        carrier::resource(&EVENT, row.sid, attributes)
    };
    Ok(carrier::list(&ctx, &page, &listed, shown))
}

/// The call in the path, whosever it is.
pub async fn find(ctx: &Ctx) -> Result<CallRow, Refusal> {
    let sid = ctx.sid("Sid", CallSid::parse)?;
    ctx.read(move |r| calls::get(r, Scope::Operator, sid)).await?.ok_or_else(|| ctx.not_found())
}

/// GET /carrier/v1/calls/{Sid}.
pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
    Ok(carrier::document(show(&find(&ctx).await?)))
}
