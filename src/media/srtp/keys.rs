//! Master keys: made here, told by SDP, shown by nothing.

use super::Suite;
use crate::rng::Rng;
use std::fmt;

/// Octets of a master key.
pub const KEY: usize = 16;
/// Octets of the longest master salt.
const SALT_MAX: usize = 14;

/// A master key with its salt.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MasterKey {
    key: [u8; KEY],
    /// A shorter salt has zeros behind it, as key derivation wants it (RFC 7714 section 11).
    salt: [u8; SALT_MAX],
    suite: Suite,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.suite.as_str())
    }
}

impl MasterKey {
    /// Of what stands after `inline:`, decoded. None if it has another length than the suite wants.
    pub fn read(suite: Suite, octets: &[u8]) -> Option<MasterKey> {
        let (key, rest) = octets.split_first_chunk::<KEY>()?;
        let mut salt = [0; SALT_MAX];
        if rest.len() != suite.salt_length() {
            return None;
        }
        salt.get_mut(..rest.len())?.copy_from_slice(rest);
        Some(MasterKey { key: *key, salt, suite })
    }

    /// A new one.
    pub fn random(suite: Suite, rng: &mut Rng) -> MasterKey {
        let mut made = MasterKey { key: [0; KEY], salt: [0; SALT_MAX], suite };
        rng.fill(&mut made.key);
        if let Some(salt) = made.salt.get_mut(..suite.salt_length()) {
            rng.fill(salt);
        }
        made
    }

    /// What stands after `inline:`, before it is encoded.
    pub fn octets(&self) -> Vec<u8> {
        let salt = self.salt.get(..self.suite.salt_length()).unwrap_or_default();
        [self.key.as_slice(), salt].concat()
    }

    /// Of which suite.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    pub(super) fn key(&self) -> &[u8; KEY] {
        &self.key
    }

    pub(super) fn salt(&self) -> &[u8; SALT_MAX] {
        &self.salt
    }
}

/// What both sides agreed on. Each direction has its own key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crypto {
    /// Protects what we send.
    pub ours: MasterKey,
    /// Opens what the peer sends.
    pub theirs: MasterKey,
}

/// The keys of our side of one leg: one for each suite, so that each line of an offer has its own.
pub struct OwnKeys {
    rng: Rng,
    keys: [MasterKey; Suite::ALL.len()],
}

impl fmt::Debug for OwnKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnKeys")
    }
}

impl OwnKeys {
    /// From a generator that nobody else has.
    pub fn new(mut rng: Rng) -> OwnKeys {
        let keys = Suite::ALL.map(|suite| MasterKey::random(suite, &mut rng));
        OwnKeys { rng, keys }
    }

    /// Other keys from now on.
    pub fn renew(&mut self) {
        self.keys = Suite::ALL.map(|suite| MasterKey::random(suite, &mut self.rng));
    }

    /// Each, in the order of an offer.
    pub fn iter(&self) -> impl Iterator<Item = &MasterKey> {
        self.keys.iter()
    }

    /// The one of a suite.
    pub fn of(&self, suite: Suite) -> Option<MasterKey> {
        self.keys.iter().find(|k| k.suite == suite).copied()
    }
}
