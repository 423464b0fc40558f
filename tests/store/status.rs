//! A change of status with its callbacks, on every backend: one transaction, once, never after the end.

use super::kit::{Db, Maker, contract, hook, same};
use chorus::call::cx::{CallSettings, Cx, Ids};
use chorus::call::status::advance;
use chorus::clock::{Mono, Now};
use chorus::store::rows::{CallRow, CallStatus, Subscription};
use chorus::store::tx::{Op, StoreError, Tx};
use chorus::store::*;
use std::sync::Arc;

contract!(
    a_status_is_written_with_its_callbacks_or_not_at_all,
    a_repeated_status_makes_no_second_callback,
    a_call_that_is_over_stays_over,
);

fn change(m: &mut Maker, row: &mut CallRow, to: CallStatus) -> Op {
    let now = Now { mono: Mono(0), wall: m.tick() };
    let settings = CallSettings {
        public_url: String::new(),
        node: String::new(),
        silent_after_s: 0,
        realm: String::new(),
        events: None,
        addresses: Vec::new(),
    };
    let (mut ids, tables, mut fx) = (Ids::default(), Arc::default(), Vec::new());
    let mut cx = Cx {
        now,
        rng: &mut m.rng,
        ids: &mut ids,
        tables: &tables,
        registrar: &Default::default(),
        channels: &Default::default(),
        usage: &Default::default(),
        settings: &settings,
        fx: &mut fx,
    };
    advance(&mut cx, row, to, None).expect("an edge of the graph")
}

fn subscribed(m: &mut Maker) -> CallRow {
    let mut row = m.call();
    let all = Subscription {
        hook: hook("https://a.test/?k=1"),
        initiated: true,
        ringing: true,
        answered: true,
        completed: true,
    };
    row.callbacks = vec![all.clone(), all];
    row
}

async fn a_status_is_written_with_its_callbacks_or_not_at_all(db: &Db) {
    let m = &mut Maker::new(120);
    let mut row = subscribed(m);
    let number = m.number("+1");
    db.put(Op::PutNumber(Box::new(number))).await;
    db.put(Op::InsertCall(Box::new(row.clone()))).await;
    let before = row.clone();
    let answer = change(m, &mut row, CallStatus::InProgress);
    let taken = Op::PutNumber(Box::new(m.number("+1")));
    let failed = db.store.commit(Tx { ops: vec![answer.clone(), taken] }).await;
    assert_eq!(failed, Err(StoreError::Duplicate("number")));
    let sid = row.sid;
    let read = db.store.read(move |r| {
        same(&calls::get(r, Scope::Operator, sid)?.unwrap(), &before);
        assert!(outbox::of_call(r, Scope::Operator, sid)?.is_empty());
        Ok(())
    });
    read.await.unwrap();
    db.put(answer).await;
    let read = db.store.read(move |r| {
        same(&calls::get(r, Scope::Operator, sid)?.unwrap(), &row);
        let due = outbox::of_call(r, Scope::Operator, sid)?;
        assert_eq!(due.iter().map(|c| c.position).collect::<Vec<_>>(), [0, 1]);
        Ok(())
    });
    read.await.unwrap();
}

async fn a_repeated_status_makes_no_second_callback(db: &Db) {
    let m = &mut Maker::new(121);
    let mut row = subscribed(m);
    db.put(Op::InsertCall(Box::new(row.clone()))).await;
    let end = change(m, &mut row, CallStatus::Completed);
    db.put(end.clone()).await;
    let sid = row.sid;
    let mut due = db.store.read(move |r| outbox::of_call(r, Scope::Operator, sid)).await.unwrap();
    for callback in &mut due {
        callback.state = "delivered".to_owned();
        db.put(Op::PutOutbox(Box::new(callback.clone()))).await;
    }
    // The answer to the first commit was lost, so the journal sends it again.
    db.put(end).await;
    let read = db.store.read(move |r| {
        same(&outbox::of_call(r, Scope::Operator, sid)?, &due);
        assert!(calls::live(r, Scope::Operator)?.is_empty());
        Ok(())
    });
    read.await.unwrap();
}

async fn a_call_that_is_over_stays_over(db: &Db) {
    let m = &mut Maker::new(122);
    let mut row = subscribed(m);
    db.put(Op::InsertCall(Box::new(row.clone()))).await;
    let mut late = row.clone();
    let end = change(m, &mut row, CallStatus::Completed);
    db.put(end).await;
    let late = change(m, &mut late, CallStatus::InProgress);
    assert!(matches!(db.try_put(late).await, Err(StoreError::Refused(_))));
    let sid = row.sid;
    let read = db.store.read(move |r| {
        same(&calls::get(r, Scope::Operator, sid)?.unwrap(), &row);
        assert_eq!(outbox::of_call(r, Scope::Operator, sid)?.len(), 2);
        Ok(())
    });
    read.await.unwrap();
}
