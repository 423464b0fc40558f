//! The tables of the switch are read anew, one read at a time, and whoever waits has its commit in force.

use crate::kit::rows;
use chorus::api::command::Answer;
use chorus::driver::tables::{Read, Reloads};
use chorus::sid::AccountSid;
use chorus::store::Reader;
use chorus::store::Store;
use chorus::store::account_rules::AccountRules;
use chorus::store::tx::{Op, Tx};
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc, oneshot};

async fn written(store: &Store, n: u128) {
    let row = rows::account(AccountSid(n), AccountRules::default());
    store.commit(Tx::one(Op::PutAccount(Box::new(row)))).await.unwrap();
}

fn waits(reloads: &mut Reloads) -> oneshot::Receiver<Answer> {
    let (reply, told) = oneshot::channel();
    reloads.wait(reply);
    told
}

/// The switch gets what was read; how many accounts are in it.
async fn next(reloads: &mut Reloads, reads: &mut mpsc::UnboundedReceiver<Read>) -> usize {
    let (tables, tell) = reloads.arrived(reads.recv().await.unwrap());
    tell();
    tables.unwrap().accounts().count()
}

fn rig(store: &Store) -> (Reloads, mpsc::UnboundedReceiver<Read>) {
    Reloads::new(store.clone(), tokio::runtime::Handle::current())
}

#[tokio::test]
async fn whoever_waits_has_its_commit_and_what_came_meanwhile_is_one_more_read() {
    let store = Store::memory().unwrap();
    let (mut reloads, mut reads) = rig(&store);
    written(&store, 1).await;
    let mut first = waits(&mut reloads);
    // This read was begun: it need not hold what comes now.
    let read = reads.recv().await.unwrap();
    for n in 2..=4 {
        written(&store, n).await;
    }
    let mut second = waits(&mut reloads);
    let mut third = waits(&mut reloads);

    let (tables, tell) = reloads.arrived(read);
    assert_eq!(tables.unwrap().accounts().count(), 1);
    assert!(first.try_recv().is_err(), "not before the switch has them");
    tell();
    assert!(matches!(first.try_recv(), Ok(Answer::Done)));
    assert!(second.try_recv().is_err(), "its commit is in no tables yet");

    assert_eq!(next(&mut reloads, &mut reads).await, 4);
    assert!(matches!(second.try_recv(), Ok(Answer::Done)));
    assert!(matches!(third.try_recv(), Ok(Answer::Done)));
    // The sign of the commits comes late; all of them are in force.
    reloads.changed().await;
    reloads.begin();
    assert!(matches!(waits(&mut reloads).try_recv(), Ok(Answer::Done)), "nothing is left to be read");
    assert!(reads.try_recv().is_err(), "and nothing was read for it");
}

/// Readers of [`Store::memory`].
const READERS: usize = 2;

/// As many reads wait as may, until this is dropped.
async fn full(store: &Store) -> OwnedMutexGuard<()> {
    let gate = Arc::new(Mutex::new(()));
    let held = gate.clone().lock_owned().await;
    let (busy, mut begun) = mpsc::unbounded_channel();
    for n in 0.. {
        let (store, gate, busy) = (store.clone(), gate.clone(), busy.clone());
        let read = tokio::spawn(async move {
            let waits = move |_: &mut Reader| {
                let _ = busy.send(());
                drop(gate.blocking_lock());
                Ok(())
            };
            store.read(waits).await
        });
        // No reader may take one out of a queue that was full already.
        match n {
            0..READERS => begun.recv().await.unwrap(),
            _ => tokio::task::yield_now().await,
        }
        if read.is_finished() {
            break;
        }
    }
    held
}

#[tokio::test]
async fn a_read_that_fails_is_said_and_done_again() {
    let store = Store::memory().unwrap();
    let (mut reloads, mut reads) = rig(&store);
    let busy = full(&store).await;
    let told = waits(&mut reloads);
    let (tables, tell) = reloads.arrived(reads.recv().await.unwrap());
    tell();
    assert!(tables.is_none());
    assert!(matches!(told.await, Ok(Answer::Busy)));
    drop(busy);
    // Nobody asks, and it is read again.
    assert_eq!(next(&mut reloads, &mut reads).await, 0);
    assert!(matches!(waits(&mut reloads).try_recv(), Ok(Answer::Done)));
}
