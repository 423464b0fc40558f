//! A Dial in which one party takes another's place (a transfer), or that begins with two who are connected already.

use super::Dialling;
use crate::call::call::Call;
use crate::call::children;
use crate::call::event::Outcome;
use crate::call::phase::Phase;
use crate::call::refer_url::ReferUrl;
use crate::clock::Mono;
use crate::media::plan::{Keys, TapId};
use crate::sid::CallSid;
use crate::sip::event::LegId;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use twiml::verb::Dial;

impl Dialling {
    /// Two who are connected: without a document, so the call ends when they part.
    pub fn joined(now: Mono, child: CallSid, leg: LegId) -> Dialling {
        Dialling {
            dial: Dial::default(),
            waiting: VecDeque::new(),
            alive: vec![child],
            further: BTreeMap::new(),
            winner: Some(child),
            ready: Some(leg),
            bridged: Some(now),
            early: None,
            ringing: false,
            recording: None,
            last: None,
        }
    }

    /// Who is connected.
    pub fn connected(&self) -> Option<CallSid> {
        self.bridged.and(self.ready).and(self.winner)
    }

    /// The leg that is heard.
    pub fn leg(&self) -> Option<LegId> {
        self.ready
    }

    /// Its recording.
    pub fn tap(&self) -> Option<TapId> {
        self.recording.map(|(tap, _)| tap)
    }

    /// When its time is over.
    pub fn limit(&self, now: Mono) -> Mono {
        self.bridged.unwrap_or(now) + Duration::from_secs(self.dial.time_limit.into())
    }

    /// Whom a REFER is told to.
    pub fn refer_url(&self, base: Option<&str>) -> Option<ReferUrl> {
        children::refer_url(&self.dial, base)
    }

    /// This one takes the place of whoever was connected.
    pub fn adopt(&mut self, now: Mono, child: CallSid, leg: LegId) {
        self.waiting.clear();
        self.further.clear();
        self.alive = vec![child];
        (self.winner, self.ready) = (Some(child), Some(leg));
        (self.early, self.ringing, self.last) = (None, false, None);
        self.bridged.get_or_insert(now);
    }

    /// Who was connected is not this Dial's any more: nobody is hung up because it ends.
    pub fn leave_partner(&mut self) {
        self.alive.clear();
        self.ready = None;
    }

    /// How it went with whom it was transferred to.
    pub fn lost(&mut self, child: CallSid, outcome: Outcome) {
        self.last = Some((child, outcome));
    }
}

impl Call {
    /// The keys that a Dial listens to.
    pub(in crate::call) fn dial_keys(&self) -> Keys {
        match &self.phase {
            Phase::Dialling(d) => Keys { report: d.dial.hangup_on_star, silence_source: false },
            _ => Keys::default(),
        }
    }
}
