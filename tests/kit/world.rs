//! The simulation's world: the same Switch and Engines as the server's, with sockets, clocks, database, disk, application
//! and agents made of data. Virtual time; the same seed gives the same trace.

use super::agent::Agent;
use super::app::App;
use super::net::Net;
use super::oracle::Oracle;
use super::phone::{Later, Phone};
use bytes::Bytes;
use chorus::call::cx::CallSettings;
use chorus::call::event::{PortError, Ticket};
use chorus::call::tables::Tables;
use chorus::clock::{Mono, Now, Wall};
use chorus::media::engine::{DiskOp, DiskReport, Engine, Item, Out, StreamInput};
use chorus::media::event::EngineCommand;
use chorus::media::plan::Clip;
use chorus::rng::Rng;
use chorus::sid::*;
use chorus::sip::endpoint::EndpointConfig;
use chorus::sip::event::*;
use chorus::speech::SpeechError;
use chorus::store::memory::Memory;
use chorus::store::rows::*;
use chorus::store::tx::{Backend, Op, StoreError, Tx, TxId};
use chorus::switch::{Input, Output, Switch, WorkerId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::hash::{DefaultHasher, Hash};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub const CHORUS: &str = "10.0.0.1:5060";
pub const ACCOUNT: AccountSid = AccountSid(0xac);
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const WALL0: i64 = 1_700_000_000_000;
const APPLY_US: u64 = 500;
const SYNC_US: u64 = 500;
const COMMIT_US: u64 = APPLY_US + SYNC_US;
const APP_US: u64 = 2_000;
const ENGINES: usize = 2;

enum Ev {
    Switch(Box<Input>),
    SipToPhone(usize, Bytes),
    RtpToPhone(usize, bool, SocketAddr, Bytes),
    RtpToChorus(LegId, bool, SocketAddr, Bytes),
    Later(usize, Later),
    Commit(TxId, Tx),
    Synced(u64, TxId, Result<(), StoreError>),
    Disk(usize, DiskReport),
    ToEngine(usize, StreamSid, StreamIn),
    ToAgent(StreamSid, Vec<u8>),
    Wake,
    Tick,
}

enum StreamIn {
    Opened,
    Failed(u32),
    Bytes(Vec<u8>),
    Eof,
}

struct Entry {
    at: u64,
    seq: u64,
    ev: Ev,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Entry) -> std::cmp::Ordering {
        (self.at, self.seq).cmp(&(other.at, other.seq))
    }
}

struct Home {
    worker: usize,
    local: SocketAddr,
}

/// When a process dies, seen from one of its transactions.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Death {
    /// It was given to the writer, nothing of it was written.
    Unwritten,
    /// It was written; the disk had not synced it.
    Unsynced,
    /// It was synced; nobody was told.
    Untold,
}

pub struct World {
    pub now: Now,
    queue: BinaryHeap<Reverse<Entry>>,
    seq: u64,
    pub rng: Rng,
    pub switch: Switch,
    pub store: Memory,
    pub engines: Vec<Engine>,
    out: Out,
    homes: BTreeMap<LegId, Home>,
    draining: HashMap<LegId, Home>,
    next_port: u16,
    pub phones: Vec<Phone>,
    pub app: App,
    pub net: Net,
    pub agents: BTreeMap<StreamSid, Agent>,
    pub agent: Agent,
    pub lines: Vec<Line>,
    pub logs: Vec<String>,
    pub replies: BTreeMap<Ticket, chorus::api::command::Answer>,
    pub sounds: HashMap<String, Arc<Clip>>,
    pub files: BTreeMap<RecordingSid, Vec<u8>>,
    pub trace: Vec<(CallSid, Line)>,
    /// The database answers nothing but errors.
    pub database_down: bool,
    /// The disk answers nothing but errors.
    pub disk_full: bool,
    /// How long the disk takes for each piece of work.
    pub disk_us: u64,
    /// The next agent cannot be reached.
    pub agents_down: bool,
    pub ports_gone: bool,
    ticking: bool,
    phase: u8,
    wake_at: Option<u64>,
    tickets: u64,
    pub oracle: Oracle,
    /// Transactions given to the writer so far.
    pub commits: u64,
    /// Dies at this transaction.
    pub dies: Option<(u64, Death)>,
    pub crashes: u64,
    /// Reports of the workers reach the switch this much later, by chance.
    pub slack_us: u64,
    /// No ladder is kept: what the long simulation wants.
    pub quiet: bool,
    /// Legs are placed on the engines by chance.
    pub at_random: bool,
    /// Of every message, request and transaction that left Chorus, with its time.
    pub hash: DefaultHasher,
    /// How often each output, crash and so on occurred.
    pub counted: BTreeMap<&'static str, u64>,
}

/// What a clip of speech sounds like: a tone whose length follows the text.
pub fn spoken(text: &str) -> Arc<Clip> {
    let samples = text.len() * 60 * 8;
    let ulaw = (0..samples).map(|i| if (i / 10) % 2 == 0 { 0x90 } else { 0x10 }).collect();
    Arc::new(Clip { ulaw })
}

