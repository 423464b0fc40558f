//! A phone in virtual time: the endpoint and the engine of the house from the other side, so that both ends are exercised.

use super::rows;
use bytes::Bytes;
use chorus::clock::Now;
use chorus::media::engine::Engine;
use chorus::media::engine::out::{DiskOp, DiskReport, Item, Out};
use chorus::media::event::EngineCommand;
use chorus::media::plan::{self, Clip, Keys, MediaPlan, RecordTap, Source, SourceId, Tap, TapId, Track};
use chorus::rng::Rng;
use chorus::sdp;
use chorus::sid::RecordingSid;
use chorus::sip::endpoint::{Endpoint, EndpointConfig};
use chorus::sip::event::*;
use std::net::SocketAddr;
use std::sync::Arc;

/// What it does when it is called.
#[derive(Clone, Debug)]
pub enum OnCall {
    /// 180, then 200 after this many milliseconds.
    Answer(u64),
    /// 180 only.
    Ring,
    /// 183 with SDP and audio, then 200 after this many milliseconds.
    EarlyMedia(u64),
    /// A final response at once.
    Refuse(u16),
    /// 407, and 180, 200 to whoever comes again.
    Challenge,
}

pub struct Phone {
    pub name: &'static str,
    pub addr: SocketAddr,
    pub rtp: SocketAddr,
    pub endpoint: Endpoint,
    pub engine: Engine,
    pub out: Out,
    pub on_call: OnCall,
    pub leg: Option<LegId>,
    pub answered: bool,
    pub ended: Vec<Cause>,
    pub heard: Vec<u8>,
    pub headers: Vec<(String, String)>,
    /// RTP packets that were more than silence.
    pub rtp_loud: u64,
    /// Signals like any other, but has no media engine: its few packets are made by hand (the long simulation).
    pub light: bool,
    /// It is a PBX that takes registrations.
    pub registrar: Option<super::registrar::Registrar>,
    /// It is played by the test.
    pub by_hand: Option<super::hand::ByHand>,
    /// The Request-URI of its calls, if not the user that is dialled at Chorus.
    pub calls: Option<String>,
    /// It signals over TCP.
    pub tcp: bool,
    /// It signals over TLS.
    pub tls: bool,
    /// It listens for datagrams alone.
    pub takes_no_connection: bool,
    /// It sends no RTP although it could.
    pub silent: bool,
    /// For challenges of its INVITE.
    pub credentials: Option<Credentials>,
    /// What it writes instead of an offer of its own.
    pub offer_with: Option<Bytes>,
    /// Its INVITE has no offer; the answer to ours comes with the ACK.
    pub offerless: bool,
    /// The answer of an offerless phone, once known.
    pub late_answer: Option<Bytes>,
    /// Header fields of its 200.
    pub answers_with: Vec<(String, String)>,
    /// Hops that its INVITE may take, and those left to the one that came to it.
    pub hops: (u8, Option<u8>),
    /// Bodies of the answers to requests made by hand.
    pub told: Vec<String>,
    /// The dialog of its call.
    pub dialog: Option<DialogIds>,
    /// What it answers to REFER; then how the call goes that it leads to, in NOTIFYs. Empty: it leaves the REFER unanswered.
    pub on_refer: Vec<u16>,
    /// Whom the last REFER named.
    pub referred: Option<chorus::sip::refer::ReferTo>,
    /// How its own transfer went: codes of the answer and of the NOTIFYs.
    pub transfer: Vec<u16>,
    /// It sends no NOTIFY.
    pub mute: bool,
    /// The INVITE that came to it last.
    pub invite: Option<Invite>,
    /// For requests made by hand.
    pub raw_cseq: u32,
    pub packets: Vec<(bool, SocketAddr, Bytes)>,
    pub rtp_seq: u16,
    talk: Option<(SourceId, Arc<Clip>)>,
    pub peer: Option<plan::Peer>,
    /// What it agrees to.
    pub terms: sdp::Terms,
    /// What it answers, whatever is offered.
    pub answer_with: Option<Bytes>,
    /// Keys that came to it by INFO.
    pub keys: String,
    /// Datagrams that held nothing but line ends.
    pub nudges: u32,
    /// The documents that came to it.
    pub documents: Vec<String>,
    version: u64,
    next: u64,
}

/// An RTP packet with something else than silence in it.
pub fn is_loud(packet: &[u8]) -> bool {
    packet.iter().skip(12).any(|octet| ![0xFF, 0xD5].contains(octet))
}

