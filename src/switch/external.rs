//! Calls of external switches: reported, not made here (ruling 2.12). No leg and no media, but the same tables decide whose they are,
//! the same function writes their statuses, and the same outbox tells them. They live in memory from their first report to their last.
//!
//! ```text
//!  inbound_phone_calls --> ringing --answered--> in-progress --completed--> completed | failed
//!                             +--completed--> busy | no-answer | canceled | failed
//!  nothing heard for a day --> failed
//! ```

use super::accept::{Refusal, asking, shown_as};
use super::{Output, Switch};
use crate::api::command::Answer;
use crate::api::command_external::{CallReport, ExternalCall, Origin, Progress};
use crate::call::event::{Effect, Ticket};
use crate::call::handler::Handler;
use crate::call::status;
use crate::clock::{Mono, Now, Wall};
use crate::sid::{CallSid, TrunkSid};
use crate::sip::event::Cause;
use crate::store::rows::{CallRow, CallStatus};
use crate::store::tx::{Op, Tx};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// A call of which nothing is heard for so long is over: the switch has lost it, or its last report.
pub const SILENCE_MAX: Duration = Duration::from_secs(24 * 3_600);

/// Calls of external switches that may be live at once: a row in memory each. More are refused with 503.
pub const EXTERNAL_MAX: usize = 20_000;

/// Those that are not over.
pub struct Externals {
    rows: BTreeMap<CallSid, (CallRow, Mono)>,
    timers: BTreeSet<(Mono, CallSid)>,
    max: usize,
}

impl Default for Externals {
    fn default() -> Externals {
        Externals { rows: BTreeMap::new(), timers: BTreeSet::new(), max: EXTERNAL_MAX }
    }
}

impl Externals {
    /// Takes fewer, for tests.
    pub(super) fn limit(&mut self, max: usize) {
        self.max = max.min(EXTERNAL_MAX);
    }

    /// How many.
    pub fn live(&self) -> usize {
        self.rows.len()
    }

    /// When one may be given up.
    pub fn poll_timeout(&self) -> Option<Mono> {
        self.timers.first().map(|(at, _)| *at)
    }

    fn put(&mut self, row: CallRow, until: Mono) {
        self.forget(row.sid);
        self.timers.insert((until, row.sid));
        self.rows.insert(row.sid, (row, until));
    }

    /// It is over, or never was.
    pub fn forget(&mut self, sid: CallSid) -> bool {
        let known = self.rows.remove(&sid);
        known.is_some_and(|(_, until)| self.timers.remove(&(until, sid)))
    }

    fn due(&self, now: Mono) -> Option<CallRow> {
        let (_, sid) = self.timers.first().filter(|(at, _)| *at <= now)?;
        self.rows.get(sid).map(|(row, _)| row.clone())
    }
}

impl Switch {
    /// A call came in at an external switch. Answers: `Call` after the commit, `Duplicate`, `Refused`, `Busy`.
    pub(super) fn external_call(&mut self, now: Now, ticket: Ticket, call: ExternalCall) {
        let answer = if self.draining || !self.healthy() { Err(Answer::Busy) } else { self.taken(now, call) };
        let mut row = match answer {
            Ok(row) => row,
            Err(answer) => return self.out.push_back(Output::Reply(ticket, Box::new(answer))),
        };
        let sid = row.sid;
        let tx = status::begin(&mut self.cx(now, &mut Vec::new()), &mut row);
        let reply = |answer| Effect::Reply(ticket, Box::new(answer));
        let (then, or_else) =
            (vec![reply(Answer::Call(Box::new(row.clone())))], vec![Effect::Gone, reply(Answer::Busy)]);
        self.hold(now, row);
        self.commit(now, Some(sid), tx, then, or_else);
    }

