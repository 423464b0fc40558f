//! One call: its row, its leg, its program and one phase. A Dial's child is a call of its own that speaks with its
//! parent in [`Word`]s. `handle` is the only way in; everything it wants done is an [`Effect`].

use super::cx::Cx;
use super::event::{Effect, Event, Outcome, PortError, Ticket, Word};
use super::leg::Leg;
use super::phase::Phase;
use super::program::Program;
use super::recordings::Recordings;
use super::streams::Streams;
use super::tables::Tables;
use super::target::Target;
use super::timers::{TimerKind, Timers};
use super::{notify, status};
use crate::api::command::Answer;
use crate::clock::Mono;
use crate::media::event::{EngineCommand, MediaEvent};
use crate::mutants::{self, Mutant};
use crate::sid::CallSid;
use crate::sip::event::{Cause, Invite, LegId, Side, SipCmd, SipEvent};
use crate::store::rows::{CallRow, CallStatus, Direction, Hook};
use crate::store::tx::Tx;
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// How long a closing call waits for its last figures and recordings before it lets go of them.
const LINGER: Duration = Duration::from_secs(30);

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
    /// For the post-dial delay.
    pub(super) created: Mono,
    /// For the duration, which the wall clock could get wrong.
    pub(super) answered_at: Option<Mono>,
    /// When its leg ended; its last figures and its own recording come a little later.
    pub(super) ended_at: Option<Mono>,
    /// The row before a change of status that something waits for: what it falls back to if that is not written.
    pub(super) before: Option<Box<CallRow>>,
}

impl Call {
    /// An inbound call: writes its row, then rings and asks the application what to do (ruling 2.51).
    pub fn inbound(cx: &mut Cx<'_>, row: CallRow, leg: LegId, invite: &Invite) -> Call {
        let mut call = Call::new(cx, row, leg);
        call.heard_headers = invite.headers.clone();
        call.leg.offered(invite);
        call.row.dialog = Some(invite.dialog.clone());
        cx.trace("phone", "chorus", "INVITE");
        let ring = Effect::Sip(SipCmd::Ring { leg, body: None });
        let busy = Effect::Sip(SipCmd::Refuse {
            leg,
            cause: Cause::new(503, "Service Unavailable"),
            headers: vec![("Retry-After".to_owned(), "5".to_owned())],
        });
        let mut then = vec![ring];
        call.timers
            .arm(TimerKind::TimeLimit, cx.now.mono + Duration::from_secs(call.row.time_limit_s.into()));
        let first = call.first_document(cx);
        then.extend(first);
        let tx = Tx::one(status::begin(&call.row));
        cx.push(Effect::Commit { tx, then, or_else: vec![busy, Effect::Gone] });
        call
    }

    /// An outbound call: writes its row, answers whoever asked for it, then dials.
    pub fn outbound(cx: &mut Cx<'_>, row: CallRow, target: Target, ticket: Option<Ticket>) -> Call {
        Call::dialled(cx, row, target, ticket, None)
    }

    fn dialled(
        cx: &mut Cx<'_>,
        row: CallRow,
        target: Target,
        ticket: Option<Ticket>,
        parent: Option<CallSid>,
    ) -> Call {
        let leg = cx.ids.leg();
        let mut call = Call::new(cx, row, leg);
        call.phase = Phase::Calling;
        let near = target.address();
        let mut then = vec![];
        if let Some(t) = ticket {
            then.push(Effect::Reply(t, Box::new(Answer::Call(Box::new(call.row.clone())))));
        }
        then.push(Effect::OpenPort { leg, near });
        let mut or_else = vec![Effect::Gone];
        if let Some(t) = ticket {
            or_else.push(Effect::Reply(t, Box::new(Answer::Busy)));
        }
        if let Some(parent) = parent {
            call.parent = Some(parent);
            let unwritten = Outcome::failed(Cause::new(503, "The database is not available"));
            or_else.insert(0, Effect::Tell(parent, Word::Over(Box::new(unwritten))));
        }
        call.target = Some(target);
        let tx = Tx::one(status::begin(&call.row));
        cx.push(Effect::Commit { tx, then, or_else });
        call
    }

    /// A call found queued at start: its row is written already and nobody waits for an answer.
    pub fn redial(cx: &mut Cx<'_>, row: CallRow, target: Target) -> Call {
        let leg = cx.ids.leg();
        let mut call = Call::new(cx, row, leg);
        call.phase = Phase::Calling;
        cx.push(Effect::OpenPort { leg, near: target.address() });
        call.target = Some(target);
        call
    }

