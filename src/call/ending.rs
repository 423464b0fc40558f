//! How a call ends: by a verb, by the peer, by REST; and what it must let go of.

use super::call::Call;
use super::cx::Cx;
use super::event::{Effect, Outcome, Word};
use super::phase::Phase;
use super::timers::TimerKind;
use super::{notify, permission, status};
use crate::clock::{Now, Wall};
use crate::media::event::EngineCommand;
use crate::mutants::{self, Mutant};
use crate::sid::CallSid;
use crate::sip::event::{Cause, Side, SipCmd};
use crate::store::rows::{CallRow, CallStatus, RecordingRow, StreamRow};
use std::time::Duration;
use twiml::verb::{Reject, RejectReason};

/// Clocks that differ by more were set, not rounded.
const CLOCK_SET_MS: i64 = 500;
/// How long a closing call waits for its last figures and recordings before it lets go of them.
const LINGER: Duration = Duration::from_secs(30);

/// What is left of a call that cannot end by itself.
pub struct Remains {
    /// Its row.
    pub row: CallRow,
    /// Recordings that run or wait for their files.
    pub recordings: Vec<RecordingRow>,
    /// Streams that run.
    pub streams: Vec<StreamRow>,
}

impl Call {
    /// Hangup, or the end of the document. `X-` parameters go into the BYE; without any, what an agent said with its stop.
    pub(super) fn hang_up(&mut self, cx: &mut Cx<'_>, parameters: Vec<(String, String)>) {
        if !parameters.is_empty() {
            self.bye_headers = parameters.into_iter().filter(|(name, _)| is_custom(name)).collect();
        }
        let to = if self.leg.answered { CallStatus::Completed } else { CallStatus::Failed };
        self.ends_by("twiml");
        self.give_up(cx, Cause::new(200, "Normal Clearing"), to);
    }

