//! How a call ends: by a verb, by the peer, by REST; and what it must let go of.

use super::call::Call;
use super::cx::Cx;
use super::event::Effect;
use super::phase::Phase;
use super::timers::TimerKind;
use crate::mutants::{self, Mutant};
use crate::sip::event::{Cause, SipCmd};
use crate::store::rows::CallStatus;
use twiml::verb::{Reject, RejectReason};

impl Call {
    /// Hangup, or the end of the document. `X-` parameters go into the BYE.
    pub(super) fn hang_up(&mut self, cx: &mut Cx<'_>, parameters: Vec<(String, String)>) {
        self.bye_headers = parameters.into_iter().filter(|(name, _)| is_custom(name)).collect();
        let to = if self.leg.answered { CallStatus::Completed } else { CallStatus::Failed };
        self.give_up(cx, Cause::new(200, "Normal Clearing"), to);
    }

    /// It panicked: whatever it was doing is dropped, and it ends as failed.
    pub fn broke(&mut self, cx: &mut Cx<'_>) {
        self.phase = Phase::Ending;
        self.row.error = Some(12400);
        super::notify::write(cx, &self.row, 12400, "an internal error ended the call");
        let to = if self.leg.answered { CallStatus::Completed } else { CallStatus::Failed };
        self.give_up(cx, Cause::new(500, "Internal error"), to);
    }

    /// Reject: never answered (ruling 2.49); after an answer it hangs up.
    pub(super) fn reject(&mut self, cx: &mut Cx<'_>, reject: &Reject) {
        if self.leg.answered {
            return self.hang_up(cx, vec![]);
        }
        let (cause, to) = match reject.reason {
            RejectReason::Busy => (Cause::new(486, "Busy Here"), CallStatus::Busy),
            RejectReason::Rejected => (Cause::new(603, "Decline"), CallStatus::NoAnswer),
        };
        self.give_up(cx, cause, to);
    }

    /// Nothing plays, records or streams any more; what ran is told so.
    pub(super) fn stop_everything(&mut self, cx: &mut Cx<'_>) {
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
