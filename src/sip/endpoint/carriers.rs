//! Where the names of trunks lead, so that no other name leads there: a carrier lets us in by our address, whatever it is called by.
//!
//! ```text
//!  flows of an address that is an account's own choice --may not be a carrier's--> names of trunks, asked a minute ago?
//!                                                                                    | no: asked, the flows wait
//!                                                                                    v yes
//!                                        those that are no carrier's --> INVITE; none left --> another way, or 403
//! ```

use super::Endpoint;
use super::leg::{Phase, Stage};
use crate::clock::Mono;
use crate::sid::TrunkSid;
use crate::sip::event::{Cause, Fence, Flow, LegId, Lookup, ResolveId, Side, SipOut, Transport};
use crate::sip::wire::Uri;
use crate::store::rows::TrunkRow;
use crate::trunk::{Snapshot, route};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long what a name led to is not asked again.
const FRESH: Duration = Duration::from_secs(60);
/// How long an address that a name led to is the trunk's: some names lead elsewhere every time.
const KEPT: Duration = Duration::from_secs(3_600);
/// Names that are asked at once; the lookups of calls want room as well.
const ASKED_MAX: usize = 32;
/// Most addresses of one name; beyond it those that were seen last stay.
const ADDRESSES_MAX: usize = 64;

/// A name as it is looked up.
type Key = (String, Option<u16>, Option<Transport>);

/// One name.
#[derive(Debug, Default)]
struct Name {
    trunks: Vec<TrunkSid>,
    /// With when it was seen last.
    found: HashMap<IpAddr, Mono>,
    asked: Option<Mono>,
}

/// What was found for a leg, while it is not known whose it is.
#[derive(Debug)]
struct Waiting {
    leg: LegId,
    lookup: ResolveId,
    flows: Vec<Flow>,
}

/// All names of trunks.
#[derive(Debug, Default)]
pub(super) struct Carriers {
    /// The tables that the names are of.
    of: Option<Arc<Snapshot>>,
    names: BTreeMap<Key, Name>,
    /// Of the present round: those still to be asked, and those that are.
    next: VecDeque<Key>,
    asking: HashMap<ResolveId, Key>,
    waiting: Vec<Waiting>,
}

/// The names that a trunk's calls go to; none of an address, which needs no question.
fn names(trunk: &TrunkRow) -> impl Iterator<Item = Key> {
    let by = match trunk.transport.as_str() {
        named @ ("tcp" | "tls") => Transport::named(named),
        _ => None,
    };
    let hops = [trunk.outbound_host.as_deref(), trunk.outbound_proxy.as_deref()];
    hops.into_iter().flatten().filter_map(move |hop| {
        let uri = Uri::parse(&format!("sip:{hop}")).ok()?;
        let host = uri.next_host().trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
        let literal = host.is_empty() || host.parse::<IpAddr>().is_ok();
        (!literal).then(|| (host, uri.port, uri.transport().and_then(Transport::named).or(by)))
    })
}

impl Carriers {
    /// The names of new tables; what is known of those that stay is kept.
    fn follow(&mut self, tables: &Arc<Snapshot>) {
        if self.of.as_ref().is_some_and(|of| Arc::ptr_eq(of, tables)) {
            return;
        }
        self.of = Some(tables.clone());
        let mut old = std::mem::take(&mut self.names);
        for trunk in tables.trunks() {
            for key in names(trunk) {
                let name = self.names.entry(key).or_insert_with_key(|key| Name {
                    trunks: Vec::new(),
                    ..old.remove(key).unwrap_or_default()
                });
                name.trunks.push(trunk.sid);
            }
        }
    }

    /// Begins a round, if one is due and none runs. True: one runs, wait for its end.
    fn round(&mut self, now: Mono) -> bool {
        if self.asking.is_empty() {
            self.queue(|name| name.asked.is_none_or(|at| now.since(at) >= FRESH));
        }
        !self.next.is_empty() || !self.asking.is_empty()
    }

    fn queue(&mut self, due: impl Fn(&Name) -> bool) {
        let due = self.names.iter().filter(|(_, name)| due(name)).map(|(key, _)| key.clone());
        self.next = due.collect();
    }

    /// A name's answer; none leaves what is known.
    fn found(&mut self, now: Mono, key: &Key, flows: &[Flow]) {
        let Some(name) = self.names.get_mut(key) else { return };
        name.asked = Some(now);
        name.found.retain(|_, seen| now.since(*seen) < KEPT);
        name.found.extend(flows.iter().map(|flow| (flow.remote.ip().to_canonical(), now)));
        while name.found.len() > ADDRESSES_MAX {
            let oldest = name.found.iter().min_by_key(|(ip, seen)| (**seen, **ip)).map(|(ip, _)| *ip);
            oldest.and_then(|ip| name.found.remove(&ip));
        }
    }

