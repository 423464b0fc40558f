//! An outbound call until it is answered: port, commit of the dialog's identity, INVITE, ringing.

use super::Phase;
use crate::call::call::Call;
use crate::call::cx::Cx;
use crate::call::event::{Effect, Word};
use crate::call::timers::TimerKind;
use crate::mutants::{self, Mutant};
use crate::sip::event::{Cause, DialogIds, Flow, Invite, LegId, SipCmd, Transport};
use crate::store::rows::{CallStatus, Direction};
use bytes::Bytes;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

impl Call {
    /// The port is open: the identity of the dialog and the change to `initiated` are written, then INVITE leaves.
    pub(in crate::call) fn send_invite(&mut self, cx: &mut Cx<'_>) {
        let Some(mut target) = self.target.take() else { return };
        let Some(offer) = self.offer_to(cx, &mut target) else { return };
        self.row.dialog = Some(early_dialog(cx, &target.uri));
        self.row.invited = true;
        self.row.trunk = target.trunk;
        self.row.started = Some(cx.now.wall);
        // Not counting what it waited for its turn.
        self.dialled = cx.now.mono;
        self.leg.invited = true;
        self.leg.hops = target.max_forwards;
        let ring = Duration::from_secs(self.row.timeout_s.into());
        self.timers.arm(TimerKind::Ring, cx.now.mono + ring);
        let invite = Effect::Sip(SipCmd::Invite(Box::new(target.invite(self.leg.id, &self.row, offer))));
        self.advance(cx, CallStatus::Initiated, vec![invite]);
    }

    /// 101-199.
    pub(in crate::call) fn on_progress(&mut self, cx: &mut Cx<'_>, code: u16, body: Option<Bytes>) {
        if self.leg.answered || self.leg.over {
            return;
        }
        if self.row.post_dial_delay_ms.is_none() {
            self.row.post_dial_delay_ms = self.since_dialled(cx.now.mono);
        }
        let early = body.is_some() && self.take_answer(cx, body.as_ref());
        if code == 180 || code == 183 {
            self.advance(cx, CallStatus::Ringing, vec![]);
            if let Some(parent) = self.parent {
                let early = early.then_some(self.leg.id);
                cx.push(Effect::Tell(parent, Word::Ringing { early }));
            }
        }
    }

    /// 2xx. The ACK waits for the row, because after it the callee does not repeat its 2xx, and a new process knows only from
    /// the row whom to leave. If the row cannot be written the call lives all the same.
    pub(in crate::call) fn on_answered(
        &mut self,
        cx: &mut Cx<'_>,
        dialog: DialogIds,
        body: Option<Bytes>,
        headers: Vec<(String, String)>,
    ) {
        // A dialog that is not in its row cannot be left after a crash, so the ACK waits for it. A call that was answered while
        // the database is away goes on like every other.
        let ack = || vec![Effect::Sip(SipCmd::Acknowledge { leg: self.leg.id })];
        let then = [ack(), ack()];
        self.taken(cx, dialog, headers, then, |call, cx| {
            if body.is_none() {
                call.leg.answered_as_said();
            }
            call.take_answer(cx, body.as_ref())
        });
    }

    /// An INVITE with Replaces that names a dialog which only rings, begun by us: its sender has picked up (RFC 3891 section 3). What rang
    /// is taken back.
    pub(in crate::call) fn pick_up(&mut self, cx: &mut Cx<'_>, leg: LegId, invite: &Invite, body: &Bytes) {
        let own = self.leg.id;
        cx.trace("phone", "chorus", "INVITE with Replaces: its sender picks up");
        self.leg.near = Some(invite.flow.remote);
        cx.push(Effect::Sip(SipCmd::Swap { leg: own, with: leg }));
        let cause = Cause::new(200, "Call completed elsewhere");
        cx.push(Effect::Sip(SipCmd::Hangup { leg, cause, headers: vec![] }));
        let answer = || vec![Effect::Sip(SipCmd::Answer { leg: own, body: body.clone(), headers: vec![] })];
        let then = [answer(), answer()];
        self.taken(cx, invite.dialog.clone(), invite.headers.clone(), then, |_, _| true);
    }

    /// Somebody is there; `then` when that is written, or cannot be, and `media` says whether they can be spoken to.
    fn taken(
        &mut self,
        cx: &mut Cx<'_>,
        dialog: DialogIds,
        headers: Vec<(String, String)>,
        [then, or_else]: [Vec<Effect>; 2],
        media: impl FnOnce(&mut Call, &mut Cx<'_>) -> bool,
    ) {
        if self.leg.answered || self.leg.over {
            return;
        }
        self.leg.answered = true;
        self.leg.confirmed = true;
        self.heard_headers = headers;
        self.leg.seen_at(dialog.flow.local.ip());
        self.keep_dialog(dialog);
        if !mutants::on(Mutant::TimerNotDisarmed) {
            self.timers.disarm(TimerKind::Ring);
        }
        if matches!(self.phase, Phase::Ending) {
            // Our CANCEL crossed the 200: the endpoint says BYE, the call keeps the status it was going to have.
            self.leg.answered = false;
            return;
        }
        // A whisper comes before the bridge: what was early is over.
        self.forget_plan();
        let limit = Duration::from_secs(self.row.time_limit_s.into());
        self.timers.arm(TimerKind::TimeLimit, cx.now.mono + limit);
        self.advance_or(cx, CallStatus::InProgress, then, or_else);
        if !media(self, cx) {
            self.leg.error = Some(32014);
            let cause = Cause::new(488, "Not Acceptable Here");
            return self.give_up(cx, cause, CallStatus::Failed);
        }
        self.send_plan(cx);
        if let Some(parent) = self.parent {
            cx.push(Effect::Tell(parent, Word::Answered));
        }
        self.begin_wished_recording(cx);
        self.dialled_digits_or_go_on(cx);
    }

    /// What an answered outbound call does first: its SendDigits, then its document.
    fn dialled_digits_or_go_on(&mut self, cx: &mut Cx<'_>) {
        match self.row.send_digits.clone() {
            Some(keys) => self.play_keys(cx, keys),
            None => self.begin_program(cx),
        }
    }

    /// The whisper document of a child, the first document of an API call, or the bridge at once.
    pub(in crate::call) fn begin_program(&mut self, cx: &mut Cx<'_>) {
        if self.row.direction == Direction::OutboundDial {
            match self.whisper.take() {
                Some(hook) => {
                    self.program.whisper = true;
                    self.fetch_hook(cx, &hook, vec![]);
                }
                None => self.ready(cx),
            }
            return;
        }
        let effects = self.first_document(cx);
        cx.fx.extend(effects);
    }
}

/// Call-ID and From tag are chosen before INVITE leaves; the rest is known with the answer.
pub(in crate::call) fn early_dialog(cx: &mut Cx<'_>, target: &str) -> DialogIds {
    let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    DialogIds {
        call_id: format!("{}@chorus", cx.rng.hex(32)),
        local_tag: cx.rng.hex(16),
        remote_tag: String::new(),
        local_uri: String::new(),
        remote_uri: String::new(),
        remote_target: target.to_owned(),
        route_set: Vec::new(),
        local_cseq: 1,
        flow: Flow { transport: Transport::Udp, remote: nowhere, local: nowhere, conn: 0 },
        hidden: false,
    }
}