    /// A child of a Dial.
    pub fn child(cx: &mut Cx<'_>, spawn: super::event::Spawn) -> Call {
        let mut call = Call::dialled(cx, spawn.row, spawn.target, None, Some(spawn.parent));
        call.whisper = spawn.whisper;
        call
    }

    fn new(cx: &Cx<'_>, row: CallRow, leg: LegId) -> Call {
        Call {
            row,
            leg: Leg::new(leg),
            program: Program::default(),
            phase: Phase::Arriving,
            timers: Timers::default(),
            recordings: Recordings::default(),
            streams: Streams::default(),
            tables: cx.tables.clone(),
            parent: None,
            whisper: None,
            target: None,
            heard_headers: Vec::new(),
            bye_headers: Vec::new(),
            warned: BTreeSet::new(),
            pending_record: None,
            created: cx.now.mono,
            answered_at: None,
            ended_at: None,
            before: None,
        }
    }

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
            Event::Port(r) => self.on_port(cx, r),
            Event::Command(t, c) => self.on_command(cx, t, c),
            Event::Told(from, w) => self.on_word(cx, from, w),
            Event::NotStored(_) => self.on_not_stored(cx),
            Event::Time => self.on_time(cx),
        }
    }

    fn on_sip(&mut self, cx: &mut Cx<'_>, event: SipEvent) {
        match event {
            SipEvent::Progress { code, body, .. } => self.on_progress(cx, code, body),
            SipEvent::Answered { dialog, body, headers, .. } => self.on_answered(cx, *dialog, body, headers),
            SipEvent::Confirmed { body, .. } => self.on_confirmed(cx, body),
            SipEvent::Offer { offer, body, .. } => self.on_offer(cx, offer, body),
            SipEvent::OfferAnswered { body, .. } => self.on_offer_answered(cx, body),
            // By way of the engine, so that a key by INFO interrupts, is passed on and is streamed like any other.
            SipEvent::Key { leg, digit } => cx.push(Effect::Engine(leg, EngineCommand::Key(leg, digit))),
            SipEvent::Ended { by, cause, headers, .. } => self.on_ended(cx, by, cause, headers),
            SipEvent::Seen { sent, what, .. } => {
                let (from, to) = if sent { ("chorus", "phone") } else { ("phone", "chorus") };
                cx.trace(from, to, what);
            }
            SipEvent::Incoming { .. } | SipEvent::Refused { .. } => {}
        }
    }

    fn on_media(&mut self, cx: &mut Cx<'_>, event: MediaEvent) {
        match event {
            MediaEvent::SourceEnded(_, source) => self.on_source_ended(cx, source),
            MediaEvent::Key(_, digit) => self.on_key(cx, digit),
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
        let Some(op) = status::advance(cx, &mut self.row, to, self.recordings.own()) else {
            return;
        };
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
        (self.leg.answered, self.leg.invited) = (false, self.row.direction == Direction::Inbound);
        self.give_up(cx, Cause::new(503, "Service Unavailable"), CallStatus::Failed);
    }

    /// Ends the call whatever it is doing: an early leg is refused or cancelled with `cause`, an answered one gets BYE.
    pub(super) fn give_up(&mut self, cx: &mut Cx<'_>, cause: Cause, to: CallStatus) {
        if self.leg.over {
            return;
        }
        self.leg.wanted_end = Some(to);
        if self.row.cause.is_none() {
            self.row.cause = Some(cause.clone());
        }
        self.stop_everything(cx);
        if self.leg.signalled(self.row.direction) {
            let headers = std::mem::take(&mut self.bye_headers);
            cx.push(Effect::Sip(SipCmd::Hangup { leg: self.leg.id, cause, headers }));
        } else {
            self.on_ended(cx, Side::Us, cause, vec![]);
        }
    }

    /// The leg's last event: its media closes, then the final status is written with the last figures.
    pub(super) fn on_ended(
        &mut self,
        cx: &mut Cx<'_>,
        by: Side,
        cause: Cause,
        headers: Vec<(String, String)>,
    ) {
        if self.leg.over {
            return;
        }
        self.leg.over = true;
        self.ended_at = Some(cx.now.mono);
        self.note_unreached(cx, by, &cause);
        self.row.ended_by.get_or_insert_with(|| if by == Side::Us { "us" } else { "peer" }.to_owned());
        if self.row.cause.is_none() || by == Side::Peer {
            self.row.cause = Some(cause);
        }
        self.leg.last_headers = headers;
        self.stop_everything(cx);
        self.timers.clear();
        if self.leg.open && !mutants::on(Mutant::PortNotClosed) {
            self.leg.closing = true;
            self.timers.arm(TimerKind::Linger, cx.now.mono + LINGER);
            cx.push(Effect::Engine(self.leg.id, EngineCommand::Close(self.leg.id)));
        } else {
            self.conclude(cx);
        }
    }

    /// Why a call of ours reached nobody, where no answer of the callee says it. A child's parent tells it.
    fn note_unreached(&mut self, cx: &mut Cx<'_>, by: Side, cause: &Cause) {
        let early = self.row.direction != Direction::Inbound && !self.leg.answered;
        if !early || self.leg.wanted_end.is_some() {
            return;
        }
        let (code, words) = match (by, cause.code) {
            (Side::Us, _) => (32011, cause.words.clone()),
            (Side::Peer, 401 | 407) => (13249, "the callee did not accept user and password".to_owned()),
            (Side::Peer, _) => return,
        };
        self.leg.error = Some(code);
        if self.parent.is_none() {
            notify::write(cx, &self.row, code, &words);
        }
    }

    /// The figures are in: the final status with its callbacks, and a word to the parent. The last callback names the
    /// recording that was asked for with the call, so that one must have its end first (or the Linger timer gave it up).
    pub(super) fn conclude(&mut self, cx: &mut Cx<'_>) {
        if self.leg.closing || self.recordings.own_runs() {
            return;
        }
        if !self.row.status.is_final() {
            let to = self.final_status();
            if self.row.status == CallStatus::Queued && to != CallStatus::Canceled && to != CallStatus::Failed
            {
                self.advance(cx, CallStatus::Initiated, vec![]);
            }
            self.row.error = self.row.error.or(self.leg.error);
            self.advance(cx, to, vec![]);
            cx.trace("chorus", "chorus", format!("call {}", to.as_str()));
            self.tell_over(cx);
        }
        self.maybe_gone(cx);
    }

    /// How it ends, as far as is known.
    pub(super) fn final_status(&self) -> CallStatus {
        if self.leg.answered {
            return CallStatus::Completed;
        }
        if let Some(wanted) = self.leg.wanted_end {
            return wanted;
        }
        let code = self.row.cause.as_ref().map_or(500, |c| c.code);
        match self.row.direction {
            Direction::Inbound => CallStatus::Canceled,
            _ => status::of_refusal(code),
        }
    }

    /// Once nothing is pending the call is let go; its timeline has been handed on.
    pub(super) fn maybe_gone(&mut self, cx: &mut Cx<'_>) {
        if self.row.status.is_final() && !self.leg.closing && self.recordings.is_empty() {
            if mutants::on(Mutant::TerminalTwice) {
                self.advance(cx, self.row.status, vec![]);
            }
            self.timers.clear();
            cx.push(Effect::Gone);
        }
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
                self.give_up(cx, Cause::new(200, "Time limit"), CallStatus::Completed);
            }
            TimerKind::Ring => self.give_up(cx, Cause::new(487, "No answer"), CallStatus::NoAnswer),
            TimerKind::Linger => {
                self.leg.closing = false;
                self.recordings.abandon(cx, &self.row);
                self.conclude(cx);
            }
            TimerKind::Verb => self.on_verb_timer(cx),
            TimerKind::DialLimit => self.on_dial_limit(cx),
        }
    }

    /// Nothing was heard for so long that the peer must be gone (a setting; ruling 2.46).
    fn on_silent(&mut self, cx: &mut Cx<'_>) {
        if self.leg.answered && !self.leg.over {
            let words = format!("no RTP and no RTCP for {} s", cx.settings.silent_after_s);
            notify::write(cx, &self.row, 32014, &words);
            self.give_up(
                cx,
                Cause { code: 200, words: "RTP timeout".to_owned(), q850: Some(102) },
                CallStatus::Completed,
            );
        }
    }

    fn on_word(&mut self, cx: &mut Cx<'_>, from: CallSid, word: Word) {
        match word {
            Word::Ringing { early } => self.on_child_ringing(cx, from, early),
            Word::Answered => self.on_child_answered(cx, from),
            Word::Ready { leg } => self.on_child_ready(cx, from, leg),
            Word::Over(outcome) => self.on_child_over(cx, from, *outcome),
            Word::Bridge { leg } => self.on_bridge(cx, from, leg),
            Word::Listen { leg } => self.on_listen(cx, from, leg),
            Word::Release(cause) => self.on_release(cx, from, cause),
        }
    }
}
