//! Dial: children are calls of their own; the first to answer wins and is bridged once its whisper is through.
//!
//! ```text
//!  begin -> children ring -> Answered(first) -> Ready -> bridge -> Over -> action or next verb
//!                 |              others released                    ^
//!                 +-- all Over (sequential: the next is tried) -----+
//! ```

mod ringing;
mod transfer;

use super::Phase;
use crate::call::call::Call;
use crate::call::cx::Cx;
use crate::call::event::{Effect, Outcome, Spawn, Word};
use crate::call::permission::SHUT_IN_A_DIAL;
use crate::call::recordings::{self, Start};
use crate::call::timers::TimerKind;
use crate::call::{children, notify};
use crate::clock::Mono;
use crate::media::plan::{Keys, RecordTap, Source, TapId};
use crate::media::tone;
use crate::sid::{CallSid, RecordingSid};
use crate::sip::event::{Cause, LegId, SipCmd};
use crate::store::rows::CallStatus;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use twiml::verb::Dial;

/// The verb while it runs.
pub struct Dialling {
    dial: Dial,
    /// Nouns not tried yet (sequential), each with its addresses.
    waiting: VecDeque<VecDeque<Spawn>>,
    alive: Vec<CallSid>,
    /// Further addresses of the nouns that ring, by the child that rings: tried if that one cannot be reached.
    further: BTreeMap<CallSid, VecDeque<Spawn>>,
    winner: Option<CallSid>,
    /// The winner's leg, once it may be bridged.
    ready: Option<LegId>,
    bridged: Option<Mono>,
    /// What the caller hears of a child before the answer.
    early: Option<LegId>,
    /// The caller hears a ring of ours.
    ringing: bool,
    recording: Option<(TapId, RecordingSid)>,
    last: Option<(CallSid, Outcome)>,
}

impl Call {
    /// Calls everybody at once, or one after the other.
    pub(in crate::call) fn begin_dial(&mut self, cx: &mut Cx<'_>, dial: Dial) {
        let mut waiting = VecDeque::new();
        for noun in &dial.nouns {
            match children::spawns(cx, self, &dial, noun) {
                Ok(s) => waiting.push_back(s),
                Err(e) => notify::write(cx, &self.row, e.code, &e.words),
            }
        }
        self.dial_all(cx, dial, waiting);
    }

    /// The same with the children that are known already, a list of addresses for each party.
    pub(in crate::call) fn dial_all(
        &mut self,
        cx: &mut Cx<'_>,
        dial: Dial,
        waiting: VecDeque<VecDeque<Spawn>>,
    ) {
        let sequential = dial.sequential;
        let ring_at_once = dial.ring_tone.is_some();
        self.phase = Phase::Dialling(Box::new(Dialling {
            dial,
            waiting,
            alive: Vec::new(),
            further: BTreeMap::new(),
            winner: None,
            ready: None,
            bridged: None,
            early: None,
            ringing: false,
            recording: None,
            last: None,
        }));
        if self.leg.answered && ring_at_once {
            self.ring_back(cx);
        }
        self.record_dial(cx, false);
        self.dial_next(cx, if sequential { 1 } else { usize::MAX });
    }

    fn dialling(&mut self) -> Option<&mut Dialling> {
        match &mut self.phase {
            Phase::Dialling(d) => Some(d),
            _ => None,
        }
    }

    fn dial_next(&mut self, cx: &mut Cx<'_>, at_most: usize) {
        let Some(d) = self.dialling() else { return };
        let n = at_most.min(d.waiting.len());
        let nouns: Vec<_> = d.waiting.drain(..n).collect();
        nouns.into_iter().for_each(|addresses| self.ring(cx, addresses));
        if self.dialling().is_some_and(|d| d.alive.is_empty()) {
            self.dial_over(cx);
        }
    }

    fn ring_back(&mut self, cx: &mut Cx<'_>) {
        // Further children, and a 180 that is repeated, do not begin it anew.
        let Some(d) = self.dialling().filter(|d| !d.ringing) else { return };
        d.ringing = true;
        let cadence = tone::ringback(d.dial.ring_tone.as_deref().unwrap_or("us"));
        self.play(cx, Source::Tone(cadence), Keys::default());
    }

