//! What an INVITE over a trunk says of who calls: From, P-Asserted-Identity or Remote-Party-ID, Privacy, Diversion.

use super::policy::Asserts;
use crate::sip::wire::escape_user;
use crate::store::rows::TrunkRow;

/// From of somebody who does not want to be known (RFC 3323 section 4.1.1.3).
const ANONYMOUS: &str = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";

/// Callers that are none, as switches and Twilio's customers write them.
const WITHHELD: &[&str] = &["anonymous", "restricted", "private", "unavailable", "unknown"];

/// Is this the caller ID of somebody who does not want to be known?
pub fn is_withheld(caller: &str) -> bool {
    WITHHELD.iter().any(|word| word.eq_ignore_ascii_case(caller))
}

/// Whom an INVITE names. `LOCAL` as a host stands for our address on the flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller<'a> {
    /// User part of From, fit for a URI.
    pub shown: &'a str,
    /// The number that we vouch for; without one nothing is asserted.
    pub asserted: Option<&'a str>,
    /// The caller does not want to be known.
    pub withheld: bool,
    /// Who forwarded the call, the last one first.
    pub diverted_by: &'a [String],
}

/// From, and the fields beside it.
pub fn write(trunk: &TrunkRow, caller: &Caller<'_>) -> (String, Vec<(String, String)>) {
    let policy = trunk.identity;
    // A network that is told nothing apart from From bills by it.
    let hides = caller.withheld && policy.outbound != Asserts::None;
    let from = if hides { ANONYMOUS.to_owned() } else { format!("<sip:{}@LOCAL>", caller.shown) };
    let mut fields = Vec::new();
    let mut add = |name: &str, value: String| fields.push((name.to_owned(), value));
    match (policy.outbound, caller.asserted.map(escape_user)) {
        (Asserts::PAssertedIdentity, asserted) => {
            asserted.into_iter().for_each(|n| add("P-Asserted-Identity", format!("<sip:{n}@LOCAL>")));
            if hides {
                add("Privacy", "id".to_owned());
            }
        }
        (Asserts::RemotePartyId, Some(number)) => {
            let privacy = if hides { "full" } else { "off" };
            let value = format!("<sip:{number}@LOCAL>;party=calling;screen=yes;privacy={privacy}");
            add("Remote-Party-ID", value);
        }
        (Asserts::RemotePartyId | Asserts::None, _) => {}
    }
    if policy.diversion {
        for by in caller.diverted_by {
            let value = format!("<sip:{}@LOCAL>;reason=unconditional", escape_user(by));
            add("Diversion", value);
        }
    }
    (from, fields)
}
