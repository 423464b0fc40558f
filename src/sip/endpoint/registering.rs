//! Our registrations at other houses: what their machines want is done here, what comes back is brought to them; and whether
//! a request comes from such a house.

use super::{Endpoint, User};
use crate::clock::{Mono, Now};
use crate::sid::TrunkSid;
use crate::sip::event::{Flow, ResolveId, SipEvent, SipOut};
use crate::sip::registration::Standing;
use crate::sip::registration::{Change, Cx, Do, Event, Registration, RegistrationState, Wanted, reconcile};
use crate::sip::transaction::TxnId;
use crate::sip::wire::{Method, Uri};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Every registration. As many as the operator has trunks that register; nobody else can add one.
#[derive(Default)]
pub(super) struct Registrations {
    all: BTreeMap<TrunkSid, Running>,
    clock: BTreeSet<(Mono, TrunkSid)>,
    lookups: HashMap<ResolveId, TrunkSid>,
    /// Transactions of theirs: they never end for long, and are no leak.
    txns: usize,
}

/// A machine with what it has under way.
struct Running {
    machine: Registration,
    /// Its REGISTER.
    txn: Option<TxnId>,
    /// The deadline that stands in the clock.
    armed: Option<Mono>,
}

impl User {
    /// Does this transaction belong to a registration?
    pub(super) fn registers(&self) -> bool {
        matches!(self, User::Register(..) | User::Ping(..))
    }
}

impl Registrations {
    /// A transaction of theirs began (`+1`) or ended.
    pub(super) fn count(&mut self, user: &User, began: bool) {
        if user.registers() {
            let less = self.txns.saturating_sub(1);
            self.txns = if began { self.txns.saturating_add(1) } else { less };
        }
    }

    pub(super) fn transactions(&self) -> usize {
        self.txns
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        self.clock.first().map(|(at, _)| *at)
    }

    /// Whoever waits has a deadline, whoever asked has a transaction (`runs`), and the clock holds exactly the deadlines.
    #[cfg(feature = "invariants")]
    pub(super) fn check(&self, runs: impl Fn(TxnId) -> bool) {
        for running in self.all.values() {
            assert_eq!(
                running.machine.deadline(),
                running.armed,
                "a registration whose deadline is not armed"
            );
            let asks = running.txn.is_some_and(&runs);
            assert!(asks || running.armed.is_some(), "a registration that waits for nothing");
        }
        let armed = || self.all.iter().filter_map(|(sid, r)| Some((r.armed?, *sid)));
        assert!(armed().all(|at| self.clock.contains(&at)) && armed().count() == self.clock.len());
        assert!(self.lookups.values().all(|sid| self.all.contains_key(sid)), "a lookup for nobody");
    }
}

impl Endpoint {
    /// What each registration shows.
    pub fn registrations(&self) -> impl Iterator<Item = (TrunkSid, RegistrationState)> {
        let live = self.registrations.all.iter().filter(|(_, r)| !r.machine.is_leaving());
        live.map(|(sid, r)| (*sid, r.machine.state().clone()))
    }

    /// Registrations that are being taken back.
    pub fn leaving(&self) -> usize {
        self.registrations.all.values().filter(|r| r.machine.is_leaving()).count()
    }

    /// Does the peer that this trunk is registered with not answer any more? False for trunks that do not register.
    pub fn is_down(&self, trunk: TrunkSid) -> bool {
        let running = self.registrations.all.get(&trunk);
        running.is_some_and(|r| r.machine.state().state == Standing::Down)
    }

    /// Brings the registrations in line with the trunks; a house that drains wants none.
    pub(super) fn reconcile_registrations(&mut self, now: Mono) {
        let rows = self.sources.trunks().iter().filter(|_| !self.draining);
        let desired: BTreeMap<TrunkSid, Wanted> =
            rows.filter_map(Wanted::of).map(|wanted| (wanted.trunk, wanted)).collect();
        let running = self.registrations.all.iter().map(|(sid, r)| (*sid, r.machine.wanted()));
        for change in reconcile(&desired, running) {
            match change {
                Change::Start(wanted) => {
                    let at = Now { mono: now, wall: self.wall };
                    let machine = Registration::new(wanted.clone(), at, &mut self.rng);
                    let running = Running { machine, txn: None, armed: None };
                    self.registrations.all.insert(wanted.trunk, running);
                    self.drive(now, wanted.trunk, Event::Begin(Box::new(wanted)));
                }
                Change::Again(wanted) => self.drive(now, wanted.trunk, Event::Begin(Box::new(wanted))),
                Change::Leave(sid) => self.drive(now, sid, Event::Leave),
            }
        }
    }

