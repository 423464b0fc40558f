//! (s) The handle by which handlers reach the live calls: a bounded queue into the driver.

pub use super::command::*;
use tokio::sync::{mpsc, oneshot};

/// Questions that may wait for the driver; one more is answered 503.
pub const QUEUE_MAX: usize = 1_024;

/// One question with the place for its answer.
pub type Asked = (Request, oneshot::Sender<Answer>);

/// Cheap to clone; the receiver belongs to the driver.
#[derive(Clone)]
pub struct Live {
    sender: mpsc::Sender<Asked>,
}

impl Live {
    /// The handle and what the driver reads from.
    pub fn new() -> (Live, mpsc::Receiver<Asked>) {
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        (Live { sender }, receiver)
    }

    /// Asks and waits. A full queue, or a driver that is gone, is [`Answer::Busy`]: nothing happened.
    pub async fn ask(&self, request: Request) -> Answer {
        let (reply, answer) = oneshot::channel();
        if self.sender.try_send((request, reply)).is_err() {
            return Answer::Busy;
        }
        answer.await.unwrap_or(Answer::Busy)
    }
}
