//! One packet with one session key: AES counter mode with HMAC-SHA1 (RFC 3711 section 4), or AES-GCM (RFC 7714). Which index
//! a packet has is `outbound`'s and `inbound`'s to know.

use super::Suite;
use super::derive::{Label, derive};
use super::keys::MasterKey;
use crate::media::rtp::PACKET_MAX;
use aes::Aes128Enc;
use aes::cipher::{InnerIvInit, KeyInit, StreamCipher};
use ctr::{Ctr128BE, CtrCore};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;
use subtle::ConstantTimeEq;

/// Octets of the longest tag.
pub const TAG_MAX: usize = 16;
/// Octets of the tag of GCM.
const GCM_TAG: usize = 16;
/// Octets of the tags of HMAC-SHA1.
const TAG_80: usize = 10;
const TAG_32: usize = 4;
/// Octets at the head of an RTCP compound that stay in clear.
const RTCP_HEAD: usize = 8;
/// Octets of the E flag with the index of SRTCP.
const TRAILER: usize = 4;
/// The E flag: it is encrypted.
const ENCRYPTED: u32 = 1 << 31;

/// Counter mode and its authentication.
struct Cm {
    cipher: Aes128Enc,
    salt: [u8; 14],
    auth: hmac::Key,
    tag: usize,
}

/// Galois counter mode.
struct Gcm {
    key: LessSafeKey,
    salt: [u8; 12],
}

enum Cipher {
    Cm(Cm),
    Gcm(Gcm),
}

/// The session keys of one direction of RTP or RTCP.
pub struct Session(Cipher);

impl Session {
    /// For RTP. None never happens: the lengths are those of the ciphers.
    pub fn rtp(master: &MasterKey) -> Option<Session> {
        let tag = if master.suite() == Suite::AesCm32 { TAG_32 } else { TAG_80 };
        Session::new(master, [Label::RtpKey, Label::RtpAuth, Label::RtpSalt], tag)
    }

    /// For RTCP, whose tag is never the short one (RFC 3711 section 5.2).
    pub fn rtcp(master: &MasterKey) -> Option<Session> {
        Session::new(master, [Label::RtcpKey, Label::RtcpAuth, Label::RtcpSalt], TAG_80)
    }

    fn new(master: &MasterKey, [key, auth, salt]: [Label; 3], tag: usize) -> Option<Session> {
        let auth = derive::<20>(master, auth);
        Session::of(master.suite(), &derive(master, key), &auth, &derive(master, salt), tag)
    }

