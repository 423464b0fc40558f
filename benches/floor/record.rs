//! Floor of Record: what comes is collected as PCM of 16 bits and given to a WAV file every 400 ms, into the page cache, and then
//! the header that counts it, so that a kill leaves a file that can be read; silence goes back, one packet a leg and 20 ms, as the
//! server sends it.
//! `floor-record CALLS FOLDER`

#![allow(clippy::indexing_slicing)]

mod rig;

use rig::{FRAME, Floor, Leg};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Octets of a write: 400 ms, as the server does.
const WRITE: usize = 20 * FRAME * 2;
const HEADER: u64 = 44;

struct Recording {
    file: File,
    buffer: [u8; WRITE + 2 * FRAME],
    filled: usize,
    written: u32,
}

struct Record {
    files: Vec<Recording>,
    pcm: [[u8; 2]; 256],
}

/// G.711 table, computed once.
fn expand(octet: u8) -> i16 {
    let u = !octet;
    let magnitude = ((i16::from(u & 0x0F) << 3) + 0x84) << ((u >> 4) & 7);
    if u & 0x80 == 0 { magnitude - 0x84 } else { 0x84 - magnitude }
}

impl Recording {
    fn open(path: &std::path::Path) -> Recording {
        let file = File::create(path).unwrap_or_else(|e| panic_with(&e.to_string()));
        Recording { file, buffer: [0; WRITE + 2 * FRAME], filled: 0, written: 0 }
    }

    fn write(&mut self) {
        let at = HEADER + u64::from(self.written);
        self.written += u32::try_from(self.filled).unwrap_or(0);
        let both = self
            .file
            .write_all_at(&self.buffer[..self.filled], at)
            .and_then(|()| self.file.write_all_at(&header(self.written), 0));
        assert!(both.is_ok(), "the disk takes it");
        self.filled = 0;
    }
}

/// RIFF, one channel of 16 bits at 8 kHz.
fn header(len: u32) -> [u8; HEADER as usize] {
    let mut h = *b"RIFF----WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data----";
    h[4..8].copy_from_slice(&(len + 36).to_le_bytes());
    h[40..].copy_from_slice(&len.to_le_bytes());
    h
}

impl Floor for Record {
    fn on_rtp(&mut self, _: &mut [Leg], i: usize, payload: &[u8]) -> u64 {
        let r = &mut self.files[i];
        let len = payload.len().min(FRAME);
        let room = r.buffer[r.filled..][..2 * len].as_chunks_mut::<2>().0;
        room.iter_mut().zip(payload).for_each(|(slot, octet)| *slot = self.pcm[usize::from(*octet)]);
        r.filled += 2 * len;
        if r.filled >= WRITE {
            r.write();
        }
        0
    }

    fn on_tick(&mut self, legs: &mut [Leg], phase: usize) -> u64 {
        let mut sent = 0;
        for i in rig::of_phase(legs.len(), phase) {
            sent += u64::from(legs.get_mut(i).is_some_and(|leg| leg.send(&[0xFF; FRAME])));
        }
        sent
    }
}

fn main() {
    let n: usize = rig::argument(1).parse().unwrap_or(1);
    let folder = std::path::PathBuf::from(rig::argument(2));
    let open = |i: usize| Recording::open(&folder.join(format!("floor{i}.wav")));
    let pcm = std::array::from_fn(|o| expand(o as u8).to_le_bytes());
    rig::run(n, |_, n| Record { files: (0..n).map(open).collect(), pcm });
}

fn panic_with(words: &str) -> ! {
    eprintln!("floor-record: {words}");
    std::process::exit(1)
}
