//! Two Endpoints call each other over a bad network in virtual time. Whatever gets lost: every leg ends exactly once, every
//! 2xx that arrives is ACKed, CSeq rises, and nothing is left.

use super::net::{Net, Weather, at, open_house, udp};
use bytes::Bytes;
use chorus::clock::Mono;
use chorus::rng::Rng;
use chorus::sip::event::{Caller, Cause, InviteCmd, LegId, SipCmd, SipEvent, SipOut};
use chorus::sip::wire::{Message, Method, Verdict, read_datagram};
use chorus::sip::{Counts, Endpoint, EndpointConfig};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;

const SECOND: u64 = 1_000_000;
const SDP: &[u8] =
    b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";

struct Host {
    endpoint: Endpoint,
    /// How often it was switched off and on again.
    life: u32,
    address: SocketAddr,
    ended: HashMap<LegId, u32>,
    legs: HashSet<LegId>,
    cseqs: HashMap<(String, String), (u32, HashSet<String>)>,
}

enum Act {
    Dial(u64),
    /// Of a host, in this life of it.
    Command(usize, u32, SipCmd),
    /// A host loses everything, and is there again at once.
    Crash(usize),
}

#[derive(Default, Debug)]
struct Tally {
    answered: u32,
    refused: u32,
    cancelled: u32,
    timeouts: u32,
    confirmed: u32,
    dialled: u32,
    crashes: u32,
    /// Calls that a host knew when it crashed.
    forgotten: u32,
}

struct World {
    now: Mono,
    net: Net,
    hosts: Vec<Host>,
    plan: BTreeMap<(Mono, u64), Act>,
    counter: u64,
    rng: Rng,
    tally: Tally,
    /// With the host and its life: one that crashed owes no ACK.
    delivered_2xx: HashSet<(usize, u32, (String, String))>,
    acked: HashSet<(String, String)>,
}

fn host(n: usize, rng: &mut Rng) -> Host {
    let mut endpoint = Endpoint::new(rng.fork(), EndpointConfig::default());
    endpoint.set_sources(at(Mono(0)), open_house());
    Host {
        endpoint,
        life: 0,
        address: format!("10.0.0.{}:5060", n + 1).parse().unwrap(),
        ended: HashMap::new(),
        legs: HashSet::new(),
        cseqs: HashMap::new(),
    }
}

impl World {
    fn new(seed: u64, weather: Weather, calls: u64) -> World {
        let mut rng = Rng::from_number(seed);
        let hosts = (0..2).map(|n| host(n, &mut rng)).collect();
        let net = Net::new(rng.fork(), weather);
        let mut world = World {
            now: Mono(SECOND),
            net,
            hosts,
            plan: BTreeMap::new(),
            counter: 0,
            rng,
            tally: Tally::default(),
            delivered_2xx: HashSet::new(),
            acked: HashSet::new(),
        };
        for call in 0..calls {
            let when = world.rng.below(20 * SECOND);
            world.later(when, Act::Dial(call));
        }
        world
    }

    /// The second host crashes so often while calls come.
    fn crashing(mut self, times: u64) -> World {
        for _ in 0..times {
            let when = self.rng.below(25 * SECOND);
            self.later(when, Act::Crash(1));
        }
        self
    }

    /// Its legs have no end that anybody could see; those of the other host must have theirs.
    fn crash(&mut self, who: usize) {
        self.tally.crashes += 1;
        let old = std::mem::replace(&mut self.hosts[who], host(who, &mut self.rng));
        self.hosts[who].life = old.life + 1;
        self.tally.forgotten += (old.legs.len() - old.ended.len()) as u32;
    }

    fn on_command(&mut self, who: usize, leg_of: u32, cmd: SipCmd) {
        if self.hosts[who].life == leg_of {
            self.command(who, cmd);
        }
    }

    fn hangup(&self, who: usize, leg: LegId) -> Act {
        let cause = Cause::new(200, "Bye");
        Act::Command(who, self.hosts[who].life, SipCmd::Hangup { leg, cause, headers: vec![] })
    }

    fn later(&mut self, delay: u64, act: Act) {
        self.counter += 1;
        self.plan.insert((Mono(self.now.0 + delay), self.counter), act);
    }

