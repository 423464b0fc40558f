//! Step by step: what happens to a call over one trunk, and why not. Here are the sentences about what a trunk's row says; what decides
//! now is asked by `switch::explain` of the functions that decide it, and their words are what a refusal stores.

use super::{identify::Network, media::SrtpPolicy, normalise, route};
use crate::sid::{AccountSid, TrunkSid};
use crate::sip::event::Alternative;
use crate::sip::telephone;
use crate::sip::wire::{Scheme, Uri};
use crate::store::rows::{TrunkMode, TrunkRow};
use std::net::IpAddr;

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// Over which trunk of the operator, or of an account.
    pub trunk: TrunkSid,
    /// The number as it is dialled, or the Request-URI.
    pub number: String,
    /// What an account dials then; otherwise the same.
    pub callee: Option<String>,
    /// Who calls, as it stands in From.
    pub from: Option<String>,
    /// Who dials out; otherwise found out by trunk and numbers.
    pub account: Option<AccountSid>,
    /// Where a call comes from; otherwise from where the trunk or the lists say.
    pub source: Option<IpAddr>,
}

impl Question {
    /// Whom a call that comes in is for, as the Request-URI says it: the user, and the host where one is written.
    pub fn called(&self) -> (String, Option<String>) {
        match in_a_uri(&self.number) {
            Some(uri) => (telephone::user(&uri), Some(uri.host)),
            None => (self.number.clone(), None),
        }
    }

    /// Who calls, as From says it.
    pub fn caller(&self) -> Option<String> {
        let from = self.from.as_deref()?;
        Some(in_a_uri(from).map_or_else(|| from.to_owned(), |uri| telephone::user(&uri)))
    }

    /// What an account dials.
    pub fn dials(&self) -> &str {
        self.callee.as_deref().unwrap_or(&self.number)
    }
}

/// An address with a scheme; a number has none.
fn in_a_uri(text: &str) -> Option<Uri> {
    Uri::parse(text).ok().filter(|uri| !uri.host.is_empty() || uri.scheme == Scheme::Tel)
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// Who would dial out, if that is known.
    pub account: Option<AccountSid>,
    /// A call that comes in.
    pub inbound: Vec<Step>,
    /// A call that the account asks for by POST Calls.
    pub outbound: Vec<Step>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The call goes on.
    pub ok: bool,
    /// What was looked at, and what would have matched.
    pub words: String,
    /// Of the last step of a call that is refused: its code on Notifications or in the answer to POST Calls, which hold these words.
    pub code: Option<u32>,
}

/// It goes on.
pub fn yes(words: impl Into<String>) -> Step {
    Step { ok: true, words: words.into(), code: None }
}

/// It does not, or not this way.
pub fn no(words: impl Into<String>) -> Step {
    Step { ok: false, words: words.into(), code: None }
}

/// It is refused, in these words.
pub fn refused(code: u32, words: impl Into<String>) -> Step {
    Step { ok: false, words: words.into(), code: Some(code) }
}

/// What a call that comes in over `trunk` meets before it is asked whom it is for. `beside`: the trunks that have its address, too.
/// If the last step is a no, nobody can call over it.
pub fn arriving(trunk: &TrunkRow, beside: &[&TrunkRow], number: &str, from: Option<&str>) -> Vec<Step> {
    let mut steps = vec![known_by(trunk)];
    if !steps.iter().all(|step| step.ok) {
        return steps;
    }
    let others = beside.iter().filter(|t| t.sid != trunk.sid).map(|t| name(t)).collect::<Vec<_>>();
    if !others.is_empty() {
        steps.push(yes(format!(
            "{} may call from there, too: whose call it is, the number decides.",
            others.join(" and ")
        )));
    }
    if trunk.tls.client_auth {
        let whose = believed(trunk, "an authority of this machine", "any name");
        steps.push(yes(format!(
            "It must come over TLS and show a certificate: {whose}; others are strangers."
        )));
    }
    steps.extend(media(trunk));
    if let Some(from) = from {
        let read = normalise::inbound(from, trunk.country.as_deref());
        steps.push(yes(format!("From '{from}' is shown as '{read}'.")));
    }
    let read = normalise::inbound(number, trunk.country.as_deref());
    let country = trunk.country.as_deref().unwrap_or("no country");
    steps.push(yes(format!("'{number}' is read as '{read}' (inbound_country: {country}).")));
    steps
}

/// A trunk in a sentence.
pub fn name(trunk: &TrunkRow) -> String {
    format!("{} ({})", trunk.sid, trunk.name)
}

/// An address that its peer may send from, if it says so.
pub fn sender(trunk: &TrunkRow) -> Option<IpAddr> {
    trunk.inbound_source_ips.iter().find_map(|s| Network::parse(s).ok()).map(|network| network.base())
}

/// How the trunk's peer is told from strangers.
fn known_by(trunk: &TrunkRow) -> Step {
    let sources = trunk.inbound_source_ips.join(", ");
    match trunk.authentication_mode {
        TrunkMode::IpAddress if sources.is_empty() && trunk.tls.client_auth => {
            yes("Whoever shows its peer's certificate over TLS is of this trunk, wherever it comes from.")
        }
        TrunkMode::IpAddress if sources.is_empty() => {
            no("It has no inbound_source_ips: nobody can call over it.".to_owned())
        }
        TrunkMode::IpAddress => yes(format!("Whatever comes from {sources} is of this trunk.")),
        TrunkMode::ClientCredentials => {
            let user = trunk.username.as_deref().unwrap_or("");
            let from = if sources.is_empty() { "anywhere".to_owned() } else { sources };
            yes(format!(
                "Whoever shows the password of '{user}', from {from}, is of this trunk; others get 401, then 403."
            ))
        }
        TrunkMode::OutboundRegistration => {
            let host = trunk.outbound_host.as_deref().unwrap_or("");
            yes(format!(
                "What comes from {host}, or to the Contact that we registered there, is of this trunk."
            ))
        }
    }
}

