//! Overload in virtual time: one CPU, a cost for each event of the real Switch, and a carrier that offers three times what can be
//! done. The calls that are let in are served as if nobody else were there (issue 3, section 4.5).

use crate::kit::rows;
use bytes::Bytes;
use chorus::call::cx::CallSettings;
use chorus::call::tables::Tables;
use chorus::clock::{Mono, Now, Wall};
use chorus::media::event::{EngineCommand, MediaEvent, Stats};
use chorus::rng::Rng;
use chorus::sid::AccountSid;
use chorus::sip::endpoint::overload::is_ack_of_refusal;
use chorus::sip::event::{Flow, InviteCmd, LegId, SipCmd, SipEvent, SipOut, Transport};
use chorus::sip::{Endpoint, EndpointConfig};
use chorus::store::account_rules::AccountRules;
use chorus::store::memory::Memory;
use chorus::store::rows::{Hook, NumberRow};
use chorus::store::tx::Backend;
use chorus::switch::{Input, Output, Switch};
use chorus::trunk::Snapshot;
use chorus::webhooks::request::Fetched;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const SECOND: u64 = 1_000_000;
/// The load is offered for so long, and then looked at for a little while.
const OFFERED: u64 = 10 * SECOND;
const TAIL: u64 = 2 * SECOND;
/// Virtual microseconds, chosen and not measured: a call costs about 40 times what it costs to turn one away, and to turn one away
/// is to read two messages and to send one.
const READ: u64 = 500;
const SEND: u64 = 250;
const COMMIT: u64 = 7_500;
const FETCH: u64 = 12_500;
const PORT: u64 = 2_500;
const OTHER: u64 = 500;

const ACCOUNT: AccountSid = AccountSid(7);
const OFFER: &[u8] =
    b"v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";

enum Ev {
    Arrives(Input),
    Done(Input, u64),
    Carrier(Bytes),
    CarrierTime,
    Time,
    Dial,
    Ping,
}

struct Entry(u64, u64, Ev);

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        (self.0, self.1) == (other.0, other.1)
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
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

/// What the carrier saw.
#[derive(Debug, Default)]
struct Seen {
    dialled: u64,
    /// Answered and ended in good order, within the time of the load.
    served: u64,
    refused: u64,
    other: BTreeMap<u16, u64>,
    retry_after: BTreeSet<String>,
    /// ACKs of refusals: dropped where the socket is read.
    unread: u64,
    pings: u64,
    pongs: u64,
    busy: u64,
}

struct House {
    now: u64,
    seq: u64,
    events: BinaryHeap<Reverse<Entry>>,
    switch: Switch,
    carrier: Endpoint,
    store: Memory,
    /// The one CPU: what waits for it, and until when it works.
    line: VecDeque<(u64, Input)>,
    working: bool,
    /// Is the switch told how long its messages waited?
    told: bool,
    answered: HashMap<LegId, bool>,
    seen: Seen,
}

fn flow(local: &str, remote: &str) -> Flow {
    let parse = |a: &str| a.parse().unwrap();
    Flow { transport: Transport::Udp, local: parse(local), remote: parse(remote), conn: 0 }
}

fn tables() -> Tables {
    let voice = Some(Hook { url: "https://app.test/hangup".to_owned(), ..Hook::default() });
    let number = NumberRow { voice, ..rows::number(1, "+15550001", ACCOUNT.0) };
    let account = rows::account(ACCOUNT, AccountRules::default());
    Tables::new(vec![rows::trunk(1, &["10.0.0.0/24"])], vec![number], vec![], vec![account])
}

impl House {
    fn new(told: bool) -> House {
        let mut rng = Rng::from_number(5);
        let settings = CallSettings {
            events: None,
            public_url: "http://chorus.test".to_owned(),
            node: "one".to_owned(),
            silent_after_s: 60,
            realm: "chorus".to_owned(),
            addresses: vec![],
        };
        let mut carrier = Endpoint::new(rng.fork(), EndpointConfig::default());
        carrier.set_sources(Now::default(), rows::known("10.0.0.0/24"));
        let mut house = House {
            now: SECOND,
            seq: 0,
            events: BinaryHeap::new(),
            switch: Switch::new(rng.fork(), EndpointConfig::default(), settings, 1),
            carrier,
            store: Memory::new(),
            line: VecDeque::new(),
            working: false,
            told,
            answered: HashMap::new(),
            seen: Seen::default(),
        };
        let now = house.at();
        house.switch.handle(now, Input::Tables(Arc::new(tables())));
        house
    }

