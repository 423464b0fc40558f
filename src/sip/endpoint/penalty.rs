//! Targets that failed are tried last for a while (RFC 3263 section 4.3): the next call need not wait for a dead one again. They stay in
//! the list, because an answer late is better than none. Likewise peers that take no connections: messages too long for a datagram go
//! to them as datagrams at once.

use super::Endpoint;
use super::leg::{Phase, Stage};
use crate::clock::Mono;
use crate::sip::event::{Flow, LegId, Transport};
use crate::sip::wire::Message;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::SocketAddr;
use std::time::Duration;

/// For a target that did not answer.
pub const PENALTY: Duration = Duration::from_secs(60);
/// Longest Retry-After of a 503 that is obeyed.
pub const PENALTY_MAX: Duration = Duration::from_secs(600);
/// How long a peer of datagrams that took no connection is not asked for one again. A firewall that drops what it does not know costs
/// seconds each time, and where datagrams go they only may be lost.
pub const NO_STREAM: Duration = Duration::from_secs(600);
/// Most targets that are remembered; more are not.
const TARGETS_MAX: usize = 4_096;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Penalties {
    failed: HashMap<(Transport, SocketAddr), Mono>,
    /// Peers of datagrams that took no connection for a message too long for one.
    without_streams: HashMap<SocketAddr, Mono>,
}

/// Remembers it, if there is room.
fn note<K: Hash + Eq>(map: &mut HashMap<K, Mono>, now: Mono, key: K, span: Duration) {
    if map.len() >= TARGETS_MAX {
        map.retain(|_, until| *until > now);
    }
    if map.len() < TARGETS_MAX {
        map.insert(key, now + span);
    }
}

impl Penalties {
    fn punish(&mut self, now: Mono, flow: &Flow, span: Duration) {
        note(&mut self.failed, now, (flow.transport, flow.remote), span);
    }

    fn forgive(&mut self, flow: &Flow) {
        self.failed.remove(&(flow.transport, flow.remote));
    }

    /// Those that failed lately behind the others; otherwise as they were.
    pub(super) fn order(&self, now: Mono, mut flows: Vec<Flow>) -> Vec<Flow> {
        let failed = |f: &Flow| self.failed.get(&(f.transport, f.remote)).is_some_and(|until| *until > now);
        flows.sort_by_key(failed);
        flows
    }

    /// A connection was tried to a peer of datagrams, and did not come about.
    pub(super) fn no_stream(&mut self, now: Mono, flow: &Flow) {
        note(&mut self.without_streams, now, flow.remote, NO_STREAM);
    }

    /// May a connection be tried to where datagrams go?
    pub(super) fn takes_streams(&self, now: Mono, datagrams: &Flow) -> bool {
        self.without_streams.get(&datagrams.remote).is_none_or(|until| *until <= now)
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
