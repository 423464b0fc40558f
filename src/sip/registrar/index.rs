//! What bindings are found by, besides their users: when they end, where they come from, and whose NAT has to be kept awake.
//!
//! A NAT forgets the way in to a telephone that says nothing for half a minute or so, and most telephones that have not found out
//! that one stands between say nothing between their REGISTERs. So whoever registered from another address than it calls its own gets
//! two line ends in a datagram every [`NUDGE_EVERY`] (what RFC 5626 section 4.4.1 sends over streams, the other way round), which no
//! reader of SIP takes for more than that (RFC 3261 section 7.5).

use crate::clock::Mono;
use crate::sip::dialog::PORT;
use crate::sip::event::{Flow, Transport};
use crate::sip::wire::Uri;
use crate::store::rows::{BindingRow, Registrant};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Between two datagrams to a telephone behind a NAT; the shortest memory that NATs are known to have is 30 s.
pub const NUDGE_EVERY: Duration = Duration::from_secs(25);
/// What they hold.
pub const NUDGE: &[u8] = b"\r\n\r\n";

/// See the module. Whatever enters has to leave.
#[derive(Default)]
pub(super) struct Index {
    ends: BTreeSet<(Mono, String)>,
    /// Whose bindings come from an address: one entry each.
    at: HashMap<IpAddr, Vec<Registrant>>,
    nudges: BTreeMap<(Mono, String), Flow>,
    /// The time of each of them, by the key of its binding.
    nudged: HashMap<String, Mono>,
}

impl Index {
    /// A binding that lasts until then.
    pub fn enter(&mut self, now: Mono, row: &BindingRow, until: Mono) {
        self.ends.insert((until, row.key.clone()));
        self.at.entry(row.flow.remote.ip()).or_default().push(row.owner);
        if is_hidden(row) {
            self.nudge_at(now + NUDGE_EVERY, row.key.clone(), row.flow);
        }
    }

    /// It is over, or another takes its place.
    pub fn leave(&mut self, row: &BindingRow, until: Mono) {
        self.ends.remove(&(until, row.key.clone()));
        if let Some(at) = self.nudged.remove(&row.key) {
            self.nudges.remove(&(at, row.key.clone()));
        }
        let ip = row.flow.remote.ip();
        let Some(all) = self.at.get_mut(&ip) else { return };
        if let Some(one) = all.iter().position(|owner| *owner == row.owner) {
            all.swap_remove(one);
        }
        if all.is_empty() {
            self.at.remove(&ip);
        }
    }

    fn nudge_at(&mut self, at: Mono, key: String, flow: Flow) {
        self.nudged.insert(key.clone(), at);
        self.nudges.insert((at, key), flow);
    }

    /// Who has to be sent [`NUDGE`] now.
    pub fn nudge(&mut self, now: Mono) -> Vec<Flow> {
        let mut out = Vec::new();
        while let Some(first) = self.nudges.first_entry().filter(|first| first.key().0 <= now) {
            let ((_, key), flow) = first.remove_entry();
            self.nudge_at(now + NUDGE_EVERY, key, flow);
            out.push(flow);
        }
        out
    }

    /// Is a binding over by then?
    pub fn is_due(&self, now: Mono) -> bool {
        self.ends.first().is_some_and(|(at, _)| *at <= now)
    }

    pub fn poll_timeout(&self) -> Option<Mono> {
        let end = self.ends.first().map(|(at, _)| *at);
        let nudge = self.nudges.first_key_value().map(|((at, _), _)| *at);
        end.into_iter().chain(nudge).min()
    }

    /// Whose bindings come from there.
    pub fn owners(&self, ip: IpAddr) -> &[Registrant] {
        self.at.get(&ip).map(Vec::as_slice).unwrap_or_default()
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// How many the addresses have, which must be as many; and those behind a NAT twice.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.at.values().map(Vec::len).sum(), self.nudges.len(), self.nudged.len())
    }
}

/// Does a NAT stand between? One that found that out by itself names the outer address in its Contact, and keeps it open; behind a
/// proxy (Path) that is the proxy's business. Of a name it cannot be told.
pub(super) fn is_hidden(row: &BindingRow) -> bool {
    let own = |uri: Uri| Some(SocketAddr::new(uri.next_host().parse().ok()?, uri.port.unwrap_or(PORT)));
    let own = Uri::parse(&row.contact).ok().and_then(own);
    let remote = SocketAddr::new(row.flow.remote.ip().to_canonical(), row.flow.remote.port());
    row.flow.transport == Transport::Udp && row.path.is_empty() && own.is_some_and(|own| own != remote)
}
