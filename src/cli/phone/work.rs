//! (s) The phone's task: SIP, RTP and time go into its endpoint and its engine, and what these want to send leaves.

use super::{Dial, Phase, Report, State};
use crate::cli::ear::Ear;
use crate::clock::Mono;
use crate::media::engine::out::{Item as Sent, Out};
use crate::media::engine::{Engine, PHASES};
use crate::media::event::{EngineCommand, MediaEvent};
use crate::media::plan::{Clip, Item, MediaPlan, Peer, Source, SourceId};
use crate::media::rtp::Packet;
use crate::rng::Rng;
use crate::sdp;
use crate::server::now;
use crate::sip::endpoint::{Endpoint, EndpointConfig};
use crate::sip::event::{Cause, InviteCmd, LegId, SipCmd, SipEvent, SipOut};
use crate::sip::transport::{self, Inbound, Transport};
use crate::store::rows::Line;
use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};

/// Time between two phases of the engine's tick.
const PHASE: Duration = Duration::from_millis(5);
/// After the end of the call its last messages may be answered for so long.
const LINGER: Duration = Duration::from_millis(300);
/// Milliseconds that a key takes with its pause.
const KEY_MS: u64 = 200;
/// What is played when nothing is said: an hour of silence.
const SILENCE_MS: u32 = 3_600_000;
/// RTP ports that are tried.
const PORTS: std::ops::Range<u16> = 40_000..60_000;
const PORT_TRIES: usize = 100;
/// Largest datagram read.
const DATAGRAM: usize = 2_048;
/// Its only leg.
const LEG: LegId = LegId(2);
/// A spoiled phone stands still so often.
const STALL_EVERY: Duration = Duration::from_secs(1);
/// SIP messages that wait to be read.
const SIP_QUEUE: usize = 256;

/// What it is told.
pub(super) enum Do {
    /// Speech; are there marks to be measured in it?
    Say { clip: Arc<Clip>, marked: bool },
    /// Keys.
    Press(String),
    /// The end.
    HangUp,
}

async fn ports(ip: IpAddr, rng: &mut Rng) -> std::io::Result<(UdpSocket, UdpSocket)> {
    let mut last = std::io::Error::from(std::io::ErrorKind::AddrInUse);
    for _ in 0..PORT_TRIES {
        let port = PORTS.start.saturating_add((rng.below(u64::from(PORTS.end - PORTS.start)) as u16) & !1);
        let pair = (UdpSocket::bind((ip, port)).await, UdpSocket::bind((ip, port.saturating_add(1))).await);
        match pair {
            (Ok(rtp), Ok(rtcp)) => {
                // Before the first look at it a socket counts as full, and the first packet would be lost.
                rtp.writable().await?;
                rtcp.writable().await?;
                return Ok((rtp, rtcp));
            }
            (Err(e), _) | (_, Err(e)) => last = e,
        }
    }
    Err(last)
}

/// The phone as its task owns it.
pub(super) struct Work {
    endpoint: Endpoint,
    engine: Engine,
    out: Out,
    transport: Transport,
    rtp: UdpSocket,
    rtcp: UdpSocket,
    ear: Ear,
    peer: Option<Peer>,
    source: Option<(SourceId, Vec<Item>)>,
    busy_until: Mono,
    began: Mono,
    /// When it last stood still.
    moved: Mono,
    over_at: Option<Mono>,
    next: u64,
    report: Report,
    see: watch::Sender<State>,
    dial: Dial,
}

impl Work {
    /// Opens its sockets and sends the INVITE. Second: what comes by SIP.
    ///
    /// # Errors
    /// No sockets.
    pub(super) async fn begin(
        dial: Dial,
        see: watch::Sender<State>,
    ) -> Result<(Work, mpsc::Receiver<Inbound>), String> {
        let mut rng = crate::api::rng();
        let (inbox, sip) = mpsc::channel(SIP_QUEUE);
        let listen = transport::Config::new(SocketAddr::new(dial.bind, 0));
        let failed = |e: std::io::Error| format!("the phone has no socket on {}: {e}", dial.bind);
        let transport = Transport::start(listen, rng.fork(), inbox).await.map_err(failed)?;
        let (rtp, rtcp) = ports(dial.bind, &mut rng).await.map_err(failed)?;
        let mut work = Work {
            endpoint: Endpoint::new(
                rng.fork(),
                EndpointConfig { user_agent: "Chorus phone".to_owned(), ..EndpointConfig::default() },
            ),
            engine: Engine::new(rng.fork()),
            out: Out::new(),
            transport,
            rtp,
            rtcp,
            ear: Ear::default(),
            peer: None,
            source: None,
            busy_until: Mono(0),
            began: now().mono,
            moved: now().mono,
            over_at: None,
            next: 1,
            report: Report::default(),
            see,
            dial,
        };
        work.invite(&mut rng)?;
        Ok((work, sip))
    }

