//! (s) What recordings hold: the marks of whole frames, wherever they lie in the samples.

use super::mark::{self, FRAME, MAGIC};
use crate::media::codec::g711::ulaw_from_pcm;
use memchr::memmem;
use std::collections::HashSet;
use std::path::Path;

/// Voice and number of every frame in the files of a folder.
///
/// # Errors
/// The folder or a file cannot be read.
pub fn marks(folder: &Path) -> Result<HashSet<(u32, u32)>, String> {
    let failed = |e: std::io::Error| format!("{}: {e}", folder.display());
    let mut found = HashSet::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if !path.is_file() {
            continue;
        }
        // A WAV header is a whole number of samples, and no mark.
        let file = std::fs::read(&path).map_err(failed)?;
        let ulaw: Vec<u8> = file
            .chunks_exact(2)
            .filter_map(|c| Some(ulaw_from_pcm(i16::from_le_bytes(*c.first_chunk()?))))
            .collect();
        let starts = memmem::find_iter(&ulaw, &MAGIC);
        found.extend(starts.filter_map(|at| mark::read(ulaw.get(at..at.checked_add(FRAME)?)?)));
    }
    Ok(found)
}
