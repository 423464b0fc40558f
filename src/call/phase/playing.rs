//! Say, Play and Pause: a list of things that are asked for at once, and played in order as they come.

use super::Phase;
use crate::call::call::Call;
use crate::call::cx::Cx;
use crate::call::event::Effect;
use crate::call::notify;
use crate::media::plan::{Clip, Item, Keys, Source, SourceId};
use crate::mutants::{self, Mutant};
use crate::speech::{ClipId, Speech, SpeechError};
use crate::webhooks::request::FetchError;
use std::{sync::Arc, time::Duration};
use twiml::Verb;

/// One thing of the list.
pub enum Part {
    /// Asked for.
    Awaited {
        /// Its answer's id.
        id: ClipId,
        /// Times to play it.
        times: u32,
        /// Where it is fetched from; empty for speech.
        url: String,
    },
    /// Ready.
    Item(Item),
    /// Failed and passed over.
    Skipped,
}

/// What is to be heard, in order.
#[derive(Default)]
pub struct Playlist {
    parts: Vec<Part>,
    /// The source that plays it.
    pub source: Option<SourceId>,
}

impl Playlist {
    /// One more.
    pub fn push(&mut self, part: Part) {
        self.parts.push(part);
    }

    /// Where it came from, if `id` was awaited here.
    pub fn settle(&mut self, id: ClipId, clip: Option<Arc<Clip>>) -> Option<String> {
        for part in &mut self.parts {
            if let Part::Awaited { id: awaited, times, url } = part
                && *awaited == id
            {
                let url = std::mem::take(url);
                *part = clip.map_or(Part::Skipped, |clip| Part::Item(Item::Clip { clip, times: *times }));
                return Some(url);
            }
        }
        None
    }

    /// The items before the first that is still awaited, and whether that is all.
    pub fn ready(&self) -> (Vec<Item>, bool) {
        let mut items = Vec::new();
        for part in &self.parts {
            match part {
                Part::Awaited { .. } => return (items, false),
                Part::Item(item) => items.push(item.clone()),
                Part::Skipped => {}
            }
        }
        (items, true)
    }
}

/// The phase: what plays, and what comes after.
pub struct Playing {
    /// What.
    pub list: Playlist,
    /// What follows its end.
    pub after: After,
}

/// What follows.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum After {
    /// The next verb.
    Next,
    /// The first document (SendDigits are through).
    Program,
    /// Recording begins (the beep is through).
    Record,
}

impl Call {
    /// Say or Play at the top of a document.
    pub(in crate::call) fn begin_playing(&mut self, cx: &mut Cx<'_>, verb: Verb) {
        let mut list = Playlist::default();
        match self.prompt(cx, &verb) {
            Ok(parts) => parts.into_iter().for_each(|p| list.push(p)),
            Err(e) => return self.verb_failed(cx, &e),
        }
        self.phase = Phase::Playing(Playing { list, after: After::Next });
        self.play_list(cx);
    }

    /// Pause: silence on an answered call; before the answer it rings on.
    pub(in crate::call) fn begin_pause(&mut self, cx: &mut Cx<'_>, seconds: u32) {
        if !self.leg.answered {
            self.phase = Phase::Waiting;
            let at = cx.now.mono + Duration::from_secs(seconds.into());
            return self.timers.arm(crate::call::timers::TimerKind::Verb, at);
        }
        let mut list = Playlist::default();
        list.push(Part::Item(Item::Silence(seconds.saturating_mul(1_000))));
        self.phase = Phase::Playing(Playing { list, after: After::Next });
        self.play_list(cx);
    }

    /// REST SendDigits and Number's sendDigits, on the answered leg.
    pub(in crate::call) fn play_keys(&mut self, cx: &mut Cx<'_>, keys: String) {
        let mut list = Playlist::default();
        list.push(Part::Item(Item::Keys(keys)));
        self.phase = Phase::Playing(Playing { list, after: After::Program });
        self.play_list(cx);
    }

