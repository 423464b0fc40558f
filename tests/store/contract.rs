//! What every backend promises: rows come back as they went in, a transaction is all or nothing, unique is unique,
//! an account sees its own, a restart finds what was going on.

use super::kit::{Db, Maker, contract, hook, same};
use chorus::media::event::Stats;
use chorus::sid::*;
use chorus::sip::event::Cause;
use chorus::store::rows::*;
use chorus::store::tx::{Op, StoreError, Tx, TxId};
use chorus::store::*;

contract!(
    every_row_comes_back_as_it_went_in,
    a_transaction_is_all_or_nothing,
    unique_values_are_taken_once,
    a_write_of_a_call_cannot_change_its_status,
    a_repeated_callback_does_not_become_pending_again,
    deleting_a_call_takes_its_timeline_and_streams_but_not_its_recordings,
    an_account_sees_nothing_of_another,
    the_tables_announce_that_they_changed,
    a_snapshot_holds_all_tables,
    a_trunk_of_an_account_goes_with_what_belongs_to_it,
    strange_texts_survive,
    writes_are_answered_in_the_order_of_their_submission,
    live_rows_are_found,
    a_listener_or_read_that_panics_ends_nothing_else,
);

fn full_call(m: &mut Maker) -> CallRow {
    let mut row = m.call();
    row.parent = Some(CallSid::new(&mut m.rng));
    row.callbacks =
        vec![Subscription { hook: hook("https://a.test/cb?x=1"), ringing: true, ..Default::default() }];
    row.fallback = Some(hook("https://a.test/fallback"));
    row.twiml = Some("<Response/>".to_owned());
    row.send_digits = Some("ww12".to_owned());
    row.record =
        Some(RecordWish { channels: 2, callback: Some(hook("https://a.test/r")), ..Default::default() });
    row.sip_auth = Some(("user".to_owned(), "pass".to_owned()));
    row.idempotency = Some(("k".to_owned(), "hash".to_owned()));
    row.cause = Some(Cause::new(486, "Busy Here"));
    row.stats = Some(Stats { received: u64::MAX, ..Default::default() });
    row.started = Some(m.tick());
    row
}

async fn every_row_comes_back_as_it_went_in(db: &Db) {
    let m = &mut Maker::new(1);
    let account = m.account(None);
    let call = full_call(m);
    let (number, application, key) = (m.number("+1555"), m.application("app"), m.key());
    let (trunk, recording) = (m.trunk(Some(m.account)), m.recording(call.sid, "completed"));
    let mut note = m.notification(Some(call.sid), 1);
    note.request_url = Some("https://a.test/?q=1".to_owned());
    let (stream, callback, timeline) =
        (m.stream(call.sid, "s"), m.callback(call.sid, 3), m.timeline(call.sid));
    let ops = vec![
        Op::PutAccount(Box::new(account.clone())),
        Op::InsertCall(Box::new(call.clone())),
        Op::PutNumber(Box::new(number.clone())),
        Op::PutApplication(Box::new(application.clone())),
        Op::PutKey(Box::new(key.clone())),
        Op::PutTrunk(Box::new(trunk.clone())),
        Op::PutRecording(Box::new(recording.clone())),
        Op::PutNotification(Box::new(note.clone())),
        Op::PutStream(Box::new(stream.clone())),
        Op::Callback(Box::new(callback.clone())),
        Op::PutTimeline(Box::new(timeline.clone())),
    ];
    db.store.commit(Tx { ops }).await.unwrap();
    let s = Scope::Account(m.account);
    let read = db.store.read(move |r| {
        same(&accounts::get(r, Scope::Operator, account.sid)?.unwrap(), &account);
        same(&calls::get(r, s, call.sid)?.unwrap(), &call);
        same(&calls::by_idempotency(r, s, "k")?.unwrap(), &call);
        same(&numbers::get(r, s, number.sid)?.unwrap(), &number);
        same(&numbers::by_number(r, Scope::Operator, "+1555")?.unwrap(), &number);
        same(&applications::get(r, s, application.sid)?.unwrap(), &application);
        same(&keys::get(r, s, key.sid)?.unwrap(), &key);
        same(&trunks::get(r, s, trunk.sid)?.unwrap(), &trunk);
        same(&recordings::get(r, s, recording.sid)?.unwrap(), &recording);
        same(&notifications::get(r, s, note.sid)?.unwrap(), &note);
        same(&streams::find(r, s, call.sid, &stream.sid.to_string())?.unwrap(), &stream);
        same(&streams::find(r, s, call.sid, "s")?.unwrap(), &stream);
        same(&outbox::get(r, s, callback.id)?.unwrap(), &callback);
        same(&outbox::of_call(r, s, call.sid)?, &vec![callback]);
        same(&timeline::get(r, s, call.sid)?.unwrap(), &timeline);
        Ok(())
    });
    read.await.unwrap();
}

