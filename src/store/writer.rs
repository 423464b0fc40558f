//! (s)
//! The writer: one thread owns the backend. It takes the first waiting transaction, then whatever else waits: the group grows by
//! itself when the disk is slow, and under load at the beat of [`super::pace`]. Nobody is answered before the group is durable.

use super::pace::Pace;
use super::snapshot::touches;
use super::tx::{Backend, StoreError, Tx};
use metrics::{counter, gauge, histogram};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Transactions of one commit at most: bounds how long the first of them waits.
pub const GROUP_MAX: usize = 256;
/// Transactions that may wait; beyond it [`super::handle::Full`] is the answer.
pub const QUEUE_MAX: usize = 4_096;
/// With nothing to write, the database is looked at this often, so that readiness tells the truth.
const IDLE_CHECK: Duration = Duration::from_secs(1);
/// The same while it is not available.
const RETRY_CHECK: Duration = Duration::from_millis(250);

/// Called with the outcome, on the writer's thread: it must not block.
pub(super) type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// What the queue carries.
pub(super) enum Job {
    /// Transactions that came together.
    Write(Vec<(Tx, Done)>),
    /// Let go of the database, then answer.
    Stop(SyncSender<()>),
}

/// What the writer tells everybody.
pub(super) struct Signs {
    /// The last commit or look succeeded.
    pub healthy: Arc<watch::Sender<bool>>,
    /// Counts commits that touched the tables of a snapshot.
    pub changed: Arc<watch::Sender<u64>>,
    /// Transactions that wait.
    pub waiting: Arc<AtomicUsize>,
}

impl Drop for Signs {
    /// Without a writer nothing is accepted, whatever ended it.
    fn drop(&mut self) {
        self.healthy.send_replace(false);
    }
}

/// Starts the thread.
pub(super) fn spawn(backend: Box<dyn Backend>, signs: Signs) -> std::io::Result<SyncSender<Job>> {
    let (sender, queue) = mpsc::sync_channel(QUEUE_MAX);
    std::thread::Builder::new()
        .name("store-writer".to_owned())
        .spawn(move || Writer { backend, signs, queue, pace: Pace::new(Instant::now()) }.run())?;
    Ok(sender)
}

struct Writer {
    backend: Box<dyn Backend>,
    signs: Signs,
    queue: Receiver<Job>,
    pace: Pace,
}

impl Writer {
    fn run(mut self) {
        loop {
            let healthy = *self.signs.healthy.borrow();
            let first = match self.queue.recv_timeout(if healthy { IDLE_CHECK } else { RETRY_CHECK }) {
                Ok(job) => job,
                Err(RecvTimeoutError::Timeout) => {
                    let checked = self.backend.check();
                    self.mark(checked.err());
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            // Asleep, not in `recv`: whoever brings more need not wake it up.
            std::thread::sleep(self.pace.wait(Instant::now()));
            let mut stop = None;
            let mut group = Vec::new();
            let mut next = Some(first);
            while let Some(job) = next.take() {
                match job {
                    Job::Write(more) => group.extend(more),
                    Job::Stop(answer) => stop = Some(answer),
                }
                if stop.is_none() && group.len() < GROUP_MAX {
                    next = self.queue.try_recv().ok();
                }
            }
            self.signs.waiting.fetch_sub(group.len(), Ordering::Relaxed);
            while !group.is_empty() {
                let rest = group.split_off(group.len().min(GROUP_MAX));
                let (txs, dones): (Vec<Tx>, Vec<Done>) = group.into_iter().unzip();
                self.commit(&txs, dones);
                group = rest;
            }
            if let Some(answer) = stop {
                drop(self.backend);
                drop(self.signs);
                let _ = answer.send(());
                return;
            }
        }
    }

    fn commit(&mut self, group: &[Tx], dones: Vec<Done>) {
        let began = Instant::now();
        self.pace.begins(began, group.len());
        let mut answers = self.backend.apply(group);
        // A backend that answers too few has lost the rest.
        answers.resize_with(group.len(), || Err(StoreError::Unavailable("no answer".to_owned())));
        histogram!("chorus_store_commit_seconds").record(began.elapsed());
        histogram!("chorus_store_group_size").record(u32::try_from(group.len()).unwrap_or(u32::MAX));
        let fault = answers.iter().find_map(|a| a.clone().err().filter(StoreError::is_unavailable));
        counter!("chorus_store_commits_total", "outcome" => if fault.is_some() { "failed" } else { "done" })
            .increment(1);
        self.mark(fault);
        let written = group.iter().zip(&answers).filter(|(_, a)| a.is_ok());
        if written.into_iter().any(|(tx, _)| touches(tx)) {
            self.signs.changed.send_modify(|n| *n = n.wrapping_add(1));
        }
        for (done, answer) in dones.into_iter().zip(answers) {
            // One bad listener must not end the writer.
            if catch_unwind(AssertUnwindSafe(|| done(answer))).is_err() {
                counter!("chorus_store_listener_panics_total").increment(1);
            }
        }
    }

    /// Readiness follows the last outcome; only a change of it is logged.
    fn mark(&self, fault: Option<StoreError>) {
        let was = self.signs.healthy.send_replace(fault.is_none());
        gauge!("chorus_store_healthy").set(if fault.is_none() { 1.0 } else { 0.0 });
        match fault {
            Some(why) if was => {
                tracing::error!(%why, "the database stopped answering: nothing new is accepted")
            }
            None if !was => tracing::info!("the database answers again"),
            _ => {}
        }
    }
}
