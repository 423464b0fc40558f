//! (s)
//! The store as the rest of the house holds it: a handle that is cheap to clone, in front of one writer and a few readers.

use super::backend::{Database, Target};
use super::crypt::Key;
use super::memory::Memory;
use super::pool::{self, ReadJob};
use super::reader::{Reader, Slots};
use super::tx::{Backend, Recovered, StoreError, Tx, TxId};
use super::writer::{self, Job, Signs};
use crate::rng::Rng;
use metrics::counter;
use ring::rand::{SecureRandom, SystemRandom};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use tokio::sync::{oneshot, watch};

/// Why the store did not open: one sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenError(pub String);

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OpenError {}

/// The queue of the writer is full. The transaction comes back, for the journal.
#[derive(Debug)]
pub struct Full(pub Tx);

/// How to open.
#[derive(Clone, Debug)]
pub struct Options {
    /// Reader threads, each with a connection.
    pub readers: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options { readers: 4 }
    }
}

/// The store. Clones share one database.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    writes: SyncSender<Job>,
    /// Transactions in it.
    waiting: Arc<AtomicUsize>,
    reads: SyncSender<ReadJob>,
    healthy: Arc<watch::Sender<bool>>,
    changed: Arc<watch::Sender<u64>>,
}

impl Store {
    /// Opens `sqlite:PATH` (made if missing) or `postgres://...`, brings its tables up to date, takes the lock that keeps
    /// a second server out, and hands back what a restart must take up.
    pub fn open(url: &str, key: &Key, options: &Options) -> Result<(Store, Recovered), OpenError> {
        let target = Target::parse(url)?;
        let slots = Slots::default();
        let mut seed = [0; 32];
        SystemRandom::new().fill(&mut seed).map_err(|_| {
            OpenError("the kernel gives no random numbers: make /dev/urandom readable".to_owned())
        })?;
        let mut database = Database::open(target.clone(), key.clone(), Rng::from_seed(seed), slots.clone())?;
        let found = database.recover().map_err(|e| {
            OpenError(format!("the calls in the database cannot be read ({e}): restore it or move it away"))
        })?;
        let reader = |_| Reader::database(target.clone(), key.clone(), &slots);
        let readers = (0..options.readers.max(1)).map(reader).collect();
        Ok((Store::start(Box::new(database), readers)?, found))
    }

    /// A store without a file, for tests: it forgets everything with its last handle.
    pub fn memory() -> Result<Store, OpenError> {
        let rows = Arc::new(Mutex::new(Memory::new()));
        let readers = vec![Reader::memory(Arc::clone(&rows)), Reader::memory(Arc::clone(&rows))];
        Store::start(Box::new(Shared(rows)), readers)
    }

    fn start(backend: Box<dyn Backend>, readers: Vec<Reader>) -> Result<Store, OpenError> {
        let healthy = Arc::new(watch::Sender::new(true));
        let changed = Arc::new(watch::Sender::new(0));
        let waiting = Arc::new(AtomicUsize::new(0));
        let signs = Signs {
            healthy: Arc::clone(&healthy),
            changed: Arc::clone(&changed),
            waiting: Arc::clone(&waiting),
        };
        let no_thread = |e| OpenError(format!("a thread of the store could not be started: {e}"));
        let writes = writer::spawn(backend, signs).map_err(no_thread)?;
        let reads = pool::spawn(readers).map_err(no_thread)?;
        Ok(Store { inner: Arc::new(Inner { writes, waiting, reads, healthy, changed }) })
    }

