//! A panic in one call ends that call alone: what it wanted until then is done, its leg gets BYE, its row its end. A call that
//! panics while it ends is ended from outside, as a restart ends the calls of a process that died.

use super::Switch;
use crate::api::command::Answer;
use crate::call::call::Call;
use crate::call::cx::Cx;
use crate::call::event::{Effect, Ticket, Word};
use crate::clock::Now;
use crate::media::event::{EngineCommand, TapEnd, TapEndReason};
use crate::mutants;
use crate::sid::{AccountSid, CallSid};
use crate::sip::event::{Cause, SipCmd};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The words of its BYE and of its row.
fn internal_error() -> Cause {
    Cause::new(500, "Internal error")
}

/// Do these effects answer the request, now or after their commit?
fn answers(fx: &[Effect], ticket: Ticket) -> bool {
    fx.iter().any(|effect| match effect {
        Effect::Reply(t, _) => *t == ticket,
        Effect::Commit { then, .. } => answers(then, ticket),
        _ => false,
    })
}

impl Switch {
    /// What a call sees while it handles something; its effects go to `fx`.
    pub(super) fn cx<'a>(&'a mut self, now: Now, fx: &'a mut Vec<Effect>) -> Cx<'a> {
        Cx {
            now,
            rng: &mut self.rng,
            ids: &mut self.ids,
            tables: &self.tables,
            registrar: self.endpoint.registrar(),
            channels: &self.channels,
            usage: &self.usage,
            settings: &self.settings,
            fx,
        }
    }

    /// Runs the code of a call: what it returned, None for a panic; and its effects until then.
    pub(super) fn guarded<T>(
        &mut self,
        now: Now,
        sid: CallSid,
        code: impl FnOnce(&mut Cx<'_>) -> T,
    ) -> (Option<T>, Vec<Effect>) {
        let mut fx = Vec::new();
        let mut cx = self.cx(now, &mut fx);
        mutants::enter(Some(sid));
        let returned = catch_unwind(AssertUnwindSafe(|| {
            mutants::effect();
            code(&mut cx)
        }));
        mutants::enter(None);
        if returned.is_err() {
            self.log(&format!("{sid} panicked and is ended: this is an error of Chorus"));
        }
        (returned.ok(), fx)
    }

    /// Makes a call by `make` and performs its first effects. It counts from the start: a document that it brings along may dial
    /// at once. `within`: as for the usage. False if that panicked: then nothing happened.
    pub(super) fn begin(
        &mut self,
        now: Now,
        (account, sid): (AccountSid, CallSid),
        within: Option<CallSid>,
        make: impl FnOnce(&mut Cx<'_>) -> Call,
    ) -> bool {
        self.usage.begin(account, sid, within);
        let (Some(call), fx) = self.guarded(now, sid, make) else {
            self.usage.forget(account, sid);
            return false;
        };
        self.timelines.open(sid, call.row().account);
        self.keep(Box::new(call));
        self.perform(now, sid, fx);
        true
    }

    /// A call panicked while it handled an event, a request perhaps, and wanted `fx` until then.
    pub(super) fn broke(
        &mut self,
        now: Now,
        mut call: Box<Call>,
        mut fx: Vec<Effect>,
        asked: Option<Ticket>,
    ) {
        let sid = call.sid();
        if let Some(ticket) = asked.filter(|t| !answers(&fx, *t)) {
            fx.push(Effect::Reply(ticket, Box::new(Answer::Busy)));
        }
        let port = self.workers.of(call.leg()).is_some() && !self.workers.opening.contains(&call.leg());
        let known = self.endpoint.has_leg(call.leg());
        let (ends, last) = self.guarded(now, sid, |cx| call.broke(cx, internal_error(), known, port));
        fx.extend(last);
        self.keep(call);
        self.perform(now, sid, fx);
        self.release_children(sid);
        if ends != Some(true) {
            self.end_by_force(now, sid);
        }
    }

    /// It may not know them any more.
    fn release_children(&mut self, parent: CallSid) {
        let children = self.calls.values().filter(|c| c.is_child_of(parent)).map(|c| c.sid());
        self.told.extend(children.map(|child| (child, parent, Word::Release(internal_error()))));
    }

    /// It cannot end by itself: its rows get their ends, everything that was its is closed.
    fn end_by_force(&mut self, now: Now, sid: CallSid) {
        let Some(call) = self.calls.get_mut(&sid) else { return };
        let (leg, word, remains) = (call.leg(), call.last_word(internal_error()), call.remains(now));
        self.told.extend(word.map(|(parent, word)| (parent, sid, word)));
        self.endpoint.command(now, SipCmd::Hangup { leg, cause: internal_error(), headers: vec![] });
        if !self.workers.opening.contains(&leg) {
            self.engine(leg, EngineCommand::Close(leg));
        }
        for row in remains.recordings {
            let end = TapEnd { recording: row.sid, reason: TapEndReason::Failed, ms: 0 };
            self.end_recording(now, row, &end);
        }
        let mut row = remains.row;
        for stream in remains.streams {
            self.end_stream(now, stream, &mut row.events);
        }
        if !row.status.is_final() {
            self.end_row(now, row, internal_error(), "error");
        }
        self.let_go(now, sid);
    }
}