impl World {
    pub fn new(seed: u64) -> World {
        let mut rng = Rng::from_number(seed);
        let settings = CallSettings {
            public_url: "http://chorus.test".to_owned(),
            node: "one".to_owned(),
            silent_after_s: 60,
        };
        let switch = Switch::new(rng.fork(), EndpointConfig::default(), settings, ENGINES);
        let mut w = World {
            now: Now { mono: Mono(0), wall: Wall(WALL0) },
            queue: BinaryHeap::new(),
            seq: 0,
            switch,
            store: Memory::lazy(),
            engines: (0..ENGINES).map(|_| Engine::new(rng.fork())).collect(),
            out: Out::new(),
            homes: BTreeMap::new(),
            draining: HashMap::new(),
            next_port: 20_000,
            phones: vec![],
            app: App::default(),
            net: Net::default(),
            agents: BTreeMap::new(),
            agent: Agent::default(),
            lines: vec![],
            logs: vec![],
            replies: BTreeMap::new(),
            sounds: HashMap::new(),
            files: BTreeMap::new(),
            trace: vec![],
            database_down: false,
            disk_full: false,
            disk_us: 2_000,
            agents_down: false,
            ports_gone: false,
            ticking: false,
            phase: 0,
            wake_at: None,
            tickets: 0,
            oracle: Oracle::default(),
            commits: 0,
            dies: None,
            crashes: 0,
            slack_us: 0,
            quiet: false,
            at_random: false,
            hash: DefaultHasher::new(),
            counted: BTreeMap::new(),
            rng,
        };
        w.configure();
        w
    }

    /// One account, one trunk for every phone, the number +15550001 with /voice, /fallback and /status.
    fn configure(&mut self) {
        let at = self.now.wall;
        let account = AccountRow {
            sid: ACCOUNT,
            owner: ACCOUNT,
            friendly_name: "test".to_owned(),
            status: "active".to_owned(),
            auth_token: TOKEN.to_owned(),
            created: at,
            updated: at,
        };
        let trunk = TrunkRow {
            sid: TrunkSid(0x71),
            name: "carrier".to_owned(),
            account: None,
            authentication_mode: "ip_address".to_owned(),
            inbound_source_ips: vec!["10.0.1.0/24".to_owned()],
            outbound_host: Some("10.0.1.2:5060".to_owned()),
            transport: "udp".to_owned(),
            username: None,
            password: None,
            country: None,
            created: at,
            updated: at,
        };
        let number = NumberRow {
            sid: NumberSid(0x91),
            account: ACCOUNT,
            number: "+15550001".to_owned(),
            friendly_name: String::new(),
            kind: "local".to_owned(),
            voice: Some(hook("/voice")),
            fallback: None,
            status_callback: Some(hook("/status")),
            application: None,
            other: serde_json::Map::new(),
            created: at,
            updated: at,
        };
        let ops = vec![
            Op::PutAccount(Box::new(account)),
            Op::PutTrunk(Box::new(trunk)),
            Op::PutNumber(Box::new(number)),
        ];
        self.store.apply(&[Tx { ops }]).into_iter().for_each(|r| r.unwrap());
        self.store.sync();
        self.reload();
    }

    /// Changes the number's row and gives the switch its new tables.
    pub fn number(&mut self, change: impl FnOnce(&mut NumberRow)) {
        let mut row = self.store.get::<NumberRow>(NumberSid(0x91)).unwrap().clone();
        change(&mut row);
        self.store.apply(&[Tx::one(Op::PutNumber(Box::new(row)))])[0].clone().unwrap();
        self.store.sync();
        self.reload();
    }

    pub fn trunk(&mut self, change: impl FnOnce(&mut TrunkRow)) {
        let mut row = self.store.get::<TrunkRow>(TrunkSid(0x71)).unwrap().clone();
        change(&mut row);
        self.store.apply(&[Tx::one(Op::PutTrunk(Box::new(row)))])[0].clone().unwrap();
        self.store.sync();
        self.reload();
    }

    fn reload(&mut self) {
        let tables = Tables::new(
            self.store.all::<TrunkRow>().cloned().collect(),
            self.store.all::<NumberRow>().cloned().collect(),
            self.store.all::<ApplicationRow>().cloned().collect(),
            self.store.all::<AccountRow>().cloned().collect(),
        );
        self.input(Input::Tables(Arc::new(tables)));
    }

    /// A phone at 10.0.1.`host`.
    pub fn phone(&mut self, name: &'static str, host: u8) -> usize {
        let addr: SocketAddr = format!("10.0.1.{host}:5060").parse().unwrap();
        let seed = 1_000 + u64::from(host) * 7 + self.rng.below(1 << 40);
        self.phones.push(Phone::new(name, addr, CHORUS.parse().unwrap(), seed));
        self.phones.len() - 1
    }

