//! (s) `/v1/Trunks/{TrunkSid}/PhoneNumbers`: the numbers whose calls ring at a trunk.

use super::operation::{Ctx, Outcome};
use super::page::{Envelope, wanted};
use super::params::{Kind, Param, param};
use super::refusal::Refusal;
use super::schema::{METHODS, Prop, Schema, Type, always, maybe};
use super::{elastic_trunks, numbers};
use crate::sid::NumberSid;
use crate::store::elastic;
use crate::store::rows::NumberRow;
use crate::store::tx::{Op, Tx};
use serde_json::{Value, json};

/// Of create.
pub const CREATE: &[Param] = &[param("PhoneNumberSid", Kind::Sid("PN"), "A number of the account.")
    .required(20001)
    .example("$NUMBER_SID")];

/// A number of a trunk.
pub const PHONE_NUMBER: Schema =
    Schema { name: "trunking.v1.trunk.phone_number", element: "PhoneNumber", props: PROPS };

const PROPS: &[Prop] = &[
    always("account_sid", Type::Sid("AC")),
    always("address_requirements", Type::OneOf(&["none", "any", "local", "foreign"])),
    always("api_version", Type::Text),
    always("beta", Type::Bool),
    always("capabilities", Type::Map),
    always("date_created", Type::Instant),
    always("date_updated", Type::Instant),
    always("friendly_name", Type::Text),
    always("links", Type::Map),
    always("phone_number", Type::Text),
    always("sid", Type::Sid("PN")),
    maybe("sms_application_sid", Type::Sid("AP")),
    always("sms_fallback_method", Type::OneOf(METHODS)),
    maybe("sms_fallback_url", Type::Url),
    always("sms_method", Type::OneOf(METHODS)),
    maybe("sms_url", Type::Url),
    maybe("status_callback", Type::Url),
    always("status_callback_method", Type::OneOf(METHODS)),
    always("trunk_sid", Type::Sid("TK")),
    always("url", Type::Url),
    maybe("voice_application_sid", Type::Sid("AP")),
    always("voice_caller_id_lookup", Type::Bool),
    always("voice_fallback_method", Type::OneOf(METHODS)),
    maybe("voice_fallback_url", Type::Url),
    always("voice_method", Type::OneOf(METHODS)),
    maybe("voice_url", Type::Url),
];

/// What IncomingPhoneNumbers shows, as far as it is shown here, and what differs.
fn show(ctx: &Ctx, row: &NumberRow) -> Value {
    let Value::Object(mut all) = numbers::show(row) else { return Value::Null };
    all.retain(|name, _| PROPS.iter().any(|p| p.name == name));
    let base = &ctx.origin;
    let own = format!("{base}/2010-04-01/Accounts/{}/IncomingPhoneNumbers/{}", row.account, row.sid);
    let at = row.trunk.map(|trunk| elastic_trunks::url(ctx, trunk)).unwrap_or_default();
    for (name, value) in [
        ("date_created", json!(row.created.iso8601_seconds())),
        ("date_updated", json!(row.updated.iso8601_seconds())),
        ("links", json!({ "phone_number": own })),
        ("url", json!(format!("{at}/PhoneNumbers/{}", row.sid))),
    ] {
        all.insert(name.to_string(), value);
    }
    Value::Object(all)
}

/// GET PhoneNumbers.
pub async fn list(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (trunk, page) = (elastic_trunks::find(&ctx, "TrunkSid").await?, wanted(&ctx.params)?);
    let (scope, asked) = (ctx.scope()?, page.clone());
    let listed = ctx.read(move |r| elastic::numbers(r, scope, trunk.sid, &asked)).await?;
    let envelope = Envelope { key: "phone_numbers", path: &ctx.path, filters: &ctx.filters, page: &page };
    Ok(Outcome::Page(envelope.meta_body(&ctx.origin, &listed, |row| show(&ctx, row))))
}

async fn find(ctx: &Ctx) -> Result<NumberRow, Refusal> {
    let trunk = elastic_trunks::find(ctx, "TrunkSid").await?.sid;
    let (scope, sid) = (ctx.scope()?, ctx.sid("Sid", NumberSid::parse)?);
    ctx.read(move |r| elastic::number(r, scope, trunk, sid)).await?.ok_or_else(|| ctx.not_found())
}

/// GET PhoneNumbers/{Sid}.
pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
    let row = find(&ctx).await?;
    Ok(Outcome::Record(show(&ctx, &row)))
}

/// POST PhoneNumbers: it leaves the trunk and the application that it had.
pub async fn create(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (trunk, scope) = (elastic_trunks::find(&ctx, "TrunkSid").await?, ctx.scope()?);
    let sid = ctx.params.text("PhoneNumberSid").and_then(NumberSid::parse).unwrap_or_default();
    let found = ctx.read(move |r| crate::store::numbers::get(r, scope, sid)).await?;
    let mut row = found.ok_or_else(|| {
        Refusal::new(20404, format!("The account has no number {sid}.")).about("PhoneNumberSid")
    })?;
    row.trunk = Some(trunk.sid);
    row.application = None;
    row.touch(ctx.now);
    ctx.commit_tables(Tx::one(Op::PutNumber(Box::new(row.clone())))).await?;
    Ok(Outcome::Record(show(&ctx, &row)))
}

/// DELETE PhoneNumbers/{Sid}: the number itself stays.
pub async fn delete(ctx: Ctx) -> Result<Outcome, Refusal> {
    let mut row = find(&ctx).await?;
    row.trunk = None;
    row.touch(ctx.now);
    ctx.commit_tables(Tx::one(Op::PutNumber(Box::new(row)))).await?;
    Ok(Outcome::Empty)
}
