//! A group is committed together and fails apart.

use super::kit::{Maker, backends, same};
use chorus::sid::{AccountSid, CallSid};
use chorus::store::rows::OutboxRow;
use chorus::store::tx::{Op, StoreError, Tx, TxId};
use chorus::store::{Full, QUEUE_MAX, Scope, Store, calls};

#[test]
fn bad_transactions_in_a_group_do_not_take_the_others_with_them() {
    for (name, mut db, _keep) in backends() {
        let m = &mut Maker::new(50);
        let (a, b, c) = (m.call(), m.call(), m.call());
        let mut twin = m.call();
        twin.sid = a.sid;
        let (mine, taken) = (m.number("+1"), m.number("+1"));
        let insert = |row: &chorus::store::rows::CallRow| Op::InsertCall(Box::new(row.clone()));
        let group = [
            Tx { ops: vec![insert(&a), Op::PutNumber(Box::new(mine))] },
            Tx::one(insert(&twin)),
            Tx { ops: vec![insert(&b), Op::PutNumber(Box::new(taken))] },
            Tx::one(insert(&c)),
            Tx::default(),
        ];
        let expected =
            [Ok(()), Err(StoreError::Duplicate("sid")), Err(StoreError::Duplicate("number")), Ok(()), Ok(())];
        assert_eq!(db.apply(&group), expected, "{name}");
        same(&db.recover().unwrap().calls, &vec![a, c]);
        assert_eq!(db.apply(&[Tx::one(insert(&b))]), [Ok(())], "{name}: what was rolled back is free again");
    }
}

#[test]
fn a_whole_group_of_refusals_writes_nothing_and_the_next_group_works() {
    for (name, mut db, _keep) in backends() {
        let m = &mut Maker::new(51);
        let a = m.call();
        let first = Tx::one(Op::InsertCall(Box::new(a.clone())));
        assert_eq!(db.apply(std::slice::from_ref(&first)), [Ok(())]);
        let again = vec![first; 40];
        assert!(db.apply(&again).iter().all(|r| *r == Err(StoreError::Duplicate("sid"))), "{name}");
        let b = m.call();
        assert_eq!(db.apply(&[Tx::one(Op::InsertCall(Box::new(b)))]), [Ok(())], "{name}");
        assert_eq!(db.check(), Ok(()), "{name}");
    }
}

/// Random groups do the same to memory and to each database: memory is the model.
#[test]
fn memory_and_databases_agree_on_random_groups() {
    for (name, mut db, _keep) in backends() {
        let mut model = chorus::store::memory::Memory::new();
        let m = &mut Maker::new(52);
        let calls: Vec<_> = (0..6).map(|_| m.call()).collect();
        let callbacks: Vec<OutboxRow> = (0..6).map(|n| m.callback(CallSid(1), n)).collect();
        let numbers: Vec<_> = (0..4).map(|n| m.number(&format!("+{}", n % 2))).collect();
        for round in 0..60 {
            let mut group = Vec::new();
            for _ in 0..m.rng.below(6) {
                let ops = (0..1 + m.rng.below(3)).map(|_| random(m, &calls, &callbacks, &numbers)).collect();
                group.push(Tx { ops });
            }
            let expected = chorus::store::tx::Backend::apply(&mut model, &group);
            assert_eq!(db.apply(&group), expected, "{name}, round {round}");
            let (found, known) =
                (db.recover().unwrap(), chorus::store::tx::Backend::recover(&mut model).unwrap());
            same(&found, &known);
        }
    }
}

fn random(
    m: &mut Maker,
    calls: &[chorus::store::rows::CallRow],
    callbacks: &[OutboxRow],
    numbers: &[chorus::store::rows::NumberRow],
) -> Op {
    let i = m.rng.below(6) as usize;
    let mut call = calls[i].clone();
    call.sequence = m.rng.below(100) as u32;
    if m.rng.below(4) == 0 {
        call.idempotency = Some((m.rng.below(3).to_string(), String::new()));
    }
    match m.rng.below(9) {
        0..=1 => Op::InsertCall(Box::new(call)),
        2 => Op::PutCall(Box::new(call)),
        3 => {
            call.status = chorus::store::rows::CallStatus::Completed;
            Op::PutCall(Box::new(call))
        }
        4 => Op::DeleteCall(call.sid),
        5 => Op::Callback(Box::new(callbacks[i].clone())),
        6 => Op::DeleteOutbox(callbacks[i].id),
        7 => {
            let mut number = numbers[i % 4].clone();
            number.revision = m.rng.below(3);
            Op::PutNumber(Box::new(number))
        }
        _ => Op::DeleteNumber(
            numbers[i % 4].sid,
            if call.sequence.is_multiple_of(3) { AccountSid(1) } else { m.account },
        ),
    }
}

/// While the writer is busy so many transactions wait and no more; the one too many was not touched, and those that wait are written.
#[tokio::test]
async fn one_waiting_transaction_too_many_is_refused_and_comes_back() {
    let (store, m) = (Store::memory().unwrap(), &mut Maker::new(91));
    let (begun, busy) = std::sync::mpsc::channel();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let first = Tx::one(Op::InsertCall(Box::new(m.call())));
    store
        .submit(TxId(0), first, move |_, answer| {
            begun.send(answer).unwrap();
            let _ = held.recv();
        })
        .unwrap();
    busy.recv().unwrap().unwrap();
    for n in 0..QUEUE_MAX {
        let tx = Tx::one(Op::InsertCall(Box::new(m.call())));
        assert!(store.submit(TxId(1 + n as u64), tx, |_, answer| answer.unwrap()).is_ok(), "{n}");
    }
    let late = m.call();
    let Full(back) =
        store.submit(TxId(9_999), Tx::one(Op::InsertCall(Box::new(late.clone()))), |_, _| ()).unwrap_err();
    assert!(matches!(&back.ops[..], [Op::InsertCall(row)] if row.sid == late.sid));
    let refused = store.commit(back).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Unavailable(why) if why.contains("too many")), "{refused:?}");
    drop(release);
    // Behind all of them.
    while store.commit(Tx::one(Op::InsertCall(Box::new(late.clone())))).await.is_err() {}
    let all = store.read(|r| calls::live(r, Scope::Operator)).await.unwrap();
    assert_eq!(all.len(), QUEUE_MAX + 2);
    store.close();
}