    /// Dials `user` at Chorus.
    pub fn dial(&mut self, phone: usize, user: &str) -> LegId {
        self.dial_with(phone, user, "+15559999", vec![])
    }

    pub fn dial_with(
        &mut self,
        phone: usize,
        user: &str,
        from: &str,
        headers: Vec<(String, String)>,
    ) -> LegId {
        let leg = self.phones[phone].invite(self.now, user, from, CHORUS.parse().unwrap(), headers);
        self.settle_phone(phone);
        leg
    }

    pub fn hang_up(&mut self, phone: usize) {
        let now = self.now;
        self.phones[phone].hang_up(now);
        self.settle_phone(phone);
    }

    pub fn press(&mut self, phone: usize, keys: &str) {
        self.line("phone", "chorus", &format!("keys {keys} (RTP)"));
        let now = self.now;
        self.phones[phone].press(now, keys);
        self.settle_phone(phone);
    }

    pub fn talk(&mut self, phone: usize, clip: Option<Arc<Clip>>) {
        let now = self.now;
        self.phones[phone].say(now, clip);
        self.settle_phone(phone);
    }

    /// Lets a phone do something with its endpoint.
    pub fn with_phone(&mut self, phone: usize, f: impl FnOnce(&mut Phone, Now)) {
        let now = self.now;
        f(&mut self.phones[phone], now);
        self.settle_phone(phone);
    }

    /// A request that the phone's endpoint knows nothing of: re-INVITE, UPDATE, INFO, OPTIONS.
    pub fn raw(&mut self, phone: usize, method: &str, body: Option<(&str, Bytes)>) {
        if let Some(bytes) = self.phones[phone].raw_request(method, body) {
            self.send_raw(phone, bytes);
        }
    }

    /// Hold, resume or refresh by re-INVITE or UPDATE.
    pub fn reoffer(&mut self, phone: usize, method: &str, direction: chorus::sdp::Direction) {
        let body = self.phones[phone].offer(direction);
        self.raw(phone, method, Some(("application/sdp", body)));
    }

    pub fn send_raw(&mut self, phone: usize, bytes: Bytes) {
        if !self.quiet {
            let what = self.named(Some(phone), &bytes);
            self.line("phone", "chorus", &what);
        }
        let flow = flow_to(self.phones[phone].addr);
        for after in self.net.deliveries(&mut self.rng) {
            self.at(after, Ev::Switch(Box::new(Input::Sip(flow, bytes.clone()))));
        }
    }

