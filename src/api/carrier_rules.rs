//! An account's rules as the operator sets them: how fast, how much, and to which countries it may call.

use super::carrier_body::{Given, unprocessable};
use super::refusal::Refusal;
use crate::store::account_rules::{AccountRules, EVERYWHERE};
use crate::trunk::destination::is_zone;
use serde_json::{Map, Value, json};

/// Takes over what was given; null sets back to what a new account has.
///
/// # Errors
/// 422 about the attribute.
pub fn apply(given: &Given, rules: &mut AccountRules) -> Result<(), Refusal> {
    let fresh = AccountRules::of_new();
    let number = |n: i64| u32::try_from(n).ok();
    if let Some(rate) = given.number("calls_per_second") {
        rules.calls_per_second = rate.and_then(number).unwrap_or(fresh.calls_per_second);
    }
    if let Some(most) = given.number("max_concurrent_calls") {
        rules.max_concurrent_calls = most.and_then(number);
    }
    if let Some(most) = given.number("max_minutes_per_day") {
        rules.max_minutes_per_day = most.and_then(number);
    }
    if let Some(codes) = given.list("allowed_calling_codes") {
        if let Some(code) = codes.iter().find(|code| !is_zone(code)) {
            let words =
                format!("{code} is no calling code, nor 1 and an area outside the United States and Canada.");
            return Err(unprocessable(words).about("allowed_calling_codes"));
        }
        let all = rules.allowed_calling_codes.iter().any(|code| code == EVERYWHERE);
        rules.allowed_calling_codes = codes.into_iter().chain(all.then(|| EVERYWHERE.to_owned())).collect();
    }
    if let Some(all) = given.flag("all_countries") {
        rules.allowed_calling_codes.retain(|code| code != EVERYWHERE);
        if all.unwrap_or(false) {
            rules.allowed_calling_codes.push(EVERYWHERE.to_owned());
        }
    }
    Ok(())
}

/// As attributes.
pub fn show(rules: &AccountRules) -> Map<String, Value> {
    let (all, codes): (Vec<&String>, Vec<&String>) =
        rules.allowed_calling_codes.iter().partition(|code| *code == EVERYWHERE);
    let shown = json!({
        "calls_per_second": rules.calls_per_second,
        "allowed_calling_codes": codes,
        "all_countries": !all.is_empty(),
        "home_calling_code": rules.home,
        "max_concurrent_calls": rules.max_concurrent_calls,
        "max_minutes_per_day": rules.max_minutes_per_day,
    });
    match shown {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
