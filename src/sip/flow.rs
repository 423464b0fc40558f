//! Whose connection a flow means. Of UDP and TCP an address is enough. Of TLS it is not: the same address may serve several names,
//! and each trunk has rules of its own as to who is believed. So a TLS flow of ours carries, in place of a connection's number, the
//! number of that name under that trunk's rules ("named"): whoever sends on it gets the connection to whoever has proven to be that,
//! and a new one where there is none. It is the same in every process, so that a dialog in the store keeps its peer.

use super::digest::{Hash, hex};
use super::event::Flow;
use crate::sid::TrunkSid;

/// Numbers from here up name a peer; those below are connections, and are not used again.
const NAMED: u64 = 1 << 63;

/// The number of the TLS peer `name`, believed by the rules of `trunk`, or by those for everybody.
pub fn named(trunk: Option<TrunkSid>, name: &str) -> u64 {
    let whose = trunk.map(|t| t.to_string()).unwrap_or_default();
    let hash = hex(Hash::Sha256, format!("{whose} {}", name.to_ascii_lowercase()).as_bytes());
    let number = hash.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    number.unwrap_or_default() | NAMED
}

impl Flow {
    /// Does it name a TLS peer, to whom a connection can be made?
    pub fn is_named(&self) -> bool {
        self.conn >= NAMED
    }

    /// Its connection is gone. What is sent next connects anew; of TLS only where the peer is named.
    pub fn disconnect(&mut self) {
        if !self.is_named() {
            self.conn = 0;
        }
    }
}
