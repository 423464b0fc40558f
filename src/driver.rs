//! (s) One task: it feeds the Switch and performs what it says, with sockets, threads and tasks. It decides nothing.

mod figures;
mod media;
mod outside;
pub mod tables;

use crate::api::command::{Answer, Request};
use crate::api::live::Asked;
use crate::call::event::Ticket;
use crate::clock::{Mono, Now};
use crate::media::clip::Clips;
use crate::media::event::MediaEvent;
use crate::sid::CallSid;
use crate::sip::transport::{Inbound, Transport};
use crate::speech::say::Say;
use crate::store::Store;
use crate::store::rows::Line;
use crate::store::tx::{StoreError, Tx, TxId};
use crate::switch::{Counts, Input, Output, Switch};
use crate::webhooks::fetch::Fetcher;
use media::Media;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Answers of tasks that may wait for the driver; a task that finds it full waits.
const INBOX_MAX: usize = 4_096;
/// SIP messages taken in a row before what belongs to calls that are let in gets its turn.
const SIP_BATCH: usize = 16;

/// Between two looks at what `/metrics` shows.
const FIGURES_EVERY: Duration = Duration::from_secs(1);

/// The clock of the process.
pub type Clock = fn() -> Now;

/// Who watches timelines as they grow (the demo, `chorus call`).
pub type Watcher = mpsc::UnboundedSender<(CallSid, Line)>;

/// From outside the driver.
#[derive(Debug)]
pub enum Control {
    /// No new calls from now on; told when what that leads to is counted.
    Drain(oneshot::Sender<()>),
    /// Ends every live call.
    HangUpAll,
    /// Ends the driver.
    Stop,
}

/// What the driver is made of.
pub struct Parts {
    /// Everything that decides.
    pub switch: Switch,
    /// SIP's sockets.
    pub transport: Transport,
    /// What they bring.
    pub sip: mpsc::Receiver<Inbound>,
    /// Rows.
    pub store: Store,
    /// HTTP out.
    pub fetcher: Arc<Fetcher>,
    /// Say.
    pub say: Arc<Say>,
    /// Play.
    pub clips: Arc<Clips>,
    /// Workers, ports, streams' sockets.
    pub media: Media,
    /// What workers report.
    pub reports: mpsc::Receiver<MediaEvent>,
    /// What the REST API asks.
    pub asked: mpsc::Receiver<Asked>,
    /// Where everything runs that the driver waits for: what takes long must not stand in its way.
    pub outside: tokio::runtime::Handle,
    /// Time.
    pub clock: Clock,
    /// Who watches.
    pub watcher: Option<Watcher>,
}

pub use media::Config as MediaConfig;
pub use media::Media as MediaShell;

/// See the module.
pub struct Driver {
    parts: Parts,
    inbox: mpsc::Sender<Input>,
    reloads: tables::Reloads,
    /// Commits of this round: they go to the writer together.
    commits: Vec<(TxId, Tx)>,
    /// Commits that were answered. Bounded by the writer's queue.
    committed: mpsc::UnboundedSender<(TxId, Result<(), StoreError>)>,
    tickets: HashMap<Ticket, oneshot::Sender<Answer>>,
    next_ticket: u64,
    counts: watch::Sender<Counts>,
    traffic: figures::Traffic,
    shown: figures::Shown,
    wave: crate::heap::Wave,
}

impl From<Inbound> for Input {
    fn from(x: Inbound) -> Input {
        match x {
            Inbound::Bytes(flow, bytes, _) => Input::Sip(flow, bytes),
            Inbound::Lost(flow) => Input::FlowLost(flow),
            Inbound::Unreachable(flow, words) => Input::Unreachable(flow, words),
            Inbound::Proved(proof) => Input::Proved(proof),
            Inbound::Resolved(id, flows) => Input::Resolved(id, flows),
        }
    }
}

