//! One Endpoint and a scripted peer: text in, one short line per output.

use super::net::{at, open_house, udp};
use bytes::Bytes;
use chorus::clock::Mono;
use chorus::rng::Rng;
use chorus::sip::event::{
    Credentials, Flow, InviteCmd, LegId, Lookup, ResolveId, Side, SipCmd, SipEvent, SipOut,
};
use chorus::sip::registrar::Change;
use chorus::sip::wire::{Message, Verdict, read_datagram};
use chorus::sip::{Endpoint, EndpointConfig};
use chorus::trunk::Snapshot;
use std::sync::Arc;

pub const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
pub const US: &str = "10.0.0.1:5060";
pub const PEER: &str = "10.0.0.2:5060";
/// The first leg that the endpoint makes.
pub const IN: LegId = LegId(1);
/// The leg that [`Bench::dial`] makes.
pub const OUT: LegId = LegId(2);

pub struct Bench {
    pub endpoint: Endpoint,
    pub now: Mono,
    pub flow: Flow,
    /// Everything sent since the last [`Bench::take`], read again.
    pub sent: Vec<(Flow, Message)>,
    pub events: Vec<SipEvent>,
    lines: Vec<String>,
    pub seen: Vec<String>,
    pub lookup: Option<ResolveId>,
    /// The latest lookup that was wanted.
    pub asked: Lookup,
    /// Answers that echo something unreadable.
    pub raw: Vec<Bytes>,
    /// To whom nothing but line ends was sent.
    pub nudged: Vec<Flow>,
    /// For tests that count.
    pub calls: u64,
    pub pings: u64,
}

impl Bench {
    pub fn new() -> Bench {
        Bench::with(EndpointConfig::default())
    }

    pub fn with(config: EndpointConfig) -> Bench {
        let mut endpoint = Endpoint::new(Rng::from_number(1), config);
        endpoint.set_sources(at(Mono(0)), open_house());
        Bench {
            endpoint,
            now: Mono(1_000_000),
            flow: udp(US, PEER),
            sent: vec![],
            events: vec![],
            lines: vec![],
            seen: vec![],
            lookup: None,
            asked: Lookup::default(),
            raw: vec![],
            nudged: vec![],
            calls: 0,
            pings: 0,
        }
    }

    fn collect(&mut self) {
        while let Some(out) = self.endpoint.poll() {
            match out {
                SipOut::Send(flow, bytes) if bytes[..] == *b"\r\n\r\n" => self.nudged.push(flow),
                SipOut::Send(flow, bytes) => {
                    let Verdict::Message(message) = read_datagram(&bytes) else {
                        // An answer echoes what was broken, or the Vias of proxies that an end must not see.
                        assert!(
                            bytes.starts_with(b"SIP/2.0 "),
                            "nonsense: {}",
                            String::from_utf8_lossy(&bytes)
                        );
                        self.raw.push(bytes);
                        continue;
                    };
                    self.lines.push(match message.method() {
                        Some(method) => method.to_string(),
                        None => format!("{} {}", message.code().unwrap(), message.cseq().unwrap().method),
                    });
                    self.sent.push((flow, message));
                }
                SipOut::Event(SipEvent::Seen { sent, what, .. }) => {
                    self.seen.push(format!("{} {what}", if sent { ">" } else { "<" }));
                }
                SipOut::Event(event) => {
                    self.lines.push(line(&event));
                    self.events.push(event);
                }
                SipOut::Resolve(id, lookup) => {
                    let Lookup { host, port, transport, .. } = &lookup;
                    self.lookup = Some(id);
                    self.lines.push(format!("resolve {host} {port:?} {transport:?}"));
                    self.asked = lookup;
                }
            }
        }
    }

    /// A message arrives from the peer.
    pub fn get(&mut self, text: &str) {
        let flow = self.flow;
        self.get_on(flow, text.as_bytes());
    }

    pub fn get_on(&mut self, flow: Flow, bytes: &[u8]) {
        self.endpoint.on_bytes(at(self.now), flow, &Bytes::copy_from_slice(bytes));
        self.collect();
    }

    pub fn unreachable(&mut self, flow: Flow, words: &str) {
        self.endpoint.on_unreachable(at(self.now), flow, words.to_owned());
        self.collect();
    }

    pub fn lost(&mut self, flow: Flow) {
        self.endpoint.on_flow_lost(at(self.now), flow);
        self.collect();
    }

    /// New tables.
    pub fn sources(&mut self, sources: Arc<Snapshot>) {
        self.endpoint.set_sources(at(self.now), sources);
        self.collect();
    }

