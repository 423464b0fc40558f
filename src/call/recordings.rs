//! The recordings that run on a leg, whoever asked for them: Record, Dial, REST, a call made with Record=true.

use super::call::Call;
use super::cx::Cx;
use super::event::Effect;
use super::program::method_of;
use crate::media::event::{TapEnd, TapEndReason};
use crate::media::plan::{RecordTap, Tap, TapId, Track};
use crate::mutants::{self, Mutant};
use crate::sid::{AccountSid, CallSid, RecordingSid};
use crate::store::rows::{CallRow, Hook, OutboxRow, Part, RecordWish, RecordingRow};
use crate::store::tx::{Op, Tx};
use crate::webhooks::params;
use std::collections::BTreeMap;
use twiml::verb::RecordingEvent;

/// Recordings of one call that may run at the same time.
pub const RECORDINGS_MAX: usize = 8;
/// What lasted less and holds nothing was too short (16101), anything longer silent (16102).
const KEPT_MS: i64 = 1_000;
/// RecordingSource of the one that was asked for with the call.
const OWN: &str = "OutboundAPI";

/// How one begins.
pub struct Start {
    /// Its SID.
    pub sid: RecordingSid,
    /// What is recorded.
    pub tap: RecordTap,
    /// Twilio's RecordingSource.
    pub source: &'static str,
    /// RecordingStatusCallback.
    pub callback: Option<Hook>,
    /// Subscribed events.
    pub events: String,
    /// The call it belongs to (for a Dial always the parent).
    pub call: CallSid,
}

struct Running {
    row: RecordingRow,
    tap: RecordTap,
    /// Not in the plan any more; its end is awaited.
    stopping: bool,
    /// Action of a Record verb whose caller hung up.
    action: Option<(Option<String>, twiml::Method)>,
}

/// All of one call.
#[derive(Default)]
pub struct Recordings {
    running: BTreeMap<TapId, Running>,
    /// The recording of the whole call (REST Record=true), for its last callback.
    own: Option<RecordingRow>,
}

/// `in-progress completed` from a list of words; `completed` if none.
pub fn events(words: &[RecordingEvent]) -> String {
    let words: Vec<&str> = words.iter().map(|w| w.as_str()).collect();
    if words.is_empty() { "completed".to_owned() } else { words.join(" ") }
}

/// RecordingUrl ... for an action.
pub fn action_params(cx: &Cx<'_>, account: AccountSid, end: &TapEnd, digits: &str) -> Vec<(String, String)> {
    let url = params::recording_url(&cx.settings.public_url, account, end.recording);
    vec![
        ("RecordingUrl".to_owned(), url),
        ("RecordingSid".to_owned(), end.recording.to_string()),
        ("RecordingDuration".to_owned(), params::recording_seconds(end.ms).to_string()),
        ("Digits".to_owned(), digits.to_owned()),
    ]
}