    /// Asks as the REST API would; the answer is in `replies` later.
    pub fn ask(&mut self, request: chorus::api::command::Request) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.input(Input::Command(ticket, request));
        ticket
    }

    pub fn count(&mut self, what: &'static str) {
        *self.counted.entry(what).or_default() += 1;
    }

    pub fn line(&mut self, from: &str, to: &str, what: &str) {
        if self.quiet {
            return;
        }
        self.lines.push(Line {
            at: Wall(self.now.wall.0 - WALL0),
            from: from.to_owned(),
            to: to.to_owned(),
            what: what.to_owned(),
        });
    }

    fn at(&mut self, delay_us: u64, ev: Ev) {
        self.seq += 1;
        self.queue.push(Reverse(Entry { at: self.now.mono.0 + delay_us, seq: self.seq, ev }));
    }

    /// One input for the switch, and everything that follows at once.
    pub fn input(&mut self, input: Input) {
        self.switch.handle(self.now, input);
        while let Some(o) = self.switch.poll() {
            self.perform(o);
        }
        self.rearm();
    }

    fn rearm(&mut self) {
        if let Some(at) = self.switch.poll_timeout() {
            let at = at.0.max(self.now.mono.0);
            if self.wake_at.is_none_or(|w| w > at) {
                self.wake_at = Some(at);
                self.at(at - self.now.mono.0, Ev::Wake);
            }
        }
        let legs = self.engines.iter().any(|e| e.counts().legs > 0)
            || self.phones.iter().any(|p| p.engine.counts().legs > 0);
        if legs && !self.ticking {
            self.ticking = true;
            let next = 5_000 - self.now.mono.0 % 5_000;
            self.at(next, Ev::Tick);
        }
    }

    fn perform(&mut self, o: Output) {
        self.count(name_of(&o));
        match o {
            Output::Send(flow, bytes) => self.send_sip(flow, bytes),
            Output::CloseFlow(_) => {}
            Output::Resolve { id, host, port, .. } => {
                let flows = format!("{host}:{}", port.unwrap_or(5060)).parse().ok().map(flow_to);
                let input = Input::Resolved(id, flows.into_iter().collect());
                self.at(100, Ev::Switch(Box::new(input)));
            }
            Output::Commit(id, tx) => {
                (self.now.mono.0, id.0, tx.ops.len()).hash(&mut self.hash);
                self.at(APPLY_US, Ev::Commit(id, tx));
            }
            Output::Fetch(id, request) => {
                (self.now.mono.0, &request.url, &request.params).hash(&mut self.hash);
                if !self.quiet {
                    let path = url::Url::parse(&request.url).map(|u| u.path().to_owned()).unwrap_or_default();
                    self.line("chorus", "app", &fetch_line(&path, &request.params));
                }
                self.oracle.fetched(&request);
                let (after, result) = self.app.answer(self.now, &request);
                let input = Input::Fetched(id, result);
                self.at(APP_US + after, Ev::Switch(Box::new(input)));
            }
            Output::Speak(id, _, speech) => {
                let input = Input::Clip(id, Ok(spoken(&speech.text)));
                self.at(3_000, Ev::Switch(Box::new(input)));
            }
            Output::Load(id, request) => {
                let found = self.sounds.get(&request.url).cloned();
                let words = "no such sound".to_owned();
                let input = Input::Clip(id, found.ok_or(SpeechError { code: 11200, words }));
                self.at(20_000, Ev::Switch(Box::new(input)));
            }
            Output::Decode(id, ..) => {
                let input = Input::Clip(id, Ok(spoken("audio")));
                self.at(3_000, Ev::Switch(Box::new(input)));
            }
            Output::OpenPort { leg, worker, ssrc, .. } => self.open_port(leg, worker, ssrc),
            Output::Engine(worker, command) => self.command(worker, command),
            Output::Move { leg, from, to } => self.move_leg(leg, from, to),
            Output::Connect(worker, c) => self.connect(worker, &c),
            Output::Reply(ticket, answer) => {
                self.oracle.replied(ticket, &answer);
                if !self.quiet {
                    let what = answer_line(&answer);
                    self.line("chorus", "app", &what);
                }
                self.replies.insert(ticket, *answer);
            }
            Output::LoadOutbox(_) => {
                let rows = self.store.all::<OutboxRow>().filter(|r| r.state == "pending").cloned().collect();
                self.at(COMMIT_US, Ev::Switch(Box::new(Input::Outbox(rows, None))));
            }
            Output::Trace(call, line) if !self.quiet => self.trace.push((call, line)),
            Output::Log(words) if words.contains("panicked") => self.oracle.complain(words),
            Output::Log(words) if !self.quiet => self.logs.push(words),
            Output::Trace(..) | Output::Log(_) => {}
        }
    }

    fn open_port(&mut self, leg: LegId, worker: WorkerId, ssrc: u32) {
        if self.ports_gone {
            let input = Input::Port(leg, Err(PortError::Exhausted));
            return self.at(50, Ev::Switch(Box::new(input)));
        }
        let local = SocketAddr::new("10.0.0.1".parse().unwrap(), self.next_port);
        self.next_port = if self.next_port > 60_000 { 20_000 } else { self.next_port + 2 };
        self.homes.insert(leg, Home { worker: worker.0, local });
        self.command(worker, EngineCommand::Open { leg, ssrc });
        self.at(50, Ev::Switch(Box::new(Input::Port(leg, Ok(local)))));
    }

    fn command(&mut self, worker: WorkerId, command: EngineCommand) {
        let closes = match &command {
            EngineCommand::Close(leg) => Some(*leg),
            _ => None,
        };
        let mut out = std::mem::take(&mut self.out);
        self.engines[worker.0].on_command(self.now, command, &mut out);
        self.out = out;
        self.drain_engine(worker.0);
        if let Some(home) = closes.and_then(|leg| self.homes.remove(&leg).map(|h| (leg, h))) {
            self.draining.insert(home.0, home.1);
        }
    }

    fn move_leg(&mut self, leg: LegId, from: WorkerId, to: WorkerId) {
        if let Some(state) = self.engines[from.0].detach(leg) {
            let mut out = std::mem::take(&mut self.out);
            self.engines[to.0].attach(self.now, leg, state, &mut out);
            self.out = out;
            self.drain_engine(to.0);
            if let Some(home) = self.homes.get_mut(&leg) {
                home.worker = to.0;
            }
        }
    }

    fn connect(&mut self, worker: WorkerId, c: &chorus::call::event::StreamConnect) {
        let input = if self.agents_down {
            StreamIn::Failed(31902)
        } else {
            self.line("chorus", "agent", "WebSocket upgrade");
            self.agents.insert(c.stream, self.agent.clone_fresh());
            StreamIn::Opened
        };
        self.at(10_000, Ev::ToEngine(worker.0, c.stream, input));
    }

    /// What an engine wants: packets to phones, bytes to agents, work for the disk, events for the switch.
    fn drain_engine(&mut self, worker: usize) {
        let mut out = std::mem::take(&mut self.out);
        let mut events = vec![];
        let mut sends = vec![];
        out.drain(|item, bytes| match item {
            Item::SendRtp(leg, to) => sends.push((leg, false, to, Bytes::copy_from_slice(bytes))),
            Item::SendRtcp(leg, to) => sends.push((leg, true, to, Bytes::copy_from_slice(bytes))),
            Item::SendStream { stream, .. } => events.push(Ev::ToAgent(stream, bytes.to_vec())),
            Item::EndStream(stream) => events.push(Ev::ToAgent(stream, vec![])),
            Item::Disk(op) => events.extend(disk(&mut self.files, self.disk_full, worker, op)),
            Item::Event(e) => events.push(Ev::Switch(Box::new(Input::Media(e)))),
        });
        self.out = out;
        for (leg, rtcp, to, bytes) in sends {
            let Some(local) = self.homes.get(&leg).or(self.draining.get(&leg)).map(|h| h.local) else {
                continue;
            };
            if let Some(phone) = self.phones.iter().position(|p| p.rtp.ip() == to.ip()) {
                if self.phones[phone].light {
                    self.phones[phone].rtp_received += 1;
                    continue;
                }
                for after in self.net.deliveries(&mut self.rng) {
                    self.at(after, Ev::RtpToPhone(phone, rtcp, local, bytes.clone()));
                }
            }
        }
        for ev in events {
            let delay = match &ev {
                Ev::Disk(..) => self.disk_us,
                Ev::ToAgent(..) => 1_000,
                _ => 20 + self.rng.below(self.slack_us.max(1)),
            };
            self.at(delay, ev);
        }
    }

    /// A message in short, with the phone's name if there are several.
    fn named(&self, phone: Option<usize>, bytes: &Bytes) -> String {
        match phone.filter(|i| *i > 0) {
            Some(i) => format!("{}: {}", self.phones[i].name, sip_line(bytes)),
            None => sip_line(bytes),
        }
    }

    fn send_sip(&mut self, flow: Flow, bytes: Bytes) {
        (self.now.mono.0, &bytes).hash(&mut self.hash);
        self.oracle.sent(self.now.mono, &bytes);
        let phone = self.phones.iter().position(|p| p.addr == flow.remote);
        if !self.quiet {
            let what = self.named(phone, &bytes);
            self.line("chorus", "phone", &what);
        }
        if let Some(phone) = phone {
            for after in self.net.deliveries(&mut self.rng) {
                self.at(after, Ev::SipToPhone(phone, bytes.clone()));
            }
        }
    }

    /// What a phone wants, until it wants nothing.
    fn settle_phone(&mut self, i: usize) {
        let now = self.now;
        loop {
            let mut moved = false;
            while let Some(out) = self.phones[i].endpoint.poll() {
                moved = true;
                match out {
                    SipOut::Send(_, bytes) => {
                        let bytes = self.phones[i].mangle(bytes);
                        if !self.quiet {
                            let what = self.named(Some(i), &bytes);
                            self.line("phone", "chorus", &what);
                        }
                        let flow = Flow {
                            transport: Transport::Udp,
                            remote: self.phones[i].addr,
                            local: CHORUS.parse().unwrap(),
                            conn: 0,
                        };
                        for after in self.net.deliveries(&mut self.rng) {
                            let input = Input::Sip(flow, bytes.clone());
                            self.at(after, Ev::Switch(Box::new(input)));
                        }
                    }
                    SipOut::Resolve { id, .. } => {
                        let flow = Flow {
                            transport: Transport::Udp,
                            remote: CHORUS.parse().unwrap(),
                            local: self.phones[i].addr,
                            conn: 0,
                        };
                        self.phones[i].endpoint.command(now, SipCmd::Resolved(id, vec![flow]));
                    }
                    SipOut::Event(e) => {
                        for (ms, later) in self.phones[i].on_event(now, e) {
                            self.at(ms * 1_000, Ev::Later(i, later));
                        }
                    }
                    SipOut::Close(_) => {}
                }
            }
            for (rtcp, to, bytes) in self.phones[i].drain(now) {
                let leg = self.homes.iter().find(|(_, h)| h.local.port() == to.port() & !1).map(|(l, _)| *l);
                if let Some(leg) = leg {
                    let from = self.phones[i].rtp;
                    let from = if rtcp { SocketAddr::new(from.ip(), from.port() + 1) } else { from };
                    for after in self.net.deliveries(&mut self.rng) {
                        self.at(after, Ev::RtpToChorus(leg, rtcp, from, bytes.clone()));
                    }
                }
            }
            if !moved {
                break;
            }
        }
        if let Some(at) = self.phones[i].endpoint.poll_timeout() {
            let at = at.0.max(now.mono.0);
            if self.wake_at.is_none_or(|w| w > at) {
                self.wake_at = Some(at);
                self.at(at - now.mono.0, Ev::Wake);
            }
        }
        self.rearm();
    }

    /// One event; false if nothing is left.
    pub fn step(&mut self) -> bool {
        let Some(Reverse(Entry { at, ev, .. })) = self.queue.pop() else { return false };
        self.advance_to(at);
        self.on(ev);
        true
    }

    fn advance_to(&mut self, at: u64) {
        self.now.mono = Mono(at.max(self.now.mono.0));
        self.now.wall = Wall(WALL0 + (self.now.mono.0 / 1_000) as i64);
    }

    fn on(&mut self, ev: Ev) {
        let now = self.now;
        match ev {
            Ev::Switch(input) => {
                if let Input::Sip(_, bytes) = &*input {
                    self.oracle.received(bytes);
                }
                if let Input::Fetched(_, r) = &*input
                    && !self.quiet
                {
                    let what = match r {
                        Ok(f) => format!("{} {}", f.status, body_line(&f.body)),
                        Err(e) => format!("error {}", e.code),
                    };
                    self.line("app", "chorus", what.trim());
                }
                self.input(*input);
            }
            Ev::SipToPhone(i, bytes) => {
                let flow = Flow {
                    transport: Transport::Udp,
                    remote: CHORUS.parse().unwrap(),
                    local: self.phones[i].addr,
                    conn: 0,
                };
                match self.phones[i].raw_response(now, &bytes) {
                    Some(acks) => acks.into_iter().for_each(|ack| self.send_raw(i, ack)),
                    None => self.phones[i].endpoint.on_bytes(now, flow, &bytes),
                }
                self.settle_phone(i);
            }
            Ev::RtpToPhone(i, rtcp, from, bytes) => {
                let p = &mut self.phones[i];
                if let Some(leg) = p.leg {
                    if rtcp {
                        p.engine.on_rtcp(now, leg, from, &bytes, &mut p.out);
                    } else {
                        p.rtp_received += 1;
                        p.engine.on_rtp(now, leg, from, &bytes, &mut p.out);
                    }
                    self.settle_phone(i);
                }
            }
            Ev::RtpToChorus(leg, rtcp, from, bytes) => {
                let Some(worker) = self.homes.get(&leg).map(|h| h.worker) else { return };
                let mut out = std::mem::take(&mut self.out);
                if rtcp {
                    self.engines[worker].on_rtcp(now, leg, from, &bytes, &mut out);
                } else {
                    self.engines[worker].on_rtp(now, leg, from, &bytes, &mut out);
                }
                self.out = out;
                self.drain_engine(worker);
            }
            Ev::Later(i, later) => {
                self.phones[i].later(now, later);
                self.settle_phone(i);
            }
            Ev::Commit(id, tx) => self.write(id, &tx),
            Ev::Synced(n, id, result) => self.synced(n, id, result),
            Ev::Disk(_, report) => self.disk_reports(report),
            Ev::ToEngine(worker, stream, input) => self.to_engine(worker, stream, input),
            Ev::ToAgent(stream, bytes) => self.to_agent(stream, &bytes),
            // One that an earlier one has made needless: to follow it would double them for ever.
            Ev::Wake if self.wake_at.is_some_and(|at| at > now.mono.0) => {}
            Ev::Wake => {
                self.wake_at = None;
                for i in 0..self.phones.len() {
                    self.phones[i].endpoint.on_time(now);
                    self.settle_phone(i);
                }
                self.input(Input::Time);
            }
            Ev::Tick => self.tick(),
        }
    }

    fn dies_at(&mut self, n: u64, how: Death) -> bool {
        let dies = self.dies == Some((n, how));
        if dies {
            self.count(match how {
                Death::Unwritten => "crash unwritten",
                Death::Unsynced => "crash unsynced",
                Death::Untold => "crash untold",
            });
            self.dies = None;
            self.crash();
        }
        dies
    }

    fn write(&mut self, id: TxId, tx: &Tx) {
        self.commits += 1;
        if self.dies_at(self.commits, Death::Unwritten) {
            return;
        }
        if self.database_down {
            let result = Err(StoreError::Unavailable("down".to_owned()));
            return self.at(SYNC_US, Ev::Synced(self.commits, id, result));
        }
        let result = self.store.apply(std::slice::from_ref(tx)).remove(0);
        self.oracle.applied(tx, &result);
        if !self.dies_at(self.commits, Death::Unsynced) {
            self.at(SYNC_US, Ev::Synced(self.commits, id, result));
        }
    }

    fn synced(&mut self, n: u64, id: TxId, result: Result<(), StoreError>) {
        if result.is_ok() {
            self.store.sync();
            self.oracle.synced();
        }
        if !self.dies_at(n, Death::Untold) {
            self.input(Input::Committed(id, result));
        }
    }

    /// A recording whose leg moved is reported to where it lives now: the others do not know it.
    fn disk_reports(&mut self, report: DiskReport) {
        let now = self.now;
        let mut out = std::mem::take(&mut self.out);
        for engine in &mut self.engines {
            engine.on_disk(now, copy(&report), &mut out);
        }
        self.out = out;
        self.drain_engine(0);
    }

    /// Ports that are open and not draining.
    pub fn ports(&self) -> usize {
        self.homes.len()
    }

    fn worker_of_stream(&self, fallback: usize, stream: StreamSid) -> usize {
        let _ = stream;
        fallback
    }

    fn to_engine(&mut self, worker: usize, stream: StreamSid, input: StreamIn) {
        let worker = self.worker_of_stream(worker, stream);
        let mut out = std::mem::take(&mut self.out);
        let now = self.now;
        for engine in &mut self.engines {
            // The stream lives where its leg does; the others ignore it.
            match &input {
                StreamIn::Opened => engine.on_stream(now, stream, StreamInput::Opened, &mut out),
                StreamIn::Failed(code) => {
                    let words = "the agent refused the connection".to_owned();
                    engine.on_stream(now, stream, StreamInput::Failed { code: *code, words }, &mut out);
                }
                StreamIn::Bytes(b) => {
                    engine.on_stream(now, stream, StreamInput::Bytes(&mut b.clone()), &mut out)
                }
                StreamIn::Eof => engine.on_stream(now, stream, StreamInput::Eof, &mut out),
            }
        }
        self.out = out;
        self.drain_engine(worker);
    }

    fn to_agent(&mut self, stream: StreamSid, bytes: &[u8]) {
        let Some(agent) = self.agents.get_mut(&stream) else { return };
        let back = if bytes.is_empty() { agent.ended() } else { agent.on_bytes(bytes) };
        let heard: Vec<String> = agent.take_lines();
        for what in heard {
            self.line("chorus", "agent", &what);
        }
        for b in back {
            let input = match b {
                super::agent::Back::Bytes(what, bytes) => {
                    if let Some(what) = what {
                        self.line("agent", "chorus", &what);
                    }
                    StreamIn::Bytes(bytes)
                }
                super::agent::Back::Eof => StreamIn::Eof,
            };
            self.at(1_000, Ev::ToEngine(0, stream, input));
        }
    }

    /// Lets the test's agent say something.
    pub fn agent_says(&mut self, stream: StreamSid, text: &str) {
        let Some(agent) = self.agents.get_mut(&stream) else { return };
        let bytes = agent.text(text);
        self.line("agent", "chorus", text);
        self.at(1_000, Ev::ToEngine(0, stream, StreamIn::Bytes(bytes)));
    }

    pub fn agent_closes(&mut self, stream: StreamSid) {
        let Some(agent) = self.agents.get_mut(&stream) else { return };
        let bytes = agent.close();
        self.line("agent", "chorus", "close");
        self.at(1_000, Ev::ToEngine(0, stream, StreamIn::Bytes(bytes)));
    }

    fn tick(&mut self) {
        self.ticking = false;
        self.phase = (self.phase + 1) % 4;
        let now = self.now;
        for e in 0..self.engines.len() {
            let mut out = std::mem::take(&mut self.out);
            self.engines[e].on_tick(now, self.phase, &mut out);
            self.out = out;
            self.drain_engine(e);
        }
        for i in 0..self.phones.len() {
            let p = &mut self.phones[i];
            if p.light {
                continue;
            }
            p.engine.on_tick(now, self.phase, &mut p.out);
            self.settle_phone(i);
        }
        self.rearm();
    }

    /// Runs for a while.
    pub fn run(&mut self, d: Duration) {
        let until = self.now.mono.0 + d.as_micros() as u64;
        while self.queue.peek().is_some_and(|Reverse(e)| e.at <= until) {
            self.step();
        }
        self.advance_to(until);
    }

    pub fn run_ms(&mut self, ms: u64) {
        self.run(Duration::from_millis(ms));
    }

    /// Runs until something holds; fails after two virtual minutes.
    pub fn until(&mut self, what: &str, mut holds: impl FnMut(&World) -> bool) {
        let limit = self.now.mono.0 + 120_000_000;
        while !holds(self) {
            assert!(self.now.mono.0 < limit && self.step(), "never: {what}\n{}", self.picture());
        }
    }

    /// The process dies and another one starts on what the store and the disk kept.
    pub fn crash(&mut self) {
        self.store.crash();
        self.crashes += 1;
        self.oracle.crashed(self.now.mono);
        for agent in self.agents.values_mut() {
            agent.ended();
        }
        self.queue
            .retain(|Reverse(e)| matches!(e.ev, Ev::Later(..) | Ev::SipToPhone(..) | Ev::Wake | Ev::Tick));
        let settings = CallSettings {
            public_url: "http://chorus.test".to_owned(),
            node: "one".to_owned(),
            silent_after_s: 60,
        };
        self.switch = Switch::new(self.rng.fork(), EndpointConfig::default(), settings, ENGINES);
        if self.at_random {
            self.switch.place_at_random();
        }
        self.engines = (0..ENGINES).map(|_| Engine::new(self.rng.fork())).collect();
        self.out = Out::new();
        self.homes.clear();
        self.draining.clear();
        self.agents.clear();
        self.wake_at = None;
        self.line("chorus", "chorus", "crash and restart");
        self.reload();
        let found = self.store.recover().unwrap();
        let recorded = self.files.iter().map(|(sid, f)| (*sid, f.len() as u64 / 16)).collect();
        self.switch.recover(self.now, found, &recorded);
        while let Some(o) = self.switch.poll() {
            self.perform(o);
        }
        self.rearm();
    }

    pub fn picture(&self) -> String {
        chorus::telemetry::ladder::render(&self.lines)
    }
}