    fn at(&self) -> Now {
        Now { mono: Mono(self.now), wall: Wall(1_700_000_000_000 + (self.now / 1_000) as i64) }
    }

    fn later(&mut self, after: u64, ev: Ev) {
        self.seq += 1;
        self.events.push(Reverse(Entry(self.now + after, self.seq, ev)));
    }

    /// Works on the next input, if the CPU is free: what an input causes is paid for with it.
    fn work(&mut self) {
        if self.working {
            return;
        }
        let Some((arrived, input)) = self.line.pop_front() else { return };
        self.working = true;
        let cost = if matches!(input, Input::Sip(..)) { READ } else { OTHER };
        self.later(cost, Ev::Done(input, arrived));
        self.seen.busy += cost;
    }

    fn done(&mut self, input: Input, arrived: u64) {
        let now = self.at();
        if self.told && matches!(input, Input::Sip(..)) {
            self.switch.waited(now, Duration::from_micros(self.now - arrived));
        }
        self.switch.handle(now, input);
        let cost = self.perform();
        self.seen.busy += cost;
        // It is idle again after what this caused.
        self.later(cost, Ev::Time);
    }

    fn perform(&mut self) -> u64 {
        let mut cost = 0;
        while let Some(out) = self.switch.poll() {
            match out {
                Output::Send(_, bytes) => {
                    cost += SEND;
                    self.later(cost + 1_000, Ev::Carrier(bytes));
                }
                Output::Commit(id, tx) => {
                    cost += COMMIT;
                    let result = self.store.apply(&[tx]).remove(0);
                    self.later(cost + 1_000, Ev::Arrives(Input::Committed(id, result)));
                }
                Output::Fetch(id, _) => {
                    cost += FETCH;
                    let fetched = Fetched {
                        status: 200,
                        body: Bytes::from_static(b"<Response><Hangup/></Response>"),
                        content_type: Some("text/xml".to_owned()),
                        url: "https://app.test/hangup".to_owned(),
                        cookies: vec![],
                        login: None,
                        ms: 5,
                    };
                    self.later(cost + 5_000, Ev::Arrives(Input::Fetched(id, Ok(fetched))));
                }
                Output::OpenPort { leg, .. } => {
                    cost += PORT;
                    let local: SocketAddr = "10.0.0.1:20000".parse().unwrap();
                    self.later(cost, Ev::Arrives(Input::Port(leg, Ok(local))));
                }
                Output::Engine(_, EngineCommand::Close(leg)) => {
                    let stats = MediaEvent::Stats(leg, Stats::default());
                    self.later(cost, Ev::Arrives(Input::Media(stats)));
                }
                Output::LoadOutbox(_) => self.later(cost, Ev::Arrives(Input::Outbox(vec![], None))),
                Output::Engine(..) | Output::Trace(..) | Output::Log(_) => {}
                other => panic!("{other:?}"),
            }
        }
        cost
    }

    fn dial(&mut self) {
        self.seen.dialled += 1;
        let leg = LegId(2 * self.seen.dialled);
        let cmd = InviteCmd {
            leg,
            call_id: format!("{}@carrier", leg.0),
            local_tag: format!("t{}", leg.0),
            uri: "sip:+15550001@10.0.0.1:5060".to_owned(),
            from: "<sip:+15559999@LOCAL>".to_owned(),
            to: "<sip:+15550001@10.0.0.1>".to_owned(),
            max_forwards: 70,
            offer: Bytes::from_static(OFFER),
            ..InviteCmd::default()
        };
        let now = self.at();
        self.carrier.command(now, SipCmd::Invite(Box::new(cmd)));
        self.carrier_moves();
    }

