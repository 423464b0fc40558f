//! One call: its row, its leg, its program and one phase. A Dial's child is a call of its own that speaks with its
//! parent in [`Word`]s. `handle` is the only way in; everything it wants done is an [`Effect`].

use super::cx::Cx;
use super::event::{Effect, Event, PortError, Word};
use super::leg::Leg;
use super::phase::Phase;
use super::program::Program;
use super::recordings::Recordings;
use super::refer_url::ReferUrl;
use super::rights::Pbx;
use super::streams::Streams;
use super::tables::Tables;
use super::target::{NoRoute, Target};
use super::timers::{TimerKind, Timers};
use super::transfer::Transfer;
use super::trunking::Trunking;
use super::{notify, status};
use crate::clock::Mono;
use crate::media::event::{EngineCommand, MediaEvent};
use crate::mutants::{self, Mutant};
use crate::sid::CallSid;
use crate::sip::event::{Cause, LegId, SipCmd, SipEvent};
use crate::store::rows::{CallRow, CallStatus, Hook};
use crate::store::tx::Tx;
use std::{collections::BTreeSet, sync::Arc};

/// A call that is not over, or not yet let go.
pub struct Call {
    pub(super) row: CallRow,
    pub(super) leg: Leg,
    pub(super) program: Program,
    pub(super) phase: Phase,
    pub(super) timers: Timers,
    pub(super) recordings: Recordings,
    pub(super) streams: Streams,
    /// The tables it began with.
    pub(super) tables: Arc<Tables>,
    /// The call whose Dial made it, until one of both leaves.
    pub(super) parent: Option<CallSid>,
    /// Its whisper document.
    pub(super) whisper: Option<Hook>,
    /// Where an outbound call goes; taken when the INVITE is given away.
    pub(super) target: Option<Target>,
    /// `X-` headers that came with it, for webhooks.
    pub(super) heard_headers: Vec<(String, String)>,
    /// Headers for our BYE (Hangup's Parameters).
    pub(super) bye_headers: Vec<(String, String)>,
    /// Warnings that were given: each once a call.
    pub(super) warned: BTreeSet<String>,
    /// The Record verb whose beep plays.
    pub(super) pending_record: Option<twiml::verb::Record>,
    /// It is of an account's own trunk, until a document takes it over.
    pub(super) trunking: Option<Box<Trunking>>,
    /// When it came in, or when its INVITE was given away: for the delays of ringing and answer.
    pub(super) dialled: Mono,
    /// For the duration, which the wall clock could get wrong.
    pub(super) answered_at: Option<Mono>,
    /// When its leg ended; its last figures and its own recording come a little later.
    pub(super) ended_at: Option<Mono>,
    /// Its peer is the PBX behind a trunk of the account.
    pub(super) pbx: Option<Box<Pbx>>,
    /// What the Dial that made it says of a REFER of its peer.
    pub(super) refer_url: Option<ReferUrl>,
    /// What it has to do with a transfer.
    pub(super) transfer: Transfer,
    /// The row before a change of status that something waits for: what it falls back to if that is not written.
    pub(super) before: Option<Box<CallRow>>,
}

impl Call {
    /// Its SID.
    pub fn sid(&self) -> CallSid {
        self.row.sid
    }

    /// Its leg.
    pub fn leg(&self) -> LegId {
        self.leg.id
    }

    /// Its row as last written or about to be.
    pub fn row(&self) -> &CallRow {
        &self.row
    }

    /// When it wants `Event::Time`.
    pub fn poll_timeout(&self) -> Option<Mono> {
        self.timers.next()
    }

    /// One event.
    pub fn handle(&mut self, cx: &mut Cx<'_>, event: Event) {
        match event {
            Event::Sip(e) => self.on_sip(cx, e),
            Event::Media(e) => self.on_media(cx, e),
            Event::Fetched(id, r) => self.on_fetched(cx, id, r),
            Event::Clip(id, r) => self.on_clip(cx, id, r),
            Event::Warned(code, words) => {
                if self.warned.insert(words.clone()) {
                    notify::write(cx, &self.row, code, &words);
                }
            }
            Event::NoWay(code, words) => {
                notify::write(cx, &self.row, code, &words);
                self.leg.error = Some(code);
                self.give_up(cx, Cause::new(403, "Forbidden"), CallStatus::Failed);
            }
            Event::Port(r) => self.on_port(cx, r),
            Event::Command(t, c) => self.on_command(cx, t, c),
            Event::Told(from, w) => self.on_word(cx, from, w),
            Event::NotStored(_) => self.on_not_stored(cx),
            Event::Replaced(leg, invite, trunk, caller) => self.on_replaced(cx, leg, &invite, trunk, &caller),
            Event::Time => self.on_time(cx),
        }
    }

