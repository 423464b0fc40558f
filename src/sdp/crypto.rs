//! `a=crypto` (RFC 4568): which keys a side protects its media with.
//!
//! ```text
//!  a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:<base64 of key and salt>[|lifetime] [session parameters]
//! ```

use crate::media::srtp::{MasterKey, Suite};
use base64_simd::STANDARD;

/// Most lines that are looked at.
pub const CRYPTO_MAX: usize = 16;
/// Longest tag in digits (RFC 4568 section 9.1).
const TAG_DIGITS_MAX: usize = 9;

/// A line that can be used: its suite is known and nothing in it asks for what is not here.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct CryptoLine {
    /// What an answer names the line by.
    pub tag: u32,
    /// Suite, key and salt.
    pub key: MasterKey,
}

impl CryptoLine {
    /// Reads the value of the attribute. None: a suite, a key or a parameter that is not for us; such a line is passed over.
    pub fn read(value: &str) -> Option<CryptoLine> {
        let mut words = value.split_whitespace();
        let tag = words.next().filter(|t| t.len() <= TAG_DIGITS_MAX)?.parse().ok()?;
        let suite = Suite::parse(words.next()?)?;
        let inline = words.next()?;
        let key =
            inline.get(..7).filter(|m| m.eq_ignore_ascii_case("inline:")).and_then(|_| inline.get(7..))?;
        // Window size hints and what the writer says may be ignored do no harm; the others change what a packet looks like.
        let harmless = |p: &str| p.starts_with('-') || p.to_ascii_uppercase().starts_with("WSH=");
        if !words.all(harmless) {
            return None;
        }
        let mut parts = key.split('|');
        let encoded = parts.next()?.trim_end_matches('=');
        // A lifetime is one part (`2^31`); a key identifier (`1:4`) would stand in every packet, and several keys need one.
        if parts.any(|p| p.contains(':')) || key.contains(';') {
            return None;
        }
        let octets = base64_simd::STANDARD_NO_PAD.decode_to_vec(encoded).ok()?;
        Some(CryptoLine { tag, key: MasterKey::read(suite, &octets)? })
    }

    /// The value of the attribute.
    pub fn value(&self) -> String {
        let key = STANDARD.encode_to_string(self.key.octets());
        format!("{} {} inline:{key}", self.tag, self.key.suite().as_str())
    }
}
