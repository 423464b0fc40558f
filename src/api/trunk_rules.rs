//! From attributes to a row, and what makes a row a trunk: the same for create and update.

use super::carrier_body::{Given, unprocessable};
use super::refusal::Refusal;
use crate::media::plan::{Codec, Dtmf};
use crate::rng::Rng;
use crate::sid::AccountSid;
use crate::sip::digest::server::ha1;
use crate::store::rows::{TrunkMode, TrunkRow};
use crate::trunk::manners::{MIN_SE, Redirects, Reliability};
use crate::trunk::policy::{Asserts, Believed, Refer, Word};
use crate::trunk::tls::Rules;
use crate::trunk::{countries, media::SrtpPolicy, normalise};
use rustls::RootCertStore;
use std::sync::Arc;

/// Characters of a password that is made up.
const PASSWORD_LENGTH: usize = 24;
/// What it is made of: no character that needs an escape in any file of a telephone.
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Puts what was given into a row; secrets and rules come after it.
pub fn apply(given: &Given, row: &mut TrunkRow) {
    let mode = given.text("authentication_mode").flatten().and_then(|m| TrunkMode::parse(&m));
    row.authentication_mode = mode.unwrap_or(row.authentication_mode);
    for (name, slot) in [
        ("outbound_host", &mut row.outbound_host),
        ("outbound_proxy", &mut row.outbound_proxy),
        ("username", &mut row.username),
        ("auth_user", &mut row.auth_user),
        ("from_user", &mut row.from_user),
        ("inbound_country", &mut row.country),
        ("default_sender", &mut row.default_sender),
        ("outbound_dial_string_prefix", &mut row.outbound_dial_string_prefix),
        ("outbound_dial_string", &mut row.outbound_dial_string),
        ("tls_ca", &mut row.tls.ca),
        ("tls_certificate", &mut row.tls.certificate),
        ("tls_private_key", &mut row.tls_key),
    ] {
        if let Some(value) = given.text(name) {
            *slot = value;
        }
    }
    for (name, slot) in [
        ("inbound_source_ips", &mut row.inbound_source_ips),
        ("outbound_route_prefixes", &mut row.outbound_route_prefixes),
        ("tls_peer_names", &mut row.tls.names),
        ("tls_peer_fingerprints", &mut row.tls.fingerprints),
    ] {
        if let Some(list) = given.list(name) {
            *slot = list;
        }
    }
    if let Some(account) = given.text("account_sid") {
        row.account = account.as_deref().and_then(AccountSid::parse);
    }
    if let Some(channels) = given.number("max_channels") {
        row.max_channels = channels.and_then(|n| u32::try_from(n).ok());
    }
    if let Some(seconds) = given.number("session_expires") {
        row.session_expires = seconds.and_then(|n| u32::try_from(n).ok());
    }
    if let Some(word) = given.text("reliable_provisional") {
        row.reliability = word.and_then(|w| Reliability::parse(&w)).unwrap_or_default();
    }
    if let Some(word) = given.text("redirects") {
        row.redirects = word.and_then(|w| Redirects::parse(&w)).unwrap_or_default();
    }
    media(given, row);
    with_defaults(given, row);
    apply_policies(given, row);
}

/// Transfers, and who calls.
fn apply_policies(given: &Given, row: &mut TrunkRow) {
    if let Some(word) = given.text("refer") {
        row.refer = Refer::parse(&word.unwrap_or_default());
    }
    if let Some(word) = given.text("inbound_identity") {
        row.identity.inbound = Believed::parse(&word.unwrap_or_default());
    }
    if let Some(word) = given.text("outbound_identity") {
        row.identity.outbound = Asserts::parse(&word.unwrap_or_default());
    }
    if let Some(truth) = given.flag("outbound_diversion") {
        row.identity.diversion = truth.unwrap_or_default();
    }
}

/// The attributes of media; what is cleared is as it would be if it had never been given.
fn media(given: &Given, row: &mut TrunkRow) {
    let media = &mut row.media;
    if let Some(srtp) = given.text("srtp") {
        media.srtp = srtp.as_deref().and_then(SrtpPolicy::parse).unwrap_or_default();
    }
    if let Some(codecs) = given.list("codecs") {
        media.codecs = codecs.iter().filter_map(|name| Codec::parse(name)).collect();
    }
    if let Some(ptime) = given.number("ptime") {
        media.ptime = ptime.and_then(|ms| u8::try_from(ms).ok());
    }
    if let Some(dtmf) = given.text("dtmf") {
        media.dtmf = dtmf.as_deref().and_then(Dtmf::parse).unwrap_or_default();
    }
}

/// The attributes that have a value even where none was given.
fn with_defaults(given: &Given, row: &mut TrunkRow) {
    if let Some(name) = given.text("name") {
        row.name = name.unwrap_or_default();
    }
    if row.name.is_empty() {
        row.name = row.outbound_host.clone().unwrap_or_else(|| "trunk".to_owned());
    }
    if let Some(transport) = given.text("transport") {
        row.transport = transport.unwrap_or_default();
    }
    if row.transport.is_empty() {
        row.transport = "udp".to_owned();
    }
    if let Some(asks) = given.flag("tls_client_auth") {
        row.tls.client_auth = asks.unwrap_or(false);
    }
    let national = given.flag("outbound_national_dialing");
    row.outbound_national_dialing = national.map_or(row.outbound_national_dialing, |n| n.unwrap_or(false));
    // The plus hangs on the mode and on national dialling: who changes these and says nothing of it gets what is usual then.
    let plus = given.flag("outbound_plus_prefix");
    if plus.is_some() || national.is_some() || given.text("authentication_mode").is_some() {
        row.outbound_plus_prefix = plus.flatten();
    }
    row.outbound_plus_prefix = Some(normalise::plus(row));
}

