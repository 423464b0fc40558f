//! (s) The tables of the switch, read anew when rows of theirs were written.
//!
//! ```text
//!  a commit, or who waits for its tables --> a read runs?  no --> it begins, of all commits so far
//!                                                          yes --> when it is there, another one if a commit came meanwhile
//!  a read is there --> the switch gets it --> whoever waited for a commit that it holds is answered
//!  a read failed --> whoever waits is told so; again in a second
//! ```
//!
//! One read at a time: what came meanwhile is one more, however much it is. Whoever waits is answered when the switch has its tables,
//! not when they are on their way: the next INVITE may be faster.

use crate::api::command::Answer;
use crate::call::tables::Tables;
use crate::store::{Store, snapshot};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// After a read that failed.
const AGAIN: Duration = Duration::from_secs(1);

/// What a read brought.
pub struct Read {
    /// The commits that it holds, by their count.
    holds: u64,
    /// None: it failed, and said so.
    tables: Option<Arc<Tables>>,
}

/// Who waits until the switch has this commit.
struct Waiting {
    commit: u64,
    reply: oneshot::Sender<Answer>,
}

/// The read under way, and who waits.
pub struct Reloads {
    store: Store,
    outside: tokio::runtime::Handle,
    /// Counts commits.
    changed: watch::Receiver<u64>,
    /// The commits that are in force; none is known of the tables that the server started with.
    in_force: Option<u64>,
    reading: bool,
    waiting: Vec<Waiting>,
    done: mpsc::UnboundedSender<Read>,
}

impl Reloads {
    /// What is read arrives at the receiver, one at a time.
    pub fn new(store: Store, outside: tokio::runtime::Handle) -> (Reloads, mpsc::UnboundedReceiver<Read>) {
        let (done, reads) = mpsc::unbounded_channel();
        let changed = store.tables_changed();
        let (in_force, reading, waiting) = Default::default();
        (Reloads { store, outside, changed, in_force, reading, waiting, done }, reads)
    }

    /// Returns when there was a commit since it was last asked.
    pub async fn changed(&mut self) {
        if self.changed.changed().await.is_err() {
            // The store is gone, and nothing will change any more.
            std::future::pending::<()>().await;
        }
    }

    /// Answered as soon as the switch has all that is durable now.
    pub fn wait(&mut self, reply: oneshot::Sender<Answer>) {
        let commit = *self.changed.borrow();
        if self.has(commit) {
            drop(reply.send(Answer::Done));
        } else {
            self.waiting.push(Waiting { commit, reply });
            self.begin();
        }
    }

    /// Reads what the switch does not have, unless a read is under way: then it follows.
    pub fn begin(&mut self) {
        if !self.has(*self.changed.borrow()) && !std::mem::replace(&mut self.reading, true) {
            self.read(Duration::ZERO);
        }
    }

    fn has(&self, commit: u64) -> bool {
        self.in_force.is_some_and(|at| at >= commit)
    }

    fn read(&self, after: Duration) {
        let (store, changed, done) = (self.store.clone(), self.changed.clone(), self.done.clone());
        self.outside.spawn(async move {
            tokio::time::sleep(after).await;
            let holds = *changed.borrow();
            let read = store.read(snapshot::snapshot).await;
            let tables = read.map(|s| Arc::new(Tables::of(s)));
            if let Err(e) = &tables {
                tracing::error!("the tables could not be read: {e:?}");
            }
            let _ = done.send(Read { holds, tables: tables.ok() });
        });
    }

    /// The tables that shall be in force from now on, if the read brought any, and the word for those who waited for them.
    pub fn arrived(&mut self, read: Read) -> (Option<Arc<Tables>>, impl FnOnce() + use<>) {
        let failed = read.tables.is_none();
        if failed {
            self.read(AGAIN);
        } else {
            self.in_force = Some(read.holds);
            self.reading = false;
            self.begin();
        }
        let (told, rest) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|w: &Waiting| failed || w.commit <= read.holds);
        self.waiting = rest;
        let tell = move || {
            for Waiting { reply, .. } in told {
                let _ = reply.send(if failed { Answer::Busy } else { Answer::Done });
            }
        };
        (read.tables, tell)
    }
}