    fn dial(&mut self, call: u64) {
        let who = (call % 2) as usize;
        let leg = LegId(1_000 + 2 * call);
        let cmd = InviteCmd {
            leg,
            call_id: format!("call{call}@sim"),
            local_tag: format!("tag{call}"),
            uri: "sip:+15550001@10.0.0.9".into(),
            next_hop: None,
            from: "\"Sim\" <sip:+15550002@LOCAL>".into(),
            to: "<sip:+15550001@10.0.0.9>".into(),
            max_forwards: 70,
            offer: Bytes::from_static(SDP),
            headers: vec![("X-Call".into(), call.to_string())],
            credentials: None,
            ..InviteCmd::default()
        };
        self.tally.dialled += 1;
        self.hosts[who].legs.insert(leg);
        self.command(who, SipCmd::Invite(Box::new(cmd)));
        // A third of the callers lose patience, some before anything came back.
        if self.rng.below(3) == 0 {
            let when = self.rng.below(6 * SECOND);
            self.later(when, self.hangup(who, leg));
        }
    }

    fn command(&mut self, who: usize, cmd: SipCmd) {
        self.hosts[who].endpoint.command(at(self.now), cmd);
        self.drain(who);
    }

    fn drain(&mut self, who: usize) {
        while let Some(out) = self.hosts[who].endpoint.poll() {
            match out {
                SipOut::Send(flow, bytes) => self.sent(who, flow.remote, bytes),
                SipOut::Resolve(id, _) => {
                    let peer = self.hosts[1 - who].address.to_string();
                    let flow = udp(&self.hosts[who].address.to_string(), &peer);
                    let delay = self.rng.below(50_000);
                    self.later(
                        delay,
                        Act::Command(who, self.hosts[who].life, SipCmd::Resolved(id, vec![flow])),
                    );
                }
                SipOut::Event(event) => self.event(who, event),
            }
        }
    }

    /// New requests of one end and one dialog carry rising numbers; a repeated branch is a retransmission. A peer that crashed
    /// may answer once more as another dialog of the same call, whose numbers go on from the INVITE's, too.
    fn sent(&mut self, who: usize, to: SocketAddr, bytes: Bytes) {
        let Verdict::Message(message) = read_datagram(&bytes) else {
            panic!("our own message is refused: {}", String::from_utf8_lossy(&bytes))
        };
        if let Some(method) = message.method() {
            let cseq = message.cseq().unwrap().number;
            let branch = message.via().unwrap().branch().unwrap().to_owned();
            let cseqs = &mut self.hosts[who].cseqs;
            let of_invite = cseqs.get(&(message.call_id().to_owned(), String::new())).map_or(0, |(n, _)| *n);
            let (last, branches) = cseqs.entry(ids(&message)).or_insert((of_invite, HashSet::new()));
            if !matches!(method, Method::Ack | Method::Cancel) && branches.insert(branch) {
                assert!(cseq > *last, "CSeq of {method} {cseq} after {last}");
                *last = cseq;
            }
            if *method == Method::Ack {
                self.acked.insert(ids(&message));
            }
        }
        let from = self.hosts[who].address;
        self.net.send(self.now, from, to, bytes);
    }

    fn event(&mut self, who: usize, event: SipEvent) {
        match event {
            SipEvent::Incoming { leg, invite, caller } => {
                assert!(matches!(caller, Caller::Trunks(trunks) if trunks.len() == 1));
                assert_eq!(invite.to_user, "+15550001");
                assert!(invite.headers.iter().any(|(n, _)| n == "X-Call"));
                self.hosts[who].legs.insert(leg);
                self.incoming(who, leg);
            }
            SipEvent::Answered { leg, .. } => {
                self.tally.answered += 1;
                // Half hang up; the others wait for the BYE, and give up in the end as silence of media makes them.
                let soon = self.rng.below(2) == 0;
                let when = if soon { self.rng.below(5 * SECOND) } else { 90 * SECOND };
                self.later(when, self.hangup(who, leg));
            }
            SipEvent::Confirmed { .. } => self.tally.confirmed += 1,
            SipEvent::Ended { leg, cause, .. } => {
                *self.hosts[who].ended.entry(leg).or_default() += 1;
                match cause.code {
                    486 => self.tally.refused += 1,
                    487 => self.tally.cancelled += 1,
                    408 => self.tally.timeouts += 1,
                    _ => {}
                }
            }
            SipEvent::Seen { leg, .. } | SipEvent::Progress { leg, .. } => {
                assert!(!self.hosts[who].ended.contains_key(&leg), "something after Ended");
            }
            _ => {}
        }
    }