    /// Of session keys, for the RFCs' examples.
    pub fn of(suite: Suite, key: &[u8; 16], auth: &[u8; 20], salt: &[u8; 14], tag: usize) -> Option<Session> {
        Some(Session(match suite {
            Suite::AesGcm => Cipher::Gcm(Gcm {
                key: LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key).ok()?),
                salt: *salt.first_chunk()?,
            }),
            Suite::AesCm80 | Suite::AesCm32 => Cipher::Cm(Cm {
                cipher: Aes128Enc::new(key.into()),
                salt: *salt,
                auth: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, auth),
                tag,
            }),
        }))
    }

    /// Protects the RTP packet that begins at `start` of `out` and ends with it. `header`: octets of its header.
    pub fn protect_rtp(
        &self,
        out: &mut Vec<u8>,
        start: usize,
        header: usize,
        ssrc: u32,
        index: u64,
    ) -> Option<()> {
        match &self.0 {
            Cipher::Cm(cm) => {
                cm.stream(ssrc, index, out.get_mut(start + header..)?);
                let mut auth = hmac::Context::with_key(&cm.auth);
                auth.update(out.get(start..)?);
                auth.update(&rollover(index));
                out.extend_from_slice(auth.sign().as_ref().get(..cm.tag)?);
            }
            Cipher::Gcm(gcm) => {
                let (head, body) = out.get_mut(start..)?.split_at_mut_checked(header)?;
                let tag =
                    gcm.key.seal_in_place_separate_tag(gcm.rtp_nonce(ssrc, index), Aad::from(head), body);
                out.extend_from_slice(tag.ok()?.as_ref());
            }
        }
        Some(())
    }

    /// Opens an RTP packet with the first of these indexes that it was protected with: that index, and the octets that remain. What
    /// opens with none is as it was.
    pub fn open_rtp(
        &self,
        packet: &mut [u8],
        header: usize,
        ssrc: u32,
        indexes: impl Iterator<Item = u64>,
    ) -> Option<(u64, usize)> {
        match &self.0 {
            Cipher::Cm(cm) => {
                let end = packet.len().checked_sub(cm.tag).filter(|end| *end >= header)?;
                let (signed, tag) = packet.split_at_mut_checked(end)?;
                // Only the rollover counter differs from one to the next: what is long is hashed once.
                let mut auth = hmac::Context::with_key(&cm.auth);
                auth.update(signed);
                let index = { indexes }.find(|index| {
                    let mut auth = auth.clone();
                    auth.update(&rollover(*index));
                    auth.sign().as_ref().get(..cm.tag).is_some_and(|own| own.ct_eq(tag).into())
                })?;
                cm.stream(ssrc, index, signed.get_mut(header..)?);
                Some((index, end))
            }
            Cipher::Gcm(gcm) => {
                let end = packet.len().checked_sub(GCM_TAG).filter(|end| *end >= header)?;
                // `ring` says nothing of what it leaves behind where the tag is wrong.
                let mut before = [0; PACKET_MAX];
                let before = before.get_mut(..packet.len())?;
                before.copy_from_slice(packet);
                for index in indexes {
                    let (head, body) = packet.split_at_mut_checked(header)?;
                    if gcm.key.open_in_place(gcm.rtp_nonce(ssrc, index), Aad::from(head), body).is_ok() {
                        return Some((index, end));
                    }
                    packet.copy_from_slice(before);
                }
                None
            }
        }
    }

    /// Protects the RTCP compound that begins at `start` of `out` and ends with it.
    pub fn protect_rtcp(&self, out: &mut Vec<u8>, start: usize, ssrc: u32, index: u32) -> Option<()> {
        let trailer = (ENCRYPTED | index).to_be_bytes();
        match &self.0 {
            Cipher::Cm(cm) => {
                cm.stream(ssrc, u64::from(index), out.get_mut(start + RTCP_HEAD..)?);
                out.extend_from_slice(&trailer);
                let tag = hmac::sign(&cm.auth, out.get(start..)?);
                out.extend_from_slice(tag.as_ref().get(..cm.tag)?);
            }
            Cipher::Gcm(gcm) => {
                let (head, body) = out.get_mut(start..)?.split_at_mut_checked(RTCP_HEAD)?;
                let aad = rtcp_aad(head, trailer)?;
                let nonce = gcm.rtcp_nonce(ssrc, index);
                let tag = gcm.key.seal_in_place_separate_tag(nonce, Aad::from(aad), body).ok()?;
                out.extend_from_slice(tag.as_ref());
                out.extend_from_slice(&trailer);
            }
        }
        Some(())
    }

    /// Opens an RTCP compound: its SSRC, its index and the octets that remain. One that is not encrypted but authenticated may be
    /// (E is 0). `fresh` says whether an index was not there before.
    pub fn open_rtcp(
        &self,
        packet: &mut [u8],
        fresh: impl FnOnce(u32, u32) -> bool,
    ) -> Option<(u32, u32, usize)> {
        let ssrc = u32::from_be_bytes(*packet.get(4..)?.first_chunk()?);
        let tag_behind = if let Cipher::Cm(cm) = &self.0 { cm.tag } else { 0 };
        let trailer_at = packet.len().checked_sub(TRAILER + tag_behind).filter(|at| *at >= RTCP_HEAD)?;
        let trailer = *packet.get(trailer_at..)?.first_chunk::<TRAILER>()?;
        let word = u32::from_be_bytes(trailer);
        let (encrypted, index) = (word & ENCRYPTED != 0, word & !ENCRYPTED);
        if !fresh(ssrc, index) {
            return None;
        }
        let end = match &self.0 {
            Cipher::Cm(cm) => {
                let (signed, tag) = packet.split_at_mut_checked(trailer_at + TRAILER)?;
                let own = hmac::sign(&cm.auth, signed);
                if !bool::from(own.as_ref().get(..cm.tag)?.ct_eq(tag)) {
                    return None;
                }
                if encrypted {
                    cm.stream(ssrc, u64::from(index), signed.get_mut(RTCP_HEAD..trailer_at)?);
                }
                trailer_at
            }
            Cipher::Gcm(gcm) => {
                gcm.open_rtcp(packet.get_mut(..trailer_at)?, trailer, encrypted, ssrc, index)?
            }
        };
        Some((ssrc, index, end))
    }
}