impl Phone {
    pub fn new(name: &'static str, addr: SocketAddr, chorus: SocketAddr, seed: u64) -> Phone {
        let mut endpoint = Endpoint::new(Rng::from_number(seed), EndpointConfig::default());
        endpoint.set_sources(Now::default(), rows::known(&chorus.ip().to_string()));
        Phone {
            name,
            addr,
            rtp: SocketAddr::new(addr.ip(), 4_000),
            endpoint,
            engine: Engine::new(Rng::from_number(seed + 1)),
            out: Out::new(),
            on_call: OnCall::Answer(500),
            leg: None,
            answered: false,
            ended: vec![],
            heard: vec![],
            headers: vec![],
            rtp_loud: 0,
            light: false,
            registrar: None,
            by_hand: None,
            calls: None,
            tcp: false,
            tls: false,
            takes_no_connection: false,
            silent: false,
            credentials: None,
            offer_with: None,
            offerless: false,
            late_answer: None,
            answers_with: vec![],
            hops: (70, None),
            told: vec![],
            dialog: None,
            on_refer: vec![202, 180, 200],
            referred: None,
            transfer: vec![],
            mute: false,
            invite: None,
            raw_cseq: 0,
            packets: vec![],
            rtp_seq: 1,
            talk: None,
            peer: None,
            terms: sdp::Terms::default(),
            answer_with: None,
            keys: String::new(),
            nudges: 0,
            documents: vec![],
            version: 0,
            next: 2,
        }
    }

    pub fn local(&mut self) -> sdp::Local {
        self.version += 1;
        sdp::Local { ip: self.rtp.ip(), port: self.rtp.port(), session_id: 77, version: self.version }
    }

    fn id(&mut self) -> u64 {
        self.next += 2;
        self.next
    }

    fn open(&mut self, now: Now, leg: LegId) {
        self.leg = Some(leg);
        if self.light {
            return;
        }
        let ssrc = 0x1000 + leg.0 as u32;
        self.engine.on_command(now, EngineCommand::Open { leg, ssrc }, &mut self.out);
    }

    /// The INVITE that `dial` sends, to `user` at Chorus.
    pub fn invite(
        &mut self,
        now: Now,
        user: &str,
        from: &str,
        chorus: SocketAddr,
        headers: Vec<(String, String)>,
    ) -> LegId {
        let leg = LegId(self.id());
        self.open(now, leg);
        let local = self.local();
        let own = Bytes::from(self.terms.offer(&local, sdp::Direction::SendRecv));
        let offer = self.offer_with.clone().unwrap_or(own);
        let cmd = InviteCmd {
            leg,
            call_id: format!("{}-{}@{}", self.name, leg.0, self.addr.ip()),
            local_tag: format!("t{}", leg.0),
            uri: self.calls.clone().unwrap_or_else(|| format!("sip:{user}@{chorus}")),
            next_hop: self.calls.is_some().then(|| chorus.to_string()),
            from: format!("<sip:{from}@LOCAL>"),
            to: format!("<sip:{user}@{chorus}>"),
            max_forwards: self.hops.0,
            offer,
            headers,
            credentials: self.credentials.clone(),
            ..InviteCmd::default()
        };
        self.endpoint.command(now, SipCmd::Invite(Box::new(cmd)));
        leg
    }

    /// What the phone plays from now on; None: silence packets.
    pub fn say(&mut self, now: Now, clip: Option<Arc<Clip>>) {
        let id = SourceId(self.id());
        self.talk = clip.map(|c| (id, c));
        self.plan(now);
    }

    /// Presses keys (RFC 4733).
    pub fn press(&mut self, now: Now, keys: &str) {
        if self.light {
            return self.press_by_hand(keys);
        }
        let id = SourceId(self.id());
        let Some(leg) = self.leg else { return };
        let source = Source::Clips { list: vec![plan::Item::Keys(keys.to_owned())], closed: true };
        let mut plan = self.plan_of();
        plan.source = Some((id, source));
        self.engine.on_command(now, EngineCommand::Plan(leg, Box::new(plan)), &mut self.out);
    }

