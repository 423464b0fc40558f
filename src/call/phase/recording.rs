//! The Record verb: a beep, then the caller's voice into a file until a key, silence, the length or the end of the call.

use super::Phase;
use super::playing::{After, Part, Playing, Playlist};
use crate::call::call::Call;
use crate::call::cx::Cx;
use crate::call::program::method_of;
use crate::call::recordings::{self, Start};
use crate::media::event::{TapEnd, TapEndReason};
use crate::media::plan::{Item, Keys, RecordTap, TapId, Track};
use crate::sid::RecordingSid;
use crate::store::rows::Hook;
use std::sync::Arc;
use twiml::verb::{Record, Trim};

/// The verb while it runs.
pub struct Recording {
    record: Record,
    tap: Option<TapId>,
    sid: Option<RecordingSid>,
    /// The key that ended it.
    key: Option<char>,
}

impl Call {
    /// Beeps, then records.
    pub(in crate::call) fn begin_record(&mut self, cx: &mut Cx<'_>, record: Record) {
        let beep = record.play_beep;
        self.pending_record = Some(record);
        if beep {
            let mut list = Playlist::default();
            list.push(Part::Item(Item::Clip { clip: Arc::new(crate::media::tone::beep()), times: 1 }));
            self.phase = Phase::Playing(Playing { list, after: After::Record });
            return self.play_list(cx);
        }
        self.start_recording_verb(cx);
    }

    /// The beep is through: the tap opens.
    pub(in crate::call) fn start_recording_verb(&mut self, cx: &mut Cx<'_>) {
        let Some(record) = self.pending_record.take() else {
            return;
        };
        let sid = RecordingSid::new(cx.rng);
        let tap = cx.ids.tap();
        let plan = RecordTap {
            recording: sid,
            track: Track::Inbound,
            channels: 1,
            paused: false,
            skip: true,
            max_silence_ms: (record.timeout > 0).then(|| record.timeout.saturating_mul(1_000)),
            max_length_ms: Some(u64::from(record.max_length).saturating_mul(1_000)),
            trim: record.trim == Trim::TrimSilence,
        };
        let start = Start {
            sid,
            tap: plan,
            source: "RecordVerb",
            callback: record
                .recording_status_callback
                .as_ref()
                .and_then(|url| self.hook_of(url, record.recording_status_callback_method)),
            events: recordings::events(&record.recording_status_callback_event),
            call: self.row.sid,
        };
        self.recordings.start(cx, &self.row, tap, start);
        self.phase = Phase::Recording(Recording { record, tap: Some(tap), sid: Some(sid), key: None });
        self.replan(cx, None, Keys { report: true, silence_source: false });
    }

    /// An absolute URL for an href of the running document.
    pub(in crate::call) fn hook_of(&self, href: &str, method: twiml::Method) -> Option<Hook> {
        let url = crate::webhooks::policy::resolve(self.program.base.as_deref(), href).ok()?;
        Some(Hook { url, method: method_of(method) })
    }

    /// A key that may end the recording.
    pub(in crate::call) fn record_key(&mut self, cx: &mut Cx<'_>, digit: char) {
        let Phase::Recording(r) = &mut self.phase else {
            return;
        };
        let ends = r.key.is_none() && r.record.finish_on_key.contains(digit);
        let Some(tap) = r.tap.filter(|_| ends) else {
            return;
        };
        r.key = Some(digit);
        self.recordings.stop(tap);
        self.send_plan(cx);
    }

    /// The verb's own tap ended: its action is requested.
    pub(in crate::call) fn record_verb_ended(&mut self, cx: &mut Cx<'_>, tap: TapId, end: &TapEnd) {
        let Phase::Recording(r) = &self.phase else {
            return;
        };
        if r.tap != Some(tap) {
            return;
        }
        let Phase::Recording(r) = std::mem::replace(&mut self.phase, Phase::Ending) else {
            return;
        };
        let made = end.reason != TapEndReason::Failed && end.ms > 0;
        let digits = r.key.map(String::from).unwrap_or_default();
        let params = recordings::action_params(cx, self.row.account, end, &digits);
        self.hush(cx);
        self.next(cx, twiml::Event::Recorded { params, made });
    }

    /// The caller hung up while recording: the action is still requested, its answer changes nothing.
    pub(in crate::call) fn record_hung_up(&mut self, r: Recording) {
        if let Some(sid) = r.sid {
            self.recordings.action_after_hangup(sid, r.record.action, r.record.method);
        }
    }
}
