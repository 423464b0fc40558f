//! Rows that more than one hand changes: nobody undoes what another has just done.

use super::kit::{Db, Maker, contract, same};
use chorus::sid::AccountSid;
use chorus::store::rows::*;
use chorus::store::tx::{Op, StoreError};
use chorus::store::*;

contract!(
    a_change_of_an_older_row_is_refused,
    a_row_that_is_gone_does_not_come_back,
    a_number_is_deleted_by_its_own_account_alone,
);

fn refused(answer: Result<(), StoreError>) -> bool {
    matches!(answer, Err(StoreError::Refused(_)))
}

async fn a_change_of_an_older_row_is_refused(db: &Db) {
    let m = &mut Maker::new(130);
    let account = m.account(None);
    db.put(Op::PutAccount(Box::new(account.clone()))).await;
    let (mut suspended, mut renamed) = (account.clone(), account);
    suspended.status = "suspended".to_owned();
    suspended.touch(m.tick());
    renamed.friendly_name = "Mine".to_owned();
    renamed.touch(m.tick());
    let again = db.try_put(Op::PutAccount(Box::new(AccountRow { revision: 0, ..renamed.clone() }))).await;
    assert_eq!(again, Err(StoreError::Duplicate("sid")), "a row that says that it is new");
    db.put(Op::PutAccount(Box::new(suspended.clone()))).await;
    assert!(refused(db.try_put(Op::PutAccount(Box::new(renamed.clone()))).await));
    renamed.touch(m.tick());
    renamed.touch(m.tick());
    assert!(refused(db.try_put(Op::PutAccount(Box::new(renamed))).await), "nor one from the future");
    let sid = suspended.sid;
    let found = db.store.read(move |r| accounts::get(r, Scope::Operator, sid)).await.unwrap().unwrap();
    same(&found, &suspended);
}

async fn a_row_that_is_gone_does_not_come_back(db: &Db) {
    let m = &mut Maker::new(131);
    let mut number = m.number("+1");
    db.put(Op::PutNumber(Box::new(number.clone()))).await;
    db.put(Op::DeleteNumber(number.sid, number.account)).await;
    number.touch(m.tick());
    assert!(refused(db.try_put(Op::PutNumber(Box::new(number.clone()))).await));
    assert!(db.store.read(move |r| numbers::by_number(r, Scope::Operator, "+1")).await.unwrap().is_none());
}

async fn a_number_is_deleted_by_its_own_account_alone(db: &Db) {
    let m = &mut Maker::new(132);
    let before = m.number("+1");
    db.put(Op::PutNumber(Box::new(before.clone()))).await;
    let mut moved = NumberRow { account: AccountSid::new(&mut m.rng), ..before.clone() };
    moved.touch(m.tick());
    db.put(Op::PutNumber(Box::new(moved.clone()))).await;
    db.put(Op::DeleteNumber(before.sid, before.account)).await;
    let held = db.store.read(move |r| numbers::by_number(r, Scope::Operator, "+1")).await.unwrap();
    same(&held.unwrap(), &moved);
    db.put(Op::DeleteNumber(moved.sid, moved.account)).await;
    assert!(db.store.read(move |r| numbers::by_number(r, Scope::Operator, "+1")).await.unwrap().is_none());
}
