//! What an INVITE says of who calls and who forwarded it: P-Asserted-Identity and Privacy (RFC 3325, RFC 3323), Remote-Party-ID,
//! Diversion (RFC 5806), History-Info (RFC 7044). Whether it is believed is the trunk's to say.

use super::telephone;
use super::wire::{Message, NameAddr};

/// A user and its host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    /// Number or name.
    pub user: String,
    /// Host; empty for a `tel:` URI.
    pub host: String,
}

/// Who calls, as networks say it among themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Of P-Asserted-Identity, else Remote-Party-ID; a number rather than a name where both are given.
    pub asserted: Option<Party>,
    /// The caller does not want to be known.
    pub withheld: bool,
}

/// The elements of a field that can be read.
fn addresses(message: &Message, name: &str) -> Vec<NameAddr> {
    message.headers.elements(name).iter().filter_map(|v| NameAddr::parse(v).ok()).collect()
}

fn party(address: &NameAddr) -> Party {
    Party { user: telephone::user(&address.uri), host: address.uri.host.clone() }
}

/// Reads what stands beside From.
pub fn read(message: &Message) -> Identity {
    let asserted = addresses(message, "P-Asserted-Identity");
    let number = |a: &&NameAddr| party(a).user.trim_start_matches('+').bytes().all(|b| b.is_ascii_digit());
    let asserted = asserted.iter().find(number).or(asserted.first()).map(party);
    let remote = addresses(message, "Remote-Party-ID");
    let calling =
        remote.iter().find(|r| r.params.get("party").is_none_or(|p| p.eq_ignore_ascii_case("calling")));
    let hidden =
        calling.and_then(|r| r.params.unquoted("privacy")).is_some_and(|p| hides(&p, &["full", "uri"]));
    let asserted = asserted.or_else(|| calling.map(party)).filter(|p| !p.user.is_empty());
    let private = message.headers.text("Privacy").is_some_and(|p| hides(&p, &["id", "user", "header"]));
    Identity { asserted, withheld: private || hidden }
}

/// One of these words stands in a list of privacies; `none` outweighs all (RFC 3323 section 4.2).
fn hides(value: &str, words: &[&str]) -> bool {
    let given = || value.split([';', '-', ',']).map(str::trim);
    given().any(|g| words.iter().any(|w| w.eq_ignore_ascii_case(g)))
        && !given().any(|g| g.eq_ignore_ascii_case("none"))
}

/// Who forwarded the call last; empty if nobody did.
pub fn diverted_by(message: &Message) -> String {
    let diversion = addresses(message, "Diversion").first().map(|d| telephone::user(&d.uri));
    diversion.or_else(|| by_history(message)).unwrap_or_default()
}

/// The last entry that was left because of an answer or a forwarding: it bears the Reason itself, or the one after it a `cause`
/// (RFC 4458) that says why the call came there.
fn by_history(message: &Message) -> Option<String> {
    let entries = addresses(message, "History-Info");
    let left = |entry: &NameAddr| {
        let reason = |(name, value): &(String, String)| {
            name.eq_ignore_ascii_case("Reason") && value.to_ascii_lowercase().contains("cause=")
        };
        entry.uri.header_fields().iter().any(reason)
    };
    let place = entries.iter().enumerate().rev().find_map(|(at, entry)| match () {
        () if left(entry) => Some(at),
        () if entry.uri.params.has("cause") => at.checked_sub(1),
        () => None,
    })?;
    entries.get(place).map(|entry| telephone::user(&entry.uri))
}
