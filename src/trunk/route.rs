//! Which way a number goes, and what stands in the Request-URI there.

use super::normalise;
use crate::sid::AccountSid;
use crate::sip::event::Credentials;
use crate::store::rows::{TrunkMode, TrunkRow};

/// Most trunks that are tried for one call.
pub const CANDIDATES_MAX: usize = 8;

/// The host of a peer that registers here, until its contact takes the place: it has no other name.
pub const LOCAL_DOMAIN: &str = "chorus.local";

/// What we show where a trunk's peer challenges us; None: there is nothing to show.
pub fn credentials(trunk: &TrunkRow) -> Option<Credentials> {
    let user = trunk.auth_user.as_ref().or(trunk.username.as_ref())?;
    Some(Credentials { username: user.clone(), password: trunk.password.clone()? })
}

/// Can calls go out over it: to a host, or to where its peer has registered?
pub fn dials(trunk: &TrunkRow) -> bool {
    match trunk.authentication_mode {
        TrunkMode::ClientCredentials => trunk.username.is_some(),
        TrunkMode::IpAddress | TrunkMode::OutboundRegistration => trunk.outbound_host.is_some(),
    }
}

/// May the account use it? One that is pinned is its account's alone.
pub fn is_open(trunk: &TrunkRow, account: AccountSid) -> bool {
    trunk.account.is_none_or(|a| a == account)
}

/// How well a number fits the prefixes of a trunk: the length of the longest that it begins with, 0 for a trunk that takes every
/// number; None where it has prefixes and none fits.
fn match_length(trunk: &TrunkRow, digits: &str) -> Option<usize> {
    if trunk.outbound_route_prefixes.is_empty() {
        return Some(0);
    }
    let fitting = trunk.outbound_route_prefixes.iter().filter(|p| digits.starts_with(p.as_str()));
    fitting.map(String::len).max()
}

/// Was it made to carry numbers? A peer that registers here and says nothing of prefixes may be one telephone: it gets a number only
/// where there is no other way.
fn carries(trunk: &TrunkRow) -> bool {
    trunk.authentication_mode != TrunkMode::ClientCredentials || !trunk.outbound_route_prefixes.is_empty()
}

/// The trunks that can dial `number` for `account`, best first: the account's own, then by the longest prefix that the number begins
/// with, then those without prefixes; peers that register here without prefixes only where there is nothing else. Equals stay in their order.
pub fn candidates<'a>(trunks: &'a [TrunkRow], account: AccountSid, number: &str) -> Vec<&'a TrunkRow> {
    let digits = number.trim_start_matches('+');
    let mut found: Vec<(bool, bool, usize, &TrunkRow)> = trunks
        .iter()
        .filter(|t| is_open(t, account) && dials(t))
        .filter_map(|t| Some((carries(t), t.account.is_some(), match_length(t, digits)?, t)))
        .collect();
    // A telephone must not ring because a carrier is slow.
    if found.iter().any(|(carries, ..)| *carries) {
        found.retain(|(carries, ..)| *carries);
    }
    found.sort_by_key(|(carries, own, length, _)| std::cmp::Reverse((*carries, *own, *length)));
    found.into_iter().map(|(.., t)| t).take(CANDIDATES_MAX).collect()
}

/// The host that stands in the URIs of calls over a trunk.
pub fn host(trunk: &TrunkRow) -> &str {
    trunk.outbound_host.as_deref().unwrap_or(LOCAL_DOMAIN)
}

/// Why a trunk takes no further call.
pub fn full(trunk: &TrunkRow) -> String {
    format!("trunk {} ({}) has as many calls as its max_channels allows", trunk.sid, trunk.name)
}

/// Why a user that would have to register here cannot be called.
pub fn not_registered(user: &str) -> String {
    format!("{user} is not registered")
}

/// The Request-URI of a number over a trunk.
pub fn dial_string(trunk: &TrunkRow, number: &str) -> String {
    let written = normalise::outbound(number, trunk);
    let user = trunk.username.as_deref().unwrap_or("");
    match &trunk.outbound_dial_string {
        Some(template) => {
            filled(template, &[("{number}", &written), ("{host}", host(trunk)), ("{user}", user)])
        }
        None => format!("sip:{written}@{}", host(trunk)),
    }
}

/// A template with its places filled, from left to right: what is filled in is not looked at again.
fn filled(template: &str, places: &[(&str, &str)]) -> String {
    let (mut out, mut rest) = (String::new(), template);
    while let Some((before, from)) = rest.find('{').and_then(|at| rest.split_at_checked(at)) {
        out.push_str(before);
        let place = places.iter().find_map(|(name, value)| Some((value, from.strip_prefix(name)?)));
        let (value, after) =
            place.map_or_else(|| from.split_at_checked(1).unwrap_or((from, "")), |(v, a)| (*v, a));
        out.push_str(value);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The places that a template may name.
pub const PLACES: &[&str] = &["{number}", "{host}", "{user}"];

/// Is this a template: a `sip:` URI that says where the number goes, with no places but the known ones?
pub fn is_template(text: &str) -> bool {
    let bare = PLACES.iter().fold(text.to_owned(), |t, place| t.replace(place, "0"));
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;/%@:[]".contains(&b);
    let Some(address) = bare.strip_prefix("sip:") else { return false };
    let host = address.split_once('@').map_or("", |(_, host)| host);
    let host = host.split([';', ':']).next().unwrap_or("");
    text.contains("{number}") && bare.bytes().all(fits) && !host.is_empty()
}
