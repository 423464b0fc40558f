//! How numbers are written: E.164 where that can be told, as a trunk wants them where they are dialled. What is no number keeps its name.

use super::countries::{self, Plan};
use crate::store::rows::{TrunkMode, TrunkRow};

/// Digits of a number of the North American plan.
const NANP: usize = 10;
/// Most digits of an E.164 number.
const E164_MAX: usize = 15;
/// Fewest digits that are taken for a whole number: shorter ones are extensions, or lack their area.
const NUMBER_MIN: usize = 6;
/// The same where numbers of a country differ much in length: there an area may be missing from longer ones, too.
const OPEN_MIN: usize = 9;
/// A plan whose lengths differ by more is open.
const CLOSED_SPREAD: usize = 3;

/// `415-555-1212`, `(415) 555-1212` and `1 415 555 1212` are numbers of the North American plan, as Twilio takes them
/// (twiml.md 3.2.1); a `+` stays; everything else (an extension of a PBX, `911`) is the digits without what people write
/// between them.
pub fn dialled(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if text.trim_start().starts_with('+') {
        return format!("+{digits}");
    }
    let national = digits.strip_prefix('1').filter(|d| d.len() == NANP).unwrap_or(&digits);
    match national.len() == NANP && national.starts_with(|c: char| ('2'..='9').contains(&c)) {
        true => format!("+1{national}"),
        false => digits,
    }
}

/// The user part of a URI that came over a trunk of this country, as E.164 with `+` where that can be told. An extension stays the
/// digits that it is, and whatever is more than digits keeps its name.
pub fn inbound(user: &str, country: Option<&str>) -> String {
    let bare = bare(user);
    let digits = bare.strip_prefix('+').unwrap_or(&bare);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return user.to_owned();
    }
    if bare.starts_with('+') {
        return format!("+{}", without_inner_prefix(digits));
    }
    let plan = country.and_then(countries::of);
    let told = abroad(digits, plan).or_else(|| plan.and_then(|plan| within(digits, plan)));
    match told {
        Some(number) => format!("+{number}"),
        None if digits.len() < NUMBER_MIN => user.to_owned(),
        None => digits.to_owned(),
    }
}

/// Without parameters (`;npdi`) and what people write between digits.
fn bare(user: &str) -> String {
    let user = user.split(';').next().unwrap_or(user);
    user.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')' | '/')).collect()
}

/// `+44 (0)20 7946 0000`: the national prefix does not belong between code and number.
fn without_inner_prefix(digits: &str) -> String {
    let found = countries::split(digits).and_then(|(code, rest)| {
        let plan = countries::plans(code).find(|p| p.prefixes().next().is_some())?;
        Some(format!("{code}{}", after_code(rest, plan)?))
    });
    found.unwrap_or_else(|| digits.to_owned())
}

/// What follows a calling code as it should; None if no number can be made of it.
fn after_code(rest: &str, plan: &Plan) -> Option<String> {
    // Until 2019 a mobile telephone of Mexico was called with a 1 from abroad, and many a table still has it.
    let free = || plan.free_prefix(rest).map(|_| rest.to_owned());
    let mexican = || rest.strip_prefix('1').filter(|r| plan.iso == "MX" && plan.fits(r.len()));
    free()
        .or_else(|| stripped(rest, plan))
        .or_else(|| mexican().map(str::to_owned))
        .or_else(|| plan.fits(rest.len()).then(|| rest.to_owned()))
}

/// After an international prefix: the country's own ones, then `00`, which the rest of the world writes.
fn abroad(digits: &str, plan: Option<&Plan>) -> Option<String> {
    let own = plan.map_or("", |p| p.exit).split(' ').filter(|p| !p.is_empty());
    let mut rests = std::iter::once("00").chain(own).filter_map(|prefix| digits.strip_prefix(prefix));
    let plausible = rests.find(|rest| countries::plausible(rest));
    // No national number begins with two zeros, so it is meant, whether we know the country or not.
    let meant =
        || digits.strip_prefix("00").filter(|r| (7..=E164_MAX).contains(&r.len()) && !r.starts_with('0'));
    plausible.or_else(meant).map(without_inner_prefix)
}

