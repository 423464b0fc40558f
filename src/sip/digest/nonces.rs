//! Nonces that need no memory until they were answered rightly (ruling 2.26): whoever asks a thousand times costs nothing.
//!
//! ```text
//!  issued, nothing kept --right answer--> seen, with a bitmap of its counts --60 s, or pushed out--> stale
//! ```

use crate::clock::Mono;
use crate::rng::Rng;
use ring::hmac;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// How long a nonce may be answered.
pub const LIFE: Duration = Duration::from_secs(60);
/// Most nonces in use whose counts are kept; the oldest are pushed out.
pub const SEEN_MAX: usize = 16_384;
/// Counts of one nonce that are told apart below the highest.
const WINDOW: u32 = 64;
/// Octets of the signature that are written.
const TAG: usize = 16;

/// May this nonce be used, this time?
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Fresh {
    /// Yes, and now it was.
    Yes,
    /// No: too old, used already, of another source, or not ours.
    No,
}

/// The counts of a nonce that were used.
#[derive(Copy, Clone, Debug, Default)]
struct Counts {
    highest: u32,
    /// Bit n: `highest - n` was used.
    used: u64,
}

impl Counts {
    /// Each count once; one far below the highest counts as used.
    fn take(&mut self, count: u32) -> bool {
        if count > self.highest || self.used == 0 {
            let up = count.saturating_sub(self.highest);
            self.used = self.used.checked_shl(up).unwrap_or(0) | 1;
            self.highest = count;
            return true;
        }
        let below = self.highest.saturating_sub(count);
        let bit = if below < WINDOW { 1_u64.checked_shl(below) } else { None };
        match bit.filter(|bit| self.used & bit == 0) {
            Some(bit) => {
                self.used |= bit;
                true
            }
            None => false,
        }
    }
}

/// See the module.
pub struct Nonces {
    key: hmac::Key,
    realm: String,
    seen: HashMap<String, Counts>,
    order: VecDeque<(Mono, String)>,
    /// Nonces that were issued until then and are not kept were pushed out.
    horizon: Option<Mono>,
}

impl Nonces {
    /// With a key that dies with the process: a nonce from before a restart is stale.
    pub fn new(rng: &mut Rng, realm: &str) -> Nonces {
        let key = [rng.next_u128().to_be_bytes(), rng.next_u128().to_be_bytes()].concat();
        Nonces {
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            realm: realm.to_owned(),
            seen: HashMap::new(),
            order: VecDeque::new(),
            horizon: None,
        }
    }

    /// A new one for whoever asks from `source`.
    pub fn issue(&self, rng: &mut Rng, now: Mono, source: IpAddr) -> String {
        let head = format!("{:014x}{:08x}", now.0, rng.next_u64() >> 32);
        let tag = self.sign(&head, source);
        head + &tag
    }

    fn sign(&self, head: &str, source: IpAddr) -> String {
        let text = format!("{head} {} {}", source.to_canonical(), self.realm);
        let tag = hmac::sign(&self.key, text.as_bytes());
        tag.as_ref().iter().take(TAG).map(|b| format!("{b:02x}")).collect()
    }

    /// When it was issued, if we did so for this source.
    fn issued(&self, nonce: &str, source: IpAddr) -> Option<Mono> {
        let (head, tag) = nonce.split_at_checked(22)?;
        if !bool::from(self.sign(head, source).as_bytes().ct_eq(tag.as_bytes())) {
            return None;
        }
        u64::from_str_radix(head.get(..14)?, 16).ok().map(Mono)
    }

    /// Did we give it to this source, and may it still be answered?
    pub fn is_ours(&self, now: Mono, source: IpAddr, nonce: &str) -> bool {
        self.issued(nonce, source).is_some_and(|issued| issued <= now && now.since(issued) < LIFE)
    }

    /// Uses a nonce with a count (RFC 7616 `nc`; None: an answer without `qop`, which may use it once). To be asked only
    /// after the answer was found right: this is where memory begins.
    pub fn take(&mut self, now: Mono, source: IpAddr, nonce: &str, count: Option<u32>) -> Fresh {
        self.forget(now);
        let Some(issued) = self.issued(nonce, source) else { return Fresh::No };
        if now.since(issued) >= LIFE || issued > now {
            return Fresh::No;
        }
        if let Some(counts) = self.seen.get_mut(nonce) {
            return match count.is_some_and(|count| counts.take(count)) {
                true => Fresh::Yes,
                false => Fresh::No,
            };
        }
        if self.horizon.is_some_and(|h| issued <= h) {
            return Fresh::No;
        }
        if self.order.len() >= SEEN_MAX {
            self.push_out();
        }
        let mut counts = Counts::default();
        // Without `qop` all counts are used up at once.
        counts.take(count.unwrap_or(u32::MAX));
        self.seen.insert(nonce.to_owned(), counts);
        self.order.push_back((issued, nonce.to_owned()));
        Fresh::Yes
    }

    /// Those whose time is over need no memory: their age says so.
    fn forget(&mut self, now: Mono) {
        while self.order.front().is_some_and(|(issued, _)| now.since(*issued) >= LIFE) {
            if let Some((_, nonce)) = self.order.pop_front() {
                self.seen.remove(&nonce);
            }
        }
    }

    fn push_out(&mut self) {
        if let Some((issued, nonce)) = self.order.pop_front() {
            self.seen.remove(&nonce);
            self.horizon = Some(self.horizon.map_or(issued, |h| h.max(issued)));
        }
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// None are.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}
