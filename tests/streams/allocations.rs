//! Law 5 with sockets: from the kernel and back to it a worker's thread allocates nothing for a packet. (The engine alone is
//! shown by `media::alloc`.)

use super::rig::{Rig, WAIT};
use chorus::media::disk::path_of;
use chorus::media::plan::{RecordTap, Tap, TapId, Track};
use chorus::sid::RecordingSid;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const FRAME: Duration = Duration::from_millis(20);
const RECORDING: RecordingSid = RecordingSid(9);

/// Waits for what must come.
fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + WAIT;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}

/// The phone's packets `from..to`, each 20 ms of the worker's clock after the one before and read before the next is sent.
fn talk(rig: &mut Rig, packets: Range<u64>) {
    for _ in packets {
        rig.clock.jump(FRAME);
        let received = || rig.workers[0].handle().counters().received.load(Ordering::Relaxed);
        let before = received();
        rig.phone.say(0x55);
        until("the worker reads its sockets", || received() > before);
    }
}

/// The same while both channels are recorded. The disk's clock does not jump: it may miss a beat, and then a buffer goes when the other
/// is back, for which this clock must go on. So far behind (lag, one buffer with the disk, one that fills) neither waits for the other.
fn talk_recorded(rig: &mut Rig, packets: Range<u64>) {
    let path = path_of(&rig.folder.0, RECORDING);
    for from in packets.step_by(10) {
        talk(rig, from..from + 10);
        let written = || std::fs::metadata(&path).map_or(0, |m| m.len());
        until("the disk writes", || written() >= from.saturating_sub(75) * 640);
    }
}

#[test]
fn a_thousand_packets_through_a_worker_allocate_nothing() {
    let mut rig = Rig::new("worker-allocations", 1);
    let tap = RecordTap {
        recording: RECORDING,
        track: Track::Both,
        channels: 2,
        paused: false,
        skip: false,
        max_silence_ms: None,
        max_length_ms: None,
        trim: false,
    };
    rig.open_leg([(TapId(1), Tap::Record(tap))].into());
    talk_recorded(&mut rig, 0..100);
    let counters = |rig: &Rig| {
        let c = rig.workers[0].handle().counters();
        (c.sent.load(Ordering::Relaxed), c.disk_refused.load(Ordering::Relaxed))
    };
    let ((sent, _), allocations) = (counters(&rig), rig.clock.allocations());
    talk_recorded(&mut rig, 100..1_100);
    assert_eq!(rig.clock.allocations(), allocations);
    let (now_sent, refused) = counters(&rig);
    assert!(now_sent - sent >= 900, "an agent's silence left in {} packets", now_sent - sent);
    assert_eq!(refused, 0, "and the disk took what was recorded");
    rig.finish(0);
}

#[test]
fn the_clock_of_a_worker_counts_its_allocations() {
    let mut rig = Rig::new("worker-counted", 1);
    rig.open_leg([].into());
    talk(&mut rig, 0..10);
    let before = rig.clock.allocations();
    // A new plan with another tap is work for the allocator.
    let stream = Tap::Stream { stream: super::agent::SID, track: Track::Inbound };
    rig.plan(0, [(TapId(1), stream)].into());
    talk(&mut rig, 0..10);
    assert!(rig.clock.allocations() > before);
    rig.finish(0);
}
