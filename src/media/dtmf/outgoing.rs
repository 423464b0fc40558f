//! Keys to a peer, in frames of 20 ms: five with a growing event, three ends, two of silence (100 ms on, 100 ms off); or the
//! same times as a dual tone.

use crate::media::codec::g711::{ULAW_SILENCE, ulaw_from_pcm};
use crate::media::tone::Oscillator;

/// Frames in which the key is down.
const DOWN: u8 = 5;
/// Times the end is sent (RFC 4733 section 2.5.1.4).
const ENDS: u8 = 3;
/// Frames of one key with the pause after it.
const FRAMES: u8 = 10;
/// -10 dBm0.
const VOLUME: u8 = 10;
/// Peak of both tones together.
const PEAK: f64 = 11_000.0;

/// One event packet.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The payload: code, end bit and volume, duration.
    pub payload: [u8; 4],
    /// First packet of the press.
    pub first: bool,
    /// Samples from the start of the press to this frame: its timestamp stands still by that much.
    pub since_start: u32,
}

impl Event {
    /// The key.
    pub fn key(&self) -> char {
        let [code, ..] = self.payload;
        super::key(code).unwrap_or('0')
    }
}

/// A key being sent.
#[derive(Copy, Clone, Debug)]
pub struct KeyTone {
    code: u8,
    frame: u8,
    oscillator: Oscillator,
}

impl KeyTone {
    /// Begins with this event code.
    pub fn new(code: u8) -> KeyTone {
        KeyTone { code, frame: 0, oscillator: Oscillator::new(&super::frequencies(code), PEAK) }
    }

    /// The pause after it is over too.
    pub fn done(&self) -> bool {
        self.frame >= FRAMES
    }

    /// The next frame as an event; None: silence.
    pub fn event(&mut self) -> Option<Event> {
        let at = self.frame;
        self.frame = self.frame.saturating_add(1);
        if at >= DOWN + ENDS {
            return None;
        }
        let end = at >= DOWN;
        let duration = u16::from(if end { DOWN } else { at + 1 }) * 160;
        let [d0, d1] = duration.to_be_bytes();
        let flags = VOLUME | if end { 0x80 } else { 0 };
        Some(Event { payload: [self.code, flags, d0, d1], first: at == 0, since_start: u32::from(at) * 160 })
    }

    /// The next frame as a dual tone in mu-law.
    pub fn tone(&mut self, out: &mut [u8]) {
        let on = self.frame < DOWN;
        self.frame = self.frame.saturating_add(1);
        for octet in out {
            *octet = if on { ulaw_from_pcm(self.oscillator.sample()) } else { ULAW_SILENCE };
        }
    }
}

/// Keys that wait to be sent to a peer.
#[derive(Clone, Debug, Default)]
pub struct KeyQueue {
    codes: [u8; 32],
    len: usize,
    now: Option<KeyTone>,
}

impl KeyQueue {
    /// Adds a key; one that finds 32 waiting is dropped.
    pub fn push(&mut self, code: u8) {
        if let Some(slot) = self.codes.get_mut(self.len) {
            *slot = code;
            self.len += 1;
        }
    }

    /// The key that is being sent or would be next.
    pub fn current(&mut self) -> Option<&mut KeyTone> {
        if self.now.is_none_or(|k| k.done()) {
            self.now = (self.len > 0).then(|| {
                let [first, ..] = self.codes;
                self.codes.rotate_left(1);
                self.len -= 1;
                KeyTone::new(first)
            });
        }
        self.now.as_mut()
    }

    /// Nothing is being sent and nothing waits.
    pub fn is_idle(&self) -> bool {
        self.len == 0 && self.now.is_none_or(|k| k.done())
    }
}
