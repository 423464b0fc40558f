//! (s) `/v1/Trunks/{TrunkSid}/CredentialLists` and `IpAccessControlLists`: which lists of Twilio's SIP API open a trunk to a PBX.

use super::elastic_trunks;
use super::list_uses::{self, Mapping, Place};
use super::operation::{Ctx, Outcome};
use super::page::{Envelope, wanted};
use super::params::{Kind, Param, param};
use super::refusal::Refusal;
use super::schema::{Prop, Schema, Type, always};
use crate::sid::ElasticTrunkSid;
use crate::store::rows::{DoorSid, ListKind, Purpose};
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

/// What the path says: at which trunk, and which kind of list.
async fn place(ctx: &Ctx) -> Result<(ElasticTrunkSid, Place), Refusal> {
    let trunk = elastic_trunks::find(ctx, "TrunkSid").await?;
    let kind = match ctx.operation.path.contains("/CredentialLists") {
        true => ListKind::Credentials,
        false => ListKind::Addresses,
    };
    let door = DoorSid::Trunk(trunk.sid);
    Ok((trunk.sid, Place { account: trunk.account, door, purpose: Purpose::Calls, kind }))
}

fn show(ctx: &Ctx, trunk: ElasticTrunkSid, mapping: &Mapping) -> Value {
    let (row, created) = (&mapping.row, mapping.row.created.iso8601_seconds());
    let kind = match row.list.kind() {
        ListKind::Credentials => "CredentialLists",
        ListKind::Addresses => "IpAccessControlLists",
    };
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
    let ((trunk, at), page) = (place(&ctx).await?, wanted(&ctx.params)?);
    let listed = list_uses::list(&ctx, at, &page).await?;
    let key = match at.kind {
        ListKind::Credentials => "credential_lists",
        ListKind::Addresses => "ip_access_control_lists",
    };
    let envelope = Envelope { key, path: &ctx.path, filters: &ctx.filters, page: &page };
    Ok(Outcome::Page(envelope.meta_body(&ctx.origin, &listed, |m| show(&ctx, trunk, m))))
}

/// GET one.
pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (trunk, at) = place(&ctx).await?;
    Ok(Outcome::Record(show(&ctx, trunk, &list_uses::find(&ctx, at).await?)))
}

/// POST: a list that is there already stays as it is.
pub async fn create(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (trunk, at) = place(&ctx).await?;
    let name = match at.kind {
        ListKind::Credentials => "CredentialListSid",
        ListKind::Addresses => "IpAccessControlListSid",
    };
    let unknown = || Refusal::new(20404, format!("{name}: the account has no such list.")).about(name);
    Ok(Outcome::Record(show(&ctx, trunk, &list_uses::create(&ctx, at, name, unknown).await?)))
}

/// DELETE one: the list itself stays.
pub async fn delete(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (_, at) = place(&ctx).await?;
    list_uses::delete(&ctx, at).await?;
    Ok(Outcome::Empty)
}
