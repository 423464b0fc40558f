//! The form of our recordings (16 bit PCM in WAV, ruling 2.18), and one channel made of two while it is read.

/// Octets of a header of our own.
pub const HEADER: usize = 44;
/// Octets of a file's beginning in which its chunks are looked for.
pub const PROBE: usize = 4_096;

/// Where the samples of a file lie.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// 1 or 2.
    pub channels: u16,
    /// Samples a second.
    pub rate: u32,
    /// Octet at which the samples begin.
    pub data: u64,
    /// Octets of samples.
    pub length: u64,
}

fn u16_at(b: &[u8], at: usize) -> Option<u16> {
    b.get(at..)?.first_chunk::<2>().map(|c| u16::from_le_bytes(*c))
}

fn u32_at(b: &[u8], at: usize) -> Option<u32> {
    b.get(at..)?.first_chunk::<4>().map(|c| u32::from_le_bytes(*c))
}

/// Reads the chunks of a WAV file of `size` octets from its first [`PROBE`] octets; None if it is not 16 bit PCM. A
/// length that the file does not have (it is still being written, or the process was killed) is cut to what is there.
pub fn layout(head: &[u8], size: u64) -> Option<Layout> {
    if head.get(..4)? != b"RIFF" || head.get(8..12)? != b"WAVE" {
        return None;
    }
    let mut at = 12usize;
    let mut format = None;
    loop {
        let id = head.get(at..at.checked_add(4)?)?;
        let length = u32_at(head, at.checked_add(4)?)?;
        let body = at.checked_add(8)?;
        match id {
            b"fmt " => {
                let pcm = u16_at(head, body)? == 1 && u16_at(head, body.checked_add(14)?)? == 16;
                let channels = u16_at(head, body.checked_add(2)?)?;
                let rate = u32_at(head, body.checked_add(4)?)?;
                format = (pcm && (1..=2).contains(&channels)).then_some((channels, rate));
            }
            b"data" => {
                let (channels, rate) = format?;
                let there = size.saturating_sub(body as u64);
                return Some(Layout {
                    channels,
                    rate,
                    data: body as u64,
                    length: u64::from(length).min(there),
                });
            }
            _ => {}
        }
        let padded = usize::try_from(length).ok()?.checked_add(1)? & !1;
        at = body.checked_add(padded)?;
    }
}

/// Octets of samples once two channels are one.
pub fn mixed_length(layout: &Layout) -> u64 {
    layout.length / 4 * 2
}

/// The header of one channel with so many octets of samples.
pub fn mono_header(rate: u32, length: u64) -> [u8; HEADER] {
    let length = u32::try_from(length).unwrap_or(u32::MAX - 36);
    let mut out = [0; HEADER];
    let fields: [&[u8]; 13] = [
        b"RIFF",
        &length.saturating_add(36).to_le_bytes(),
        b"WAVE",
        b"fmt ",
        &16u32.to_le_bytes(),
        &1u16.to_le_bytes(),
        &1u16.to_le_bytes(),
        &rate.to_le_bytes(),
        &rate.saturating_mul(2).to_le_bytes(),
        &2u16.to_le_bytes(),
        &16u16.to_le_bytes(),
        b"data",
        &length.to_le_bytes(),
    ];
    for (to, from) in out.iter_mut().zip(fields.concat()) {
        *to = from;
    }
    out
}

/// Adds the two channels of interleaved samples, held to the range of 16 bits. A frame cut at the end is dropped.
pub fn mix(stereo: &[u8]) -> Vec<u8> {
    let (frames, _) = stereo.as_chunks::<4>();
    frames
        .iter()
        .flat_map(|[a, b, c, d]| {
            i16::from_le_bytes([*a, *b]).saturating_add(i16::from_le_bytes([*c, *d])).to_le_bytes()
        })
        .collect()
}

/// The part of a body that a `Range` header asks for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// No range, or one we need not obey (several ranges, another unit): the whole.
    Whole,
    /// From the first octet to the last, both included.
    Octets(u64, u64),
    /// Outside: 416.
    Outside,
}

/// Reads `bytes=0-99`, `bytes=100-`, `bytes=-100` for a body of `size` octets (RFC 9110, 14.1).
pub fn part(range: Option<&str>, size: u64) -> Part {
    let Some(spec) = range.and_then(|r| r.trim().strip_prefix("bytes=")) else { return Part::Whole };
    let Some((from, to)) = spec.split_once('-') else { return Part::Whole };
    let last = size.saturating_sub(1);
    match (from.trim().parse::<u64>(), to.trim().parse::<u64>()) {
        (Ok(from), _) if from >= size => Part::Outside,
        (Ok(from), Ok(to)) if from <= to => Part::Octets(from, to.min(last)),
        (Ok(from), Err(_)) if to.trim().is_empty() => Part::Octets(from, last),
        (Err(_), Ok(0)) if from.trim().is_empty() => Part::Outside,
        (Err(_), Ok(n)) if from.trim().is_empty() && size > 0 => Part::Octets(size.saturating_sub(n), last),
        (Err(_), Ok(_)) if from.trim().is_empty() => Part::Outside,
        _ => Part::Whole,
    }
}