/// Without an international prefix: a number of the country, with or without its national prefix, or with the calling code alone.
fn within(digits: &str, plan: &Plan) -> Option<String> {
    let coded = || digits.strip_prefix(plan.code).filter(|rest| plan.free_prefix(rest).is_some());
    if let Some(number) = plan.freephone(digits).or_else(coded) {
        return Some(format!("{}{number}", plan.code));
    }
    if let Some(number) = stripped(digits, plan).filter(|n| digits.len() >= NUMBER_MIN && plan.fits(n.len()))
    {
        return Some(format!("{}{number}", plan.code));
    }
    // Where a national prefix is written, a number without it is more likely one without its `+`.
    let prefixed = !plan.prefix.is_empty();
    if let Some(rest) = digits.strip_prefix(plan.code)
        && (digits.len() > plan.max || prefixed && digits.len() >= OPEN_MIN)
        && let Some(number) = after_code(rest, plan)
    {
        return Some(format!("{}{number}", plan.code));
    }
    let open = plan.max.saturating_sub(plan.min) > CLOSED_SPREAD;
    let least = if open && prefixed { OPEN_MIN } else { NUMBER_MIN };
    if plan.fits(digits.len()) && digits.len() >= least && may_begin(digits, plan) {
        return Some(format!("{}{digits}", plan.code));
    }
    // Carriers write any number without its `+`.
    let foreign = digits.len() > plan.max && digits.len() >= NANP && countries::plausible(digits);
    foreign.then(|| digits.to_owned())
}

/// Areas of the North American plan begin with 2 to 9; where `0` is the national prefix, no number begins with it.
fn may_begin(digits: &str, plan: &Plan) -> bool {
    match digits.bytes().next() {
        Some(b'0') => !plan.prefix.starts_with('0') && plan.code != "1",
        Some(b'1') => plan.code != "1",
        _ => true,
    }
}

/// A national number without its national prefix; None if it has none. A prefix that may as well be the beginning of a number (the 8
/// of Russia) is one only where the number would be too long with it.
fn stripped(digits: &str, plan: &Plan) -> Option<String> {
    let free = |rest: &str| plan.free_prefix(rest).is_some();
    let fits = |rest: &str| plan.fits(rest.len()) || free(rest) || special(rest, plan).is_some();
    let prefix = plan.prefixes().find(|prefix| {
        let surely = prefix.starts_with('0') || digits.len() > plan.max;
        digits.strip_prefix(prefix).is_some_and(|rest| surely && fits(rest))
    })?;
    let rest = digits.strip_prefix(prefix)?;
    Some(special(rest, plan).unwrap_or_else(|| rest.to_owned()))
}

/// What two countries write within a number and not from abroad: Brazil the carrier, Argentina the 15 of a mobile telephone.
fn special(rest: &str, plan: &Plan) -> Option<String> {
    match (plan.iso, rest.len()) {
        ("BR", 12 | 13) => rest.get(2..).map(str::to_owned),
        ("AR", 12) => [2, 3, 4].into_iter().find_map(|at| {
            let (area, number) = rest.split_at_checked(at)?;
            // Only Buenos Aires has an area of two digits.
            let known = at != 2 || area == "11";
            let number = number.strip_prefix("15").filter(|_| known)?;
            Some(format!("9{area}{number}"))
        }),
        _ => None,
    }
}

/// Does what this trunk dials begin with a `+`? Carriers want E.164, so it does unless the trunk says otherwise, the numbers are
/// written as within the country, or we are registered there like a telephone.
pub fn plus(trunk: &TrunkRow) -> bool {
    let usual =
        trunk.authentication_mode != TrunkMode::OutboundRegistration && !trunk.outbound_national_dialing;
    trunk.outbound_plus_prefix.unwrap_or(usual)
}

/// A number as this trunk's peer wants it dialled. Only what begins with `+` is a number; an extension gets the trunk's prefix and
/// nothing else.
pub fn outbound(number: &str, trunk: &TrunkRow) -> String {
    let prefix = trunk.outbound_dial_string_prefix.as_deref().unwrap_or("");
    let Some(digits) = number.strip_prefix('+') else { return format!("{prefix}{number}") };
    let national = trunk.outbound_national_dialing.then(|| national(digits, trunk)).flatten();
    let plus = if plus(trunk) { "+" } else { "" };
    format!("{plus}{prefix}{}", national.as_deref().unwrap_or(digits))
}

/// The number as it is dialled within the trunk's country, if it is one of that country.
fn national(digits: &str, trunk: &TrunkRow) -> Option<String> {
    let plan = countries::of(trunk.country.as_deref()?)?;
    let rest = digits.strip_prefix(plan.code)?;
    Some(format!("{}{rest}", plan.free_prefix(rest).unwrap_or(plan.prefix)))
}
