//! What else to try with an answer: trunks that differ in one thing, which is the mistake if they come further.

use super::{Change, Finding, Outcome, Probe, Stage, answer, audio, stage};
use crate::sip::wire::{Message, Uri};
use crate::store::rows::TrunkRow;
use crate::trunk::manners::Reliability;
use crate::trunk::{countries, normalise, route};
use serde_json::{Value, json};

/// How the rest of the world dials abroad, where the trunk names no country.
const EXIT: &str = "00";
/// Most users that are tried with the password: who guesses for long is shut out.
const USERS_MAX: usize = 4;

/// Another trunk.
#[derive(Clone, Debug)]
pub struct Variation {
    /// What was the mistake if this comes further.
    pub mistake: &'static str,
    /// What to PATCH then.
    pub patch: Vec<Change>,
    /// The trunk with it.
    pub row: TrunkRow,
}

/// In the order in which to try them; none where nothing that a trunk says would help.
pub fn variations(probe: &Probe, trunk: &TrunkRow, outcome: &Outcome) -> Vec<Variation> {
    let Outcome::Answered(answer) = outcome else { return Vec::new() };
    match (probe, answer.message.code().unwrap_or(0)) {
        (Probe::Register | Probe::Invite { .. }, 401 | 407) | (Probe::Register, 403 | 404)
            if answer.authorized =>
        {
            users(trunk)
        }
        (Probe::Invite { number, .. }, 404 | 410 | 416 | 484 | 604) => spellings(trunk, number),
        (Probe::Invite { number, from }, 403) => {
            callers(trunk, from).into_iter().chain(spellings(trunk, number)).collect()
        }
        (Probe::Invite { .. }, 420 | 421) => reliability(trunk, &answer.message).into_iter().collect(),
        (Probe::Invite { .. }, _) if stage(probe, outcome) == Stage::Spoken => {
            audio::variations(trunk, answer)
        }
        _ => Vec::new(),
    }
}

/// Did one of them come further? Then what it changes was the mistake.
pub fn mended(probe: &Probe, variation: &Variation, before: &Outcome, now: &Outcome) -> Option<Finding> {
    let Outcome::Answered(found) = now else { return None };
    let reached = stage(probe, now);
    if reached <= stage(probe, before) {
        return None;
    }
    let json: Value = variation.patch.iter().map(|(name, value)| (*name, value.clone())).collect();
    let mistake = variation.mistake;
    let said = answer::said(&found.message);
    let end = match (reached, probe) {
        (Stage::Through, Probe::Register) => format!("the peer knows us ({said})"),
        (Stage::Through, _) => format!("the call gets through ({said})"),
        _ => format!("it comes further: {said}"),
    };
    Some(Finding::good(format!("{mistake} is the mistake: with {json} {end}.")))
}

/// Other users of the digest with the same password: the peer names nobody, but what the trunk says of itself is often it.
fn users(trunk: &TrunkRow) -> Vec<Variation> {
    let now = trunk.auth_user.as_ref().or(trunk.username.as_ref());
    let name = trunk.username.as_deref();
    let host = Uri::parse(&format!("sip:{}", route::host(trunk))).map(|uri| uri.host).unwrap_or_default();
    let number = trunk.default_sender.as_deref();
    let all = [
        name.map(str::to_owned),
        trunk.from_user.clone(),
        name.filter(|n| !n.contains('@')).map(|n| format!("{n}@{host}")),
        name.and_then(|n| n.split_once('@')).map(|(user, _)| user.to_owned()),
        number.map(|n| n.trim_start_matches('+').to_owned()),
        number.map(str::to_owned),
    ];
    let mut seen: Vec<String> = now.cloned().into_iter().collect();
    let mut out = Vec::new();
    for user in all.into_iter().flatten() {
        if seen.contains(&user) || out.len() >= USERS_MAX {
            continue;
        }
        let own = Some(user.as_str()) == name;
        let value = if own { Value::Null } else { json!(user) };
        let auth_user = (!own).then(|| user.clone());
        out.push(Variation {
            mistake: "The auth user",
            patch: vec![("auth_user", value)],
            row: TrunkRow { auth_user, ..trunk.clone() },
        });
        seen.push(user);
    }
    out
}

