//! (s) Work that several calls want at the same time is done once. It stops when the last of them has gone.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

type Slot<T> = Arc<watch::Sender<Option<T>>>;

/// What is on its way, by key.
pub struct Shared<K, T> {
    coming: Mutex<HashMap<K, Slot<T>>>,
}

impl<K, T> Default for Shared<K, T> {
    fn default() -> Shared<K, T> {
        Shared { coming: Mutex::new(HashMap::new()) }
    }
}

/// A panic while a lock was held leaves a map that is still a map.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K, T> Shared<K, T>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// The result of `work` for `key`: joins it if it is on its way, else begins it. None: it panicked.
    pub async fn get<F>(self: &Arc<Shared<K, T>>, key: K, work: impl Fn() -> F) -> Option<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        loop {
            let (mut receiver, began) = self.join(&key, &work);
            if let Ok(value) = receiver.wait_for(Option::is_some).await {
                return value.clone();
            }
            // What was joined had just been given up by all others: begin anew. One's own was never given up.
            if began {
                return None;
            }
        }
    }

    fn join<F>(self: &Arc<Shared<K, T>>, key: &K, work: impl Fn() -> F) -> (watch::Receiver<Option<T>>, bool)
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut coming = lock(&self.coming);
        if let Some(slot) = coming.get(key) {
            return (slot.subscribe(), false);
        }
        let (sender, receiver) = watch::channel(None);
        let slot = Arc::new(sender);
        coming.insert(key.clone(), slot.clone());
        let leave = Leave { shared: self.clone(), key: key.clone() };
        let work = work();
        tokio::spawn(async move {
            // Dropped however this ends, and before the sender, so that nobody joins what is over.
            let _leave = leave;
            tokio::select! {
                value = work => { let _ = slot.send(Some(value)); }
                () = slot.closed() => {}
            }
        });
        (receiver, true)
    }

    /// Pieces of work on their way.
    pub fn len(&self) -> usize {
        lock(&self.coming).len()
    }

    /// Nothing is on its way.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

struct Leave<K: Hash + Eq, T> {
    shared: Arc<Shared<K, T>>,
    key: K,
}

impl<K: Hash + Eq, T> Drop for Leave<K, T> {
    fn drop(&mut self) {
        lock(&self.shared.coming).remove(&self.key);
    }
}
