//! What the REST API may do to a live call: redirect it, end it, record it, stream it. In the middle of any verb.

use super::call::Call;
use super::cx::Cx;
use super::event::{Effect, Outcome, Ticket, Word};
use super::notify;
use super::phase::Phase;
use super::streams::Open;
use super::timers::TimerKind;
use crate::api::command::{Answer, CallUpdate, Document, EndWish, RecordingChange, RecordingRef, Request};
use crate::sid::{RecordingSid, StreamSid};
use crate::sip::event::Cause;
use crate::store::rows::{CallStatus, RecordWish, RecordingRow, Subscription};
use crate::store::tx::{Op, Tx};
use std::time::Duration;
use twiml::verb::{Channels, Recording, Trim};

fn refused(code: u32, words: &str) -> Answer {
    Answer::Refused { code, words: words.to_owned() }
}

impl Call {
    /// One request; it is answered exactly once.
    pub(super) fn on_command(&mut self, cx: &mut Cx<'_>, ticket: Ticket, request: Request) {
        if self.row.status.is_final() || self.leg.over {
            return cx.push(Effect::Reply(ticket, Box::new(Answer::NotLive)));
        }
        match request {
            Request::Update(_, update) => self.update(cx, ticket, *update),
            Request::Record(_, start) => self.rest_record(cx, ticket, start.sid, &start.wish),
            Request::ChangeRecording(_, which, change) => self.change_recording(cx, ticket, which, change),
            Request::StartStream(_, s) => {
                let open = Open {
                    stream: s.sid,
                    url: s.url,
                    name: s.name,
                    track: super::streams::track_of(&s.track),
                    bidirectional: false,
                    parameters: s.parameters,
                    callback: s.status_callback,
                };
                self.rest_stream(cx, ticket, open);
            }
            Request::StopStream(_, name) => self.rest_stop_stream(cx, ticket, &name),
            Request::Dial(_)
            | Request::External(_)
            | Request::Reported(..)
            | Request::Timeline(_)
            | Request::TablesChanged
            | Request::Registrations
            | Request::Visit(_)
            | Request::Explain(_) => {
                cx.push(Effect::Reply(ticket, Box::new(Answer::NotLive)));
            }
        }
    }

    fn update(&mut self, cx: &mut Cx<'_>, ticket: Ticket, update: CallUpdate) {
        if update.end == Some(EndWish::Canceled) && self.leg.answered {
            let words = "Call is in-progress. Cannot cancel: Status=completed ends it.";
            return cx.push(Effect::Reply(ticket, Box::new(refused(21220, words))));
        }
        if update.document.is_some() && !self.leg.answered && !self.row.direction.came_in() {
            let words = "Call is not in-progress. Cannot redirect.";
            return cx.push(Effect::Reply(ticket, Box::new(refused(21220, words))));
        }
        if update.document.is_some() && self.is_vacant() {
            let words = "The caller has transferred the call and left: it can be redirected once the new party \
                         has answered.";
            return cx.push(Effect::Reply(ticket, Box::new(refused(21220, words))));
        }
        self.row.updated = cx.now.wall;
        if let Some(hook) = update.fallback {
            self.row.fallback = Some(hook);
        }
        if let Some(hook) = update.status_callback {
            if self.row.callbacks.is_empty() {
                self.row.callbacks.push(Subscription { completed: true, ..Subscription::default() });
            }
            self.row.callbacks.iter_mut().for_each(|s| s.hook = hook.clone());
        }
        if let Some(seconds) = update.time_limit_s {
            // Of the whole call: what has been talked already counts.
            let talked = self.answered_at.map_or(Duration::ZERO, |at| cx.now.mono.since(at));
            let seconds = seconds.min(self.longest(cx, talked));
            self.row.time_limit_s = seconds;
            let left = Duration::from_secs(seconds.into()).saturating_sub(talked);
            self.timers.arm(TimerKind::TimeLimit, cx.now.mono + left);
        }
        if let Some(end) = update.end {
            return self.rest_end(cx, ticket, end);
        }
        let answer = Answer::Call(Box::new(self.row.clone()));
        cx.push(Effect::Commit {
            tx: Tx::one(Op::PutCall(Box::new(self.row.clone()))),
            then: vec![Effect::Reply(ticket, Box::new(answer))],
            or_else: vec![Effect::Reply(ticket, Box::new(Answer::Busy))],
        });
        if let Some(document) = update.document {
            cx.trace("chorus", "chorus", "redirected by REST");
            self.interrupt(cx);
            self.begin_replacement(cx, document);
        }
    }

