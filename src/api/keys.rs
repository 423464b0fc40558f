//! (s) Keys: API keys. The secret is shown once, at creation; only its argon2id hash is kept.

use super::auth;
use super::operation::{Ctx, Outcome};
use super::page::{Envelope, wanted};
use super::params::{Kind, Param, param};
use super::refusal::Refusal;
use super::schema::{Prop, Schema, Type, always};
use crate::sid::KeySid;
use crate::store::keys;
use crate::store::rows::KeyRow;
use crate::store::tx::{Op, Tx};
use serde_json::{Value, json};

/// Characters of a secret; alphanumeric, as some SDKs take no others. 32 of hexadecimal are 128 bits.
const SECRET_CHARS: usize = 32;

/// Parameters of create and update.
pub const FIELDS: &[Param] = &[param("FriendlyName", Kind::Text(64), "Name.").bad(20002).example("CI")];

/// A key.
pub const KEY: Schema = Schema { name: "api.v2010.account.key", element: "Key", props: PROPS };
/// A key just made.
pub const NEW_KEY: Schema = Schema { name: "api.v2010.account.new_key", element: "Key", props: NEW_PROPS };

const PROPS: &[Prop] = &[
    always("sid", Type::Sid("SK")),
    always("friendly_name", Type::Text),
    always("date_created", Type::Date),
    always("date_updated", Type::Date),
];

const NEW_PROPS: &[Prop] = &[
    always("sid", Type::Sid("SK")),
    always("friendly_name", Type::Text),
    always("date_created", Type::Date),
    always("date_updated", Type::Date),
    always("secret", Type::Text),
];

/// A key as a record.
pub fn show(row: &KeyRow) -> Value {
    json!({
        "sid": row.sid,
        "friendly_name": row.friendly_name,
        "date_created": row.created.rfc2822(),
        "date_updated": row.updated.rfc2822(),
    })
}

/// GET Keys.
pub async fn list(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (scope, page) = (ctx.scope()?, wanted(&ctx.params)?);
    let asked = page.clone();
    let listed = ctx.read(move |r| keys::list(r, scope, &asked)).await?;
    let envelope = Envelope { key: "keys", path: &ctx.path, filters: &ctx.filters, page: &page };
    Ok(Outcome::Page(envelope.body(&listed, show)))
}

async fn find(ctx: &Ctx) -> Result<KeyRow, Refusal> {
    let (scope, sid) = (ctx.scope()?, ctx.sid("Sid", KeySid::parse)?);
    ctx.read(move |r| keys::get(r, scope, sid)).await?.ok_or_else(|| ctx.not_found())
}

/// GET Keys/{Sid}.
pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
    Ok(Outcome::Record(show(&find(&ctx).await?)))
}

/// POST Keys.
pub async fn create(ctx: Ctx) -> Result<Outcome, Refusal> {
    let mut rng = super::rng();
    let secret = rng.hex(SECRET_CHARS);
    let row = KeyRow {
        sid: KeySid::new(&mut rng),
        account: ctx.account()?.sid,
        friendly_name: ctx.params.owned("FriendlyName").unwrap_or_default(),
        secret_hash: auth::hash(&ctx.api, secret.clone()).await?,
        created: ctx.now,
        updated: ctx.now,
    };
    ctx.commit(Tx::one(Op::PutKey(Box::new(row.clone())))).await?;
    let mut body = show(&row);
    if let Some(body) = body.as_object_mut() {
        body.insert("secret".to_string(), json!(secret));
    }
    Ok(Outcome::Record(body))
}

/// POST Keys/{Sid}.
pub async fn update(ctx: Ctx) -> Result<Outcome, Refusal> {
    let mut row = find(&ctx).await?;
    if let Some(name) = ctx.params.field("FriendlyName") {
        row.friendly_name = name.to_string();
    }
    row.updated = ctx.now;
    ctx.commit(Tx::one(Op::PutKey(Box::new(row.clone())))).await?;
    Ok(Outcome::Record(show(&row)))
}

/// DELETE Keys/{Sid}: it opens nothing from the next request on.
pub async fn delete(ctx: Ctx) -> Result<Outcome, Refusal> {
    let row = find(&ctx).await?;
    ctx.commit(Tx::one(Op::DeleteKey(row.sid))).await?;
    Ok(Outcome::Empty)
}
