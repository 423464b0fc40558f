//! Session keys from a master key (RFC 3711 section 4.3): AES-CM over the salt, with a label for each use. The key derivation
//! rate is 0: each key is derived once.

use super::keys::MasterKey;
use aes::Aes128;
use aes::cipher::{KeyIvInit, StreamCipher};
use ctr::Ctr128BE;

/// What a session key is for (RFC 3711 section 4.3.2).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Label {
    /// Encryption of RTP.
    RtpKey = 0,
    /// Authentication of RTP.
    RtpAuth = 1,
    /// Salt of RTP.
    RtpSalt = 2,
    /// Encryption of RTCP.
    RtcpKey = 3,
    /// Authentication of RTCP.
    RtcpAuth = 4,
    /// Salt of RTCP.
    RtcpSalt = 5,
}

/// `N` octets for one use.
pub fn derive<const N: usize>(master: &MasterKey, label: Label) -> [u8; N] {
    let mut iv = [0; 16];
    for (to, from) in iv.iter_mut().zip(master.salt()) {
        *to = *from;
    }
    // The label stands before the 48 bits of the packet index, which are 0: octet 7 of the salt.
    if let Some(octet) = iv.get_mut(7) {
        *octet ^= label as u8;
    }
    let mut out = [0; N];
    Ctr128BE::<Aes128>::new(master.key().into(), &iv.into()).apply_keystream(&mut out);
    out
}
