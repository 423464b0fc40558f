//! Plays a list of items in frames of 20 ms. The list may grow while it plays; what was played stays in it.

use super::codec::g711::ULAW_SILENCE;
use super::dtmf::{self, outgoing::Event, outgoing::KeyTone};
use super::jitter::FRAME;
use super::plan::Item;

/// Samples of the `w` of a key string.
const SHORT_WAIT: u64 = 4_000;
/// Samples of its `W`.
const LONG_WAIT: u64 = 8_000;

/// What the next 20 ms are.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Played {
    /// The frame was filled.
    Audio,
    /// An event instead of audio.
    Event(Event),
    /// All of the list was played before this frame.
    Nothing,
}

/// The place in the list.
#[derive(Clone, Debug, Default)]
pub struct Player {
    item: usize,
    /// Samples of the current item that were played.
    offset: u64,
    /// Octets of the current key string that were read.
    key_at: usize,
    key: Option<KeyTone>,
    wait: u64,
}

impl Player {
    /// The next 20 ms. `events`: the peer has telephone-event; otherwise keys are dual tones.
    pub fn pull(&mut self, list: &[Item], events: bool, out: &mut [u8; FRAME]) -> Played {
        let mut filled = 0;
        while let Some(rest) = out.get_mut(filled..).filter(|r| !r.is_empty()) {
            let Some(item) = list.get(self.item) else { break };
            match item {
                Item::Clip { clip, times } => filled += self.clip(&clip.ulaw, *times, rest),
                Item::Silence(ms) => filled += self.silence(u64::from(*ms) * 8, rest),
                // Keys begin with a frame of their own.
                Item::Keys(_) if filled > 0 => break,
                Item::Keys(keys) => match self.keys(keys, events, out) {
                    Played::Nothing => self.next_item(),
                    played => return played,
                },
            }
        }
        if filled == 0 {
            return Played::Nothing;
        }
        out.iter_mut().skip(filled).for_each(|o| *o = ULAW_SILENCE);
        Played::Audio
    }

    /// Whether all of the list was played.
    pub fn at_end(&self, list: &[Item]) -> bool {
        self.item >= list.len()
    }

    fn next_item(&mut self) {
        *self = Player { item: self.item + 1, ..Player::default() };
    }

    fn clip(&mut self, ulaw: &[u8], times: u32, out: &mut [u8]) -> usize {
        let len = ulaw.len() as u64;
        let total = len.saturating_mul(u64::from(times.max(1)));
        let at = self.offset.checked_rem(len).unwrap_or(0);
        let part = ulaw.get(at as usize..).unwrap_or_default();
        let n = part.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..n), part.get(..n)) {
            to.copy_from_slice(from);
        }
        self.offset = self.offset.saturating_add(n as u64);
        if self.offset >= total {
            self.next_item();
        }
        n
    }

    fn silence(&mut self, total: u64, out: &mut [u8]) -> usize {
        let left = usize::try_from(total.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let n = left.min(out.len());
        out.iter_mut().take(n).for_each(|o| *o = ULAW_SILENCE);
        self.offset = self.offset.saturating_add(n as u64);
        if self.offset >= total {
            self.next_item();
        }
        n
    }

    /// One frame of a key string; Nothing if it is over. Characters that are no keys are passed over.
    fn keys(&mut self, keys: &str, events: bool, out: &mut [u8; FRAME]) -> Played {
        loop {
            if self.wait > 0 {
                self.wait = self.wait.saturating_sub(FRAME as u64);
                out.fill(ULAW_SILENCE);
                return Played::Audio;
            }
            if let Some(key) = self.key.as_mut().filter(|k| !k.done()) {
                if !events {
                    key.tone(out);
                    return Played::Audio;
                }
                if let Some(event) = key.event() {
                    return Played::Event(event);
                }
                out.fill(ULAW_SILENCE);
                return Played::Audio;
            }
            let Some(c) = keys.get(self.key_at..).and_then(|k| k.chars().next()) else {
                return Played::Nothing;
            };
            self.key_at += c.len_utf8();
            match c {
                'w' => self.wait = SHORT_WAIT,
                'W' => self.wait = LONG_WAIT,
                c => self.key = dtmf::code(c).map(KeyTone::new),
            }
        }
    }
}