impl Recordings {
    /// None runs and none ends.
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// For the plan.
    pub fn taps(&self) -> impl Iterator<Item = (TapId, Tap)> + '_ {
        self.running.iter().filter(|(_, r)| !r.stopping).map(|(id, r)| (*id, Tap::Record(r.tap.clone())))
    }

    /// Begins one; its row is written, the plan is the caller's to send.
    pub fn start(&mut self, cx: &mut Cx<'_>, call: &CallRow, id: TapId, s: Start) -> RecordingRow {
        let row = RecordingRow {
            sid: s.sid,
            account: call.account,
            call: s.call,
            status: "in-progress".to_owned(),
            source: s.source.to_owned(),
            channels: s.tap.channels,
            track: track_word(s.tap.track).to_owned(),
            ms: None,
            file: format!("{}.wav", s.sid),
            error: None,
            callback: s.callback,
            events: s.events,
            started: cx.now.wall,
            created: cx.now.wall,
            updated: cx.now.wall,
        };
        self.running.insert(id, Running { row: row.clone(), tap: s.tap, stopping: false, action: None });
        let ops = ops(cx, &row, "in-progress");
        cx.push(Effect::Commit { tx: Tx { ops }, then: vec![], or_else: vec![] });
        row
    }

    /// The recording that was asked for with the call, once it has ended.
    pub fn own(&self) -> Option<&RecordingRow> {
        self.own.as_ref()
    }

    /// Takes one out of the plan; its end is reported by the engine.
    pub fn stop(&mut self, id: TapId) {
        if let Some(r) = self.running.get_mut(&id) {
            r.stopping = true;
        }
    }

    /// Takes all out of the plan.
    pub fn stop_all(&mut self) {
        self.running.values_mut().for_each(|r| r.stopping = true);
    }

    /// By SID, or the only one that runs.
    pub fn find(&self, sid: Option<RecordingSid>) -> Option<TapId> {
        let mut alive = self.running.iter().filter(|(_, r)| !r.stopping);
        match sid {
            Some(sid) => alive.find(|(_, r)| r.row.sid == sid).map(|(id, _)| *id),
            None => alive.next_back().map(|(id, _)| *id),
        }
    }

    /// The rows of all.
    pub fn rows(&self) -> Vec<RecordingRow> {
        self.running.values().map(|r| r.row.clone()).collect()
    }

    /// The recording that was asked for with the call has not ended yet.
    pub fn own_runs(&self) -> bool {
        self.running.values().any(|r| r.row.source == OWN)
    }

    /// How many run.
    pub fn len(&self) -> usize {
        self.running.len()
    }

    /// Pause or resume; the row after it.
    pub fn pause(
        &mut self,
        cx: &mut Cx<'_>,
        id: TapId,
        paused: bool,
        skip: bool,
    ) -> Option<(RecordingRow, Vec<Op>)> {
        let r = self.running.get_mut(&id)?;
        r.tap.paused = paused;
        r.tap.skip = skip;
        r.row.status = if paused { "paused" } else { "in-progress" }.to_owned();
        r.row.updated = cx.now.wall;
        let row = r.row.clone();
        let ops = vec![Op::PutRecording(Box::new(row.clone()))];
        Some((row, ops))
    }

    /// The row as REST shows it when `stopped` was asked for; in the store it is `processing` until its file is closed, so
    /// that a crash meanwhile does not lose its end.
    pub fn stopping_row(&self, id: TapId) -> Option<RecordingRow> {
        let mut row = self.running.get(&id)?.row.clone();
        row.status = "stopped".to_owned();
        Some(row)
    }

    /// The caller of a Record verb hung up: its action follows the end of the file.
    pub fn action_after_hangup(&mut self, sid: RecordingSid, action: Option<String>, method: twiml::Method) {
        if let Some(r) = self.running.values_mut().find(|r| r.row.sid == sid) {
            r.action = Some((action, method));
        }
    }

    /// The media never reported: the files are as the disk has them.
    pub fn abandon(&mut self, cx: &mut Cx<'_>, call: &CallRow) {
        let ids: Vec<TapId> = self.running.keys().copied().collect();
        for id in ids {
            let Some(r) = self.running.get(&id) else { continue };
            let end = TapEnd { recording: r.row.sid, reason: TapEndReason::Failed, ms: 0 };
            self.end(cx, call, id, &end);
        }
    }

    /// Takes one out and writes its end. In this order: whatever breaks, its end is written once.
    fn end(&mut self, cx: &mut Cx<'_>, call: &CallRow, id: TapId, end: &TapEnd) -> Option<Running> {
        let row = self.running.get(&id)?.row.clone();
        let own = row.source == OWN;
        let ops = ended(cx, row, end);
        if let (true, Some(Op::PutRecording(row))) = (own, ops.first()) {
            self.own = Some((**row).clone());
        }
        let ended = self.running.remove(&id);
        cx.push(Effect::Commit { tx: Tx { ops }, then: vec![], or_else: vec![] });
        if end.reason == TapEndReason::Failed {
            let words = "the disk was full or too slow: the recording ends where it failed";
            super::notify::write(cx, call, 12400, words);
        }
        cx.trace("chorus", "chorus", format!("recording ended, {} ms", end.ms));
        ended
    }
}

