//! Reads WAV files of strangers: PCM of 8 to 32 bit, float of 32 and 64, A-law and mu-law, any rate and number of channels. Lengths are believed
//! only as far as the file goes, because streamed files carry made-up ones.

use super::codec::g711::{pcm_from_alaw, pcm_from_ulaw};

/// Channels of one file.
const CHANNELS_MAX: u16 = 32;

/// What the samples are.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// Unsigned 8 bit.
    U8,
    /// Signed little endian of so many octets: 2, 3 or 4.
    Pcm(usize),
    /// IEEE float, 32 bit.
    Float,
    /// IEEE float, 64 bit.
    Double,
    /// G.711 A-law.
    Alaw,
    /// G.711 mu-law.
    Ulaw,
}

/// A file understood; `data` is what the file has of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wav<'a> {
    /// Of each sample.
    pub format: Format,
    /// At least 1.
    pub channels: usize,
    /// In Hz.
    pub rate: usize,
    /// Interleaved samples.
    pub data: &'a [u8],
}

/// Takes a file apart.
///
/// # Errors
/// What is wrong with it, or which format it has that is not played.
pub fn read(file: &[u8]) -> Result<Wav<'_>, String> {
    let rest = file.strip_prefix(b"RIFF").and_then(|r| r.get(4..)).and_then(|r| r.strip_prefix(b"WAVE"));
    let mut rest = rest.ok_or("the file is no WAV")?;
    let mut header = None;
    loop {
        let (id, length, body) = chunk(rest).ok_or("the WAV has no data chunk")?;
        match &id {
            b"fmt " => header = Some(format(body.get(..length).unwrap_or(body))?),
            b"data" => {
                let (format, channels, rate) = header.ok_or("the WAV has data before its format")?;
                // 0 is what a writer that never came back leaves there.
                let data = if length == 0 { body } else { body.get(..length).unwrap_or(body) };
                return Ok(Wav { format, channels, rate, data });
            }
            _ => {}
        }
        // Chunks are padded to even lengths.
        rest = body.get(length.saturating_add(length % 2)..).ok_or("the WAV has no data chunk")?;
    }
}

fn chunk(bytes: &[u8]) -> Option<([u8; 4], usize, &[u8])> {
    let (id, rest) = bytes.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    Some((*id, usize::try_from(u32::from_le_bytes(*length)).ok()?, rest))
}

fn format(body: &[u8]) -> Result<(Format, usize, usize), String> {
    let word = |at: usize| {
        let pair = body.get(at..).and_then(|b| b.first_chunk::<2>());
        pair.map(|p| u16::from_le_bytes(*p)).ok_or("the WAV's format chunk is cut off")
    };
    // WAVE_FORMAT_EXTENSIBLE keeps the tag in the first word of a GUID.
    let tag = match word(0)? {
        0xfffe => word(24)?,
        tag => tag,
    };
    let (channels, bits) = (word(2)?, word(14)?);
    let rate = (usize::from(word(6)?) << 16) | usize::from(word(4)?);
    if !(1..=CHANNELS_MAX).contains(&channels) {
        return Err(format!("a WAV with {channels} channels is not played"));
    }
    let format = match (tag, bits) {
        (1, 8) => Format::U8,
        (1, 16) => Format::Pcm(2),
        (1, 24) => Format::Pcm(3),
        (1, 32) => Format::Pcm(4),
        (3, 32) => Format::Float,
        (3, 64) => Format::Double,
        (6, 8) => Format::Alaw,
        (7, 8) => Format::Ulaw,
        _ => return Err(format!("a WAV of format {tag} with {bits} bits is not played")),
    };
    Ok((format, usize::from(channels), rate))
}

impl Wav<'_> {
    /// Octets of one sample of one channel.
    pub fn width(&self) -> usize {
        match self.format {
            Format::U8 | Format::Alaw | Format::Ulaw => 1,
            Format::Pcm(octets) => octets,
            Format::Float => 4,
            Format::Double => 8,
        }
    }

    /// The samples from -1 to 1, interleaved; an unfinished one at the end is left out.
    pub fn samples(&self) -> impl Iterator<Item = f32> {
        let format = self.format;
        self.data.chunks_exact(self.width()).map(move |octets| sample(format, octets))
    }
}

fn float(value: f32) -> f32 {
    if value.is_finite() { value.clamp(-1.0, 1.0) } else { 0.0 }
}

fn sample(format: Format, octets: &[u8]) -> f32 {
    // Little endian into the top of 32 bits, so that every width has the same scale.
    let top = |octets: &[u8]| octets.iter().rev().fold(0_u32, |all, o| all << 8 | u32::from(*o));
    let full = |shift: u32| (top(octets) << shift).cast_signed() as f32 / 2_147_483_648.0;
    let first = octets.first().copied().unwrap_or(0);
    match format {
        Format::U8 => (f32::from(first) - 128.0) / 128.0,
        Format::Pcm(2) => full(16),
        Format::Pcm(3) => full(8),
        Format::Pcm(_) => full(0),
        Format::Float => float(f32::from_bits(top(octets))),
        Format::Double => {
            let double = octets.first_chunk::<8>().map_or(0.0, |o| f64::from_le_bytes(*o));
            float(double as f32)
        }
        Format::Alaw => f32::from(pcm_from_alaw(first)) / 32_768.0,
        Format::Ulaw => f32::from(pcm_from_ulaw(first)) / 32_768.0,
    }
}
