//! Many phones behind one SIP socket: the house's endpoint from the other side, and RTP written by hand.

use super::book::{Book, Seen};
use crate::kit::rows::known;
use bytes::Bytes;
use chorus::media::plan::Peer;
use chorus::rng::Rng;
use chorus::sdp;
use chorus::server::now;
use chorus::sip::endpoint::{Endpoint, EndpointConfig};
use chorus::sip::event::{Cause, InviteCmd, LegId, SipCmd, SipEvent, SipOut};
use chorus::sip::transport::{self, Inbound, Transport};
use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

const PTIME: Duration = Duration::from_millis(20);
/// 400 Hz in mu-law: 20 samples a turn, so one packet fits any place.
fn tone() -> Vec<u8> {
    let wave = |i: usize| ((i as f64 / 20.0 * std::f64::consts::TAU).sin() * 8_000.0) as i16;
    (0..160).map(|i| chorus::media::codec::g711::ulaw_from_pcm(wave(i))).collect()
}

/// What a phone does in a call.
#[derive(Clone, Debug)]
pub struct Manner {
    /// A callee answers after this long, or refuses.
    pub answer: Duration,
    pub refuse: Option<u16>,
    /// It hangs up so long after the answer; the server may be first.
    pub stay: Duration,
    /// Pressed 300 ms after the answer.
    pub keys: &'static str,
}

enum Do {
    Dial { number: String, from: String, verb: String, manner: Manner },
    GiveUpEarly,
}

pub struct Bank {
    pub address: SocketAddr,
    pub book: Arc<Mutex<Book>>,
    todo: mpsc::UnboundedSender<Do>,
}

struct Line {
    rtp: UdpSocket,
    peer: Option<Peer>,
    manner: Manner,
    offer: Option<Bytes>,
    answer_at: Option<Instant>,
    hang_up_at: Option<Instant>,
    keys: Vec<(u64, u8)>,
    sequence: u16,
    event: u32,
}

struct Work {
    server: SocketAddr,
    endpoint: Endpoint,
    transport: Transport,
    lines: BTreeMap<LegId, Line>,
    book: Arc<Mutex<Book>>,
    rng: Rng,
    next: u64,
    callee: Box<dyn Fn(&mut Rng) -> Manner + Send>,
    tone: Vec<u8>,
}

impl Bank {
    /// Phones that call `server` and take its calls in the manner that `callee` draws.
    pub async fn start(
        server: SocketAddr,
        seed: u64,
        callee: impl Fn(&mut Rng) -> Manner + Send + 'static,
    ) -> Bank {
        let mut rng = Rng::from_number(seed);
        let (inbox, sip) = mpsc::channel(4_096);
        let config = transport::Config::new("127.0.0.1:0".parse().unwrap());
        let transport = Transport::start(config, rng.fork(), inbox).await.unwrap();
        let address = transport.local_addr();
        let mut endpoint = Endpoint::new(rng.fork(), EndpointConfig::default());
        endpoint.set_sources(now(), known("127.0.0.1"));
        let book = Arc::new(Mutex::new(Book::default()));
        let (todo, tasks) = mpsc::unbounded_channel();
        let work = Work {
            server,
            endpoint,
            transport,
            lines: BTreeMap::new(),
            book: book.clone(),
            rng,
            next: 0,
            callee: Box::new(callee),
            tone: tone(),
        };
        tokio::spawn(work.run(sip, tasks));
        Bank { address, book, todo }
    }

    /// Calls `number` from the unique number `from`.
    pub fn dial(&self, number: &str, from: &str, verb: &str, manner: Manner) {
        let (number, from, verb) = (number.to_owned(), from.to_owned(), verb.to_owned());
        self.todo.send(Do::Dial { number, from, verb, manner }).unwrap();
    }

    /// Calls of ours that were not answered are forgotten: their server died.
    pub fn give_up_early(&self) {
        self.todo.send(Do::GiveUpEarly).unwrap();
    }
}

impl Work {
    async fn run(mut self, mut sip: mpsc::Receiver<Inbound>, mut todo: mpsc::UnboundedReceiver<Do>) {
        let mut ticks = tokio::time::interval(PTIME);
        loop {
            tokio::select! {
                x = sip.recv() => match x {
                    Some(x) => x.give(&mut self.endpoint, now()),
                    None => return,
                },
                what = todo.recv() => match what {
                    Some(Do::Dial { number, from, verb, manner }) => self.dial(number, from, verb, manner),
                    Some(Do::GiveUpEarly) => self.give_up_early(),
                    None => return,
                },
                _ = ticks.tick() => self.tick(),
            }
            self.settle();
        }
    }

