//! 3xx to an INVITE of ours (RFC 3261 section 8.1.3.4): its Contacts in the order of their q, as far as the trunk lets them.
//!
//! ```text
//!  INVITE --3xx--> the Contacts that are let, not tried before --> INVITE to the first, a new CSeq --2xx--> answered
//!            |                                                         | 3xx: its Contacts come first
//!            | none, or too many                                       | 4xx, 5xx, no answer: the next one
//!            v                                                         v 6xx, or none left
//!            ends with the 3xx                                         ends with that
//! ```
//!
//! Whom a stranger names we would pay for: unless the trunk says `any`, a Contact must be at the trunk's own hosts or addresses, and
//! name whom was called, or an extension. Whoever is followed elsewhere is not the trunk's peer: neither its password nor its proxy is
//! for it, nor its TLS, by which we would show our certificate and believe the stranger to be the trunk.

use super::Endpoint;
use super::leg::{Aside, Calling, Cancel, Phase};
use crate::sip::event::LegId;
use crate::sip::registrar::quality;
use crate::sip::wire::{Message, Scheme, Uri};
use crate::store::rows::TrunkRow;
use crate::trunk::Network;
use crate::trunk::manners::Redirects;
use std::net::IpAddr;

/// Most Contacts that one call is sent to.
const FOLLOWED_MAX: usize = 4;
/// Digits of the longest extension; more is a number, which somebody pays for.
const EXTENSION_MAX: usize = 6;

impl Endpoint {
    /// Follows a 3xx. False: it is the answer.
    pub(super) fn redirect(&mut self, id: LegId, message: &Message) -> bool {
        let Some(Phase::Calling(calling)) = self.legs.get(&id).map(|l| &l.phase) else { return false };
        let trunk = calling.cmd.trunk.and_then(|t| self.sources.trunk(t));
        let mut contacts: Vec<(u16, Uri)> = message
            .contacts()
            .iter()
            .map(|c| (quality(c.params.get("q")), c.uri.clone().without_headers()))
            .collect();
        contacts.retain(|(_, uri)| calling.lets(trunk, uri));
        // Equals stay in their order.
        contacts.sort_by_key(|(q, _)| std::cmp::Reverse(*q));
        let mut found: Vec<String> = contacts.into_iter().map(|(_, uri)| uri.to_string()).collect();
        found.retain(|uri| !calling.redirected.contains(uri) && *uri != calling.asked);
        found.dedup();
        if found.is_empty() {
            return false;
        }
        if let Some(Phase::Calling(calling)) = self.leg_mut(id).map(|l| &mut l.phase) {
            found.into_iter().rev().for_each(|uri| calling.redirections.push_front(uri));
        }
        self.next_redirection(id)
    }

    /// The next Contact of a 3xx, if there is one and nobody was heard yet.
    pub(super) fn next_redirection(&mut self, id: LegId) -> bool {
        let sources = self.sources.clone();
        let Some(Phase::Calling(calling)) = self.leg_mut(id).map(|l| &mut l.phase) else { return false };
        let free = calling.cancel == Cancel::No && !calling.early_media && calling.twins.is_empty();
        if !free || calling.redirected.len() >= FOLLOWED_MAX {
            return false;
        }
        let Some(uri) = calling.redirections.pop_front() else { return false };
        let trunk = calling.cmd.trunk.and_then(|t| sources.trunk(t));
        let Some(hop) = calling.follow(&uri, trunk) else { return self.next_redirection(id) };
        if let Some(leg) = self.leg_mut(id) {
            leg.dialog.ids.remote_target = uri;
        }
        self.resolve_for(id, &hop);
        true
    }
}

impl Calling {
    /// May a 3xx send the call there?
    fn lets(&self, trunk: Option<&TrunkRow>, uri: &Uri) -> bool {
        let sip = matches!(uri.scheme, Scheme::Sip);
        match self.manners.redirects {
            Redirects::None => false,
            Redirects::Any => sip,
            Redirects::Trunk => sip && self.is_home(trunk, uri) && self.is_whom(uri),
        }
    }

    /// Is it at the hosts or addresses of the trunk; of an address of no trunk: at its host? Users that registered are called by a name
    /// that is ours, not a host's: who else has one there is not asked of DNS.
    fn is_home(&self, trunk: Option<&TrunkRow>, uri: &Uri) -> bool {
        let host = uri.next_host();
        let same = |text: &str| {
            Uri::parse(&format!("sip:{text}")).is_ok_and(|u| u.next_host().eq_ignore_ascii_case(host))
        };
        let at_host = Uri::parse(&self.asked).is_ok_and(|u| u.next_host().eq_ignore_ascii_case(host));
        let asked = at_host && self.cmd.registered.is_none();
        let Some(trunk) = trunk else { return asked };
        let listed = || {
            let ip = host.parse::<IpAddr>().ok();
            let networks = trunk.inbound_source_ips.iter().filter_map(|n| Network::parse(n).ok());
            ip.is_some_and(|ip| networks.into_iter().any(|n| n.contains(ip)))
        };
        let named = [&trunk.outbound_host, &trunk.outbound_proxy].into_iter().flatten().any(|h| same(h));
        asked || named || listed()
    }

    /// Is it whom the call wants, or an extension?
    fn is_whom(&self, uri: &Uri) -> bool {
        let user = |uri: &Uri| {
            let user = uri.user_decoded();
            let user = user.split(';').next().unwrap_or_default().to_owned();
            user.strip_prefix('+').map(str::to_owned).unwrap_or(user)
        };
        let whom = user(uri);
        let number = whom.len() > EXTENSION_MAX && whom.bytes().all(|b| b.is_ascii_digit());
        !number || Uri::parse(&self.asked).is_ok_and(|asked| user(&asked) == whom)
    }

    /// What was set aside for a stranger's sake counts again.
    fn come_home(&mut self) {
        if let Some(Aside { credentials, next_hop, identity }) = self.aside.take() {
            self.cmd.credentials = credentials;
            self.cmd.next_hop = next_hop;
            self.cmd.identity = identity;
        }
    }

    /// Begins anew with a Contact of a 3xx; where it is to be looked up. A trunk with a proxy is reached over it all the same.
    fn follow(&mut self, contact: &str, trunk: Option<&TrunkRow>) -> Option<Uri> {
        self.come_home();
        let before = self.cmd.hop()?;
        let uri = Uri::parse(contact).ok()?;
        self.redirected.push(contact.to_owned());
        if !self.is_home(trunk, &uri) {
            self.aside = Some(Aside {
                credentials: self.cmd.credentials.take(),
                next_hop: self.cmd.next_hop.take(),
                identity: std::mem::take(&mut self.cmd.identity),
            });
        } else if trunk.is_none_or(|t| t.outbound_proxy.is_none()) {
            let port = uri.port.map(|p| format!(":{p}")).unwrap_or_default();
            let transport = uri.transport().or(before.transport()).map(|t| format!(";transport={t}"));
            self.cmd.next_hop = Some(format!("{}{port}{}", uri.host, transport.unwrap_or_default()));
        }
        self.cmd.uri = contact.to_owned();
        self.cmd.registered = None;
        self.route.clear();
        self.targets.clear();
        self.progressed = false;
        self.by_stream = None;
        self.timer_c = None;
        self.impatient = None;
        let hop = self.cmd.hop();
        self.named_transport = hop.as_ref().is_some_and(|h| h.transport().is_some());
        hop
    }
}
