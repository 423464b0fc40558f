//! Every file of every corpus through its function: the table in `chorus::fuzz` names them all. Findings stay here for good.

use chorus::fuzz::TARGETS;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// CPU time one input may take (issue, section 7.4). One of the three clocks in the suite (ruling 2.46); CPU time of this
/// thread, so that a busy machine does not count.
const INPUT_MAX: Duration = Duration::from_millis(100);
/// What [`import`] takes of a fuzzer's corpus, smallest first.
const IMPORT_MAX: usize = 120;

fn cpu() -> Duration {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a live timespec is filled in.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut t) }, 0);
    Duration::new(t.tv_sec as u64, t.tv_nsec as u32)
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name)
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let Ok(dir) = std::fs::read_dir(folder) else { return vec![] };
    let mut files: Vec<_> = dir
        .map(|f| f.unwrap().path())
        .filter(|p| p.is_file())
        .map(|p| (p.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&p).unwrap()))
        .collect();
    files.sort();
    files
}

fn replayed(name: &str, body: fn(&[u8]) -> bool) {
    let files = files(&folder(name));
    assert!(files.len() >= 8, "{name}: {} files are no corpus", files.len());
    let (mut accepted, mut slowest) = (0, Duration::ZERO);
    for (file, bytes) in &files {
        let before = cpu();
        accepted += usize::from(body(bytes));
        let took = cpu().saturating_sub(before);
        assert!(took < INPUT_MAX, "{name}/{file}: {took:?} of CPU");
        slowest = slowest.max(took);
    }
    println!("{name}: {} inputs, {accepted} accepted, the slowest took {slowest:?}", files.len());
    assert!(accepted * 3 >= files.len(), "{name}: only {accepted} of {} are accepted", files.len());
}

#[test]
fn every_corpus_is_replayed() {
    for t in TARGETS {
        if std::env::var_os("UPDATE").is_some() {
            import(t.name, t.body);
        }
        replayed(t.name, t.body);
    }
}

#[test]
fn every_folder_has_its_target() {
    let root = folder("");
    for entry in std::fs::read_dir(root).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            let name = entry.file_name().to_string_lossy().into_owned();
            assert!(TARGETS.iter().any(|t| t.name == name), "tests/corpus/{name} is replayed by nothing");
        }
    }
}

/// Takes some of what the fuzzer kept: up to [`IMPORT_MAX`], twice as many accepted as refused ones.
fn import(name: &str, body: fn(&[u8]) -> bool) {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fuzz/corpus").join(name);
    let mut found = files(&kept);
    found.sort_by_key(|(_, bytes)| bytes.len());
    let (good, bad): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, bytes)| body(bytes));
    // Evenly over the sizes, so that not only the shortest are taken.
    let some = |all: Vec<(String, Vec<u8>)>, most: usize| {
        let step = all.len().div_ceil(most.max(1)).max(1);
        all.into_iter().step_by(step)
    };
    let most = IMPORT_MAX / 3;
    let bad: Vec<_> = some(bad, most.min(good.len())).collect();
    for (prefix, (file, bytes)) in
        some(good, 2 * most).map(|f| ("found", f)).chain(bad.into_iter().map(|f| ("bad-found", f)))
    {
        let short = file.get(..12).unwrap_or(&file);
        std::fs::write(folder(name).join(format!("{prefix}-{short}")), bytes).unwrap();
    }
}
