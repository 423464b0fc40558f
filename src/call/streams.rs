//! The Media Streams of a call, whoever started them: Connect, Start, REST.

use super::call::Call;
use super::cx::Cx;
use super::event::{Effect, StreamConnect, Ticket};
use super::notify;
use crate::api::command::Answer;
use crate::media::event::{AgentEvent, EngineCommand, StreamStart};
use crate::media::plan::{Tap, TapId, Track};
use crate::sid::StreamSid;
use crate::store::rows::{Hook, OutboxRow, Part, StreamRow};
use crate::store::tx::{Op, Tx};
use crate::webhooks::{events, params, sign};
use std::collections::BTreeMap;

/// Forked tracks of one call (media-streams.md A.1); `both_tracks` counts two.
pub const TRACKS_MAX: usize = 4;

/// What a stream is to be.
pub struct Open {
    /// Its SID.
    pub stream: StreamSid,
    /// `wss:` or `ws:`, absolute or relative to the document.
    pub url: String,
    /// Name, unique in the call.
    pub name: Option<String>,
    /// Which audio.
    pub track: Track,
    /// Connect.
    pub bidirectional: bool,
    /// customParameters.
    pub parameters: Vec<(String, String)>,
    /// statusCallback.
    pub callback: Option<Hook>,
}

struct Running {
    row: StreamRow,
    tap: TapId,
    track: Track,
}

/// All of one call.
#[derive(Default)]
pub struct Streams(BTreeMap<StreamSid, Running>);

/// The track of Twilio's words.
pub fn track_of(word: &str) -> Track {
    match word {
        "outbound_track" => Track::Outbound,
        "both_tracks" => Track::Both,
        _ => Track::Inbound,
    }
}

impl Streams {
    /// For the plan.
    pub fn taps(&self) -> impl Iterator<Item = (TapId, Tap)> + '_ {
        self.0.iter().map(|(sid, r)| (r.tap, Tap::Stream { stream: *sid, track: r.track }))
    }

    /// By name or SID.
    pub fn named(&self, name: &str) -> Option<StreamSid> {
        self.0.iter().find(|(sid, r)| r.row.name == name || sid.to_string() == name).map(|(sid, _)| *sid)
    }

    /// The rows of all.
    pub fn rows(&self) -> Vec<StreamRow> {
        self.0.values().map(|r| r.row.clone()).collect()
    }

    fn tracks(&self) -> usize {
        self.0.values().map(|r| if r.track == Track::Both { 2 } else { 1 }).sum()
    }
}

impl Call {
    /// Opens a stream; the plan is the caller's to send. Err: a Twilio code and a sentence.
    pub(super) fn open_stream(&mut self, cx: &mut Cx<'_>, open: Open) -> Result<StreamRow, (u32, String)> {
        let url = super::requests::stream_url(self.program.base.as_deref(), &open.url)?;
        let row = self.stream_row(cx, &open);
        if self.streams.named(&row.name).is_some() {
            return Err((20001, format!("Name: the call already has a stream named {}.", row.name)));
        }
        let wanted = if open.track == Track::Both { 2 } else { 1 };
        if self.streams.tracks() + wanted > TRACKS_MAX {
            return Err((31960, format!("a call may fork at most {TRACKS_MAX} tracks")));
        }
        let start = StreamStart {
            stream: open.stream,
            leg: self.leg.id,
            account: self.row.account,
            call: self.row.sid,
            track: open.track,
            bidirectional: open.bidirectional,
            parameters: open.parameters,
        };
        // Before its row is asked for: whatever happens in between, the row will have its end.
        let running = Running { row: row.clone(), tap: cx.ids.tap(), track: open.track };
        self.streams.0.insert(open.stream, running);
        let signature = sign::sign_websocket(&self.tables.auth_token(self.row.account), &url);
        cx.push(Effect::Engine(self.leg.id, EngineCommand::OpenStream(Box::new(start))));
        cx.push(Effect::Connect(Box::new(StreamConnect {
            stream: open.stream,
            leg: self.leg.id,
            url,
            signature,
        })));
        cx.push(Effect::Commit {
            tx: Tx::one(Op::PutStream(Box::new(row.clone()))),
            then: vec![],
            or_else: vec![],
        });
        Ok(row)
    }

    /// Opens a stream of a document. One that cannot be is told as one that failed: notification and callback.
    pub(super) fn begin_stream(&mut self, cx: &mut Cx<'_>, open: Open) -> bool {
        let row = self.stream_row(cx, &open);
        let callback = open.callback.clone();
        let Err((code, words)) = self.open_stream(cx, open) else {
            return true;
        };
        notify::write(cx, &self.row, code, &words);
        if let Some(hook) = callback {
            let tx = Tx::one(owed(cx, &row, hook, "stream-error", Some(&words)));
            cx.push(Effect::Commit { tx, then: vec![], or_else: vec![] });
        }
        if let Some(op) = told(cx, &mut self.row.events, &row, "connect_failed", Some(&words)) {
            cx.push(Effect::Commit { tx: Tx::one(op), then: vec![], or_else: vec![] });
        }
        false
    }

    fn stream_row(&self, cx: &Cx<'_>, open: &Open) -> StreamRow {
        StreamRow {
            sid: open.stream,
            account: self.row.account,
            call: self.row.sid,
            name: open.name.clone().unwrap_or_else(|| open.stream.to_string()),
            status: "in-progress".to_owned(),
            callback: open.callback.clone(),
            created: cx.now.wall,
            updated: cx.now.wall,
        }
    }

