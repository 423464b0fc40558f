//! Law 5: between RTP in and RTP, tap or stream out nothing is allocated. The allocator counts for each thread alone, so that
//! other tests of the binary do not disturb.

use super::audio::speech;
use super::rig::{clip, peer};
use chorus::clock::{Mono, Now, Wall};
use chorus::media::engine::{DiskOp, DiskReport, Engine, Item, Out, StreamInput};
use chorus::media::event::{EngineCommand, StreamStart};
use chorus::media::plan::{self, Codec, MediaPlan, RecordTap, Source, SourceId, Tap, TapId, Track};
use chorus::media::rtp::Packet;
use chorus::rng::Rng;
use chorus::sid::{AccountSid, CallSid, RecordingSid, StreamSid};
use chorus::sip::event::LegId;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::SocketAddr;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static LIVE: Cell<i64> = const { Cell::new(0) };
}

struct Counting;

fn grown(octets: usize, sign: i64) {
    _ = LIVE.try_with(|c| c.set(c.get() + sign * octets as i64));
}

// SAFETY: every call is handed to the system's allocator unchanged; the counter is a thread-local integer without destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        _ = COUNT.try_with(|c| c.set(c.get() + 1));
        grown(layout.size(), 1);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        grown(layout.size(), -1);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        _ = COUNT.try_with(|c| c.set(c.get() + 1));
        grown(size, 1);
        grown(layout.size(), -1);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of this thread until now.
pub fn so_far() -> u64 {
    COUNT.with(Cell::get)
}

/// Octets that this thread has taken and not given back.
pub fn live() -> i64 {
    LIVE.with(Cell::get)
}

/// Allocations of this thread while `f` runs.
fn allocations(f: impl FnOnce()) -> u64 {
    let before = so_far();
    f();
    so_far() - before
}

/// What an agent does each 20 ms.
type Agent<'a> = dyn FnMut(&mut Engine, Now, &mut Out) + 'a;

struct Bare {
    engine: Engine,
    out: Out,
    us: u64,
    packet: Vec<u8>,
    returned: Vec<(RecordingSid, Vec<u8>)>,
    sent: [u64; 3],
    /// One of so many packets is lost, and another is comfort noise; 0: none.
    spoilt: u32,
}

const A: LegId = LegId(1);
const B: LegId = LegId(2);

fn addr(leg: LegId) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, leg.0 as u8], 4_000))
}

impl Bare {
    fn new(plans: [MediaPlan; 2]) -> Bare {
        let mut bare = Bare {
            engine: Engine::new(Rng::from_number(1)),
            out: Out::new(),
            us: 50_000_000,
            packet: Vec::with_capacity(200),
            returned: Vec::with_capacity(8),
            sent: [0; 3],
            spoilt: 0,
        };
        for (leg, plan) in [A, B].into_iter().zip(plans) {
            bare.command(EngineCommand::Open { leg, ssrc: 5 });
            let peer = peer(addr(leg), if leg == A { Codec::Pcmu } else { Codec::Pcma });
            bare.command(EngineCommand::Plan(leg, Box::new(MediaPlan { peer: Some(peer), ..plan })));
        }
        bare
    }

    fn now(&self) -> Now {
        Now { mono: Mono(self.us), wall: Wall(1_700_000_000_000) }
    }

    fn command(&mut self, c: EngineCommand) {
        let now = self.now();
        self.engine.on_command(now, c, &mut self.out);
        self.drain();
    }

    fn drain(&mut self) {
        let (sent, returned) = (&mut self.sent, &mut self.returned);
        self.out.drain(|item, _| match item {
            Item::SendRtp(..) => sent[0] += 1,
            Item::SendStream { .. } => sent[1] += 1,
            Item::Disk(DiskOp::Write { recording, buffer }) => {
                sent[2] += 1;
                returned.push((recording, buffer));
            }
            _ => {}
        });
        while let Some((recording, buffer)) = self.returned.pop() {
            let now = self.now();
            self.engine.on_disk(now, DiskReport::Written { recording, buffer }, &mut self.out);
        }
    }

    /// `n` packets of both phones with their ticks; an agent's chunk for each if there is one.
    fn run(&mut self, from: u32, n: u32, mut agent: Option<&mut Agent<'_>>) {
        for i in from..from + n {
            for (leg, pt) in [(A, 0), (B, 8)] {
                let mut packet = std::mem::take(&mut self.packet);
                packet.clear();
                let (seq, ts) = (i as u16, i * 160);
                let nth = i.checked_rem(self.spoilt);
                let (pt, payload) = if nth == Some(5) { (13, &[60][..]) } else { (pt, &[0x55; 160][..]) };
                Packet { marker: false, pt, seq, ts, ssrc: 9, payload }.write(&mut packet);
                let now = self.now();
                if nth != Some(3) {
                    self.engine.on_rtp(now, leg, addr(leg), &mut packet, &mut self.out);
                }
                self.drain();
                self.packet = packet;
            }
            if let Some(agent) = agent.as_mut() {
                let now = self.now();
                agent(&mut self.engine, now, &mut self.out);
                self.drain();
            }
            for phase in 0..4 {
                self.us += 5_000;
                let now = self.now();
                self.engine.on_tick(now, phase, &mut self.out);
                self.drain();
            }
        }
    }
}

