//! (s) Applications: URLs under one SID, for numbers and calls.

use super::hooks::{self, Kept, Slot};
use super::operation::{Ctx, Outcome};
use super::page::{Envelope, wanted};
use super::params::{Kind, Param, Params, param};
use super::refusal::Refusal;
use super::schema::{METHODS, Prop, Schema, Type, always, maybe};
use crate::sid::ApplicationSid;
use crate::store::applications;
use crate::store::rows::ApplicationRow;
use crate::store::tx::{Op, Tx};
use serde_json::{Map, Value, json};

/// Filter of the list.
pub const FILTERS: &[Param] =
    &[param("FriendlyName", Kind::Text(64), "Only those with exactly this name.").example("Front desk")];

/// Parameters of create and update.
pub const FIELDS: &[Param] = &[
    param("FriendlyName", Kind::Text(64), "Name.").bad(20002).example("Front desk"),
    param("VoiceUrl", Kind::TwimlUrl, "Where the TwiML is.").bad(21402).example("https://example.com/voice"),
    param("VoiceMethod", Kind::Method, "How VoiceUrl is requested; POST by default.").bad(21403),
    param("VoiceFallbackUrl", Kind::TwimlUrl, "Where the TwiML is if VoiceUrl fails.").bad(21402),
    param("VoiceFallbackMethod", Kind::Method, "How it is requested.").bad(21403),
    param("StatusCallback", Kind::Url, "Where the end of a call is told.").bad(21402),
    param("StatusCallbackMethod", Kind::Method, "How it is requested.").bad(21403),
    param("SmsUrl", Kind::Url, "Kept and shown.").bad(21402),
    param("SmsMethod", Kind::Method, "Kept and shown.").bad(21403),
    param("SmsFallbackUrl", Kind::Url, "Kept and shown.").bad(21402),
    param("SmsFallbackMethod", Kind::Method, "Kept and shown.").bad(21403),
    param("SmsStatusCallback", Kind::Url, "Kept and shown.").bad(21402),
    param("MessageStatusCallback", Kind::Url, "Kept and shown.").bad(21402),
    param("PublicApplicationConnectEnabled", Kind::Bool, "Kept and shown."),
    param("VoiceCallerIdLookup", Kind::Bool, "true is not offered yet.").bad(21409),
    param(
        "ApiVersion",
        Kind::OneOf(&["2010-04-01", "2008-08-01"]),
        "2010-04-01; the older one is not offered yet.",
    ),
];

const KEPT: Kept = &[
    ("SmsUrl", "sms_url"),
    ("SmsMethod", "sms_method"),
    ("SmsFallbackUrl", "sms_fallback_url"),
    ("SmsFallbackMethod", "sms_fallback_method"),
    ("SmsStatusCallback", "sms_status_callback"),
    ("MessageStatusCallback", "message_status_callback"),
    ("PublicApplicationConnectEnabled", "public_application_connect_enabled"),
];

/// An application.
pub const APPLICATION: Schema =
    Schema { name: "api.v2010.account.application", element: "Application", props: PROPS };

const PROPS: &[Prop] = &[
    always("account_sid", Type::Sid("AC")),
    always("api_version", Type::Text),
    always("date_created", Type::Date),
    always("date_updated", Type::Date),
    always("friendly_name", Type::Text),
    maybe("message_status_callback", Type::Url),
    always("sid", Type::Sid("AP")),
    always("sms_fallback_method", Type::OneOf(METHODS)),
    maybe("sms_fallback_url", Type::Url),
    always("sms_method", Type::OneOf(METHODS)),
    maybe("sms_status_callback", Type::Url),
    maybe("sms_url", Type::Url),
    maybe("status_callback", Type::Url),
    always("status_callback_method", Type::OneOf(METHODS)),
    always("uri", Type::Text),
    always("voice_caller_id_lookup", Type::Bool),
    always("voice_fallback_method", Type::OneOf(METHODS)),
    maybe("voice_fallback_url", Type::Url),
    always("voice_method", Type::OneOf(METHODS)),
    maybe("voice_url", Type::Url),
    always("public_application_connect_enabled", Type::Bool),
];

