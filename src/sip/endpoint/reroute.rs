//! Another trunk or address for the same call, while nobody was heard: the next of [`InviteCmd::alternatives`].
//!
//! ```text
//!  INVITE --5xx but 501 and 505, no connection, no 1xx within 4 s--> next trunk --> INVITE, a new CSeq
//!     |--early media, any other refusal--> as it is
//! ```

use super::Endpoint;
use super::contacts::Twin;
use super::leg::{Calling, Cancel, Hop, Phase, Stage};
use crate::clock::Mono;
use crate::sid::TrunkSid;
use crate::sip::digest;
use crate::sip::event::{Alternative, Cause, LegId, Side, SipEvent};
use crate::sip::transaction::{InviteClientEvent, Machine};
use crate::sip::wire::Uri;
use crate::trunk::manners::Manners;
use std::collections::HashMap;
use std::time::Duration;

/// A trunk that does not even say 100 for so long is passed over, if there is another.
pub const PATIENCE: Duration = Duration::from_secs(4);

/// Does this refusal speak of the trunk rather than of whom we call?
fn is_the_trunks(code: u16) -> bool {
    (500..600).contains(&code) && !matches!(code, 501 | 505)
}

impl Endpoint {
    /// Goes another way, if there is one and `code` is a reason to. False: the leg has to end.
    pub(super) fn reroute(&mut self, now: Mono, id: LegId, code: u16) -> bool {
        let ways = match self.legs.get(&id).map(|l| &l.phase) {
            Some(Phase::Calling(calling)) => calling.cmd.alternatives.as_slice(),
            _ => return false,
        };
        let free = |way: &&Alternative| !way.trunk.is_some_and(|trunk| self.is_full(trunk));
        // One that is known to be down is tried only if all are.
        let up = ways.iter().filter(free).find(|way| !way.trunk.is_some_and(|trunk| self.is_down(trunk)));
        let Some(next) = up.or_else(|| ways.iter().find(free)).cloned() else { return false };
        let manners = self.manners(next.trunk);
        let Some(leg) = self.leg_mut(id) else { return false };
        let Phase::Calling(calling) = &mut leg.phase else { return false };
        let free = calling.cancel == Cancel::No && !calling.early_media;
        if !free || !(is_the_trunks(code) || code == 408) {
            return false;
        }
        calling
            .cmd
            .alternatives
            .retain(|way| *way != next && (way.trunk.is_none() || way.trunk != next.trunk));
        let (trunk, left) = (next.trunk, calling.cmd.trunk);
        calling.take_way(next, manners);
        leg.dialog.ids.local_uri = calling.cmd.from.clone();
        leg.dialog.ids.remote_uri = calling.cmd.to.clone();
        leg.dialog.ids.remote_target = calling.cmd.uri.clone();
        let (registered, uri) = (calling.cmd.registered.clone(), calling.cmd.uri.clone());
        let hop = calling.cmd.hop();
        self.move_channel(left, trunk);
        self.emit(SipEvent::Rerouted { leg: id, trunk, uri });
        match (registered, hop) {
            (Some(user), _) => self.ring_contacts(now, id, &user),
            (None, Some(hop)) => self.resolve_for(id, &hop),
            // An address that cannot be read is a trunk that cannot be reached.
            (None, None) => return self.reroute(now, id, 503),
        }
        true
    }

    /// How many calls go over a trunk: no call is moved to one that has as many as it may.
    pub fn set_channels(&mut self, trunk: TrunkSid, calls: u32) {
        if calls == 0 {
            self.channels.remove(&trunk);
        } else {
            self.channels.insert(trunk, calls);
        }
    }

    fn is_full(&self, trunk: TrunkSid) -> bool {
        let calls = self.channels.get(&trunk).copied().unwrap_or(0);
        self.sources.trunk(trunk).and_then(|t| t.max_channels).is_some_and(|max| calls >= max)
    }

