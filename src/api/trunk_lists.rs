//! (s) `/v1/Trunks/{TrunkSid}/CredentialLists` and `IpAccessControlLists`: which lists of Twilio's SIP API open a trunk to a PBX.

use super::elastic_trunks;
use super::operation::{Ctx, Outcome};
use super::page::{Envelope, wanted};
use super::params::{Kind, Param, param};
use super::refusal::Refusal;
use super::schema::{Prop, Schema, Type, always};
use super::sip_mappings::{Mapping, cut, list_sid};
use crate::sid::ElasticTrunkSid;
use crate::store::rows::{DoorSid, ListSid, ListUseRow, Purpose};
use crate::store::sip_domains;
use crate::store::tx::{Op, Tx};
use serde_json::{Value, json};

/// Of create for users.
pub const CREDENTIALS: &[Param] = &[param("CredentialListSid", Kind::Sid("CL"), "A list of the account.")
    .required(20001)
    .example("CL00000000000000000000000000000001")];
/// Of create for addresses.
pub const ADDRESSES: &[Param] = &[param("IpAccessControlListSid", Kind::Sid("AL"), "A list of the account.")
    .required(20001)
    .example("AL00000000000000000000000000000001")];

/// A list of users that opens a trunk.
pub const CREDENTIAL_LIST: Schema =
    Schema { name: "trunking.v1.trunk.credential_list", element: "CredentialList", props: USERS };
/// A list of addresses that opens a trunk.
pub const IP_ACL: Schema = Schema {
    name: "trunking.v1.trunk.ip_access_control_list",
    element: "IpAccessControlList",
    props: OF_ADDRESSES,
};

macro_rules! props {
    ($sid:literal) => {
        &[
            always("account_sid", Type::Sid("AC")),
            always("sid", Type::Sid($sid)),
            always("trunk_sid", Type::Sid("TK")),
            always("friendly_name", Type::Text),
            always("date_created", Type::Instant),
            always("date_updated", Type::Instant),
            always("url", Type::Url),
        ]
    };
}

const USERS: &[Prop] = props!("CL");
const OF_ADDRESSES: &[Prop] = props!("AL");

/// Does the path speak of users, or of addresses?
fn of_users(ctx: &Ctx) -> bool {
    ctx.operation.path.contains("/CredentialLists")
}

fn show(ctx: &Ctx, trunk: ElasticTrunkSid, mapping: &Mapping) -> Value {
    let (row, created) = (&mapping.row, mapping.row.created.iso8601_seconds());
    let kind = if of_users(ctx) { "CredentialLists" } else { "IpAccessControlLists" };
    json!({
        "account_sid": row.account,
        "sid": row.list.to_string(),
        "trunk_sid": trunk,
        "friendly_name": mapping.name,
        "date_created": created,
        "date_updated": created,
        "url": format!("{}/{kind}/{}", elastic_trunks::url(ctx, trunk), row.list),
    })
}

/// GET the lists of one kind.
pub async fn list(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (trunk, page) = (elastic_trunks::find(&ctx, "TrunkSid").await?.sid, wanted(&ctx.params)?);
    let (scope, users, asked) = (ctx.scope()?, of_users(&ctx), page.clone());
    let listed = ctx
        .read(move |r| {
            let all = sip_domains::uses(r, scope, DoorSid::Trunk(trunk), Purpose::Calls)?;
            let mut rows = Vec::new();
            for row in all.into_iter().filter(|u| matches!(u.list, ListSid::Credentials(_)) == users) {
                rows.extend(Mapping::read(r, row)?);
            }
            Ok(cut(rows, &asked))
        })
        .await?;
    let key = if users { "credential_lists" } else { "ip_access_control_lists" };
    let envelope = Envelope { key, path: &ctx.path, filters: &ctx.filters, page: &page };
    Ok(Outcome::Page(envelope.meta_body(&ctx.origin, &listed, |m| show(&ctx, trunk, m))))
}

async fn find(ctx: &Ctx) -> Result<(ElasticTrunkSid, Mapping), Refusal> {
    let (trunk, scope) = (elastic_trunks::find(ctx, "TrunkSid").await?.sid, ctx.scope()?);
    let list = list_sid(of_users(ctx), ctx.var("Sid")).ok_or_else(|| ctx.not_found())?;
    let found = ctx
        .read(move |r| {
            let row = sip_domains::list_use(r, scope, DoorSid::Trunk(trunk), Purpose::Calls, list)?;
            row.map(|row| Mapping::read(r, row)).transpose()
        })
        .await?;
    Ok((trunk, found.flatten().ok_or_else(|| ctx.not_found())?))
}

/// GET one.
pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (trunk, mapping) = find(&ctx).await?;
    Ok(Outcome::Record(show(&ctx, trunk, &mapping)))
}

/// POST: a list that is there already stays as it is.
pub async fn create(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (trunk, scope) = (elastic_trunks::find(&ctx, "TrunkSid").await?, ctx.scope()?);
    let name = if of_users(&ctx) { "CredentialListSid" } else { "IpAccessControlListSid" };
    let unknown = || Refusal::new(20404, format!("{name}: the account has no such list.")).about(name);
    let list = ctx.params.text(name).and_then(|text| list_sid(of_users(&ctx), text)).ok_or_else(unknown)?;
    let owner = DoorSid::Trunk(trunk.sid);
    let known = ctx.read(move |r| sip_domains::list_use(r, scope, owner, Purpose::Calls, list)).await?;
    let fresh =
        || ListUseRow { account: trunk.account, owner, purpose: Purpose::Calls, list, created: ctx.now };
    let row = known.unwrap_or_else(fresh);
    let asked = row.clone();
    let mapping = ctx.read(move |r| Mapping::read(r, asked)).await?.ok_or_else(unknown)?;
    ctx.commit_tables(Tx::one(Op::PutListUse(Box::new(row)))).await?;
    Ok(Outcome::Record(show(&ctx, trunk.sid, &mapping)))
}

/// DELETE one: the list itself stays.
pub async fn delete(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (_, Mapping { row, .. }) = find(&ctx).await?;
    ctx.commit_tables(Tx::one(Op::DeleteListUse(row.owner, row.purpose, row.list))).await?;
    Ok(Outcome::Empty)
}
