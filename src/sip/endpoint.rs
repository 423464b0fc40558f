//! Transactions and dialogs joined: bytes and commands in, bytes and events out. Pure.
//!
//! ```text
//!  on_bytes --> receive: request --> transaction known? --> machine
//!                  |                 dialog known?      --> in_dialog, offer, uas (ACK, CANCEL)
//!                  |                 trunk's address or token? --> uas: a new leg, or an answer without state
//!                  |                 nobody's           --> nothing but a count
//!                  +------> response --> machine --> uac, answered (2xx, forks), hangup (BYE)
//!  command  --> uas, uac, offer, hangup           on_time --> machines, legs, memory of our Call-IDs
//!  set_sources, drain --> registering: our registrations at other houses
//! ```
//!
//! A leg is dropped in one place ([`hangup`](self)), a transaction in one place (`engine`); after the last leg has
//! ended and 64*T1 have passed every map is empty, and [`Endpoint::counts`] shows it.

mod again;
mod answered;
mod authorizing;
mod carriers;
mod challengers;
mod config;
mod contacts;
mod early;
mod engine;
mod hangup;
mod identify;
mod in_dialog;
mod info;
#[cfg(feature = "invariants")]
mod invariants;
mod knock;
mod leg;
mod offer;
mod outgoing;
pub mod overload;
mod penalty;
mod proofs;
mod receive;
mod redirect;
mod refer;
mod refresh;
mod register;
mod registering;
mod reliable;
mod request;
mod reroute;
mod shed;
mod shut_out;
mod swap;
mod timers;
mod uac;
mod uas;
mod user;

use crate::clock::{Mono, Now, Wall};
use crate::rng::Rng;
use crate::sid::TrunkSid;
use crate::sip::digest::server::Guard;
use crate::sip::event::{Flow, LegId, OfferId, ResolveId, SipCmd, SipEvent, SipOut};
use crate::sip::registrar::Registrar;
use crate::sip::transaction::{Action, Key, Table, TxnId};
use crate::sip::wire::{Verdict, read_datagram};
use crate::trunk::Snapshot;
use bytes::Bytes;
pub use config::EndpointConfig;
use contacts::Loser;
pub use knock::KnockId;
use leg::Leg;
use shut_out::ShutOut;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use user::User;

/// Most transactions; beyond it new INVITEs get 503. Requests of living dialogs may go half as far again.
pub const TRANSACTIONS_MAX: usize = 100_000;
/// Most legs; beyond it new INVITEs get 503.
pub const LEGS_MAX: usize = 20_000;
/// Most Call-IDs of ended outbound legs that are remembered for late 2xx; beyond it the oldest is forgotten.
pub const REMEMBERED_MAX: usize = 100_000;

/// What the endpoint holds; all zero after everything ended.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Running transactions.
    pub transactions: usize,
    /// Legs, and Call-IDs of ours that are remembered.
    pub dialogs: usize,
    /// Deadlines of all of them.
    pub timers: usize,
}

/// A 2xx of our INVITE that was ACKed, so that a retransmitted one gets the same ACK.
struct Fork {
    to_tag: String,
    cseq: u32,
    ack: Bytes,
    flow: Flow,
}

/// A Call-ID of ours, kept longer than its leg.
struct OwnCall {
    local_tag: String,
    leg: Option<LegId>,
    forks: Vec<Fork>,
}

/// The whole of SIP as one value.
pub struct Endpoint {
    config: EndpointConfig,
    rng: Rng,
    /// Makes tags of answers without state unguessable and yet the same for each retransmission.
    secret: u128,
    sources: Arc<Snapshot>,
    guard: Guard,
    shut_out: ShutOut,
    overload: overload::Overload,
    registrar: Registrar,
    draining: bool,
    proofs: proofs::Proofs,
    challengers: challengers::Challengers,
    carriers: carriers::Carriers,
    penalties: penalty::Penalties,
    /// Of the connection that is reported not to come about.
    unreachable: Option<String>,
    /// Of the present input, for what users are shown.
    wall: Wall,
    registrations: registering::Registrations,
    txns: Table<User>,
    /// Calls by trunk, as the calls count them.
    channels: HashMap<TrunkSid, u32>,
    legs: HashMap<LegId, Leg>,
    /// Legs by Call-ID and our tag.
    dialogs: HashMap<Key, LegId>,
    calls: HashMap<String, OwnCall>,
    forgetting: VecDeque<(Mono, String)>,
    merged: HashMap<Key, TxnId>,
    resolving: HashMap<ResolveId, LegId>,
    clock: BTreeSet<(Mono, LegId)>,
    touched: Vec<LegId>,
    losers: HashMap<TxnId, Loser>,
    /// When they are given up, once their CANCEL is out.
    losing: VecDeque<(Mono, TxnId)>,
    scratch: Vec<Action>,
    out: VecDeque<SipOut>,
    next_leg: u64,
    next_offer: u64,
    next_resolve: u64,
    /// Inputs since all of it was looked at.
    #[cfg(feature = "invariants")]
    unchecked: usize,
}