    /// Seconds that it may be given: what it has been given already, or what its account may still talk today.
    fn longest(&self, cx: &Cx<'_>, talked: Duration) -> u32 {
        let left = match cx.usage.left(cx.now.wall, cx.tables, self.row.account) {
            Ok(None) => return u32::MAX,
            Ok(Some(left)) => left,
            Err(_) => 0,
        };
        let talked = u32::try_from(talked.as_secs()).unwrap_or(u32::MAX);
        self.row.time_limit_s.max(talked.saturating_add(left))
    }

    fn rest_end(&mut self, cx: &mut Cx<'_>, ticket: Ticket, end: EndWish) {
        let answered = self.leg.answered;
        let to = match end {
            EndWish::Canceled => CallStatus::Canceled,
            EndWish::Completed if answered => CallStatus::Completed,
            EndWish::Completed => CallStatus::Canceled,
        };
        cx.trace("chorus", "chorus", "ended by REST");
        let answer = Answer::Call(Box::new(self.row.clone()));
        cx.push(Effect::Commit {
            tx: Tx::one(Op::PutCall(Box::new(self.row.clone()))),
            then: vec![Effect::Reply(ticket, Box::new(answer))],
            or_else: vec![Effect::Reply(ticket, Box::new(Answer::Busy))],
        });
        let cause =
            if answered { Cause::new(200, "Ended by REST") } else { Cause::new(487, "Cancelled by REST") };
        self.ends_by("api");
        self.give_up(cx, cause, to);
    }

    /// Whatever runs stops at once; the leg stays.
    pub(super) fn interrupt(&mut self, cx: &mut Cx<'_>) {
        self.abandon_transfer(cx);
        if let Some(parent) = self.parent.take() {
            // A child that is redirected leaves its parent, whose Dial ends as answered.
            let duration = self.row.answered.map_or(0, |a| cx.now.wall.seconds_since(a));
            let outcome = Outcome {
                status: CallStatus::InProgress,
                cause: Cause::new(200, "Redirected"),
                duration,
                call_id: String::new(),
                headers: vec![],
                error: None,
            };
            cx.push(Effect::Tell(parent, Word::Over(Box::new(outcome))));
        }
        let was = std::mem::replace(&mut self.phase, Phase::Ending);
        self.trunking = None;
        if let Phase::Dialling(d) = &was {
            self.abandon_dial(cx, d, false);
        }
        if let Phase::Streaming(s) = &was {
            self.close_stream(cx, s.stream);
        }
        if let Phase::Recording(_) = &was {
            self.recordings.stop_all();
        }
        self.timers.disarm(TimerKind::Verb);
        self.hush(cx);
    }

    fn begin_replacement(&mut self, cx: &mut Cx<'_>, document: Document) {
        self.program = std::mem::take(&mut self.program).replaced();
        match document {
            Document::Fetch(hook) => self.fetch_hook(cx, &hook, vec![]),
            Document::Inline(twiml) => self.load(cx, twiml.as_bytes(), Some("text/xml"), None),
        }
    }

    fn rest_record(&mut self, cx: &mut Cx<'_>, ticket: Ticket, sid: RecordingSid, wish: &RecordWish) {
        if !self.leg.answered {
            let words = "the call is not in progress: it can be recorded once it is answered";
            return cx.push(Effect::Reply(ticket, Box::new(refused(21220, words))));
        }
        if self.recordings.len() >= super::recordings::RECORDINGS_MAX {
            let words = "the call has as many recordings as it may";
            return cx.push(Effect::Reply(ticket, Box::new(refused(21220, words))));
        }
        let row = self.record_wish(cx, sid, wish, "StartCallRecordingAPI");
        self.reply_recording(cx, ticket, row, vec![]);
    }

