//! Keys as tones in what is heard (ITU-T Q.23, Q.24): Goertzel filters over windows of 12.75 ms, one every 6.4 ms.
//!
//! A key is two tones and next to nothing else: most of a window's energy lies in one row and one column, both of about the same
//! level (twist), and there is no harmonic of either, as a voice has them. Four windows in a row must agree: 32 ms, so that 40 ms
//! are always enough and 23 ms never. What is lost on the way is no pause; what its sender left out is one.
//!
//! ```text
//!  silent --4 windows with the same key--> down (reported) --4 windows without it, or a pause--> silent
//! ```

use crate::media::codec::g711::{pcm_from_alaw, pcm_from_ulaw};
use crate::media::plan::Codec;
use crate::media::rtp::ts_after;

/// Samples of a window.
const WINDOW: usize = 102;
/// Samples from one window to the next.
const HOP: usize = WINDOW / 2;
/// Windows that must agree before a key is down, and before it is up.
const AGREE: u8 = 4;
/// The share of a window's energy that lies in the two tones. With both tones 1.5 % off their frequency it is 0.8.
const PURE: f32 = 0.62;
/// The weakest tone: a sine of -38 dBm0.
const PEAK_MIN: f32 = 285.0;
/// Twist that is taken, as a ratio of energies: the column 5 dB above the row (Q.24 asks for 4), or 9 dB below it (8).
const COLUMN_ABOVE: f32 = 3.2;
const COLUMN_BELOW: f32 = 8.0;
/// The strongest of the other rows or columns, as a share of the one that counts. A neighbour 9 % away gets 0.25 of it.
const NEIGHBOUR: f32 = 0.4;
/// Twice a tone's frequency, as a share of the tone: a voice has it, a key does not. Twice a row lies among the columns.
const HARMONIC_OF_COLUMN: f32 = 0.1;
const HARMONIC_OF_ROW: f32 = 0.6;
/// Energy of both tones from one window to the next, at most this ratio: a voice swells and fades.
const STEADY: f32 = 2.5;
/// A pause in what is sent, in samples (25 ms): nobody could have lost that little between two packets in order.
const PAUSE: i64 = 200;
/// After a hole of this length (100 ms) nothing is known of the key.
const HOLE_MAX: i64 = 800;

const ROWS: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMNS: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
/// Event codes by row and column.
const CODES: [[u8; 4]; 4] = [[1, 2, 3, 12], [4, 5, 6, 13], [7, 8, 9, 14], [10, 0, 11, 15]];

/// What a window holds.
#[derive(Copy, Clone, Debug, PartialEq)]
struct Found {
    code: u8,
    energy: f32,
}

/// Finds keys in the audio of one leg.
#[derive(Clone, Debug)]
pub struct ToneReader {
    coefficients: [[f32; 4]; 4],
    window: [f32; WINDOW],
    filled: usize,
    /// The key that the last windows held, and how many of them.
    run: Option<(Found, u8)>,
    /// The key that is down, and how many windows were without it.
    down: Option<(u8, u8)>,
    /// Sequence and timestamp that come next.
    next: Option<(i64, u32)>,
}

impl Default for ToneReader {
    fn default() -> ToneReader {
        let double = |hz: [f32; 4]| hz.map(|f| f * 2.0);
        ToneReader {
            coefficients: [ROWS, COLUMNS, double(ROWS), double(COLUMNS)].map(|group| group.map(coefficient)),
            window: [0.0; WINDOW],
            filled: 0,
            run: None,
            down: None,
            next: None,
        }
    }
}

fn coefficient(hz: f32) -> f32 {
    2.0 * (std::f32::consts::TAU * hz / 8_000.0).cos()
}

