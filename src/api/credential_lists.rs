//! (s) SIP/CredentialLists: lists of users who may call a domain or a trunk, or register.

use super::operation::{Ctx, Outcome};
use super::page::{Envelope, wanted};
use super::params::{Kind, Param, param};
use super::refusal::Refusal;
use super::schema::{Prop, Schema, Type, always};
use crate::sid::CredentialListSid;
use crate::store::rows::{CredentialListRow, ListKind, ListSid};
use crate::store::tx::{Op, Tx};
use crate::store::{sip_domains, sip_lists};
use serde_json::{Value, json};

/// Lists of an account.
const LISTS_MAX: u32 = 100; // Twilio 21239

/// Parameters of create and update.
pub const FIELDS: &[Param] =
    &[param("FriendlyName", Kind::Text(64), "Name.").required(21240).bad(21240).example("Phones")];

/// A list.
pub const LIST: Schema =
    Schema { name: "api.v2010.account.sip.sip_credential_list", element: "CredentialList", props: PROPS };

const PROPS: &[Prop] = &[
    always("account_sid", Type::Sid("AC")),
    always("date_created", Type::Date),
    always("date_updated", Type::Date),
    always("friendly_name", Type::Text),
    always("sid", Type::Sid("CL")),
    always("subresource_uris", Type::Map),
    always("uri", Type::Text),
];

/// A list as a record.
pub fn show(row: &CredentialListRow) -> Value {
    let uri = format!("/2010-04-01/Accounts/{}/SIP/CredentialLists/{}", row.account, row.sid);
    json!({
        "account_sid": row.account,
        "date_created": row.created.rfc2822(),
        "date_updated": row.updated.rfc2822(),
        "friendly_name": row.friendly_name,
        "sid": row.sid,
        "subresource_uris": { "credentials": format!("{uri}/Credentials.json") },
        "uri": format!("{uri}.json"),
    })
}

/// GET SIP/CredentialLists.
pub async fn list(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (scope, page) = (ctx.scope()?, wanted(&ctx.params)?);
    let asked = page.clone();
    let listed = ctx.read(move |r| sip_lists::credential_lists(r, scope, &asked)).await?;
    let envelope = Envelope { key: "credential_lists", path: &ctx.path, filters: &ctx.filters, page: &page };
    Ok(Outcome::Page(envelope.body(&listed, show)))
}

/// The list that a variable of the path names, of this account.
pub async fn find(ctx: &Ctx, variable: &str) -> Result<CredentialListRow, Refusal> {
    let (scope, sid) = (ctx.scope()?, ctx.sid(variable, CredentialListSid::parse)?);
    ctx.read(move |r| sip_lists::credential_list(r, scope, sid)).await?.ok_or_else(|| ctx.not_found())
}

/// GET SIP/CredentialLists/{Sid}.
pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
    Ok(Outcome::Record(show(&find(&ctx, "Sid").await?)))
}

/// POST SIP/CredentialLists.
pub async fn create(ctx: Ctx) -> Result<Outcome, Refusal> {
    let scope = ctx.scope()?;
    let kind = ListKind::Credentials;
    if ctx.read(move |r| sip_lists::lists_reach(r, scope, kind, LISTS_MAX)).await? {
        return Err(Refusal::new(21239, format!("An account has at most {LISTS_MAX} credential lists.")));
    }
    let row = CredentialListRow {
        sid: CredentialListSid::new(&mut super::rng()),
        account: ctx.account()?.sid,
        friendly_name: ctx.params.owned("FriendlyName").unwrap_or_default(),
        created: ctx.now,
        updated: ctx.now,
    };
    ctx.commit(Tx::one(Op::PutCredentialList(Box::new(row.clone())))).await?;
    Ok(Outcome::Record(show(&row)))
}

/// POST SIP/CredentialLists/{Sid}.
pub async fn update(ctx: Ctx) -> Result<Outcome, Refusal> {
    let mut row = find(&ctx, "Sid").await?;
    if let Some(name) = ctx.params.text("FriendlyName") {
        row.friendly_name = name.to_string();
    }
    row.updated = ctx.now;
    ctx.commit(Tx::one(Op::PutCredentialList(Box::new(row.clone())))).await?;
    Ok(Outcome::Record(show(&row)))
}

/// DELETE SIP/CredentialLists/{Sid}: with its credentials, unless a domain or a trunk uses it.
pub async fn delete(ctx: Ctx) -> Result<Outcome, Refusal> {
    let row = find(&ctx, "Sid").await?;
    let list = ListSid::Credentials(row.sid);
    if ctx.read(move |r| sip_domains::in_use(r, list)).await? {
        return Err(Refusal::plain(21241));
    }
    ctx.commit_tables(Tx::one(Op::DeleteCredentialList(row.sid))).await?;
    Ok(Outcome::Empty)
}
