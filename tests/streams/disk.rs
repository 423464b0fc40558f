//! The disk thread and the repair of its files.

use chorus::media::disk::{Disk, Reply, path_of, wav};
use chorus::media::engine::{DiskOp, DiskReport};
use chorus::sid::RecordingSid;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

const WAIT: Duration = Duration::from_secs(20);

/// A folder of its own that goes away again.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("chorus-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn reply() -> (Reply, mpsc::Receiver<DiskReport>) {
    let (tx, rx) = mpsc::channel();
    (Arc::new(move |r| tx.send(r).unwrap()), rx)
}

/// Samples in the file as another reader sees them.
fn hound_reads(path: &Path) -> (u16, Vec<i16>) {
    let mut r = hound::WavReader::open(path).unwrap();
    let spec = r.spec();
    assert_eq!((spec.sample_rate, spec.bits_per_sample), (8_000, 16));
    let samples = r.samples::<i16>().map(Result::unwrap).collect();
    (spec.channels, samples)
}

fn pcm(n: usize) -> (Vec<i16>, Vec<u8>) {
    let samples: Vec<i16> = (0..n).map(|i| (i as i16).wrapping_mul(37)).collect();
    let bytes = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
    (samples, bytes)
}

#[test]
fn a_file_is_valid_after_every_write_and_complete_after_close() {
    let folder = Folder::new("disk-valid");
    let (disk, thread) = Disk::spawn(&folder.0.join("deep/er")).unwrap();
    let (reply, reports) = reply();
    for channels in [1u8, 2] {
        let recording = RecordingSid(u128::from(channels));
        let path = path_of(&folder.0.join("deep/er"), recording);
        disk.try_send(DiskOp::Create { recording, channels }, &reply).unwrap();
        let (samples, bytes) = pcm(3_200);
        for i in 1..=3 {
            disk.try_send(DiskOp::Write { recording, buffer: bytes.clone() }, &reply).unwrap();
            let DiskReport::Written { buffer, .. } = reports.recv_timeout(WAIT).unwrap() else { panic!() };
            assert_eq!(buffer, bytes, "the buffer comes back");
            // No Close, no flush: as after kill -9.
            assert_eq!(hound_reads(&path), (u16::from(channels), samples.repeat(i)));
            assert!(!wav::repair(&path).unwrap().changed);
        }
        disk.try_send(DiskOp::Close { recording, keep: Some(6_400), ms: 400 }, &reply).unwrap();
        let DiskReport::Closed { ms, .. } = reports.recv_timeout(WAIT).unwrap() else { panic!() };
        assert_eq!(ms, 400 / u64::from(channels), "never more than the file holds");
        assert_eq!(hound_reads(&path).1, samples[..3_200]);
        assert_eq!(fs::metadata(&path).unwrap().len(), 44 + 6_400);
    }
    thread.stop();
}

#[test]
fn a_full_disk_fails_the_recording_and_keeps_what_was_written() {
    let folder = Folder::new("disk-full");
    let (disk, thread) = Disk::spawn(&folder.0).unwrap();
    let (reply, reports) = reply();
    let recording = RecordingSid(9);
    std::os::unix::fs::symlink("/dev/full", path_of(&folder.0, recording)).unwrap();
    disk.try_send(DiskOp::Create { recording, channels: 1 }, &reply).unwrap();
    let first = reports.recv_timeout(WAIT).unwrap();
    assert!(matches!(first, DiskReport::Failed { recording: r } if r == recording), "{first:?}");
    disk.try_send(DiskOp::Write { recording, buffer: vec![0; 100] }, &reply).unwrap();
    disk.try_send(DiskOp::Close { recording, keep: None, ms: 6 }, &reply).unwrap();
    let last = reports.recv_timeout(WAIT).unwrap();
    assert!(matches!(last, DiskReport::Closed { ms: 0, .. }), "only Close is answered: {last:?}");

    // Others go on.
    let recording = RecordingSid(10);
    disk.try_send(DiskOp::Create { recording, channels: 1 }, &reply).unwrap();
    disk.try_send(DiskOp::Write { recording, buffer: pcm(80).1 }, &reply).unwrap();
    assert!(matches!(reports.recv_timeout(WAIT).unwrap(), DiskReport::Written { .. }));
    thread.stop();
}

/// A file that hits a limit while it grows, as a disk that becomes full does. In a child process, because the limit is one of
/// the process.
#[test]
fn a_disk_that_becomes_full_leaves_a_valid_file_of_what_fitted() {
    const KEY: &str = "CHORUS_TEST_DISK_FULL";
    let folder = Folder::new("disk-fills");
    let recording = RecordingSid(11);
    let Ok(place) = std::env::var(KEY) else {
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "streams::disk::a_disk_that_becomes_full_leaves_a_valid_file_of_what_fitted"])
            .env(KEY, &folder.0)
            // The limit counts for every file, also one that the suite's output goes to.
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
        let path = path_of(&folder.0, recording);
        assert_eq!(hound_reads(&path), (1, pcm(800).0));
        assert!(!wav::repair(&path).unwrap().changed);
        return;
    };
    let limit = libc::rlimit { rlim_cur: 44 + 1_600 + 500, rlim_max: 44 + 1_600 + 500 };
    // SAFETY: plain calls with valid arguments; this process runs nothing else.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &limit), 0);
    }
    let (disk, thread) = Disk::spawn(Path::new(&place)).unwrap();
    let (reply, reports) = reply();
    disk.try_send(DiskOp::Create { recording, channels: 1 }, &reply).unwrap();
    disk.try_send(DiskOp::Write { recording, buffer: pcm(800).1 }, &reply).unwrap();
    assert!(matches!(reports.recv_timeout(WAIT).unwrap(), DiskReport::Written { .. }));
    disk.try_send(DiskOp::Write { recording, buffer: pcm(800).1 }, &reply).unwrap();
    assert!(matches!(reports.recv_timeout(WAIT).unwrap(), DiskReport::Failed { .. }));
    disk.try_send(DiskOp::Write { recording, buffer: pcm(80).1 }, &reply).unwrap();
    disk.try_send(DiskOp::Close { recording, keep: None, ms: 210 }, &reply).unwrap();
    assert!(matches!(reports.recv_timeout(WAIT).unwrap(), DiskReport::Closed { ms: 100, .. }));
    thread.stop();
}