/// The row of a recording that ended, and the callback that it owes. Also for those found at start.
pub fn ended(cx: &mut Cx<'_>, mut row: RecordingRow, end: &TapEnd) -> Vec<Op> {
    let event = match end.reason {
        TapEndReason::Failed => "failed",
        _ if end.ms == 0 => "absent",
        _ => "completed",
    };
    row.status = event.to_owned();
    row.ms = Some(end.ms);
    row.updated = cx.now.wall;
    row.error = match event {
        "failed" => Some(12400),
        "absent" if cx.now.wall.0.saturating_sub(row.started.0) < KEPT_MS => Some(16101),
        "absent" => Some(16102),
        _ => None,
    };
    ops(cx, &row, event)
}

/// The row, and the callback if this event is subscribed. Whoever asked for `completed` hears of a failure too: it is the
/// only word that will come.
fn ops(cx: &mut Cx<'_>, row: &RecordingRow, event: &str) -> Vec<Op> {
    let mut ops = vec![Op::PutRecording(Box::new(row.clone()))];
    let wanted = if event == "failed" { "completed" } else { event };
    let subscribed = row.events.split_whitespace().any(|e| e == wanted);
    if let Some(hook) =
        row.callback.clone().filter(|_| subscribed && !mutants::on(Mutant::RecordingCallbackMissing))
    {
        let url = params::recording_url(&cx.settings.public_url, row.account, row.sid);
        let params = params::recording_callback(row, event, &url);
        let id = cx.rng.next_u128();
        let callback = OutboxRow::pending(id, row.account, hook, params, cx.now.wall);
        let position = u32::from(event != "in-progress");
        ops.push(Op::Callback(Box::new(callback.of(row.call, Part::Recording(row.sid), position))));
    }
    ops
}

fn track_word(t: Track) -> &'static str {
    match t {
        Track::Inbound => "inbound",
        Track::Outbound => "outbound",
        Track::Both => "both",
    }
}

/// The track of Twilio's words, for what `RecordingTrack` may be.
pub fn track_of(word: &str) -> Track {
    match word {
        "inbound" => Track::Inbound,
        "outbound" => Track::Outbound,
        _ => Track::Both,
    }
}

impl Call {
    /// A tap ended, by itself or because we took it away.
    pub(super) fn on_tap_ended(&mut self, cx: &mut Cx<'_>, id: TapId, end: TapEnd) {
        let Some(r) = self.recordings.end(cx, &self.row, id, &end) else {
            return;
        };
        self.record_verb_ended(cx, id, &end);
        if let Some((action, method)) = r.action {
            let extra = action_params(cx, self.row.account, &end, "hangup");
            self.tell_app(cx, action.as_deref(), method_of(method), extra);
        }
        if self.leg.over {
            self.conclude(cx);
        }
    }

    /// The recording that the REST call asked for begins with the answer.
    pub(super) fn begin_wished_recording(&mut self, cx: &mut Cx<'_>) {
        if let Some(wish) = self.row.record.clone() {
            let sid = RecordingSid::new(cx.rng);
            self.record_wish(cx, sid, &wish, OWN);
        }
    }

    /// Records the whole leg.
    pub(super) fn record_wish(
        &mut self,
        cx: &mut Cx<'_>,
        sid: RecordingSid,
        wish: &RecordWish,
        source: &'static str,
    ) -> RecordingRow {
        let id = cx.ids.tap();
        let tap = RecordTap {
            recording: sid,
            track: track_of(&wish.track),
            channels: wish.channels.clamp(1, 2),
            paused: false,
            skip: false,
            max_silence_ms: None,
            max_length_ms: None,
            trim: wish.trim,
        };
        let events = if wish.events.is_empty() { "completed".to_owned() } else { wish.events.clone() };
        let start = Start { sid, tap, source, callback: wish.callback.clone(), events, call: self.row.sid };
        let row = self.recordings.start(cx, &self.row, id, start);
        self.send_plan(cx);
        row
    }
}
