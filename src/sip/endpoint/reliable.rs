//! Reliable provisional responses to an INVITE of the peer (RFC 3262 section 3).
//!
//! ```text
//!             ring: the peer requires it, or supports it and there is SDP in it or the trunk asks
//!               v
//!  +----------------------+ T1, 2*T1, 4*T1 ...: again
//!  | sent, not yet PRACKed |--------------------------+
//!  +----------------------+<-------------------------+
//!    | PRACK: 200         | 64*T1: 504, the leg ends   | 200 of the call: waits, if there was SDP in it
//!    v                    v                            | ring: waits
//!  the next that waits
//! ```
//!
//! Only one is on its way at a time. With SDP in it our answer is given, and the 2xx has none (RFC 6337 section 3.1.1); a PRACK
//! may then bring another offer, which the call answers.

use super::Endpoint;
use super::engine::summary;
use super::leg::{GIVE_UP, Phase};
use super::receive::no_such_dialog;
use super::request::Request;
use crate::clock::Mono;
use crate::sip::event::{Cause, LegId, Side, SipOut};
use crate::sip::transaction::{T1, TxnId};
use crate::sip::wire::{Message, Method};
use crate::trunk::manners::Reliability;
use bytes::Bytes;
use std::collections::VecDeque;
use std::time::Duration;

/// The first RSeq is chosen below this (RFC 3262 section 7.1: up to 2**31 - 1), so that it never runs over.
const FIRST_RSEQ_MAX: u64 = 1 << 30;
/// Most provisional responses that wait for the PRACK of another.
const WAITING_MAX: usize = 8;

/// When 101-199 must be acknowledged.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Demand {
    /// The peer does not know of it, or the trunk does not want it.
    Never,
    /// With SDP.
    WithSdp,
    /// The peer, or the trunk, wants it of each.
    Always,
}

/// What was told reliably of one INVITE.
#[derive(Debug)]
pub(super) struct Reliable {
    demand: Demand,
    /// CSeq of the INVITE.
    cseq: u32,
    /// The number of the next one.
    next: u32,
    used: bool,
    unacked: Option<Unpracked>,
    /// Bodies of those that wait their turn.
    waiting: VecDeque<Option<Bytes>>,
    /// The 2xx that waits for the PRACK: body and header fields.
    answer: Option<(Bytes, Vec<(String, String)>)>,
    /// The INVITE's offer has its answer.
    pub answered: bool,
}

/// One that waits for its PRACK.
#[derive(Debug)]
struct Unpracked {
    rseq: u32,
    response: Bytes,
    sdp: bool,
    interval: Duration,
    next: Mono,
    give_up: Mono,
}

impl Reliable {
    /// What `invite` says of it, and its trunk.
    pub fn new(invite: &Message, trunk: Reliability, first: u32) -> Reliable {
        let demand = match trunk {
            _ if invite.requires("100rel") => Demand::Always,
            _ if !invite.supports("100rel") => Demand::Never,
            Reliability::Required => Demand::Always,
            Reliability::Supported => Demand::WithSdp,
            Reliability::Off => Demand::Never,
        };
        let cseq = invite.cseq().map_or(0, |c| c.number);
        let waiting = VecDeque::new();
        Reliable {
            demand,
            cseq,
            next: first,
            used: false,
            unacked: None,
            waiting,
            answer: None,
            answered: false,
        }
    }

    /// Has anything been told reliably?
    pub fn was_used(&self) -> bool {
        self.used
    }

    /// When it wants to be woken.
    pub fn deadline(&self) -> Option<Mono> {
        self.unacked.as_ref().map(|u| u.next.min(u.give_up))
    }

    fn wants(&self, sdp: bool) -> bool {
        match self.demand {
            Demand::Never => false,
            Demand::WithSdp => sdp,
            Demand::Always => true,
        }
    }

    /// Does a 2xx have to wait (RFC 3262 section 3)?
    fn holds(&self) -> bool {
        self.unacked.as_ref().is_some_and(|u| u.sdp)
    }
}

impl Endpoint {
    /// The number of the first reliable response of a dialog.
    pub(super) fn first_rseq(&mut self) -> u32 {
        u32::try_from(self.rng.below(FIRST_RSEQ_MAX)).unwrap_or(0).saturating_add(1)
    }

    /// Sends 180 or 183 reliably, if it has to be. False: as it always was.
    pub(super) fn ring_reliably(&mut self, now: Mono, id: LegId, body: Option<&Bytes>) -> bool {
        let Some(leg) = self.leg_mut(id) else { return false };
        let Phase::Ringing(ringing) = &leg.phase else { return false };
        let offered = ringing.invite.sdp().is_some();
        let Some(reliable) = leg.reliable.as_mut().filter(|r| r.wants(body.is_some())) else { return false };
        // The first reliable answer to an INVITE without an offer must offer (RFC 3262 section 5); our 200 does.
        if !offered && body.is_none() {
            return true;
        }
        if reliable.unacked.is_some() {
            if reliable.waiting.len() < WAITING_MAX {
                reliable.waiting.push_back(body.cloned());
            }
            return true;
        }
        self.send_reliably(now, id, body);
        true
    }

