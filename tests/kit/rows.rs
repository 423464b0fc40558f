//! Rows and requests that many tests need, with what nobody looks at filled in.

use super::world::{ACCOUNT, hook};
use chorus::api::command::{DialRequest, Document};
use chorus::clock::Wall;
use chorus::sid::{AccountSid, ApplicationSid, CallSid, NumberSid, TrunkSid};
use chorus::store::account_rules::AccountRules;
use chorus::store::rows::{AccountRow, ApplicationRow, NumberRow, Subscription, TrunkRow};
use chorus::trunk::snapshot::Snapshot;
use std::sync::Arc;

/// An account with these rules.
pub fn account(sid: AccountSid, rules: AccountRules) -> AccountRow {
    AccountRow {
        sid,
        owner: sid,
        friendly_name: "test".to_owned(),
        status: "active".to_owned(),
        held: false,
        auth_token: String::new(),
        rules,
        revision: 0,
        created: Wall(0),
        updated: Wall(0),
    }
}

/// A trunk known by these addresses.
pub fn trunk(n: u128, sources: &[&str]) -> TrunkRow {
    TrunkRow {
        sid: TrunkSid(n),
        name: format!("trunk {n}"),
        inbound_source_ips: sources.iter().map(|s| (*s).to_owned()).collect(),
        transport: "udp".to_owned(),
        ..TrunkRow::default()
    }
}

/// The tables of a peer of ours that knows one network.
pub fn known(source: &str) -> Arc<Snapshot> {
    Arc::new(Snapshot::new(vec![trunk(1, &[source])], vec![]))
}

/// POST Calls: from the World's number to the phone behind its trunk, with every callback.
pub fn dial_request(sid: CallSid, at: Wall) -> DialRequest {
    DialRequest {
        sid,
        account: ACCOUNT,
        to: "+15550002".to_owned(),
        from: "+15550001".to_owned(),
        number: Some(NumberSid(0x91)),
        caller_id: None,
        application: None,
        document: Document::Fetch(hook("/voice")),
        twiml_left_out: false,
        fallback: None,
        status_callback: Some(Subscription {
            hook: hook("/status"),
            initiated: true,
            ringing: true,
            answered: true,
            completed: true,
        }),
        timeout_s: 60,
        time_limit_s: 3_600,
        send_digits: None,
        record: None,
        sip_auth: None,
        idempotency: None,
        at,
    }
}

/// A number of an account, without anything that answers it.
pub fn number(n: u128, digits: &str, account: u128) -> NumberRow {
    NumberRow {
        sid: NumberSid(n),
        account: AccountSid(account),
        number: digits.into(),
        friendly_name: digits.into(),
        kind: "local".into(),
        voice: None,
        fallback: None,
        status_callback: None,
        application: None,
        trunk: None,
        other: serde_json::Map::new(),
        revision: 0,
        created: Wall(0),
        updated: Wall(0),
    }
}

/// An application of an account without any URL.
pub fn application(n: u128, account: u128) -> ApplicationRow {
    ApplicationRow {
        sid: ApplicationSid(n),
        account: AccountSid(account),
        friendly_name: "silent".into(),
        voice: None,
        fallback: None,
        status_callback: None,
        other: serde_json::Map::new(),
        created: Wall(0),
        updated: Wall(0),
    }
}