async fn a_transaction_is_all_or_nothing(db: &Db) {
    let m = &mut Maker::new(2);
    let (held, mine) = (m.number("+1"), m.number("+1"));
    db.put(Op::PutNumber(Box::new(held.clone()))).await;
    let call = m.call();
    let mut renamed = held.clone();
    renamed.friendly_name = "renamed".to_owned();
    renamed.touch(m.tick());
    let ops = vec![
        Op::InsertCall(Box::new(call.clone())),
        Op::PutNumber(Box::new(renamed)),
        Op::PutNumber(Box::new(mine)),
    ];
    assert_eq!(db.store.commit(Tx { ops }).await, Err(StoreError::Duplicate("number")));
    let read = db.store.read(move |r| {
        assert!(calls::get(r, Scope::Operator, call.sid)?.is_none());
        same(&numbers::by_number(r, Scope::Operator, "+1")?.unwrap(), &held);
        Ok(())
    });
    read.await.unwrap();
}

async fn unique_values_are_taken_once(db: &Db) {
    let m = &mut Maker::new(3);
    let mut call = m.call();
    call.idempotency = Some(("key".to_owned(), "a".to_owned()));
    db.put(Op::InsertCall(Box::new(call.clone()))).await;
    assert_eq!(db.try_put(Op::InsertCall(Box::new(call.clone()))).await, Err(StoreError::Duplicate("sid")));
    let mut again = m.call();
    again.idempotency = Some(("key".to_owned(), "b".to_owned()));
    assert_eq!(
        db.try_put(Op::InsertCall(Box::new(again.clone()))).await,
        Err(StoreError::Duplicate("idempotency"))
    );
    // Another account may use the same key; calls without one never collide.
    again.account = AccountSid::new(&mut m.rng);
    db.put(Op::InsertCall(Box::new(again))).await;
    db.put(Op::InsertCall(Box::new(m.call()))).await;
    db.put(Op::InsertCall(Box::new(m.call()))).await;

    let number = m.number("+1555");
    db.put(Op::PutNumber(Box::new(number.clone()))).await;
    let mut other = m.number("+1555");
    other.account = AccountSid::new(&mut m.rng);
    assert_eq!(
        db.try_put(Op::PutNumber(Box::new(other.clone()))).await,
        Err(StoreError::Duplicate("number"))
    );
    db.put(Op::DeleteNumber(number.sid, number.account)).await;
    db.put(Op::PutNumber(Box::new(other))).await;
}

async fn a_write_of_a_call_cannot_change_its_status(db: &Db) {
    let m = &mut Maker::new(4);
    let mut call = m.call();
    db.put(Op::InsertCall(Box::new(call.clone()))).await;
    call.invited = true;
    db.put(Op::PutCall(Box::new(call.clone()))).await;
    let mut late = call.clone();
    late.status = CallStatus::Completed;
    let callback = m.callback(call.sid, 0);
    let ops = vec![Op::Callback(Box::new(callback.clone())), Op::PutCall(Box::new(late))];
    assert!(matches!(db.store.commit(Tx { ops }).await, Err(StoreError::Refused(_))));
    let read = db.store.read(move |r| {
        same(&calls::get(r, Scope::Operator, call.sid)?.unwrap(), &call);
        assert!(outbox::get(r, Scope::Operator, callback.id)?.is_none());
        Ok(())
    });
    read.await.unwrap();
}

