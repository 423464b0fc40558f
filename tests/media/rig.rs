//! Engines, phones, a network and a disk on virtual time.

use super::audio::Lcg;
pub use super::phone::{File, Got, Network, Phone};
use chorus::clock::{Mono, Now, Wall};
use chorus::media::codec::g711;
use chorus::media::engine::{DiskOp, DiskReport, Engine, Item, LegState, Out};
use chorus::media::event::{EngineCommand, MediaEvent};
use chorus::media::plan::{
    self, Clip, Codec, MediaPlan, Peer, RecordTap, Source, SourceId, Tap, TapId, Track,
};
use chorus::media::rtp::Packet;
use chorus::rng::Rng;
use chorus::sid::{RecordingSid, StreamSid};
use chorus::sip::event::LegId;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

/// How the disk behaves.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Default)]
pub enum Disk {
    #[default]
    Good,
    /// Answers nothing until it is good again.
    Stuck,
    /// Every operation fails.
    Full,
}

type Flight = (LegId, SocketAddr, Vec<u8>);

/// What an offer with one codec and keys comes to: both ways, 20 ms.
pub fn peer(rtp: SocketAddr, codec: Codec) -> Peer {
    Peer {
        rtp: Some(rtp),
        rtcp: None,
        codec,
        pt: if codec == Codec::Pcmu { 0 } else { 8 },
        dtmf: Default::default(),
        dtmf_pt: Some(101),
        cn_pt: None,
        send: true,
        recv: true,
        ptime: 20,
        crypto: None,
        epoch: 1,
    }
}

pub struct Rig {
    pub engines: Vec<Engine>,
    pub home: BTreeMap<LegId, usize>,
    pub now_us: u64,
    pub out: Out,
    pub phones: BTreeMap<LegId, Phone>,
    pub plans: BTreeMap<LegId, MediaPlan>,
    pub events: Vec<(u64, MediaEvent)>,
    pub files: BTreeMap<RecordingSid, File>,
    pub disk: Disk,
    pub waiting: VecDeque<(usize, DiskOp)>,
    pub streams: BTreeMap<StreamSid, Vec<u8>>,
    pub ended_streams: Vec<StreamSid>,
    pub chance: Lcg,
    pub ticking: bool,
    /// Order of what left: (microseconds, is it RTP, leg or stream in words).
    pub order: Vec<(u64, bool)>,
    in_flight: BTreeMap<(u64, u64), Flight>,
    number: u64,
    /// Steps so far: the phase of the tick.
    step: u64,
}

/// Start of virtual time.
pub const START_US: u64 = 1_000_000_000;

pub fn clip(pcm: &[i16]) -> Arc<Clip> {
    Arc::new(Clip { ulaw: pcm.iter().map(|s| g711::ulaw_from_pcm(*s)).collect() })
}

/// The samples after a pass through mu-law.
pub fn through_ulaw(pcm: &[i16]) -> Vec<i16> {
    pcm.iter().map(|s| g711::pcm_from_ulaw(g711::ulaw_from_pcm(*s))).collect()
}

impl Rig {
    pub fn new(engines: usize) -> Rig {
        Rig {
            engines: (0..engines).map(|i| Engine::new(Rng::from_number(i as u64))).collect(),
            home: BTreeMap::new(),
            now_us: START_US,
            out: Out::new(),
            phones: BTreeMap::new(),
            plans: BTreeMap::new(),
            events: Vec::new(),
            files: BTreeMap::new(),
            disk: Disk::Good,
            waiting: VecDeque::new(),
            streams: BTreeMap::new(),
            ended_streams: Vec::new(),
            chance: Lcg(7),
            ticking: true,
            order: Vec::new(),
            in_flight: BTreeMap::new(),
            number: 0,
            step: 0,
        }
    }

    pub fn now(&self) -> Now {
        Now { mono: Mono(self.now_us), wall: Wall(1_700_000_000_000 + (self.now_us / 1_000) as i64) }
    }

    pub fn ms(&self) -> u64 {
        (self.now_us - START_US) / 1_000
    }