    pub fn drain(&mut self) {
        self.endpoint.drain(at(self.now));
        self.collect();
    }

    pub fn tell(&mut self, cmd: SipCmd) {
        self.endpoint.command(at(self.now), cmd);
        self.collect();
    }

    /// Time passes, every deadline kept.
    pub fn pass(&mut self, ms: u64) {
        let end = Mono(self.now.0 + ms * 1_000);
        while let Some(next) = self.endpoint.poll_timeout().filter(|t| *t <= end) {
            self.now = self.now.max(next);
            self.endpoint.on_time(at(self.now));
            self.collect();
        }
        self.now = end;
    }

    /// The lines since the last call. What was sent stays in `sent` until then.
    pub fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    #[track_caller]
    pub fn expect(&mut self, lines: &[&str]) {
        assert_eq!(self.take(), lines);
    }

    /// The latest message sent.
    pub fn last(&self) -> &Message {
        &self.sent.last().unwrap().1
    }

    pub fn last_flow(&self) -> Flow {
        self.sent.last().unwrap().0
    }

    /// Nothing is left after an hour.
    #[track_caller]
    pub fn over(&mut self) {
        self.pass(3_600_000);
        assert_eq!(self.endpoint.counts(), Default::default());
        assert_eq!(self.endpoint.poll_timeout(), None);
    }

    /// An inbound call up to its ACK.
    pub fn answered() -> Bench {
        let mut b = Bench::new();
        b.get(&Req::new("INVITE").sdp().text());
        b.tell(SipCmd::Answer { leg: IN, body: SDP.into(), headers: vec![] });
        let tag = b.last().to_tag().unwrap();
        b.get(&Req::new("ACK").us(&tag).branch("ack").text());
        b.expect(&["100 INVITE", "Incoming 1", "200 INVITE", "Confirmed 1 None"]);
        b
    }

    /// Our tag in the inbound dialog.
    pub fn tag(&self) -> String {
        let answer = self.sent.iter().rev().map(|(_, m)| m).find(|m| m.code().is_some_and(|c| c >= 180));
        answer.and_then(Message::to_tag).or_else(|| self.raw.iter().rev().find_map(tag_of)).unwrap()
    }

    /// An outbound INVITE on its way to these targets.
    pub fn dial(&mut self, targets: &[Flow]) {
        self.dial_with(targets, None);
    }

    pub fn dial_with(&mut self, targets: &[Flow], credentials: Option<Credentials>) {
        let cmd = InviteCmd {
            leg: OUT,
            call_id: "ours@10.0.0.1".into(),
            local_tag: "mine".into(),
            uri: "sip:+15550100@pbx.example".into(),
            next_hop: None,
            from: "\"Chorus\" <sip:+15550199@LOCAL>".into(),
            to: "<sip:+15550100@pbx.example>".into(),
            max_forwards: 70,
            offer: SDP.into(),
            headers: vec![("X-Chorus-Call-Sid".into(), "CA1".into())],
            credentials,
            ..InviteCmd::default()
        };
        self.tell(SipCmd::Invite(Box::new(cmd)));
        self.expect(&["resolve pbx.example None None"]);
        let id = self.lookup.unwrap();
        self.tell(SipCmd::Resolved(id, targets.to_vec()));
    }

    /// The peer's response to the latest request sent of that method.
    pub fn respond(&mut self, method: &str, code: u16, extra: &str, to_tag: &str, body: &str) {
        let request =
            self.sent.iter().rev().map(|(_, m)| m).find(|m| m.method().is_some_and(|x| x.as_str() == method));
        let text = response(request.unwrap(), code, extra, to_tag, body);
        self.get(&text);
    }
}

/// Our tag in an answer that repeats the Vias of proxies.
fn tag_of(raw: &Bytes) -> Option<String> {
    let text = String::from_utf8_lossy(raw);
    let to = text.lines().find(|line| line.starts_with("To:"))?;
    Some(to.split_once(";tag=")?.1.to_owned())
}

/// A response as a peer would write it.
pub fn response(request: &Message, code: u16, extra: &str, to_tag: &str, body: &str) -> String {
    let h = |name: &str| request.headers.text(name).unwrap().into_owned();
    let tag = if to_tag.is_empty() || request.to_tag().is_some() {
        String::new()
    } else {
        format!(";tag={to_tag}")
    };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "SIP/2.0 {code} Words\r\nVia: {}\r\nFrom: {}\r\nTo: {}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n{extra}{kind}Content-Length: {}\r\n\r\n{body}",
        h("Via"),
        h("From"),
        h("To"),
        h("Call-ID"),
        h("CSeq"),
        body.len()
    )
}

