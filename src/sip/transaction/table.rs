//! All running transactions: found by key, woken by deadline.

use super::{
    Action, Client, ClientEvent, InviteClient, InviteClientEvent, InviteServer, InviteServerEvent, Key,
    Server, ServerEvent, Timer,
};
use crate::clock::Mono;
use crate::sip::event::Flow;
use bytes::Bytes;
use std::collections::{BTreeSet, HashMap};

/// Names a running transaction; never used again.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TxnId(u64);

/// One of the four.
#[derive(Debug)]
pub enum Machine {
    /// An INVITE of ours.
    InviteClient(InviteClient),
    /// A peer's INVITE.
    InviteServer(InviteServer),
    /// Any other request of ours.
    Client(Client),
    /// Any other request of a peer.
    Server(Server),
}

impl Machine {
    /// The request that a client transaction sends, until its final answer; empty otherwise.
    pub fn request(&self) -> Bytes {
        match self {
            Machine::InviteClient(m) => m.request(),
            Machine::Client(m) => m.request(),
            Machine::InviteServer(_) | Machine::Server(_) => Bytes::new(),
        }
    }

    /// When it wants to be woken.
    pub fn deadline(&self) -> Option<Mono> {
        match self {
            Machine::InviteClient(m) => m.deadline(),
            Machine::InviteServer(m) => m.deadline(),
            Machine::Client(m) => m.deadline(),
            Machine::Server(m) => m.deadline(),
        }
    }

    fn due(&mut self, now: Mono) -> Option<Timer> {
        match self {
            Machine::InviteClient(m) => m.due(now),
            Machine::InviteServer(m) => m.due(now),
            Machine::Client(m) => m.due(now),
            Machine::Server(m) => m.due(now),
        }
    }

    /// Fires every timer that is due, earliest first.
    pub fn on_time(&mut self, now: Mono, out: &mut Vec<Action>) {
        while let Some(timer) = self.due(now) {
            match self {
                Machine::InviteClient(m) => m.on(now, InviteClientEvent::Time(timer), out),
                Machine::InviteServer(m) => m.on(now, InviteServerEvent::Time(timer), out),
                Machine::Client(m) => m.on(now, ClientEvent::Time(timer), out),
                Machine::Server(m) => m.on(now, ServerEvent::Time(timer), out),
            }
        }
    }

    /// The request came again. Nothing for client transactions.
    pub fn on_request(&mut self, now: Mono, out: &mut Vec<Action>) {
        match self {
            Machine::InviteServer(m) => m.on(now, InviteServerEvent::Request, out),
            Machine::Server(m) => m.on(now, ServerEvent::Request, out),
            Machine::InviteClient(_) | Machine::Client(_) => {}
        }
    }

    /// The transport failed.
    pub fn on_transport_error(&mut self, now: Mono, out: &mut Vec<Action>) {
        match self {
            Machine::InviteClient(m) => m.on(now, InviteClientEvent::TransportError, out),
            Machine::InviteServer(m) => m.on(now, InviteServerEvent::TransportError, out),
            Machine::Client(m) => m.on(now, ClientEvent::TransportError, out),
            Machine::Server(m) => m.on(now, ServerEvent::TransportError, out),
        }
    }
}

/// A running transaction with the flow of its messages and its user.
#[derive(Debug)]
pub struct Txn<U> {
    /// Which machine.
    pub machine: Machine,
    /// Where its messages go.
    pub flow: Flow,
    /// Who is told.
    pub user: U,
    key: Key,
    armed: Option<Mono>,
}

/// The table. Its owner bounds it by [`Table::len`].
#[derive(Debug)]
pub struct Table<U> {
    keys: HashMap<Key, TxnId>,
    txns: HashMap<TxnId, Txn<U>>,
    clock: BTreeSet<(Mono, TxnId)>,
    last: u64,
}

impl<U> Default for Table<U> {
    fn default() -> Self {
        Table { keys: HashMap::new(), txns: HashMap::new(), clock: BTreeSet::new(), last: 0 }
    }
}

