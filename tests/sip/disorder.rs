//! Everything in any order: requests, responses, commands, broken flows and flipped octets by seed, with the endpoint's own
//! invariants on. Whatever came, each leg ends once and nothing is left.

use super::net::{at, open_house, udp};
use super::peer::{PEER, Req, SDP, US, response};
use bytes::Bytes;
use chorus::clock::Mono;
use chorus::rng::Rng;
use chorus::sip::event::{
    Cause, Credentials, Flow, InviteCmd, LegId, OfferId, ResolveId, SipCmd, SipEvent, SipOut, Transport,
};
use chorus::sip::wire::{Message, Verdict, read_datagram};
use chorus::sip::{Counts, Endpoint, EndpointConfig};
use std::collections::{BTreeMap, BTreeSet};

const METHODS: [&str; 10] =
    ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "UPDATE", "REGISTER", "PRACK", "WHAT"];
const CODES: [u16; 14] = [100, 180, 183, 200, 202, 302, 401, 407, 408, 481, 486, 487, 503, 603];

struct Chaos {
    rng: Rng,
    endpoint: Endpoint,
    now: Mono,
    sent: Vec<Message>,
    tags: Vec<String>,
    dialogs: Vec<(String, String)>,
    legs: BTreeSet<LegId>,
    ended: BTreeMap<LegId, u32>,
    offers: Vec<(LegId, OfferId)>,
    lookups: Vec<ResolveId>,
    dialled: u64,
    steps: u32,
    done: BTreeSet<&'static str>,
}

impl Chaos {
    fn new(seed: u64) -> Chaos {
        let mut rng = Rng::from_number(seed);
        let config = EndpointConfig { legs_max: 12, transactions_max: 60, ..EndpointConfig::default() };
        let mut endpoint = Endpoint::new(rng.fork(), config);
        endpoint.set_sources(at(Mono(0)), open_house());
        Chaos {
            rng,
            endpoint,
            now: Mono(1),
            sent: vec![],
            tags: vec![String::new()],
            dialogs: vec![],
            legs: BTreeSet::new(),
            ended: BTreeMap::new(),
            offers: vec![],
            lookups: vec![],
            dialled: 0,
            steps: 0,
            done: BTreeSet::new(),
        }
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        from.get(self.rng.below(from.len() as u64) as usize).cloned()
    }

    fn flow(&mut self) -> Flow {
        let flow = udp(US, if self.rng.below(20) == 0 { "192.0.2.9:5060" } else { PEER });
        match self.rng.below(4) {
            0 => Flow { transport: Transport::Tcp, conn: self.rng.below(3), ..flow },
            _ => flow,
        }
    }

    fn collect(&mut self) {
        while let Some(out) = self.endpoint.poll() {
            match out {
                SipOut::Send(_, bytes) => {
                    if let Verdict::Message(message) = read_datagram(&bytes) {
                        self.tags.extend(message.to_tag());
                        self.sent.push(message);
                    }
                }
                SipOut::Resolve(id, _) => self.lookups.push(id),
                SipOut::Event(event) => self.event(event),
            }
        }
    }

    fn event(&mut self, event: SipEvent) {
        let (name, leg) = match event {
            SipEvent::Incoming { leg, invite, .. } => {
                self.dialogs.push((invite.dialog.call_id.clone(), invite.dialog.local_tag.clone()));
                self.legs.insert(leg);
                ("Incoming", leg)
            }
            SipEvent::Offer { leg, offer, .. } => {
                self.offers.push((leg, offer));
                ("Offer", leg)
            }
            SipEvent::Ended { leg, .. } => {
                *self.ended.entry(leg).or_default() += 1;
                return;
            }
            SipEvent::Progress { leg, .. } => ("Progress", leg),
            SipEvent::Answered { leg, .. } => ("Answered", leg),
            SipEvent::Confirmed { leg, .. } => ("Confirmed", leg),
            SipEvent::OfferAnswered { leg, .. } => ("OfferAnswered", leg),
            SipEvent::Key { leg, .. } => ("Key", leg),
            SipEvent::Refer { leg, .. } => ("Refer", leg),
            SipEvent::Referred { leg, .. } => ("Referred", leg),
            SipEvent::Notified { leg, .. } => ("Notified", leg),
            SipEvent::Seen { leg, .. } => ("Seen", leg),
            SipEvent::Refused { .. } | SipEvent::Binding(_) | SipEvent::Registration { .. } => return,
            SipEvent::TurnedAway { .. } | SipEvent::Ignored(_) | SipEvent::Knocked { .. } => return,
            SipEvent::Rerouted { leg, .. } => ("Rerouted", leg),
        };
        assert!(!self.ended.contains_key(&leg), "{name} after Ended");
        self.done.insert(name);
    }