impl Endpoint {
    /// An endpoint that knows no source yet.
    pub fn new(mut rng: Rng, config: EndpointConfig) -> Self {
        let secret = rng.next_u128();
        let guard = Guard::new(&mut rng, &config.realm);
        let registrar = Registrar::new(&config.node);
        Endpoint {
            config,
            rng,
            secret,
            sources: Arc::default(),
            guard,
            shut_out: ShutOut::default(),
            overload: overload::Overload::default(),
            registrar,
            draining: false,
            proofs: Default::default(),
            challengers: Default::default(),
            carriers: Default::default(),
            penalties: Default::default(),
            unreachable: None,
            wall: Wall(0),
            registrations: registering::Registrations::default(),
            txns: Table::default(),
            channels: HashMap::new(),
            legs: HashMap::new(),
            dialogs: HashMap::new(),
            calls: HashMap::new(),
            forgetting: VecDeque::new(),
            merged: HashMap::new(),
            resolving: HashMap::new(),
            clock: BTreeSet::new(),
            touched: Vec::new(),
            losers: HashMap::new(),
            losing: VecDeque::new(),
            scratch: Vec::new(),
            out: VecDeque::new(),
            next_leg: 1,
            next_offer: 1,
            next_resolve: 1,
            #[cfg(feature = "invariants")]
            unchecked: 0,
        }
    }

    /// One datagram, or one framed message of a stream.
    pub fn on_bytes(&mut self, now: Now, flow: Flow, b: &Bytes) {
        self.wall = now.wall;
        // Keep-alives of phones behind a NAT, not worth a line.
        if b.iter().all(|b| matches!(b, b'\r' | b'\n' | b' ' | 0)) {
            return;
        }
        if self.sheds(now, flow, b) {
            return self.settle();
        }
        match read_datagram(b) {
            Verdict::Drop { words } => self.refused(flow, 0, words),
            Verdict::Refuse { message, code, words } => {
                self.on_malformed(now.mono, flow, &message, code, &words)
            }
            Verdict::Message(message) if message.method().is_some() => self.on_request(now, flow, message),
            Verdict::Message(message) => self.on_response(now.mono, flow, &message),
        }
        self.settle();
    }

    /// Does what a call wants.
    pub fn command(&mut self, now: Now, c: SipCmd) {
        self.wall = now.wall;
        let (at, now) = (now, now.mono);
        match c {
            SipCmd::Ring { leg, body } => self.ring(now, leg, body),
            SipCmd::Answer { leg, body, headers } => self.answer(now, leg, &body, &headers),
            SipCmd::Refuse { leg, cause, headers } => self.refuse(now, leg, cause, &headers),
            SipCmd::Invite(cmd) => self.invite(now, *cmd),
            SipCmd::Acknowledge { leg } => self.release_ack(leg),
            SipCmd::Key { leg, digit } => self.press(now, leg, digit),
            SipCmd::Hangup { leg, cause, headers } => self.hangup(now, leg, cause, headers),
            SipCmd::AcceptOffer { leg, offer, body } => self.accept_offer(now, leg, offer, body),
            SipCmd::RefuseOffer { leg, offer, cause, headers } => {
                self.refuse_offer(now, leg, offer, &cause, &headers);
            }
            SipCmd::Swap { leg, with } => self.swap(leg, with),
            SipCmd::Refer { leg, to } => self.refer(now, leg, to),
            SipCmd::AcceptRefer { leg } => self.accept_refer(now, leg),
            SipCmd::RefuseRefer { leg, cause } => self.refuse_refer(now, leg, &cause),
            SipCmd::NotifyRefer { leg, code, words } => self.notify_refer(now, leg, code, &words),
            SipCmd::Orphan { leg, dialog, cause } => self.orphan(now, leg, *dialog, cause),
            SipCmd::Bindings(rows) => self.load_bindings(at, rows),
            SipCmd::Resolved(id, flows) => self.resolved(now, id, flows),
        }
        self.settle();
    }