    /// The only way to a machine: what happened goes in, what it wants is done, its deadline is read anew.
    pub(super) fn drive(&mut self, now: Mono, sid: TrunkSid, event: Event<'_>) {
        let mut wishes = Vec::new();
        let at = Now { mono: now, wall: self.wall };
        let Some(running) = self.registrations.all.get_mut(&sid) else { return };
        running.machine.on(&mut Cx { now: at, rng: &mut self.rng, out: &mut wishes }, event);
        for wish in wishes {
            self.grant(now, sid, wish);
        }
        let Some(running) = self.registrations.all.get_mut(&sid) else { return };
        let wanted = running.machine.deadline();
        let old = std::mem::replace(&mut running.armed, wanted);
        self.registrations.clock.extend(wanted.map(|at| (at, sid)));
        if let Some(old) = old.filter(|old| Some(*old) != wanted) {
            self.registrations.clock.remove(&(old, sid));
        }
    }

    fn grant(&mut self, now: Mono, sid: TrunkSid, wish: Do) {
        match wish {
            Do::LookUp(hop) => {
                let id = self.new_resolve_id();
                self.registrations.lookups.retain(|_, other| *other != sid);
                self.registrations.lookups.insert(id, sid);
                self.out.push_back(SipOut::Resolve(id, hop));
            }
            Do::Register { flow, number, expires_s } => {
                let branch = self.new_branch();
                let Some(running) = self.registrations.all.get_mut(&sid) else { return };
                let agent = &self.config.user_agent;
                let bytes = running.machine.register(&flow, &branch, number, expires_s, agent);
                if let Some(old) = running.txn.take() {
                    self.abandon(old);
                }
                let user = User::Register(sid, number);
                let txn = self.start_client(now, (&branch, &Method::Register), bytes, flow, user);
                if let Some(running) = self.registrations.all.get_mut(&sid) {
                    running.txn = Some(txn);
                }
            }
            Do::Ping { flow, number } => {
                let branch = self.new_branch();
                let Some(running) = self.registrations.all.get(&sid) else { return };
                let bytes = running.machine.options(&flow, &branch, number, &self.config.user_agent);
                let user = User::Ping(sid, number);
                self.start_client(now, (&branch, &Method::Options), bytes, flow, user);
            }
            Do::Show => {
                let state = self.registrations.all.get(&sid).map(|r| r.machine.state().clone());
                if let Some(state) = state {
                    self.emit(SipEvent::Registration { trunk: sid, state: Box::new(state) });
                }
            }
            Do::Gone => self.forget_registration(sid),
        }
    }

    fn forget_registration(&mut self, sid: TrunkSid) {
        let Some(running) = self.registrations.all.remove(&sid) else { return };
        if let Some(at) = running.armed {
            self.registrations.clock.remove(&(at, sid));
        }
        self.registrations.lookups.retain(|_, other| *other != sid);
    }

    /// A lookup that is no leg's.
    pub(super) fn registrar_found(&mut self, now: Mono, lookup: ResolveId, flows: Vec<Flow>) {
        if let Some(sid) = self.registrations.lookups.remove(&lookup) {
            let flows = self.penalties.order(now, flows);
            self.drive(now, sid, Event::Found(flows));
        }
    }

    /// A connection broke that some may have rested on.
    pub(super) fn registrations_lost(&mut self, now: Mono, lost: Flow) {
        let all: Vec<TrunkSid> = self.registrations.all.keys().copied().collect();
        for sid in all {
            self.drive(now, sid, Event::Lost(lost));
        }
    }

    /// Those whose time has come.
    pub(super) fn registrations_due(&mut self, now: Mono) {
        while let Some((_, sid)) = self.registrations.clock.first().copied().filter(|(at, _)| *at <= now) {
            self.drive(now, sid, Event::Time);
        }
    }

    /// The trunks that a request outside a dialog may come from: the one whose Contact it is sent to (ruling 2.5), then those
    /// of its source address, by their rows or because their registrar is there. Empty: a stranger.
    pub(super) fn who(&self, uri: Option<&Uri>, flow: &Flow) -> Vec<TrunkSid> {
        let ip = flow.remote.ip();
        let mut known = self.of_flow(flow);
        if self.registrations.all.is_empty() {
            return known;
        }
        let called = |r: &Registration| uri.is_some_and(|uri| r.is_called_by(uri));
        for (sid, running) in &self.registrations.all {
            let machine = &running.machine;
            // While the house drains a call that was on its way gets 503 rather than silence.
            if machine.is_leaving() && !self.draining || !self.may_come(*sid, flow) {
                continue;
            }
            if called(machine) {
                // The token says which (ruling 2.5): another trunk at the same PBX may be another account's.
                return vec![*sid];
            }
            if machine.is_at(ip) && !known.contains(sid) {
                known.push(*sid);
            }
        }
        known
    }
}