    /// Ends one that we want to end: `stop`, close, callback.
    pub(super) fn close_stream(&mut self, cx: &mut Cx<'_>, stream: StreamSid) {
        self.close_stream_and(cx, stream, None);
    }

    /// The same for REST, which is answered once it is written: the row and its callback in one transaction.
    pub(super) fn close_stream_and(&mut self, cx: &mut Cx<'_>, stream: StreamSid, answers: Option<Ticket>) {
        cx.push(Effect::Engine(self.leg.id, EngineCommand::CloseStream(stream)));
        self.stream_over(cx, stream, "stream-stopped", None, answers);
        self.send_plan(cx);
    }

    /// Ends all.
    pub(super) fn close_streams(&mut self, cx: &mut Cx<'_>) {
        let all: Vec<StreamSid> = self.streams.0.keys().copied().collect();
        for stream in all {
            cx.push(Effect::Engine(self.leg.id, EngineCommand::CloseStream(stream)));
            self.stream_over(cx, stream, "stream-stopped", None, None);
        }
    }

    /// True if the stream is over.
    pub(super) fn stream_event(&mut self, cx: &mut Cx<'_>, stream: StreamSid, event: AgentEvent) -> bool {
        if !self.streams.0.contains_key(&stream) {
            return false;
        }
        match event {
            AgentEvent::Opened => {
                cx.trace("agent", "chorus", "101");
                if let Some(r) = self.streams.0.get(&stream) {
                    let mut ops = ops(cx, &r.row, "stream-started", None);
                    for kind in ["connect", "start"] {
                        ops.extend(told(cx, &mut self.row.events, &r.row, kind, None));
                    }
                    let tx = Tx { ops };
                    cx.push(Effect::Commit { tx, then: vec![], or_else: vec![] });
                }
                false
            }
            AgentEvent::Failed { code, words } => {
                notify::write(cx, &self.row, code, &words);
                self.stream_over(cx, stream, "stream-error", Some(&words), None);
                true
            }
            AgentEvent::Closed { code, words, stop } => {
                cx.trace("agent", "chorus", "close");
                self.bye_headers.extend(stop.into_iter().flatten());
                if let Some(code) = code {
                    notify::write(cx, &self.row, code, &words);
                }
                self.stream_over(cx, stream, "stream-stopped", None, None);
                true
            }
            AgentEvent::Warning { code, words } => {
                notify::write(cx, &self.row, code, &words);
                false
            }
            AgentEvent::Message { sent, what } => {
                let (from, to) = if sent { ("chorus", "agent") } else { ("agent", "chorus") };
                cx.trace(from, to, what);
                false
            }
        }
    }

    fn stream_over(
        &mut self,
        cx: &mut Cx<'_>,
        stream: StreamSid,
        event: &str,
        error: Option<&str>,
        answers: Option<Ticket>,
    ) {
        let Some(row) = self.streams.0.get(&stream).map(|r| r.row.clone()) else {
            return;
        };
        let (row, ops) = ended(cx, row, &mut self.row.events, event, error);
        self.streams.0.remove(&stream);
        let reply =
            |answer| answers.map(|ticket| Effect::Reply(ticket, Box::new(answer))).into_iter().collect();
        let (then, or_else) = (reply(Answer::Stream(Box::new(row))), reply(Answer::Busy));
        cx.push(Effect::Commit { tx: Tx { ops }, then, or_else });
    }
}

/// The row of a stream that ended, and what is written of it. Also for those that a restart finds. `events`: how many of its call the
/// operator was told.
pub fn ended(
    cx: &mut Cx<'_>,
    mut row: StreamRow,
    events: &mut u32,
    event: &str,
    error: Option<&str>,
) -> (StreamRow, Vec<Op>) {
    row.status = "stopped".to_owned();
    row.updated = cx.now.wall;
    let mut ops = ops(cx, &row, event, error);
    let kind = if event == "stream-error" { "connect_failed" } else { "disconnect" };
    ops.extend(told(cx, events, &row, kind, error));
    (row, ops)
}

/// An event for the operator, who may not want any.
fn told(cx: &mut Cx<'_>, events: &mut u32, row: &StreamRow, kind: &str, error: Option<&str>) -> Option<Op> {
    let target = cx.settings.events.as_ref()?;
    let event = events::Event { id: cx.rng.next_u128(), kind, position: *events, at: cx.now.wall };
    *events = events.saturating_add(1);
    Some(Op::Callback(Box::new(event.of_stream(target, row, error))))
}

/// The row, and the callback if somebody asked for one.
fn ops(cx: &mut Cx<'_>, row: &StreamRow, event: &str, error: Option<&str>) -> Vec<Op> {
    let mut ops = vec![Op::PutStream(Box::new(row.clone()))];
    if let Some(hook) = row.callback.clone() {
        ops.push(owed(cx, row, hook, event, error));
    }
    ops
}

/// A callback about a stream.
fn owed(cx: &mut Cx<'_>, row: &StreamRow, hook: Hook, event: &str, error: Option<&str>) -> Op {
    let id = cx.rng.next_u128();
    let params = params::stream_callback(row, event, error, cx.now.wall);
    let callback = OutboxRow::pending(id, row.account, hook, params, cx.now.wall);
    let position = u32::from(event != "stream-started");
    Op::Callback(Box::new(callback.of(row.call, Part::Stream(row.sid), position)))
}
