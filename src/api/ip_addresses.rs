//! (s) SIP/IpAccessControlLists/{IpAccessControlListSid}/IpAddresses: addresses and networks of a list.

use super::ip_acls::find as find_list;
use super::operation::{Ctx, Outcome};
use super::page::{Envelope, wanted};
use super::params::{Kind, Param, Params, param};
use super::refusal::Refusal;
use super::schema::{Prop, Schema, Type, always};
use crate::sid::{IpAclSid, IpAddressSid};
use crate::store::rows::{IpAddressRow, ListSid};
use crate::store::sip_lists;
use crate::store::tx::{Op, Tx};
use serde_json::{Value, json};
use std::net::IpAddr;

/// Addresses of a list.
const ADDRESSES_MAX: u32 = 100; // Twilio 21237

const NAME: Param = param("FriendlyName", Kind::Text(255), "Name.").bad(21238).example("Office");
const ADDRESS: Param = param("IpAddress", Kind::Address, "IPv4, or IPv6.").bad(21238).example("192.0.2.17");
const PREFIX: Param =
    param("CidrPrefixLength", Kind::Int(0, 128), "Leading bits that count; all of them unless given.")
        .bad(21238)
        .example("29");

/// Parameters of create.
pub const CREATE: &[Param] = &[NAME.required(21238), ADDRESS.required(21238), PREFIX];

/// Parameters of update.
pub const UPDATE: &[Param] = &[ADDRESS, NAME, PREFIX];

/// An address.
pub const ADDRESS_RECORD: Schema = Schema {
    name: "api.v2010.account.sip.sip_ip_access_control_list.sip_ip_address",
    element: "IpAddress",
    props: PROPS,
};

const PROPS: &[Prop] = &[
    always("sid", Type::Sid("IP")),
    always("account_sid", Type::Sid("AC")),
    always("friendly_name", Type::Text),
    always("ip_address", Type::Text),
    always("cidr_prefix_length", Type::Int),
    always("ip_access_control_list_sid", Type::Sid("AL")),
    always("date_created", Type::Date),
    always("date_updated", Type::Date),
    always("uri", Type::Text),
];

/// An address as a record.
pub fn show(row: &IpAddressRow) -> Value {
    let list = format!("/2010-04-01/Accounts/{}/SIP/IpAccessControlLists/{}", row.account, row.list);
    json!({
        "sid": row.sid,
        "account_sid": row.account,
        "friendly_name": row.friendly_name,
        "ip_address": row.address,
        "cidr_prefix_length": row.prefix,
        "ip_access_control_list_sid": row.list,
        "date_created": row.created.rfc2822(),
        "date_updated": row.updated.rfc2822(),
        "uri": format!("{list}/IpAddresses/{}.json", row.sid),
    })
}

/// GET IpAddresses.
pub async fn list(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (scope, page) = (ctx.scope()?, wanted(&ctx.params)?);
    let (list, asked) = (find_list(&ctx, "IpAccessControlListSid").await?.sid, page.clone());
    let listed = ctx.read(move |r| sip_lists::ip_addresses(r, scope, list, &asked)).await?;
    let envelope = Envelope { key: "ip_addresses", path: &ctx.path, filters: &ctx.filters, page: &page };
    Ok(Outcome::Page(envelope.body(&listed, show)))
}

async fn find(ctx: &Ctx) -> Result<IpAddressRow, Refusal> {
    let list = ctx.sid("IpAccessControlListSid", IpAclSid::parse)?;
    let (scope, sid) = (ctx.scope()?, ctx.sid("Sid", IpAddressSid::parse)?);
    ctx.read(move |r| sip_lists::ip_address(r, scope, list, sid)).await?.ok_or_else(|| ctx.not_found())
}

/// GET IpAddresses/{Sid}.
pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
    Ok(Outcome::Record(show(&find(&ctx).await?)))
}

fn width(address: &str) -> u8 {
    if address.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6()) { 128 } else { 32 }
}

/// Takes over what was given. A new address without a length is that one address.
fn apply(row: &mut IpAddressRow, p: &Params) -> Result<(), Refusal> {
    if let Some(name) = p.field("FriendlyName") {
        row.friendly_name = name.to_string();
    }
    if let Some(address) = p.text("IpAddress") {
        // Another family has another width: a length that was for the old one says nothing.
        if row.address.is_empty() || width(address) != width(&row.address) {
            row.prefix = width(address);
        }
        row.address = address.to_string();
    }
    if let Some(prefix) = p.int("CidrPrefixLength").and_then(|n| u8::try_from(n).ok()) {
        row.prefix = prefix;
    }
    let width = width(&row.address);
    match row.prefix <= width {
        true => Ok(()),
        false => {
            let words = format!("CidrPrefixLength: {} has only {width} bits.", row.address);
            Err(Refusal::new(21238, words))
        }
    }
}

/// POST IpAddresses.
pub async fn create(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (scope, list) = (ctx.scope()?, find_list(&ctx, "IpAccessControlListSid").await?.sid);
    let whole = ListSid::Addresses(list);
    if ctx.read(move |r| sip_lists::entries_reach(r, scope, whole, ADDRESSES_MAX)).await? {
        return Err(Refusal::new(21237, format!("A list has at most {ADDRESSES_MAX} addresses.")));
    }
    let mut row = IpAddressRow {
        sid: IpAddressSid::new(&mut super::rng()),
        account: ctx.account()?.sid,
        list,
        friendly_name: String::new(),
        address: String::new(),
        prefix: 0,
        created: ctx.now,
        updated: ctx.now,
    };
    apply(&mut row, &ctx.params)?;
    ctx.commit_tables(Tx::one(Op::PutIpAddress(Box::new(row.clone())))).await?;
    Ok(Outcome::Record(show(&row)))
}

/// POST IpAddresses/{Sid}.
pub async fn update(ctx: Ctx) -> Result<Outcome, Refusal> {
    let mut row = find(&ctx).await?;
    apply(&mut row, &ctx.params)?;
    row.updated = ctx.now;
    ctx.commit_tables(Tx::one(Op::PutIpAddress(Box::new(row.clone())))).await?;
    Ok(Outcome::Record(show(&row)))
}

/// DELETE IpAddresses/{Sid}.
pub async fn delete(ctx: Ctx) -> Result<Outcome, Refusal> {
    let row = find(&ctx).await?;
    ctx.commit_tables(Tx::one(Op::DeleteIpAddress(row.sid))).await?;
    Ok(Outcome::Empty)
}