async fn a_repeated_callback_does_not_become_pending_again(db: &Db) {
    let m = &mut Maker::new(5);
    let row = m.callback(CallSid(5), 0);
    db.put(Op::Callback(Box::new(row.clone()))).await;
    let mut done = row.clone();
    done.state = "delivered".to_owned();
    db.put(Op::PutOutbox(Box::new(done.clone()))).await;
    db.put(Op::Callback(Box::new(row.clone()))).await;
    let read = db.store.read(move |r| {
        same(&outbox::get(r, Scope::Operator, row.id)?.unwrap(), &done);
        assert!(outbox::live(r, Scope::Operator)?.is_empty());
        Ok(())
    });
    read.await.unwrap();
}

async fn deleting_a_call_takes_its_timeline_and_streams_but_not_its_recordings(db: &Db) {
    let m = &mut Maker::new(6);
    let (call, other) = (m.call(), m.call());
    let recording = m.recording(call.sid, "completed");
    let (gone, kept) = (m.stream(call.sid, "a"), m.stream(other.sid, "a"));
    for row in [&call, &other] {
        db.put(Op::InsertCall(Box::new(row.clone()))).await;
        db.put(Op::PutTimeline(Box::new(m.timeline(row.sid)))).await;
    }
    db.put(Op::PutRecording(Box::new(recording.clone()))).await;
    db.put(Op::PutStream(Box::new(gone))).await;
    db.put(Op::PutStream(Box::new(kept))).await;
    db.put(Op::DeleteCall(call.sid)).await;
    let s = Scope::Account(m.account);
    let read = db.store.read(move |r| {
        assert!(calls::get(r, s, call.sid)?.is_none());
        assert!(timeline::get(r, s, call.sid)?.is_none());
        assert!(streams::of_call(r, s, call.sid)?.is_empty());
        assert!(recordings::get(r, s, recording.sid)?.is_some());
        assert!(calls::get(r, s, other.sid)?.is_some());
        assert!(timeline::get(r, s, other.sid)?.is_some());
        assert_eq!(streams::of_call(r, s, other.sid)?.len(), 1);
        Ok(())
    });
    read.await.unwrap();
}

async fn an_account_sees_nothing_of_another(db: &Db) {
    let m = &mut Maker::new(7);
    let parent = m.account(None);
    let child = m.account(Some(parent.sid));
    let stranger = m.account(None);
    for row in [&parent, &child, &stranger] {
        db.put(Op::PutAccount(Box::new(row.clone()))).await;
    }
    let mut of = |account: AccountSid| {
        m.account = account;
        m.call()
    };
    let (a, b, c) = (of(parent.sid), of(child.sid), of(stranger.sid));
    for row in [&a, &b, &c] {
        db.put(Op::InsertCall(Box::new(row.clone()))).await;
    }
    let read = db.store.read(move |r| {
        let mut seen = |scope| {
            let rows = calls::list(r, scope, &Default::default(), &Page::first(50)).unwrap().rows;
            let one = [&a, &b, &c].map(|row| calls::get(r, scope, row.sid).unwrap().is_some());
            let accounts = accounts::list(r, scope, &Default::default(), &Page::first(50)).unwrap().rows;
            (rows.iter().map(|r| r.sid).collect::<Vec<_>>(), one, accounts.len())
        };
        assert_eq!(seen(Scope::Account(parent.sid)), (vec![a.sid], [true, false, false], 1));
        assert_eq!(seen(Scope::Account(child.sid)), (vec![b.sid], [false, true, false], 1));
        assert_eq!(seen(Scope::WithChildren(parent.sid)), (vec![b.sid, a.sid], [true, true, false], 2));
        assert_eq!(seen(Scope::WithChildren(child.sid)), (vec![b.sid], [false, true, false], 1));
        assert_eq!(seen(Scope::WithChildren(stranger.sid)), (vec![c.sid], [false, false, true], 1));
        assert_eq!(seen(Scope::Operator), (vec![c.sid, b.sid, a.sid], [true, true, true], 3));
        Ok(())
    });
    read.await.unwrap();
}