    /// The health check of a known peer.
    fn ping(&mut self) {
        self.seen.pings += 1;
        let n = self.seen.pings;
        let text = format!(
            "OPTIONS sip:10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bKping{n}\r\nMax-Forwards: 70\r\n\
             From: <sip:a@10.0.0.2>;tag=p{n}\r\nTo: <sip:10.0.0.1>\r\nCall-ID: ping{n}\r\nCSeq: {n} OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        self.arrives_at_chorus(Bytes::from(text));
    }

    fn arrives_at_chorus(&mut self, bytes: Bytes) {
        if is_ack_of_refusal(&bytes) {
            self.seen.unread += 1;
            return;
        }
        self.later(1_000, Ev::Arrives(Input::Sip(flow("10.0.0.1:5060", "10.0.0.2:5060"), bytes)));
    }

    fn carrier_hears(&mut self, bytes: &Bytes) {
        let text = String::from_utf8_lossy(bytes);
        if text.contains("\r\nCSeq: ") && text.contains(" OPTIONS\r\n") {
            assert!(text.starts_with("SIP/2.0 200"), "{text}");
            self.seen.pongs += 1;
            return;
        }
        if text.starts_with("SIP/2.0 503") {
            let after = text.split("\r\nRetry-After: ").nth(1).expect("a Retry-After").split("\r\n").next();
            self.seen.retry_after.insert(after.unwrap().to_owned());
        }
        let now = self.at();
        self.carrier.on_bytes(now, flow("10.0.0.2:5060", "10.0.0.1:5060"), bytes);
        self.carrier_moves();
    }

    fn carrier_moves(&mut self) {
        while let Some(out) = self.carrier.poll() {
            match out {
                SipOut::Send(_, bytes) => self.arrives_at_chorus(bytes),
                SipOut::Resolve(id, _) => {
                    let to = vec![flow("10.0.0.2:5060", "10.0.0.1:5060")];
                    let now = self.at();
                    self.carrier.command(now, SipCmd::Resolved(id, to));
                }
                SipOut::Event(SipEvent::Answered { leg, .. }) => {
                    self.answered.insert(leg, true);
                }
                SipOut::Event(SipEvent::Ended { leg, cause, .. }) => self.ended(leg, cause.code),
                SipOut::Event(_) => {}
            }
        }
        if let Some(at) = self.carrier.poll_timeout() {
            self.later(at.0.saturating_sub(self.now), Ev::CarrierTime);
        }
    }

    fn ended(&mut self, leg: LegId, code: u16) {
        match (self.answered.remove(&leg), code) {
            (Some(_), 200) if self.now <= SECOND + OFFERED => self.seen.served += 1,
            (Some(_), 200) => {}
            (None, 503) => self.seen.refused += 1,
            (_, code) => *self.seen.other.entry(code).or_default() += 1,
        }
    }

    fn on(&mut self, ev: Ev) {
        let now = self.at();
        match ev {
            Ev::Arrives(input) => self.line.push_back((self.now, input)),
            Ev::Done(input, arrived) => return self.done(input, arrived),
            Ev::Carrier(bytes) => self.carrier_hears(&bytes),
            Ev::CarrierTime if self.carrier.poll_timeout().is_some_and(|at| at <= now.mono) => {
                self.carrier.on_time(now);
                self.carrier_moves();
            }
            Ev::CarrierTime => {}
            Ev::Time => self.working = false,
            Ev::Dial => self.dial(),
            Ev::Ping => self.ping(),
        }
        self.work();
    }

    /// Offers so many calls a second, as they come: at random times.
    fn run(mut self, rate: f64, tail: u64) -> Seen {
        let mut rng = Rng::from_number(rate as u64);
        for _ in 0..(rate * OFFERED as f64 / SECOND as f64) as u64 {
            self.later(rng.below(OFFERED), Ev::Dial);
        }
        for n in 0..OFFERED / 100_000 {
            self.later(n * 100_000, Ev::Ping);
        }
        let end = SECOND + OFFERED + tail;
        while let Some(Reverse(Entry(at, _, ev))) = self.events.pop() {
            // Timers of the switch: the process wakes up for them.
            if let Some(due) = self.switch.poll_timeout().filter(|due| due.0 < at && due.0 > self.now) {
                self.now = due.0;
                let now = self.at();
                self.switch.handle(now, Input::Time);
                self.perform();
            }
            self.now = at;
            if at > end {
                break;
            }
            self.on(ev);
        }
        self.seen
    }
}

#[test]
fn three_times_the_load_costs_less_than_a_tenth_of_what_is_served() {
    let alone = House::new(true).run(2.0, TAIL);
    assert!(alone.refused == 0 && alone.served > 0 && alone.other.is_empty(), "{alone:?}");
    let pings = alone.pings * (READ + SEND);
    let cost = (alone.busy - pings) / alone.dialled;
    let capacity = SECOND as f64 / cost as f64;
    println!("a call costs {cost} us: {capacity:.1} a second");
    let mut goodput = BTreeMap::new();
    for tenths in [10, 15, 30] {
        let seen = House::new(true).run(capacity * f64::from(tenths) / 10.0, TAIL);
        println!("{:.1} times the capacity: {seen:?}", f64::from(tenths) / 10.0);
        assert_eq!(seen.pongs, seen.pings, "an OPTIONS of a known peer without its answer");
        assert!(seen.unread >= seen.refused, "ACKs of refusals are known by their mark: {seen:?}");
        assert!(seen.other.is_empty(), "a call that was let in was not served: {:?}", seen.other);
        goodput.insert(tenths, seen.served);
        if tenths == 30 {
            let all: BTreeSet<String> = (1..=8).map(|n: u32| n.to_string()).collect();
            assert_eq!(seen.retry_after, all, "Retry-After is drawn");
        }
    }
    let peak = goodput.values().copied().max().unwrap();
    let share = goodput[&30] as f64 / peak as f64;
    println!("goodput at three times the load: {:.1} % of its peak", share * 100.0);
    assert!(share >= 0.9, "{goodput:?}");
    // The same without a look at the age of the queue: everybody is let in, and nobody is served in time.
    let blind = House::new(false).run(capacity * 3.0, 0);
    println!("without a look at the queue: {blind:?}");
    assert!(blind.served * 2 < peak, "this test can fail");
}

/// Nothing else is taken for one: not the ACK of a call that is up, nor of a caller whose own tag looks like our mark.
#[test]
fn only_the_ack_of_a_refusal_is_dropped_unread() {
    let ack = |start: &str, from: &str, to: &str| {
        let head = format!("{start} sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP b;branch=z9hG4bK1\r\n");
        let rest =
            format!("From: <sip:c@d>;tag={from}\r\n{to}: <sip:a@b>;tag=too-much-1\r\nCall-ID: x\r\n\r\n");
        is_ack_of_refusal((head + &rest).as_bytes())
    };
    assert!(ack("ACK", "f", "To") && ack("ACK", "f", "t") && ack("ACK", "f", "to "));
    assert!(!ack("BYE", "f", "To") && !ack("INVITE", "f", "To") && !ack("ACK", "too-much-1", "X-To"));
    assert!(!is_ack_of_refusal(
        b"ACK sip:a@b SIP/2.0\r\nTo: <sip:a@b>;tag=1\r\n\r\nTo: <sip:a@b>;tag=too-much-1\r\n"
    ));
    assert!(!is_ack_of_refusal(b"ACK ") && !is_ack_of_refusal(b""));
}

/// The short way out and the long one give the same answer.
#[test]
fn a_plain_invite_and_an_intricate_one_are_refused_alike() {
    let mut endpoint = Endpoint::new(Rng::from_number(9), EndpointConfig::default());
    let now = Now { mono: Mono(SECOND), wall: Wall(0) };
    endpoint.set_sources(now, rows::known("10.0.0.0/24"));
    endpoint.waited(now, Duration::from_secs(1));
    let plain = "INVITE sip:a@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5070;rport;branch=z9hG4bKx\r\nVia: SIP/2.0/UDP b\r\nMax-Forwards: 70\r\n\
                 From: <sip:c@d>;tag=f\r\nTo: <sip:a@b>\r\nCall-ID: x@y\r\nCSeq: 1 INVITE\r\nContact: <sip:c@10.0.0.2>\r\nContent-Length: 0\r\n\r\n";
    let mut answer = |text: String, source: &str| {
        endpoint.on_bytes(now, flow("10.0.0.1:5060", source), &Bytes::from(text));
        std::iter::from_fn(|| endpoint.poll()).find_map(|out| match out {
            SipOut::Send(to, bytes) => Some((to.remote, String::from_utf8(bytes.to_vec()).unwrap())),
            _ => None,
        })
    };
    let without_draw = |(to, text): (SocketAddr, String)| {
        let fixed = text.split("\r\n").filter(|l| !l.starts_with("Retry-After: ") && !l.starts_with("To: "));
        (to, fixed.map(str::to_owned).collect::<Vec<_>>())
    };
    let short = answer(plain.to_owned(), "10.0.0.2:9999").unwrap();
    assert!(
        short.1.contains("Via: SIP/2.0/UDP 10.0.0.2:5070;rport=9999;branch=z9hG4bKx;received=10.0.0.2\r\n"),
        "{}",
        short.1
    );
    assert!(short.1.contains("\r\nTo: <sip:a@b>;tag=too-much-"), "{}", short.1);
    // A compact name and a fold go the long way.
    let long = answer(plain.replacen("From: <sip", "f:\r\n <sip", 1), "10.0.0.2:9999").unwrap();
    let (short, long) = (without_draw(short), without_draw(long));
    assert_eq!(short.0, long.0);
    let folded = |lines: Vec<String>| lines.concat().replace("From:\r\n <", "From: <").replace(' ', "");
    assert_eq!(folded(short.1), folded(long.1));
    // Without rport the answer goes to the port of the Via, and a stranger hears nothing.
    let other = plain.replace("rport;", "").replace("bKx", "bKy");
    assert_eq!(answer(other.clone(), "10.0.0.2:9999").unwrap().0.port(), 5070);
    assert_eq!(answer(other, "192.0.2.1:9999"), None);
}

/// An address alone does not make a peer of a trunk that asks for a certificate: it hears nothing, also when there is too much.
#[test]
fn without_the_certificate_that_its_trunk_asks_for_nobody_is_told_of_overload() {
    let mut endpoint = Endpoint::new(Rng::from_number(9), EndpointConfig::default());
    let now = Now { mono: Mono(SECOND), wall: Wall(0) };
    let mut trunk = rows::trunk(1, &["10.0.0.0/24"]);
    trunk.tls.client_auth = true;
    endpoint.set_sources(now, Arc::new(Snapshot::new(vec![trunk], vec![])));
    endpoint.waited(now, Duration::from_secs(1));
    let invite = "INVITE sip:a@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5070;rport;branch=z9hG4bKx\r\nMax-Forwards: 70\r\n\
                  From: <sip:c@d>;tag=f\r\nTo: <sip:a@b>\r\nCall-ID: x@y\r\nCSeq: 1 INVITE\r\nContact: <sip:c@10.0.0.2>\r\nContent-Length: 0\r\n\r\n";
    let from = flow("10.0.0.1:5060", "10.0.0.2:5070");
    endpoint.on_bytes(now, from, &Bytes::from(invite));
    let said: Vec<SipOut> = std::iter::from_fn(|| endpoint.poll()).collect();
    assert!(!said.iter().any(|out| matches!(out, SipOut::Send(..))), "{said:?}");
}

/// A disk that is slow once turns nobody away; a queue in front of it does.
#[test]
fn one_slow_write_is_no_overload_and_many_that_wait_are() {
    let mut house = House::new(true);
    let mut number = 0;
    // The codes of what is said to one INVITE more; no write is ever done.
    let mut dial = |house: &mut House, ms: u64| {
        number += 1;
        let text = format!(
            "INVITE sip:+15550001@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bKslow{number}\r\nMax-Forwards: 70\r\n\
             From: <sip:+15559999@10.0.0.2>;tag=s{number}\r\nTo: <sip:+15550001@10.0.0.1>\r\nCall-ID: slow{number}\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:c@10.0.0.2>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{}",
            OFFER.len(),
            String::from_utf8_lossy(OFFER)
        );
        let now = Now { mono: Mono(SECOND + ms * 1_000), wall: Wall(1_700_000_000_000) };
        house.switch.waited(now, Duration::ZERO);
        house.switch.handle(now, Input::Sip(flow("10.0.0.1:5060", "10.0.0.2:5060"), Bytes::from(text)));
        std::iter::from_fn(|| house.switch.poll()).any(|out| match out {
            Output::Send(_, bytes) => bytes.starts_with(b"SIP/2.0 503"),
            _ => false,
        })
    };
    assert!(!dial(&mut house, 0) && !dial(&mut house, 900), "one write has waited for 0.9 s");
    let crowd: Vec<bool> = (0..14).map(|_| dial(&mut house, 901)).collect();
    assert!(!crowd.contains(&true), "{crowd:?}");
    assert!(dial(&mut house, 902), "16 of them wait");
}