/// An application as a record.
pub fn show(row: &ApplicationRow) -> Value {
    let kept = |name: &str, default: Value| row.other.get(name).cloned().unwrap_or(default);
    json!({
        "account_sid": row.account,
        "api_version": "2010-04-01",
        "date_created": row.created.rfc2822(),
        "date_updated": row.updated.rfc2822(),
        "friendly_name": row.friendly_name,
        "message_status_callback": kept("message_status_callback", Value::Null),
        "sid": row.sid,
        "sms_fallback_method": kept("sms_fallback_method", json!("POST")),
        "sms_fallback_url": kept("sms_fallback_url", Value::Null),
        "sms_method": kept("sms_method", json!("POST")),
        "sms_status_callback": kept("sms_status_callback", Value::Null),
        "sms_url": kept("sms_url", Value::Null),
        "status_callback": hooks::url(&row.status_callback),
        "status_callback_method": hooks::method(&row.status_callback, &row.other, "status_callback_method"),
        "uri": format!("/2010-04-01/Accounts/{}/Applications/{}.json", row.account, row.sid),
        "voice_caller_id_lookup": false,
        "voice_fallback_method": hooks::method(&row.fallback, &row.other, "voice_fallback_method"),
        "voice_fallback_url": hooks::url(&row.fallback),
        "voice_method": hooks::method(&row.voice, &row.other, "voice_method"),
        "voice_url": hooks::url(&row.voice),
        "public_application_connect_enabled": kept("public_application_connect_enabled", json!(false)),
    })
}

/// GET Applications.
pub async fn list(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (scope, page) = (ctx.scope()?, wanted(&ctx.params)?);
    let (name, asked) = (ctx.params.owned("FriendlyName"), page.clone());
    let listed = ctx.read(move |r| applications::list(r, scope, name.as_deref(), &asked)).await?;
    let envelope = Envelope { key: "applications", path: &ctx.path, filters: &ctx.filters, page: &page };
    Ok(Outcome::Page(envelope.body(&listed, show)))
}

async fn find(ctx: &Ctx) -> Result<ApplicationRow, Refusal> {
    let (scope, sid) = (ctx.scope()?, ctx.sid("Sid", ApplicationSid::parse)?);
    ctx.read(move |r| applications::get(r, scope, sid)).await?.ok_or_else(|| ctx.not_found())
}

/// GET Applications/{Sid}.
pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
    Ok(Outcome::Record(show(&find(&ctx).await?)))
}

fn apply(row: &mut ApplicationRow, p: &Params) -> Result<(), Refusal> {
    let ApplicationRow { voice, fallback, status_callback, other, .. } = row;
    Slot { hook: voice, url: "VoiceUrl", method: "VoiceMethod", property: "voice_method" }.apply(p, other);
    let property = "voice_fallback_method";
    Slot { hook: fallback, url: "VoiceFallbackUrl", method: "VoiceFallbackMethod", property }.apply(p, other);
    let property = "status_callback_method";
    Slot { hook: status_callback, url: "StatusCallback", method: "StatusCallbackMethod", property }
        .apply(p, other);
    hooks::keep(KEPT, p, other);
    if let Some(name) = p.field("FriendlyName") {
        row.friendly_name = name.to_string();
    }
    match p.text("VoiceFallbackUrl").is_some() && row.voice.is_none() {
        true => Err(Refusal::plain(21405)),
        false => Ok(()),
    }
}

/// POST Applications.
pub async fn create(ctx: Ctx) -> Result<Outcome, Refusal> {
    let mut row = ApplicationRow {
        sid: ApplicationSid::new(&mut super::rng()),
        account: ctx.account()?.sid,
        friendly_name: String::new(),
        voice: None,
        fallback: None,
        status_callback: None,
        other: Map::new(),
        created: ctx.now,
        updated: ctx.now,
    };
    apply(&mut row, &ctx.params)?;
    ctx.commit_tables(Tx::one(Op::PutApplication(Box::new(row.clone())))).await?;
    Ok(Outcome::Record(show(&row)))
}

/// POST Applications/{Sid}.
pub async fn update(ctx: Ctx) -> Result<Outcome, Refusal> {
    let mut row = find(&ctx).await?;
    apply(&mut row, &ctx.params)?;
    row.updated = ctx.now;
    ctx.commit_tables(Tx::one(Op::PutApplication(Box::new(row.clone())))).await?;
    Ok(Outcome::Record(show(&row)))
}

/// DELETE Applications/{Sid}.
pub async fn delete(ctx: Ctx) -> Result<Outcome, Refusal> {
    let row = find(&ctx).await?;
    ctx.commit_tables(Tx::one(Op::DeleteApplication(row.sid))).await?;
    Ok(Outcome::Empty)
}