    fn invite(&mut self, rng: &mut Rng) -> Result<(), String> {
        let rtp = self.rtp.local_addr().map_err(|e| e.to_string())?;
        let local =
            sdp::Local { ip: rtp.ip(), port: rtp.port(), session_id: rng.next_u64() >> 2, version: 1 };
        let ssrc = rng.next_u64() as u32;
        self.engine.on_command(now(), EngineCommand::Open { leg: LEG, ssrc }, &mut self.out);
        let uri = match self.dial.to.starts_with("sip:") {
            true => self.dial.to.clone(),
            false => format!("sip:{}@{}", self.dial.to, self.dial.server),
        };
        let cmd = InviteCmd {
            leg: LEG,
            call_id: rng.hex(32),
            local_tag: rng.hex(16),
            to: format!("<{uri}>"),
            max_forwards: 70,
            uri,
            next_hop: Some(self.dial.server.to_string()),
            from: format!("<sip:{}@LOCAL>", self.dial.from),
            offer: Bytes::from(sdp::offer(&local, sdp::Direction::SendRecv)),
            headers: vec![],
            credentials: None,
            ..InviteCmd::default()
        };
        self.endpoint.command(now(), SipCmd::Invite(Box::new(cmd)));
        Ok(())
    }

    /// Works until the call is over and its last messages could come.
    pub(super) async fn run(
        mut self,
        mut sip: mpsc::Receiver<Inbound>,
        mut todo: mpsc::UnboundedReceiver<Do>,
    ) -> Report {
        let mut ticks = tokio::time::interval(PHASE);
        let (mut packet, mut control) = ([0; DATAGRAM], [0; DATAGRAM]);
        let mut phase = 0;
        self.settle();
        while self.over_at.is_none_or(|at| now().mono.since(at) < LINGER) {
            tokio::select! {
                Some(x) = sip.recv() => self.on_sip(x),
                Ok((n, from)) = self.rtp.recv_from(&mut packet) => self.on_rtp(from, packet.get_mut(..n).unwrap_or_default()),
                Ok((n, from)) = self.rtcp.recv_from(&mut control) => {
                    self.engine.on_rtcp(now(), LEG, from, control.get_mut(..n).unwrap_or_default(), &mut self.out);
                }
                Some(what) = todo.recv() => self.on_todo(what),
                _ = ticks.tick() => {
                    self.engine.on_tick(now(), phase, &mut self.out);
                    phase = (phase + 1) % PHASES;
                    self.stand_still();
                    self.endpoint.on_time(now());
                    self.look();
                }
            }
            self.settle();
        }
        self.report.ear = self.ear;
        self.report
    }

    /// Spoiled for the demo: the whole task stops, as a phone with too much to do.
    fn stand_still(&mut self) {
        let at = now().mono;
        if !self.dial.stall.is_zero() && at.since(self.moved) >= STALL_EVERY {
            std::thread::sleep(self.dial.stall);
            self.moved = at;
        }
    }

    fn on_sip(&mut self, x: Inbound) {
        x.give(&mut self.endpoint, now());
    }

    fn on_rtp(&mut self, from: SocketAddr, bytes: &mut [u8]) {
        let at = now();
        if let Some(p) = Packet::parse(bytes) {
            self.ear.on_rtp(at.mono, &p);
        }
        self.engine.on_rtp(at, LEG, from, bytes, &mut self.out);
    }

    fn on_todo(&mut self, what: Do) {
        let (item, ms) = match what {
            Do::Say { clip, marked } => {
                if marked {
                    self.ear.expect(&clip);
                }
                let ms = clip.ms();
                (Item::Clip { clip, times: 1 }, ms)
            }
            Do::Press(keys) => {
                let ms = keys.chars().map(key_ms).sum();
                (Item::Keys(keys), ms)
            }
            Do::HangUp => {
                let cause = Cause::new(487, "Request Terminated");
                return self.endpoint.command(now(), SipCmd::Hangup { leg: LEG, cause, headers: vec![] });
            }
        };
        self.busy_until = now().mono + Duration::from_millis(ms);
        self.play(vec![item, Item::Silence(SILENCE_MS)]);
    }

    fn play(&mut self, list: Vec<Item>) {
        self.next += 1;
        self.source = Some((SourceId(self.next), list));
        self.plan();
    }

