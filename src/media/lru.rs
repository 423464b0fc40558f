//! A bounded cache of clips: by octets of audio and by entries, the longest unused leaves.

use super::plan::Clip;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::Arc;

/// Octets that an entry counts beside its audio.
const ENTRY_OVERHEAD: usize = 512;

struct Entry<V> {
    clip: Arc<Clip>,
    value: V,
    used: u64,
}

/// Clips by key, each with something beside it.
pub struct Lru<K, V> {
    entries: HashMap<K, Entry<V>>,
    order: BTreeMap<u64, K>,
    octets: usize,
    max: usize,
    clock: u64,
}

impl<K: Hash + Eq + Clone, V> Lru<K, V> {
    /// Holds at most `max` octets.
    pub fn new(max: usize) -> Lru<K, V> {
        Lru { entries: HashMap::new(), order: BTreeMap::new(), octets: 0, max, clock: 0 }
    }

    /// Finds one and counts it as used.
    pub fn get(&mut self, key: &K) -> Option<(Arc<Clip>, &mut V)> {
        let entry = self.entries.get_mut(key)?;
        self.clock = self.clock.wrapping_add(1);
        self.order.remove(&entry.used);
        entry.used = self.clock;
        self.order.insert(self.clock, key.clone());
        Some((entry.clip.clone(), &mut entry.value))
    }

    /// Keeps one, in place of what was there. A clip larger than the whole cache is not kept.
    pub fn put(&mut self, key: K, clip: Arc<Clip>, value: V) {
        self.remove(&key);
        let size = clip.ulaw.len().saturating_add(ENTRY_OVERHEAD);
        if size > self.max {
            return;
        }
        while self.octets.saturating_add(size) > self.max {
            let Some((_, oldest)) = self.order.first_key_value() else { break };
            let oldest = oldest.clone();
            self.remove(&oldest);
        }
        self.clock = self.clock.wrapping_add(1);
        self.octets = self.octets.saturating_add(size);
        self.order.insert(self.clock, key.clone());
        self.entries.insert(key, Entry { clip, value, used: self.clock });
    }

    /// Forgets one.
    pub fn remove(&mut self, key: &K) {
        if let Some(entry) = self.entries.remove(key) {
            self.order.remove(&entry.used);
            self.octets = self.octets.saturating_sub(entry.clip.ulaw.len().saturating_add(ENTRY_OVERHEAD));
        }
    }

    /// Octets held.
    pub fn octets(&self) -> usize {
        self.octets
    }

    /// Entries held.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Holds nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
