//! Everything that decides, as one pure value. It only routes between the rooms: SIP events and media events to calls,
//! their effects to the endpoint or out, commits to what waits for them, outbox rows to the schedule.
//!
//! The driver (sockets) and the simulation's World (none) both feed it with `handle` and perform what `poll` gives.

mod accept;
pub mod census;
pub mod channels;
mod commits;
mod dial;
mod effects;
mod elastic;
mod explain;
pub mod external;
mod guard;
mod io;
pub mod log;
mod outbox;
mod pacing;
mod recover;
mod registrations;
pub mod timeline;
mod transfer;
pub mod usage;
mod visit;
mod workers;

use crate::api::command::Answer;
use crate::call::call::Call;
use crate::call::cx::{CallSettings, Ids};
use crate::call::event::{Effect, Event, PortError, Word};
use crate::call::tables::Tables;
use crate::clock::{Mono, Now};
use crate::media::event::MediaEvent;
use crate::rng::Rng;
use crate::sid::CallSid;
use crate::sip::endpoint::{Endpoint, EndpointConfig};
use crate::sip::event::{LegId, SipCmd, SipEvent, SipOut};
use crate::speech::ClipId;
use crate::store::rows::OutboxId;
use crate::store::tx::{Tx, TxId};
use crate::webhooks::request::{FetchError, FetchId, Fetched};
use crate::webhooks::schedule::Schedule;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::{net::SocketAddr, sync::Arc};

pub use io::{Input, Output};
pub use pacing::QUEUED_MAX;
pub use workers::WorkerId;

/// Calls that may be live at once; more are refused with 503.
pub const CALLS_MAX: usize = 20_000;

/// What waits for a commit.
struct Gate {
    call: Option<CallSid>,
    then: Vec<Effect>,
    or_else: Vec<Effect>,
    tx: Tx,
    /// It writes this row: one after the other.
    row: Option<commits::Row>,
    /// Since when it waits.
    since: Mono,
}

enum FetchOwner {
    Call(CallSid),
    Outbox(OutboxId),
}

/// How many of everything live; all zero when nothing happens.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls not let go.
    pub calls: usize,
    /// Outbox rows not delivered or given up.
    pub outbox: usize,
    /// Legs with a port.
    pub ports: usize,
    /// SIP transactions.
    pub transactions: usize,
    /// SIP dialogs.
    pub dialogs: usize,
    /// Armed timers of calls and of SIP.
    pub timers: usize,
    /// Fetches, clips and commits under way.
    pub pending: usize,
    /// Transactions that wait for the database to come back.
    pub journal: usize,
    /// Registrations that are being taken back.
    pub leaving: usize,
}

/// See the module.
pub struct Switch {
    endpoint: Endpoint,
    /// Boxed: the tree moves its neighbours whenever one is taken out and put back, which is with every event.
    calls: BTreeMap<CallSid, Box<Call>>,
    legs: HashMap<LegId, CallSid>,
    workers: workers::Workers,
    fetches: HashMap<FetchId, FetchOwner>,
    clips: HashMap<ClipId, CallSid>,
    gates: BTreeMap<TxId, Gate>,
    lanes: commits::Lanes,
    next_tx: u64,
    journal: outbox::Journal,
    schedule: Schedule,
    timers: BTreeSet<(Mono, CallSid)>,
    deadlines: HashMap<CallSid, Mono>,
    timelines: timeline::Timelines,
    calls_max: usize,
    told: VecDeque<(CallSid, CallSid, Word)>,
    tables: Arc<Tables>,
    rng: Rng,
    ids: Ids,
    settings: CallSettings,
    draining: bool,
    refusals: log::Refusals,
    said: log::Said,
    external: external::Externals,
    visits: visit::Visits,
    channels: channels::Channels,
    usage: usage::Usage,
    pacing: pacing::Turns,
    ended: census::Ended,
    out: VecDeque<Output>,
}