    fn plan_of(&self) -> MediaPlan {
        let mut plan = MediaPlan { peer: self.peer.clone(), keys: Keys::default(), ..MediaPlan::default() };
        let record = RecordTap {
            recording: RecordingSid(1),
            track: Track::Inbound,
            channels: 1,
            paused: false,
            skip: false,
            max_silence_ms: None,
            max_length_ms: None,
            trim: false,
        };
        plan.taps.insert(TapId(1), Tap::Record(record));
        if let Some((id, clip)) = &self.talk {
            let item = plan::Item::Clip { clip: clip.clone(), times: 1 };
            plan.source = Some((*id, Source::Clips { list: vec![item], closed: true }));
        }
        plan
    }

    fn plan(&mut self, now: Now) {
        if let Some(leg) = self.leg.filter(|_| !self.light) {
            let plan = self.plan_of();
            self.engine.on_command(now, EngineCommand::Plan(leg, Box::new(plan)), &mut self.out);
        }
    }

    pub(super) fn heard_sdp(&mut self, now: Now, body: Option<&Bytes>) {
        self.documents.extend(body.map(|b| String::from_utf8_lossy(b).into_owned()));
        let peer = body.and_then(|b| sdp::read(b).ok()).and_then(|r| self.terms.accept(&r).ok());
        if let Some(mut peer) = peer {
            peer.epoch = self.version as u32 + 1;
            self.peer = Some(peer);
            self.plan(now);
        }
    }

    /// Our answer to an offer of theirs.
    pub fn answer_body(&mut self, now: Now, offer: Option<&Bytes>) -> Bytes {
        let local = self.local();
        self.documents.extend(offer.map(|b| String::from_utf8_lossy(b).into_owned()));
        if let Some(answer) = &self.answer_with {
            return answer.clone();
        }
        match offer.and_then(|o| sdp::read(o).ok()) {
            Some(remote) => {
                let (body, mut peer) = self.terms.answer(&remote, &local).unwrap();
                peer.epoch = self.version as u32;
                self.peer = Some(peer);
                self.plan(now);
                body.into()
            }
            None => self.terms.offer(&local, sdp::Direction::SendRecv).into(),
        }
    }

    /// Its side of signalling; what it wants done later: (milliseconds, what).
    pub fn on_event(&mut self, now: Now, event: SipEvent) -> Vec<(u64, Later)> {
        match event {
            SipEvent::Incoming { leg, invite, .. } => return self.ring(now, leg, *invite),
            SipEvent::Progress { body, .. } => self.heard_sdp(now, body.as_ref()),
            SipEvent::Answered { dialog, body, headers, .. } => {
                self.answered = true;
                self.dialog = Some(*dialog);
                self.headers = headers;
                self.heard_sdp(now, body.as_ref());
            }
            SipEvent::Confirmed { body, .. } => {
                self.answered = true;
                self.heard_sdp(now, body.as_ref());
            }
            SipEvent::Offer { leg, offer, body } => {
                let body = Some(self.answer_body(now, body.as_ref()));
                self.endpoint.command(now, SipCmd::AcceptOffer { leg, offer, body });
            }
            SipEvent::Ended { leg, .. } if self.leg.is_some_and(|l| l != leg) => {}
            SipEvent::Ended { leg, cause, headers, .. } => {
                self.ended.push(cause);
                self.headers = headers;
                self.answered = false;
                self.leg = None;
                self.peer = None;
                self.talk = None;
                self.dialog = None;
                self.raw_cseq = 0;
                self.engine.on_command(now, EngineCommand::Close(leg), &mut self.out);
            }
            SipEvent::Refer { leg, to } => {
                self.referred = Some(*to);
                self.follow(now, leg);
            }
            SipEvent::Referred { code, .. } => self.transfer.push(code),
            SipEvent::Notified { notice, .. } => self.transfer.extend(notice.code),
            SipEvent::Key { digit, .. } => self.keys.push(digit),
            SipEvent::OfferAnswered { .. }
            | SipEvent::Seen { .. }
            | SipEvent::Rerouted { .. }
            | SipEvent::Binding(_)
            | SipEvent::Registration { .. }
            | SipEvent::TurnedAway { .. }
            | SipEvent::Ignored(_)
            | SipEvent::Knocked { .. }
            | SipEvent::Refused { .. } => {}
        }
        vec![]
    }