fn source(s: Source) -> MediaPlan {
    MediaPlan { source: Some((SourceId(1), s)), ..MediaPlan::default() }
}

fn recorded(mut plan: MediaPlan, channels: u8) -> MediaPlan {
    let tap = RecordTap {
        recording: RecordingSid(1),
        track: Track::Both,
        channels,
        paused: false,
        skip: false,
        max_silence_ms: None,
        max_length_ms: None,
        trim: false,
    };
    plan.taps.insert(TapId(1), Tap::Record(tap));
    plan
}

#[test]
fn a_thousand_packets_of_a_bridge_allocate_nothing() {
    let mut bare = Bare::new([source(Source::Leg(B)), source(Source::Leg(A))]);
    bare.run(0, 50, None);
    let before = bare.sent[0];
    assert_eq!(allocations(|| bare.run(50, 1_000, None)), 0);
    assert_eq!(bare.sent[0] - before, 2_000);
}

#[test]
fn a_thousand_frames_of_a_clip_allocate_nothing() {
    let list = || vec![plan::Item::Clip { clip: clip(&speech(1, 500)), times: 100 }];
    let plans = [
        source(Source::Clips { list: list(), closed: true }),
        source(Source::Clips { list: list(), closed: true }),
    ];
    let mut bare = Bare::new(plans);
    bare.run(0, 50, None);
    let before = bare.sent[0];
    assert_eq!(allocations(|| bare.run(50, 1_000, None)), 0);
    assert_eq!(bare.sent[0] - before, 2_000);
}

#[test]
fn a_thousand_packets_of_a_recording_allocate_nothing() {
    for channels in [1, 2] {
        let mut bare = Bare::new([recorded(source(Source::Leg(B)), channels), source(Source::Leg(A))]);
        bare.run(0, 100, None);
        let before = bare.sent;
        assert_eq!(allocations(|| bare.run(100, 1_000, None)), 0);
        assert_eq!(bare.sent[0] - before[0], 2_000);
        assert!(bare.sent[2] - before[2] >= 45, "written every 400 ms");
    }
}

#[test]
fn losses_and_comfort_noise_allocate_nothing() {
    let sid = StreamSid(3);
    let mut plan = recorded(source(Source::Leg(B)), 2);
    plan.taps.insert(TapId(2), Tap::Stream { stream: sid, track: Track::Both });
    let mut bare = Bare::new([plan, source(Source::Leg(A))]);
    bare.command(EngineCommand::OpenStream(Box::new(StreamStart {
        stream: sid,
        leg: A,
        account: AccountSid(1),
        call: CallSid(1),
        track: Track::Both,
        bidirectional: false,
        parameters: Vec::new(),
    })));
    let now = bare.now();
    bare.engine.on_stream(now, sid, StreamInput::Opened, &mut bare.out);
    bare.drain();
    bare.spoilt = 9;
    bare.run(0, 200, None);
    let before = bare.sent[1];
    assert_eq!(allocations(|| bare.run(200, 1_000, None)), 0);
    assert!((1_980..2_020).contains(&(bare.sent[1] - before)), "{}", bare.sent[1] - before);
}

fn text_frame(text: &str) -> Vec<u8> {
    let n = text.len();
    assert!((126..65_536).contains(&n));
    let mut f = vec![0x81, 126, (n >> 8) as u8, n as u8];
    f.extend_from_slice(text.as_bytes());
    f
}

#[test]
fn a_thousand_packets_of_a_stream_allocate_nothing() {
    let sid = StreamSid(3);
    let mut plan = source(Source::Agent(sid));
    plan.taps.insert(TapId(1), Tap::Stream { stream: sid, track: Track::Inbound });
    let mut bare = Bare::new([plan, MediaPlan::default()]);
    bare.command(EngineCommand::OpenStream(Box::new(StreamStart {
        stream: sid,
        leg: A,
        account: AccountSid(1),
        call: CallSid(1),
        track: Track::Inbound,
        bidirectional: true,
        parameters: Vec::new(),
    })));
    let now = bare.now();
    bare.engine.on_stream(now, sid, StreamInput::Opened, &mut bare.out);
    bare.drain();
    let payload = base64_simd::STANDARD.encode_to_string([0x31u8; 160]);
    let message = text_frame(&format!(
        "{{\"event\":\"media\",\"streamSid\":\"{sid}\",\"media\":{{\"payload\":\"{payload}\"}}}}"
    ));
    let mut scratch = Vec::with_capacity(message.len());
    let mut agent = |e: &mut Engine, now: Now, o: &mut Out| {
        scratch.clear();
        scratch.extend_from_slice(&message);
        e.on_stream(now, sid, StreamInput::Bytes(&mut scratch), o);
    };
    bare.run(0, 150, Some(&mut agent));
    let before = bare.sent;
    let count = allocations(|| bare.run(150, 1_000, Some(&mut agent)));
    assert_eq!(count, 0);
    assert!((999..=1_001).contains(&(bare.sent[1] - before[1])), "{}", bare.sent[1] - before[1]);
    assert_eq!(bare.sent[0] - before[0], 2_000, "audio for one leg, silence for the other");
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(7)))), 1);
}