/// Puts the password where its mode wants it: of a peer that registers here only the hashes are kept. Hands back a password that was
/// made up.
///
/// # Errors
/// 422 if the hashes do not belong to the user any more and there is no password to make them of.
pub fn settle(
    before: Option<&TrunkRow>,
    row: &mut TrunkRow,
    password: Option<Option<String>>,
    realm: &str,
    rng: &mut Rng,
) -> Result<Option<String>, Refusal> {
    if row.authentication_mode != TrunkMode::ClientCredentials {
        row.ha1 = None;
        row.password = password.unwrap_or_else(|| row.password.take());
        return Ok(None);
    }
    let user = row.username.clone().unwrap_or_default();
    let same_user = before.is_some_and(|b| b.registers() == Some(user.as_str()));
    let made = before.is_none().then(|| random(rng));
    let (known, made) = match password {
        Some(Some(given)) => (Some(given), None),
        None if same_user => return Ok(None),
        // Changed from a mode that keeps its password.
        None if before.is_some_and(|b| b.username.as_deref() == Some(user.as_str())) => {
            (row.password.take(), None)
        }
        _ => (made.clone(), made),
    };
    let words = "client_credentials needs a password: it is kept as a hash that belongs to the username.";
    let password = known.ok_or_else(|| unprocessable(words).about("password"))?;
    row.ha1 = Some(ha1(&user, realm, &password));
    row.password = None;
    Ok(made)
}

fn random(rng: &mut Rng) -> String {
    let letter =
        |rng: &mut Rng| ALPHABET.get(rng.below(ALPHABET.len() as u64) as usize).copied().unwrap_or(b'A');
    (0..PASSWORD_LENGTH).map(|_| char::from(letter(rng))).collect()
}

/// Is this a trunk that does something?
///
/// # Errors
/// 422 with the attribute that is missing or does not fit.
pub fn check(row: &TrunkRow) -> Result<(), Refusal> {
    let refuse = |name, words: &str| Err(unprocessable(words).about(name));
    if row.media.ptime.is_some_and(|ms| ms % 10 != 0) {
        return refuse("ptime", "ptime is a multiple of 10: 10, 20, 30, 40, 50 or 60.");
    }
    // `UK` would read no number, and nobody would be told.
    if row.country.as_deref().is_some_and(|iso| countries::of(iso).is_none()) {
        let words = "inbound_country is the ISO 3166 code of a country that has telephones, as GB.";
        return refuse("inbound_country", words);
    }
    if row.outbound_national_dialing && row.country.is_none() {
        let words = "outbound_national_dialing needs an inbound_country.";
        return refuse("outbound_national_dialing", words);
    }
    if row.session_expires.is_some_and(|s| (1..MIN_SE).contains(&s)) {
        return refuse("session_expires", "session_expires is 0 or at least 90.");
    }
    check_tls(row)?;
    match row.authentication_mode {
        TrunkMode::IpAddress => {
            let anonymous = row.inbound_source_ips.is_empty() && !row.tls.client_auth;
            if anonymous && row.outbound_host.is_none() {
                let words =
                    "Give inbound_source_ips, outbound_host, or both: otherwise no call can use the trunk.";
                return refuse("inbound_source_ips", words);
            }
            if row.username.is_some() != row.password.is_some() {
                return refuse("username", "username and password go together.");
            }
        }
        TrunkMode::ClientCredentials => match row.username.as_deref() {
            None => {
                return refuse(
                    "username",
                    "client_credentials needs the username that the peer registers under.",
                );
            }
            Some(user) if !is_user(user) => {
                return refuse(
                    "username",
                    "A username that registers here is letters, digits and - _ . ! ~ * ' + alone.",
                );
            }
            Some(_) => {}
        },
        TrunkMode::OutboundRegistration => {
            let missing = [
                ("username", row.username.is_none()),
                ("password", row.password.is_none()),
                ("outbound_host", row.outbound_host.is_none()),
            ];
            if let Some((name, _)) = missing.into_iter().find(|(_, missing)| *missing) {
                return refuse(name, "outbound_registration needs username, password and outbound_host.");
            }
        }
    }
    Ok(())
}

/// Can what it says of TLS be used?
fn check_tls(row: &TrunkRow) -> Result<(), Refusal> {
    let refuse = |name, words: &str| Err(unprocessable(words).about(name));
    if row.tls.certificate.is_some() != row.tls_key.is_some() {
        return refuse("tls_certificate", "tls_certificate and tls_private_key go together.");
    }
    let tls = &row.tls;
    if tls.client_auth && tls.ca.is_none() && tls.names.is_empty() && tls.fingerprints.is_empty() {
        let words =
            "tls_client_auth needs tls_ca, tls_peer_names or tls_peer_fingerprints: whose certificate is it?";
        return refuse("tls_client_auth", words);
    }
    match Rules::of(row, &Arc::new(RootCertStore::empty())) {
        Ok(_) => Ok(()),
        Err((name, words)) => Err(unprocessable(format!("{words}.")).about(name)),
    }
}

/// What may stand in a URI without escapes and between the colons of a hash.
pub fn is_user(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.!~*'+".contains(&b))
}