/// Other users of From: the account's name, or the caller itself.
fn callers(trunk: &TrunkRow, from: &str) -> Vec<Variation> {
    let shown = trunk.from_user.as_deref().unwrap_or(from);
    let named = [&trunk.username, &trunk.auth_user, &trunk.default_sender];
    let named = named.into_iter().flatten().filter(|user| *user != shown).map(|user| Some(user.clone()));
    let itself = trunk.from_user.is_some().then_some(None);
    let mut all: Vec<Option<String>> = itself.into_iter().chain(named).collect();
    all.dedup();
    let vary = |from_user: Option<String>| Variation {
        mistake: "The From user",
        patch: vec![("from_user", json!(from_user))],
        row: TrunkRow { from_user, ..trunk.clone() },
    };
    all.into_iter().map(vary).collect()
}

/// The number written otherwise; each Request-URI once.
fn spellings(trunk: &TrunkRow, number: &str) -> Vec<Variation> {
    let mut seen = vec![route::dial_string(trunk, number)];
    let mut all = prefixes(trunk);
    all.extend(national(trunk, number));
    all.extend(trunk.outbound_dial_string.is_some().then(|| Variation {
        mistake: "The dial string",
        patch: vec![("outbound_dial_string", Value::Null)],
        row: TrunkRow { outbound_dial_string: None, ..trunk.clone() },
    }));
    all.retain(|other| {
        let uri = route::dial_string(&other.row, number);
        let new = !seen.contains(&uri);
        seen.push(uri);
        new
    });
    all
}

/// With and without `+`, with and without a prefix.
fn prefixes(trunk: &TrunkRow) -> Vec<Variation> {
    let plus = normalise::plus(trunk);
    let vary = |mistake, plus_now: bool, prefix: Option<&str>| {
        let row = TrunkRow {
            outbound_plus_prefix: Some(plus_now),
            outbound_dial_string_prefix: prefix.map(str::to_owned),
            ..trunk.clone()
        };
        let mut patch = Vec::new();
        if plus_now != plus {
            patch.push(("outbound_plus_prefix", json!(plus_now)));
        }
        if prefix != trunk.outbound_dial_string_prefix.as_deref() {
            patch.push(("outbound_dial_string_prefix", json!(prefix)));
        }
        Variation { mistake, patch, row }
    };
    match trunk.outbound_dial_string_prefix.as_deref() {
        Some(prefix) => vec![
            vary("The +", !plus, Some(prefix)),
            vary("The prefix", plus, None),
            vary("The prefix, and the +,", !plus, None),
        ],
        None => {
            let plan = trunk.country.as_deref().and_then(countries::of);
            let exit = plan.and_then(|plan| plan.exit.split(' ').find(|e| !e.is_empty())).unwrap_or(EXIT);
            vec![vary("The +", !plus, None), vary("The prefix", false, Some(exit))]
        }
    }
}

/// As within the country, or not so; where the trunk names no country, that of the number.
fn national(trunk: &TrunkRow, number: &str) -> Option<Variation> {
    let national = !trunk.outbound_national_dialing;
    let of_number =
        || Some(countries::plans(countries::split(number.strip_prefix('+')?)?.0).next()?.iso.to_owned());
    let country = trunk.country.clone().or_else(of_number)?;
    let mut patch = vec![("outbound_national_dialing", json!(national))];
    if trunk.country.is_none() {
        patch.push(("inbound_country", json!(country)));
    }
    // The API makes it so, too: what is written as within a country has no plus.
    let row = TrunkRow {
        outbound_national_dialing: national,
        outbound_plus_prefix: None,
        country: Some(country),
        ..trunk.clone()
    };
    Some(Variation { mistake: "The national form", patch, row })
}

/// Provisional responses that are acknowledged, where the peer cannot or must.
fn reliability(trunk: &TrunkRow, answer: &Message) -> Option<Variation> {
    let asked = ["Require", "Unsupported"].iter().flat_map(|name| answer.headers.elements(name));
    let about = asked.into_iter().any(|tag| tag.eq_ignore_ascii_case("100rel"));
    let other = Reliability::Supported;
    (about && trunk.reliability != other).then(|| Variation {
        mistake: "reliable_provisional",
        patch: vec![("reliable_provisional", json!(other.as_str()))],
        row: TrunkRow { reliability: other, ..trunk.clone() },
    })
}