    fn incoming(&mut self, who: usize, leg: LegId) {
        let life = self.hosts[who].life;
        let ring = self.rng.below(SECOND);
        let early = (self.rng.below(2) == 0).then(|| Bytes::from_static(SDP));
        self.later(ring, Act::Command(who, life, SipCmd::Ring { leg, body: early }));
        let when = ring + self.rng.below(4 * SECOND);
        let body = Bytes::from_static(SDP);
        let act = match self.rng.below(4) {
            0 => SipCmd::Refuse { leg, cause: Cause::new(486, "Busy"), headers: vec![] },
            _ => SipCmd::Answer { leg, body, headers: vec![] },
        };
        self.later(when, Act::Command(who, life, act));
        // Every callee hangs up at last, many while the caller does the same, some before the ACK is there.
        let talk = self.rng.below(6 * SECOND);
        self.later(when + talk, self.hangup(who, leg));
    }

    fn step(&mut self) -> bool {
        let times = self.hosts.iter().filter_map(|h| h.endpoint.poll_timeout());
        let plan = self.plan.keys().next().map(|(at, _)| *at);
        let Some(next) = times.chain(plan).chain(self.net.next()).min() else { return false };
        self.now = self.now.max(next);
        while let Some((from, to, bytes)) = self.net.arrive(self.now) {
            self.deliver(from, to, bytes);
        }
        while let Some(entry) = self.plan.first_entry().filter(|e| e.key().0 <= self.now) {
            match entry.remove() {
                Act::Dial(call) => self.dial(call),
                Act::Command(who, life, cmd) => self.on_command(who, life, cmd),
                Act::Crash(who) => self.crash(who),
            }
        }
        for who in 0..self.hosts.len() {
            if self.hosts[who].endpoint.poll_timeout().is_some_and(|at| at <= self.now) {
                self.hosts[who].endpoint.on_time(at(self.now));
                let later = self.hosts[who].endpoint.poll_timeout();
                assert!(later.is_none_or(|at| at > self.now), "a timer that does not go away");
                self.drain(who);
            }
        }
        true
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, bytes: Bytes) {
        let Some(who) = self.hosts.iter().position(|h| h.address == to) else {
            panic!("sent to nobody: {to}")
        };
        if let Verdict::Message(message) = read_datagram(&bytes)
            && message.code().is_some_and(|c| (200..300).contains(&c))
            && message.cseq().is_some_and(|c| c.method == Method::Invite)
        {
            self.delivered_2xx.insert((who, self.hosts[who].life, ids(&message)));
        }
        let flow = udp(&to.to_string(), &from.to_string());
        self.hosts[who].endpoint.on_bytes(at(self.now), flow, &bytes);
        self.drain(who);
    }

    fn run(mut self, calls: u64) -> (Tally, Net) {
        let mut steps = 0_u64;
        while self.step() {
            steps += 1;
            assert!(steps < 5_000 * calls.max(10), "it never comes to rest");
        }
        for host in &self.hosts {
            assert_eq!(host.endpoint.counts(), Counts::default(), "something is left");
            for leg in &host.legs {
                assert_eq!(host.ended.get(leg), Some(&1), "a leg ends exactly once");
            }
            assert_eq!(host.ended.len(), host.legs.len());
        }
        let lives: Vec<u32> = self.hosts.iter().map(|h| h.life).collect();
        let owed = self.delivered_2xx.iter().filter(|(who, life, _)| lives[*who] == 0 && *life == 0);
        let missing: Vec<_> = owed.filter(|(.., ids)| !self.acked.contains(ids)).collect();
        assert!(missing.is_empty(), "2xx without ACK: {missing:?}");
        (self.tally, self.net)
    }
}

fn ids(message: &Message) -> (String, String) {
    (message.call_id().to_owned(), message.to_tag().unwrap_or_default())
}

#[test]
fn every_leg_ends_once_and_nothing_leaks_whatever_the_network_loses() {
    let mut sums = Tally::default();
    let (mut lost, mut doubled, mut late) = (0, 0, 0);
    for seed in 0..80 {
        // One seed in eight is a network that hardly exists: there the timers must end everything.
        let loss = if seed % 8 == 7 { 80 } else { seed % 31 };
        let weather = Weather { loss, duplicate: (seed * 7) % 40, reorder: (seed * 11) % 30 };
        let (tally, net) = World::new(seed, weather, 40).run(40);
        sums.answered += tally.answered;
        sums.refused += tally.refused;
        sums.cancelled += tally.cancelled;
        sums.timeouts += tally.timeouts;
        sums.confirmed += tally.confirmed;
        lost += net.lost;
        doubled += net.doubled;
        late += net.late;
    }
    println!("{sums:?} lost {lost} doubled {doubled} late {late}");
    // None of what the simulation is for may be missing in it.
    for (what, n) in [
        ("answered", sums.answered),
        ("refused", sums.refused),
        ("cancelled", sums.cancelled),
        ("timeouts", sums.timeouts),
        ("confirmed", sums.confirmed),
    ] {
        assert!(n > 20, "too few {what}: {n}");
    }
    assert!(lost > 1_000 && doubled > 1_000 && late > 1_000);
}