impl<U> Table<U> {
    /// Adds one under a fresh id. A key that is taken already is taken over.
    pub fn insert(&mut self, key: Key, machine: Machine, flow: Flow, user: U) -> TxnId {
        self.last = self.last.wrapping_add(1);
        let id = TxnId(self.last);
        if let Some(old) = self.keys.insert(key.clone(), id) {
            self.forget(old);
        }
        self.txns.insert(id, Txn { machine, flow, user, key, armed: None });
        self.arm(id);
        id
    }

    /// By key.
    pub fn find(&self, key: &Key) -> Option<TxnId> {
        self.keys.get(key).copied()
    }

    /// By id.
    pub fn get(&self, id: TxnId) -> Option<&Txn<U>> {
        self.txns.get(&id)
    }

    /// By id. Whoever moves its machine calls [`Table::arm`] afterwards.
    pub fn get_mut(&mut self, id: TxnId) -> Option<&mut Txn<U>> {
        self.txns.get_mut(&id)
    }

    /// Reads its deadline anew.
    pub fn arm(&mut self, id: TxnId) {
        let Some(txn) = self.txns.get_mut(&id) else { return };
        let wanted = txn.machine.deadline();
        if wanted == txn.armed {
            return;
        }
        if let Some(at) = txn.armed {
            self.clock.remove(&(at, id));
        }
        if let Some(at) = wanted {
            self.clock.insert((at, id));
        }
        txn.armed = wanted;
    }

    /// Takes it out.
    pub fn remove(&mut self, id: TxnId) -> Option<Txn<U>> {
        let txn = self.forget(id)?;
        if self.keys.get(&txn.key) == Some(&id) {
            self.keys.remove(&txn.key);
        }
        Some(txn)
    }

    fn forget(&mut self, id: TxnId) -> Option<Txn<U>> {
        let txn = self.txns.remove(&id)?;
        if let Some(at) = txn.armed {
            self.clock.remove(&(at, id));
        }
        Some(txn)
    }

    /// One whose deadline has come.
    pub fn due(&self, now: Mono) -> Option<TxnId> {
        self.clock.first().filter(|(at, _)| *at <= now).map(|(_, id)| *id)
    }

    /// The earliest deadline of all.
    pub fn deadline(&self) -> Option<Mono> {
        self.clock.first().map(|(at, _)| *at)
    }

    /// Ids of those on a flow that `on` accepts, oldest first.
    pub fn on_flow(&self, on: impl Fn(&Flow) -> bool) -> Vec<TxnId> {
        let mut ids: Vec<TxnId> = self.txns.iter().filter(|(_, t)| on(&t.flow)).map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }

    /// Whoever is told of them, all of them.
    pub fn users_mut(&mut self) -> impl Iterator<Item = &mut U> {
        self.txns.values_mut().map(|t| &mut t.user)
    }

    /// How many run.
    pub fn len(&self) -> usize {
        self.txns.len()
    }

    /// None runs.
    pub fn is_empty(&self) -> bool {
        self.txns.is_empty()
    }

    /// How many have a deadline.
    pub fn timers(&self) -> usize {
        self.clock.len()
    }

    /// Every transaction is found by its key, and the clock holds exactly the deadlines of the machines.
    #[cfg(feature = "invariants")]
    pub fn check(&self) -> Result<(), &'static str> {
        if self.keys.len() != self.txns.len() {
            return Err("a key without transaction, or the reverse");
        }
        let mut armed = 0;
        for (id, txn) in &self.txns {
            if self.keys.get(&txn.key) != Some(id) {
                return Err("a transaction that its key does not find");
            }
            if txn.machine.deadline() != txn.armed {
                return Err("a machine whose deadline is not armed");
            }
            if let Some(at) = txn.armed {
                armed += 1;
                if !self.clock.contains(&(at, *id)) {
                    return Err("a deadline that the clock does not hold");
                }
            }
        }
        if armed == self.clock.len() { Ok(()) } else { Err("the clock holds what no transaction waits for") }
    }
}
