//! A peer transfers its call (REFER). Who stays is whoever the peer was connected with: the other call of a Dial, or, where a document
//! runs, the document itself, which goes on with the new party. Decision 0016 says why.
//!
//! ```text
//!  the referrer's call                          the call that stays
//!  REFER --referUrl of the Dial--> `refer_url.rs`
//!    |--not allowed (`rights.rs`), no way--> 603, 404
//!    |--blind--> 202, spawns the new party ---> Transfer: it is being called
//!    |<- Transferring: NOTIFY 180, 486 ... ----- it rings, it does not want to
//!    |<- Transferred: NOTIFY 200, BYE ---------- it was answered: adopted
//!    |--Replaces names a call of the account--> both that stay are joined (`switch/transfer.rs`)
//!    +--nobody stays--> `spare.rs`
//! ```

use super::call::Call;
use super::cx::Cx;
use super::event::{Effect, Outcome, Spawn, Word};
use super::notify;
use super::phase::{Phase, dialling::Dialling};
use super::refer_url::{Asking, Parked};
use super::rights::{NO_REFER_URL, NOT_BY_MODE};
use super::spare::Spare;
use super::target::{NoRoute, Target};
use super::timers::TimerKind;
use crate::media::plan::{Keys, Source};
use crate::media::tone;
use crate::sid::CallSid;
use crate::sip::event::{Cause, LegId, SipCmd};
use crate::sip::refer::ReferTo;
use crate::store::rows::{CallRow, CallStatus, Direction};
use crate::store::tx::{Op, Tx};

/// Seconds that the new party may ring.
const RING: u32 = 60;

/// What the referrer hears of it: that this may not be (603), or that there is no such party (404).
fn why(no: &NoRoute) -> Cause {
    match no.code {
        NOT_BY_MODE | 21215 | 10004 => Cause::new(603, "Decline"),
        _ => Cause::new(404, "Not Found"),
    }
}

/// What a call has to do with a transfer.
#[derive(Default)]
pub enum Transfer {
    /// Nothing.
    #[default]
    None,
    /// Its peer has asked for one; the other call reports.
    Asked,
    /// It stays, and this party is called for it.
    Calling {
        /// The new party.
        child: CallSid,
        /// Who asked, while it is there.
        referrer: Option<CallSid>,
    },
    /// Its document stays, and goes on with this leg once it is answered.
    Spare(Box<Spare>),
    /// It stays, and the application is asked what it shall do.
    Asking(Box<Asking>),
    /// It stays, and a document of the application runs, while who has asked waits.
    Parked(Box<Parked>),
}

impl Call {
    /// Whoever it is connected with, if that can be transferred.
    pub fn partner(&self) -> Option<CallSid> {
        match &self.phase {
            Phase::Bridged(b) if b.with.is_some() => self.parent,
            Phase::Dialling(d) => d.connected(),
            _ => None,
        }
    }

    /// REFER, without a Replaces that names a call here.
    pub(super) fn on_refer(&mut self, cx: &mut Cx<'_>, to: ReferTo) {
        if self.asks_app(cx, &to) {
            return;
        }
        let busy = |words: &str| NoRoute { code: NO_REFER_URL, words: words.to_owned() };
        let refused = match self.may_transfer() {
            Err(no) => Some(no),
            Ok(_) if self.is_ending() || !matches!(self.transfer, Transfer::None) => {
                Some(busy("REFER while the call ends or is being transferred"))
            }
            Ok(_) if matches!(&self.phase, Phase::Dialling(d) if d.connected().is_none()) => {
                Some(busy("REFER while another party is being called"))
            }
            Ok(_) => None,
        };
        if let Some(no) = refused {
            return self.refuse_refer(cx, Cause::new(603, "Decline"), &no);
        }
        let way = self.way_to(cx, &to).and_then(|way| self.room_for_one(cx).map(|limit| (way, limit)));
        match way.map(|((callee, target), limit)| (callee, self.one_hop_further(target), limit)) {
            Ok((callee, Some(target), limit)) => self.begin_transfer(cx, callee, target, limit),
            Ok((_, None, _)) => {
                let no = busy("REFER on a call that has taken all the hops it may");
                self.refuse_refer(cx, Cause::new(483, "Too Many Hops"), &no);
            }
            Err(no) => self.refuse_refer(cx, why(&no), &no),
        }
    }

    /// Calls that transfer each other go round no longer than calls that dial each other (RFC 7332).
    fn one_hop_further(&self, target: Target) -> Option<Target> {
        Some(Target { max_forwards: self.leg.hops.checked_sub(1)?, ..target })
    }

