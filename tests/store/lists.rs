//! Every filter of every list, alone and together.

use super::kit::{Db, Maker, contract};
use chorus::clock::Wall;
use chorus::sid::CallSid;
use chorus::store::calls::CallFilter;
use chorus::store::notifications::NotificationFilter;
use chorus::store::numbers::NumberFilter;
use chorus::store::recordings::RecordingFilter;
use chorus::store::rows::{CallRow, CallStatus};
use chorus::store::tx::Op;
use chorus::store::*;

contract!(calls_by_each_filter, recordings_notifications_and_numbers_by_each_filter, accounts_and_callbacks);

fn pick(rows: &[CallRow], f: impl Fn(&CallRow) -> bool) -> Vec<CallSid> {
    rows.iter().rev().filter(|r| f(r)).map(|r| r.sid).collect()
}

async fn calls_by_each_filter(db: &Db) {
    let m = &mut Maker::new(20);
    let parent = CallSid::new(&mut m.rng);
    let statuses = [CallStatus::Queued, CallStatus::InProgress, CallStatus::Completed, CallStatus::NoAnswer];
    let mut rows = Vec::new();
    for n in 0..24_i64 {
        let mut row = m.call();
        row.to = format!("+1555{}", n % 3);
        row.from = format!("sip:a{}@b.test", n % 4);
        row.status = statuses[(n % 4) as usize];
        row.parent = (n % 5 == 0).then_some(parent);
        row.started = (n % 2 == 0).then(|| Wall(1_000 * n));
        row.ended = (n % 3 == 0).then(|| Wall(2_000 * n));
        db.put(Op::InsertCall(Box::new(row.clone()))).await;
        rows.push(row);
    }
    let s = Scope::Account(m.account);
    let read = db.store.read(move |r| {
        let mut list = |f: CallFilter| -> Vec<CallSid> {
            calls::list(r, s, &f, &Page::first(1_000)).unwrap().rows.iter().map(|r| r.sid).collect()
        };
        let any = CallFilter::default;
        assert_eq!(list(any()), pick(&rows, |_| true));
        let to = Some("+15551".to_owned());
        assert_eq!(list(CallFilter { to: to.clone(), ..any() }), pick(&rows, |r| r.to == "+15551"));
        let from = Some("sip:a2@b.test".to_owned());
        assert_eq!(
            list(CallFilter { from: from.clone(), ..any() }),
            pick(&rows, |r| r.from == "sip:a2@b.test")
        );
        for status in statuses {
            let f = CallFilter { status: Some(status), ..any() };
            assert_eq!(list(f), pick(&rows, |r| r.status == status));
        }
        assert_eq!(list(CallFilter { parent: Some(parent), ..any() }), pick(&rows, |r| r.parent.is_some()));
        let (low, high) = (Some(Wall(6_000)), Some(Wall(12_000)));
        let within = |w: Option<Wall>, p: Period| {
            w.is_some_and(|w| p.from.is_none_or(|f| f <= w) && p.to.is_none_or(|t| w <= t))
        };
        for p in [(low, None), (None, high), (low, high), (low, low)].map(|(from, to)| Period { from, to }) {
            assert_eq!(list(CallFilter { started: p, ..any() }), pick(&rows, |r| within(r.started, p)));
            assert_eq!(list(CallFilter { ended: p, ..any() }), pick(&rows, |r| within(r.ended, p)));
        }
        let all = CallFilter { to, from, status: Some(CallStatus::Completed), parent: Some(parent), ..any() };
        assert_eq!(
            list(all),
            pick(&rows, |r| { r.to == "+15551" && r.from == "sip:a2@b.test" && r.parent.is_some() })
        );
        assert!(list(CallFilter { to: Some("+1555".to_owned()), ..any() }).is_empty(), "no prefix match");
        Ok(())
    });
    read.await.unwrap();
}