    /// Until the calls are counted anew: several may be moved by one input.
    fn move_channel(&mut self, from: Option<TrunkSid>, to: Option<TrunkSid>) {
        let calls = |channels: &HashMap<TrunkSid, u32>, trunk| channels.get(&trunk).copied().unwrap_or(0);
        if let Some(from) = from {
            self.set_channels(from, calls(&self.channels, from).saturating_sub(1));
        }
        if let Some(to) = to {
            self.set_channels(to, calls(&self.channels, to).saturating_add(1));
        }
    }

    /// Is there another way that leads somewhere now?
    fn has_way(&self, id: LegId) -> bool {
        let Some(Phase::Calling(calling)) = self.legs.get(&id).map(|l| &l.phase) else { return false };
        let leads = |way: &Alternative| match &way.registered {
            Some(user) => !self.registrar.find(user).is_empty(),
            None => way.hop().is_some(),
        };
        calling.cmd.alternatives.iter().any(|way| leads(way) && !way.trunk.is_some_and(|t| self.is_full(t)))
    }

    /// The trunk has not said anything for too long; if it does after all, its INVITE is taken back. Where no other way is free, it
    /// is waited for, unless who calls has something else in store.
    pub(super) fn on_impatience(&mut self, now: Mono, id: LegId) {
        let hasty = matches!(self.legs.get(&id).map(|l| &l.phase), Some(Phase::Calling(c)) if c.cmd.hasty);
        let goes = hasty || self.has_way(id);
        let Some(Phase::Calling(calling)) = self.leg_mut(id).map(|l| &mut l.phase) else { return };
        calling.impatient = None;
        if !goes {
            return;
        }
        self.target_failed(now, id);
        let Some(Phase::Calling(calling)) = self.leg_mut(id).map(|l| &mut l.phase) else { return };
        let Stage::Sent { txn, flow, branch, cseq, provisional } = calling.stage.clone() else { return };
        let uri = calling.cmd.uri.clone();
        let unwanted = calling.unwanted();
        let cause = Cause::new(408, "The trunk did not answer the INVITE");
        calling.failure = Some(cause.clone());
        let hop = Hop { flow, contact: Some((uri.clone(), calling.route.clone())) };
        let mut all = std::mem::take(&mut calling.twins);
        all.push(Twin { txn, hop, branch, uri, cseq, provisional, cancelled: None });
        // One more INVITE would only make it ring later.
        self.run(txn, |machine, out| {
            if let Machine::InviteClient(m) = machine {
                m.on(now, InviteClientEvent::Hush, out);
            }
        });
        let goes_on = self.reroute(now, id, 408);
        self.lose(now, &unwanted, all);
        if !goes_on {
            self.end(id, Side::Us, cause, Vec::new());
            self.drop_leg(now, id);
        }
    }
}

impl Calling {
    /// Begins anew with another trunk.
    fn take_way(&mut self, next: Alternative, manners: Manners) {
        let Alternative {
            uri,
            next_hop,
            from,
            to,
            identity,
            credentials,
            trunk,
            offer,
            registered,
            keep_user,
            secure,
            fence,
        } = next;
        if !offer.is_empty() {
            self.cmd.offer = offer;
        }
        self.asked.clone_from(&uri);
        self.cmd.uri = uri;
        self.cmd.next_hop = next_hop;
        self.cmd.from = from;
        self.cmd.to = to;
        self.cmd.identity = identity;
        self.cmd.credentials = credentials;
        self.cmd.trunk = trunk;
        self.manners = manners;
        self.cmd.registered = registered;
        self.cmd.keep_user = keep_user;
        self.cmd.secure = secure;
        self.cmd.fence = fence;
        // What the trunk before told us counts for it alone.
        self.redirections.clear();
        self.redirected.clear();
        self.aside = None;
        self.min_se = None;
        self.early.clear();
        self.authorization.clear();
        self.realms.clear();
        self.digest = digest::Client::default();
        self.route.clear();
        self.targets.clear();
        self.progressed = false;
        self.by_stream = None;
        self.named_transport = self.cmd.hop().is_some_and(|h: Uri| h.transport().is_some());
        self.timer_c = None;
        self.impatient = None;
        self.refused = false;
        self.failure = None;
    }
}
