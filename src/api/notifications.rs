//! (s) Notifications and Calls/{CallSid}/Notifications: the account's debugger.

use super::calls;
use super::dates::period;
use super::form;
use super::hooks::word;
use super::operation::{Ctx, Outcome};
use super::page::{Envelope, wanted};
use super::params::{Kind, Param, param};
use super::refusal::Refusal;
use super::schema::{METHODS, Prop, Schema, Type, always, maybe};
use crate::error::more_info;
use crate::sid::{CallSid, NotificationSid};
use crate::store::notifications::{self, NotificationFilter};
use crate::store::rows::NotificationRow;
use serde_json::{Value, json};

/// Filters of both lists.
pub const FILTERS: &[Param] = &[
    param("Log", Kind::Int(0, 1), "0: errors, 1: warnings; both by default.").example("0"),
    param("MessageDate", Kind::Time, "Only those of this day, or this second.").example("2026-01-02"),
    param("MessageDate<", Kind::Time, "Only those of then or before.").example("2099-01-02"),
    param("MessageDate>", Kind::Time, "Only those of then or after.").example("2020-01-02"),
];

/// A notification in a list.
pub const LISTED: Schema =
    Schema { name: "api.v2010.account.notification", element: "Notification", props: LIST_PROPS };
/// A notification by itself.
pub const FETCHED: Schema =
    Schema { name: "api.v2010.account.notification-instance", element: "Notification", props: FETCH_PROPS };
/// The same in a list of a call.
pub const CALL_LISTED: Schema =
    Schema { name: "api.v2010.account.call.call_notification", element: "Notification", props: LIST_PROPS };
/// The same by itself, by its call.
pub const CALL_FETCHED: Schema = Schema {
    name: "api.v2010.account.call.call_notification-instance",
    element: "Notification",
    props: FETCH_PROPS,
};

const LIST_PROPS: &[Prop] = &[
    always("account_sid", Type::Sid("AC")),
    always("api_version", Type::Text),
    maybe("call_sid", Type::Sid("CA")),
    always("date_created", Type::Date),
    always("date_updated", Type::Date),
    always("error_code", Type::Text),
    always("log", Type::Text),
    always("message_date", Type::Date),
    always("message_text", Type::Text),
    always("more_info", Type::Url),
    maybe("request_method", Type::OneOf(METHODS)),
    maybe("request_url", Type::Url),
    always("sid", Type::Sid("NO")),
    always("uri", Type::Text),
];

const FETCH_PROPS: &[Prop] = &[
    always("account_sid", Type::Sid("AC")),
    always("api_version", Type::Text),
    maybe("call_sid", Type::Sid("CA")),
    always("date_created", Type::Date),
    always("date_updated", Type::Date),
    always("error_code", Type::Text),
    always("log", Type::Text),
    always("message_date", Type::Date),
    always("message_text", Type::Text),
    always("more_info", Type::Url),
    maybe("request_method", Type::OneOf(METHODS)),
    maybe("request_url", Type::Url),
    always("request_variables", Type::Text),
    always("response_body", Type::Text),
    always("response_headers", Type::Text),
    always("sid", Type::Sid("NO")),
    always("uri", Type::Text),
];

fn listed(base: &str, row: &NotificationRow) -> Value {
    let date = row.created.rfc2822();
    json!({
        "account_sid": row.account,
        "api_version": "2010-04-01",
        "call_sid": row.call,
        "date_created": date,
        "date_updated": date,
        "error_code": row.code.to_string(),
        "log": row.level.to_string(),
        "message_date": date,
        "message_text": format!("ErrorCode={}&Msg={}", row.code, form::encode(&row.words)),
        "more_info": more_info(row.code),
        "request_method": row.request_method.map(word),
        "request_url": row.request_url,
        "sid": row.sid,
        "uri": format!("{base}/{}.json", row.sid),
    })
}

fn fetched(base: &str, row: &NotificationRow) -> Value {
    let mut body = listed(base, row);
    if let Some(body) = body.as_object_mut() {
        let text = |t: &Option<String>| json!(t.as_deref().unwrap_or_default());
        body.insert("request_variables".to_string(), text(&row.request_variables));
        body.insert("response_body".to_string(), text(&row.response_body));
        body.insert("response_headers".to_string(), text(&row.response_headers));
    }
    body
}

/// The path that a notification's own path begins with.
fn base(ctx: &Ctx, call: Option<CallSid>) -> Result<String, Refusal> {
    let account = ctx.account()?.sid;
    Ok(match call {
        Some(call) => format!("/2010-04-01/Accounts/{account}/Calls/{call}/Notifications"),
        None => format!("/2010-04-01/Accounts/{account}/Notifications"),
    })
}

async fn page(ctx: Ctx, call: Option<CallSid>) -> Result<Outcome, Refusal> {
    let (scope, page, p) = (ctx.scope()?, wanted(&ctx.params)?, &ctx.params);
    let filter = NotificationFilter {
        call,
        level: p.int("Log").and_then(|n| u8::try_from(n).ok()),
        created: period(p.time("MessageDate"), p.time("MessageDate<"), p.time("MessageDate>")),
    };
    let asked = page.clone();
    let found = ctx.read(move |r| notifications::list(r, scope, &filter, &asked)).await?;
    let base = base(&ctx, call)?;
    let envelope = Envelope { key: "notifications", path: &ctx.path, filters: &ctx.filters, page: &page };
    Ok(Outcome::Page(envelope.body(&found, |row| listed(&base, row))))
}

async fn one(ctx: Ctx, call: Option<CallSid>) -> Result<Outcome, Refusal> {
    let (scope, sid) = (ctx.scope()?, ctx.sid("Sid", NotificationSid::parse)?);
    let row = ctx.read(move |r| notifications::get(r, scope, sid)).await?;
    let row = row.filter(|n| call.is_none() || n.call == call).ok_or_else(|| ctx.not_found())?;
    Ok(Outcome::Record(fetched(&base(&ctx, call)?, &row)))
}

/// GET Notifications.
pub async fn list(ctx: Ctx) -> Result<Outcome, Refusal> {
    page(ctx, None).await
}

/// GET Notifications/{Sid}.
pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
    one(ctx, None).await
}

/// GET Calls/{CallSid}/Notifications.
pub async fn list_of_call(ctx: Ctx) -> Result<Outcome, Refusal> {
    let call = calls::find(&ctx, "CallSid").await?.sid;
    page(ctx, Some(call)).await
}

/// GET Calls/{CallSid}/Notifications/{Sid}.
pub async fn fetch_of_call(ctx: Ctx) -> Result<Outcome, Refusal> {
    let call = calls::find(&ctx, "CallSid").await?.sid;
    one(ctx, Some(call)).await
}
