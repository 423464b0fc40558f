//! The reckoning: between two events as far as it is cheap to look, and when everything is over.

use super::param;
use crate::kit::World;
use crate::kit::phone::Phone;
use chorus::clock::Mono;
use chorus::sid::RecordingSid;
use chorus::store::rows::*;
use std::collections::{BTreeMap, BTreeSet};

/// After a restart, legs that were up hear BYE within this.
const BYE_WITHIN_US: u64 = 5_000_000;

impl World {
    /// What must hold between two events, as far as it is cheap to look.
    pub fn check(&mut self) {
        let engines: usize = self.engines.iter().map(|e| e.counts().legs).sum();
        let ports = self.switch.counts().ports;
        if engines != self.ports() {
            self.oracle.complain(format!("{engines} legs in the engines, {} ports open", self.ports()));
        }
        self.check_byes();
        if self.ports() > ports {
            self.oracle.complain(format!("{} ports open, {ports} legs known", self.ports()));
        }
    }

    /// Whoever is in a call that the store knows to be going on must hear of its end soon after a restart. One whose row had its end
    /// before was sent BYE then; if each was lost, their repetition died with the process and the phone has to find out by itself.
    pub(in crate::kit) fn await_byes(&mut self) {
        self.oracle.excused = false;
        let by = Mono(self.now.mono.0 + BYE_WITHIN_US);
        let rows = self.store.live::<CallRow>();
        let on: BTreeSet<String> = rows.filter_map(|r| Some(r.dialog.as_ref()?.call_id.clone())).collect();
        let known = |p: &Phone| {
            p.answered
                && p.dialog
                    .as_ref()
                    .is_some_and(|d| self.oracle.established.contains(&d.call_id) && on.contains(&d.call_id))
        };
        let owed = self.phones.iter().enumerate().filter(|(_, p)| known(p));
        self.oracle.owed_byes = owed.filter_map(|(i, p)| Some((i, p.leg?, by))).collect();
    }

    fn check_byes(&mut self) {
        let lossy = self.net.loss > 0;
        self.oracle.excused |= lossy;
        let (due, later): (Vec<_>, _) =
            self.oracle.owed_byes.iter().copied().partition(|(_, _, by)| *by <= self.now.mono);
        self.oracle.owed_byes = later;
        for (i, leg, _) in due {
            if self.phones[i].leg == Some(leg) && !self.oracle.excused {
                let words = format!("{} heard no BYE after a restart", self.phones[i].name);
                self.oracle.complain(words);
            }
        }
    }

    /// Everything is over and healed, and hours have passed: what was promised was kept, and nothing is left.
    pub fn reckon(&mut self) {
        let mut wrong = vec![];
        for row in self.store.all::<CallRow>() {
            let history = self.oracle.history.get(&row.sid).cloned().unwrap_or_default();
            let ends = history.iter().filter(|s| s.is_final()).count();
            if ends != 1 || !row.status.is_final() {
                wrong.push(format!("{} has {ends} final statuses: {history:?}", row.sid));
            }
            if row.answered.is_some() && row.cause.as_ref().is_some_and(|c| c.words == "No answer") {
                wrong.push(format!("{} was answered and ended because nobody answered", row.sid));
            }
        }
        for sid in self.oracle.accepted.values() {
            if self.store.get::<CallRow>(*sid).is_none() {
                wrong.push(format!("{sid} was accepted by REST and has no row"));
            }
        }
        for (call, i) in &self.oracle.inbound {
            if i.answered.is_some() && !self.oracle.dialogs.contains_key(call) {
                wrong.push(format!("{call} got 200 and has no row"));
            }
        }
        let asked: BTreeSet<&str> = self.app.asked.iter().map(|a| a.token.as_str()).collect();
        let mut of_recordings: BTreeMap<RecordingSid, Vec<String>> = BTreeMap::new();
        for row in self.store.all::<OutboxRow>() {
            let token = chorus::webhooks::schedule::token_text(row.id);
            match row.state.as_str() {
                "delivered" if asked.contains(token.as_str()) => {}
                "failed" => {}
                state => wrong.push(format!(
                    "callback {token} of {:?} is {state} after {} rounds",
                    row.call, row.rounds
                )),
            }
            if let Some(sid) = RecordingSid::parse(param(&row.params, "RecordingSid")) {
                of_recordings.entry(sid).or_default().push(param(&row.params, "RecordingStatus").to_owned());
            }
        }
        for row in self.store.all::<RecordingRow>() {
            if ["in-progress", "paused", "processing", "stopped"].contains(&row.status.as_str()) {
                wrong.push(format!("recording {} is still {}", row.sid, row.status));
            }
            let heard = of_recordings.get(&row.sid).is_some_and(|all| all.contains(&row.status));
            let wants = row.callback.is_some() && row.events.contains("completed") && row.status != "absent";
            if wants && !heard {
                wrong.push(format!("recording {} ended {} and nobody was told", row.sid, row.status));
            }
        }
        for row in self.store.all::<StreamRow>() {
            if row.status != "stopped" {
                wrong.push(format!("stream {} is still {}", row.sid, row.status));
            }
            let ends = self.oracle.streams.get(&row.sid.to_string()).copied().unwrap_or(0);
            if ends != u32::from(row.callback.is_some()) {
                wrong.push(format!("the end of stream {} was told {ends} times", row.sid));
            }
        }
        for p in self.phones.iter().filter(|p| p.leg.is_some()) {
            wrong.push(format!("{} still has a call", p.name));
        }
        for (sid, _) in self.agents.iter().filter(|(_, a)| !a.closed) {
            wrong.push(format!("the agent of {sid} still has its connection"));
        }
        let c = self.switch.counts();
        if c != chorus::switch::Counts::default() {
            wrong.push(format!("something is left: {c:?}"));
        }
        let left: usize =
            self.engines.iter().map(|e| e.counts().legs + e.counts().streams + e.counts().recordings).sum();
        if left > 0 || self.ports() > 0 {
            wrong.push(format!("{left} things are left in the engines, {} ports", self.ports()));
        }
        self.oracle.wrong.extend(wrong);
    }
}