#[test]
fn without_loss_no_call_times_out() {
    for seed in 1_000..1_010 {
        let weather = Weather { loss: 0, duplicate: 20, reorder: 0 };
        let (tally, _) = World::new(seed, weather, 40).run(40);
        assert_eq!(tally.timeouts, 0);
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let weather = Weather { loss: 20, duplicate: 10, reorder: 10 };
    let one = format!("{:?}", World::new(7, weather, 30).run(30).0);
    let two = format!("{:?}", World::new(7, weather, 30).run(30).0);
    assert_eq!(one, two);
}

/// One kind of weather, with or without a peer that crashes.
#[derive(Copy, Clone, Debug)]
struct Cell {
    weather: Weather,
    crashes: bool,
}

/// Calls in one world. The invariants look at everything that lives, at every step.
const TOGETHER: u64 = 50;

/// Loss, duplication and reordering in per cent, with crashes and without.
fn cells(losses: &[u64], others: &[(u64, u64)]) -> Vec<Cell> {
    let weathers = losses.iter().flat_map(|loss| others.iter().map(move |(d, r)| (*loss, *d, *r)));
    weathers
        .flat_map(|(loss, duplicate, reorder)| {
            [false, true].map(|crashes| Cell { weather: Weather { loss, duplicate, reorder }, crashes })
        })
        .collect()
}

/// Each world checks for itself that every leg ends exactly once and that nothing is left.
fn run_cell(cell: Cell, seed: u64, calls: u64) -> Tally {
    let mut sum = Tally::default();
    for n in 0..calls.div_ceil(TOGETHER) {
        let world = World::new(seed + n, cell.weather, TOGETHER);
        let world = if cell.crashes { world.crashing(2) } else { world };
        let (tally, _) = world.run(TOGETHER);
        for (sum, n) in [
            (&mut sum.answered, tally.answered),
            (&mut sum.refused, tally.refused),
            (&mut sum.cancelled, tally.cancelled),
            (&mut sum.timeouts, tally.timeouts),
            (&mut sum.confirmed, tally.confirmed),
            (&mut sum.dialled, tally.dialled),
            (&mut sum.crashes, tally.crashes),
            (&mut sum.forgotten, tally.forgotten),
        ] {
            *sum += n;
        }
    }
    sum
}

/// Issue 3, section 4.3: twelve cells of 500 calls; CHORUS_LONG runs ninety of 10,000.
#[test]
fn in_every_weather_each_invite_has_exactly_one_end() {
    let long = std::env::var("CHORUS_LONG").is_ok();
    let (cells, calls) = match long {
        true => {
            let others: Vec<(u64, u64)> =
                [0, 25, 50].iter().flat_map(|d| [0, 15, 30].map(|r| (*d, r))).collect();
            (cells(&[0, 10, 20, 30, 40], &others), 10_000)
        }
        false => (cells(&[0, 20, 40], &[(0, 0), (50, 30)]), 500),
    };
    assert!(cells.len() >= 12);
    for (n, cell) in cells.into_iter().enumerate() {
        let tally = run_cell(cell, 70_000 + 1_000 * n as u64, calls);
        let Weather { loss, duplicate, reorder } = cell.weather;
        println!(
            "loss {loss} %, duplicated {duplicate} %, reordered {reorder} %, crashes {}: {tally:?}",
            cell.crashes
        );
        assert_eq!(u64::from(tally.dialled), calls);
        assert_eq!(tally.crashes > 0 && tally.forgotten > 0, cell.crashes);
        if loss == 20 && duplicate == 0 && reorder == 0 && !cell.crashes {
            let complete = 1.0 - f64::from(tally.timeouts) / f64::from(tally.dialled);
            println!("complete at 20 % loss: {:.2} %", complete * 100.0);
            assert!(complete >= 0.999, "{tally:?}");
        }
    }
}