    /// The caller hears early media of an only child, else a ring.
    pub(in crate::call) fn on_child_ringing(&mut self, cx: &mut Cx<'_>, from: CallSid, early: Option<LegId>) {
        let (answered, passes) = (self.leg.answered, self.trunking.is_some());
        let own = self.leg.id;
        let Some(d) = self.dialling() else { return };
        if d.winner.is_some() || !d.alive.contains(&from) {
            return;
        }
        let only = d.alive.len() == 1 && d.dial.ring_tone.is_none();
        match early.filter(|_| only) {
            // It said so before.
            Some(leg) if d.early == Some(leg) => {}
            Some(leg) if answered => {
                d.early = Some(leg);
                d.ringing = false;
                self.hear_early(cx, from, leg);
            }
            Some(leg) => {
                d.early = Some(leg);
                self.open_early(cx);
            }
            None if !answered && passes && d.early.is_none() && !d.ringing => {
                d.ringing = true;
                cx.push(Effect::Sip(SipCmd::Ring { leg: own, body: None }));
            }
            None if answered && d.early.is_none() && d.dial.ring_tone.is_none() => self.ring_back(cx),
            None => {}
        }
    }

    /// answerOnBridge: early media of the child needs a port of ours, and 183.
    fn open_early(&mut self, cx: &mut Cx<'_>) {
        if self.leg.open {
            self.on_early_port(cx);
        } else {
            self.want_port(cx);
        }
    }

    /// The port is open before the answer: 183 with our SDP, or the answer if the child is ready by now.
    pub(in crate::call) fn on_early_port(&mut self, cx: &mut Cx<'_>) {
        let Some(d) = self.dialling() else { return };
        if d.ready.is_some() {
            return self.answer_leg(cx);
        }
        if let (Some(leg), [child]) = (d.early, d.alive.as_slice()) {
            let child = *child;
            self.send_early_answer(cx);
            self.record_dial(cx, false);
            self.hear_early(cx, child, leg);
        }
    }

    /// Early media both ways: menus before the answer want to be spoken to.
    fn hear_early(&mut self, cx: &mut Cx<'_>, child: CallSid, leg: LegId) {
        self.play(cx, Source::Leg(leg), Keys::default());
        cx.push(Effect::Tell(child, Word::Listen { leg: self.leg.id }));
    }

    /// The first to answer wins; the others are cancelled.
    pub(in crate::call) fn on_child_answered(&mut self, cx: &mut Cx<'_>, from: CallSid) {
        let Some(d) = self.dialling() else {
            return cx.push(Effect::Tell(from, Word::Release(Cause::new(487, "Call is over"))));
        };
        if d.winner.is_some() {
            return cx.push(Effect::Tell(from, Word::Release(Cause::new(200, "Answered elsewhere"))));
        }
        d.winner = Some(from);
        // How those before it ended does not matter any more.
        d.last = None;
        d.waiting.clear();
        for sid in d.alive.iter().filter(|s| **s != from) {
            // Telephones look at this code: no missed call is shown (RFC 3326 section 2).
            cx.push(Effect::Tell(*sid, Word::Release(Cause::new(200, "Call completed elsewhere"))));
        }
    }

    /// The winner's whisper is through: bridge, answering the caller first if it still rings.
    pub(in crate::call) fn on_child_ready(&mut self, cx: &mut Cx<'_>, from: CallSid, leg: LegId) {
        let (answered, open) = (self.leg.answered, self.leg.open);
        let Some(d) = self.dialling().filter(|d| d.winner == Some(from)) else {
            return cx.push(Effect::Tell(from, Word::Release(Cause::new(487, "Call is over"))));
        };
        d.ready = Some(leg);
        match (answered, open) {
            (true, _) => self.bridge(cx),
            (false, true) => self.answer_leg(cx),
            (false, false) => self.want_port(cx),
        }
    }

