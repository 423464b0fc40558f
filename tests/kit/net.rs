//! A network between phones and Chorus: latency, loss, duplication, reordering, from a seed.

use chorus::rng::Rng;

/// Probabilities in percent, times in microseconds.
#[derive(Copy, Clone, Debug)]
pub struct Net {
    pub latency_us: u64,
    pub jitter_us: u64,
    pub loss: u64,
    pub duplicate: u64,
    pub reorder: u64,
}

impl Default for Net {
    fn default() -> Net {
        Net { latency_us: 5_000, jitter_us: 0, loss: 0, duplicate: 0, reorder: 0 }
    }
}

impl Net {
    /// When the copies of one packet arrive, counted from now; none if it is lost.
    pub fn deliveries(&self, rng: &mut Rng) -> Vec<u64> {
        if rng.below(100) < self.loss {
            return vec![];
        }
        let copies = if rng.below(100) < self.duplicate { 2 } else { 1 };
        (0..copies)
            .map(|_| {
                let late = if rng.below(100) < self.reorder { 30_000 } else { 0 };
                self.latency_us + late + rng.below(self.jitter_us.max(1))
            })
            .collect()
    }
}