    fn open(&mut self, leg: LegId, manner: Manner, offer: Option<Bytes>) -> sdp::Local {
        let rtp = UdpSocket::bind("127.0.0.1:0").unwrap();
        rtp.set_nonblocking(true).unwrap();
        let at = rtp.local_addr().unwrap();
        let line = Line {
            rtp,
            peer: None,
            manner,
            offer,
            answer_at: None,
            hang_up_at: None,
            keys: vec![],
            sequence: 0,
            event: 0,
        };
        self.lines.insert(leg, line);
        sdp::Local { ip: at.ip(), port: at.port(), session_id: leg.0 + 1, version: 1 }
    }

    fn note(&self, leg: LegId, key: &str, verb: &str, caller: bool) {
        let seen = Seen::new(key, verb, caller);
        self.book.lock().unwrap().legs.insert(leg, seen);
    }

    fn dial(&mut self, number: String, from: String, verb: String, manner: Manner) {
        self.next += 2;
        let leg = LegId(self.next);
        let local = self.open(leg, manner, None);
        self.note(leg, &from, &verb, true);
        let cmd = InviteCmd {
            leg,
            call_id: self.rng.hex(24),
            local_tag: self.rng.hex(12),
            uri: format!("sip:{number}@{}", self.server),
            next_hop: None,
            from: format!("<sip:{from}@LOCAL>"),
            to: format!("<sip:{number}@{}>", self.server),
            max_forwards: 70,
            offer: Bytes::from(sdp::offer(&local, sdp::Direction::SendRecv)),
            headers: vec![],
            credentials: None,
            ..InviteCmd::default()
        };
        self.endpoint.command(now(), SipCmd::Invite(Box::new(cmd)));
    }

    fn give_up_early(&mut self) {
        let mut book = self.book.lock().unwrap();
        for (leg, seen) in &mut book.legs {
            if seen.caller && seen.answered.is_none() && seen.ended.is_none() {
                seen.given_up = true;
                self.lines.remove(leg);
                let cause = Cause::new(487, "Gone");
                self.endpoint.command(now(), SipCmd::Hangup { leg: *leg, cause, headers: vec![] });
            }
        }
    }

    fn hang_up(&mut self, leg: LegId) {
        if let Some(line) = self.lines.get_mut(&leg) {
            line.hang_up_at = None;
        }
        self.see(leg, |s| s.hung_up = true);
        let cause = Cause::new(200, "Normal");
        self.endpoint.command(now(), SipCmd::Hangup { leg, cause, headers: vec![] });
    }

    fn tick(&mut self) {
        self.endpoint.on_time(now());
        let at = Instant::now();
        let frozen = self.book.lock().unwrap().frozen;
        let due: Vec<LegId> = self
            .lines
            .iter()
            .filter(|(_, l)| l.answer_at.is_some_and(|t| t <= at))
            .map(|(leg, _)| *leg)
            .collect();
        for leg in due {
            self.answer(leg, at);
        }
        let over: Vec<LegId> = self
            .lines
            .iter()
            .filter(|(_, l)| !frozen && l.hang_up_at.is_some_and(|t| t <= at))
            .map(|(leg, _)| *leg)
            .collect();
        for leg in over {
            self.hang_up(leg);
        }
        let mut book = self.book.lock().unwrap();
        for (leg, line) in &mut self.lines {
            if let Some(seen) = book.legs.get_mut(leg) {
                line.talk(&self.tone, seen);
            }
        }
    }

    fn answer(&mut self, leg: LegId, at: Instant) {
        let Some(line) = self.lines.get_mut(&leg) else { return };
        line.answer_at = None;
        let port = line.rtp.local_addr().unwrap();
        let local = sdp::Local { ip: port.ip(), port: port.port(), session_id: leg.0 + 1, version: 1 };
        let remote = line.offer.as_ref().and_then(|o| sdp::read(o).ok()).expect("the server offers");
        let (body, peer) = sdp::answer(&remote, &local).expect("a codec in common");
        line.peer = Some(peer);
        line.hang_up_at = Some(at + line.manner.stay);
        if let Some(seen) = self.book.lock().unwrap().legs.get_mut(&leg) {
            seen.accepted = Some(at);
        }
        self.endpoint.command(now(), SipCmd::Answer { leg, body: body.into(), headers: vec![] });
    }

    fn settle(&mut self) {
        while let Some(out) = self.endpoint.poll() {
            match out {
                SipOut::Send(flow, bytes) => self.transport.send(flow, bytes),
                SipOut::Resolve(id, lookup) => self.transport.resolve(id, lookup),
                SipOut::Event(event) => self.on_event(event),
            }
        }
    }

