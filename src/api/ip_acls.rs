//! (s) SIP/IpAccessControlLists: lists of addresses from which a domain or a trunk may be called.

use super::operation::{Ctx, Outcome};
use super::page::{Envelope, wanted};
use super::params::{Kind, Param, param};
use super::refusal::Refusal;
use super::schema::{Prop, Schema, Type, always};
use crate::sid::IpAclSid;
use crate::store::rows::{IpAclRow, ListKind, ListSid};
use crate::store::tx::{Op, Tx};
use crate::store::{sip_domains, sip_lists};
use serde_json::{Value, json};

/// Lists of an account.
const LISTS_MAX: u32 = 1_000; // Twilio 21255

/// Parameters of create and update.
pub const FIELDS: &[Param] =
    &[param("FriendlyName", Kind::Text(255), "Name.").required(21235).bad(21235).example("Gateways")];

/// A list.
pub const LIST: Schema = Schema {
    name: "api.v2010.account.sip.sip_ip_access_control_list",
    element: "IpAccessControlList",
    props: PROPS,
};

const PROPS: &[Prop] = &[
    always("sid", Type::Sid("AL")),
    always("account_sid", Type::Sid("AC")),
    always("friendly_name", Type::Text),
    always("date_created", Type::Date),
    always("date_updated", Type::Date),
    always("subresource_uris", Type::Map),
    always("uri", Type::Text),
];

/// A list as a record.
pub fn show(row: &IpAclRow) -> Value {
    let uri = format!("/2010-04-01/Accounts/{}/SIP/IpAccessControlLists/{}", row.account, row.sid);
    json!({
        "sid": row.sid,
        "account_sid": row.account,
        "friendly_name": row.friendly_name,
        "date_created": row.created.rfc2822(),
        "date_updated": row.updated.rfc2822(),
        "subresource_uris": { "ip_addresses": format!("{uri}/IpAddresses.json") },
        "uri": format!("{uri}.json"),
    })
}

/// GET SIP/IpAccessControlLists.
pub async fn list(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (scope, page) = (ctx.scope()?, wanted(&ctx.params)?);
    let asked = page.clone();
    let listed = ctx.read(move |r| sip_lists::ip_acls(r, scope, &asked)).await?;
    let key = "ip_access_control_lists";
    let envelope = Envelope { key, path: &ctx.path, filters: &ctx.filters, page: &page };
    Ok(Outcome::Page(envelope.body(&listed, show)))
}

/// The list that a variable of the path names, of this account.
pub async fn find(ctx: &Ctx, variable: &str) -> Result<IpAclRow, Refusal> {
    let (scope, sid) = (ctx.scope()?, ctx.sid(variable, IpAclSid::parse)?);
    ctx.read(move |r| sip_lists::ip_acl(r, scope, sid)).await?.ok_or_else(|| ctx.not_found())
}

/// GET SIP/IpAccessControlLists/{Sid}.
pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
    Ok(Outcome::Record(show(&find(&ctx, "Sid").await?)))
}

/// POST SIP/IpAccessControlLists.
pub async fn create(ctx: Ctx) -> Result<Outcome, Refusal> {
    let scope = ctx.scope()?;
    let kind = ListKind::Addresses;
    if ctx.read(move |r| sip_lists::lists_reach(r, scope, kind, LISTS_MAX)).await? {
        let words = format!("An account has at most {LISTS_MAX} IP access control lists.");
        return Err(Refusal::new(21255, words));
    }
    let row = IpAclRow {
        sid: IpAclSid::new(&mut super::rng()),
        account: ctx.account()?.sid,
        friendly_name: ctx.params.owned("FriendlyName").unwrap_or_default(),
        created: ctx.now,
        updated: ctx.now,
    };
    ctx.commit(Tx::one(Op::PutIpAcl(Box::new(row.clone())))).await?;
    Ok(Outcome::Record(show(&row)))
}

/// POST SIP/IpAccessControlLists/{Sid}.
pub async fn update(ctx: Ctx) -> Result<Outcome, Refusal> {
    let mut row = find(&ctx, "Sid").await?;
    if let Some(name) = ctx.params.text("FriendlyName") {
        row.friendly_name = name.to_string();
    }
    row.updated = ctx.now;
    ctx.commit(Tx::one(Op::PutIpAcl(Box::new(row.clone())))).await?;
    Ok(Outcome::Record(show(&row)))
}

/// DELETE SIP/IpAccessControlLists/{Sid}: with its addresses, unless a domain or a trunk uses it.
pub async fn delete(ctx: Ctx) -> Result<Outcome, Refusal> {
    let row = find(&ctx, "Sid").await?;
    let list = ListSid::Addresses(row.sid);
    if ctx.read(move |r| sip_domains::in_use(r, list)).await? {
        return Err(Refusal::plain(21236));
    }
    ctx.commit_tables(Tx::one(Op::DeleteIpAcl(row.sid))).await?;
    Ok(Outcome::Empty)
}