    /// May the account have the new party as well, and for how many seconds? Where a document stays, the new party's leg is of the same
    /// call, and has its limit.
    fn room_for_one(&self, cx: &Cx<'_>) -> Result<u32, NoRoute> {
        let left = if self.partner().is_some() { cx.room(self.row.account)? } else { None };
        Ok(left.map_or(self.row.time_limit_s, |left| left.min(self.row.time_limit_s)))
    }

    /// The transfer will not be; the call stays as it is.
    pub(super) fn refuse_refer(&mut self, cx: &mut Cx<'_>, cause: Cause, no: &NoRoute) {
        notify::write(cx, &self.row, no.code, &no.words);
        cx.push(Effect::Sip(SipCmd::RefuseRefer { leg: self.leg.id, cause }));
    }

    /// 202: whoever stays reports how it goes.
    pub(super) fn accept_refer(&mut self, cx: &mut Cx<'_>, to: String) {
        cx.trace("chorus", "chorus", format!("is transferred to {to}"));
        cx.push(Effect::Sip(SipCmd::AcceptRefer { leg: self.leg.id }));
        self.row.transferred_to = Some(to);
        self.transfer = Transfer::Asked;
    }

    fn begin_transfer(&mut self, cx: &mut Cx<'_>, number: String, target: Target, limit_s: u32) {
        self.accept_refer(cx, number.clone());
        let Some(stays) = self.partner() else {
            return self.call_spare(cx, target);
        };
        let row = CallRow {
            sid: CallSid::new(cx.rng),
            parent: Some(stays),
            to: number,
            from: self.shown().to_owned(),
            direction: Direction::OutboundDial,
            timeout_s: RING,
            time_limit_s: limit_s,
            trunk: target.trunk,
            ..CallRow::empty(self.row.account, cx.now.wall, &cx.settings.node, CallStatus::Queued)
        };
        let child = row.sid;
        cx.push(Effect::Spawn(Box::new(Spawn {
            row,
            target,
            whisper: None,
            parent: stays,
            pbx: None,
            refer_url: None,
            far_end: false,
        })));
        cx.push(Effect::Tell(stays, Word::Transfer { child }));
    }

    /// Somebody is called in place of the one this call is connected with.
    pub(super) fn on_transfer(&mut self, cx: &mut Cx<'_>, from: CallSid, child: CallSid) {
        if self.is_ending() || self.partner() != Some(from) || !matches!(self.transfer, Transfer::None) {
            cx.push(Effect::Tell(child, Word::Release(Cause::new(487, "Call is over"))));
            let words = "The call is over".to_owned();
            return cx.push(Effect::Tell(from, Word::Transferring { code: 487, words }));
        }
        self.transfer = Transfer::Calling { child, referrer: Some(from) };
    }

    /// Is this the party that it is transferred to?
    pub(super) fn is_transferred_to(&self, from: CallSid) -> bool {
        matches!(&self.transfer, Transfer::Calling { child, .. } if *child == from)
    }

    fn tell_referrer(&self, cx: &mut Cx<'_>, word: Word) {
        if let Transfer::Calling { referrer: Some(referrer), .. } = &self.transfer {
            cx.push(Effect::Tell(*referrer, word));
        }
    }

    /// The new party rings: the referrer is told; who stays hears it once the referrer has gone.
    pub(super) fn on_new_party_rings(&mut self, cx: &mut Cx<'_>, from: CallSid, early: Option<LegId>) {
        self.tell_referrer(cx, Word::Transferring { code: 180, words: String::new() });
        if !matches!(&self.transfer, Transfer::Calling { referrer: None, .. }) {
            return;
        }
        if let Some(leg) = early {
            self.play(cx, Source::Leg(leg), Keys::default());
            cx.push(Effect::Tell(from, Word::Listen { leg: self.leg.id }));
        }
    }

    /// The new party was answered: it takes the referrer's place.
    pub(super) fn on_new_party_ready(&mut self, cx: &mut Cx<'_>, from: CallSid, leg: LegId) {
        let was = std::mem::take(&mut self.transfer);
        self.adopt(cx, from, leg);
        if let Transfer::Calling { referrer: Some(referrer), .. } = was {
            cx.push(Effect::Tell(referrer, Word::Transferred));
        }
    }