    /// Answers a REFER as it was told to.
    pub fn follow(&mut self, now: Now, leg: LegId) {
        let Some((first, rest)) = self.on_refer.clone().split_first().map(|(f, r)| (*f, r.to_vec())) else {
            return;
        };
        if first >= 300 {
            let cause = Cause::new(first, "No");
            return self.endpoint.command(now, SipCmd::RefuseRefer { leg, cause });
        }
        self.endpoint.command(now, SipCmd::AcceptRefer { leg });
        for code in rest {
            self.endpoint.command(now, SipCmd::NotifyRefer { leg, code, words: String::new() });
        }
    }

    fn ring(&mut self, now: Now, leg: LegId, invite: Invite) -> Vec<(u64, Later)> {
        if self.leg.is_some() {
            let cause = Cause::new(486, "Busy Here");
            self.endpoint.command(now, SipCmd::Refuse { leg, cause, headers: vec![] });
            return vec![];
        }
        self.headers = invite.headers.clone();
        self.hops.1 = Some(invite.max_forwards);
        self.invite = Some(invite.clone());
        self.dialog = Some(invite.dialog.clone());
        match self.on_call.clone() {
            OnCall::Refuse(code) => {
                let cause = Cause::new(code, "No");
                let headers = self.answers_with.clone();
                self.endpoint.command(now, SipCmd::Refuse { leg, cause, headers });
                vec![]
            }
            OnCall::Challenge => {
                self.on_call = OnCall::Answer(500);
                let challenge =
                    "Digest realm=\"carrier\", nonce=\"n0nce\", algorithm=MD5, qop=\"auth\"".to_owned();
                let headers = vec![("Proxy-Authenticate".to_owned(), challenge)];
                let cause = Cause::new(407, "Proxy Authentication Required");
                self.endpoint.command(now, SipCmd::Refuse { leg, cause, headers });
                vec![]
            }
            OnCall::Ring => {
                self.open(now, leg);
                self.endpoint.command(now, SipCmd::Ring { leg, body: None });
                vec![]
            }
            OnCall::Answer(ms) => {
                self.open(now, leg);
                self.endpoint.command(now, SipCmd::Ring { leg, body: None });
                vec![(ms, Later::Answer(leg, invite.offer))]
            }
            OnCall::EarlyMedia(ms) => {
                self.open(now, leg);
                let body = self.answer_body(now, invite.offer.as_ref());
                self.endpoint.command(now, SipCmd::Ring { leg, body: Some(body.clone()) });
                vec![(ms, Later::AnswerWith(leg, body))]
            }
        }
    }

    pub fn later(&mut self, now: Now, what: Later) {
        match what {
            Later::Answer(leg, offer) if self.leg == Some(leg) => {
                let body = self.answer_body(now, offer.as_ref());
                let headers = self.answers_with.clone();
                self.endpoint.command(now, SipCmd::Answer { leg, body, headers });
            }
            Later::AnswerWith(leg, body) if self.leg == Some(leg) => {
                let headers = self.answers_with.clone();
                self.endpoint.command(now, SipCmd::Answer { leg, body, headers });
            }
            _ => {}
        }
    }

    pub fn hang_up(&mut self, now: Now) {
        if let Some(leg) = self.leg {
            self.endpoint
                .command(now, SipCmd::Hangup { leg, cause: Cause::new(487, "Gone"), headers: vec![] });
        }
    }

    /// Packets it sends: (rtcp?, to, octets). Its recording goes into `heard`.
    pub fn drain(&mut self, now: Now) -> Vec<(bool, SocketAddr, Bytes)> {
        let mut packets = std::mem::take(&mut self.packets);
        let mut back = vec![];
        let heard = &mut self.heard;
        self.out.drain(|item, bytes| match item {
            Item::SendRtp(_, to) => packets.push((false, to, Bytes::copy_from_slice(bytes))),
            Item::SendRtcp(_, to) => packets.push((true, to, Bytes::copy_from_slice(bytes))),
            Item::Disk(DiskOp::Write { recording, buffer }) => {
                heard.extend_from_slice(&buffer);
                back.push(DiskReport::Written { recording, buffer });
            }
            Item::Disk(DiskOp::Close { recording, ms, .. }) => {
                back.push(DiskReport::Closed { recording, ms })
            }
            _ => {}
        });
        for report in back {
            self.engine.on_disk(now, report, &mut self.out);
        }
        packets
    }

    /// What it heard as samples.
    pub fn samples(&self) -> Vec<i16> {
        self.heard.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
    }
}

/// What a phone does after a while.
#[derive(Clone, Debug)]
pub enum Later {
    Answer(LegId, Option<Bytes>),
    AnswerWith(LegId, Bytes),
}
