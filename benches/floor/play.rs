//! Floor of Play: a file in memory as mu-law, one packet a leg and 20 ms; what the caller sends is received.
//! `floor-play CALLS`

mod rig;

use rig::{FRAME, Floor, Leg, Result, Turn};

/// Frames of the file; the same as the generator's.
const FRAMES: usize = 500;

struct Play {
    file: Vec<u8>,
    at: Vec<usize>,
}

impl Floor for Play {
    fn on_rtp(&mut self, _: &mut [Leg], _: usize, _: &[u8]) -> Result<u64> {
        Ok(0)
    }

    fn on_tick(&mut self, legs: &mut [Leg], turn: Turn) -> u64 {
        let mut sent = 0;
        for i in turn {
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

fn main() -> Result<()> {
    let n: usize = rig::argument(1)?.parse()?;
    let file = std::fs::read(rig::argument(2)?)?;
    if file.len() != FRAMES * FRAME {
        return Err("this is not the file of the generator".into());
    }
    rig::run(n, |_, n| Ok(Play { file, at: vec![0; n] }))
}