fn line(event: &SipEvent) -> String {
    let who = |by: &Side| if *by == Side::Us { "us" } else { "peer" };
    let some = |b: &Option<Bytes>| b.as_ref().map(Bytes::len);
    match event {
        SipEvent::Incoming { leg, .. } => format!("Incoming {}", leg.0),
        SipEvent::Progress { leg, code, body } => format!("Progress {} {code} {:?}", leg.0, some(body)),
        SipEvent::Answered { leg, body, .. } => format!("Answered {} {:?}", leg.0, some(body)),
        SipEvent::Confirmed { leg, body } => format!("Confirmed {} {:?}", leg.0, some(body)),
        SipEvent::Offer { leg, body, .. } => format!("Offer {} {:?}", leg.0, some(body)),
        SipEvent::OfferAnswered { leg, body } => format!("OfferAnswered {} {:?}", leg.0, some(body)),
        SipEvent::Refer { leg, to } => format!("Refer {} {}", leg.0, to.uri),
        SipEvent::Referred { leg, code, follows } => format!("Referred {} {code} {follows}", leg.0),
        SipEvent::Notified { leg, notice } => format!("Notified {} {:?}", leg.0, notice.code),
        SipEvent::Key { leg, digit } => format!("Key {} {digit}", leg.0),
        SipEvent::Ended { leg, by, cause, .. } => format!("Ended {} {} {}", leg.0, who(by), cause.code),
        SipEvent::Registration { state, .. } => state.state.as_str().to_owned(),
        SipEvent::Refused { code, .. } => format!("Refused {code}"),
        SipEvent::TurnedAway { why, .. } => format!("Refused {}", why.code),
        SipEvent::Ignored(_) => "Ignored".to_owned(),
        SipEvent::Knocked { answer, .. } => format!("Knocked {answer:?}"),
        SipEvent::Binding(Change::Put(row)) => format!("Bound {} {}", row.user, row.contact),
        SipEvent::Binding(Change::Delete { key, .. }) => format!("Unbound {key}"),
        SipEvent::Rerouted { leg, trunk, .. } => format!("Rerouted {} {trunk:?}", leg.0),
        SipEvent::Seen { .. } => "Seen".into(),
    }
}

/// A request of the peer, by default of one call.
#[derive(Clone)]
pub struct Req {
    method: String,
    call_id: String,
    from_tag: String,
    to_tag: String,
    cseq: u32,
    branch: String,
    extra: String,
    body: String,
    uri: String,
}

impl Req {
    pub fn new(method: &str) -> Req {
        Req {
            method: method.into(),
            call_id: "theirs@10.0.0.2".into(),
            from_tag: "them".into(),
            to_tag: String::new(),
            cseq: 1,
            branch: "first".into(),
            extra: "Contact: <sip:peer@10.0.0.2:5060>\r\n".into(),
            body: String::new(),
            uri: "sip:+15550001@10.0.0.1".into(),
        }
    }

    pub fn call_id(mut self, s: &str) -> Req {
        self.call_id = s.into();
        self
    }

    /// The peer's tag.
    pub fn them(mut self, s: &str) -> Req {
        self.from_tag = s.into();
        self
    }

    /// Our tag: the request is in a dialog.
    pub fn us(mut self, s: &str) -> Req {
        self.to_tag = s.into();
        self
    }

    /// CSeq, and a branch of its own.
    pub fn cseq(mut self, n: u32) -> Req {
        self.cseq = n;
        self.branch = format!("{}{n}", self.method);
        self
    }

    pub fn branch(mut self, s: &str) -> Req {
        self.branch = s.into();
        self
    }

    pub fn uri(mut self, s: &str) -> Req {
        self.uri = s.into();
        self
    }

    /// One more header line.
    pub fn with(mut self, line: &str) -> Req {
        self.extra.push_str(line);
        self.extra.push_str("\r\n");
        self
    }

    pub fn without_contact(mut self) -> Req {
        self.extra.clear();
        self
    }

    pub fn body(mut self, kind: &str, body: &str) -> Req {
        self.body = body.into();
        self.with(&format!("Content-Type: {kind}"))
    }

    pub fn sdp(self) -> Req {
        self.body("application/sdp", SDP)
    }

    pub fn text(&self) -> String {
        let Req { method, call_id, from_tag, to_tag, cseq, branch, extra, body, uri } = self;
        let tag = if to_tag.is_empty() { String::new() } else { format!(";tag={to_tag}") };
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK{branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: \"Alice\" <sip:+15550002@10.0.0.2>;tag={from_tag}\r\n\
             To: <sip:+15550001@10.0.0.1>{tag}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\
             {extra}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}
