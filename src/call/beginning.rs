//! How a call begins: it came in, REST or a Dial made it, or it was found queued at the start.

use super::call::Call;
use super::cx::Cx;
use super::event::{Effect, Outcome, Spawn, Ticket, Word};
use super::leg::Leg;
use super::phase::Phase;
use super::program::Program;
use super::recordings::Recordings;
use super::status;
use super::streams::Streams;
use super::target::Target;
use super::timers::{TimerKind, Timers};
use super::trunking::{Trunking, Way};
use crate::api::command::Answer;
use crate::sid::CallSid;
use crate::sip::event::{Cause, Invite, LegId, SipCmd};
use crate::store::rows::{CallRow, DoorSid};
use std::collections::BTreeSet;
use std::time::Duration;

impl Call {
    /// An inbound call: writes its row, then rings and asks the application what to do (ruling 2.51).
    pub fn inbound(cx: &mut Cx<'_>, row: CallRow, leg: LegId, invite: &Invite) -> Call {
        Call::came_in(cx, row, leg, invite, None)
    }

    /// A call of an account's own trunk: writes its row, then dials the far end, which decides when it rings.
    pub fn of_trunk(cx: &mut Cx<'_>, row: CallRow, leg: LegId, invite: &Invite, trunking: Trunking) -> Call {
        Call::came_in(cx, row, leg, invite, Some(trunking))
    }

    fn came_in(
        cx: &mut Cx<'_>,
        row: CallRow,
        leg: LegId,
        invite: &Invite,
        trunking: Option<Trunking>,
    ) -> Call {
        let mut call = Call::new(cx, row, leg);
        call.heard_headers = invite.headers.clone();
        let door = call.row.domain.as_ref().map(|d| DoorSid::Domain(d.sid));
        let dials_out = |t: &&Trunking| matches!(t.way, Way::Terminating);
        let door = door.or(trunking.as_ref().filter(dials_out).map(|t| DoorSid::Trunk(t.trunk.sid)));
        let secure = door.is_some_and(|door| cx.tables.is_secure(door));
        call.leg.terms = super::terms::of(cx, call.row.trunk, secure);
        call.leg.offered(invite);
        call.row.dialog = Some(invite.dialog.clone());
        cx.trace("phone", "chorus", "INVITE");
        let ring = Effect::Sip(SipCmd::Ring { leg, body: None });
        let busy = Effect::Sip(SipCmd::Refuse {
            leg,
            cause: Cause::new(503, "Service Unavailable"),
            headers: vec![("Retry-After".to_owned(), "5".to_owned())],
        });
        let mut then = if trunking.is_none() { vec![ring] } else { vec![] };
        call.timers
            .arm(TimerKind::TimeLimit, cx.now.mono + Duration::from_secs(call.row.time_limit_s.into()));
        let first = match trunking {
            Some(trunking) => call.begin_trunking(cx, trunking),
            None => call.first_document(cx),
        };
        then.extend(first);
        let tx = status::begin(cx, &mut call.row);
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
        let api = parent.is_none();
        if let Some(t) = ticket {
            then.push(Effect::Reply(t, Box::new(Answer::Call(Box::new(call.row.clone())))));
        }
        then.push(if api { Effect::TakeTurn(leg) } else { Effect::OpenPort { leg, near } });
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
        let tx = status::begin(cx, &mut call.row);
        cx.push(Effect::Commit { tx, then, or_else });
        call
    }

    /// A call found queued at start: its row is written already and nobody waits for an answer. Its way is found when its turn comes.
    pub fn redial(cx: &mut Cx<'_>, row: CallRow) -> Call {
        let leg = cx.ids.leg();
        // No channel is taken before its turn.
        let mut call = Call::new(cx, CallRow { trunk: None, ..row }, leg);
        call.phase = Phase::Calling;
        cx.push(Effect::TakeTurn(leg));
        call
    }

    /// It may be dialled now: by this way, which need not be the one that it was accepted for, and for so many seconds.
    pub fn set_out(&mut self, target: Target, seconds: u32) {
        self.row.trunk = target.trunk;
        self.row.time_limit_s = self.row.time_limit_s.min(seconds);
        self.target = Some(target);
    }

    /// A child of a Dial.
    pub fn child(cx: &mut Cx<'_>, spawn: Spawn) -> Call {
        let mut call = Call::dialled(cx, spawn.row, spawn.target, None, Some(spawn.parent));
        (call.pbx, call.refer_url) = (spawn.pbx, spawn.refer_url);
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
            trunking: None,
            dialled: cx.now.mono,
            answered_at: None,
            ended_at: None,
            pbx: None,
            refer_url: None,
            transfer: Default::default(),
            before: None,
        }
    }
}