    fn plan(&mut self) {
        let source = self.source.clone().map(|(id, list)| (id, Source::Clips { list, closed: true }));
        let plan = MediaPlan { source, peer: self.peer.clone(), ..MediaPlan::default() };
        self.engine.on_command(now(), EngineCommand::Plan(LEG, Box::new(plan)), &mut self.out);
    }

    /// Everything that wants to leave leaves.
    fn settle(&mut self) {
        while let Some(out) = self.endpoint.poll() {
            match out {
                SipOut::Send(flow, bytes) => self.transport.send(flow, bytes),
                SipOut::Resolve(id, lookup) => self.transport.resolve(id, lookup),
                SipOut::Event(event) => self.on_event(event),
            }
        }
        let (rtp, rtcp, ear, report, lose) =
            (&self.rtp, &self.rtcp, &mut self.ear, &mut self.report, self.dial.lose);
        self.out.drain(|item, bytes| match item {
            Sent::SendRtp(_, to) => {
                report.sent += 1;
                if let Some(p) = Packet::parse(bytes) {
                    ear.sent(now().mono, p.payload);
                }
                let lost = lose > 0 && report.sent % lose == 0;
                if !lost {
                    // A full socket buffer loses it, as the network would.
                    let _ = rtp.try_send_to(bytes, to);
                }
            }
            Sent::SendRtcp(_, to) => drop(rtcp.try_send_to(bytes, to)),
            Sent::Event(MediaEvent::Stats(_, stats)) => report.stats = stats,
            _ => {}
        });
    }

    fn on_event(&mut self, event: SipEvent) {
        match event {
            SipEvent::Progress { body, .. } => self.on_body(body.as_ref()),
            SipEvent::Answered { body, .. } => {
                self.report.answered_ms = Some(now().mono.since(self.began).as_millis() as u64);
                self.on_body(body.as_ref());
                self.see.send_modify(|s| s.phase = Phase::Talking);
            }
            SipEvent::Offer { leg, offer, .. } => {
                let cause = Cause::new(488, "Not Acceptable Here");
                self.endpoint.command(now(), SipCmd::RefuseOffer { leg, offer, cause, headers: Vec::new() });
            }
            SipEvent::Refer { leg, .. } => {
                let cause = Cause::new(603, "Decline");
                self.endpoint.command(now(), SipCmd::RefuseRefer { leg, cause });
            }
            SipEvent::Ended { by, cause, .. } => {
                self.engine.on_command(now(), EngineCommand::Close(LEG), &mut self.out);
                self.over_at = Some(now().mono);
                self.see.send_modify(|s| s.phase = Phase::Over(by, cause));
            }
            SipEvent::Seen { sent, what, .. } => self.show(sent, what),
            SipEvent::Incoming { .. }
            | SipEvent::Confirmed { .. }
            | SipEvent::OfferAnswered { .. }
            | SipEvent::Key { .. }
            | SipEvent::Referred { .. }
            | SipEvent::Notified { .. }
            | SipEvent::Rerouted { .. }
            | SipEvent::Binding(_)
            | SipEvent::Registration { .. }
            | SipEvent::TurnedAway { .. }
            | SipEvent::Knocked { .. }
            | SipEvent::Ignored(_)
            | SipEvent::Refused { .. } => {}
        }
    }

    fn show(&self, sent: bool, what: String) {
        if let Some(w) = &self.dial.watcher {
            let (from, to) = if sent { ("phone", "chorus") } else { ("chorus", "phone") };
            let _ = w.send(Line { at: now().wall, from: from.to_owned(), to: to.to_owned(), what });
        }
    }

    /// An answer, early or final: from now on it can be heard.
    fn on_body(&mut self, body: Option<&Bytes>) {
        let answer = body.and_then(|b| sdp::read(b).ok()).and_then(|r| sdp::accept_answer(&r).ok());
        let Some(mut peer) = answer else { return };
        peer.epoch = 1;
        self.peer = Some(peer);
        match self.source {
            Some(_) => self.plan(),
            None => self.play(vec![Item::Silence(SILENCE_MS)]),
        }
    }

    fn look(&mut self) {
        let at = now().mono;
        let (ear, busy) = (&self.ear, at < self.busy_until);
        self.see.send_modify(|s| {
            s.heard_ms = ear.samples.len() as u64 / 8;
            s.loud_ms = ear.loud_ms;
            s.quiet_ms = ear.loud_at.map_or(0, |l| at.since(l).as_millis() as u64);
            s.busy = busy;
        });
    }
}

/// How long a character of what is pressed takes; `w` and `W` are pauses.
fn key_ms(key: char) -> u64 {
    match key {
        'w' => 500,
        'W' => 1_000,
        _ => KEY_MS,
    }
}
