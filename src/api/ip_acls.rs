//! (s) SIP/IpAccessControlLists: lists of addresses from which a domain or a trunk may be called.

use super::operation::{Ctx, Outcome};
use super::params::{Kind, Param, param};
use super::refusal::Refusal;
use super::schema::{Prop, Schema, Type, always};
use crate::sid::IpAclSid;
use crate::store::rows::{IpAclRow, ListSid};
use crate::store::sip_lists;
use crate::store::tx::{Op, Tx};
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

super::sip_list::operations! {
    row: IpAclRow, sid: IpAclSid, list: Addresses,
    read: sip_lists::ip_acl, sip_lists::ip_acls, "ip_access_control_lists",
    write: PutIpAcl, DeleteIpAcl,
    most: LISTS_MAX, 21255, "IP access control lists",
    in_use: 21236
}
