//! (s)
//! The readers: a few threads, each with a connection of its own, behind one bounded queue. Reads never wait for the
//! writer, and never block tokio.

use super::reader::Reader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};

/// Reads that may wait; beyond it a request is answered 503.
pub const READS_MAX: usize = 1_024;

/// One read; it sends its answer itself.
pub(super) type ReadJob = Box<dyn FnOnce(&mut Reader) + Send>;

/// Starts one thread for each reader.
pub(super) fn spawn(readers: Vec<Reader>) -> std::io::Result<SyncSender<ReadJob>> {
    let (sender, queue) = mpsc::sync_channel(READS_MAX);
    let queue = Arc::new(Mutex::new(queue));
    for (i, reader) in readers.into_iter().enumerate() {
        let queue = Arc::clone(&queue);
        std::thread::Builder::new().name(format!("store-reader-{i}")).spawn(move || serve(reader, &queue))?;
    }
    Ok(sender)
}

fn serve(mut reader: Reader, queue: &Mutex<Receiver<ReadJob>>) {
    reader.connect();
    loop {
        // The guard lives for this statement only: one thread waits for the queue, the others for the guard.
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // A panic in a read ends that read (its sender is dropped), never the pool.
        if catch_unwind(AssertUnwindSafe(|| job(&mut reader))).is_err() {
            reader.forget_connection();
        }
    }
}