async fn the_tables_announce_that_they_changed(db: &Db) {
    let m = &mut Maker::new(8);
    let mut changed = db.store.tables_changed();
    db.put(Op::InsertCall(Box::new(m.call()))).await;
    assert!(!changed.has_changed().unwrap());
    for op in [
        Op::PutNumber(Box::new(m.number("+1"))),
        Op::PutApplication(Box::new(m.application("a"))),
        Op::PutTrunk(Box::new(m.trunk(None))),
        Op::PutAccount(Box::new(m.account(None))),
    ] {
        db.put(op).await;
        assert!(changed.has_changed().unwrap());
        changed.mark_unchanged();
    }
    // One that was refused changed nothing.
    let taken = m.number("+1");
    assert!(db.try_put(Op::PutNumber(Box::new(taken))).await.is_err());
    assert!(!changed.has_changed().unwrap());
}

async fn a_snapshot_holds_all_tables(db: &Db) {
    let m = &mut Maker::new(9);
    let (account, number, application, trunk) =
        (m.account(None), m.number("+1"), m.application("a"), m.trunk(None));
    let ops = vec![
        Op::PutAccount(Box::new(account.clone())),
        Op::PutNumber(Box::new(number.clone())),
        Op::PutApplication(Box::new(application.clone())),
        Op::PutTrunk(Box::new(trunk.clone())),
    ];
    db.store.commit(Tx { ops }).await.unwrap();
    let all = db.store.read(snapshot::snapshot).await.unwrap();
    same(&all.accounts, &vec![account]);
    same(&all.numbers, &vec![number]);
    same(&all.applications, &vec![application]);
    same(&all.trunks, &vec![trunk]);
}

async fn a_trunk_of_an_account_goes_with_what_belongs_to_it(db: &Db) {
    let m = &mut Maker::new(12);
    let (trunk, url, list) = m.elastic("pbx.example.com");
    let mut number = m.number("+1");
    number.trunk = Some(trunk.sid);
    let ops = vec![
        Op::PutElasticTrunk(Box::new(trunk.clone())),
        Op::PutOriginationUrl(Box::new(url.clone())),
        Op::PutListUse(Box::new(list.clone())),
        // The same pair is the same row.
        Op::PutListUse(Box::new(list.clone())),
        Op::PutNumber(Box::new(number.clone())),
    ];
    db.store.commit(Tx { ops }).await.unwrap();
    let (other, ..) = m.elastic("pbx.example.com");
    assert!(db.try_put(Op::PutElasticTrunk(Box::new(other))).await.is_err(), "the domain is taken");
    let (sid, s) = (trunk.sid, Scope::Account(m.account));
    let all = db.store.read(snapshot::snapshot).await.unwrap();
    same(&all.elastic, &vec![trunk]);
    same(&all.origination, &vec![url]);
    same(&all.uses, &vec![list]);
    same(&of_trunk(db, s, sid).await, &vec![number.clone()]);
    db.put(Op::DeleteElasticTrunk(sid)).await;
    let all = db.store.read(snapshot::snapshot).await.unwrap();
    assert!(all.elastic.is_empty() && all.origination.is_empty() && all.uses.is_empty());
    // Its number has no trunk, a revision later, and is what it was otherwise.
    assert!(of_trunk(db, s, sid).await.is_empty());
    (number.trunk, number.revision) = (None, 1);
    same(&all.numbers, &vec![number]);
}

async fn of_trunk(db: &Db, s: Scope, sid: ElasticTrunkSid) -> Vec<NumberRow> {
    db.store.read(move |r| elastic::numbers(r, s, sid, &Page::first(9))).await.unwrap().rows
}

