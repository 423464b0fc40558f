//! (s)
//! How fast commits are, measured on the caller's database with rows of its own account; for `chorus bench`.

use super::handle::Store;
use super::rows::NotificationRow;
use super::tx::{Op, StoreError, Tx, TxId};
use crate::clock::Wall;
use crate::rng::Rng;
use crate::sid::{AccountSid, NotificationSid};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// What was measured.
#[derive(Copy, Clone, Debug)]
pub struct Figures {
    /// Transactions written.
    pub commits: usize,
    /// Per second.
    pub per_second: f64,
    /// From submission to the durable answer: half of them took at most this.
    pub p50: Duration,
    /// 99 of 100 took at most this.
    pub p99: Duration,
}

/// Writes `commits` transactions of one row each, `in_flight` at a time, then deletes the rows again. Blocks.
pub fn measure(
    store: &Store,
    rng: &mut Rng,
    commits: usize,
    in_flight: usize,
) -> Result<Figures, StoreError> {
    let (done, answers) = mpsc::channel();
    let account = AccountSid::new(rng);
    let rows: Vec<NotificationRow> = (0..commits).map(|_| row(account, rng)).collect();
    let sids: Vec<NotificationSid> = rows.iter().map(|r| r.sid).collect();
    let began = Instant::now();
    let mut taken = Vec::with_capacity(commits);
    let mut waiting = rows.into_iter();
    let mut flying = 0_usize;
    loop {
        while flying < in_flight.max(1) {
            let Some(row) = waiting.next() else { break };
            let (done, at) = (done.clone(), Instant::now());
            let answer = move |_, r: Result<(), StoreError>| drop(done.send(r.map(|()| at.elapsed())));
            store
                .submit(TxId(0), Tx::one(Op::PutNotification(Box::new(row))), answer)
                .map_err(|_| StoreError::Unavailable("the queue is full: fewer in flight".to_owned()))?;
            flying = flying.saturating_add(1);
        }
        if flying == 0 {
            break;
        }
        let lost = |_| StoreError::Unavailable("the writer is gone".to_owned());
        taken.push(answers.recv().map_err(lost)??);
        flying = flying.saturating_sub(1);
    }
    let all = began.elapsed();
    let (clean, cleaned) = mpsc::channel();
    let tx = Tx { ops: sids.into_iter().map(Op::DeleteNotification).collect() };
    if store.submit(TxId(0), tx, move |_, r| drop(clean.send(r))).is_ok() {
        let _ = cleaned.recv();
    }
    taken.sort_unstable();
    let at = |share: usize| {
        let i = taken.len().saturating_mul(share) / 100;
        taken.get(i.min(taken.len().saturating_sub(1))).copied().unwrap_or_default()
    };
    let per_second = taken.len() as f64 / all.as_secs_f64().max(f64::EPSILON);
    Ok(Figures { commits: taken.len(), per_second, p50: at(50), p99: at(99) })
}

fn row(account: AccountSid, rng: &mut Rng) -> NotificationRow {
    NotificationRow {
        sid: NotificationSid::new(rng),
        account,
        call: None,
        code: 0,
        level: 1,
        words: "a measurement of the store".repeat(20),
        request_method: None,
        request_url: None,
        request_variables: None,
        response_headers: None,
        response_body: None,
        created: Wall(0),
    }
}
