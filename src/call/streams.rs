//! The Media Streams of a call, whoever started them: Connect, Start, REST.

use super::call::Call;
use super::cx::Cx;
use super::event::{Effect, StreamConnect};
use super::notify;
use crate::clock::Wall;
use crate::media::event::{AgentEvent, EngineCommand, StreamStart};
use crate::media::plan::{Tap, TapId, Track};
use crate::sid::StreamSid;
use crate::store::rows::{Hook, OutboxRow, StreamRow};
use crate::store::tx::{Op, Tx};
use crate::webhooks::{params, sign};
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
    callback: Option<Hook>,
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

    /// Its row.
    pub fn row(&self, sid: StreamSid) -> Option<StreamRow> {
        self.0.get(&sid).map(|r| r.row.clone())
    }

    fn tracks(&self) -> usize {
        self.0.values().map(|r| if r.track == Track::Both { 2 } else { 1 }).sum()
    }

    /// Rows of streams that end with the call.
    pub fn closing_ops(&mut self, at: Wall) -> Vec<Op> {
        std::mem::take(&mut self.0)
            .into_values()
            .map(|mut r| {
                r.row.status = "stopped".to_owned();
                r.row.updated = at;
                Op::PutStream(Box::new(r.row))
            })
            .collect()
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
        let tap = cx.ids.tap();
        let running = Running { row: row.clone(), tap, track: open.track, callback: open.callback };
        self.streams.0.insert(open.stream, running);
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
            owe(cx, &row, hook, "stream-error", Some(&words));
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
            created: cx.now.wall,
            updated: cx.now.wall,
        }
    }

    /// Ends one that we want to end: `stop`, close, callback.
    pub(super) fn close_stream(&mut self, cx: &mut Cx<'_>, stream: StreamSid) {
        cx.push(Effect::Engine(self.leg.id, EngineCommand::CloseStream(stream)));
        self.stream_over(cx, stream, "stream-stopped", None);
        self.send_plan(cx);
    }

    /// Ends all.
    pub(super) fn close_streams(&mut self, cx: &mut Cx<'_>) {
        let all: Vec<StreamSid> = self.streams.0.keys().copied().collect();
        for stream in all {
            cx.push(Effect::Engine(self.leg.id, EngineCommand::CloseStream(stream)));
            self.stream_over(cx, stream, "stream-stopped", None);
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
                self.stream_callback(cx, stream, "stream-started", None);
                false
            }
            AgentEvent::Failed { code, words } => {
                notify::write(cx, &self.row, code, &words);
                self.stream_over(cx, stream, "stream-error", Some(&words));
                true
            }
            AgentEvent::Closed { code, words, .. } => {
                cx.trace("agent", "chorus", "close");
                if let Some(code) = code {
                    notify::write(cx, &self.row, code, &words);
                }
                self.stream_over(cx, stream, "stream-stopped", None);
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

    fn stream_over(&mut self, cx: &mut Cx<'_>, stream: StreamSid, event: &str, error: Option<&str>) {
        self.stream_callback(cx, stream, event, error);
        let Some(mut r) = self.streams.0.remove(&stream) else {
            return;
        };
        r.row.status = "stopped".to_owned();
        r.row.updated = cx.now.wall;
        cx.push(Effect::Commit {
            tx: Tx::one(Op::PutStream(Box::new(r.row))),
            then: vec![],
            or_else: vec![],
        });
    }

    fn stream_callback(&mut self, cx: &mut Cx<'_>, stream: StreamSid, event: &str, error: Option<&str>) {
        let Some(r) = self.streams.0.get(&stream) else {
            return;
        };
        let Some(hook) = r.callback.clone() else {
            return;
        };
        let row = r.row.clone();
        owe(cx, &row, hook, event, error);
    }
}

/// A callback about a stream.
fn owe(cx: &mut Cx<'_>, row: &StreamRow, hook: Hook, event: &str, error: Option<&str>) {
    let callback = OutboxRow {
        id: cx.rng.next_u128(),
        account: row.account,
        call: None,
        position: 0,
        hook,
        params: params::stream_callback(row, event, error, cx.now.wall),
        state: "pending".to_owned(),
        rounds: 0,
        next: cx.now.wall,
        last: None,
        created: cx.now.wall,
        done: None,
    };
    let tx = Tx::one(Op::Callback(Box::new(callback)));
    cx.push(Effect::Commit { tx, then: vec![], or_else: vec![] });
}