    fn send_reliably(&mut self, now: Mono, id: LegId, body: Option<&Bytes>) {
        let code = if body.is_some() { 183 } else { 180 };
        let Some(leg) = self.leg_mut(id) else { return };
        let Some(reliable) = &mut leg.reliable else { return };
        let rseq = reliable.next;
        reliable.next = rseq.saturating_add(1);
        reliable.used = true;
        let fields = [("Require".to_owned(), "100rel".to_owned()), ("RSeq".to_owned(), rseq.to_string())];
        let Some((txn, response)) = self.invite_response(id, code, body, &fields) else { return };
        self.seen(id, true, summary(code, "INVITE"));
        self.respond(now, txn, code, response.clone());
        let sdp = body.is_some();
        let (next, give_up) = (now + T1, now + GIVE_UP);
        if let Some(reliable) = self.leg_mut(id).and_then(|l| l.reliable.as_mut()) {
            reliable.unacked = Some(Unpracked { rseq, response, sdp, interval: T1, next, give_up });
        }
    }

    /// Keeps the 2xx back that the call wants to give. False: nothing stands in its way.
    pub(super) fn hold_answer(&mut self, id: LegId, body: &Bytes, headers: &[(String, String)]) -> bool {
        let Some(leg) = self.leg_mut(id).filter(|l| matches!(l.phase, Phase::Ringing(_))) else {
            return false;
        };
        // An offer that came with a PRACK is answered first.
        let offered = leg.offer.is_some();
        let Some(reliable) = leg.reliable.as_mut().filter(|r| offered || r.holds()) else { return false };
        reliable.answer = Some((body.clone(), headers.to_vec()));
        true
    }

    /// The 2xx that waited, if nothing stands in its way any more.
    pub(super) fn release_answer(&mut self, now: Mono, id: LegId) {
        let Some(leg) = self.leg_mut(id).filter(|l| l.offer.is_none()) else { return };
        let Some(reliable) = leg.reliable.as_mut().filter(|r| !r.holds()) else { return };
        if let Some((body, headers)) = reliable.answer.take() {
            self.answer(now, id, &body, &headers);
        }
    }

    /// PRACK (RFC 3262 section 3): 200 to the one that is awaited, 481 to any other.
    pub(super) fn on_prack(&mut self, now: Mono, id: LegId, request: Request) {
        let rack = request.message.rack();
        let Some(leg) = self.leg_mut(id) else { return };
        let ringing = matches!(leg.phase, Phase::Ringing(_));
        let acknowledged = leg.reliable.as_mut().and_then(|reliable| {
            let rack = rack.filter(|r| r.method == Method::Invite && r.cseq == reliable.cseq)?;
            let unacked = reliable.unacked.take_if(|u| u.rseq == rack.rseq)?;
            reliable.answered |= unacked.sdp;
            Some(())
        });
        if acknowledged.is_none() {
            return self.turn_away(&request, no_such_dialog());
        }
        if ringing && request.message.sdp().is_some() {
            self.on_offer(now, id, request);
        } else {
            self.settle_request(now, id, &request, 200, "");
        }
        let next = self.leg_mut(id).and_then(|l| l.reliable.as_mut()).and_then(|r| r.waiting.pop_front());
        if let Some(body) = next.filter(|_| ringing) {
            self.send_reliably(now, id, body.as_ref());
        }
        self.release_answer(now, id);
    }

    /// It comes again, on every transport; after 64*T1 without PRACK the INVITE is refused.
    pub(super) fn on_unpracked_time(&mut self, now: Mono, id: LegId) {
        let Some(leg) = self.leg_mut(id).filter(|l| matches!(l.phase, Phase::Ringing(_))) else { return };
        let Some(unacked) = leg.reliable.as_mut().and_then(|r| r.unacked.as_mut()) else { return };
        if unacked.give_up <= now {
            if let Some(reliable) = &mut leg.reliable {
                reliable.unacked = None;
            }
            let cause = Cause::new(504, "No PRACK for our provisional response");
            return self.refuse_ringing(now, id, Side::Us, cause, &[], Vec::new());
        }
        if unacked.next > now {
            return;
        }
        unacked.interval = unacked.interval.saturating_mul(2);
        unacked.next = now + unacked.interval;
        let again = unacked.response.clone();
        let Phase::Ringing(ringing) = &leg.phase else { return };
        let txn = ringing.txn;
        let flow = self.txns.get(txn).map(|t| t.flow);
        self.out.extend(flow.map(|flow| SipOut::Send(flow, again)));
    }

    /// A minute has passed since the caller was told: what was acknowledged is not told again, but something new is.
    pub(super) fn refresh_reliably(&mut self, now: Mono, id: LegId, txn: TxnId) {
        let Some(reliable) = self.leg_mut(id).and_then(|l| l.reliable.as_ref()) else { return };
        if reliable.unacked.is_some() || self.ring_reliably(now, id, None) {
            return;
        }
        if let Some((_, bytes)) = self.invite_response(id, 180, None, &[]) {
            self.respond(now, txn, 180, bytes);
        }
    }
}