fn copy(r: &DiskReport) -> DiskReport {
    match r {
        DiskReport::Written { recording, buffer } => {
            DiskReport::Written { recording: *recording, buffer: buffer.clone() }
        }
        DiskReport::Failed { recording } => DiskReport::Failed { recording: *recording },
        DiskReport::Closed { recording, ms } => DiskReport::Closed { recording: *recording, ms: *ms },
    }
}

fn disk(files: &mut BTreeMap<RecordingSid, Vec<u8>>, full: bool, worker: usize, op: DiskOp) -> Option<Ev> {
    let report = match op {
        DiskOp::Create { recording, .. } if full => DiskReport::Failed { recording },
        DiskOp::Create { recording, .. } => {
            files.insert(recording, vec![]);
            return None;
        }
        DiskOp::Write { recording, .. } if full => DiskReport::Failed { recording },
        DiskOp::Write { recording, buffer } => {
            files.entry(recording).or_default().extend_from_slice(&buffer);
            DiskReport::Written { recording, buffer }
        }
        DiskOp::Close { recording, keep, ms } => {
            if let (Some(keep), Some(f)) = (keep, files.get_mut(&recording)) {
                f.truncate(keep as usize);
            }
            DiskReport::Closed { recording, ms }
        }
    };
    Some(Ev::Disk(worker, report))
}