/// The way over this trunk, one of those that are tried in their order.
pub fn way(trunk: &TrunkRow, way: &Alternative, from: Option<&str>) -> Vec<Step> {
    let mut steps = vec![yes(format!("INVITE {}, To {}.", way.uri, way.to)), yes(shows(trunk, way, from))];
    steps.extend(way.identity.iter().map(|(name, value)| yes(format!("{name}: {}", here(value)))));
    steps.extend(sent_to(trunk));
    steps.extend(media(trunk));
    steps
}

/// `LOCAL` stands for our address on the flow, which nobody knows before there is one.
fn here(value: &str) -> String {
    value.replace("@LOCAL", "@(our address)")
}

/// From, and why.
fn shows(trunk: &TrunkRow, way: &Alternative, from: Option<&str>) -> String {
    let written = here(&way.from);
    match (&trunk.from_user, &trunk.default_sender, from) {
        (Some(_), ..) => format!("From is {written}: from_user, whoever calls."),
        (None, Some(sender), None) => {
            format!("From is who calls; '{sender}' (default_sender) where that is no number of the account.")
        }
        (None, None, None) => "From is who calls.".to_owned(),
        (None, Some(sender), Some(from)) if sender != from && way.from.contains(sender.as_str()) => {
            format!("From is {written}: default_sender, because '{from}' is no number of the account.")
        }
        (None, _, Some(_)) => format!("From is {written}, who calls."),
    }
}

/// What is spoken there.
fn media(trunk: &TrunkRow) -> Vec<Step> {
    let codecs: Vec<&str> = trunk.media.codecs.iter().map(|c| c.name()).collect();
    let codecs = if codecs.is_empty() { "PCMU or PCMA".to_owned() } else { codecs.join(" before ") };
    let (srtp, keys) = match trunk.media.srtp {
        SrtpPolicy::Off => ("in clear (srtp: off; an offer of RTP/SAVP gets 488)", false),
        SrtpPolicy::Optional => ("encrypted if the peer wants it (srtp: optional)", true),
        SrtpPolicy::Required => ("encrypted (srtp: required; an offer without keys gets 488)", true),
    };
    let dtmf = trunk.media.dtmf.as_str();
    let mut steps = vec![yes(format!("Media are {codecs}, {srtp}, keys by {dtmf}."))];
    if keys && trunk.transport != "tls" {
        steps.push(yes(format!(
            "Mind that the keys of SRTP stand in the SDP, which goes over {} in clear: who reads the signalling can \
             decrypt the call.",
            trunk.transport
        )));
    }
    steps
}

/// Why a number does not go over it at all.
pub fn why_not(trunk: &TrunkRow, number: &str, account: AccountSid) -> String {
    if !route::is_open(trunk, account) {
        return "This trunk is pinned to another account.".to_owned();
    }
    if !route::dials(trunk) {
        return "This trunk has no outbound_host: it only receives.".to_owned();
    }
    let fits = |prefix: &String| number.trim_start_matches('+').starts_with(prefix.as_str());
    let prefixes = &trunk.outbound_route_prefixes;
    if !prefixes.is_empty() && !prefixes.iter().any(fits) {
        let prefixes = prefixes.join(", ");
        return format!("'{number}' begins with none of this trunk's outbound_route_prefixes: {prefixes}.");
    }
    "Other trunks come before this one, as many as are tried, or such as are made to carry numbers."
        .to_owned()
}

/// Whose certificate is believed.
fn believed(trunk: &TrunkRow, authority: &str, host: &str) -> String {
    let tls = &trunk.tls;
    if !tls.fingerprints.is_empty() {
        return "one of tls_peer_fingerprints".to_owned();
    }
    let authority = if tls.ca.is_some() { "an authority of tls_ca" } else { authority };
    let names = if tls.names.is_empty() { host.to_owned() } else { tls.names.join(" or ") };
    format!("one of {authority} for {names}")
}

fn sent_to(trunk: &TrunkRow) -> Option<Step> {
    let mut transport = trunk.transport.clone();
    if transport == "tls" {
        let host = trunk.outbound_proxy.as_ref().or(trunk.outbound_host.as_ref());
        let host = host.map_or("", |h| h.as_str());
        let whose = believed(trunk, "an authority of this machine or of CHORUS_CA_FILE", host);
        let shows = if trunk.tls.certificate.is_some() { "; we show tls_certificate" } else { "" };
        transport = format!("tls, where the certificate must be {whose}{shows}");
    }
    match (trunk.authentication_mode, &trunk.outbound_proxy) {
        (TrunkMode::ClientCredentials, _) => Some(yes(format!(
            "It is sent to where '{}' has registered.",
            trunk.username.as_deref().unwrap_or("")
        ))),
        (_, Some(proxy)) => Some(yes(format!("It is sent to {proxy} over {transport}."))),
        (_, None) => {
            trunk.outbound_host.as_ref().map(|host| yes(format!("It is sent to {host} over {transport}.")))
        }
    }
}
