//! (s) Which lists guard a SIP domain: `Auth/Calls/...`, `Auth/Registrations/...`, and the older paths, which are those of calls. A
//! mapping has the SID of its list.

use super::list_uses::{self, Mapping, Place};
use super::operation::{Ctx, Outcome};
use super::page::{Envelope, wanted};
use super::params::{Kind, Param, param};
use super::refusal::Refusal;
use super::schema::{Prop, Schema, Type, always};
use super::sip_domains::find as find_domain;
use crate::store::rows::{DoorSid, ListKind, Purpose};
use serde_json::{Value, json};

/// Parameters of create for users.
pub const CREDENTIALS: &[Param] = &[param("CredentialListSid", Kind::Sid("CL"), "The list.")
    .required(21240)
    .bad(21240)
    .example("CL00000000000000000000000000000001")];
/// Parameters of create for addresses.
pub const ADDRESSES: &[Param] = &[param("IpAccessControlListSid", Kind::Sid("AL"), "The list.")
    .required(21235)
    .bad(21235)
    .example("AL00000000000000000000000000000001")];

macro_rules! props {
    ($sid:literal $(, $more:expr)*) => {
        &[
            always("account_sid", Type::Sid("AC")),
            always("date_created", Type::Date),
            always("date_updated", Type::Date),
            $($more,)*
            always("friendly_name", Type::Text),
            always("sid", Type::Sid($sid)),
        ]
    };
}

macro_rules! schema {
    ($name:literal, $element:literal, $props:expr) => {
        Schema { name: concat!("api.v2010.account.sip.sip_domain.", $name), element: $element, props: $props }
    };
}

const OF_USERS: &[Prop] = props!("CL");
const OF_ADDRESSES: &[Prop] = props!("AL");
const URI: Prop = always("uri", Type::Text);
const DOMAIN: Prop = always("domain_sid", Type::Sid("SD"));

/// Users that may call.
pub const CALLS_USERS: Schema = schema!(
    "sip_auth.sip_auth_calls.sip_auth_calls_credential_list_mapping",
    "CredentialListMapping",
    OF_USERS
);
/// Addresses that may call.
pub const CALLS_ADDRESSES: Schema = schema!(
    "sip_auth.sip_auth_calls.sip_auth_calls_ip_access_control_list_mapping",
    "IpAccessControlListMapping",
    OF_ADDRESSES
);
/// Users that may register.
pub const REGISTRATIONS: Schema = schema!(
    "sip_auth.sip_auth_registrations.sip_auth_registrations_credential_list_mapping",
    "CredentialListMapping",
    OF_USERS
);
/// Users that may call, by the older path.
pub const USERS: Schema =
    schema!("sip_credential_list_mapping", "CredentialListMapping", props!("CL", DOMAIN, URI));
/// Addresses that may call, by the older path.
pub const LEGACY_ADDRESSES: Schema =
    schema!("sip_ip_access_control_list_mapping", "IpAccessControlListMapping", props!("AL", DOMAIN, URI));

/// Is it one of the older paths?
fn is_old(ctx: &Ctx) -> bool {
    !ctx.operation.path.contains("/Auth/")
}

/// What the path says: at which domain, for what, and which kind of list.
async fn place(ctx: &Ctx) -> Result<Place, Refusal> {
    let domain = find_domain(ctx, "DomainSid").await?;
    let path = ctx.operation.path;
    let purpose = match path.contains("/Auth/Registrations/") {
        true => Purpose::Registrations,
        false => Purpose::Calls,
    };
    let kind = match path.contains("/CredentialListMappings") {
        true => ListKind::Credentials,
        false => ListKind::Addresses,
    };
    Ok(Place { account: domain.account, door: DoorSid::Domain(domain.sid), purpose, kind })
}

fn show(ctx: &Ctx, mapping: &Mapping) -> Value {
    let row = &mapping.row;
    let mut body = json!({
        "account_sid": row.account,
        "date_created": row.created.rfc2822(),
        "date_updated": row.created.rfc2822(),
        "friendly_name": mapping.name,
        "sid": row.list.to_string(),
    });
    if let (true, Some(body)) = (is_old(ctx), body.as_object_mut()) {
        let kind = match row.list.kind() {
            ListKind::Credentials => "CredentialListMappings",
            ListKind::Addresses => "IpAccessControlListMappings",
        };
        let below = format!("/2010-04-01/Accounts/{}/SIP/Domains/{}", row.account, row.owner);
        body.insert("domain_sid".to_string(), json!(row.owner.to_string()));
        body.insert("uri".to_string(), json!(format!("{below}/{kind}/{}.json", row.list)));
    }
    body
}

/// GET ...Mappings.
pub async fn list(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (at, page) = (place(&ctx).await?, wanted(&ctx.params)?);
    let listed = list_uses::list(&ctx, at, &page).await?;
    let key = match (is_old(&ctx), at.kind) {
        (false, _) => "contents",
        (true, ListKind::Credentials) => "credential_list_mappings",
        (true, ListKind::Addresses) => "ip_access_control_list_mappings",
    };
    let envelope = Envelope { key, path: &ctx.path, filters: &ctx.filters, page: &page };
    Ok(Outcome::Page(envelope.body(&listed, |mapping| show(&ctx, mapping))))
}

/// GET ...Mappings/{Sid}.
pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
    let at = place(&ctx).await?;
    Ok(Outcome::Record(show(&ctx, &list_uses::find(&ctx, at).await?)))
}

/// POST ...Mappings. A list that is mapped already stays as it is.
pub async fn create(ctx: Ctx) -> Result<Outcome, Refusal> {
    let at = place(&ctx).await?;
    let (name, code) = match at.kind {
        ListKind::Credentials => ("CredentialListSid", 21240),
        ListKind::Addresses => ("IpAccessControlListSid", 21235),
    };
    let unknown = || Refusal::new(code, format!("{name}: there is no such list."));
    Ok(Outcome::Record(show(&ctx, &list_uses::create(&ctx, at, name, unknown).await?)))
}

/// DELETE ...Mappings/{Sid}: the list stays.
pub async fn delete(ctx: Ctx) -> Result<Outcome, Refusal> {
    let at = place(&ctx).await?;
    list_uses::delete(&ctx, at).await?;
    Ok(Outcome::Empty)
}