    /// The legs that wait, whose ids may be exchanged.
    pub(super) fn legs_mut(&mut self) -> impl Iterator<Item = &mut LegId> {
        self.waiting.iter_mut().map(|w| &mut w.leg)
    }

    /// The trunks that are at an address by their names.
    fn at(&self, ip: IpAddr) -> impl Iterator<Item = TrunkSid> {
        self.names.values().filter(move |name| name.found.contains_key(&ip)).flat_map(|n| &n.trunks).copied()
    }
}

impl Endpoint {
    /// What was looked up for a leg. Where it must not be a carrier's, the names of trunks are looked up, too.
    pub(super) fn arrived(&mut self, now: Mono, leg: LegId, lookup: ResolveId, flows: Vec<Flow>) {
        let Some(fence) = self.fence_of(leg) else { return self.take_targets(now, leg, flows) };
        let pinned = || self.sources.trunks().iter().any(|trunk| !route::is_open(trunk, fence.account));
        if flows.is_empty() || fence.open && !pinned() {
            return self.take_targets(now, leg, flows);
        }
        self.carriers.follow(&self.sources);
        if self.carriers.round(now) {
            self.carriers.waiting.push(Waiting { leg, lookup, flows });
            return self.ask_names();
        }
        self.judge(now, leg, &fence, flows);
    }

    /// What its call must not lead to. A trunk leads where its operator wants it to, a registration to who has registered.
    fn fence_of(&self, leg: LegId) -> Option<Fence> {
        match &self.legs.get(&leg)?.phase {
            Phase::Calling(calling) if calling.cmd.trunk.is_none() => calling.cmd.fence.clone(),
            _ => None,
        }
    }

    fn ask_names(&mut self) {
        while self.carriers.asking.len() < ASKED_MAX {
            let Some(key) = self.carriers.next.pop_front() else { return };
            let id = self.new_resolve_id();
            let trunk = self.carriers.names.get(&key).and_then(|name| name.trunks.first().copied());
            let (host, port, transport) = key.clone();
            self.carriers.asking.insert(id, key);
            self.out.push_back(SipOut::Resolve(id, Lookup { host, port, transport, trunk }));
        }
    }

    /// The answer about a trunk's name; after the last one those that waited go on. False: it is about something else.
    pub(super) fn carrier_found(&mut self, now: Mono, lookup: ResolveId, flows: &[Flow]) -> bool {
        let Some(key) = self.carriers.asking.remove(&lookup) else { return false };
        self.carriers.found(now, &key, flows);
        self.ask_names();
        if self.carriers.asking.is_empty() {
            // Those of tables that came during the round. The others are as fresh as a round lets them be.
            self.carriers.queue(|name| name.asked.is_none());
            self.ask_names();
        }
        if self.carriers.asking.is_empty() {
            for w in std::mem::take(&mut self.carriers.waiting) {
                // It may have been taken back, or sent another way.
                let same = |l: &super::Leg| match &l.phase {
                    Phase::Calling(calling) => {
                        matches!(calling.stage, Stage::Resolving(id) if id == w.lookup)
                    }
                    _ => false,
                };
                let waits = self.legs.get(&w.leg).is_some_and(same);
                if let Some(fence) = self.fence_of(w.leg).filter(|_| waits) {
                    self.judge(now, w.leg, &fence, w.flows);
                }
            }
        }
        true
    }

    /// Goes on with what is no carrier's.
    fn judge(&mut self, now: Mono, leg: LegId, fence: &Fence, flows: Vec<Flow>) {
        let (fenced, free): (Vec<Flow>, Vec<Flow>) =
            flows.into_iter().partition(|flow| self.is_fenced(fence, flow.remote.ip().to_canonical()));
        let Some(first) = fenced.first().filter(|_| free.is_empty()) else {
            return self.take_targets(now, leg, free);
        };
        // To whoever has other addresses in store it is one that cannot be reached.
        if self.next_redirection(leg) || self.reroute(now, leg, 503) {
            return;
        }
        let host = self.legs.get(&leg).and_then(|l| match &l.phase {
            Phase::Calling(calling) => calling.cmd.hop(),
            _ => None,
        });
        let host = host.map_or_else(String::new, |uri| uri.next_host().to_owned());
        let words = format!(
            "{host} leads to {}, the address of a trunk, and may not be called there",
            first.remote.ip()
        );
        self.end(leg, Side::Us, Cause::new(403, words), Vec::new());
        self.drop_leg(now, leg);
    }

    /// Is it an address of trunks, of which the account may use none, or must not dial this user?
    fn is_fenced(&self, fence: &Fence, ip: IpAddr) -> bool {
        let mut trunks = self.sources.residents(ip);
        trunks.extend(self.carriers.at(ip));
        let may = |sid: &TrunkSid| self.sources.trunk(*sid).is_some_and(|t| route::is_open(t, fence.account));
        let allowed = fence.open && trunks.iter().any(may);
        !trunks.is_empty() && !allowed
    }
}
