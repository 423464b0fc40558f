//! (s) The header of our recordings, and its repair after a kill.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Octets before the samples: RIFF, `fmt ` and `data` without anything optional.
pub const HEADER: u64 = 44;
const HEADER_LEN: usize = 44;
const RATE: u32 = 8_000;
/// The format's lengths are 32 bits wide.
const DATA_MAX: u64 = u32::MAX as u64 - 36;

/// Octets of a millisecond of PCM 16 bit at 8 kHz.
pub fn octets_per_ms(channels: u8) -> u64 {
    16 * u64::from(channels.clamp(1, 2))
}

/// The header of `len` octets of samples.
pub fn header(channels: u8, len: u64) -> [u8; HEADER_LEN] {
    let len = u32::try_from(len.min(DATA_MAX)).unwrap_or(u32::MAX);
    let channels = u16::from(channels.clamp(1, 2));
    let block = channels.saturating_mul(2);
    let mut h = [0; HEADER_LEN];
    let parts: [&[u8]; 13] = [
        b"RIFF",
        &len.saturating_add(36).to_le_bytes(),
        b"WAVE",
        b"fmt ",
        &16u32.to_le_bytes(),
        &1u16.to_le_bytes(),
        &channels.to_le_bytes(),
        &RATE.to_le_bytes(),
        &RATE.saturating_mul(u32::from(block)).to_le_bytes(),
        &block.to_le_bytes(),
        &16u16.to_le_bytes(),
        b"data",
        &len.to_le_bytes(),
    ];
    h.iter_mut().zip(parts.into_iter().flatten()).for_each(|(to, from)| *to = *from);
    h
}

/// What a repair found.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// Channels.
    pub channels: u8,
    /// Milliseconds of audio that are in the file now.
    pub ms: u64,
    /// The header did not fit the file.
    pub changed: bool,
}

/// Makes the header of one of our recordings count what is in the file. A file that was killed while it was made becomes an
/// empty recording.
///
/// # Errors
/// The file cannot be opened or written; `InvalidData` if it is no recording of ours (it is left alone).
pub fn repair(path: &Path) -> io::Result<Repaired> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let size = file.metadata()?.len();
    let mut old = [0; HEADER_LEN];
    let channels = if size < HEADER {
        1
    } else {
        file.read_exact_at(&mut old, 0)?;
        channels_of(&old).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{} is no recording of ours", path.display()))
        })?
    };
    let block = u64::from(channels).saturating_mul(2);
    let samples = size.saturating_sub(HEADER);
    let len = samples.saturating_sub(samples % block).min(DATA_MAX);
    let new = header(channels, len);
    let changed = new != old || size != HEADER.saturating_add(len);
    if changed {
        file.set_len(HEADER.saturating_add(len))?;
        file.write_all_at(&new, 0)?;
        file.sync_data()?;
    }
    Ok(Repaired { channels, ms: len / octets_per_ms(channels), changed })
}

/// Ours if it is one of the two headers that we write, whatever its lengths.
fn channels_of(old: &[u8; HEADER_LEN]) -> Option<u8> {
    let fixed = |h: &[u8; HEADER_LEN]| {
        let mut h = *h;
        let lengths = h.iter_mut().enumerate().filter(|(i, _)| (4..8).contains(i) || (40..44).contains(i));
        lengths.for_each(|(_, b)| *b = 0);
        h
    };
    [1, 2].into_iter().find(|c| fixed(&header(*c, 0)) == fixed(old))
}
