//! (s) Calls/{CallSid}/Recordings: start, pause, resume, stop, list, fetch, delete.

use super::call_create::{CHANNELS, RECORDING_EVENTS, TRACKS, TRIMS, record_wish};
use super::calls;
use super::command::*;
use super::dates::period;
use super::operation::{Ctx, Outcome};
use super::page::{Envelope, wanted};
use super::params::{Kind, Param, param};
use super::recordings::{SOURCES, duration, remove, status_word};
use super::refusal::Refusal;
use super::schema::{Prop, Schema, Type, always, maybe};
use crate::sid::RecordingSid;
use crate::store::recordings::{self, RecordingFilter};
use crate::store::rows::RecordingRow;
use serde_json::{Value, json};

/// Instead of a SID: the recording that runs.
pub const CURRENT: &str = "Twilio.CURRENT";

/// Filters of the list.
pub const FILTERS: &[Param] = &[
    param("DateCreated", Kind::Time, "Only those made on this day, or in this second.").example("2026-01-02"),
    param("DateCreated<", Kind::Time, "Only those made then or before.").example("2099-01-02"),
    param("DateCreated>", Kind::Time, "Only those made then or after.").example("2020-01-02"),
];

/// Parameters of start.
pub const CREATE: &[Param] = &[
    param("RecordingChannels", Kind::OneOf(CHANNELS), "mono by default; dual: both parties apart.")
        .example("dual"),
    param("RecordingTrack", Kind::OneOf(TRACKS), "Whom to record; both by default."),
    param("Trim", Kind::OneOf(TRIMS), "Cut silence at both ends; do-not-trim by default."),
    param("RecordingStatusCallback", Kind::Url, "Where the recording's progress is told.").bad(21502),
    param("RecordingStatusCallbackMethod", Kind::Method, "How it is requested.").bad(21209),
    param(
        "RecordingStatusCallbackEvent",
        Kind::Words(RECORDING_EVENTS),
        "What is told; completed by default.",
    ),
    param("RecordingConfigurationId", Kind::Text(64), "Not offered yet."),
];

/// Parameters of update.
pub const UPDATE: &[Param] = &[
    param("Status", Kind::OneOf(&["paused", "in-progress", "stopped"]), "Pause, resume, or stop for good.")
        .required(20001)
        .example("stopped"),
    param(
        "PauseBehavior",
        Kind::OneOf(&["skip", "silence"]),
        "With paused: what the pause becomes; silence by default.",
    ),
];

/// States of a recording of a call.
pub const STATUSES: &[&str] = &["in-progress", "paused", "stopped", "processing", "completed", "absent"];

/// A recording of a call.
pub const RECORDING: Schema =
    Schema { name: "api.v2010.account.call.call_recording", element: "Recording", props: PROPS };

const PROPS: &[Prop] = &[
    always("account_sid", Type::Sid("AC")),
    always("api_version", Type::Text),
    always("call_sid", Type::Sid("CA")),
    maybe("conference_sid", Type::Sid("CF")),
    always("date_created", Type::Date),
    always("date_updated", Type::Date),
    always("start_time", Type::Date),
    maybe("duration", Type::Text),
    always("sid", Type::Sid("RE")),
    maybe("price", Type::Number),
    always("uri", Type::Text),
    maybe("encryption_details", Type::Any),
    always("price_unit", Type::Text),
    always("status", Type::OneOf(STATUSES)),
    always("channels", Type::Int),
    always("source", Type::OneOf(SOURCES)),
    maybe("error_code", Type::Int),
    always("track", Type::Text),
];

/// A recording of a call as a record.
pub fn show(row: &RecordingRow) -> Value {
    json!({
        "account_sid": row.account,
        "api_version": "2010-04-01",
        "call_sid": row.call,
        "conference_sid": null,
        "date_created": row.created.rfc2822(),
        "date_updated": row.updated.rfc2822(),
        "start_time": row.started.rfc2822(),
        "duration": duration(row),
        "sid": row.sid,
        "price": null,
        "uri": format!("/2010-04-01/Accounts/{}/Calls/{}/Recordings/{}.json", row.account, row.call, row.sid),
        "encryption_details": null,
        "price_unit": "USD",
        "status": status_word(&row.status),
        "channels": row.channels,
        "source": row.source,
        "error_code": row.error,
        "track": row.track,
    })
}

