//! Floor of Play: a file in memory as mu-law, one packet a leg and 20 ms; what the caller sends is received.
//! `floor-play CALLS`

mod rig;

use rig::{FRAME, Floor, Leg};

/// Frames of the file; the same as the generator's.
const FRAMES: usize = 500;

struct Play {
    file: Vec<u8>,
    at: Vec<usize>,
}

impl Floor for Play {
    fn on_rtp(&mut self, _: &mut [Leg], _: usize, _: &[u8]) -> u64 {
        0
    }

    fn on_tick(&mut self, legs: &mut [Leg], phase: usize) -> u64 {
        let mut sent = 0;
        for i in rig::of_phase(legs.len(), phase) {
            let (Some(at), Some(leg)) = (self.at.get_mut(i), legs.get_mut(i)) else { continue };
            let frame = self.file.get(*at * FRAME..(*at + 1) * FRAME).unwrap_or_default();
            if leg.send(frame) {
                *at = (*at + 1) % FRAMES;
                sent += 1;
            }
        }
        sent
    }
}

fn main() {
    let n: usize = rig::argument(1).parse().unwrap_or(1);
    let file = std::fs::read(rig::argument(2)).unwrap_or_default();
    assert_eq!(file.len(), FRAMES * FRAME, "the file of the generator");
    rig::run(n, |_, n| Play { file, at: vec![0; n] });
}
