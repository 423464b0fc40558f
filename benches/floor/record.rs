//! Floor of Record: what comes is collected as PCM of 16 bits and given to a WAV file every 400 ms, into the page cache, and then
//! the header that counts it, so that a kill leaves a file that can be read; silence goes back, one packet a leg and 20 ms, as the
//! server sends it.
//! `floor-record CALLS FOLDER`

mod rig;

use rig::{FRAME, Floor, Leg, Result, Turn};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;

/// Octets of a write: 400 ms, as the server does.
const WRITE: usize = 20 * FRAME * 2;
const HEADER: usize = 44;

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
    fn open(path: &std::path::Path) -> Result<Recording> {
        Ok(Recording { file: File::create(path)?, buffer: [0; WRITE + 2 * FRAME], filled: 0, written: 0 })
    }

    fn write(&mut self) -> Result<()> {
        let at = HEADER as u64 + u64::from(self.written);
        self.written += u32::try_from(self.filled)?;
        self.file.write_all_at(self.buffer.get(..self.filled).unwrap_or_default(), at)?;
        self.file.write_all_at(&header(self.written)?, 0)?;
        self.filled = 0;
        Ok(())
    }
}

/// RIFF, one channel of 16 bits at 8 kHz.
fn header(len: u32) -> Result<[u8; HEADER]> {
    let mut header = [0; HEADER];
    let mut rest = &mut header[..];
    rest.write_all(b"RIFF")?;
    rest.write_all(&(len + 36).to_le_bytes())?;
    rest.write_all(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data")?;
    rest.write_all(&len.to_le_bytes())?;
    Ok(header)
}

impl Floor for Record {
    fn on_rtp(&mut self, _: &mut [Leg], i: usize, payload: &[u8]) -> Result<u64> {
        let Some(r) = self.files.get_mut(i) else { return Ok(0) };
        let len = payload.len().min(FRAME);
        let room = r.buffer.get_mut(r.filled..).unwrap_or_default().as_chunks_mut::<2>().0;
        let pcm = payload.iter().map_while(|octet| self.pcm.get(usize::from(*octet)));
        room.iter_mut().zip(pcm.take(len)).for_each(|(slot, pcm)| *slot = *pcm);
        r.filled += 2 * len;
        if r.filled >= WRITE {
            r.write()?;
        }
        Ok(0)
    }

    fn on_tick(&mut self, legs: &mut [Leg], turn: Turn) -> u64 {
        let mut sent = 0;
        for i in turn {
            sent += u64::from(legs.get_mut(i).is_some_and(|leg| leg.send(&[0xFF; FRAME])));
        }
        sent
    }
}

fn main() -> Result<()> {
    let n: usize = rig::argument(1)?.parse()?;
    let folder = std::path::PathBuf::from(rig::argument(2)?);
    let open = |i: usize| Recording::open(&folder.join(format!("floor{i}.wav")));
    let pcm = std::array::from_fn(|o| expand(o as u8).to_le_bytes());
    rig::run(n, |_, n| Ok(Record { files: (0..n).map(open).collect::<Result<_>>()?, pcm }))
}