    /// Both legs hear each other; Dial's clock starts.
    pub(in crate::call) fn bridge(&mut self, cx: &mut Cx<'_>) {
        let now = cx.now.mono;
        let own = self.leg.id;
        let Some(d) = self.dialling().filter(|d| d.bridged.is_none()) else { return };
        let (Some(child), Some(leg)) = (d.winner, d.ready) else { return };
        d.bridged = Some(now);
        let limit = Duration::from_secs(d.dial.time_limit.into());
        let keys = Keys { report: d.dial.hangup_on_star, silence_source: false };
        self.timers.arm(TimerKind::DialLimit, now + limit);
        self.record_dial(cx, true);
        cx.trace("chorus", "chorus", "bridged");
        self.play(cx, Source::Leg(leg), keys);
        cx.push(Effect::Tell(child, Word::Bridge { leg: own }));
        self.leave_parked(cx);
    }

    /// Dial's record: from ringing it starts with the verb, or with early media where the caller rings still; else with the bridge.
    fn record_dial(&mut self, cx: &mut Cx<'_>, at_bridge: bool) {
        let (base, hears) = (self.program.base.clone(), self.leg.answered || self.leg.open);
        let source = if self.trunking.is_some() { "Trunking" } else { "DialVerb" };
        let Some(d) = self.dialling() else { return };
        let Some(wish) = children::recording(&d.dial, base.as_deref()) else { return };
        if d.recording.is_some() || !hears || !(at_bridge || wish.from_ringing) {
            return;
        }
        let (sid, id) = (RecordingSid::new(cx.rng), cx.ids.tap());
        d.recording = Some((id, sid));
        let tap = RecordTap {
            recording: sid,
            track: recordings::track_of(&wish.track),
            channels: wish.channels,
            paused: false,
            skip: false,
            max_silence_ms: None,
            max_length_ms: None,
            trim: wish.trim,
        };
        let start =
            Start { sid, tap, source, callback: wish.callback, events: wish.events, call: self.row.sid };
        self.recordings.start(cx, &self.row, id, start);
        self.send_plan(cx);
    }

    /// `*` of the caller, if the Dial listens to it.
    pub(in crate::call) fn dial_star(&mut self, cx: &mut Cx<'_>) {
        let Some(d) = self.dialling().filter(|d| d.dial.hangup_on_star && d.bridged.is_some()) else {
            return;
        };
        if let Some(child) = d.winner {
            cx.push(Effect::Tell(child, Word::Release(Cause::new(200, "Hung up by star"))));
        }
    }

    /// timeLimit: the child is hung up, the caller goes on.
    pub(in crate::call) fn on_dial_limit(&mut self, cx: &mut Cx<'_>) {
        if let Some(child) = self.dialling().and_then(|d| d.winner) {
            cx.push(Effect::Tell(child, Word::Release(Cause::new(200, "Time limit"))));
        }
    }

    /// A child is over.
    pub(in crate::call) fn on_child_over(&mut self, cx: &mut Cx<'_>, from: CallSid, outcome: Outcome) {
        // What failed after the answer (a whisper's document), and what is shut, is told on the child.
        let told = |code: &u32| outcome.status == CallStatus::Completed || *code == SHUT_IN_A_DIAL;
        if let Some(code) = outcome.error.filter(|code| !told(code)) {
            let words = children::unreached(&outcome.cause.words);
            notify::write(cx, &self.row, code, &words);
        }
        if self.parked_left(from) {
            return;
        }
        if self.referrer_left(cx, from) {
            return self.dialling().into_iter().for_each(Dialling::leave_partner);
        }
        let Some(d) = self.dialling().filter(|d| d.alive.contains(&from)) else { return };
        d.alive.retain(|s| *s != from);
        let further = d.further.remove(&from).filter(|_| outcome.status == CallStatus::Failed);
        let decided = d.winner.is_none_or(|w| w == from);
        if decided {
            d.last = Some((from, outcome));
        }
        if d.winner == Some(from) {
            return self.dial_over(cx);
        }
        if let (None, Some(further)) = (d.winner, further) {
            self.ring(cx, further);
        }
        let Some(d) = self.dialling() else { return };
        if d.alive.is_empty() && d.winner.is_none() {
            // The next one is to be heard, or rung for, as the first one was.
            d.early = None;
            match d.waiting.is_empty() {
                true => self.dial_over(cx),
                false => self.dial_next(cx, 1),
            }
        }
    }