    /// The new party cannot be had: all is as before, if the referrer is still there.
    pub(super) fn on_new_party_over(&mut self, cx: &mut Cx<'_>, from: CallSid, outcome: Outcome) {
        let cause = outcome.cause.clone();
        let code = if cause.code < 300 { 480 } else { cause.code };
        self.tell_referrer(cx, Word::Transferring { code, words: cause.words.clone() });
        let Transfer::Calling { referrer, .. } = std::mem::take(&mut self.transfer) else { return };
        match (&mut self.phase, referrer) {
            (_, Some(_)) => {}
            (Phase::Dialling(d), None) => {
                d.lost(from, outcome);
                self.dial_over(cx);
            }
            (_, None) => self.give_up(cx, Cause::new(code, cause.words), CallStatus::Completed),
        }
    }

    /// The referrer has hung up behind its REFER: who stays waits for the new party.
    pub(super) fn referrer_left(&mut self, cx: &mut Cx<'_>, from: CallSid) -> bool {
        match &mut self.transfer {
            Transfer::Calling { referrer, .. } if *referrer == Some(from) => *referrer = None,
            Transfer::Asking(asking) => {
                if !asking.left(from) {
                    return false;
                }
            }
            _ => return false,
        }
        self.parent = self.parent.filter(|parent| *parent != from);
        self.play(cx, Source::Tone(tone::ringback("us")), Keys::default());
        true
    }

    /// Is connected with another call from now on, whose leg this is. A child leaves its parent with that, and takes its place.
    pub(super) fn adopt(&mut self, cx: &mut Cx<'_>, child: CallSid, leg: LegId) {
        match &mut self.phase {
            Phase::Dialling(d) => {
                d.adopt(cx.now.mono, child, leg);
                // The Dial's limit is for whoever it leads to.
                self.timers.arm(TimerKind::DialLimit, d.limit(cx.now.mono));
            }
            _ => {
                self.parent = None;
                self.phase = Phase::Dialling(Box::new(Dialling::joined(cx.now.mono, child, leg)));
            }
        }
        cx.trace("chorus", "chorus", "bridged");
        let keys = self.dial_keys();
        self.play(cx, Source::Leg(leg), keys);
        cx.push(Effect::Tell(child, Word::Bridge { leg: self.leg.id }));
    }

    /// Belongs to another call from now on, and hears its leg.
    pub(super) fn on_join(&mut self, cx: &mut Cx<'_>, from: CallSid) {
        if let Phase::Dialling(d) = &mut self.phase {
            // Who was connected with it goes by itself.
            d.leave_partner();
        }
        // Its parent does not end with that.
        self.parent = None;
        self.interrupt(cx);
        self.program = std::mem::take(&mut self.program).replaced();
        self.parent = Some(from);
        self.phase = Phase::Bridged(super::phase::bridged::Bridged { with: None });
    }

    /// How the transfer goes that its peer asked for.
    pub(super) fn on_transferring(&mut self, cx: &mut Cx<'_>, code: u16, words: String) {
        if !matches!(self.transfer, Transfer::Asked) {
            return;
        }
        if code >= 200 {
            self.transfer = Transfer::None;
            self.row.transferred_to = None;
        }
        cx.push(Effect::Sip(SipCmd::NotifyRefer { leg: self.leg.id, code, words }));
    }

    /// Another has taken its place: its peer is told so, and left.
    pub(super) fn on_transferred(&mut self, cx: &mut Cx<'_>) {
        self.transfer = Transfer::None;
        self.parent = None;
        if let Phase::Dialling(d) = &mut self.phase {
            d.leave_partner();
        }
        let words = String::new();
        cx.push(Effect::Sip(SipCmd::NotifyRefer { leg: self.leg.id, code: 200, words }));
        self.give_up(cx, Cause::new(200, "Transferred"), CallStatus::Completed);
    }

    /// It ends, or does something else: nobody is called for it any more. A referrer that stays has to hear it, or it would wait for
    /// the outcome for ever.
    pub(super) fn abandon_transfer(&mut self, cx: &mut Cx<'_>) {
        self.tell_referrer(cx, Word::Transferring { code: 487, words: String::new() });
        match std::mem::take(&mut self.transfer) {
            Transfer::Calling { child, .. } => {
                cx.push(Effect::Tell(child, Word::Release(Cause::new(487, "Caller hung up"))));
            }
            Transfer::Spare(spare) => self.drop_spare(cx, &spare),
            Transfer::Parked(parked) => self.drop_parked(cx, &parked),
            Transfer::Asked => self.notify_referrer(cx, 487, String::new()),
            Transfer::None | Transfer::Asking(_) => {}
        }
    }

    /// What the row says of it now.
    pub(super) fn write_row(&self, then: Vec<Effect>, or_else: Vec<Effect>) -> Effect {
        Effect::Commit { tx: Tx::one(Op::PutCall(Box::new(self.row.clone()))), then, or_else }
    }
}
