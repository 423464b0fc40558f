//! Is what was heard what was said? Correlation after alignment, piece by piece, so that one slip of a jitter buffer does not
//! hide that the rest is right.

/// Samples that find the alignment: 0.5 s.
const PIECE: usize = 4_000;
/// A later piece may have slipped this far (100 ms) against the one before.
const SLIP: usize = 800;
/// Pieces quieter than this share of the loudest are not compared: silence is like any silence.
const QUIET: f64 = 0.05;

/// Smallest magnitude of a sound.
const SOUND: u16 = 200;

/// mu-law as samples.
pub fn samples(ulaw: &[u8]) -> Vec<i16> {
    ulaw.iter().map(|o| crate::media::codec::g711::pcm_from_ulaw(*o)).collect()
}

fn energy(x: &[i16]) -> i64 {
    product(x, x)
}

fn product(a: &[i16], b: &[i16]) -> i64 {
    // Whole numbers add up in vectors; 64 bits hold any number of products of 16.
    a.iter().zip(b).map(|(x, y)| i64::from(i32::from(*x) * i32::from(*y))).sum()
}

fn square(sample: i16) -> i64 {
    i64::from(sample) * i64::from(sample)
}

/// Where in `heard[from..to]` `piece` fits best, and how well: 1 is the same, 0 nothing of it.
fn find(piece: &[i16], heard: &[i16], from: usize, to: usize) -> Option<(usize, f64)> {
    let own = energy(piece) as f64;
    let mut best: Option<(usize, f64)> = None;
    // The energy of a window is that of the one before, less the sample that it has lost, and with the one that it has gained.
    let (mut theirs, mut lost) = (None, 0);
    let windows = heard.get(from..).unwrap_or_default().windows(piece.len());
    for (at, window) in (from..to).zip(windows) {
        let (Some(first), Some(last)) = (window.first(), window.last()) else { break };
        let now = theirs.map_or_else(|| energy(window), |e: i64| e - lost + square(*last));
        (theirs, lost) = (Some(now), square(*first));
        if now <= 0 {
            continue;
        }
        let value = product(piece, window) as f64 / (own * now as f64).sqrt();
        if best.is_none_or(|(_, b)| value > b) {
            best = Some((at, value));
        }
    }
    best
}

/// What lies between the first and the last sound: a recording may be trimmed.
pub fn trimmed(said: &[i16]) -> &[i16] {
    let loud = |s: &i16| s.unsigned_abs() > SOUND;
    let start = said.iter().position(loud).unwrap_or(0);
    let end = said.iter().rposition(loud).map_or(0, |last| last.saturating_add(1));
    said.get(start..end).unwrap_or_default()
}

/// How much `heard` holds `said`: the mean correlation of its pieces by their energy; 0 if there is nothing to compare.
/// The loudest piece finds the alignment, the others are looked for around their place.
pub fn correlation(said: &[i16], heard: &[i16]) -> f64 {
    let pieces: Vec<&[i16]> = trimmed(said).chunks_exact(PIECE).collect();
    let energies: Vec<f64> = pieces.iter().map(|p| energy(p) as f64).collect();
    let Some((anchor, loudest)) = energies.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))
    else {
        return 0.0;
    };
    let Some((at, value)) = pieces.get(anchor).and_then(|p| find(p, heard, 0, heard.len())) else {
        return 0.0;
    };
    let (mut sum, mut weight) = (value * loudest, loudest);
    let place = |i: usize| (i * PIECE) as i64;
    let ways: [Vec<usize>; 2] = [(anchor + 1..pieces.len()).collect(), (0..anchor).rev().collect()];
    for way in ways {
        let mut shift = at as i64 - place(anchor);
        for i in way {
            let (Some(piece), Some(own)) = (pieces.get(i), energies.get(i)) else { continue };
            if *own <= loudest * QUIET {
                continue;
            }
            let near = usize::try_from(place(i) + shift).unwrap_or(0);
            if let Some((at, value)) =
                find(piece, heard, near.saturating_sub(SLIP), near.saturating_add(SLIP))
            {
                sum += value.max(0.0) * own;
                shift = at as i64 - place(i);
            }
            weight += own;
        }
    }
    if weight > 0.0 { sum / weight } else { 0.0 }
}

/// The value below which this share (0 to 1) of the sorted values lies.
pub fn percentile(sorted: &[u64], share: f64) -> Option<u64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last as f64 * share).round() as usize).copied()
}