    fn taken(&mut self, now: Now, call: ExternalCall) -> Result<CallRow, Answer> {
        let tables = self.tables.clone();
        let source = call.source.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let trunks: Vec<TrunkSid> = match &call.origin {
            Origin::Gateway(sid) => tables.trunks.trunk(*sid).map(|t| t.sid).into_iter().collect(),
            Origin::Client(user) => tables.trunks.owner(user).map(|t| t.sid).into_iter().collect(),
            Origin::Source(ip) => tables.trunks.identify(*ip),
        };
        let unknown = |words: String| Answer::Refused { code: 20404, words };
        match &call.origin {
            Origin::Gateway(sid) if trunks.is_empty() => {
                return Err(unknown(format!("There is no gateway {sid}.")));
            }
            Origin::Client(user) if trunks.is_empty() => {
                return Err(unknown(format!("No trunk's peer registers as '{user}'.")));
            }
            _ => {}
        }
        if self.external.live() >= self.external.max {
            let words = format!("{} calls of external switches are live.", self.external.max);
            return Err(Answer::Refused { code: 20503, words });
        }
        let handled = self.handler_of(&tables, Some(source), &trunks, &call.to).map_err(|refusal| {
            let code = if refusal.cause.code == 503 { 20503 } else { 20404 };
            Answer::Refused { code, words: refusal.in_full() }
        })?;
        // A number of an account's own trunk rings there, and an external switch cannot do that for us.
        let Handler::Document(hooks) = handled.handler else {
            let words = format!("the number {} rings at a trunk of its account", handled.number.number);
            return Err(unknown(words));
        };
        let from = shown_as(&call.from, &call.host, handled.trunk.country.as_deref());
        self.within_rules(now, handled.number.account)
            .map_err(|refusal| self.over_its_cap(now, &call, refusal))?;
        let row = asking(self.row_of(now, handled.number, handled.trunk.sid, from), hooks);
        // A switch that has no name for it calls it as we do.
        let external = call.external.unwrap_or_else(|| row.sid.to_string());
        Ok(CallRow { external: Some(external), ..row })
    }

    /// The account has as many calls as it may: it hears of it, as of a call of our own.
    fn over_its_cap(&mut self, now: Now, call: &ExternalCall, refusal: Refusal) -> Answer {
        let (code, words) = (refusal.code, refusal.words);
        if let Some(account) = refusal.account {
            self.note_limited(now, account, code, format!("a call to {} was refused: {words}", call.to));
        }
        Answer::Refused { code, words }
    }

    /// Keeps it and counts it on its trunk.
    fn hold(&mut self, now: Now, row: CallRow) {
        self.usage.see(&row);
        self.count_channels(row.sid, row.trunk);
        self.external.put(row, now.mono + SILENCE_MAX);
    }

    /// What a restart finds.
    pub(super) fn recover_external(&mut self, now: Now, row: CallRow) {
        let heard =
            Duration::from_millis(u64::try_from(now.wall.0.saturating_sub(row.updated.0)).unwrap_or(0));
        self.usage.see(&row);
        self.count_channels(row.sid, row.trunk);
        self.external.put(row, now.mono + SILENCE_MAX.saturating_sub(heard));
    }

    /// It never was, or is over.
    pub(super) fn forget_external(&mut self, sid: CallSid) -> bool {
        let row = self.external.rows.get(&sid).map(|(row, _)| row.clone());
        let Some(row) = row else { return false };
        self.usage.forget(row.account, sid);
        self.count_channels(sid, None);
        self.external.forget(sid)
    }

