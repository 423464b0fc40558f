//! Time, and flows that broke.

use super::engine::reliable;
use super::leg::{Phase, sent_by_port};
use super::{Endpoint, LegId, User};
use crate::clock::{Mono, Now};
use crate::sip::event::{Cause, Flow, Side, SipOut, Transport};
use crate::sip::registrar::NUDGE;
use bytes::Bytes;

impl Endpoint {
    /// A connection broke, could not be made, or a datagram came back undelivered.
    pub fn on_flow_lost(&mut self, now: Now, f: Flow) {
        self.wall = now.wall;
        self.flow_lost(now.mono, f);
        self.settle();
    }

    /// A connection could not be made; `words` say why.
    pub fn on_unreachable(&mut self, now: Now, f: Flow, words: String) {
        self.unreachable = Some(words);
        self.on_flow_lost(now, f);
        self.unreachable = None;
    }

    /// Fires everything that is due: transactions, then legs, then registrations, then the memory of our Call-IDs.
    pub(super) fn fire(&mut self, now: Mono) {
        while let Some(id) = self.txns.due(now) {
            let user = self.txns.get(id).map(|t| t.user.clone());
            let outcome = self.run(id, |machine, out| machine.on_time(now, out));
            if let (Some(why), Some(user)) = (outcome.failure, user) {
                self.on_failure(now, id, user, why);
            }
        }
        self.give_losers_up(now);
        let over = self.registrar.on_time(now);
        self.bindings_changed(over);
        let asleep = self.registrar.nudge(now);
        self.out.extend(asleep.into_iter().map(|flow| SipOut::Send(flow, Bytes::from_static(NUDGE))));
        self.settle();
        while let Some((_, id)) = self.clock.first().copied().filter(|(at, _)| *at <= now) {
            self.on_leg_time(now, id);
            self.settle();
        }
        self.registrations_due(now);
        while self.forgetting.front().is_some_and(|(at, _)| *at <= now) {
            self.forget_oldest();
        }
    }

    fn on_leg_time(&mut self, now: Mono, id: LegId) {
        let Some(leg) = self.leg_mut(id) else { return };
        if leg.patience.is_some_and(|at| at <= now) && !leg.ended {
            self.end_as_decided(id);
        }
        let Some(leg) = self.legs.get(&id) else { return };
        if matches!(leg.phase, Phase::Ringing(_)) {
            self.on_unpracked_time(now, id);
        }
        let Some(leg) = self.legs.get(&id) else { return };
        match &leg.phase {
            Phase::Ringing(ringing) if ringing.expires.is_some_and(|at| at <= now) => {
                // As if the caller had taken it back.
                let cause = Cause::new(487, "The INVITE expired");
                return self.refuse_ringing(now, id, Side::Peer, cause, &[], Vec::new());
            }
            Phase::Ringing(ringing) if ringing.refresh.is_some_and(|at| at <= now) => {
                self.refresh_ringing(now, id);
            }
            Phase::Calling(_) => self.on_calling_time(now, id),
            Phase::Up => self.on_refresh_time(now, id),
            Phase::Ringing(_) | Phase::Leaving => {}
        }
        self.on_unacked_time(now, id);
    }

    /// The 2xx again, on every transport; after 64*T1 without ACK the dialog is left (RFC 3261 13.3.1.4).
    fn on_unacked_time(&mut self, now: Mono, id: LegId) {
        let Some(leg) = self.leg_mut(id) else { return };
        let Some(unacked) = leg.unacked.as_mut().filter(|u| u.deadline() <= now) else { return };
        if unacked.give_up > now {
            unacked.repeat(now);
            let again = SipOut::Send(unacked.flow, unacked.response.clone());
            return self.out.push_back(again);
        }
        leg.unacked = None;
        match leg.bye_after_ack.take() {
            Some(fields) => self.send_bye(now, id, &fields),
            None => self.leave(now, id, Cause::new(408, "No ACK for our 200"), Vec::new()),
        }
    }

    /// What was under way on a broken flow fails; what lives on will connect anew.
    fn flow_lost(&mut self, now: Mono, lost: Flow) {
        let broken = |f: &Flow| {
            let same = f.transport == lost.transport && f.remote == lost.remote;
            same && (f.conn == lost.conn || f.conn == 0)
        };
        let closed = lost.transport == Transport::Tcp && lost.conn == 0;
        for id in self.txns.on_flow(broken) {
            if closed && self.as_datagram(now, id) {
                continue;
            }
            let Some(txn) = self.txns.get_mut(id) else { continue };
            txn.flow.disconnect();
            let user = txn.user.clone();
            let outcome = self.run(id, |machine, out| machine.on_transport_error(now, out));
            match (outcome.failure, user) {
                (Some(_), User::Bye(leg)) if reliable(&lost) && lost.conn != 0 => self.bye_again(now, leg),
                (Some(why), user) => self.on_failure(now, id, user, why),
                (None, _) => {}
            }
        }
        if !reliable(&lost) {
            return;
        }
        if closed {
            self.acks_as_datagrams(&lost);
        }
        self.proofs.forget(&lost);
        let unreachable = self.registrar.lost(lost);
        self.bindings_changed(unreachable);
        self.registrations_lost(now, lost);
        self.send_what_is_owed_elsewhere(broken);
    }

    /// What is still owed to the peer goes to where its Via says that it listens (RFC 3261 18.2.2).
    fn send_what_is_owed_elsewhere(&mut self, broken: impl Fn(&Flow) -> bool) {
        let back = |flow: &mut Flow, port: u16| {
            if broken(flow) && !flow.is_named() {
                flow.conn = 0;
                flow.remote.set_port(port);
            }
        };
        let mut owed = Vec::new();
        for leg in self.legs.values_mut() {
            if broken(&leg.dialog.ids.flow) {
                leg.dialog.ids.flow.disconnect();
            }
            if let Phase::Ringing(ringing) = &mut leg.phase {
                let port = sent_by_port(&ringing.invite);
                back(&mut ringing.flow, port);
                owed.push((ringing.txn, port));
            }
            if let Some(offer) = &mut leg.offer {
                let port = sent_by_port(&offer.request);
                back(&mut offer.flow, port);
                owed.push((offer.txn, port));
            }
            if let Some(unacked) = &mut leg.unacked {
                back(&mut unacked.flow, unacked.port);
            }
        }
        for (txn, port) in owed {
            if let Some(txn) = self.txns.get_mut(txn) {
                back(&mut txn.flow, port);
            }
        }
    }
}