impl Switch {
    /// An empty switch with `workers` media workers.
    pub fn new(mut rng: Rng, endpoint: EndpointConfig, settings: CallSettings, workers: usize) -> Switch {
        // Whoever commits may also wait.
        let endpoint = EndpointConfig { ack_waits: true, ..endpoint };
        Switch {
            endpoint: Endpoint::new(rng.fork(), endpoint),
            calls: BTreeMap::new(),
            legs: HashMap::new(),
            workers: workers::Workers::new(workers, rng.fork()),
            fetches: HashMap::new(),
            clips: HashMap::new(),
            gates: BTreeMap::new(),
            lanes: commits::Lanes::default(),
            next_tx: 0,
            journal: outbox::Journal::default(),
            schedule: Schedule::new(),
            timers: BTreeSet::new(),
            deadlines: HashMap::new(),
            timelines: timeline::Timelines::default(),
            calls_max: CALLS_MAX,
            told: VecDeque::new(),
            tables: Arc::new(Tables::default()),
            rng,
            ids: Ids::default(),
            settings,
            draining: false,
            refusals: log::Refusals::default(),
            said: log::Said::default(),
            external: external::Externals::default(),
            visits: visit::Visits::default(),
            channels: channels::Channels::default(),
            usage: usage::Usage::default(),
            pacing: pacing::Turns::default(),
            ended: census::Ended::default(),
            out: VecDeque::new(),
        }
    }

