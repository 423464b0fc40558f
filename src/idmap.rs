//! Maps by ids that we give out ourselves: counters and random numbers. Nobody outside can choose them, so the packet path need
//! not pay for a hash that withstands an attacker (twenty times the price of this one).

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Odd, its bits evenly spread (2^64 / golden ratio): the product's upper bits depend on all bits of the id.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// See the module. Never for keys that come from outside.
#[derive(Copy, Clone, Debug, Default)]
pub struct IdHasher(u64);

/// A map whose keys are our own ids.
pub type IdMap<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        // The table takes its place from the lower bits too.
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|b| self.write_u64(u64::from(*b)));
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0 ^ n).wrapping_mul(SPREAD);
    }

    fn write_u128(&mut self, n: u128) {
        self.write_u64((n >> 64) as u64);
        self.write_u64(n as u64);
    }
}
