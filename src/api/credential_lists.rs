//! (s) SIP/CredentialLists: lists of users who may call a domain or a trunk, or register.

use super::operation::{Ctx, Outcome};
use super::params::{Kind, Param, param};
use super::refusal::Refusal;
use super::schema::{Prop, Schema, Type, always};
use crate::sid::CredentialListSid;
use crate::store::rows::{CredentialListRow, ListSid};
use crate::store::sip_lists;
use crate::store::tx::{Op, Tx};
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

super::sip_list::operations! {
    row: CredentialListRow, sid: CredentialListSid, list: Credentials,
    read: sip_lists::credential_list, sip_lists::credential_lists, "credential_lists",
    write: PutCredentialList, DeleteCredentialList,
    most: LISTS_MAX, 21239, "credential lists",
    in_use: 21241
}