fn answer_line(answer: &chorus::api::command::Answer) -> String {
    use chorus::api::command::Answer;
    match answer {
        Answer::Call(row) => format!("2xx call {}", row.status.as_str()),
        Answer::Recording(row) => format!("2xx recording {}", row.status),
        Answer::Stream(row) => format!("2xx stream {}", row.status),
        Answer::Refused { code, .. } => format!("refused {code}"),
        Answer::Busy => "503".to_owned(),
        Answer::NotLive => "not live".to_owned(),
        _ => "done".to_owned(),
    }
}

fn name_of(o: &Output) -> &'static str {
    match o {
        Output::Send(..) => "effect Send",
        Output::CloseFlow(_) => "effect CloseFlow",
        Output::Resolve { .. } => "effect Resolve",
        Output::Commit(..) => "effect Commit",
        Output::Fetch(..) => "effect Fetch",
        Output::Speak(..) => "effect Speak",
        Output::Load(..) => "effect Load",
        Output::Decode(..) => "effect Decode",
        Output::OpenPort { .. } => "effect OpenPort",
        Output::Engine(_, EngineCommand::Open { .. }) => "effect Open",
        Output::Engine(_, EngineCommand::Plan(..)) => "effect Plan",
        Output::Engine(_, EngineCommand::OpenStream(_)) => "effect OpenStream",
        Output::Engine(_, EngineCommand::CloseStream(_)) => "effect CloseStream",
        Output::Engine(_, EngineCommand::Key(..)) => "effect Key",
        Output::Engine(_, EngineCommand::Close(_)) => "effect Close",
        Output::Move { .. } => "effect Move",
        Output::Connect(..) => "effect Connect",
        Output::Reply(..) => "effect Reply",
        Output::LoadOutbox(_) => "effect LoadOutbox",
        Output::Trace(..) => "effect Trace",
        Output::Log(_) => "effect Log",
    }
}