    fn on_event(&mut self, event: SipEvent) {
        let at = Instant::now();
        match event {
            SipEvent::Incoming { leg, invite, .. } => {
                let manner = (self.callee)(&mut self.rng);
                let refuse = manner.refuse;
                let answer_at = at + manner.answer;
                self.open(leg, manner, invite.offer.clone());
                self.note(leg, &invite.to_user, "callee", false);
                let mut book = self.book.lock().unwrap();
                book.invites.entry(invite.to_user.clone()).or_default().push(invite.dialog.call_id.clone());
                book.legs.get_mut(&leg).unwrap().ringing = true;
                drop(book);
                if let Some(code) = refuse {
                    let cause = Cause::new(code, "No");
                    return self.endpoint.command(now(), SipCmd::Refuse { leg, cause, headers: vec![] });
                }
                self.lines.get_mut(&leg).unwrap().answer_at = Some(answer_at);
                self.endpoint.command(now(), SipCmd::Ring { leg, body: None });
            }
            SipEvent::Progress { leg, .. } => self.see(leg, |s| s.ringing = true),
            SipEvent::Answered { leg, body, .. } => self.answered(leg, body.as_ref(), at),
            SipEvent::Confirmed { leg, .. } => self.see(leg, |s| s.answered = Some(at)),
            SipEvent::Offer { leg, offer, .. } => {
                let cause = Cause::new(488, "Not Acceptable Here");
                self.endpoint.command(now(), SipCmd::RefuseOffer { leg, offer, cause, headers: Vec::new() });
            }
            SipEvent::Ended { leg, by, cause, .. } => {
                self.lines.remove(&leg);
                self.see(leg, |s| s.ended = Some((at, by, cause.code)));
            }
            SipEvent::Refused { .. } => self.book.lock().unwrap().refused += 1,
            SipEvent::OfferAnswered { .. }
            | SipEvent::Key { .. }
            | SipEvent::Refer { .. }
            | SipEvent::Referred { .. }
            | SipEvent::Notified { .. }
            | SipEvent::Registration { .. }
            | SipEvent::TurnedAway { .. }
            | SipEvent::Ignored(_)
            | SipEvent::Knocked { .. }
            | SipEvent::Binding(_)
            | SipEvent::Rerouted { .. }
            | SipEvent::Seen { .. } => {}
        }
    }

    fn answered(&mut self, leg: LegId, body: Option<&Bytes>, at: Instant) {
        self.see(leg, |s| s.answered = Some(at));
        let Some(line) = self.lines.get_mut(&leg) else { return };
        line.peer = body.and_then(|b| sdp::read(b).ok()).and_then(|r| sdp::accept_answer(&r).ok());
        line.hang_up_at = Some(at + line.manner.stay);
        // A key lasts five packets, and there are five between two.
        line.keys = line.manner.keys.bytes().enumerate().map(|(i, k)| (15 + 10 * i as u64, k)).collect();
    }

    fn see(&self, leg: LegId, f: impl FnOnce(&mut Seen)) {
        if let Some(seen) = self.book.lock().unwrap().legs.get_mut(&leg) {
            f(seen);
        }
    }
}

impl Line {
    /// One packet out, all packets in.
    fn talk(&mut self, tone: &[u8], seen: &mut Seen) {
        let mut buffer = [0; 2_048];
        while let Ok((n, _)) = self.rtp.recv_from(&mut buffer) {
            seen.received += u64::from(n > 12 && buffer[0] >> 6 == 2 && buffer[1] & 0x7f != 72);
        }
        let Some(peer) = self.peer.as_ref().filter(|p| p.send) else { return };
        let Some(to) = peer.rtp else { return };
        let key = self.keys.iter().find(|(at, _)| (*at..*at + 5).contains(&seen.sent)).copied();
        self.sequence = self.sequence.wrapping_add(1);
        let mut stamp = u32::from(self.sequence) * 160;
        let (pt, payload) = match key.zip(peer.dtmf_pt) {
            Some(((at, key), pt)) => {
                let n = (seen.sent - at) as u16;
                if n == 0 {
                    self.event = stamp;
                }
                stamp = self.event;
                let length = (160 * (n + 1)).to_be_bytes();
                let end = if n == 4 { 0x8a } else { 0x0a };
                (pt | if n == 0 { 0x80 } else { 0 }, vec![key - b'0', end, length[0], length[1]])
            }
            None => (peer.pt, tone.to_vec()),
        };
        let mut packet = vec![0x80, pt];
        packet.extend_from_slice(&self.sequence.to_be_bytes());
        packet.extend_from_slice(&stamp.to_be_bytes());
        packet.extend_from_slice(&u32::from(self.rtp.local_addr().unwrap().port()).to_be_bytes());
        packet.extend_from_slice(&payload);
        let _ = self.rtp.send_to(&packet, to);
        seen.sent += 1;
    }
}