    fn deliver(&mut self, text: String) {
        let mut bytes = text.into_bytes();
        if self.rng.below(12) == 0 {
            let at = self.rng.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << self.rng.below(8);
        }
        let flow = self.flow();
        self.endpoint.on_bytes(at(self.now), flow, &bytes.into());
    }

    fn request(&mut self) {
        let method = self.pick(&METHODS).unwrap();
        let call = match self.rng.below(5) {
            4 => format!("out{}@x", self.rng.below(self.dialled.max(1))),
            n => format!("in{n}@x"),
        };
        let recent = self.tags.len().saturating_sub(6);
        let tags = self.tags[recent..].to_vec();
        let tag = if self.rng.below(3) == 0 { String::new() } else { self.pick(&tags).unwrap() };
        let recent = self.dialogs.len().saturating_sub(4);
        let dialogs = self.dialogs[recent..].to_vec();
        let known = self.pick(&dialogs).filter(|_| self.rng.below(2) == 0);
        let (call, tag) = known.unwrap_or((call, tag));
        let branch = format!("b{}", self.rng.below(12) + u64::from(self.steps / 8));
        let mut request = Req::new(method)
            .call_id(&call)
            .us(&tag)
            .cseq(1 + self.rng.below(6) as u32 + self.steps / 20)
            .branch(&branch);
        request = match self.rng.below(6) {
            0 => request.body("application/dtmf-relay", "Signal=5\r\n"),
            1 => request.with("Require: 100rel"),
            2..=4 => request.sdp(),
            _ => request,
        };
        self.deliver(request.text());
    }

    /// An answer to one of the latest requests, or the ACK of one of the latest answers.
    fn reaction(&mut self) {
        let recent = self.sent.len().saturating_sub(8);
        let latest = self.sent[recent..].to_vec();
        let Some(message) = self.pick(&latest) else { return };
        if message.method().is_some() {
            let tag = format!("fork{}", self.rng.below(3));
            let extra = "Contact: <sip:x@10.0.0.2>\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n";
            let body = if self.rng.below(2) == 0 { SDP } else { "" };
            let code = self.pick(&CODES).unwrap();
            self.deliver(response(&message, code, extra, &tag, body));
        } else if let (Some(cseq), Some(us), Some(them)) =
            (message.cseq(), message.to_tag(), message.from_tag())
        {
            let branch = format!("b{}", self.rng.below(12));
            let ack = Req::new("ACK")
                .call_id(message.call_id())
                .us(&us)
                .them(&them)
                .cseq(cseq.number)
                .branch(&branch);
            let ack = if self.rng.below(2) == 0 { ack.sdp() } else { ack };
            self.deliver(ack.text());
        }
    }

