//! Floor of Record: what comes is collected as PCM of 16 bits and given to a file every 400 ms, into the page cache; silence goes back,
//! one packet a leg and 20 ms, as the server sends it.
//! `floor-record CALLS FOLDER`

mod rig;

use rig::{FRAME, Floor, Leg};
use std::fs::File;
use std::io::Write;

/// Frames between two writes: 400 ms, as the server does.
const FRAMES: usize = 20;

struct Record {
    files: Vec<(File, Vec<u8>)>,
    pcm: Vec<[u8; 2]>,
}

/// G.711 table, computed once.
fn expand(octet: u8) -> i16 {
    let u = !octet;
    let magnitude = ((i16::from(u & 0x0F) << 3) + 0x84) << ((u >> 4) & 7);
    if u & 0x80 == 0 { magnitude - 0x84 } else { 0x84 - magnitude }
}

impl Floor for Record {
    fn on_rtp(&mut self, _: &mut [Leg], i: usize, payload: &[u8]) -> u64 {
        let Some((file, buffer)) = self.files.get_mut(i) else { return 0 };
        for octet in payload {
            buffer.extend_from_slice(self.pcm.get(usize::from(*octet)).unwrap_or(&[0, 0]));
        }
        if buffer.len() >= FRAMES * FRAME * 2 {
            assert!(file.write_all(buffer).is_ok(), "the disk takes it");
            buffer.clear();
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
    let open = |i: usize| {
        let file = File::create(folder.join(format!("floor{i}.pcm")));
        (file.unwrap_or_else(|e| panic_with(&e.to_string())), Vec::with_capacity((FRAMES + 2) * FRAME * 2))
    };
    let pcm = (0..=255).map(|o| expand(o).to_le_bytes()).collect();
    rig::run(n, |_, n| Record { files: (0..n).map(open).collect(), pcm });
}

fn panic_with(words: &str) -> ! {
    eprintln!("floor-record: {words}");
    std::process::exit(1)
}
