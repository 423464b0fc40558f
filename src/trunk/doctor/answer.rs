//! What a status code means, for a trunk and what it was asked.

use super::{Answer, Finding, Probe, audio};
use crate::sip::wire::{Message, Start};
use crate::store::rows::TrunkRow;
use crate::trunk::{normalise, route};
use serde_json::json;

/// In one sentence.
pub(super) fn means(probe: &Probe, trunk: &TrunkRow, answer: &Answer) -> Finding {
    let message = &answer.message;
    let (method, said) = (probe.method(), said(message));
    match (probe, message.code().unwrap_or(0)) {
        (Probe::Options, _) => Finding::good(format!("OPTIONS: {said}: the peer is there.")),
        (_, 401 | 407) => challenged(&format!("{method}: {said}"), trunk, answer.authorized),
        // Many registrars say no more than this to a wrong password, so that nobody learns who exists.
        (Probe::Register, 403 | 404) if answer.authorized => {
            challenged(&format!("REGISTER: {said}"), trunk, true)
        }
        (Probe::Register, code) => registered(&format!("REGISTER: {said}"), code),
        (Probe::Invite { .. }, code) if (101..300).contains(&code) && answer.unfit.is_some() => {
            let words = answer.unfit.as_ref().map(|e| e.words()).unwrap_or_default();
            Finding::bad(format!("INVITE: {said}, but the peer's audio does not do: {words}."))
        }
        (Probe::Invite { number, from }, 403) if answer.authorized => {
            let mut found = called(trunk, number, from, message, 403, &said);
            found.words.push_str(" Or it does not believe auth_user (username) and password.");
            found
        }
        (Probe::Invite { number, from }, code) => called(trunk, number, from, message, code, &said),
    }
}

/// The answer in words: `404 Not Found (Warning: ...)`.
pub(super) fn said(message: &Message) -> String {
    let phrase = match &message.start {
        Start::Response { code, reason } => format!("{code} {reason}"),
        Start::Request { .. } => String::new(),
    };
    let more = message.headers.text("Warning").map(|w| w.into_owned()).or_else(|| message.reason_text());
    more.map_or(phrase.clone(), |more| format!("{phrase} ({more})"))
}

/// The peer wants a user and a password, or others than ours.
fn challenged(said: &str, trunk: &TrunkRow, authorized: bool) -> Finding {
    let password = ("password", json!("the password"));
    match route::credentials(trunk).filter(|_| authorized) {
        Some(ours) => Finding::bad(format!(
            "{said}: auth user or password is wrong. The digest's user is '{}': set auth_user if it is another one, and password.",
            ours.username
        ))
        .with([("auth_user", json!("the user")), password]),
        None if route::credentials(trunk).is_some() => Finding::bad(format!(
            "{said}: the peer wants a proof that cannot be given: only Digest with MD5, SHA-256 or SHA-512-256 is spoken here."
        )),
        None => Finding::bad(format!(
            "{said}: the peer wants user and password: give the trunk username and password."
        ))
        .with([("username", json!("the user")), password]),
    }
}

fn registered(said: &str, code: u16) -> Finding {
    match code {
        200..300 => Finding::good("REGISTER: 200: the peer knows user and password."),
        403 | 404 => Finding::bad(format!(
            "{said}: the peer does not know this user there: look at username and outbound_host."
        )),
        405 | 501 => {
            Finding::bad(format!("{said}: nobody can register there: take authentication_mode ip_address."))
                .with([("authentication_mode", json!("ip_address"))])
        }
        _ => Finding::bad(format!("{said}.")),
    }
}

fn called(trunk: &TrunkRow, number: &str, from: &str, message: &Message, code: u16, said: &str) -> Finding {
    let written = normalise::outbound(number, trunk);
    let shown = trunk.from_user.as_deref().unwrap_or(from);
    let field = |name| message.headers.text(name).unwrap_or_default();
    let bad = |words: String| Finding::bad(format!("INVITE: {said}: {words}"));
    match code {
        101..300 | 480 | 486 | 487 | 600 | 603 => {
            Finding::good(format!("INVITE: {said}: the call reaches {written}."))
        }
        300..400 => Finding::good(format!(
            "INVITE: {said}: the peer sends the call elsewhere (redirects of the trunk says whether it is followed)."
        )),
        404 | 410 | 484 | 604 => bad(format!(
            "the peer knows no '{written}': it wants the number written otherwise, or has none such."
        )),
        403 => bad(format!(
            "the peer does not let '{shown}' call (From), or not to '{written}'. Numbers that it gave you belong into from_user or default_sender."
        )),
        415 | 488 | 606 => bad(audio::refused(trunk, message, said)),
        421 => bad(format!("the peer requires {}.", field("Require"))),
        420 => bad(format!("the peer does not know {}.", field("Unsupported"))),
        416 => bad("the peer does not take this address: look at outbound_dial_string.".to_owned()),
        482 | 483 => bad("the call comes back to where it was: a loop between the peer and us.".to_owned()),
        402 => bad("the account there has no credit.".to_owned()),
        500..600 => {
            bad("the peer cannot carry the call; it is not a matter of how it is written.".to_owned())
        }
        _ => Finding::bad(format!("INVITE: {said}.")),
    }
}
