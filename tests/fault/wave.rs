//! WAV files: written for Play, read by Python's `wave`, which knows nothing of this house.

use std::path::{Path, PathBuf};

/// RIFF WAV, mono, 16 bit, 8 kHz.
pub fn write(samples: &[i16]) -> Vec<u8> {
    let n = samples.len() as u32 * 2;
    let mut out = b"RIFF".to_vec();
    out.extend((36 + n).to_le_bytes());
    out.extend(b"WAVEfmt ");
    out.extend(16u32.to_le_bytes());
    out.extend(1u16.to_le_bytes());
    out.extend(1u16.to_le_bytes());
    out.extend(8_000u32.to_le_bytes());
    out.extend(16_000u32.to_le_bytes());
    out.extend(2u16.to_le_bytes());
    out.extend(16u16.to_le_bytes());
    out.extend(b"data");
    out.extend(n.to_le_bytes());
    out.extend(samples.iter().flat_map(|s| s.to_le_bytes()));
    out
}

pub fn tone(ms: usize) -> Vec<u8> {
    let wave = |i: usize| ((i as f64 / 20.0 * std::f64::consts::TAU).sin() * 8_000.0) as i16;
    write(&(0..ms * 8).map(wave).collect::<Vec<_>>())
}

/// Milliseconds of each file as Python sees it; panics with its words if one does not open or has another form than
/// 16 bit at 8 kHz, or a header that does not fit the size of the file.
pub fn python(files: &[PathBuf]) -> Vec<u64> {
    const SCRIPT: &str = "
import os, sys, wave
for name in sys.stdin.read().split('\\n'):
    w = wave.open(name, 'rb')
    assert (w.getsampwidth(), w.getframerate()) == (2, 8000), (name, w.getparams())
    size = 44 + 2 * w.getnchannels() * w.getnframes()
    assert size == os.path.getsize(name), (name, size, os.path.getsize(name))
    assert len(w.readframes(w.getnframes())) == size - 44, name
    print(w.getnframes() // 8)
";
    use std::io::Write;
    if files.is_empty() {
        return vec![];
    }
    let mut child = std::process::Command::new("python3")
        .args(["-c", SCRIPT])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("python3 is installed");
    let names: Vec<String> = files.iter().map(|f| f.display().to_string()).collect();
    child.stdin.take().unwrap().write_all(names.join("\n").as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success(), "Python's wave opens every recording");
    String::from_utf8_lossy(&out.stdout).lines().map(|l| l.parse().unwrap()).collect()
}

/// The files in a folder.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "wav"))
        .collect()
}