async fn strange_texts_survive(db: &Db) {
    let m = &mut Maker::new(10);
    let mut row = m.application("'; DROP TABLE calls; -- \"%_\\ \u{1f600} \u{0} \r\n?$1");
    row.other.insert("SmsUrl".to_owned(), "https://\u{0}\u{1f600}".into());
    db.put(Op::PutApplication(Box::new(row.clone()))).await;
    let s = Scope::Account(m.account);
    let read = db.store.read(move |r| {
        let found = applications::list(r, s, Some(&row.friendly_name), &Page::first(50))?;
        same(&found.rows, &vec![row]);
        assert!(applications::list(r, s, Some("' OR '1' = '1"), &Page::first(50))?.rows.is_empty());
        Ok(())
    });
    read.await.unwrap();
}

async fn writes_are_answered_in_the_order_of_their_submission(db: &Db) {
    let m = &mut Maker::new(11);
    let (sender, mut answers) = tokio::sync::mpsc::unbounded_channel();
    let mut call = m.call();
    for n in 0..600 {
        call.sequence = n;
        let op =
            if n == 0 { Op::InsertCall(Box::new(call.clone())) } else { Op::PutCall(Box::new(call.clone())) };
        let sender = sender.clone();
        let done = move |id: TxId, r| sender.send((id.0, r)).unwrap();
        db.store.submit(TxId(n.into()), Tx::one(op), done).unwrap();
    }
    for n in 0..600 {
        assert_eq!(answers.recv().await.unwrap(), (n, Ok(())));
    }
    let sid = call.sid;
    let last = db.store.read(move |r| calls::get(r, Scope::Operator, sid)).await.unwrap().unwrap();
    assert_eq!(last.sequence, 599);
}

async fn a_listener_or_read_that_panics_ends_nothing_else(db: &Db) {
    let m = &mut Maker::new(13);
    let bad = Tx::one(Op::InsertCall(Box::new(m.call())));
    db.store.submit(TxId(1), bad, |_, _| panic!("a listener of a test panics on purpose")).unwrap();
    db.put(Op::InsertCall(Box::new(m.call()))).await;
    for _ in 0..10 {
        let lost =
            db.store.read(|_| -> Result<(), StoreError> { panic!("a read of a test panics on purpose") });
        assert!(matches!(lost.await, Err(StoreError::Unavailable(_))));
    }
    let live = db.store.read(|r| calls::live(r, Scope::Operator)).await.unwrap();
    assert_eq!(live.len(), 2);
    assert!(db.store.healthy());
    db.store.close();
    assert!(!db.store.healthy());
}

async fn live_rows_are_found(db: &Db) {
    let m = &mut Maker::new(12);
    let (ringing, mut over) = (m.call(), m.call());
    over.status = CallStatus::Completed;
    let (making, made) = (m.recording(ringing.sid, "paused"), m.recording(over.sid, "completed"));
    let (running, mut stopped) = (m.stream(ringing.sid, "a"), m.stream(over.sid, "b"));
    stopped.status = "stopped".to_owned();
    let (pending, mut failed) = (m.callback(ringing.sid, 0), m.callback(over.sid, 0));
    failed.state = "failed".to_owned();
    let ops = vec![
        Op::InsertCall(Box::new(ringing.clone())),
        Op::InsertCall(Box::new(over)),
        Op::PutRecording(Box::new(making.clone())),
        Op::PutRecording(Box::new(made)),
        Op::PutStream(Box::new(running.clone())),
        Op::PutStream(Box::new(stopped)),
        Op::Callback(Box::new(pending.clone())),
        Op::Callback(Box::new(failed)),
    ];
    db.store.commit(Tx { ops }).await.unwrap();
    let read = db.store.read(move |r| {
        let s = Scope::Operator;
        Ok((calls::live(r, s)?, recordings::live(r, s)?, streams::live(r, s)?, outbox::live(r, s)?))
    });
    let found = read.await.unwrap();
    let expected = (vec![ringing], vec![making], vec![running], vec![pending]);
    same(&found, &expected);
    // A restart is told the same.
    if !db.url.is_empty() {
        db.store.close();
        let (again, found) = db.reopen();
        same(&(found.calls, found.recordings, found.streams, found.outbox), &expected);
        again.close();
    }
}
