//! From a call's effects to the endpoint, to outputs, to other calls.

use super::{FetchOwner, Output, Switch};
use crate::call::call::Call;
use crate::call::event::{Effect, Event, Outcome, Word};
use crate::clock::Now;
use crate::media::event::EngineCommand;
use crate::sid::{CallSid, TrunkSid};
use crate::sip::event::{Cause, LegId, Side, SipCmd, SipEvent};
use crate::store::tx::Tx;

impl Switch {
    pub(super) fn perform(&mut self, now: Now, sid: CallSid, fx: Vec<Effect>) {
        for effect in fx {
            self.perform_one(now, sid, effect);
        }
    }

    fn perform_one(&mut self, now: Now, sid: CallSid, effect: Effect) {
        match effect {
            Effect::Sip(SipCmd::Invite(cmd)) if !self.wants_to_dial(sid, cmd.leg) => {
                self.not_dialled(now, sid, cmd.leg, Cause::new(487, "Cancelled before it was dialled"))
            }
            Effect::Undialled(leg, cause) => self.not_dialled(now, sid, leg, cause),
            Effect::Sip(command) => {
                if let SipCmd::Invite(cmd) = &command {
                    self.legs.insert(cmd.leg, sid);
                }
                self.endpoint.command(now, command);
            }
            Effect::OpenPort { leg, near } => self.open_port(leg, near),
            Effect::TakeTurn(leg) => self.take_turn(now, sid, leg),
            Effect::Plan(leg, plan) => self.plan(leg, plan),
            Effect::Engine(leg, command) => self.engine(leg, command),
            Effect::Connect(connect) => {
                if let Some(worker) = self.workers.of(connect.leg) {
                    self.out.push_back(Output::Connect(worker, connect));
                }
            }
            Effect::Fetch(id, request) => {
                self.fetches.insert(id, FetchOwner::Call(sid));
                self.out.push_back(Output::Fetch(id, request));
            }
            Effect::Speak { id, account, speech } => {
                self.clips.insert(id, sid);
                self.out.push_back(Output::Speak(id, account, speech));
            }
            Effect::Load { id, request } => {
                self.clips.insert(id, sid);
                self.out.push_back(Output::Load(id, request));
            }
            Effect::Decode { id, content_type, body } => {
                self.clips.insert(id, sid);
                self.out.push_back(Output::Decode(id, content_type, body));
            }
            Effect::Commit { tx, then, or_else } => self.commit(now, Some(sid), tx, then, or_else),
            Effect::Reply(ticket, answer) => self.out.push_back(Output::Reply(ticket, answer)),
            Effect::Spawn(spawn) => {
                let (child, parent) = (spawn.row.sid, spawn.parent);
                let who = (spawn.row.account, child);
                if !self.begin(now, who, spawn.within(), |cx| Call::child(cx, *spawn)) {
                    let cause = Cause::new(500, "Internal error");
                    self.told.push_back((parent, child, Word::Over(Box::new(Outcome::failed(cause)))));
                }
            }
            Effect::Tell(to, word) => self.told.push_back((to, sid, word)),
            Effect::Trace { from, to, what } => {
                let line = self.timelines.add(now, sid, from, to, what);
                if let Some(line) = line {
                    self.out.push_back(Output::Trace(sid, line));
                }
            }
            Effect::Gone => self.let_go(now, sid),
        }
    }

    /// It may have been cancelled while its INVITE waited for the commit; or whom it would have called, alone.
    fn wants_to_dial(&self, sid: CallSid, leg: LegId) -> bool {
        self.calls.get(&sid).is_some_and(|call| call.wants(leg))
    }

    fn not_dialled(&mut self, now: Now, sid: CallSid, leg: LegId, cause: Cause) {
        let ended = SipEvent::Ended { leg, by: Side::Us, cause, headers: vec![] };
        self.tell(now, sid, Event::Sip(ended));
    }

    /// The call holds nothing any more: everything that was its is closed, its timeline is written.
    pub(super) fn let_go(&mut self, now: Now, sid: CallSid) {
        if self.forget_external(sid) {
            return;
        }
        let Some(call) = self.calls.remove(&sid) else {
            return;
        };
        // One that only waited for its turn lives on in the database.
        if call.row().status.is_final() {
            self.ended.add(call.row());
        }
        self.usage.forget(call.row().account, sid);
        self.leave_queue(sid);
        self.count_channels(sid, None);
        if let Some(at) = self.deadlines.remove(&sid) {
            self.timers.remove(&(at, sid));
        }
        self.legs.remove(&call.leg());
        // A port that is still on its way is closed when it comes.
        if !self.workers.opening.contains(&call.leg()) {
            // The port of a call that never was, since its row could not be written.
            if call.holds_port() {
                self.engine(call.leg(), EngineCommand::Close(call.leg()));
            }
            self.workers.close(call.leg());
        }
        self.fetches.retain(|_, owner| !matches!(owner, FetchOwner::Call(c) if *c == sid));
        self.clips.retain(|_, c| *c != sid);
        if let Some(op) = self.timelines.close(now, sid) {
            self.commit(now, None, Tx::one(op), vec![], vec![]);
        }
    }

    /// A call goes over this trunk now; the endpoint moves none to a trunk that is full.
    pub(super) fn count_channels(&mut self, sid: CallSid, trunk: Option<TrunkSid>) {
        for (trunk, calls) in self.channels.set(sid, trunk) {
            self.endpoint.set_channels(trunk, calls);
        }
    }

    pub(super) fn engine(&mut self, leg: LegId, command: EngineCommand) {
        if let Some(worker) = self.workers.of(leg) {
            self.out.push_back(Output::Engine(worker, command));
        }
    }
}
