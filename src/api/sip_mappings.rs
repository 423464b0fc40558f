//! (s) Which lists guard a SIP domain: `Auth/Calls/...`, `Auth/Registrations/...`, and the older paths, which are those of calls. A
//! mapping has the SID of its list.

use super::operation::{Ctx, Operation, Outcome};
use super::page::{Envelope, wanted};
use super::params::{Kind, Param, param};
use super::refusal::Refusal;
use super::schema::{Prop, Schema, Type, always};
use super::sip_domains::find as find_domain;
use crate::sid::{CredentialListSid, IpAclSid, SipDomainSid};
use crate::store::page::{Cursor, Listed, Page};
use crate::store::reader::Reader;
use crate::store::rows::{DoorSid, ListSid, ListUseRow, Purpose};
use crate::store::tx::{Op, StoreError, Tx};
use crate::store::{Scope, sip_domains, sip_lists};
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

/// What a path says: for what, which kind of list, and whether it is one of the older ones.
struct Place {
    purpose: Purpose,
    users: bool,
    old: bool,
}

fn place(operation: &Operation) -> Place {
    let purpose = match operation.path.contains("/Auth/Registrations/") {
        true => Purpose::Registrations,
        false => Purpose::Calls,
    };
    let users = operation.path.contains("/CredentialListMappings");
    Place { purpose, users, old: !operation.path.contains("/Auth/") }
}

/// A mapping with the name of its list.
pub(super) struct Mapping {
    pub(super) row: ListUseRow,
    pub(super) name: String,
}

impl Mapping {
    /// None: the list is gone.
    pub(super) fn read(r: &mut Reader, row: ListUseRow) -> Result<Option<Mapping>, StoreError> {
        let scope = Scope::Account(row.account);
        let name = match row.list {
            ListSid::Credentials(sid) => sip_lists::credential_list(r, scope, sid)?.map(|l| l.friendly_name),
            ListSid::Addresses(sid) => sip_lists::ip_acl(r, scope, sid)?.map(|l| l.friendly_name),
        };
        Ok(name.map(|name| Mapping { row, name }))
    }

    fn show(&self, domain: SipDomainSid, old: bool) -> Value {
        let row = &self.row;
        let mut body = json!({
            "account_sid": row.account,
            "date_created": row.created.rfc2822(),
            "date_updated": row.created.rfc2822(),
            "friendly_name": self.name,
            "sid": row.list.to_string(),
        });
        if let (true, Some(body)) = (old, body.as_object_mut()) {
            let kind = match row.list {
                ListSid::Credentials(_) => "CredentialListMappings",
                ListSid::Addresses(_) => "IpAccessControlListMappings",
            };
            let below = format!("/2010-04-01/Accounts/{}/SIP/Domains/{domain}", row.account);
            body.insert("domain_sid".to_string(), json!(domain));
            body.insert("uri".to_string(), json!(format!("{below}/{kind}/{}.json", row.list)));
        }
        body
    }
}

/// A list that an account has.
pub(super) fn list_sid(users: bool, text: &str) -> Option<ListSid> {
    match users {
        true => CredentialListSid::parse(text).map(ListSid::Credentials),
        false => IpAclSid::parse(text).map(ListSid::Addresses),
    }
}

/// GET ...Mappings.
pub async fn list(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (scope, page, place) = (ctx.scope()?, wanted(&ctx.params)?, place(ctx.operation));
    let domain = find_domain(&ctx, "DomainSid").await?.sid;
    let asked = page.clone();
    let listed = ctx
        .read(move |r| {
            let all = sip_domains::uses(r, scope, DoorSid::Domain(domain), place.purpose)?;
            let of_kind =
                all.into_iter().filter(|u| matches!(u.list, ListSid::Credentials(_)) == place.users);
            let mut rows = Vec::new();
            for row in of_kind {
                rows.extend(Mapping::read(r, row)?);
            }
            Ok(cut(rows, &asked))
        })
        .await?;
    let key = match (place.old, place.users) {
        (false, _) => "contents",
        (true, true) => "credential_list_mappings",
        (true, false) => "ip_access_control_list_mappings",
    };
    let envelope = Envelope { key, path: &ctx.path, filters: &ctx.filters, page: &page };
    Ok(Outcome::Page(envelope.body(&listed, |m| m.show(domain, place.old))))
}

/// A page of what was read whole: a domain has few lists.
pub(super) fn cut(rows: Vec<Mapping>, page: &Page) -> Listed<Mapping> {
    let at = |row: &Mapping| Cursor::after(row.row.created, &row.row.list.to_string());
    let skip = match &page.cursor {
        Some(cursor) => {
            rows.iter().position(|m| at(m) == *cursor).map_or(rows.len(), |n| n.saturating_add(1))
        }
        None => (page.number as usize).saturating_mul(page.size as usize),
    };
    let more = rows.len() > skip.saturating_add(page.size as usize);
    let rows: Vec<Mapping> = rows.into_iter().skip(skip).take(page.size as usize).collect();
    let next = rows.last().filter(|_| more).map(at);
    Listed { rows, next, previous: None }
}

async fn find(ctx: &Ctx) -> Result<(SipDomainSid, Mapping), Refusal> {
    let (scope, place) = (ctx.scope()?, place(ctx.operation));
    let domain = ctx.sid("DomainSid", SipDomainSid::parse)?;
    let list = list_sid(place.users, ctx.var("Sid")).ok_or_else(|| ctx.not_found())?;
    let found = ctx
        .read(move |r| {
            let row = sip_domains::list_use(r, scope, DoorSid::Domain(domain), place.purpose, list)?;
            row.map(|row| Mapping::read(r, row)).transpose()
        })
        .await?;
    Ok((domain, found.flatten().ok_or_else(|| ctx.not_found())?))
}

/// GET ...Mappings/{Sid}.
pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (domain, mapping) = find(&ctx).await?;
    Ok(Outcome::Record(mapping.show(domain, place(ctx.operation).old)))
}

/// POST ...Mappings. A list that is mapped already stays as it is.
pub async fn create(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (scope, place) = (ctx.scope()?, place(ctx.operation));
    let domain = find_domain(&ctx, "DomainSid").await?;
    let (name, code) =
        if place.users { ("CredentialListSid", 21240) } else { ("IpAccessControlListSid", 21235) };
    let unknown = || Refusal::new(code, format!("{name}: there is no such list."));
    let list = ctx.params.text(name).and_then(|text| list_sid(place.users, text)).ok_or_else(unknown)?;
    let owner = DoorSid::Domain(domain.sid);
    let known = ctx.read(move |r| sip_domains::list_use(r, scope, owner, place.purpose, list)).await?;
    let fresh =
        || ListUseRow { account: domain.account, owner, purpose: place.purpose, list, created: ctx.now };
    let row = known.unwrap_or_else(fresh);
    let asked = row.clone();
    let mapping = ctx.read(move |r| Mapping::read(r, asked)).await?.ok_or_else(unknown)?;
    ctx.commit_tables(Tx::one(Op::PutListUse(Box::new(row)))).await?;
    Ok(Outcome::Record(mapping.show(domain.sid, place.old)))
}

/// DELETE ...Mappings/{Sid}: the list stays.
pub async fn delete(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (_, Mapping { row, .. }) = find(&ctx).await?;
    ctx.commit_tables(Tx::one(Op::DeleteListUse(row.owner, row.purpose, row.list))).await?;
    Ok(Outcome::Empty)
}