pub fn hook(path: &str) -> Hook {
    Hook { url: format!("http://app.test{path}"), method: chorus::webhooks::request::Method::Post }
}

fn flow_to(remote: SocketAddr) -> Flow {
    Flow { transport: Transport::Udp, remote, local: CHORUS.parse().unwrap(), conn: 0 }
}

/// `INVITE`, `200 INVITE`.
fn sip_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let first = text.lines().next().unwrap_or("");
    let cseq = text.lines().find(|l| l.starts_with("CSeq:")).unwrap_or("");
    let method = cseq.rsplit(' ').next().unwrap_or("");
    let sdp = if text.contains("\r\n\r\nv=0") { " (sdp)" } else { "" };
    match first.strip_prefix("SIP/2.0 ") {
        Some(status) => format!("{} {method}{sdp}", status.split(' ').next().unwrap_or("")),
        None if text.contains("\r\nAuthorization:") || text.contains("\r\nProxy-Authorization:") => {
            format!("{}{sdp} (digest)", first.split(' ').next().unwrap_or(""))
        }
        None => format!("{}{sdp}", first.split(' ').next().unwrap_or("")),
    }
}

fn fetch_line(path: &str, params: &[(String, String)]) -> String {
    let interesting = [
        "CallStatus",
        "Digits",
        "DialCallStatus",
        "RecordingStatus",
        "RecordingDuration",
        "StreamEvent",
        "CallDuration",
        "SequenceNumber",
        "ErrorCode",
        "DialBridged",
    ];
    let shown: Vec<String> = params
        .iter()
        .filter(|(k, _)| interesting.contains(&k.as_str()))
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    format!("{path} {}", shown.join(" "))
}

fn body_line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    text.strip_prefix("<Response>").and_then(|t| t.strip_suffix("</Response>")).unwrap_or(&text).to_owned()
}
