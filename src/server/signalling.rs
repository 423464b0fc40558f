//! (s) The thread of SIP's datagrams and of what decides about them. A message that is read on one thread and decided on another
//! wakes up both, and with several threads a third one to help: that cost more than the message. What takes long runs elsewhere.

use std::future::Future;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

/// One thread, with a reactor of its own.
pub(super) struct Signalling(Option<Runtime>);

impl Signalling {
    /// Starts it.
    ///
    /// # Errors
    /// The kernel's word.
    pub(super) fn start() -> Result<Signalling, String> {
        let one =
            Builder::new_multi_thread().worker_threads(1).thread_name("signalling").enable_all().build();
        one.map(|r| Signalling(Some(r))).map_err(|e| format!("no thread could be started: {e}"))
    }

    /// The way to it.
    pub(super) fn handle(&self) -> Handle {
        self.0.as_ref().map_or_else(Handle::current, |r| r.handle().clone())
    }

    /// Runs something on it.
    pub(super) fn spawn<F>(&self, what: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        self.handle().spawn(what)
    }
}

impl Drop for Signalling {
    fn drop(&mut self) {
        // Not waited for: a task may drop the server.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
