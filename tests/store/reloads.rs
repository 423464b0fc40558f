//! The tables of the switch are read anew by several at once: the older read never undoes the newer.

use chorus::api::command::Answer;
use chorus::driver::tables::Reloads;
use chorus::store::Store;
use tokio::sync::oneshot;

#[tokio::test]
async fn an_older_read_that_comes_last_does_not_put_the_tables_back() {
    let store = Store::memory().unwrap();
    let (mut reloads, mut reads) = Reloads::new();
    let outside = tokio::runtime::Handle::current();
    let (first_waits, first_told) = oneshot::channel();
    let (second_waits, mut second_told) = oneshot::channel();
    reloads.begin(store.clone(), Some(first_waits), &outside);
    let first = reads.recv().await.unwrap();
    reloads.begin(store, Some(second_waits), &outside);
    let second = reads.recv().await.unwrap();

    let (tables, answer) = reloads.arrived(second);
    assert!(tables.is_some());
    assert!(second_told.try_recv().is_err(), "not before the switch has them");
    answer();
    assert!(matches!(second_told.await, Ok(Answer::Done)));
    let (tables, answer) = reloads.arrived(first);
    assert!(tables.is_none(), "what is in force is newer");
    answer();
    assert!(matches!(first_told.await, Ok(Answer::Done)), "and whoever waits for the older has it, too");
}