impl ToneReader {
    /// A packet in the order of its sequence (one that comes behind a later one is passed over): the code of the key that was pressed
    /// in it. No packet is so long that two could be.
    pub fn on_audio(&mut self, ext: i64, ts: u32, codec: Codec, payload: &[u8]) -> Option<u8> {
        let (lost, gap) = self.next.map_or((0, 0), |(seq, next)| (ext - seq, ts_after(ts, next)));
        if lost < 0 {
            return None;
        }
        self.next = Some((ext + 1, ts.wrapping_add(payload.len() as u32)));
        let missing = lost * payload.len() as i64;
        if gap < 0 || gap > missing + PAUSE || gap > HOLE_MAX {
            self.pause();
        } else if gap > 0 {
            self.filled = 0;
        }
        let pcm = match codec {
            Codec::Pcmu => pcm_from_ulaw,
            Codec::Pcma => pcm_from_alaw,
        };
        let mut pressed = None;
        for octet in payload {
            if let Some(place) = self.window.get_mut(self.filled) {
                *place = f32::from(pcm(*octet));
            }
            self.filled += 1;
            if self.filled >= WINDOW {
                pressed = self.on_window().or(pressed);
                self.window.copy_within(HOP.., 0);
                self.filled = WINDOW - HOP;
            }
        }
        pressed
    }

    /// Nothing was sent for a while, or comfort noise: whatever was down is up.
    pub fn pause(&mut self) {
        self.filled = 0;
        self.run = None;
        self.down = None;
    }

    /// Another sender, whose numbers mean nothing against those before.
    pub fn restart(&mut self) {
        self.pause();
        self.next = None;
    }

    fn on_window(&mut self) -> Option<u8> {
        let found = self.look();
        if let Some((key, without)) = self.down {
            let without = if found.is_some_and(|f| f.code == key) { 0 } else { without + 1 };
            self.down = (without < AGREE).then_some((key, without));
        }
        let Some(found) = found else {
            self.run = None;
            return None;
        };
        let steady = |a: f32, b: f32| a <= b * STEADY && b <= a * STEADY;
        let count = match self.run {
            Some((last, n)) if last.code == found.code && steady(last.energy, found.energy) => n + 1,
            _ => 1,
        };
        self.run = Some((found, count.min(AGREE)));
        let new = count >= AGREE && self.down.is_none_or(|(key, _)| key != found.code);
        if new {
            self.down = Some((found.code, 0));
        }
        new.then_some(found.code)
    }

    /// The key in the window.
    fn look(&self) -> Option<Found> {
        let energy: f32 = self.window.iter().map(|s| s * s).sum();
        // A sine of that peak has half its square in each sample; both tones together twice that.
        if energy < PEAK_MIN * PEAK_MIN * WINDOW as f32 {
            return None;
        }
        let [rows, columns, row_doubles, column_doubles] = self.coefficients;
        let (row, row_energy) = strongest(rows.map(|c| self.goertzel(c)))?;
        let (column, column_energy) = strongest(columns.map(|c| self.goertzel(c)))?;
        let tones = row_energy + column_energy;
        let weakest = PEAK_MIN * PEAK_MIN * WINDOW as f32 / 2.0;
        let level = row_energy.min(column_energy) >= weakest * 0.7;
        let twist = column_energy <= row_energy * COLUMN_ABOVE && row_energy <= column_energy * COLUMN_BELOW;
        if !level || !twist || tones < energy * PURE {
            return None;
        }
        let doubled = |of: [f32; 4], at: usize| of.get(at).map_or(0.0, |c| self.goertzel(*c));
        if doubled(column_doubles, column) > column_energy * HARMONIC_OF_COLUMN
            || doubled(row_doubles, row) > row_energy * HARMONIC_OF_ROW + column_energy * 0.3
        {
            return None;
        }
        let code = CODES.get(row)?.get(column)?;
        Some(Found { code: *code, energy: tones })
    }

    /// The energy of the window at one frequency, on the scale of the sum of its squares.
    fn goertzel(&self, coefficient: f32) -> f32 {
        let (mut s1, mut s2) = (0.0_f32, 0.0_f32);
        for sample in self.window {
            let s0 = sample + coefficient * s1 - s2;
            s2 = s1;
            s1 = s0;
        }
        (s1 * s1 + s2 * s2 - coefficient * s1 * s2) * 2.0 / WINDOW as f32
    }
}

/// The strongest of four, if it stands out.
fn strongest(energies: [f32; 4]) -> Option<(usize, f32)> {
    let (at, most) = energies.into_iter().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let others = energies.into_iter().enumerate().filter(|(i, _)| *i != at);
    let second = others.map(|(_, e)| e).fold(0.0, f32::max);
    (second <= most * NEIGHBOUR).then_some((at, most))
}