/// GET Calls/{CallSid}/Recordings.
pub async fn list(ctx: Ctx) -> Result<Outcome, Refusal> {
    let call = calls::find(&ctx, "CallSid").await?;
    let (scope, page, p) = (ctx.scope()?, wanted(&ctx.params)?, &ctx.params);
    let created = period(p.time("DateCreated"), p.time("DateCreated<"), p.time("DateCreated>"));
    let filter = RecordingFilter { call: Some(call.sid), created };
    let asked = page.clone();
    let listed = ctx.read(move |r| recordings::list(r, scope, &filter, &asked)).await?;
    let envelope = Envelope { key: "recordings", path: &ctx.path, filters: &ctx.filters, page: &page };
    Ok(Outcome::Page(envelope.body(&listed, show)))
}

fn answered(ctx: &Ctx, answer: Answer, over: &str) -> Result<Outcome, Refusal> {
    match answer {
        Answer::Recording(row) => Ok(Outcome::Record(show(&row))),
        Answer::NotLive => Err(Refusal::new(21220, over)),
        Answer::Refused { code: 20404, .. } => Err(ctx.not_found()),
        Answer::Refused { code, words } => Err(Refusal::new(code, words)),
        _ => Err(Refusal::unavailable()),
    }
}

const NOT_LIVE: &str = "Requested resource is not eligible for recording: the call is not in-progress.";

/// POST Calls/{CallSid}/Recordings: only while the call is in progress.
pub async fn create(ctx: Ctx) -> Result<Outcome, Refusal> {
    let call = calls::find(&ctx, "CallSid").await?;
    if call.status.is_final() {
        return Err(Refusal::new(21220, NOT_LIVE));
    }
    let start =
        RecordStart { sid: RecordingSid::new(&mut super::rng()), wish: record_wish(&ctx.params, false) };
    let answer = ctx.api.live.ask(Request::Record(call.sid, Box::new(start))).await;
    answered(&ctx, answer, NOT_LIVE)
}

/// The recording in the path if it belongs to the call in the path.
async fn find(ctx: &Ctx) -> Result<RecordingRow, Refusal> {
    let call = calls::find(ctx, "CallSid").await?;
    if ctx.var("Sid") == CURRENT {
        let scope = ctx.scope()?;
        let live = ctx.read(move |r| recordings::list(r, scope, &of(&call.sid), &recent())).await?.rows;
        return live.into_iter().find(running).ok_or_else(|| ctx.not_found());
    }
    let row = super::recordings::find(ctx).await?;
    if row.call == call.sid { Ok(row) } else { Err(ctx.not_found()) }
}

fn of(call: &crate::sid::CallSid) -> RecordingFilter {
    RecordingFilter { call: Some(*call), ..RecordingFilter::default() }
}

fn recent() -> crate::store::Page {
    crate::store::Page::first(crate::store::query::PAGE_MAX)
}

fn running(row: &RecordingRow) -> bool {
    matches!(row.status.as_str(), "in-progress" | "paused")
}

/// GET Calls/{CallSid}/Recordings/{Sid}.
pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
    Ok(Outcome::Record(show(&find(&ctx).await?)))
}

/// POST Calls/{CallSid}/Recordings/{Sid}.
pub async fn update(ctx: Ctx) -> Result<Outcome, Refusal> {
    let row = find(&ctx).await?;
    let silence = ctx.params.text("PauseBehavior") != Some("skip");
    let change = match ctx.params.text("Status") {
        Some("paused") => RecordingChange::Pause { silence },
        Some("in-progress") => RecordingChange::Resume,
        _ => RecordingChange::Stop,
    };
    if ctx.params.text("PauseBehavior").is_some() && !matches!(change, RecordingChange::Pause { .. }) {
        return Err(Refusal::new(20001, "PauseBehavior goes with Status=paused only."));
    }
    if !running(&row) {
        return Err(Refusal::new(21220, "The recording is not running."));
    }
    let request = Request::ChangeRecording(row.call, RecordingRef::Sid(row.sid), change);
    let answer = ctx.api.live.ask(request).await;
    answered(&ctx, answer, "The call is not in-progress: its recording has ended.")
}

/// DELETE Calls/{CallSid}/Recordings/{Sid}.
pub async fn delete(ctx: Ctx) -> Result<Outcome, Refusal> {
    let row = find(&ctx).await?;
    remove(&ctx, &row).await?;
    Ok(Outcome::Empty)
}
