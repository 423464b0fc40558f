//! (s) The rows behind a number, however an account comes to it: by claiming it, or by the operator.

use super::calls::formatted;
use super::operation::Ctx;
use super::refusal::Refusal;
use crate::clock::Wall;
use crate::sid::{AccountSid, NumberSid};
use crate::store::account_rules::EVERYWHERE;
use crate::store::accounts;
use crate::store::query::Scope;
use crate::store::rows::{AccountRow, NumberRow};
use crate::store::tx::{Op, StoreError, Tx};
use crate::trunk::destination::{Zone, zone};
use serde_json::Map;

/// Area codes of the North American plan that nobody pays for calling.
const TOLL_FREE: &[&str] = &["800", "822", "833", "844", "855", "866", "877", "888"];

/// A number that an account gets is written again so often if its account's row was changed at that moment.
const TRIES_MAX: u32 = 3;

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
        revision: 0,
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

/// The first number of a main account or of a subaccount of it says which country is theirs, for good: otherwise whoever holds a token
/// opens any country by claiming a number there.
fn first_country(mut main: AccountRow, number: &str, now: Wall) -> Option<Op> {
    let open = main.rules.allowed_calling_codes.iter().any(|code| code == EVERYWHERE);
    let Zone::Code(zone) = zone(number) else { return None };
    if open || main.rules.home.is_some() {
        return None;
    }
    main.rules.home = Some(zone);
    main.touch(now);
    Some(Op::PutAccount(Box::new(main)))
}

/// Writes a number that an account gets, and what else is written with it. `taken` says that somebody has what it names.
///
/// # Errors
/// 409 if somebody else changed the number's row meanwhile.
pub async fn give(
    ctx: &Ctx,
    number: &NumberRow,
    with: &[Op],
    taken: impl FnOnce(&'static str) -> Refusal,
) -> Result<(), Refusal> {
    let mut tries = 0;
    loop {
        tries += 1;
        let account = number.account;
        let found = ctx.read(move |r| accounts::with_owner(r, Scope::Operator, account)).await?;
        let main = found.map(|(row, owner)| owner.unwrap_or(row));
        let country = main.and_then(|main| first_country(main, &number.number, ctx.now));
        let first = country.is_some();
        let put = std::iter::once(Op::PutNumber(Box::new(number.clone())));
        let ops = with.iter().cloned().chain(put).chain(country).collect();
        match ctx.api.store.commit(Tx { ops }).await {
            // Another number was the first: it has said which country it is, or the operator has changed the account.
            Err(StoreError::Refused(_)) if first && tries < TRIES_MAX => {}
            outcome => return ctx.written(outcome, taken).await,
        }
    }
}