    /// Replaces the trunks: their source addresses, and where we register.
    pub fn set_sources(&mut self, now: Now, s: Arc<Snapshot>) {
        self.wall = now.wall;
        let old = std::mem::replace(&mut self.sources, s);
        self.drop_bindings_of_nobody(&old);
        self.forget_challengers(&old);
        self.reconcile_registrations(now.mono);
        self.settle();
    }

    /// From now on new INVITEs get 503 with Retry-After, and OPTIONS 503; our registrations are taken back.
    pub fn drain(&mut self, now: Now) {
        self.wall = now.wall;
        self.draining = true;
        self.reconcile_registrations(now.mono);
        self.settle();
    }

    /// Fires what is due.
    pub fn on_time(&mut self, now: Now) {
        self.wall = now.wall;
        self.fire(now.mono);
        self.settle();
    }

    /// The next output, in order.
    pub fn poll(&mut self) -> Option<SipOut> {
        self.out.pop_front()
    }

    /// When [`Endpoint::on_time`] must be called next, exactly.
    pub fn poll_timeout(&self) -> Option<Mono> {
        let legs = self.clock.first().map(|(at, _)| *at);
        let memory = self.forgetting.front().map(|(at, _)| *at);
        let bindings = self.registrar.poll_timeout();
        let losing = self.losing.front().map(|(at, _)| *at);
        let others = [legs, memory, bindings, losing, self.registrations.deadline()];
        self.txns.deadline().into_iter().chain(others.into_iter().flatten()).min()
    }

    /// Will it still report the end of this leg?
    pub fn has_leg(&self, leg: LegId) -> bool {
        self.legs.get(&leg).is_some_and(|l| !l.ended)
    }

    /// What it holds, but for the registrations, which hold something as long as there are any.
    pub fn counts(&self) -> Counts {
        // Each of theirs has one deadline.
        let registering = self.registrations.transactions();
        let timers: usize = [self.txns.timers(), self.clock.len(), self.forgetting.len()].iter().sum();
        Counts {
            transactions: self.txns.len().saturating_sub(registering),
            dialogs: self.legs.len().saturating_add(self.calls.len()),
            timers: timers.saturating_sub(registering),
        }
    }

    /// Brings the clock in line with the legs that this input touched.
    fn settle(&mut self) {
        let mut touched = std::mem::take(&mut self.touched);
        for id in touched.drain(..) {
            let Some(leg) = self.legs.get_mut(&id) else { continue };
            let wanted = leg.deadline();
            if wanted == leg.armed {
                continue;
            }
            if let Some(at) = std::mem::replace(&mut leg.armed, wanted) {
                self.clock.remove(&(at, id));
            }
            if let Some(at) = wanted {
                self.clock.insert((at, id));
            }
        }
        self.touched = touched;
        #[cfg(feature = "invariants")]
        self.check_by_turns();
    }
}

/// An offer's and a lookup's next number.
fn next(counter: &mut u64) -> u64 {
    let now = *counter;
    *counter = counter.wrapping_add(1);
    now
}

impl Endpoint {
    fn new_offer_id(&mut self) -> OfferId {
        OfferId(next(&mut self.next_offer))
    }

    fn new_resolve_id(&mut self) -> ResolveId {
        ResolveId(next(&mut self.next_resolve))
    }

    /// Odd ones are the endpoint's, even ones the switch's.
    fn new_leg_id(&mut self) -> LegId {
        let id = LegId(self.next_leg);
        self.next_leg = self.next_leg.wrapping_add(2);
        id
    }

    /// A leg about to be changed: its deadline is read anew when the input is done.
    fn leg_mut(&mut self, id: LegId) -> Option<&mut Leg> {
        let leg = self.legs.get_mut(&id)?;
        if self.touched.last() != Some(&id) {
            self.touched.push(id);
        }
        Some(leg)
    }

    /// A line of the timeline, unless the leg has ended.
    fn seen(&mut self, leg: LegId, sent: bool, what: String) {
        if self.legs.get(&leg).is_some_and(|l| !l.ended) {
            self.emit(SipEvent::Seen { leg, sent, what });
        }
    }
}
