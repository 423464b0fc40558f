//! What only memory can do: crash.

use super::kit::{Maker, same};
use chorus::sid::CallSid;
use chorus::store::memory::Memory;
use chorus::store::rows::{CallRow, OutboxRow};
use chorus::store::tx::{Backend, Op, StoreError, Tx};

#[test]
fn a_crash_forgets_what_was_not_synced_and_nothing_else() {
    let m = &mut Maker::new(40);
    let mut db = Memory::lazy();
    let (kept, mut lost) = (m.call(), m.call());
    lost.idempotency = Some(("k".to_owned(), "h".to_owned()));
    let mut changed = kept.clone();
    changed.invited = true;
    let callback = m.callback(kept.sid, 0);
    assert_eq!(db.apply(&[Tx::one(Op::InsertCall(Box::new(kept.clone())))]), [Ok(())]);
    db.sync();
    let group = [
        Tx::one(Op::InsertCall(Box::new(lost.clone()))),
        Tx { ops: vec![Op::PutCall(Box::new(changed)), Op::Callback(Box::new(callback))] },
    ];
    assert_eq!(db.apply(&group), [Ok(()), Ok(())]);
    assert_eq!(db.all::<OutboxRow>().count(), 1);
    db.crash();
    same(&db.get::<CallRow>(kept.sid).unwrap(), &&kept);
    assert!(db.get::<CallRow>(lost.sid).is_none());
    assert_eq!(db.all::<OutboxRow>().count(), 0);
    assert_eq!(db.recover().unwrap().calls.len(), 1);
    // What was lost may come again, and then stay.
    assert_eq!(db.apply(&[Tx::one(Op::InsertCall(Box::new(lost.clone())))]), [Ok(())]);
    db.sync();
    db.crash();
    assert!(db.get::<CallRow>(lost.sid).is_some());
}

#[test]
fn one_that_is_not_lazy_survives_each_crash() {
    let m = &mut Maker::new(41);
    let mut db = Memory::new();
    let row = m.call();
    db.apply(&[Tx::one(Op::InsertCall(Box::new(row.clone())))]);
    db.crash();
    assert!(db.get::<CallRow>(row.sid).is_some());
    assert!(db.get::<CallRow>(CallSid::new(&mut m.rng)).is_none());
}

#[test]
fn a_refused_transaction_is_undone_to_the_last_row() {
    let m = &mut Maker::new(42);
    let mut db = Memory::new();
    let (row, stream, number) = (m.call(), m.callback(CallSid(1), 0), m.number("+1"));
    db.apply(&[Tx { ops: vec![Op::InsertCall(Box::new(row.clone())), Op::PutNumber(Box::new(number))] }]);
    let bad = Tx {
        ops: vec![
            Op::DeleteCall(row.sid),
            Op::Callback(Box::new(stream)),
            Op::InsertCall(Box::new(row.clone())),
            Op::PutNumber(Box::new(m.number("+1"))),
        ],
    };
    assert_eq!(db.apply(&[bad]), [Err(StoreError::Duplicate("number"))]);
    same(&db.get::<CallRow>(row.sid).unwrap(), &&row);
    assert_eq!(db.all::<OutboxRow>().count(), 0);
}
