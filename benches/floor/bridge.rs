//! Floor of a bridged Dial: what comes on one leg leaves on the other at once, under that leg's own header.
//! `floor-bridge CALLS`: leg i and leg i + CALLS are one bridge.

mod rig;

use rig::{Floor, Leg, Result, Turn};

struct Bridge;

impl Floor for Bridge {
    fn on_rtp(&mut self, legs: &mut [Leg], i: usize, payload: &[u8]) -> Result<u64> {
        let half = legs.len() / 2;
        let other = if i < half { i + half } else { i - half };
        Ok(legs.get_mut(other).map_or(0, |l| u64::from(l.send(payload))))
    }

    fn on_tick(&mut self, _: &mut [Leg], _: Turn) -> u64 {
        0
    }
}

fn main() -> Result<()> {
    let n: usize = rig::argument(1)?.parse()?;
    rig::run(n * 2, |_, _| Ok(Bridge))
}
