//! Where a dialled number leads, for whoever has to pay for it: a zone is a calling code, within the North American plan the area
//! too, because the islands there cost what other continents cost.

use super::countries;

/// Longest string of digits that is an extension, not a number that a carrier would take.
const EXTENSION_MAX: usize = 6;

/// Areas of the North American plan outside the United States and Canada (NANPA), and its premium rates.
#[rustfmt::skip]
const AREAS: &[&str] = &[
    "242", "246", "264", "268", "284", "340", "345", "441", "473", "649", "658", "664", "670", "671", "684", "721", "758", "767",
    "784", "787", "809", "829", "849", "868", "869", "876", "900", "939",
];

/// A part of the world that is opened or closed as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Zone {
    /// An extension, a service of the own exchange, a name.
    Inside,
    /// A calling code, `1` and an area for the islands of the North American plan.
    Code(String),
    /// A number that cannot be read: nobody knows where it leads.
    Unknown,
}

/// The zone of a number as it is dialled: in E.164, with an international prefix, or an extension.
pub fn zone(number: &str) -> Zone {
    let bare: String = number.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
    let digits = bare.strip_prefix('+').unwrap_or(&bare);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        // `+882x` is no name, and a carrier may make a number of it; nor is `00882...#`, or a star code that ends in a number.
        let number = digits.bytes().filter(u8::is_ascii_digit).count() > EXTENSION_MAX;
        let named = digits.chars().any(char::is_alphabetic);
        return if bare.starts_with('+') || number && !named { Zone::Unknown } else { Zone::Inside };
    }
    let international = ["011", "00"].iter().find_map(|prefix| digits.strip_prefix(prefix));
    match international {
        _ if bare.starts_with('+') => code(digits),
        _ if digits.len() <= EXTENSION_MAX => Zone::Inside,
        Some(rest) => code(rest),
        None => Zone::Unknown,
    }
}

fn code(digits: &str) -> Zone {
    let Some((code, rest)) = countries::split(digits) else { return Zone::Unknown };
    match AREAS.iter().find(|area| code == "1" && rest.starts_with(**area)) {
        Some(area) => Zone::Code(format!("1{area}")),
        None => Zone::Code(code.to_owned()),
    }
}

/// Is this how a zone is written? Without `+`, a calling code that exists, or one of the areas.
pub fn is_zone(text: &str) -> bool {
    code(text) == Zone::Code(text.to_owned())
}

/// The countries of a zone, for people.
pub fn names(zone: &str) -> String {
    let plan = if zone.len() > 1 && zone.starts_with('1') { "" } else { zone };
    countries::plans(plan).map(|p| p.iso).filter(|iso| *iso != "001").collect::<Vec<_>>().join(", ")
}
