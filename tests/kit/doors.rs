//! Rows of a SIP domain, `acme.example`, with what guards it.

use super::world::{ACCOUNT, hook};
use crate::security::secrets;
use chorus::call::tables::Tables;
use chorus::clock::Wall;
use chorus::sid::*;
use chorus::sip::digest::server::ha1;
use chorus::store::rows::*;
use chorus::store::snapshot::Snapshot as Rows;
use chorus::trunk::Snapshot;
use std::sync::Arc;

pub const ACME: SipDomainSid = SipDomainSid(0x5d);

/// The domain without a list.
pub fn domain(registration: bool) -> Rows {
    let row = SipDomainRow {
        sid: ACME,
        account: ACCOUNT,
        name: "acme.example".to_owned(),
        friendly_name: "acme".to_owned(),
        voice: Some(hook("/voice")),
        fallback: None,
        status_callback: Some(hook("/status")),
        registration,
        secure: false,
        other: serde_json::Map::new(),
        created: Wall(0),
        updated: Wall(0),
    };
    Rows { domains: vec![row], ..Rows::default() }
}

fn used(list: ListSid, purpose: Purpose, at: i64) -> ListUseRow {
    ListUseRow { account: ACCOUNT, owner: DoorSid::Domain(ACME), purpose, list, created: Wall(at) }
}

/// With a list of one network for calls.
pub fn acl(mut rows: Rows, cidr: &str) -> Rows {
    let (address, prefix) = cidr.split_once('/').unwrap();
    rows.addresses.push(IpAddressRow {
        sid: IpAddressSid(1),
        account: ACCOUNT,
        list: IpAclSid(1),
        friendly_name: "office".to_owned(),
        address: address.to_owned(),
        prefix: prefix.parse().unwrap(),
        created: Wall(0),
        updated: Wall(0),
    });
    rows.uses.push(used(ListSid::Addresses(IpAclSid(1)), Purpose::Calls, 0));
    rows
}

/// With `alice` in a list.
pub fn list(mut rows: Rows, purpose: Purpose, password: &str) -> Rows {
    user(&mut rows, 1, purpose, "alice", password);
    rows
}

/// Adds a user in list `n`, mapped at time `n`.
pub fn user(rows: &mut Rows, n: u128, purpose: Purpose, name: &str, password: &str) {
    let ha1 = ha1(name, "chorus", password);
    [&ha1.md5, &ha1.sha256].into_iter().for_each(|hash| secrets::plant(hash));
    rows.credentials.push(CredentialRow {
        sid: CredentialSid(n),
        account: ACCOUNT,
        list: CredentialListSid(n),
        username: name.to_owned(),
        ha1,
        created: Wall(0),
        updated: Wall(0),
    });
    rows.uses.push(used(ListSid::Credentials(CredentialListSid(n)), purpose, n as i64));
}

/// The tables of an endpoint.
pub fn house(rows: Rows) -> Arc<Snapshot> {
    Tables::of(rows).trunks.clone()
}
