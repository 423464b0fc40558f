//! A child of a Dial: it waits to be bridged, is, and is released.

use super::Phase;
use crate::call::call::Call;
use crate::call::cx::Cx;
use crate::call::event::{Effect, Outcome, Word};
use crate::media::plan::{Keys, Source};
use crate::sid::CallSid;
use crate::sip::event::{Cause, LegId};
use crate::store::rows::CallStatus;

/// The leg of the parent, once bridged.
pub struct Bridged {
    /// Whom it hears.
    pub with: Option<LegId>,
}

impl Call {
    /// The whisper is through, or there is none.
    pub(in crate::call) fn ready(&mut self, cx: &mut Cx<'_>) {
        let Some(parent) = self.parent else {
            return self.hang_up(cx, vec![]);
        };
        self.program.whisper = false;
        self.phase = Phase::Bridged(Bridged { with: None });
        cx.push(Effect::Tell(parent, Word::Ready { leg: self.leg.id }));
    }

    /// The parent is ready too.
    pub(in crate::call) fn on_bridge(&mut self, cx: &mut Cx<'_>, from: CallSid, leg: LegId) {
        if self.parent != Some(from) {
            return;
        }
        if let Phase::Bridged(b) = &mut self.phase {
            b.with = Some(leg);
            self.play(cx, Source::Leg(leg), Keys::default());
        }
    }

    /// Its early media is heard: it hears the parent's caller, until it is answered or refused.
    pub(in crate::call) fn on_listen(&mut self, cx: &mut Cx<'_>, from: CallSid, leg: LegId) {
        if self.parent == Some(from) && matches!(self.phase, Phase::Calling) && !self.leg.answered {
            self.play(cx, Source::Leg(leg), Keys::default());
        }
    }

    /// The parent does not want it any more.
    pub(in crate::call) fn on_release(&mut self, cx: &mut Cx<'_>, from: CallSid, cause: Cause) {
        if self.parent == Some(from) && !self.referrer_left(cx, from) && !self.parked_left(from) {
            let to = if self.leg.answered { CallStatus::Completed } else { CallStatus::Canceled };
            if !self.leg.answered {
                // What the row says; the CANCEL has its own reason.
                self.row.cause = Some(Cause { code: 487, ..cause.clone() });
            }
            self.ends_by("dial");
            self.give_up(cx, cause, to);
        }
    }

    /// The `X-` headers of its 200 and of what ended it; a name that both have counts as the 200 says.
    fn headers_of_both(&self) -> Vec<(String, String)> {
        let mut all = self.heard_headers.clone();
        let new = |(name, _): &&(String, String)| {
            !self.heard_headers.iter().any(|(heard, _)| heard.eq_ignore_ascii_case(name))
        };
        all.extend(self.leg.last_headers.iter().filter(new).cloned());
        all
    }

    /// The parent learns the outcome, once.
    pub(in crate::call) fn tell_over(&mut self, cx: &mut Cx<'_>) {
        let Some(parent) = self.parent.take() else {
            return;
        };
        let duration = match (self.row.answered, self.row.ended) {
            (Some(a), Some(e)) => e.seconds_since(a),
            (Some(a), None) => cx.now.wall.seconds_since(a),
            _ => 0,
        };
        let outcome = Outcome {
            status: self.row.status,
            cause: self.row.cause.clone().unwrap_or_else(|| Cause::new(200, "OK")),
            duration,
            call_id: self.row.dialog.as_ref().map(|d| d.call_id.clone()).unwrap_or_default(),
            headers: self.headers_of_both(),
            error: self.row.error,
        };
        cx.push(Effect::Tell(parent, Word::Over(Box::new(outcome))));
    }
}