impl Driver {
    /// Runs until `Control::Stop`. `counts` is refreshed after every round.
    pub async fn run(parts: Parts, mut control: mpsc::Receiver<Control>, counts: watch::Sender<Counts>) {
        let (inbox, mut inputs) = mpsc::channel(INBOX_MAX);
        let (committed, mut commits) = mpsc::unbounded_channel();
        let (reloads, mut reads) = tables::Reloads::new(parts.store.clone(), parts.outside.clone());
        let (tickets, traffic, shown, wave) = Default::default();
        let mut d = Driver {
            parts,
            inbox,
            reloads,
            commits: Vec::new(),
            committed,
            tickets,
            next_ticket: 0,
            counts,
            traffic,
            shown,
            wave,
        };
        let mut figures = tokio::time::interval(FIGURES_EVERY);
        figures.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        d.perform_all();
        d.end_of_round();
        let mut drains = None;
        loop {
            let deadline = d.deadline();
            tokio::select! {
                Some(x) = d.parts.sip.recv() => {
                    d.on_sip(x);
                    for _ in 1..SIP_BATCH {
                        let Ok(x) = d.parts.sip.try_recv() else { break };
                        d.on_sip(x);
                    }
                }
                Some((id, result)) = commits.recv() => d.input(Input::Committed(id, result)),
                Some(e) = d.parts.reports.recv() => d.input(Input::Media(e)),
                Some(i) = inputs.recv() => d.input(i),
                Some((request, reply)) = d.parts.asked.recv() => d.on_asked(request, reply),
                Some(moved) = d.parts.media.moved() => d.parts.media.arrived(moved),
                () = d.reloads.changed() => d.reloads.begin(),
                Some(read) = reads.recv() => d.on_read(read),
                Some(c) = control.recv() => match c {
                    Control::Drain(told) => {
                        d.input(Input::Drain);
                        drains = Some(told);
                    }
                    Control::HangUpAll => d.hang_up_all(),
                    Control::Stop => break,
                },
                _ = figures.tick() => d.publish(),
                () = tokio::time::sleep(deadline) => d.input(Input::Time),
            }
            d.go_on(&mut commits, &mut inputs);
            d.end_of_round();
            drains.take().map(|told| told.send(()));
        }
        d.parts.media.stop();
    }

    /// What was said in this round leaves: a wake-up of the writer or of a worker costs more than what it is told.
    fn end_of_round(&mut self) {
        if !self.commits.is_empty() {
            let done = self.committed.clone();
            self.parts.store.submit_all(self.commits.drain(..), move |id, result| {
                let _ = done.send((id, result));
            });
        }
        self.parts.media.flush();
        self.counts.send_replace(self.parts.switch.counts());
    }

    /// What waits at this moment for calls that are let in, all of it: in each round only so many new ones can begin, so that work
    /// that was begun never queues up behind work that is offered. With one answer a round, calls that nobody refused had their
    /// documents lie here for seconds while the queue of the socket looked short.
    fn go_on(
        &mut self,
        commits: &mut mpsc::UnboundedReceiver<(TxId, Result<(), StoreError>)>,
        inputs: &mut mpsc::Receiver<Input>,
    ) {
        for _ in 0..commits.len() {
            let Ok((id, result)) = commits.try_recv() else { break };
            self.input(Input::Committed(id, result));
        }
        for _ in 0..inputs.len() {
            let Ok(input) = inputs.try_recv() else { break };
            self.input(input);
        }
        for _ in 0..self.parts.reports.len() {
            let Ok(event) = self.parts.reports.try_recv() else { break };
            self.input(Input::Media(event));
        }
    }

    fn now(&self) -> Now {
        (self.parts.clock)()
    }

    fn deadline(&self) -> Duration {
        let now = self.now().mono;
        let wait =
            self.parts.switch.poll_timeout().map_or(Duration::from_secs(3_600), |at: Mono| at.since(now));
        if self.parts.media.is_behind() { wait.min(Duration::from_millis(5)) } else { wait }
    }

