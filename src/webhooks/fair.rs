//! Who may use a connection next: fair between accounts, at most [`HOST_CONNECTIONS`] a host, so that a receiver that hangs
//! delays nobody else.
//!
//! A pair of account and host with something queued stands in exactly one place: among the account's runnable hosts, or among the
//! accounts that wait for the host. Each freed connection of a host moves one waiting account on.

use crate::sid::AccountSid;
use crate::store::rows::OutboxId;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Connections to one host and port at once.
pub const HOST_CONNECTIONS: usize = 32;
/// Connections of all deliveries together.
pub const IN_FLIGHT_MAX: usize = 1_024;

/// What goes first within one account and host.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A first attempt.
    First,
    /// A later round.
    Again,
}

type Queue = BTreeMap<(Class, u64), OutboxId>;

#[derive(Default)]
struct Account {
    runnable: VecDeque<Arc<str>>,
    queues: BTreeMap<Arc<str>, Queue>,
}

#[derive(Default)]
struct Host {
    flying: usize,
    waiting: VecDeque<AccountSid>,
}

/// The queues.
#[derive(Default)]
pub struct Fair {
    sequence: u64,
    flying: usize,
    turns: VecDeque<AccountSid>,
    accounts: BTreeMap<AccountSid, Account>,
    hosts: BTreeMap<Arc<str>, Host>,
}

impl Fair {
    /// Queues one, behind the others of its class, account and host.
    pub fn push(&mut self, account: AccountSid, host: &Arc<str>, class: Class, id: OutboxId) {
        self.sequence = self.sequence.wrapping_add(1);
        let queue = self.accounts.entry(account).or_default().queues.entry(host.clone()).or_default();
        let first = queue.is_empty();
        queue.insert((class, self.sequence), id);
        if first {
            match self.hosts.get_mut(host) {
                Some(at) if !at.waiting.is_empty() => at.waiting.push_back(account),
                _ => self.runnable(account, host.clone()),
            }
        }
    }

    fn runnable(&mut self, account: AccountSid, host: Arc<str>) {
        let Some(of) = self.accounts.get_mut(&account) else { return };
        of.runnable.push_back(host);
        if of.runnable.len() == 1 {
            self.turns.push_back(account);
        }
    }

    /// Takes the next one that may fly, and counts its connection until [`Fair::landed`].
    pub fn pop(&mut self) -> Option<OutboxId> {
        while self.flying < IN_FLIGHT_MAX {
            let account = self.turns.pop_front()?;
            let Some(of) = self.accounts.get_mut(&account) else { continue };
            let Some(name) = of.runnable.pop_front() else { continue };
            let host = self.hosts.entry(name.clone()).or_default();
            if host.flying >= HOST_CONNECTIONS {
                host.waiting.push_back(account);
                if !of.runnable.is_empty() {
                    self.turns.push_front(account);
                }
                continue;
            }
            let Some(queue) = of.queues.get_mut(&name) else { continue };
            let taken = queue.pop_first();
            if queue.is_empty() {
                of.queues.remove(&name);
            } else {
                of.runnable.push_back(name);
            }
            if !of.runnable.is_empty() {
                self.turns.push_back(account);
            } else if of.queues.is_empty() {
                self.accounts.remove(&account);
            }
            if let Some((_, id)) = taken {
                host.flying += 1;
                self.flying += 1;
                return Some(id);
            }
        }
        None
    }

    /// A connection to `host` is free again.
    pub fn landed(&mut self, host: &Arc<str>) {
        let Some(at) = self.hosts.get_mut(host) else { return };
        at.flying = at.flying.saturating_sub(1);
        self.flying = self.flying.saturating_sub(1);
        let next = at.waiting.pop_front();
        if at.flying == 0 && at.waiting.is_empty() {
            self.hosts.remove(host);
        }
        if let Some(account) = next {
            self.runnable(account, host.clone());
        }
    }

    /// Deliveries on their way.
    pub fn flying(&self) -> usize {
        self.flying
    }

    /// Nothing queued and nothing flying: everything that was ever held is gone.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.hosts.is_empty() && self.turns.is_empty() && self.flying == 0
    }
}