    pub(in crate::call) fn dial_over(&mut self, cx: &mut Cx<'_>) {
        self.timers.disarm(TimerKind::DialLimit);
        let Phase::Dialling(d) = std::mem::replace(&mut self.phase, Phase::Ending) else { return };
        if let Some((tap, _)) = d.recording {
            self.recordings.stop(tap);
        }
        if let Some(trunking) = self.trunking.take() {
            self.hush(cx);
            return self.trunking_over(cx, &trunking, d.last.map(|(_, outcome)| outcome));
        }
        if self.program.by_name && !self.leg.answered {
            self.hush(cx);
            return self.refused_by_name(cx, d.last.map(|(_, outcome)| outcome));
        }
        let params = d.action_params(cx, self.row.account);
        self.hush(cx);
        self.next(cx, twiml::Event::Dialled { params });
    }

    /// The caller is gone, or a REST update took it away: children are released; the action is still told.
    pub(in crate::call) fn abandon_dial(&mut self, cx: &mut Cx<'_>, d: &Dialling, hung_up: bool) {
        for sid in &d.alive {
            let cause = if d.bridged.is_some() {
                Cause::new(200, "Caller hung up")
            } else {
                Cause::new(487, "Caller hung up")
            };
            cx.push(Effect::Tell(*sid, Word::Release(cause)));
        }
        self.timers.disarm(TimerKind::DialLimit);
        if let (true, Some(action)) = (hung_up, d.dial.action.clone()) {
            let params = d.action_params(cx, self.row.account);
            let method = crate::call::program::method_of(d.dial.method);
            self.tell_app(cx, Some(&action), method, params);
        }
    }
}

impl Dialling {
    fn action_params(&self, cx: &Cx<'_>, account: crate::sid::AccountSid) -> Vec<(String, String)> {
        let mut p: Vec<(String, String)> = Vec::new();
        let mut put = |k: &str, v: String| p.push((k.to_owned(), v));
        match &self.last {
            Some((sid, o)) => {
                let status =
                    if o.status == CallStatus::InProgress { CallStatus::Completed } else { o.status };
                put("DialCallStatus", status.as_str().to_owned());
                put("DialCallSid", sid.to_string());
                // A child that REST took away is still talking.
                if self.winner.is_some() && o.status != CallStatus::InProgress {
                    put("DialCallDuration", o.duration.to_string());
                }
                put("DialBridged", self.bridged.is_some().to_string());
                if !o.call_id.is_empty() {
                    put("DialSipCallId", o.call_id.clone());
                    put("DialSipResponseCode", o.cause.code.to_string());
                }
                for (name, value) in &o.headers {
                    put(&format!("DialSipHeader_{name}"), value.clone());
                }
            }
            None => {
                let status = match (self.winner, self.alive.is_empty()) {
                    (Some(_), _) => "completed",
                    (None, false) => "no-answer",
                    (None, true) => "failed",
                };
                put("DialCallStatus", status.to_owned());
                if let Some(sid) = self.winner.or(self.alive.first().copied()) {
                    put("DialCallSid", sid.to_string());
                }
                if let Some(at) = self.bridged {
                    put("DialCallDuration", cx.now.mono.since(at).as_secs_f64().ceil().to_string());
                }
                put("DialBridged", self.bridged.is_some().to_string());
            }
        }
        if let Some((_, sid)) = self.recording {
            let url = crate::webhooks::params::recording_url(&cx.settings.public_url, account, sid);
            put("RecordingUrl", url);
            put("RecordingSid", sid.to_string());
        }
        p
    }
}
