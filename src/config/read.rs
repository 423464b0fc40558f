//! Values of settings, read.

use crate::trunk::names::{Names, is_host_name};
use crate::webhooks::events;
use std::net::{IpAddr, SocketAddr};

/// Of DNS, where none is written.
const DNS_PORT: u16 = 53;

/// An http or https URL that paths can be hung on.
pub(super) fn is_base(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|u| {
        let web = matches!(u.scheme(), "http" | "https") && u.host_str().is_some_and(|h| !h.is_empty());
        web && u.query().is_none() && u.fragment().is_none()
    })
}

/// What stands between quotes in a challenge, between colons in a hash, and as a host in `sip:user@realm`.
pub(super) fn realm(text: String) -> Result<String, String> {
    let fits = !text.is_empty() && text.len() <= 255;
    match fits && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-".contains(&b)) {
        true => Ok(text),
        false => Err(format!("CHORUS_REALM: '{text}' is not letters, digits, dots and dashes")),
    }
}

/// The suffix of DomainNames, in lower case.
pub(super) fn trunk_domain(text: String) -> Result<String, String> {
    let name = text.trim_matches('.').to_ascii_lowercase();
    match is_host_name(&name) {
        true => Ok(name),
        false => Err(format!("CHORUS_TRUNK_DOMAIN: '{text}' is not a host name")),
    }
}

/// Of DNS servers.
pub(super) fn addresses(text: &str) -> Result<Vec<SocketAddr>, String> {
    let one = |part: &str| {
        let ip = part.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, DNS_PORT));
        ip.or_else(|_| part.parse()).map_err(|_| format!("CHORUS_DNS: '{part}' is not an address"))
    };
    text.split(',').map(str::trim).filter(|p| !p.is_empty()).map(one).collect()
}

pub(super) fn port_range(text: &str) -> Result<(u16, u16), String> {
    let bad = || format!("CHORUS_RTP_PORTS: '{text}' is not a range like 20000-39999");
    let (low, high) = text.split_once('-').ok_or_else(bad)?;
    let (low, high): (u16, u16) =
        (low.trim().parse().map_err(|_| bad())?, high.trim().parse().map_err(|_| bad())?);
    if low == 0 || high <= low { Err(bad()) } else { Ok((low, high)) }
}

/// Where events go: a URL that can be requested.
pub(super) fn events_of(url: Option<String>, bearer: String) -> Result<Option<events::Target>, String> {
    let Some(url) = url else { return Ok(None) };
    let bare = url.replace("{resource}", "resource");
    let web = url::Url::parse(&bare)
        .is_ok_and(|u| matches!(u.scheme(), "http" | "https") && u.host_str().is_some_and(|h| !h.is_empty()));
    // A token that no header can carry would never be sent.
    let plain = bearer.bytes().all(|b| b.is_ascii_graphic());
    match (web, plain) {
        (true, true) => Ok(Some(events::Target { url, bearer })),
        (false, _) => {
            Err(format!("CHORUS_EVENTS_URL: '{url}' is not a URL like https://example.com/{{resource}}"))
        }
        (true, false) => Err("CHORUS_EVENTS_TOKEN: printable ASCII without spaces is expected".to_owned()),
    }
}

/// Networks of proxies.
pub(super) fn proxies(text: &str) -> Result<Vec<crate::trunk::Network>, String> {
    let all = text.split(',').map(str::trim).filter(|t| !t.is_empty());
    all.map(crate::trunk::Network::parse)
        .collect::<Result<_, _>>()
        .map_err(|e| format!("CHORUS_TRUSTED_PROXIES: {e}"))
}

impl super::Config {
    /// What DomainNames may be: none that we are reached under ourselves.
    pub fn names(&self) -> Names {
        let public = url::Url::parse(&self.public_url).ok().and_then(|u| u.host_str().map(str::to_owned));
        Names::new([self.realm.clone()].into_iter().chain(public).collect(), self.trunk_domain.clone())
    }
}