    fn command(&mut self) {
        let legs: Vec<LegId> = self.legs.iter().rev().take(6).copied().collect();
        let leg = self.pick(&legs).unwrap_or(LegId(1));
        let cause = Cause::new(*[200, 486, 603, 0].get(self.rng.below(4) as usize).unwrap(), "Words");
        let recent = self.offers.len().saturating_sub(3);
        let offers = self.offers[recent..].to_vec();
        let (offered, offer) = self.pick(&offers).unwrap_or((leg, OfferId(9_999)));
        let body = (self.rng.below(2) == 0).then(|| Bytes::from_static(SDP.as_bytes()));
        let cmd = match self.rng.below(9) {
            0 | 1 => SipCmd::Ring { leg, body },
            2 | 3 => SipCmd::Answer { leg, body: SDP.into(), headers: vec![] },
            4 => SipCmd::Refuse { leg, cause, headers: vec![] },
            5 => SipCmd::Hangup { leg, cause, headers: vec![] },
            6 | 7 => SipCmd::AcceptOffer { leg: offered, offer, body },
            _ => SipCmd::RefuseOffer { leg: offered, offer, cause, headers: Vec::new() },
        };
        self.endpoint.command(at(self.now), cmd);
    }

    fn dial(&mut self) {
        let n = self.dialled;
        self.dialled += 1;
        let leg = LegId(1_000 + 2 * n);
        self.legs.insert(leg);
        let cmd = InviteCmd {
            leg,
            call_id: format!("out{n}@x"),
            local_tag: format!("mine{n}"),
            uri: if n % 7 == 6 { "nonsense".into() } else { "sip:a@b.example".into() },
            next_hop: None,
            from: "<sip:c@LOCAL>".into(),
            to: "<sip:a@b.example>".into(),
            max_forwards: 70,
            offer: SDP.into(),
            headers: vec![],
            registered: None,
            alternatives: Vec::new(),
            credentials: n
                .is_multiple_of(2)
                .then(|| Credentials { username: "u".into(), password: "p".into() }),
            ..InviteCmd::default()
        };
        self.endpoint.command(at(self.now), SipCmd::Invite(Box::new(cmd)));
    }

    fn step(&mut self) {
        self.steps += 1;
        match self.rng.below(20) {
            0..=6 => self.request(),
            7..=11 => self.reaction(),
            12..=14 => self.command(),
            15 => self.dial(),
            16 => {
                let flows = (0..self.rng.below(3)).map(|_| udp(US, PEER)).collect();
                if let Some(id) = self.lookups.pop() {
                    self.endpoint.command(at(self.now), SipCmd::Resolved(id, flows));
                }
            }
            17 => {
                let flow = self.flow();
                self.endpoint.on_flow_lost(at(self.now), flow);
            }
            _ => {
                let longest = if self.rng.below(10) == 0 { 70_000_000 } else { 2_000_000 };
                self.now = Mono(self.now.0 + self.rng.below(longest));
                // One call, however late: what is overdue fires once.
                self.endpoint.on_time(at(self.now));
                assert!(self.endpoint.poll_timeout().is_none_or(|t| t > self.now));
            }
        }
        self.collect();
    }

    fn finish(&mut self) {
        for leg in self.legs.clone() {
            let cause = Cause::new(200, "End");
            self.endpoint.command(at(self.now), SipCmd::Hangup { leg, cause, headers: vec![] });
        }
        self.collect();
        while let Some(next) = self.endpoint.poll_timeout() {
            self.now = self.now.max(next);
            self.endpoint.on_time(at(self.now));
            self.collect();
        }
        assert_eq!(self.endpoint.counts(), Counts::default());
        for leg in &self.legs {
            assert_eq!(self.ended.get(leg), Some(&1), "{leg:?}");
        }
        assert_eq!(self.ended.len(), self.legs.len());
    }
}

#[test]
fn in_any_disorder_each_leg_ends_once_and_nothing_is_left() {
    let seeds = if std::env::var("CHORUS_LONG").is_ok() { 20_000 } else { 400 };
    let mut done = BTreeSet::new();
    for seed in 0..seeds {
        let mut chaos = Chaos::new(seed);
        for _ in 0..250 {
            chaos.step();
        }
        chaos.finish();
        done.append(&mut chaos.done);
    }
    let all = ["Answered", "Confirmed", "Incoming", "Key", "Offer", "OfferAnswered", "Progress", "Seen"];
    assert_eq!(done.into_iter().collect::<Vec<_>>(), all, "every event occurs");
}
