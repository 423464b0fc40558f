//! What a trunk's row wants registered, and what has to change when the rows do.

use super::TOKEN;
use crate::sid::TrunkSid;
use crate::sip::event::{Credentials, Flow, Lookup, Transport};
use crate::sip::wire::{Uri, escape_user};
use crate::store::rows::{TrunkMode, TrunkRow, TrunkTls};
use crate::trunk::route;
use std::collections::BTreeMap;

/// One registration as the row has it.
#[derive(Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Whose.
    pub trunk: TrunkSid,
    /// The user part of our address there, as it may stand in a URI.
    pub user: String,
    /// The registrar's host without port, IPv6 in brackets: the domain of our address.
    pub host: String,
    /// The Request-URI: `sip:host[:port]`.
    pub registrar: String,
    /// The proxy, or else the registrar.
    pub hop: Lookup,
    /// Whom to believe over TLS and what to show: another one wants another connection.
    pub identity: (TrunkTls, Option<String>),
    /// For challenges.
    pub credentials: Option<Credentials>,
}

impl Wanted {
    /// None: this trunk does not register, or its host cannot be read (the API takes no such row).
    pub fn of(row: &TrunkRow) -> Option<Wanted> {
        if row.authentication_mode != TrunkMode::OutboundRegistration {
            return None;
        }
        let username = row.username.as_ref()?;
        let address = |host: &str| Uri::parse(&format!("sip:{host}")).ok().filter(|u| !u.host.is_empty());
        let registrar = address(row.outbound_host.as_deref()?)?;
        let hop = match row.outbound_proxy.as_deref() {
            Some(proxy) => address(proxy)?,
            None => registrar.clone(),
        };
        let asked = Transport::named(&row.transport).filter(|t| *t != Transport::Udp);
        let named = hop.transport().and_then(Transport::named);
        Some(Wanted {
            trunk: row.sid,
            user: escape_user(username),
            registrar: Uri::sip(None, &registrar.host, registrar.port).to_string(),
            hop: Lookup {
                host: hop.next_host().to_owned(),
                port: hop.port,
                transport: asked.or(named),
                trunk: Some(row.sid),
            },
            identity: (row.tls.clone(), row.tls_key.clone()),
            host: registrar.host,
            credentials: route::credentials(row),
        })
    }

    /// `sip:user@host`, the address that is registered (RFC 3261 section 10.2).
    pub fn address(&self) -> String {
        format!("sip:{}@{}", self.user, self.host)
    }

    /// Our Contact there, without the brackets around it.
    pub(super) fn contact(&self, flow: &Flow, token: &str) -> String {
        let transport = match flow.transport {
            Transport::Udp => "",
            Transport::Tcp => ";transport=tcp",
            Transport::Tls => ";transport=tls",
        };
        format!("sip:{}@{};{TOKEN}={token}{transport}", self.user, flow.local)
    }
}

/// What becomes of a registration when the rows change.
#[derive(Clone, PartialEq, Eq)]
pub enum Change {
    /// There was none for this trunk.
    Start(Wanted),
    /// Its row changed (or came back while it was leaving): registered anew, without leaving first.
    Again(Wanted),
    /// Its row is gone, or of another mode.
    Leave(TrunkSid),
}

/// From what runs (None: it leaves) to what is wanted.
pub fn reconcile<'a>(
    desired: &BTreeMap<TrunkSid, Wanted>,
    running: impl Iterator<Item = (TrunkSid, Option<&'a Wanted>)>,
) -> Vec<Change> {
    let running: BTreeMap<TrunkSid, Option<&Wanted>> = running.collect();
    let unwanted = running.iter().filter(|(sid, now)| now.is_some() && !desired.contains_key(sid));
    let mut changes: Vec<Change> = unwanted.map(|(sid, _)| Change::Leave(*sid)).collect();
    for (sid, wanted) in desired {
        match running.get(sid) {
            None => changes.push(Change::Start(wanted.clone())),
            Some(now) if *now != Some(wanted) => changes.push(Change::Again(wanted.clone())),
            Some(_) => {}
        }
    }
    changes
}