    fn on_sip(&mut self, cx: &mut Cx<'_>, event: SipEvent) {
        if let Some(leg) = event.leg().filter(|leg| *leg != self.leg.id) {
            return self.on_spare(cx, leg, event);
        }
        match event {
            SipEvent::Progress { code, body, .. } => self.on_progress(cx, code, body),
            SipEvent::Answered { dialog, body, headers, .. } => self.on_answered(cx, *dialog, body, headers),
            SipEvent::Confirmed { body, .. } => self.on_confirmed(cx, body),
            SipEvent::Offer { offer, body, .. } => self.on_offer(cx, offer, body),
            SipEvent::OfferAnswered { body, .. } => self.on_offer_answered(cx, body),
            // By way of the engine, so that a key by INFO interrupts, is passed on and is streamed like any other.
            SipEvent::Key { leg, digit } => cx.push(Effect::Engine(leg, EngineCommand::Key(leg, digit))),
            SipEvent::Refer { to, .. } => self.on_refer(cx, *to),
            SipEvent::Referred { code, follows, .. } => self.on_referred(cx, code, follows),
            SipEvent::Notified { notice, .. } => self.on_notified(cx, notice),
            SipEvent::Ended { by, cause, headers, .. } => self.on_ended(cx, by, cause, headers),
            SipEvent::Seen { sent, what, .. } => {
                let (from, to) = if sent { ("chorus", "phone") } else { ("phone", "chorus") };
                cx.trace(from, to, what);
            }
            SipEvent::Rerouted { trunk, uri, .. } => {
                self.row.trunk = trunk;
                self.rerouted(trunk, &uri);
                let way = match trunk {
                    Some(trunk) => format!("goes over {trunk} now"),
                    None => format!("goes to {} now", crate::telemetry::redact::line(&uri)),
                };
                cx.trace("chorus", "chorus", way);
                if trunk.is_none() {
                    self.row.to = uri;
                }
            }
            SipEvent::Incoming { .. }
            | SipEvent::Registration { .. }
            | SipEvent::TurnedAway { .. }
            | SipEvent::Knocked { .. }
            | SipEvent::Ignored(_)
            | SipEvent::Refused { .. }
            | SipEvent::Binding(_) => {}
        }
    }

    fn on_media(&mut self, cx: &mut Cx<'_>, event: MediaEvent) {
        match event {
            MediaEvent::SourceEnded(_, source) => self.on_source_ended(cx, source),
            MediaEvent::Key(_, digit) => self.on_key(cx, digit),
            MediaEvent::SendKey(leg, digit) => cx.push(Effect::Sip(SipCmd::Key { leg, digit })),
            MediaEvent::TapEnded(_, tap, end) => self.on_tap_ended(cx, tap, end),
            MediaEvent::Agent(_, stream, e) => self.on_agent(cx, stream, e),
            MediaEvent::Silent(_) => self.on_silent(cx),
            MediaEvent::Stats(_, stats) => {
                // In the timeline once while the call runs, and at its end.
                if self.row.stats.is_none() || self.leg.closing {
                    cx.trace("chorus", "chorus", stats.words());
                }
                self.row.stats = Some(stats);
                if self.leg.closing {
                    self.leg.closing = false;
                    self.conclude(cx);
                }
            }
        }
    }

    /// Writes a change of status.
    pub(super) fn advance(&mut self, cx: &mut Cx<'_>, to: CallStatus, then: Vec<Effect>) {
        self.advance_or(cx, to, then, vec![]);
    }

    /// The same, with what happens if the row cannot be written. Without that, and with something in `then`, the change is
    /// taken back.
    pub(super) fn advance_or(
        &mut self,
        cx: &mut Cx<'_>,
        to: CallStatus,
        then: Vec<Effect>,
        or_else: Vec<Effect>,
    ) {
        let taken_back = !then.is_empty() && or_else.is_empty();
        let before = taken_back.then(|| Box::new(self.row.clone()));
        if to.is_final() && !self.row.status.is_final() {
            self.follow_clock(cx.now);
        }
        // Kept once it is made: a row with a status that nobody writes would be in progress for ever.
        let mut row = self.row.clone();
        if to == CallStatus::InProgress {
            row.answer_delay_ms = self.since_dialled(cx.now.mono);
        }
        let Some(op) = status::advance(cx, &mut row, to, self.recordings.own()) else {
            return;
        };
        self.row = row;
        if to == CallStatus::InProgress {
            self.answered_at = Some(cx.now.mono);
        }
        self.before = before.or(self.before.take());
        let tx = Tx::one(op);
        let early = mutants::on(Mutant::AnswerBeforeCommit) && to == CallStatus::InProgress
            || mutants::on(Mutant::InviteBeforeCommit) && to == CallStatus::Initiated;
        if early {
            cx.fx.extend(then);
            return cx.push(Effect::Commit { tx, then: vec![], or_else: vec![] });
        }
        cx.push(Effect::Commit { tx, then, or_else });
    }