    /// A leg on engine `e` with a phone of that codec, negotiated.
    pub fn leg(&mut self, e: usize, codec: Codec) -> LegId {
        let leg = LegId(self.phones.len() as u64 + 1);
        let addr = SocketAddr::from(([10, 0, 0, leg.0 as u8], 4_000));
        self.home.insert(leg, e);
        let offset = 3_000 * leg.0 % 20_000;
        self.phones.insert(
            leg,
            Phone {
                addr,
                codec,
                ssrc: 0x1000 + leg.0 as u32,
                seq: 65_530,
                ts: 4_294_960_000,
                ptime: 20,
                says: VecDeque::new(),
                sending: false,
                next_us: self.now_us + offset,
                got: Vec::new(),
                got_rtcp: Vec::new(),
                network: Network::default(),
                pressing: VecDeque::new(),
                event_ts: 0,
                count: 0,
                lost: Vec::new(),
            },
        );
        self.command(e, EngineCommand::Open { leg, ssrc: 0xC0 + leg.0 as u32 });
        self.plan(leg, |p| p.peer = Some(peer(addr, codec)));
        leg
    }

    pub fn command(&mut self, e: usize, c: EngineCommand) {
        let now = self.now();
        self.engines[e].on_command(now, c, &mut self.out);
        self.perform(e);
    }

    pub fn tell(&mut self, leg: LegId, c: EngineCommand) {
        self.command(self.home[&leg], c);
    }

    /// Changes the leg's plan.
    pub fn plan(&mut self, leg: LegId, change: impl FnOnce(&mut MediaPlan)) {
        let plan = self.plans.entry(leg).or_default();
        change(plan);
        let plan = Box::new(plan.clone());
        self.tell(leg, EngineCommand::Plan(leg, plan));
    }

    pub fn play(&mut self, leg: LegId, id: u64, list: Vec<plan::Item>, closed: bool) {
        self.plan(leg, |p| p.source = Some((SourceId(id), Source::Clips { list, closed })));
    }

    pub fn bridge(&mut self, a: LegId, b: LegId, id: u64) {
        self.plan(a, |p| p.source = Some((SourceId(id), Source::Leg(b))));
        self.plan(b, |p| p.source = Some((SourceId(id), Source::Leg(a))));
    }

    /// Adds a recording and returns its name.
    pub fn record(&mut self, leg: LegId, tap: u64, change: impl FnOnce(&mut RecordTap)) -> RecordingSid {
        let recording = RecordingSid(u128::from(tap) << 64 | u128::from(leg.0));
        let mut record = RecordTap {
            recording,
            track: Track::Inbound,
            channels: 1,
            paused: false,
            skip: false,
            max_silence_ms: None,
            max_length_ms: None,
            trim: false,
        };
        change(&mut record);
        self.plan(leg, |p| _ = p.taps.insert(TapId(tap), Tap::Record(record)));
        recording
    }

    pub fn says(&mut self, leg: LegId, pcm: &[i16]) {
        let phone = self.phones.get_mut(&leg).unwrap();
        phone.says.extend(pcm);
        phone.sending = true;
    }

    pub fn phone(&mut self, leg: LegId) -> &mut Phone {
        self.phones.get_mut(&leg).unwrap()
    }

    /// A packet from anywhere, now.
    pub fn rtp_from(&mut self, leg: LegId, from: SocketAddr, packet: &[u8]) {
        let (now, e) = (self.now(), self.home[&leg]);
        self.engines[e].on_rtp(now, leg, from, &mut packet.to_vec(), &mut self.out);
        self.perform(e);
    }

    /// Everything the engine put out.
    pub fn perform(&mut self, e: usize) {
        let (now_us, mut ops) = (self.now_us, Vec::new());
        let mut out = std::mem::take(&mut self.out);
        out.drain(|item, bytes| match item {
            Item::SendRtp(leg, to) => {
                self.order.push((now_us, true));
                let p = Packet::parse(bytes).expect("our own packet");
                let phone = self.phones.get_mut(&leg).unwrap();
                assert_eq!(to, phone.addr, "a packet to a stranger");
                phone.got.push(Got {
                    at_us: now_us,
                    marker: p.marker,
                    pt: p.pt,
                    seq: p.seq,
                    ts: p.ts,
                    ssrc: p.ssrc,
                    payload: p.payload.to_vec(),
                });
            }
            Item::SendRtcp(leg, _) => self.phones.get_mut(&leg).unwrap().got_rtcp.push(bytes.to_vec()),
            Item::SendStream { stream, .. } => {
                self.order.push((now_us, false));
                self.streams.entry(stream).or_default().extend_from_slice(bytes);
            }
            Item::EndStream(stream) => self.ended_streams.push(stream),
            Item::Disk(op) => ops.push(op),
            Item::Event(event) => self.events.push((now_us, event)),
        });
        self.out = out;
        self.waiting.extend(ops.into_iter().map(|op| (e, op)));
        self.disk_works();
    }

