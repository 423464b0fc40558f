//! (s) The tables of the switch, read anew when rows of theirs were written.
//!
//! ```text
//!  a commit, or who waits for its tables --> read n begins --> read n is there --> n is newer than what is in force: the switch gets it
//!                                                                                  in any case: who waited is answered
//! ```
//!
//! Reads run side by side, and the older may come last: it must not put the tables back. Whoever waits is answered when the switch has
//! its tables, not when they are on their way: the next INVITE may be faster.

use crate::api::command::Answer;
use crate::call::tables::Tables;
use crate::store::{Store, snapshot};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// What a read brought.
pub struct Read {
    /// Which read it was, by its beginning.
    number: u64,
    /// None: it failed, and said so.
    tables: Option<Arc<Tables>>,
    reply: Option<oneshot::Sender<Answer>>,
}

/// The reads under way.
pub struct Reloads {
    begun: u64,
    in_force: u64,
    done: mpsc::UnboundedSender<Read>,
}

impl Reloads {
    /// What is read arrives at the receiver. It holds no more than what is asked for: a commit, or a request that waits.
    pub fn new() -> (Reloads, mpsc::UnboundedReceiver<Read>) {
        let (done, reads) = mpsc::unbounded_channel();
        (Reloads { begun: 0, in_force: 0, done }, reads)
    }

    /// Begins a read: it finds all that is durable now.
    pub fn begin(
        &mut self,
        store: Store,
        reply: Option<oneshot::Sender<Answer>>,
        outside: &tokio::runtime::Handle,
    ) {
        self.begun += 1;
        let (number, done) = (self.begun, self.done.clone());
        outside.spawn(async move {
            let read = store.read(snapshot::snapshot).await;
            let tables = read.map(|s| Arc::new(Tables::of(s)));
            if let Err(e) = &tables {
                tracing::error!("the tables could not be read: {e:?}");
            }
            let _ = done.send(Read { number, tables: tables.ok(), reply });
        });
    }

    /// The tables that shall be in force from now on, if any, and who is to be answered then.
    pub fn arrived(&mut self, read: Read) -> (Option<Arc<Tables>>, impl FnOnce() + use<>) {
        let answer = if read.tables.is_some() { Answer::Done } else { Answer::Busy };
        let newer = read.tables.filter(|_| read.number > self.in_force);
        if newer.is_some() {
            self.in_force = read.number;
        }
        let reply = read.reply;
        (newer, move || drop(reply.map(|reply| reply.send(answer))))
    }
}
