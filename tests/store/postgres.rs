//! What happens around a PostgreSQL server: locked, and gone for a moment.

use super::kit::{Db, Maker, key, postgres, same};
use chorus::store::tx::{Op, StoreError};
use chorus::store::*;
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};

#[tokio::test]
async fn a_second_server_on_the_same_database_is_refused_until_the_first_lets_go() {
    let Some(db) = postgres() else { return };
    let Err(e) = Store::open(&db.url, &key(), &Options::default()) else { panic!("it opened") };
    assert!(e.to_string().contains("another Chorus serves"), "{e}");
    db.store.close();
    db.reopen().0.close();
}

fn cut(db: &Db) {
    let mut admin = PgConnection::establish(&db.url).unwrap();
    let all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    admin.batch_execute(all).unwrap();
}

#[tokio::test]
async fn a_lost_connection_is_unavailable_and_then_healthy_again() {
    let Some(db) = postgres() else { return };
    let m = &mut Maker::new(70);
    let (kept, late) = (m.call(), m.call());
    db.put(Op::InsertCall(Box::new(kept.clone()))).await;
    assert_eq!(db.store.read(|r| calls::live(r, Scope::Operator)).await.unwrap().len(), 1);
    cut(&db);
    // Reads go on at once on a new connection.
    assert_eq!(db.store.read(|r| calls::live(r, Scope::Operator)).await.unwrap().len(), 1);
    let mut health = db.store.health();
    let mut refused = 0;
    while let Err(e) = db.try_put(Op::InsertCall(Box::new(late.clone()))).await {
        assert!(matches!(e, StoreError::Unavailable(_)), "{e:?}");
        refused += 1;
        health.wait_for(|healthy| *healthy).await.unwrap();
    }
    assert!(refused >= 1, "a write on a dead connection was accepted");
    let read = db.store.read(|r| calls::live(r, Scope::Operator)).await.unwrap();
    same(&read, &vec![kept, late]);
}

#[tokio::test]
async fn the_lock_is_taken_again_with_the_connection() {
    let Some(db) = postgres() else { return };
    cut(&db);
    let mut health = db.store.health();
    while db.try_put(Op::InsertCall(Box::new(Maker::new(71).call()))).await.is_err() {
        health.wait_for(|healthy| *healthy).await.unwrap();
    }
    assert!(Store::open(&db.url, &key(), &Options::default()).is_err());
}