    /// A report about one. Answers: `Call` after the commit, `NotLive`, `Busy`.
    pub(super) fn external_report(&mut self, now: Now, ticket: Ticket, sid: CallSid, report: CallReport) {
        let reply = |answer| Effect::Reply(ticket, Box::new(answer));
        let held = self.external.rows.get(&sid).map(|(row, _)| row.clone());
        // While the database is away nothing is accepted: the switch reports again.
        let answer = if self.healthy() { Answer::NotLive } else { Answer::Busy };
        let Some(mut row) = held.filter(|_| self.healthy()) else {
            return self.out.push_back(Output::Reply(ticket, Box::new(answer)));
        };
        row.updated = now.wall;
        let to = report.progress.and_then(|progress| apply(&mut row, now.wall, progress, &report));
        let status =
            to.and_then(|to| status::advance(&mut self.cx(now, &mut Vec::new()), &mut row, to, None));
        let change = status.unwrap_or_else(|| Op::PutCall(Box::new(row.clone())));
        let tx = Tx { ops: vec![change, Op::PutReport(Box::new(report.row))] };
        let then = vec![reply(Answer::Call(Box::new(row.clone())))];
        self.settle_external(now, row);
        self.commit(now, Some(sid), tx, then, vec![reply(Answer::Busy)]);
    }

    fn settle_external(&mut self, now: Now, row: CallRow) {
        if !row.status.is_final() {
            return self.hold(now, row);
        }
        self.usage.see(&row);
        self.count_channels(row.sid, None);
        self.external.forget(row.sid);
    }

    /// Those that nobody reports any more.
    pub(super) fn settle_externals(&mut self, now: Now) {
        while let Some(mut row) = self.external.due(now.mono) {
            row.cause = Some(Cause::new(408, "No report came for a day"));
            (row.ended_by, row.ended_how) = (Some("us".to_owned()), Some("timeout".to_owned()));
            let op = status::advance(&mut self.cx(now, &mut Vec::new()), &mut row, CallStatus::Failed, None);
            self.settle_external(now, row.clone());
            self.external.forget(row.sid);
            if let Some(op) = op {
                self.commit(now, None, Tx::one(op), vec![], vec![]);
            }
        }
    }
}

/// What a report says, in the row; the status that follows, if another does.
fn apply(row: &mut CallRow, now: Wall, progress: Progress, report: &CallReport) -> Option<CallStatus> {
    match progress {
        Progress::Ringing => Some(CallStatus::Ringing),
        Progress::Answered => {
            row.answer_delay_ms =
                u64::try_from(report.answered.unwrap_or(now).0.saturating_sub(row.created.0)).ok();
            Some(CallStatus::InProgress)
        }
        Progress::Over(word) => {
            over(row, now, report, word);
            let answered = row.answered.is_some();
            let code = report.sip_code.unwrap_or(487);
            Some(match word {
                Some(status) if !answered || status == CallStatus::Failed => status,
                _ if answered => CallStatus::Completed,
                _ => status::of_refusal(code),
            })
        }
    }
}

/// The times and the cause of its end. The switch's own figures count before ours, which are those of its reports: these may come late,
/// or not at all.
fn over(row: &mut CallRow, now: Wall, report: &CallReport, word: Option<CallStatus>) {
    let before = |at: &Wall| at.0 >= 0 && *at <= now;
    row.answered = report.answered.filter(before).or(row.answered);
    row.ended = Some(now);
    if let Some(seconds) = report.seconds {
        let ms = i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX);
        let latest = Wall(now.0.saturating_sub(ms));
        match row.answered {
            Some(answered) if answered <= latest => row.ended = Some(Wall(answered.0.saturating_add(ms))),
            None if seconds == 0 => {}
            // It ends now at the latest, so it was answered before we heard of it.
            _ => row.answered = Some(latest),
        }
    }
    // That it was answered is all that a 200 can mean, where no other word says how it ended.
    let success = report.sip_code.is_some_and(|code| (200..300).contains(&code));
    if row.answered.is_none() && word.is_none() && success {
        row.answered = row.ended;
    }
    row.started = row.started.into_iter().chain(row.answered).min();
    let code = report.sip_code.unwrap_or(if row.answered.is_some() { 200 } else { 487 });
    let words = report.words.clone().unwrap_or_else(|| crate::sip::wire::reason::phrase(code).to_owned());
    row.cause = Some(Cause { code, words, q850: report.q850 });
    row.ended_by = report.by_caller.map(|caller| if caller { "caller" } else { "callee" }.to_owned());
    row.ended_how = None;
}