    /// The disk does what waits.
    pub fn disk_works(&mut self) {
        while self.disk != Disk::Stuck
            && let Some((e, op)) = self.waiting.pop_front()
        {
            let report = self.disk_op(op);
            if let Some(report) = report {
                let now = self.now();
                self.engines[e].on_disk(now, report, &mut self.out);
                self.perform(e);
            }
        }
    }

    fn disk_op(&mut self, op: DiskOp) -> Option<DiskReport> {
        let full = self.disk == Disk::Full;
        match op {
            DiskOp::Create { recording, .. } | DiskOp::Write { recording, .. } if full => {
                Some(DiskReport::Failed { recording })
            }
            DiskOp::Create { recording, channels } => {
                let before = self.files.insert(recording, File { channels, ..File::default() });
                assert!(before.is_none(), "a file is made once");
                None
            }
            DiskOp::Write { recording, buffer } => {
                let now_us = self.now_us;
                let file = self.files.get_mut(&recording).expect("written after it was made");
                assert!(file.closed_ms.is_none(), "nothing is written after the end");
                file.bytes.extend_from_slice(&buffer);
                file.writes_us.push(now_us);
                Some(DiskReport::Written { recording, buffer })
            }
            DiskOp::Close { recording, keep, ms } => {
                let Some(file) = self.files.get_mut(&recording) else {
                    return Some(DiskReport::Closed { recording, ms: 0 });
                };
                if let Some(keep) = keep {
                    file.bytes.truncate(keep as usize);
                }
                let there = file.ms();
                file.closed_ms = Some(there);
                assert!(full || there == ms, "length told {ms}, in the file {there}");
                Some(DiskReport::Closed { recording, ms: there })
            }
        }
    }

    /// 5 ms of everything.
    pub fn step(&mut self) {
        self.now_us += 5_000;
        self.step += 1;
        self.phones_send();
        while let Some(entry) = self.in_flight.first_entry().filter(|e| e.key().0 <= self.now_us) {
            let (leg, from, bytes) = entry.remove();
            self.rtp_from(leg, from, &bytes);
        }
        if self.ticking {
            let (now, phase) = (self.now(), (self.step % 4) as u8);
            for e in 0..self.engines.len() {
                self.engines[e].on_tick(now, phase, &mut self.out);
                self.perform(e);
            }
        }
    }

    pub fn run(&mut self, ms: u64) {
        for _ in 0..ms / 5 {
            self.step();
        }
    }

    fn phones_send(&mut self) {
        let mut packets = Vec::new();
        for (leg, phone) in &mut self.phones {
            while phone.next_us <= self.now_us {
                let at = phone.next_us;
                phone.next_us += phone.ptime * 1_000;
                if !phone.sending {
                    phone.ts = phone.ts.wrapping_add(phone.ptime as u32 * 8);
                    continue;
                }
                let audio = phone.encode();
                let event = phone.pressing.pop_front().filter(|e| e.2[0] != 255);
                if event.is_some_and(|e| e.0) {
                    phone.event_ts = phone.ts;
                }
                let (marker, pt, ts, payload) = match &event {
                    Some((_, marker, payload)) => (*marker, 101, phone.event_ts, &payload[..]),
                    None => (false, phone.pt(), phone.ts, &audio[..]),
                };
                let mut bytes = Vec::new();
                Packet { marker, pt, seq: phone.seq, ts, ssrc: phone.ssrc, payload }.write(&mut bytes);
                phone.seq = phone.seq.wrapping_add(1);
                phone.ts = phone.ts.wrapping_add(audio.len() as u32);
                packets.push((*leg, at, bytes));
            }
        }
        for (leg, at, bytes) in packets {
            let arrives = self.network(leg, at, bytes);
            let phone = self.phone(leg);
            if !arrives {
                phone.lost.push(phone.count);
            }
            phone.count += 1;
        }
    }

