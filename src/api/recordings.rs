//! (s) Recordings: list, fetch, delete, and their audio.

use super::dates::period;
use super::media::{self, Media};
use super::mp3;
use super::operation::{Ctx, Outcome};
use super::page::{Envelope, wanted};
use super::params::{Kind, Param, param};
use super::refusal::Refusal;
use super::schema::{Prop, Schema, Type, always, maybe};
use crate::sid::{CallSid, RecordingSid};
use crate::store::recordings::{self, RecordingFilter};
use crate::store::rows::RecordingRow;
use crate::store::tx::{Op, Tx};
use crate::webhooks::params::recording_seconds;
use serde_json::{Value, json};
use std::path::{Component, Path, PathBuf};

/// States as the REST API shows them.
pub const STATUSES: &[&str] =
    &["in-progress", "paused", "stopped", "processing", "completed", "absent", "deleted"];
/// What made a recording.
pub const SOURCES: &[&str] = &[
    "DialVerb",
    "Conference",
    "OutboundAPI",
    "Trunking",
    "RecordVerb",
    "StartCallRecordingAPI",
    "StartConferenceRecordingAPI",
];

/// Filters of the list.
pub const FILTERS: &[Param] = &[
    param("DateCreated", Kind::Time, "Only those made on this day, or in this second.").example("2026-01-02"),
    param("DateCreated<", Kind::Time, "Only those made then or before.").example("2099-01-02"),
    param("DateCreated>", Kind::Time, "Only those made then or after.").example("2020-01-02"),
    param("CallSid", Kind::Sid("CA"), "Only those of this call."),
    param("ConferenceSid", Kind::Sid("CF"), "Only those of this conference: none yet."),
    SOFT_DELETED,
];

const SOFT_DELETED: Param =
    param("IncludeSoftDeleted", Kind::Bool, "true is not offered yet: a deleted recording is gone.");

/// Parameters of fetch.
pub const FETCH: &[Param] = &[SOFT_DELETED];

/// Parameters of the audio.
pub const MEDIA: &[Param] =
    &[param("RequestedChannels", Kind::Int(1, 2), "1: the channels mixed; 2: both, if there are two.")
        .example("1")];

/// A recording.
pub const RECORDING: Schema =
    Schema { name: "api.v2010.account.recording", element: "Recording", props: PROPS };

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
    maybe("price", Type::Text),
    always("price_unit", Type::Text),
    always("status", Type::OneOf(STATUSES)),
    always("channels", Type::Int),
    always("source", Type::OneOf(SOURCES)),
    maybe("error_code", Type::Int),
    always("uri", Type::Text),
    maybe("encryption_details", Type::Any),
    always("subresource_uris", Type::Map),
    always("media_url", Type::Url),
];

/// A failed recording is shown as absent with its error code: Twilio knows no other word.
pub fn status_word(status: &str) -> &str {
    if status == "failed" { "absent" } else { status }
}

/// Whole seconds as text, as the callbacks tell them; null until known.
pub fn duration(row: &RecordingRow) -> Value {
    json!(row.ms.map(|ms| recording_seconds(ms).to_string()))
}

/// A recording as a record.
pub fn show(public_url: &str, row: &RecordingRow) -> Value {
    let uri = format!("/2010-04-01/Accounts/{}/Recordings/{}", row.account, row.sid);
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
        "price_unit": "USD",
        "status": status_word(&row.status),
        "channels": row.channels,
        "source": row.source,
        "error_code": row.error,
        "uri": format!("{uri}.json"),
        "encryption_details": null,
        "subresource_uris": {},
        "media_url": format!("{public_url}{uri}"),
    })
}

/// GET Recordings.
pub async fn list(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (scope, page, p) = (ctx.scope()?, wanted(&ctx.params)?, &ctx.params);
    let filter = RecordingFilter {
        call: p.text("CallSid").and_then(CallSid::parse),
        created: period(p.time("DateCreated"), p.time("DateCreated<"), p.time("DateCreated>")),
    };
    let of_conference = p.text("ConferenceSid").is_some();
    let asked = page.clone();
    let mut listed = ctx.read(move |r| recordings::list(r, scope, &filter, &asked)).await?;
    if of_conference {
        // No recording here belongs to a conference.
        listed.rows.clear();
        (listed.next, listed.previous) = (None, None);
    }
    let envelope = Envelope { key: "recordings", path: &ctx.path, filters: &ctx.filters, page: &page };
    Ok(Outcome::Page(envelope.body(&listed, |row| show(&ctx.api.config.public_url, row))))
}

/// The recording in the path, or 404.
pub async fn find(ctx: &Ctx) -> Result<RecordingRow, Refusal> {
    let (scope, sid) = (ctx.scope()?, ctx.sid("Sid", RecordingSid::parse)?);
    ctx.read(move |r| recordings::get(r, scope, sid)).await?.ok_or_else(|| ctx.not_found())
}

/// GET Recordings/{Sid}.json.
pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
    let row = find(&ctx).await?;
    Ok(Outcome::Record(show(&ctx.api.config.public_url, &row)))
}

fn under_way(row: &RecordingRow) -> bool {
    matches!(row.status.as_str(), "in-progress" | "paused" | "processing")
}

/// DELETE Recordings/{Sid}: row and file; not while it is being made.
pub async fn delete(ctx: Ctx) -> Result<Outcome, Refusal> {
    let row = find(&ctx).await?;
    remove(&ctx, &row).await?;
    Ok(Outcome::Empty)
}

/// Deletes a recording that is finished.
pub async fn remove(ctx: &Ctx, row: &RecordingRow) -> Result<(), Refusal> {
    if under_way(row) {
        return Err(Refusal::new(20009, "The recording is being made. Stop it first with Status=stopped."));
    }
    ctx.commit(Tx::one(Op::DeleteRecording(row.sid))).await?;
    if let Some(path) = path(&ctx.api.config.recordings_dir, &row.file)
        && let Err(e) = tokio::fs::remove_file(&path).await
        && e.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(recording = %row.sid, error = %e, "the file of a deleted recording stays behind");
    }
    Ok(())
}

/// The file of a recording: a plain name below the directory and nothing else.
fn path(dir: &Path, file: &str) -> Option<PathBuf> {
    let inside = !file.is_empty() && Path::new(file).components().all(|c| matches!(c, Component::Normal(_)));
    inside.then(|| dir.join(file))
}

/// GET Recordings/{Sid}, .wav, .mp3: the audio; 404 while there is none.
pub async fn audio(ctx: Ctx) -> Result<Outcome, Refusal> {
    let row = find(&ctx).await?;
    let range = ctx.range.as_deref();
    let path = path(&ctx.api.config.recordings_dir, &row.file).filter(|_| !under_way(&row));
    let path = path.ok_or_else(|| ctx.not_found())?;
    if ctx.params.int("RequestedChannels") == Some(2) && row.channels < 2 {
        return Err(Refusal::plain(16113));
    }
    let (file, size, layout) = media::open(&path).await?.ok_or_else(|| ctx.not_found())?;
    let mix = ctx.params.int("RequestedChannels") == Some(1) && layout.channels == 2;
    if ctx.suffix.as_deref() == Some("mp3") {
        let bytes = mp3::of(&ctx.api, &path, mix).await?;
        return Media::held("audio/mpeg", bytes, range).map(|m| Outcome::Media(Box::new(m)));
    }
    let media = match mix {
        true => Media::mixed(file, layout, range).await?,
        false => Media::whole(file, size, range).await?,
    };
    Ok(Outcome::Media(Box::new(media)))
}