#[test]
fn a_slow_disk_refuses_work_instead_of_holding_the_worker() {
    let folder = Folder::new("disk-slow");
    let recording = RecordingSid(12);
    let path = path_of(&folder.0, recording);
    let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: a valid C string. Opening a FIFO for writing waits for a reader: a disk that hangs.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    let (disk, thread) = Disk::with_queue(&folder.0, 4).unwrap();
    let (reply, _reports) = reply();
    let mut taken = 0;
    let refused = (0..100).find_map(|_| {
        let r = disk.try_send(DiskOp::Create { recording, channels: 1 }, &reply).err();
        taken += usize::from(r.is_none());
        r
    });
    assert!(matches!(refused.unwrap().0, DiskOp::Create { .. }), "the operation comes back");
    assert!((4..=6).contains(&taken), "bounded: {taken}");
    // The disk recovers: the FIFO gets a reader and then is a file no more.
    let reader = std::thread::spawn(move || fs::File::open(&path).unwrap());
    let _reader = reader.join().unwrap();
    thread.stop();
}

#[test]
fn repair_counts_what_a_kill_left_uncounted() {
    let folder = Folder::new("disk-repair");
    let path = folder.0.join("x.wav");
    for channels in [1u8, 2] {
        let block = 2 * u64::from(channels);
        for (counted, there) in [(0, 0), (0, 3_200), (3_200, 6_400), (6_400, 3_200), (3_200, 3_203)] {
            let mut bytes = wav::header(channels, counted).to_vec();
            bytes.extend_from_slice(&pcm(4_000).1[..there]);
            fs::write(&path, &bytes).unwrap();
            let r = wav::repair(&path).unwrap();
            let whole = there as u64 / block * block;
            assert_eq!((r.channels, r.ms), (channels, whole / (8 * block)));
            assert_eq!(r.changed, counted != there as u64, "{counted} {there}");
            let (c, samples) = hound_reads(&path);
            assert_eq!((c, samples.len() as u64), (u16::from(channels), whole / 2));
            assert_eq!(samples, pcm(4_000).0[..samples.len()]);
            assert!(!wav::repair(&path).unwrap().changed, "once is enough");
        }
    }
    for size in [0, 1, 43] {
        fs::write(&path, &wav::header(1, 0)[..size]).unwrap();
        assert_eq!(wav::repair(&path).unwrap().ms, 0);
        assert_eq!(hound_reads(&path), (1, vec![]));
    }
    let other = vec![b'x'; 100];
    fs::write(&path, &other).unwrap();
    assert!(wav::repair(&path).is_err());
    assert_eq!(fs::read(&path).unwrap(), other, "a file of somebody else is left alone");
    assert!(wav::repair(&folder.0.join("none.wav")).is_err());
}

/// Ends its process without a word while it writes, again and again.
#[test]
fn after_kill_9_a_recording_opens_and_lacks_nothing_that_was_reported_written() {
    const KEY: &str = "CHORUS_TEST_DISK_KILL";
    let recording = RecordingSid(13);
    if let Ok(place) = std::env::var(KEY) {
        let (disk, _thread) = Disk::spawn(Path::new(&place)).unwrap();
        let (reply, reports) = reply();
        disk.try_send(DiskOp::Create { recording, channels: 2 }, &reply).unwrap();
        loop {
            disk.try_send(DiskOp::Write { recording, buffer: pcm(3_200).1 }, &reply).unwrap();
            assert!(matches!(reports.recv_timeout(WAIT).unwrap(), DiskReport::Written { .. }));
            println!("written");
        }
    }
    for round in 0..5 {
        let folder = Folder::new("disk-kill");
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture"])
            .arg("streams::disk::after_kill_9_a_recording_opens_and_lacks_nothing_that_was_reported_written")
            .env(KEY, &folder.0)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
        let written = |l: &std::io::Result<String>| l.as_ref().is_ok_and(|l| l.ends_with("written"));
        let mut reported = 0;
        let mut lines = lines.filter(written);
        while reported <= round * 7 {
            lines.next().unwrap().unwrap();
            reported += 1;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said before it died and we had not read yet.
        reported += lines.count();
        let path = path_of(&folder.0, recording);
        let before = hound_reads(&path).1.len();
        assert!(before >= reported * 3_200, "{before} samples, {reported} writes reported");
        let repaired = wav::repair(&path).unwrap();
        let (channels, samples) = hound_reads(&path);
        assert_eq!(channels, 2);
        assert!(samples.len() >= before && samples.len() as u64 / 16 == repaired.ms);
        assert!(samples.len() < (reported + 2) * 3_200);
        assert!(samples.chunks(3_200).all(|c| c == &pcm(3_200).0[..c.len()]));
    }
}
