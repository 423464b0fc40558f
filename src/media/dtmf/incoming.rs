//! Keys from a peer (RFC 4733): each press is reported once, at the first packet of it that arrives, whichever that is: the
//! start may be lost, the marker bit missing, the end sent three times, packets late, several keys in one packet.

use crate::media::rtp::ts_after;

/// Presses remembered, so that a late packet of one is not taken for a new one.
const REMEMBERED: usize = 8;
/// Keys that one packet can hold.
const IN_PACKET: usize = 4;
/// How far a sender that lets the timestamp of one press run may get behind (100 ms).
const RUNNING_MAX: i64 = 800;
/// How far back a late packet may come from (5 s); further back is a sender whose timestamps jumped.
const STRAGGLER_MAX: i64 = 40_000;
/// The longest duration a segment can tell; then the press goes on under a new timestamp (section 2.5.1.3).
const SEGMENT: u16 = u16::MAX;

#[derive(Copy, Clone, Debug)]
struct Press {
    code: u8,
    /// Which of equal codes in one packet.
    nth: u8,
    ts: u32,
    duration: u16,
    ended: bool,
}

/// Reads events of one leg.
#[derive(Clone, Debug, Default)]
pub struct KeyReader {
    presses: [Option<Press>; REMEMBERED],
    next: usize,
}

/// What a packet told: codes of keys that were newly pressed.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Pressed([Option<u8>; IN_PACKET]);

impl Pressed {
    /// The codes.
    pub fn iter(&self) -> impl Iterator<Item = u8> + '_ {
        self.0.iter().flatten().copied()
    }
}

impl KeyReader {
    /// A sender restarted: its timestamps mean nothing against the old ones.
    pub fn reset(&mut self) {
        *self = KeyReader::default();
    }

    /// Takes a packet's payload: blocks of four octets, each an event.
    pub fn on_packet(&mut self, marker: bool, ts: u32, payload: &[u8]) -> Pressed {
        let mut pressed = Pressed::default();
        let mut seen = [0u8; IN_PACKET];
        for (i, block) in payload.chunks_exact(4).take(IN_PACKET).enumerate() {
            let Some([code, flags, d0, d1]) = block.first_chunk::<4>().copied() else { break };
            if super::key(code).is_none() {
                continue;
            }
            let nth = seen.iter().take(i).filter(|c| **c == code + 1).count() as u8;
            if let Some(s) = seen.get_mut(i) {
                *s = code + 1;
            }
            let duration = u16::from_be_bytes([d0, d1]);
            let press = Press { code, nth, ts, duration, ended: flags & 0x80 != 0 };
            if self.is_new(marker, press)
                && let Some(slot) = pressed.0.get_mut(i)
            {
                *slot = Some(code);
            }
        }
        pressed
    }

    fn is_new(&mut self, marker: bool, p: Press) -> bool {
        for old in self.presses.iter_mut().flatten().filter(|o| o.code == p.code && o.nth == p.nth) {
            let later = ts_after(p.ts, old.ts);
            let same =
                later == 0 || (!marker && (later > -RUNNING_MAX && later < 0 || continues(old, p, later)));
            if same {
                old.ended |= p.ended;
                if later > 0 {
                    old.ts = p.ts;
                    old.duration = p.duration;
                } else {
                    old.duration = old.duration.max(p.duration);
                }
                return false;
            }
        }
        // Older than everything remembered: a straggler of a press that was reported long ago.
        let full = self.presses.iter().all(Option::is_some);
        if full && self.presses.iter().flatten().all(|o| (1..STRAGGLER_MAX).contains(&ts_after(o.ts, p.ts))) {
            return false;
        }
        if let Some(slot) = self.presses.get_mut(self.next) {
            *slot = Some(p);
        }
        self.next = (self.next + 1) % REMEMBERED;
        true
    }
}

/// Whether a packet with a later timestamp and without marker still belongs to the same press: the next segment of a long one,
/// or one of a sender that wrongly lets the timestamp run with the packets.
fn continues(old: &Press, p: Press, later: i64) -> bool {
    let segment = !old.ended && old.duration == SEGMENT && later <= i64::from(SEGMENT) + RUNNING_MAX;
    let running = later <= RUNNING_MAX && later < i64::from(p.duration) && (!old.ended || p.ended);
    segment || running
}
