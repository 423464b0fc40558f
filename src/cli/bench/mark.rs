//! Frames of 160 octets of mu-law that say who sent them and as which: content that can be checked, not only counted.
//! All octets lie in 0x80..=0xBF, which survive the way to PCM of 16 bits and back.

use crate::media::feed::PACKET;

/// Octets of a frame: 20 ms.
pub const FRAME: usize = 160;
/// The voice of the file.
pub const FILE: u32 = 0x00FF_FFFF;
/// How a frame begins.
pub const MAGIC: [u8; 4] = [0xA5, 0x9A, 0xB7, 0x81];
const _: () = assert!(FRAME <= PACKET);

/// Frame `number` of `voice`.
pub fn frame(voice: u32, number: u32) -> [u8; FRAME] {
    let mut out = [0; FRAME];
    let digits =
        |n: u32| (0..8).map(move |i| 0x80 | u8::try_from((n >> (28 - 4 * i)) & 0x0F).unwrap_or(0) << 1);
    let start = (voice.wrapping_add(number) & 0x3F) as usize;
    let fill = (start..).map(|i| 0x80 | u8::try_from(i & 0x3F).unwrap_or(0));
    let octets = MAGIC.into_iter().chain(digits(voice)).chain(digits(number)).chain(fill);
    out.iter_mut().zip(octets).for_each(|(o, b)| *o = b);
    out
}

/// Whose frame this is and which; None if a single octet is not right.
pub fn read(payload: &[u8]) -> Option<(u32, u32)> {
    let rest = payload.strip_prefix(&MAGIC)?;
    let number = |octets: &[u8]| octets.iter().fold(0_u32, |n, o| n << 4 | u32::from((o & 0x1F) >> 1));
    let (voice, rest) = rest.split_at_checked(8)?;
    let (which, _) = rest.split_at_checked(8)?;
    let (voice, which) = (number(voice), number(which));
    (payload == frame(voice, which)).then_some((voice, which))
}
