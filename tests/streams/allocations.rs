//! Law 5 with sockets: from the kernel and back to it a worker's thread allocates nothing for a packet. (The engine with recordings
//! is shown by `media::alloc`.)

use super::rig::{Rig, WAIT};
use chorus::media::plan::{Tap, TapId, Track};
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const FRAME: Duration = Duration::from_millis(20);

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

#[test]
fn a_thousand_packets_through_a_worker_allocate_nothing() {
    let mut rig = Rig::new("worker-allocations", 1);
    rig.open_leg([].into());
    talk(&mut rig, 0..100);
    let sent = |rig: &Rig| rig.workers[0].handle().counters().sent.load(Ordering::Relaxed);
    let (before, allocations) = (sent(&rig), rig.clock.allocations());
    talk(&mut rig, 100..1_100);
    assert_eq!(rig.clock.allocations(), allocations);
    assert!(sent(&rig) - before >= 900, "silence left in {} packets", sent(&rig) - before);
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
    // The worker may read its packets before its orders.
    until("the plan is counted", || rig.clock.allocations() > before);
    rig.finish(0);
}