    /// Milliseconds since it was dialled.
    pub(super) fn since_dialled(&self, now: Mono) -> Option<u64> {
        u64::try_from(now.since(self.dialled).as_millis()).ok()
    }

    /// No file descriptor or port: the call cannot be.
    fn on_port(&mut self, cx: &mut Cx<'_>, r: Result<std::net::SocketAddr, PortError>) {
        match r {
            // It came too late: nobody will want it any more.
            Ok(_) if self.leg.over => {
                cx.push(Effect::Engine(self.leg.id, EngineCommand::Close(self.leg.id)));
            }
            Ok(addr) => {
                self.leg.local = Some(addr);
                self.leg.open = true;
                self.on_port_open(cx);
            }
            Err(_) => {
                notify::write(
                    cx,
                    &self.row,
                    10004,
                    "no RTP port is free: widen CHORUS_RTP_PORTS or raise the limit of open files",
                );
                self.give_up(cx, Cause::new(503, "Service Unavailable"), CallStatus::Failed);
            }
        }
    }

    /// A change of status was not written that our 200 or our INVITE waited for: neither leaves, and the change never was.
    fn on_not_stored(&mut self, cx: &mut Cx<'_>) {
        let Some(before) = self.before.take().filter(|_| !self.row.status.is_final()) else {
            return;
        };
        (self.row.status, self.row.sequence) = (before.status, before.sequence);
        (self.row.answered, self.row.invited) = (before.answered, false);
        (self.leg.answered, self.leg.invited) = (false, self.row.direction.came_in());
        self.give_up(cx, Cause::new(503, "Service Unavailable"), CallStatus::Failed);
    }

    fn on_time(&mut self, cx: &mut Cx<'_>) {
        while let Some(kind) = self.timers.due(cx.now.mono) {
            self.on_timer(cx, kind);
        }
    }

    fn on_timer(&mut self, cx: &mut Cx<'_>, kind: TimerKind) {
        match kind {
            TimerKind::TimeLimit => {
                cx.trace("chorus", "chorus", "time limit reached");
                self.ends_by("timeout");
                self.give_up(cx, Cause::new(200, "Time limit"), CallStatus::Completed);
            }
            TimerKind::Ring if self.spare_rang_out(cx) => {}
            TimerKind::Ring => {
                self.ends_by("timeout");
                self.give_up(cx, Cause::new(487, "No answer"), CallStatus::NoAnswer);
            }
            TimerKind::Linger => {
                self.leg.closing = false;
                self.recordings.abandon(cx, &self.row);
                self.conclude(cx);
            }
            TimerKind::Verb => self.on_verb_timer(cx),
            TimerKind::DialLimit => self.on_dial_limit(cx),
        }
    }

    fn on_word(&mut self, cx: &mut Cx<'_>, from: CallSid, word: Word) {
        let new_party = self.is_transferred_to(from);
        match word {
            Word::Ringing { early } if new_party => self.on_new_party_rings(cx, from, early),
            Word::Answered if new_party => {}
            Word::Ready { leg } if new_party => self.on_new_party_ready(cx, from, leg),
            Word::Over(outcome) if new_party => self.on_new_party_over(cx, from, *outcome),
            Word::Ringing { early } => self.on_child_ringing(cx, from, early),
            Word::Answered => self.on_child_answered(cx, from),
            Word::Ready { leg } => self.on_child_ready(cx, from, leg),
            Word::Over(outcome) => self.on_child_over(cx, from, *outcome),
            Word::Bridge { leg } => self.on_bridge(cx, from, leg),
            Word::Listen { leg } => self.on_listen(cx, from, leg),
            Word::Release(cause) => self.on_release(cx, from, cause),
            Word::Transfer { child } => self.on_transfer(cx, from, child),
            Word::Transferring { code, words } => self.on_transferring(cx, code, words),
            Word::Transferred => self.on_transferred(cx),
            Word::TransferAccepted { to } => self.accept_refer(cx, to),
            Word::NotTransferred { cause, code, words } => {
                self.refuse_refer(cx, cause, &NoRoute { code, words });
            }
            Word::AskApp { ask, target } => self.on_ask_app(cx, from, ask, target),
            Word::Hold => self.on_hold(cx, from),
            Word::Resume { leg } => self.on_resume(cx, from, leg),
            Word::Join => self.on_join(cx, from),
            Word::Adopt { leg } => self.adopt(cx, from, leg),
        }
    }
}
