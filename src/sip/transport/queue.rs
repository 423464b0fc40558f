//! (s) What waits for one peer: so many messages, and so many octets. A peer that asks much and reads nothing holds no more than that.

use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Messages that wait for a peer that does not read; one more and the connection is closed.
const MESSAGES_MAX: usize = 256;
/// Octets that wait for it: some 2 kB each of so many messages. An answer repeats the request's Via, Record-Route and more, up to
/// 48 KiB, so the number of messages alone would be 12 MB a connection.
const OCTETS_MAX: usize = 512 << 10;

/// A message with the room that it takes until it is written or dropped.
#[derive(Debug)]
pub(super) struct Waiting {
    pub bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

/// The end that it is put in at.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    messages: mpsc::Sender<Waiting>,
    octets: Arc<Semaphore>,
}

/// Both ends.
pub(super) fn queue() -> (Queue, mpsc::Receiver<Waiting>) {
    let (messages, waiting) = mpsc::channel(MESSAGES_MAX);
    (Queue { messages, octets: Arc::new(Semaphore::new(OCTETS_MAX)) }, waiting)
}

impl Queue {
    /// False: it is full, or its connection is gone.
    pub(super) fn put(&self, bytes: Bytes) -> bool {
        let room = u32::try_from(bytes.len()).ok();
        let room = room.and_then(|octets| self.octets.clone().try_acquire_many_owned(octets).ok());
        room.is_some_and(|room| self.messages.try_send(Waiting { bytes, _room: room }).is_ok())
    }
}
