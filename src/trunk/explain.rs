//! Step by step: what happens to a call over one trunk, and why not. The same functions decide that explain here.

use super::snapshot::Snapshot;
use super::{media::SrtpPolicy, normalise, route};
use crate::call::handler::Handler;
use crate::call::requests::shown;
use crate::call::tables::Tables;
use crate::sid::AccountSid;
use crate::store::rows::{NumberRow, TrunkMode, TrunkRow};

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The call goes on.
    pub ok: bool,
    /// What was looked at, and what would have matched.
    pub words: String,
}

fn yes(words: impl Into<String>) -> Step {
    Step { ok: true, words: words.into() }
}

fn no(words: impl Into<String>) -> Step {
    Step { ok: false, words: words.into() }
}

/// A call that comes in over `trunk` to `number`, from `from`.
pub fn inbound(all: &Tables, trunk: &TrunkRow, number: &str, from: Option<&str>) -> Vec<Step> {
    let tables = &all.trunks;
    let mut steps = vec![known_by(trunk)];
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
    match tables.number_on(&[trunk.sid], number) {
        None => {
            steps.push(no("No number of this deployment is written so: 404."));
            steps.extend(tables.near(&read, None).map(no));
        }
        Some(row) => steps.extend(owned(all, trunk, row)),
    }
    steps
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

fn owned(tables: &Tables, trunk: &TrunkRow, row: &NumberRow) -> Vec<Step> {
    let mut steps = vec![yes(format!("It is the number {} of account {}.", row.number, row.account))];
    if tables.trunks.choose(&[trunk.sid], row).is_none() {
        steps.push(no("The trunk is pinned to another account: 404."));
        return steps;
    }
    steps.push(match Handler::of(tables, row) {
        Ok(Handler::Document((voice, ..))) => {
            let url = voice.map(|hook| shown(&hook.url)).unwrap_or_default();
            yes(format!("The call is taken, and {url} is asked what becomes of it."))
        }
        Ok(Handler::Trunk(own)) => yes(format!("The call rings at the account's own trunk {}.", own.row.sid)),
        Err(words) => no(format!("480: {words}.")),
    });
    steps
}

/// A call of `account` to `number`, and what this trunk has to do with it.
pub fn outbound(tables: &Snapshot, trunk: &TrunkRow, number: &str, account: AccountSid) -> Vec<Step> {
    let ways = route::candidates(tables.trunks(), account, number);
    let name = |t: &TrunkRow| format!("{} ({})", t.sid, t.name);
    let order: Vec<String> = ways.iter().map(|t| name(t)).collect();
    let place = ways.iter().position(|t| t.sid == trunk.sid);
    let mut steps = vec![match order.is_empty() {
        true => no(format!("No trunk can dial '{number}' for {account}.")),
        false => yes(format!("'{number}' goes over {}.", order.join(", then "))),
    }];
    match place {
        None => steps.push(no(why_not(trunk, number, account))),
        Some(place) => {
            let uri = route::dial_string(trunk, number);
            let host = route::host(trunk);
            steps.push(yes(format!("This trunk is way {} of {}.", place.saturating_add(1), ways.len())));
            steps.push(yes(format!("INVITE {uri}, To <sip:{number}@{host}>.")));
            steps.extend(sent_to(trunk));
            steps.extend(media(trunk));
        }
    }
    steps
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

fn why_not(trunk: &TrunkRow, number: &str, account: AccountSid) -> String {
    if !route::is_open(trunk, account) {
        return "This trunk is pinned to another account.".to_owned();
    }
    if !route::dials(trunk) {
        return "This trunk has no outbound_host: it only receives.".to_owned();
    }
    let prefixes = trunk.outbound_route_prefixes.join(", ");
    format!("'{number}' begins with none of this trunk's outbound_route_prefixes: {prefixes}.")
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
            "It is sent to where '{}' has registered; 480 if it has not.",
            trunk.username.as_deref().unwrap_or("")
        ))),
        (_, Some(proxy)) => Some(yes(format!("It is sent to {proxy} over {transport}."))),
        (_, None) => {
            trunk.outbound_host.as_ref().map(|host| yes(format!("It is sent to {host} over {transport}.")))
        }
    }
}