    /// One input. Its outputs are then taken with `poll` until None.
    pub fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::Sip(flow, bytes) => self.endpoint.on_bytes(now, flow, &bytes),
            Input::FlowLost(flow) => self.endpoint.on_flow_lost(now, flow),
            Input::Unreachable(flow, words) => self.endpoint.on_unreachable(now, flow, words),
            Input::Proved(proof) => self.endpoint.on_proved(proof),
            Input::Resolved(id, flows) => self.endpoint.command(now, SipCmd::Resolved(id, flows)),
            Input::Media(event) => self.on_media(now, event),
            Input::Fetched(id, result) => self.on_fetched(now, id, result),
            Input::Clip(id, result) => {
                if let Some(call) = self.clips.remove(&id) {
                    self.tell(now, call, Event::Clip(id, result));
                }
            }
            Input::Warned(id, code, words) => {
                if let Some(call) = self.clips.get(&id).copied() {
                    self.tell(now, call, Event::Warned(code, words));
                }
            }
            Input::Port(leg, result) => self.on_port(now, leg, result),
            Input::Committed(id, result) => self.on_committed(now, id, result),
            Input::Command(ticket, request) => self.on_command(now, ticket, request),
            Input::Tables(tables) => {
                // The tables first: what the registrations say is told with the names of their trunks.
                self.tables = tables;
                self.endpoint.set_sources(now, self.tables.trunks.clone());
                self.visits.follow(&self.tables.trunks);
            }
            Input::Outbox(rows, later) => self.schedule.load(now, rows, later),
            Input::Drain => {
                self.draining = true;
                self.postpone_all(now);
                self.endpoint.drain(now);
            }
            Input::Time => {}
        }
        self.settle(now);
    }

    /// What to perform next.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When `Input::Time` is wanted.
    pub fn poll_timeout(&self) -> Option<Mono> {
        let call = self.timers.first().map(|(at, _)| *at);
        let journal = self.journal.poll_timeout();
        let turn = self.pacing.poll_timeout();
        [
            call,
            turn,
            self.external.poll_timeout(),
            self.endpoint.poll_timeout(),
            self.schedule.poll_timeout(),
            journal,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// What lives.
    pub fn counts(&self) -> Counts {
        let sip = self.endpoint.counts();
        Counts {
            calls: self.calls.len(),
            outbox: self.schedule.len(),
            ports: self.workers.legs(),
            transactions: sip.transactions,
            dialogs: sip.dialogs,
            timers: sip.timers + self.timers.len(),
            pending: self.fetches.len() + self.clips.len() + self.gates.len() + self.visits.under_way(),
            journal: self.journal.len(),
            leaving: self.endpoint.leaving(),
        }
    }

    /// A live call's row.
    pub fn call(&self, sid: CallSid) -> Option<&Call> {
        self.calls.get(&sid).map(|c| &**c)
    }

    /// All live calls.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.calls.values().map(|c| &**c)
    }

    /// Until nothing moves: due timers, words between calls, SIP events, callbacks that may leave.
    fn settle(&mut self, now: Now) {
        self.settle_externals(now);
        self.endpoint.on_time(now);
        loop {
            let mut moved = self.settle_sip(now) | self.settle_turns(now);
            while let Some((to, from, word)) = self.told.pop_front() {
                moved = true;
                self.tell(now, to, Event::Told(from, word));
            }
            while let Some((at, call)) = self.timers.first().copied().filter(|(at, _)| *at <= now.mono) {
                moved = true;
                self.timers.remove(&(at, call));
                self.deadlines.remove(&call);
                self.tell(now, call, Event::Time);
            }
            if !moved {
                break;
            }
        }
        self.settle_outbox(now);
    }

    fn settle_sip(&mut self, now: Now) -> bool {
        let mut moved = false;
        while let Some(out) = self.endpoint.poll() {
            moved = true;
            match out {
                SipOut::Send(flow, bytes) => self.out.push_back(Output::Send(flow, bytes)),
                SipOut::Resolve(id, lookup) => self.out.push_back(Output::Resolve(id, lookup)),
                SipOut::Event(event) => self.on_sip(now, event),
            }
        }
        moved
    }

    fn on_sip(&mut self, now: Now, event: SipEvent) {
        let leg = match &event {
            SipEvent::Incoming { .. } => return self.accept(now, event),
            SipEvent::Refused { flow, code, words } => return self.on_refused(now, flow, *code, words),
            SipEvent::TurnedAway { .. } | SipEvent::Ignored(_) => return self.on_turned_away(now, &event),
            SipEvent::Binding(change) => return self.keep_binding(now, change),
            SipEvent::Registration { trunk, state } => return self.on_registration(now, *trunk, state),
            SipEvent::Knocked { id, answer } => return self.on_knocked(*id, answer.clone()),
            _ => event.leg(),
        };
        let Some((leg, call)) = leg.and_then(|leg| Some((leg, *self.legs.get(&leg)?))) else { return };
        // Of a leg that is not the call's own it is the last that is heard (a transfer).
        if matches!(event, SipEvent::Ended { .. }) && self.calls.get(&call).is_none_or(|c| c.leg() != leg) {
            self.legs.remove(&leg);
        }
        if let SipEvent::Refer { to, .. } = event {
            return self.on_refer(now, leg, call, to);
        }
        self.tell(now, call, Event::Sip(event));
    }

    fn on_media(&mut self, now: Now, event: MediaEvent) {
        let leg = match &event {
            MediaEvent::SourceEnded(leg, ..)
            | MediaEvent::Key(leg, ..)
            | MediaEvent::SendKey(leg, ..)
            | MediaEvent::TapEnded(leg, ..)
            | MediaEvent::Agent(leg, ..)
            | MediaEvent::Silent(leg)
            | MediaEvent::Stats(leg, ..) => *leg,
        };
        if let Some(call) = self.legs.get(&leg).copied() {
            self.tell(now, call, Event::Media(event));
        }
    }

    fn on_fetched(&mut self, now: Now, id: FetchId, result: Result<Fetched, FetchError>) {
        match self.fetches.remove(&id) {
            Some(FetchOwner::Call(call)) => self.tell(now, call, Event::Fetched(id, result)),
            Some(FetchOwner::Outbox(row)) => self.schedule.done(now, row, result.into()),
            None => {}
        }
    }

    fn on_port(&mut self, now: Now, leg: LegId, result: Result<SocketAddr, PortError>) {
        self.workers.opening.remove(&leg);
        self.workers.came(now.mono, result.is_ok());
        if result.is_err() {
            self.workers.close(leg);
        }
        match self.legs.get(&leg).copied() {
            Some(call) => self.tell(now, call, Event::Port(result)),
            None => self.close_port(leg),
        }
    }

    /// Gives a call an event and performs what it answers. A call that is gone hears nothing.
    fn tell(&mut self, now: Now, sid: CallSid, event: Event) {
        let asked = match &event {
            Event::Command(ticket, _) => Some(*ticket),
            _ => None,
        };
        let Some(mut call) = self.calls.remove(&sid) else {
            let gone = asked.map(|ticket| Output::Reply(ticket, Box::new(Answer::NotLive)));
            return self.out.extend(gone);
        };
        let (handled, fx) = self.guarded(now, sid, |cx| call.handle(cx, event));
        if handled.is_none() {
            return self.broke(now, call, fx, asked);
        }
        self.keep(call);
        self.perform(now, sid, fx);
    }

    /// Puts a call (back) into its place and notes when it wants to be woken.
    fn keep(&mut self, call: Box<Call>) {
        let sid = call.sid();
        let at = call.poll_timeout();
        if let Some(old) = self.deadlines.remove(&sid) {
            self.timers.remove(&(old, sid));
        }
        if let Some(at) = at {
            self.deadlines.insert(sid, at);
            self.timers.insert((at, sid));
        }
        self.legs.insert(call.leg(), sid);
        self.count_channels(sid, call.row().trunk);
        self.usage.see(call.row());
        self.calls.insert(sid, call);
    }
}