    /// Writes a transaction and waits until it is durable.
    pub async fn commit(&self, tx: Tx) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        self.enqueue(vec![(tx, Box::new(move |r| drop(answer.send(r))))])
            .map_err(|_| StoreError::Unavailable("too many writes are waiting".to_owned()))?;
        answered.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Writes a transaction; `done` is called once, on the writer's thread, when it is durable or refused: it must not
    /// block. Transactions are written in the order of their submission.
    ///
    /// # Errors
    /// Too many wait; it comes back.
    pub fn submit(
        &self,
        id: TxId,
        tx: Tx,
        done: impl FnOnce(TxId, Result<(), StoreError>) + Send + 'static,
    ) -> Result<(), Full> {
        let refused = self.enqueue(vec![(tx, Box::new(move |r| done(id, r)))]).err();
        refused.and_then(|mut group| group.pop()).map_or(Ok(()), |(tx, _)| Err(Full(tx)))
    }

    /// Writes transactions that came together: the writer wakes up once, and makes one group of them (of [`writer::GROUP_MAX`] each
    /// if they are more). `done` is called for each as in [`Store::submit`]; if too many wait, it is told so at once.
    pub fn submit_all(
        &self,
        group: impl IntoIterator<Item = (TxId, Tx)>,
        done: impl Fn(TxId, Result<(), StoreError>) + Clone + Send + 'static,
    ) {
        let job = |(id, tx)| {
            let done = done.clone();
            (tx, Box::new(move |r| done(id, r)) as writer::Done)
        };
        for (_, done) in self.enqueue(group.into_iter().map(job).collect()).err().into_iter().flatten() {
            done(Err(StoreError::Unavailable("too many writes are waiting".to_owned())));
        }
    }

    fn enqueue(&self, group: Vec<(Tx, writer::Done)>) -> Result<(), Vec<(Tx, writer::Done)>> {
        let n = group.len();
        let waiting = self.inner.waiting.fetch_add(n, Ordering::Relaxed).saturating_add(n);
        let (group, full) = match waiting > writer::QUEUE_MAX {
            true => (group, true),
            // The queue has room for as many groups as transactions may wait.
            false => match self.inner.writes.try_send(Job::Write(group)) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(Job::Write(group))) => (group, true),
                Err(TrySendError::Disconnected(Job::Write(group))) => (group, false),
                Err(_) => return Ok(()),
            },
        };
        self.inner.waiting.fetch_sub(n, Ordering::Relaxed);
        if full {
            counter!("chorus_store_refused_total", "queue" => "writes").increment(n as u64);
            return Err(group);
        }
        group.into_iter().for_each(|(_, done)| done(Err(closed())));
        Ok(())
    }

    /// Runs reads on a connection of the pool: `store.read(move |r| calls::get(r, scope, sid)).await`.
    pub async fn read<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job: ReadJob = Box::new(move |r| drop(answer.send(f(r))));
        match self.inner.reads.try_send(job) {
            Ok(()) => answered.await.unwrap_or_else(|_| Err(closed())),
            Err(_) => {
                counter!("chorus_store_refused_total", "queue" => "reads").increment(1);
                Err(StoreError::Unavailable("too many reads are waiting".to_owned()))
            }
        }
    }

    /// Changes after every commit that touched numbers, trunks, applications or accounts: time for a new `snapshot`.
    pub fn tables_changed(&self) -> watch::Receiver<u64> {
        self.inner.changed.subscribe()
    }

    /// The database answered when last asked (readiness).
    pub fn healthy(&self) -> bool {
        *self.inner.healthy.borrow()
    }

    /// Changes when [`Store::healthy`] does.
    pub fn health(&self) -> watch::Receiver<bool> {
        self.inner.healthy.subscribe()
    }

    /// Writes what waits, then lets go of the database and its lock. Blocks until done; later writes are refused.
    pub fn close(&self) {
        let (answer, answered) = mpsc::sync_channel(1);
        if self.inner.writes.send(Job::Stop(answer)).is_ok() {
            let _ = answered.recv();
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

/// Memory that readers look into while the writer owns it.
struct Shared(Arc<Mutex<Memory>>);

impl Backend for Shared {
    fn apply(&mut self, group: &[Tx]) -> Vec<Result<(), StoreError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).apply(group)
    }

    fn recover(&mut self) -> Result<Recovered, StoreError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).recover()
    }
}
