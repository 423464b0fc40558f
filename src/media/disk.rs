//! (s) The disk thread: recordings as WAV files (PCM, 16 bit, 8 kHz). The samples are handed to the kernel before the header
//! that counts them, so that a file is valid after every single write; [`wav::repair`] adds what a kill left uncounted.

pub mod wav;

use super::engine::{DiskOp, DiskReport};
use crate::sid::RecordingSid;
use std::collections::HashMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;
use wav::HEADER;

/// Operations that may wait for the disk. Every 100 ms a quarter of the recordings writes: room for 4,000 of them.
pub const QUEUE_MAX: usize = 1_024;

/// Where the answers to an operation go: to the worker that asked.
pub type Reply = Arc<dyn Fn(DiskReport) + Send + Sync>;

/// None: stop.
type Job = Option<(DiskOp, Reply)>;

/// The queue was full or the thread is gone: the disk is too slow. The operation comes back.
#[derive(Debug)]
pub struct Refused(pub DiskOp);

/// The way to the disk thread.
#[derive(Clone)]
pub struct Disk {
    jobs: mpsc::SyncSender<Job>,
}

/// Ends the thread when asked, after everything that waits.
pub struct DiskThread {
    jobs: mpsc::SyncSender<Job>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Disk {
    /// Starts the thread. `folder` is made if it is missing.
    ///
    /// # Errors
    /// The folder cannot be made, or no thread started.
    pub fn spawn(folder: &Path) -> io::Result<(Disk, DiskThread)> {
        Disk::with_queue(folder, QUEUE_MAX)
    }

    /// The same with another length of the queue.
    ///
    /// # Errors
    /// As [`Disk::spawn`].
    pub fn with_queue(folder: &Path, queue: usize) -> io::Result<(Disk, DiskThread)> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let (jobs, waiting) = mpsc::sync_channel(queue);
        let folder = folder.to_owned();
        let thread = thread::Builder::new().name("disk".to_owned()).spawn(move || run(&folder, &waiting))?;
        Ok((Disk { jobs: jobs.clone() }, DiskThread { jobs, thread: Some(thread) }))
    }

    /// Gives work to the thread; never waits.
    ///
    /// # Errors
    /// The operation, if the queue is full.
    pub fn try_send(&self, op: DiskOp, reply: &Reply) -> Result<(), Refused> {
        let (mpsc::TrySendError::Full(job) | mpsc::TrySendError::Disconnected(job)) =
            match self.jobs.try_send(Some((op, reply.clone()))) {
                Ok(()) => return Ok(()),
                Err(e) => e,
            };
        job.map_or(Ok(()), |(op, _)| Err(Refused(op)))
    }
}

impl DiskThread {
    /// Waits until everything that was sent before is on disk.
    pub fn stop(mut self) {
        let _ = self.jobs.send(None);
        if let Some(t) = self.thread.take() {
            let _ = t.join();
        }
    }
}

/// Where a recording lies.
pub fn path_of(folder: &Path, recording: RecordingSid) -> PathBuf {
    folder.join(format!("{recording}.wav"))
}

/// A file at work.
struct Open {
    file: File,
    channels: u8,
    /// Octets of samples that the header counts.
    len: u64,
    /// Nothing more is written; `Close` asks for what is there.
    failed: bool,
}

fn run(folder: &Path, jobs: &mpsc::Receiver<Job>) {
    let mut files: HashMap<RecordingSid, Open> = HashMap::new();
    while let Ok(Some((op, reply))) = jobs.recv() {
        perform(folder, &mut files, op, &reply);
    }
}

fn perform(folder: &Path, files: &mut HashMap<RecordingSid, Open>, op: DiskOp, reply: &Reply) {
    match op {
        DiskOp::Create { recording, channels } => match Open::create(&path_of(folder, recording), channels) {
            Ok(open) => {
                files.insert(recording, open);
            }
            Err(e) => fail(recording, &e, reply),
        },
        DiskOp::Write { recording, buffer } => {
            let Some(open) = files.get_mut(&recording) else { return };
            match open.write(&buffer) {
                Ok(()) => reply(DiskReport::Written { recording, buffer }),
                Err(_) if open.failed => {}
                Err(e) => {
                    open.failed = true;
                    open.cut(open.len);
                    fail(recording, &e, reply);
                }
            }
        }
        DiskOp::Close { recording, keep, ms } => {
            let ms = files.remove(&recording).map_or(0, |mut open| open.close(keep, ms));
            reply(DiskReport::Closed { recording, ms });
        }
    }
}

fn fail(recording: RecordingSid, e: &io::Error, reply: &Reply) {
    tracing::error!(recording = %recording, error = %e, "the recording cannot be written and ends");
    reply(DiskReport::Failed { recording });
}

impl Open {
    fn create(path: &Path, channels: u8) -> io::Result<Open> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        let channels = channels.clamp(1, 2);
        file.write_all(&wav::header(channels, 0))?;
        Ok(Open { file, channels, len: 0, failed: false })
    }

    fn write(&mut self, samples: &[u8]) -> io::Result<()> {
        if self.failed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.file.write_all_at(samples, HEADER.saturating_add(self.len))?;
        let len = self.len.saturating_add(samples.len() as u64);
        self.file.write_all_at(&wav::header(self.channels, len), 0)?;
        self.len = len;
        Ok(())
    }

    /// Leaves `len` octets of samples under a header that says so, as far as the disk allows.
    fn cut(&mut self, len: u64) {
        self.len = len.min(self.len);
        let header = wav::header(self.channels, self.len);
        let done = self
            .file
            .set_len(HEADER.saturating_add(self.len))
            .and_then(|()| self.file.write_all_at(&header, 0));
        if let Err(e) = done {
            tracing::error!(error = %e, "a recording could not be cut to its length; it is repaired at the next start");
        }
    }

    /// Returns the milliseconds of audio in the file.
    fn close(&mut self, keep: Option<u64>, ms: u64) -> u64 {
        if let Some(keep) = keep.filter(|k| *k < self.len) {
            self.cut(keep);
        }
        // Its callback will announce it: it must outlive a power cut too.
        if let Err(e) = self.file.sync_data() {
            tracing::error!(error = %e, "a finished recording could not be synced");
        }
        // Less than was recorded if a write failed or was refused.
        ms.min(self.len / wav::octets_per_ms(self.channels))
    }
}
