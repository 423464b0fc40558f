//! The simulation's world: the same Switch and Engines as the server's, with sockets, clocks, database, disk, application
//! and agents made of data. Virtual time; the same seed gives the same trace.

mod faults;
mod media;
mod outputs;
mod phones;
mod queue;
mod streams;
mod tables;
mod tcp;
mod words;

use super::agent::Agent;
use super::app::App;
use super::net::Net;
use super::oracle::Oracle;
use super::phone::Phone;
use chorus::call::cx::CallSettings;
use chorus::call::event::Ticket;
use chorus::clock::{Mono, Now, Wall};
use chorus::media::engine::{Engine, Out};
use chorus::media::plan::Clip;
use chorus::rng::Rng;
use chorus::sid::{AccountSid, CallSid, RecordingSid, StreamSid};
use chorus::sip::endpoint::EndpointConfig;
use chorus::sip::event::LegId;
use chorus::store::memory::Memory;
use chorus::store::rows::Line;
use chorus::switch::Switch;
use chorus::webhooks::events::Target;
use media::Home;
use queue::Entry;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::hash::DefaultHasher;
use std::sync::Arc;
use tcp::Tcp;

pub use faults::Death;
pub use media::spoken;
pub use tables::hook;

pub const CHORUS: &str = "10.0.0.1:5060";
pub const ACCOUNT: AccountSid = AccountSid(0xac);
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const WALL0: i64 = 1_700_000_000_000;
const APPLY_US: u64 = 500;
const SYNC_US: u64 = 500;
const COMMIT_US: u64 = APPLY_US + SYNC_US;
const APP_US: u64 = 2_000;
const ENGINES: usize = 2;

pub struct World {
    pub now: Now,
    queue: BinaryHeap<Reverse<Entry>>,
    seq: u64,
    pub rng: Rng,
    pub switch: Switch,
    sip: EndpointConfig,
    /// Connections that Chorus makes are kept alive as its transport does it.
    pub pings: bool,
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
    /// By path.
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
    /// What DNS knows, beside addresses.
    pub names: BTreeMap<String, Vec<&'static str>>,
    /// Milliseconds by which the wall clock has jumped.
    pub skew_ms: i64,
    /// Where the operator wants to hear of calls.
    pub events: Option<Target>,
    /// Callbacks that the switch holds in memory, if not as many as usual.
    pub window: Option<usize>,
    /// Calls that were made to panic.
    broken: BTreeSet<CallSid>,
    tcp: Tcp,
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

/// The switch of a process that has just begun.
fn switch(rng: &mut Rng, sip: &EndpointConfig, events: Option<Target>) -> Switch {
    let settings = CallSettings {
        public_url: "http://chorus.test".to_owned(),
        node: "one".to_owned(),
        silent_after_s: 60,
        realm: "chorus".to_owned(),
        events,
        addresses: vec!["10.0.0.1:5060".parse().unwrap()],
    };
    Switch::new(rng.fork(), sip.clone(), settings, ENGINES)
}

fn engines(rng: &mut Rng) -> Vec<Engine> {
    (0..ENGINES).map(|_| Engine::new(rng.fork())).collect()
}

impl World {
    pub fn new(seed: u64) -> World {
        World::with(seed, EndpointConfig::default())
    }

    /// Of an installation that has set its SIP otherwise.
    pub fn with(seed: u64, sip: EndpointConfig) -> World {
        #[cfg(feature = "mutants")]
        chorus::mutants::no_panic();
        let mut rng = Rng::from_number(seed);
        let switch = switch(&mut rng, &sip, None);
        let mut w = World {
            now: Now { mono: Mono(0), wall: Wall(WALL0) },
            queue: BinaryHeap::new(),
            seq: 0,
            switch,
            sip,
            pings: false,
            store: Memory::lazy(),
            engines: engines(&mut rng),
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
            names: BTreeMap::new(),
            skew_ms: 0,
            events: None,
            window: None,
            broken: BTreeSet::new(),
            tcp: Tcp::default(),
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
}
