//! Secrets at rest: AES-256-GCM under a key that is derived for each field, bound to table, row and column
//! (ruling 2.32), so that an encrypted value copied into another row or column cannot be opened.
//!
//! The derivation (HMAC-SHA-256 of the master key over the place) is there because random 96-bit nonces under ONE key
//! are good for 2^32 values only (NIST SP 800-38D 8.3): at thousands of rows a second that is days.
//!
//! Form: `1.<key id>.<base64url of nonce, text, tag>`. The key id lets an old key be kept for reading.

use crate::rng::Rng;
use ring::{aead, digest, hmac};
use std::fmt;

/// Bytes of a master key.
pub const KEY_BYTES: usize = 32;

/// A master key and, behind it, older ones that still read.
#[derive(Clone)]
pub struct Key {
    current: Master,
    old: Vec<Master>,
}

#[derive(Clone)]
struct Master {
    id: String,
    hmac: hmac::Key,
}

impl fmt::Debug for Key {
    /// The id alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.current.id)
    }
}

/// Why a text could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenFailed {
    /// It was sealed with a key of this id, which is not here.
    OtherKey(String),
    /// It is not a sealed text, or was changed, or stood elsewhere.
    Damaged,
}

impl fmt::Display for OpenFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenFailed::OtherKey(id) => write!(f, "it was encrypted with another secret key (id {id})"),
            OpenFailed::Damaged => f.write_str("an encrypted value is damaged or was moved"),
        }
    }
}

/// Where a value stands: a part of what is authenticated.
#[derive(Copy, Clone, Debug)]
pub struct Place<'a> {
    /// Table.
    pub table: &'a str,
    /// Key of the row.
    pub sid: &'a str,
    /// Column.
    pub column: &'a str,
}

impl Place<'_> {
    /// No name holds a NUL (see `Value::text`), so two places never read alike.
    fn bytes(self) -> Vec<u8> {
        [self.table, self.sid, self.column].join("\0").into_bytes()
    }
}

impl Master {
    fn new(bytes: &[u8; KEY_BYTES]) -> Master {
        let mut named = b"chorus key id ".to_vec();
        named.extend_from_slice(bytes);
        let hash = digest::digest(&digest::SHA256, &named);
        let id = hash.as_ref().iter().take(4).map(|b| format!("{b:02x}")).collect();
        Master { id, hmac: hmac::Key::new(hmac::HMAC_SHA256, bytes) }
    }

    fn of_place(&self, place: &[u8]) -> Option<aead::LessSafeKey> {
        let derived = hmac::sign(&self.hmac, place);
        aead::UnboundKey::new(&aead::AES_256_GCM, derived.as_ref()).ok().map(aead::LessSafeKey::new)
    }
}

impl Key {
    /// Of 32 random bytes.
    pub fn new(bytes: &[u8; KEY_BYTES]) -> Key {
        Key { current: Master::new(bytes), old: Vec::new() }
    }

    /// Reads 64 hexadecimal digits or the base64 of 32 bytes, as CHORUS_SECRET_KEY holds them.
    pub fn parse(text: &str) -> Option<Key> {
        let text = text.trim();
        let bytes = hex(text).or_else(|| base64_simd::STANDARD.decode_to_vec(text).ok())?;
        Some(Key::new(&<[u8; KEY_BYTES]>::try_from(bytes).ok()?))
    }

    /// What was sealed with `older` can still be opened; new values use this key.
    pub fn with_old(mut self, older: &Key) -> Key {
        self.old.push(older.current.clone());
        self
    }

    /// Names the key without telling it.
    pub fn id(&self) -> &str {
        &self.current.id
    }

    /// Encrypts a text for its place.
    pub fn seal(&self, rng: &mut Rng, place: Place<'_>, text: &str) -> Result<String, OpenFailed> {
        let mut nonce = [0; aead::NONCE_LEN];
        rng.fill(&mut nonce);
        let place = place.bytes();
        let key = self.current.of_place(&place).ok_or(OpenFailed::Damaged)?;
        let mut data = text.as_bytes().to_vec();
        key.seal_in_place_append_tag(
            aead::Nonce::assume_unique_for_key(nonce),
            aead::Aad::from(&place),
            &mut data,
        )
        .map_err(|_| OpenFailed::Damaged)?;
        let mut all = nonce.to_vec();
        all.append(&mut data);
        Ok(format!("1.{}.{}", self.current.id, base64_simd::URL_SAFE_NO_PAD.encode_to_string(&all)))
    }

    /// Decrypts what [`Key::seal`] made for the same place.
    pub fn open(&self, place: Place<'_>, sealed: &str) -> Result<String, OpenFailed> {
        let mut words = sealed.splitn(3, '.');
        let (Some("1"), Some(id), Some(data)) = (words.next(), words.next(), words.next()) else {
            return Err(OpenFailed::Damaged);
        };
        let mut masters = std::iter::once(&self.current).chain(&self.old);
        let master = masters.find(|m| m.id == id).ok_or_else(|| OpenFailed::OtherKey(id.to_owned()))?;
        let data = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(data).map_err(|_| OpenFailed::Damaged)?;
        let (nonce, sealed) = data.split_first_chunk::<{ aead::NONCE_LEN }>().ok_or(OpenFailed::Damaged)?;
        let place = place.bytes();
        let key = master.of_place(&place).ok_or(OpenFailed::Damaged)?;
        let mut sealed = sealed.to_vec();
        let nonce = aead::Nonce::assume_unique_for_key(*nonce);
        let text = key
            .open_in_place(nonce, aead::Aad::from(&place), &mut sealed)
            .map_err(|_| OpenFailed::Damaged)?;
        String::from_utf8(text.to_vec()).map_err(|_| OpenFailed::Damaged)
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    if text.len() != KEY_BYTES * 2 || !text.is_ascii() {
        return None;
    }
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
    let (pairs, _) = digits.as_deref()?.as_chunks::<2>();
    Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}