    /// The parts of one prompt; everything that must be fetched or spoken is asked for now.
    pub(in crate::call) fn prompt(&mut self, cx: &mut Cx<'_>, verb: &Verb) -> Result<Vec<Part>, FetchError> {
        match verb {
            Verb::Say(s) => {
                let id = cx.ids.clip();
                let speech = Speech {
                    text: s.text.clone(),
                    voice: s.voice.clone().unwrap_or_default(),
                    language: s.language.clone().unwrap_or_default(),
                };
                cx.push(Effect::Speak { id, account: self.row.account, speech });
                Ok(vec![Part::Awaited { id, times: s.times, url: String::new() }])
            }
            Verb::Play(p) => {
                let mut parts = Vec::new();
                if let Some(keys) = &p.digits {
                    parts.push(Part::Item(Item::Keys(keys.clone())));
                } else {
                    parts.push(self.load_clip(cx, &p.url, p.times)?);
                }
                Ok(parts)
            }
            Verb::Pause(p) => Ok(vec![Part::Item(Item::Silence(p.seconds.saturating_mul(1_000)))]),
            _ => Ok(vec![]),
        }
    }

    fn load_clip(&mut self, cx: &mut Cx<'_>, href: &str, times: u32) -> Result<Part, FetchError> {
        let id = cx.ids.clip();
        if let Some((content_type, body)) = self.program.audio.take() {
            cx.push(Effect::Decode { id, content_type, body });
            let url = self.program.base.clone().unwrap_or_default();
            return Ok(Part::Awaited { id, times, url });
        }
        let url = crate::webhooks::policy::resolve(self.program.base.as_deref(), href)?;
        let request = self.media_request(cx, url.clone())?;
        cx.push(Effect::Load { id, request: Box::new(request) });
        Ok(Part::Awaited { id, times, url })
    }

    /// Plays what is ready of the phase's list; waits for the rest.
    pub(in crate::call) fn play_list(&mut self, cx: &mut Cx<'_>) {
        let keys = self.keys_of_phase();
        let Some(list) = self.playlist() else {
            return;
        };
        let (items, closed) = list.ready();
        if closed && items.is_empty() {
            return self.list_played(cx);
        }
        if items.is_empty() {
            return;
        }
        let source = Source::Clips { list: items, closed };
        match list.source {
            Some(id) => self.replan(cx, Some((id, source)), keys),
            None => {
                let id = self.play(cx, source, keys);
                if let Some(list) = self.playlist() {
                    list.source = Some(id);
                }
            }
        }
    }

    fn keys_of_phase(&self) -> Keys {
        match &self.phase {
            Phase::Gathering(g) => g.keys(),
            _ => Keys::default(),
        }
    }

    fn playlist(&mut self) -> Option<&mut Playlist> {
        match &mut self.phase {
            Phase::Playing(p) => Some(&mut p.list),
            Phase::Gathering(g) => Some(&mut g.list),
            _ => None,
        }
    }

    /// Audio came or did not. A Play that cannot be had fails the document; a Say that cannot be spoken is passed over.
    pub(in crate::call) fn on_clip(
        &mut self,
        cx: &mut Cx<'_>,
        id: ClipId,
        result: Result<Arc<Clip>, SpeechError>,
    ) {
        let (clip, error) = match result {
            Ok(clip) => (Some(clip), None),
            Err(e) => (None, Some(e)),
        };
        let Some(url) = self.playlist().and_then(|list| list.settle(id, clip)) else {
            return;
        };
        if let Some(e) = error {
            let speech = (13_500..13_600).contains(&e.code);
            if !speech {
                let e = FetchError { code: e.code, words: e.words, status: None, ms: 0 };
                return self.document_failed(cx, &url, None, &e);
            }
            notify::write(cx, &self.row, e.code, &e.words);
        }
        self.play_list(cx);
    }

    /// A source ended; one that is not ours any more is ignored.
    pub(in crate::call) fn on_source_ended(&mut self, cx: &mut Cx<'_>, source: SourceId) {
        if self.playlist().is_some_and(|l| l.source == Some(source) || mutants::on(Mutant::StaleMediaId)) {
            self.list_played(cx);
        }
    }

    fn list_played(&mut self, cx: &mut Cx<'_>) {
        match &mut self.phase {
            Phase::Playing(p) => {
                let after = p.after;
                match after {
                    After::Next => self.next(cx, twiml::Event::Next),
                    After::Program => self.begin_program(cx),
                    After::Record => self.start_recording_verb(cx),
                }
            }
            Phase::Gathering(_) => self.prompts_played(cx),
            _ => {}
        }
    }

    /// The verb's own timer: a Pause before the answer is over, or Gather waited long enough.
    pub(in crate::call) fn on_verb_timer(&mut self, cx: &mut Cx<'_>) {
        match &self.phase {
            Phase::Waiting => self.next(cx, twiml::Event::Next),
            Phase::Gathering(_) => self.gather_timeout(cx),
            Phase::Referring(_) => self.refer_over(cx),
            _ => {}
        }
    }
}
