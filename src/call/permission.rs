//! Which countries an account may dial. One function for every call that leaves: of the REST API, of a Dial, of a transfer, of a
//! PBX that dials out through us.

use super::target::{NoRoute, address};
use crate::call::tables::Tables;
use crate::sid::AccountSid;
use crate::sip::event::Fence;
use crate::sip::telephone;
use crate::sip::wire::Uri;
use crate::store::account_rules::{AccountRules, EVERYWHERE};
use crate::store::rows::AccountRow;
use crate::trunk::destination::{self, Zone};
use crate::trunk::route;

/// In a document a country that is not open is another code than in a request.
pub const SHUT_IN_A_DIAL: u32 = 13_227;

/// May this account dial `to`: a number, an extension or a `sip:` URI? Of a subaccount its main account's rules bind as well, and their
/// own country is one. Nothing has happened yet when it may not.
///
/// # Errors
/// 10001; 21215 with a sentence that says how the operator opens the country.
pub fn may_dial(tables: &Tables, public_url: &str, account: AccountSid, to: &str) -> Result<(), NoRoute> {
    let row = tables.account(account);
    if row.is_some() && !tables.is_active(account) {
        return Err(NoRoute { code: 10001, words: "The account is not active".to_owned() });
    }
    let carriers = match uri_of(to) {
        Some(uri) => tables.trunks.carriers(uri.next_host()),
        // What cannot be read is dialled by nobody.
        None if address(to).is_some() => return Ok(()),
        None => return may_dial_number(tables, public_url, account, to),
    };
    if carriers.is_empty() {
        return Ok(());
    }
    if !carriers.into_iter().any(|trunk| route::is_open(trunk, account)) {
        let words = format!("{to} is at a trunk of this server, and none of this account");
        return Err(NoRoute { code: 13255, words });
    }
    at_carrier(tables, public_url, account, to)
}

/// The same of a `sip:` URI, wherever it is, as of a number at a carrier: there we are let in by our address. Its user is read as whoever
/// gets it reads it, escapes and `phone-context` resolved.
///
/// # Errors
/// 21215 with a sentence that says how the operator opens the country.
pub fn at_carrier(tables: &Tables, public_url: &str, account: AccountSid, to: &str) -> Result<(), NoRoute> {
    let Some(uri) = uri_of(to) else { return Ok(()) };
    let user = telephone::user(&uri);
    may_dial_number(tables, public_url, account, user.split([';', '?']).next().unwrap_or_default())
}

/// What a `sip:` URI of this account must not lead to, whatever DNS makes of its host.
pub fn fence(tables: &Tables, account: AccountSid, to: &str) -> Fence {
    Fence { account, open: at_carrier(tables, "", account, to).is_ok() }
}

fn uri_of(to: &str) -> Option<Uri> {
    Uri::parse(address(to)?.0).ok()
}

/// A number that somebody would be charged for.
fn may_dial_number(
    tables: &Tables,
    public_url: &str,
    account: AccountSid,
    number: &str,
) -> Result<(), NoRoute> {
    // An account that the tables do not know yet was made this moment: what holds for every new one.
    let row = tables.account(account);
    let fresh = AccountRules::of_new();
    let own = (account, row.map_or(&fresh, |row| &row.rules));
    let owner = row.and_then(|row| tables.owner(row)).map(|owner| (owner.sid, &owner.rules));
    let bounded = |(_, rules): &(AccountSid, &AccountRules)| !is_everywhere(rules);
    let rules: Vec<_> = std::iter::once(own).chain(owner).filter(bounded).collect();
    if rules.is_empty() {
        return Ok(());
    }
    let home = row.and_then(|row| home(tables, row));
    match destination::zone(number) {
        Zone::Inside => Ok(()),
        Zone::Code(zone) if home.as_deref() == Some(&zone) => Ok(()),
        Zone::Code(zone) => {
            let shut: Vec<_> =
                rules.into_iter().filter(|(_, r)| !r.allowed_calling_codes.contains(&zone)).collect();
            if shut.is_empty() { Ok(()) } else { Err(refusal(public_url, &shut, number, &zone)) }
        }
        Zone::Unknown => Err(unreadable(number)),
    }
}

fn is_everywhere(rules: &AccountRules) -> bool {
    rules.allowed_calling_codes.iter().any(|code| code == EVERYWHERE)
}

/// The zone that is open without being named: that of the main account.
pub fn home(tables: &Tables, row: &AccountRow) -> Option<String> {
    let main = tables.owner(row).unwrap_or(row);
    main.rules.home.clone().or_else(|| tables.first_zone(main.sid).map(str::to_owned))
}

/// Says of each of these accounts how it is opened.
fn refusal(public_url: &str, shut: &[(AccountSid, &AccountRules)], number: &str, zone: &str) -> NoRoute {
    let line = |(account, rules): &(AccountSid, &AccountRules)| {
        let mut codes = rules.allowed_calling_codes.clone();
        codes.push(zone.to_owned());
        let codes = serde_json::json!({ "allowed_calling_codes": codes });
        format!(
            "curl -X PATCH {public_url}/carrier/v1/accounts/{account} -H \"Authorization: Bearer $CARRIER\" \
             -H 'Content-Type: application/json' -d '{codes}'"
        )
    };
    let lines: Vec<String> = shut.iter().map(line).collect();
    let names = destination::names(zone);
    let names = if names.is_empty() { String::new() } else { format!(" ({names})") };
    let words = format!(
        "Account not authorized to call {number}: calling code {zone}{names} is not open for it. The operator opens it with: {}",
        lines.join("; ")
    );
    NoRoute { code: 21215, words }
}

fn unreadable(number: &str) -> NoRoute {
    let words = format!(
        "Account not authorized to call {number}: nobody can tell where this leads. Dial in E.164, as +14155550100; extensions \
         have six digits at most"
    );
    NoRoute { code: 21215, words }
}