    /// What can arrive of `pcm`, which the phone said from its first packet on.
    pub fn arrived(&self, leg: LegId, pcm: &[i16]) -> Vec<i16> {
        let mut pcm = pcm.to_vec();
        for i in &self.phones[&leg].lost {
            pcm.iter_mut().skip(i * 160).take(160).for_each(|s| *s = 0);
        }
        pcm
    }

    /// Where what was heard of `pcm` lies, and how alike both are where packets arrived: what stands in for the lost ones, and
    /// what goes over from it, is left out.
    pub fn alike_where_it_arrived(&self, leg: LegId, pcm: &[i16], heard: &[i16]) -> (i64, f64) {
        let (lag, _) = super::audio::correlate(pcm, heard);
        let (mut pcm, mut heard) = (pcm.to_vec(), heard.to_vec());
        for i in &self.phones[&leg].lost {
            let from = i * 160;
            for at in from.saturating_sub(40)..from + 240 {
                let there = usize::try_from(at as i64 + lag).ok();
                if let Some(s) = pcm.get_mut(at) {
                    *s = 0;
                }
                if let Some(s) = there.and_then(|there| heard.get_mut(there)) {
                    *s = 0;
                }
            }
        }
        super::audio::correlate(&pcm, &heard)
    }

    /// A packet of the phone through its network, sent at `at` microseconds. False: lost.
    pub fn network(&mut self, leg: LegId, at: u64, bytes: Vec<u8>) -> bool {
        let phone = &self.phones[&leg];
        let (n, from) = (phone.network, phone.addr);
        if self.chance.percent(n.loss) {
            return false;
        }
        let copies = 1 + u32::from(self.chance.percent(n.duplicate));
        for _ in 0..copies {
            let mut delay = u64::from(self.chance.below(n.jitter_ms + 1)) * 1_000;
            if self.chance.percent(n.reorder) {
                delay += 25_000;
            }
            self.number += 1;
            self.in_flight.insert((at + delay, self.number), (leg, from, bytes.clone()));
        }
        true
    }

    /// Presses a key for `ms` once what waits is over: events each 20 ms instead of audio, three ends.
    pub fn press(&mut self, leg: LegId, code: u8, ms: u64, marker: bool) {
        let frames = ms / 20;
        let phone = self.phone(leg);
        phone.sending = true;
        for i in 0..frames + 3 {
            let end = i >= frames;
            let [d0, d1] = (((i + 1).min(frames) * 160) as u16).to_be_bytes();
            let payload = [code, 10 | if end { 0x80 } else { 0 }, d0, d1];
            phone.pressing.push_back((i == 0, marker && i == 0, payload));
        }
        // 60 ms between two keys.
        phone.pressing.extend([(false, false, [255; 4]); 3]);
    }

    pub fn keys(&self, leg: LegId) -> String {
        self.events
            .iter()
            .filter_map(|(_, e)| match e {
                MediaEvent::Key(l, k) if *l == leg => Some(*k),
                _ => None,
            })
            .collect()
    }

    pub fn ended(&self, leg: LegId) -> Vec<u64> {
        self.events
            .iter()
            .filter_map(|(_, e)| match e {
                MediaEvent::SourceEnded(l, id) if *l == leg => Some(id.0),
                _ => None,
            })
            .collect()
    }

    /// Moves a leg to another engine.
    pub fn carry(&mut self, leg: LegId, to: usize) {
        let state: Box<LegState> = self.engines[self.home[&leg]].detach(leg).expect("is there");
        let now = self.now();
        self.engines[to].attach(now, leg, state, &mut self.out);
        self.home.insert(leg, to);
        self.perform(to);
    }

    pub fn close(&mut self, leg: LegId) {
        self.tell(leg, EngineCommand::Close(leg));
    }

    /// After the last leg nothing is held.
    pub fn assert_empty(&self) {
        for e in &self.engines {
            assert_eq!(e.counts(), Default::default());
        }
    }
}
