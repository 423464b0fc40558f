//! (s) The rows behind a number, however an account comes to it: by claiming it, or by the operator.

use super::calls::formatted;
use crate::clock::Wall;
use crate::sid::{AccountSid, NumberSid};
use crate::store::account_rules::EVERYWHERE;
use crate::store::rows::{AccountRow, NumberRow};
use crate::store::tx::Op;
use crate::trunk::destination::{Zone, zone};
use serde_json::Map;

/// Area codes of the North American plan that nobody pays for calling.
const TOLL_FREE: &[&str] = &["800", "822", "833", "844", "855", "866", "877", "888"];

/// Is it of an area that is free to call? None: it is not of the North American plan.
pub fn toll_free(number: &str) -> Option<bool> {
    let area = number.strip_prefix("+1")?.get(..3)?;
    Some(TOLL_FREE.contains(&area))
}

/// A number as an account has it at first: nobody answers yet. `kind` may be in the inventory's words.
pub fn fresh(account: AccountSid, number: String, kind: &str, now: Wall) -> NumberRow {
    NumberRow {
        sid: NumberSid::new(&mut super::rng()),
        account,
        friendly_name: formatted(&number),
        kind: type_of(kind).to_string(),
        number,
        voice: None,
        fallback: None,
        status_callback: None,
        application: None,
        trunk: None,
        other: Map::new(),
        created: now,
        updated: now,
    }
}

/// Twilio's word for a type of the inventory.
pub fn type_of(kind: &str) -> &str {
    match kind {
        "toll_free" => "toll-free",
        "short_code" => "local",
        other => other,
    }
}

/// The first number of an account says which country is its own, for good: otherwise whoever holds its token opens any country by
/// claiming a number there.
pub fn first_country(account: &AccountRow, number: &str) -> Option<Op> {
    let mut account = account.clone();
    let open = account.rules.allowed_calling_codes.iter().any(|code| code == EVERYWHERE);
    let Zone::Code(zone) = zone(number) else { return None };
    if open || account.rules.home.is_some() {
        return None;
    }
    account.rules.home = Some(zone);
    Some(Op::PutAccount(Box::new(account)))
}