impl Cm {
    /// Encrypts or decrypts (RFC 3711 section 4.1.1).
    fn stream(&self, ssrc: u32, index: u64, octets: &mut [u8]) {
        let mut iv = [0; 16];
        let words = (u128::from(ssrc) << 64) ^ (u128::from(index) << 16);
        for (to, from) in iv.iter_mut().zip(self.salt) {
            *to = from;
        }
        let iv = (u128::from_be_bytes(iv) ^ words).to_be_bytes();
        let counter = CtrCore::inner_iv_init(&self.cipher, &iv.into());
        Ctr128BE::<&Aes128Enc>::from_core(counter).apply_keystream(octets);
    }
}

impl Gcm {
    fn nonce(&self, ssrc: u32, low: u64) -> Nonce {
        let [s0, s1, s2, s3] = ssrc.to_be_bytes();
        let [_, _, l @ ..] = low.to_be_bytes();
        let [l0, l1, l2, l3, l4, l5] = l;
        let mut nonce = [0, 0, s0, s1, s2, s3, l0, l1, l2, l3, l4, l5];
        nonce.iter_mut().zip(self.salt).for_each(|(to, salt)| *to ^= salt);
        Nonce::assume_unique_for_key(nonce)
    }

    /// 00 00, SSRC, ROC, SEQ (RFC 7714 section 8.1).
    fn rtp_nonce(&self, ssrc: u32, index: u64) -> Nonce {
        self.nonce(ssrc, index)
    }

    /// 00 00, SSRC, 00 00, the index (section 9.1).
    fn rtcp_nonce(&self, ssrc: u32, index: u32) -> Nonce {
        self.nonce(ssrc, u64::from(index))
    }

    /// `packet` is without its trailer.
    fn open_rtcp(
        &self,
        packet: &mut [u8],
        trailer: [u8; TRAILER],
        encrypted: bool,
        ssrc: u32,
        index: u32,
    ) -> Option<usize> {
        let end = packet.len().checked_sub(GCM_TAG).filter(|end| *end >= RTCP_HEAD)?;
        let nonce = self.rtcp_nonce(ssrc, index);
        if encrypted {
            let (head, body) = packet.split_at_mut_checked(RTCP_HEAD)?;
            let aad = rtcp_aad(head, trailer)?;
            self.key.open_in_place(nonce, Aad::from(aad), body).ok()?;
            return Some(end);
        }
        let (clear, tag) = packet.split_at_mut_checked(end)?;
        let mut aad = Vec::with_capacity(clear.len() + TRAILER);
        aad.extend_from_slice(clear);
        aad.extend_from_slice(&trailer);
        self.key.open_in_place(nonce, Aad::from(aad), tag).ok()?;
        Some(end)
    }
}

/// The rollover counter, which is authenticated behind the packet.
fn rollover(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

/// What of an encrypted compound is authenticated only (RFC 7714 section 9.2).
fn rtcp_aad(head: &[u8], trailer: [u8; TRAILER]) -> Option<[u8; RTCP_HEAD + TRAILER]> {
    let mut aad = [0; RTCP_HEAD + TRAILER];
    aad.get_mut(..RTCP_HEAD)?.copy_from_slice(head);
    aad.get_mut(RTCP_HEAD..)?.copy_from_slice(&trailer);
    Some(aad)
}
