//! Targets that failed are tried last for a while (RFC 3263 section 4.3): the next call need not wait for a dead one again. They stay in
//! the list, because an answer late is better than none.

use super::Endpoint;
use super::leg::{Phase, Stage};
use crate::clock::Mono;
use crate::sip::event::{Flow, LegId, Transport};
use crate::sip::wire::Message;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

/// For a target that did not answer.
pub const PENALTY: Duration = Duration::from_secs(60);
/// Longest Retry-After of a 503 that is obeyed.
pub const PENALTY_MAX: Duration = Duration::from_secs(600);
/// Most targets that are remembered; more are not.
const TARGETS_MAX: usize = 4_096;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Penalties(HashMap<(Transport, SocketAddr), Mono>);

impl Penalties {
    fn punish(&mut self, now: Mono, flow: &Flow, span: Duration) {
        if self.0.len() >= TARGETS_MAX {
            self.0.retain(|_, until| *until > now);
        }
        if self.0.len() < TARGETS_MAX {
            self.0.insert((flow.transport, flow.remote), now + span);
        }
    }

    fn forgive(&mut self, flow: &Flow) {
        self.0.remove(&(flow.transport, flow.remote));
    }

    /// Those that failed lately behind the others; otherwise as they were.
    pub(super) fn order(&self, now: Mono, mut flows: Vec<Flow>) -> Vec<Flow> {
        let failed = |f: &Flow| self.0.get(&(f.transport, f.remote)).is_some_and(|until| *until > now);
        flows.sort_by_key(failed);
        flows
    }
}

impl Endpoint {
    /// Where the INVITE of a leg has gone.
    fn target_of(&self, id: LegId) -> Option<Flow> {
        match &self.legs.get(&id)?.phase {
            Phase::Calling(calling) => match &calling.stage {
                Stage::Sent { flow, .. } => Some(*flow),
                Stage::New | Stage::Resolving(_) => None,
            },
            _ => None,
        }
    }

    /// The target of a leg did not answer.
    pub(super) fn target_failed(&mut self, now: Mono, id: LegId) {
        if let Some(flow) = self.target_of(id) {
            self.penalties.punish(now, &flow, PENALTY);
        }
    }

    /// It answered: with 503 it wants to be left alone, with anything else it is well.
    pub(super) fn target_answered(&mut self, now: Mono, id: LegId, code: u16, message: &Message) {
        let Some(flow) = self.target_of(id) else { return };
        if code != 503 {
            return self.penalties.forgive(&flow);
        }
        let asked = message.seconds("Retry-After").map(|s| Duration::from_secs(s.into()));
        self.penalties.punish(now, &flow, asked.unwrap_or(PENALTY).min(PENALTY_MAX));
    }
}