    /// Why we end it; the first reason stays. Without one it is an error.
    pub(super) fn ends_by(&mut self, how: &str) {
        self.row.ended_how.get_or_insert_with(|| how.to_owned());
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
        let vacant = self.is_vacant();
        self.stop_everything(cx);
        if self.leg.signalled(self.row.direction) && !vacant {
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
        if self.leg.over || self.waits_for_spare(cx, by, &cause, &headers) {
            return;
        }
        self.leg.over = true;
        self.ended_at = Some(cx.now.mono);
        self.note_unreached(cx, by, &cause);
        self.row.ended_by.get_or_insert_with(|| if by == Side::Us { "us" } else { "peer" }.to_owned());
        if self.row.cause.is_none() || by == Side::Peer {
            self.row.cause = Some(cause);
        }
        if by == Side::Peer {
            self.row.ended_how = None;
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
        let early = !self.row.direction.came_in() && !self.leg.answered;
        if !early || self.leg.wanted_end.is_some() {
            return;
        }
        let (code, words) = match (by, cause.code) {
            // Only the fence around carriers says so.
            (Side::Us, 403) => (self.shut_code(), self.shut_words(cx, &cause.words)),
            (Side::Us, 480) => (32009, cause.words.clone()),
            (Side::Us, _) => (32011, cause.words.clone()),
            (Side::Peer, 401 | 407) => (13249, "the callee did not accept user and password".to_owned()),
            (Side::Peer, _) => return,
        };
        self.leg.error = Some(code);
        // What is shut is told where it was dialled: a Dial and a transfer have no more to say of it.
        if self.parent.is_none() || code == permission::SHUT_IN_A_DIAL {
            notify::write(cx, &self.row, code, &words);
        }
    }

    /// An address that leads to a carrier where the account may not call: in a document that is another code than in a request.
    fn shut_code(&self) -> u32 {
        if self.parent.is_some() { permission::SHUT_IN_A_DIAL } else { 21215 }
    }

    /// Why not, and who opens it.
    fn shut_words(&self, cx: &Cx<'_>, cause: &str) -> String {
        let no = permission::at_carrier(cx.tables, &cx.settings.public_url, self.row.account, &self.row.to);
        no.map_or_else(|no| format!("{cause}. {}", no.words), |()| cause.to_owned())
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
        match self.row.direction.came_in() {
            true => CallStatus::Canceled,
            false => status::of_refusal(code),
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

    /// Nothing was heard for so long that the peer must be gone (a setting; ruling 2.46).
    pub(super) fn on_silent(&mut self, cx: &mut Cx<'_>) {
        if self.leg.answered && !self.leg.over {
            let words = format!("no RTP and no RTCP for {} s", cx.settings.silent_after_s);
            notify::write(cx, &self.row, 32014, &words);
            self.ends_by("timeout");
            self.give_up(
                cx,
                Cause { code: 200, words: "RTP timeout".to_owned(), q850: Some(102) },
                CallStatus::Completed,
            );
        }
    }

    /// It panicked: it ends, however far it had come. False if it was ending when it did: then it may never get there. It may have
    /// missed what it was just told: `known`, SIP will still report the end of its leg; `port`, one is open for it.
    pub fn broke(&mut self, cx: &mut Cx<'_>, cause: Cause, known: bool, port: bool) -> bool {
        self.leg.open |= port;
        if self.leg.over {
            return false;
        }
        self.row.error = Some(12400);
        notify::write(cx, &self.row, 12400, "an internal error ended the call");
        let to = if self.leg.answered { CallStatus::Completed } else { CallStatus::Failed };
        self.leg.wanted_end = Some(to);
        if known {
            self.give_up(cx, cause, to);
        } else {
            self.on_ended(cx, Side::Us, cause, vec![]);
        }
        true
    }

    /// If the wall clock was set during the call, the times of its beginning are moved with it: its duration stays true.
    /// The end is when the leg ended, however long its figures and its recording took.
    pub(super) fn follow_clock(&mut self, now: Now) {
        self.row.ended = self.ended_at.map(|at| {
            let since = i64::try_from(now.mono.since(at).as_millis()).unwrap_or(i64::MAX);
            Wall(now.wall.0.saturating_sub(since))
        });
        let (Some(answered), Some(at)) = (self.row.answered, self.answered_at) else { return };
        let lasted = i64::try_from(now.mono.since(at).as_millis()).unwrap_or(i64::MAX);
        let jump = now.wall.0.saturating_sub(answered.0).saturating_sub(lasted);
        if jump.abs() > CLOCK_SET_MS {
            let moved = |at: Wall| Wall(at.0.saturating_add(jump));
            self.row.answered = self.row.answered.map(moved);
            self.row.started = self.row.started.map(moved);
        }
    }

    /// Has it a port that it has not given back?
    pub fn holds_port(&self) -> bool {
        self.leg.open && !self.leg.over
    }

    /// Has it been told to end, or decided to?
    pub fn is_ending(&self) -> bool {
        self.leg.over || self.leg.wanted_end.is_some()
    }

    /// Was it made by a Dial of this call, and has neither left?
    pub fn is_child_of(&self, parent: CallSid) -> bool {
        self.parent == Some(parent)
    }

    /// What its parent has not heard yet, if it must be ended from outside.
    pub fn last_word(&mut self, cause: Cause) -> Option<(CallSid, Word)> {
        Some((self.parent.take()?, Word::Over(Box::new(Outcome::failed(cause)))))
    }

    /// Its rows that have no end yet, and its own.
    pub fn remains(&mut self, now: Now) -> Remains {
        self.follow_clock(now);
        Remains { row: self.row.clone(), recordings: self.recordings.rows(), streams: self.streams.rows() }
    }

    /// Reject: never answered (ruling 2.49); after an answer it hangs up.
    pub(super) fn reject(&mut self, cx: &mut Cx<'_>, reject: &Reject) {
        if self.leg.answered {
            return self.hang_up(cx, vec![]);
        }
        let (cause, to) = match reject.reason {
            RejectReason::Busy => (Cause::new(486, "Busy Here"), CallStatus::Busy),
            RejectReason::Rejected if self.row.domain.is_some() => {
                (Cause::new(404, "Not Found"), CallStatus::NoAnswer)
            }
            RejectReason::Rejected => (Cause::new(603, "Decline"), CallStatus::NoAnswer),
        };
        self.ends_by("twiml");
        self.give_up(cx, cause, to);
    }

    /// Nothing plays, records or streams any more; what ran is told so.
    pub(super) fn stop_everything(&mut self, cx: &mut Cx<'_>) {
        self.abandon_transfer(cx);
        let was = std::mem::replace(&mut self.phase, Phase::Ending);
        self.abandon(cx, was);
        if !mutants::on(Mutant::StreamNotClosed) {
            self.close_streams(cx);
        }
        self.recordings.stop_all();
        self.forget_plan();
        self.send_plan(cx);
        self.timers.disarm(TimerKind::Verb);
        self.timers.disarm(TimerKind::Ring);
    }

    /// The leg is over or ending: verbs with an action still tell it (twiml.md 1.4).
    pub(super) fn abandon(&mut self, cx: &mut Cx<'_>, was: Phase) {
        match was {
            Phase::Dialling(d) => self.abandon_dial(cx, &d, true),
            Phase::Recording(r) => self.record_hung_up(r),
            Phase::Referring(r) => self.abandon_refer(cx, &r),
            _ => {}
        }
    }

    /// 183 with our answer: what the child of a Dial plays can be heard before the call is answered.
    pub(super) fn send_early_answer(&mut self, cx: &mut Cx<'_>) {
        if let Some(body) = self.leg.early_answer() {
            cx.push(Effect::Sip(SipCmd::Ring { leg: self.leg.id, body: Some(body) }));
        }
    }
}

/// Headers an application may set: `X-...` and User-to-User.
pub fn is_custom(name: &str) -> bool {
    let prefix = name.get(..2).unwrap_or("");
    prefix.eq_ignore_ascii_case("x-") || name.eq_ignore_ascii_case("User-to-User")
}