    fn reply_recording(&self, cx: &mut Cx<'_>, ticket: Ticket, row: RecordingRow, ops: Vec<Op>) {
        let ops = if ops.is_empty() { vec![Op::PutRecording(Box::new(row.clone()))] } else { ops };
        let answer = Effect::Reply(ticket, Box::new(Answer::Recording(Box::new(row))));
        let busy = Effect::Reply(ticket, Box::new(Answer::Busy));
        cx.push(Effect::Commit { tx: Tx { ops }, then: vec![answer], or_else: vec![busy] });
    }

    fn change_recording(
        &mut self,
        cx: &mut Cx<'_>,
        ticket: Ticket,
        which: RecordingRef,
        change: RecordingChange,
    ) {
        let sid = match which {
            RecordingRef::Current => None,
            RecordingRef::Sid(sid) => Some(sid),
        };
        let Some(id) = self.recordings.find(sid) else {
            let words = "no such recording runs on this call";
            return cx.push(Effect::Reply(ticket, Box::new(refused(20404, words))));
        };
        match change {
            RecordingChange::Pause { silence } => {
                if let Some((row, ops)) = self.recordings.pause(cx, id, true, !silence) {
                    self.reply_recording(cx, ticket, row, ops);
                }
            }
            RecordingChange::Resume => {
                if let Some((row, ops)) = self.recordings.pause(cx, id, false, false) {
                    self.reply_recording(cx, ticket, row, ops);
                }
            }
            RecordingChange::Stop => {
                if let Some(row) = self.recordings.stopping_row(id) {
                    self.recordings.stop(id);
                    let stored = RecordingRow { status: "processing".to_owned(), ..row.clone() };
                    let ops = vec![Op::PutRecording(Box::new(stored))];
                    self.reply_recording(cx, ticket, row, ops);
                }
            }
        }
        self.send_plan(cx);
    }

    fn rest_stream(&mut self, cx: &mut Cx<'_>, ticket: Ticket, open: Open) {
        if !self.leg.answered {
            let words = "the call is not in progress: it can be streamed once it is answered";
            return cx.push(Effect::Reply(ticket, Box::new(refused(21220, words))));
        }
        match self.open_stream(cx, open) {
            Ok(row) => {
                self.send_plan(cx);
                let tx = Tx::one(Op::PutStream(Box::new(row.clone())));
                let answer = Effect::Reply(ticket, Box::new(Answer::Stream(Box::new(row))));
                let busy = Effect::Reply(ticket, Box::new(Answer::Busy));
                cx.push(Effect::Commit { tx, then: vec![answer], or_else: vec![busy] });
            }
            Err((code, words)) => cx.push(Effect::Reply(ticket, Box::new(Answer::Refused { code, words }))),
        }
    }

    fn rest_stop_stream(&mut self, cx: &mut Cx<'_>, ticket: Ticket, name: &str) {
        let found: Option<StreamSid> = self.streams.named(name);
        let Some(stream) = found else {
            let words = "no such stream runs on this call";
            return cx.push(Effect::Reply(ticket, Box::new(refused(20404, words))));
        };
        self.close_stream_and(cx, stream, Some(ticket));
        if matches!(&self.phase, Phase::Streaming(s) if s.stream == stream) {
            self.phase = Phase::Ending;
            self.hush(cx);
            self.next(cx, twiml::Event::Connected { params: vec![] });
        }
    }

    /// Start Recording of a document.
    pub(super) fn start_recording(&mut self, cx: &mut Cx<'_>, r: &Recording) {
        let callback = r
            .recording_status_callback
            .as_ref()
            .and_then(|u| self.hook_of(u, r.recording_status_callback_method));
        let wish = RecordWish {
            channels: if r.channels == Channels::Dual { 2 } else { 1 },
            track: r.track.as_str().to_owned(),
            trim: r.trim == Trim::TrimSilence,
            callback,
            events: super::recordings::events(&r.recording_status_callback_event),
        };
        if self.recordings.len() < super::recordings::RECORDINGS_MAX {
            let sid = RecordingSid::new(cx.rng);
            self.record_wish(cx, sid, &wish, "StartCallRecordingTwiML");
        } else {
            notify::write(cx, &self.row, 12400, "the call has as many recordings as it may");
        }
    }
}