async fn recordings_notifications_and_numbers_by_each_filter(db: &Db) {
    let m = &mut Maker::new(21);
    let (a, b) = (CallSid::new(&mut m.rng), CallSid::new(&mut m.rng));
    let (first, second) = (m.recording(a, "completed"), m.recording(b, "completed"));
    let (error, warning) = (m.notification(Some(a), 0), m.notification(None, 1));
    let (mut desk, lobby) = (m.number("+15551234"), m.number("+15559912"));
    desk.friendly_name = "Front".to_owned();
    desk.kind = "toll-free".to_owned();
    for op in [
        Op::PutRecording(Box::new(first.clone())),
        Op::PutRecording(Box::new(second.clone())),
        Op::PutNotification(Box::new(error.clone())),
        Op::PutNotification(Box::new(warning.clone())),
        Op::PutNumber(Box::new(desk.clone())),
        Op::PutNumber(Box::new(lobby.clone())),
    ] {
        db.put(op).await;
    }
    let s = Scope::Account(m.account);
    let until = |at: Wall| Period { from: None, to: Some(at) };
    let read = db.store.read(move |r| {
        let mut list = |call, created| {
            let f = RecordingFilter { call, created };
            let found = recordings::list(r, s, &f, &Page::first(9)).unwrap();
            found.rows.iter().map(|r| r.sid).collect::<Vec<_>>()
        };
        assert_eq!(list(None, Period::default()), [second.sid, first.sid]);
        assert_eq!(list(Some(a), Period::default()), [first.sid]);
        assert_eq!(list(None, until(first.created)), [first.sid]);
        let mut list = |call, level, created| {
            let f = NotificationFilter { call, level, created };
            let found = notifications::list(r, s, &f, &Page::first(9)).unwrap();
            found.rows.iter().map(|r| r.sid).collect::<Vec<_>>()
        };
        assert_eq!(list(None, None, Period::default()), [warning.sid, error.sid]);
        assert_eq!(list(None, Some(0), Period::default()), [error.sid]);
        assert_eq!(list(None, Some(1), Period::default()), [warning.sid]);
        assert_eq!(list(Some(a), None, Period::default()), [error.sid]);
        assert_eq!(list(None, None, until(error.created)), [error.sid]);
        let mut list = |name: Option<&str>, part: Option<&str>, kind: Option<&str>| {
            let f = NumberFilter {
                friendly_name: name.map(str::to_owned),
                number_contains: part.map(str::to_owned),
                kind: kind.map(str::to_owned),
            };
            let found = numbers::list(r, s, &f, &Page::first(9)).unwrap();
            found.rows.iter().map(|r| r.sid).collect::<Vec<_>>()
        };
        assert_eq!(list(None, None, None), [lobby.sid, desk.sid]);
        assert_eq!(list(Some("Front"), None, None), [desk.sid]);
        assert_eq!(list(None, Some("12"), None), [lobby.sid, desk.sid]);
        assert_eq!(list(None, Some("1234"), None), [desk.sid]);
        assert_eq!(list(None, Some("%"), None), []);
        assert_eq!(list(None, None, Some("local")), [lobby.sid]);
        Ok(())
    });
    read.await.unwrap();
}

async fn accounts_and_callbacks(db: &Db) {
    let m = &mut Maker::new(22);
    let main = m.account(None);
    let mut sub = m.account(Some(main.sid));
    sub.friendly_name = "Sub".to_owned();
    sub.status = "suspended".to_owned();
    db.put(Op::PutAccount(Box::new(main.clone()))).await;
    db.put(Op::PutAccount(Box::new(sub.clone()))).await;
    let (parent, child) = (main.sid, sub.sid);
    let reach = db.store.read(move |r| {
        Ok([(parent, 1), (parent, 2), (child, 1)].map(|(a, n)| accounts::children_reach(r, a, n).unwrap()))
    });
    assert_eq!(reach.await.unwrap(), [true, false, false]);
    let call = CallSid::new(&mut m.rng);
    let mut late = m.callback(call, 1);
    let early = m.callback(call, 0);
    late.state = "failed".to_owned();
    db.put(Op::Callback(Box::new(late.clone()))).await;
    db.put(Op::Callback(Box::new(early.clone()))).await;
    let s = Scope::Account(m.account);
    let read = db.store.read(move |r| {
        let mut list = |name: Option<&str>, status: Option<&str>| {
            let f = accounts::AccountFilter {
                friendly_name: name.map(str::to_owned),
                status: status.map(str::to_owned),
            };
            let found = accounts::list(r, Scope::WithChildren(main.sid), &f, &Page::first(9)).unwrap();
            found.rows.iter().map(|r| r.sid).collect::<Vec<_>>()
        };
        assert_eq!(list(None, None), [sub.sid, main.sid]);
        assert_eq!(list(Some("Sub"), None), [sub.sid]);
        assert_eq!(list(None, Some("active")), [main.sid]);
        let oldest = accounts::oldest(r, Scope::Operator)?;
        assert_eq!(oldest.iter().map(|r| r.sid).collect::<Vec<_>>(), [main.sid]);
        let in_order: Vec<_> = outbox::of_call(r, s, call)?.iter().map(|c| c.id).collect();
        assert_eq!(in_order, [early.id, late.id]);
        let failed = outbox::list(r, s, Some("failed"), &Page::first(9))?.rows;
        assert_eq!(failed.iter().map(|c| c.id).collect::<Vec<_>>(), [late.id]);
        Ok(())
    });
    read.await.unwrap();
}