    fn input(&mut self, input: Input) {
        let now = self.now();
        if let Input::Tables(tables) = &input {
            for news in self.parts.transport.set_trunks(tables.trunks.trunks()) {
                self.parts.switch.handle(now, news.into());
            }
        }
        self.parts.switch.handle(now, input);
        self.perform_all();
    }

    fn on_sip(&mut self, x: Inbound) {
        if let Inbound::Bytes(flow, _, arrived) = &x {
            let now = self.now();
            self.parts.switch.waited(now, arrived.elapsed());
            self.traffic.received(flow.transport);
        }
        self.input(x.into());
    }

    fn on_asked(&mut self, request: Request, reply: oneshot::Sender<Answer>) {
        if let Request::TablesChanged = request {
            return self.reloads.wait(reply);
        }
        self.next_ticket += 1;
        let ticket = Ticket(self.next_ticket);
        self.tickets.insert(ticket, reply);
        self.input(Input::Command(ticket, request));
    }

    fn on_read(&mut self, read: tables::Read) {
        let (tables, answer) = self.reloads.arrived(read);
        if let Some(tables) = tables {
            self.input(Input::Tables(tables));
        }
        answer();
    }

    fn hang_up_all(&mut self) {
        let live: Vec<CallSid> = self.parts.switch.calls().map(|c| c.sid()).collect();
        for sid in live {
            let end = Some(crate::api::command::EndWish::Completed);
            let update = crate::api::command::CallUpdate { end, ..Default::default() };
            self.next_ticket += 1;
            self.input(Input::Command(Ticket(self.next_ticket), Request::Update(sid, Box::new(update))));
        }
    }

    fn perform_all(&mut self) {
        while let Some(o) = self.parts.switch.poll() {
            self.perform(o);
        }
    }

    fn perform(&mut self, o: Output) {
        match o {
            Output::Send(flow, bytes) => {
                self.traffic.sent(flow.transport);
                self.parts.transport.send(flow, bytes);
            }
            Output::Resolve(id, lookup) => self.parts.transport.resolve(id, lookup),
            Output::Commit(id, tx) => self.commits.push((id, tx)),
            Output::Fetch(id, request) => self.fetch(id, *request),
            Output::Speak(id, _, speech) => self.speak(id, speech),
            Output::Load(id, request) => self.load(id, *request),
            Output::Decode(id, content_type, body) => self.decode(id, content_type, body),
            Output::OpenPort { leg, worker, near, ssrc } => {
                let result = self.parts.media.open(self.now(), leg, worker, near, ssrc);
                let inbox = self.inbox.clone();
                self.later(inbox, Input::Port(leg, result));
            }
            Output::Engine(worker, command) => self.parts.media.engine(worker, command),
            Output::Move { leg, from, to } => self.parts.media.move_leg(leg, from, to),
            Output::Connect(_, connect) => self.connect(*connect),
            Output::Reply(ticket, answer) => {
                if let Some(reply) = self.tickets.remove(&ticket) {
                    let _ = reply.send(*answer);
                }
            }
            Output::LoadOutbox(upto) => self.load_outbox(upto),
            Output::Trace(call, line) => {
                // For `CHORUS_LOG=info,chorus::timeline=trace`: timelines as they grow, in the log.
                let Line { from, to, what, .. } = &line;
                tracing::trace!(target: "chorus::timeline", %call, from, to, what);
                if let Some(w) = &self.parts.watcher {
                    let _ = w.send((call, line));
                }
            }
            Output::Log(words) => tracing::warn!("{words}"),
        }
    }

    /// An input that the driver makes itself while it performs: it waits its turn.
    fn later(&self, inbox: mpsc::Sender<Input>, input: Input) {
        if let Err(mpsc::error::TrySendError::Full(input)) = inbox.try_send(input) {
            let inbox = self.inbox.clone();
            tokio::spawn(async move { inbox.send(input).await });
        }
    }
}
