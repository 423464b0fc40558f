//! Delivery in virtual time: order, rounds, fairness, receivers that hang, restarts.

use chorus::clock::{Mono, Now, Wall};
use chorus::sid::{AccountSid, CallSid, RecordingSid, StreamSid};
use chorus::store::rows::{Hook, OutboxId, OutboxRow, Part};
use chorus::webhooks::fair::{HOST_CONNECTIONS, IN_FLIGHT_MAX};
use chorus::webhooks::request::{FetchRequest, Method};
use chorus::webhooks::schedule::*;
use std::collections::BTreeMap;
use std::time::Duration;

const START: i64 = 1_700_000_000_000;

fn at(ms: u64) -> Now {
    Now { mono: Mono(ms * 1_000), wall: Wall(START + ms as i64) }
}

/// A callback that waits since [`START`].
pub fn row(id: OutboxId, account: u128, call: u128, position: u32, url: &str) -> OutboxRow {
    OutboxRow {
        id,
        account: AccountSid(account),
        call: Some(CallSid(call)),
        part: None,
        position,
        hook: Hook { url: url.into(), method: Method::Post },
        params: vec![("SequenceNumber".into(), position.to_string())],
        json: None,
        state: "pending".into(),
        rounds: 0,
        next: Wall(START),
        last: None,
        created: Wall(START),
        done: None,
    }
}

fn token(account: AccountSid) -> Option<String> {
    Some(format!("token of {account}"))
}

fn drain(s: &mut Schedule, now: Now) -> Vec<(OutboxId, FetchRequest)> {
    std::iter::from_fn(|| s.poll(now, &token)).collect()
}

fn ids(s: &mut Schedule, now: Now) -> Vec<OutboxId> {
    drain(s, now).into_iter().map(|(id, _)| id).collect()
}

fn ok() -> RoundResult {
    RoundResult::Delivered { status: 204 }
}

fn refused() -> RoundResult {
    RoundResult::Failed { code: 11202, status: None, words: "refused".into() }
}

#[test]
fn a_request_is_complete_and_signed_with_its_accounts_token() {
    let mut s = Schedule::new();
    s.add(at(0), row(0xabc, 1, 1, 0, "https://u:p@a.test/cb?x=1#rt=200&rc=3"));
    let (id, request) = s.poll(at(0), &token).unwrap();
    assert_eq!(id, 0xabc);
    assert_eq!(request.url, "https://u:p@a.test/cb?x=1", "the fragment is gone");
    assert_eq!((request.policy.read, request.policy.retries), (Duration::from_millis(200), 3));
    assert_eq!(request.token, "00000000-0000-0000-0000-000000000abc");
    assert_eq!(request.auth_token, token(AccountSid(1)));
    assert_eq!(request.params, [("SequenceNumber".to_string(), "0".to_string())]);
    assert!(s.poll(at(0), &token).is_none());
    s.done(at(5), id, ok());
    let outcomes = s.outcomes();
    assert_eq!(outcomes.len(), 1);
    let done = &outcomes[0].row;
    assert_eq!((done.state.as_str(), done.rounds, done.done), ("delivered", 1, Some(Wall(START + 5))));
    assert!(
        outcomes[0].note.is_none() && s.is_empty() && s.poll_timeout().is_none(),
        "nothing is left behind"
    );
}

#[test]
fn first_attempts_of_a_call_leave_in_order_one_at_a_time() {
    let mut s = Schedule::new();
    for position in [2, 0, 1] {
        s.add(at(0), row(position.into(), 1, 1, position, "https://a.test/"));
    }
    // The first one added was alone then, so it left; the others wait for it in order.
    assert_eq!(ids(&mut s, at(0)), [2]);
    s.done(at(1), 2, ok());
    assert_eq!(ids(&mut s, at(1)), [0]);
    s.done(at(2), 0, ok());
    assert_eq!(ids(&mut s, at(2)), [1]);
    s.done(at(3), 1, ok());
    assert!(s.is_empty());
}

#[test]
fn what_is_told_of_a_stream_keeps_its_own_order() {
    let mut s = Schedule::new();
    let (stream, recording) = (Part::Stream(StreamSid(7)), Part::Recording(RecordingSid(7)));
    for (id, part, position) in
        [(1, None, 0), (2, Some(stream), 0), (3, Some(stream), 1), (4, Some(recording), 1), (5, None, 1)]
    {
        s.add(at(0), OutboxRow { part, ..row(id, 1, 1, position, "https://a.test/") });
    }
    assert_eq!(ids(&mut s, at(0)), [1, 2, 4], "the first of the call, of its stream, of its recording");
    s.done(at(1), 2, ok());
    assert_eq!(ids(&mut s, at(1)), [3], "the stream waits for nothing of the call");
    for id in [1, 3, 4] {
        s.done(at(2), id, ok());
    }
    assert_eq!(ids(&mut s, at(2)), [5]);
    s.done(at(3), 5, refused());
    let note = s.outcomes().pop().unwrap().note.unwrap();
    assert_eq!(note.call, Some(CallSid(1)));
}

#[test]
fn a_row_that_hangs_holds_up_the_next_for_fifteen_seconds() {
    let mut s = Schedule::new();
    s.add(at(0), row(1, 1, 1, 0, "https://hangs.test/"));
    s.add(at(0), row(2, 1, 1, 1, "https://works.test/"));
    assert_eq!(ids(&mut s, at(0)), [1]);
    assert_eq!(s.poll_timeout(), Some(Mono(15_000_000)));
    assert!(ids(&mut s, at(14_999)).is_empty());
    assert_eq!(ids(&mut s, at(15_000)), [2]);
    s.done(at(15_100), 2, ok());
    s.done(at(15_200), 1, ok());
    assert!(s.is_empty());
}

#[test]
fn rounds_come_at_their_times_with_the_same_token_and_body_and_then_fail() {
    let mut s = Schedule::new();
    s.add(at(0), row(9, 1, 1, 0, "https://down.test/cb?secret=1"));
    let (_, first) = s.poll(at(0), &token).unwrap();
    let mut now = 0;
    let mut notes = Vec::new();
    s.done(at(now), 9, refused());
    for (rounds, wait) in (1..).zip(ROUNDS) {
        let outcomes = s.outcomes();
        assert_eq!(outcomes.len(), 1);
        let put = &outcomes[0].row;
        assert_eq!((put.state.as_str(), put.rounds), ("pending", rounds));
        assert_eq!(put.next, Wall(START + now as i64).plus(wait));
        notes.extend(outcomes[0].note.clone());
        now += wait.as_millis() as u64;
        assert_eq!(s.poll_timeout(), Some(at(now).mono));
        assert!(s.poll(at(now - 1), &token).is_none());
        let (_, again) = s.poll(at(now), &token).unwrap();
        assert_eq!((&again.token, &again.params, &again.url), (&first.token, &first.params, &first.url));
        s.done(at(now), 9, RoundResult::Failed { code: 11200, status: Some(500), words: "500".into() });
    }
    let last = s.outcomes().remove(0);
    assert_eq!((last.row.state.as_str(), last.row.rounds), ("failed", 6));
    notes.extend(last.note);
    let told: Vec<(u32, u8, &str)> = notes.iter().map(|n| (n.code, n.level, n.url.as_str())).collect();
    let url = "https://down.test/cb";
    assert_eq!(
        told,
        [(11202, 1, url), (15003, 0, url)],
        "told when it begins and when it ends, without the query"
    );
    assert!(s.is_empty());
}

#[test]
fn later_rounds_overtake_nothing() {
    let mut s = Schedule::new();
    s.add(at(0), row(1, 1, 1, 0, "https://a.test/"));
    assert_eq!(ids(&mut s, at(0)), [1]);
    s.done(at(0), 1, refused());
    // New events come while the first one rests; one is on its way when its second round is due.
    s.add(at(9_000), row(2, 1, 1, 1, "https://a.test/"));
    s.add(at(9_000), row(3, 1, 1, 2, "https://a.test/"));
    assert_eq!(ids(&mut s, at(9_000)), [2]);
    assert!(ids(&mut s, at(10_000)).is_empty());
    s.done(at(10_500), 2, ok());
    assert_eq!(ids(&mut s, at(10_500)), [3]);
    s.done(at(10_600), 3, ok());
    assert_eq!(ids(&mut s, at(10_600)), [1]);
}

#[test]
fn a_receiver_that_hangs_holds_32_connections_and_delays_no_other() {
    let mut s = Schedule::new();
    for n in 0..200 {
        s.add(at(0), row(n, 1, n, 0, "https://hangs.test/"));
    }
    for n in 200..210 {
        s.add(at(0), row(n, 1, n, 0, "https://works.test/"));
    }
    let flying = drain(&mut s, at(0));
    let to = |host: &str| flying.iter().filter(|(_, r)| r.url.contains(host)).count();
    assert_eq!((to("hangs.test"), to("works.test")), (HOST_CONNECTIONS, 10));
    // Another account's rows for the same receiver get their share of its connections once any is free.
    for n in 300..400 {
        s.add(at(0), row(n, 2, n, 0, "https://hangs.test/"));
    }
    assert!(ids(&mut s, at(0)).is_empty());
    let (mut mine, mut theirs) = (0, 0);
    for (id, _) in flying.into_iter().filter(|(_, r)| r.url.contains("hangs.test")) {
        s.done(at(1), id, ok());
        for (_, next) in drain(&mut s, at(1)) {
            if next.account == AccountSid(1) { mine += 1 } else { theirs += 1 }
        }
    }
    assert_eq!((mine, theirs), (HOST_CONNECTIONS / 2, HOST_CONNECTIONS / 2));
}

#[test]
fn accounts_take_turns() {
    let mut s = Schedule::new();
    for n in 0..5_000_u128 {
        s.add(at(0), row(n, 1, n, 0, &format!("https://h{n}.test/")));
    }
    for n in 0..50_u128 {
        s.add(at(0), row(10_000 + n, 2, 10_000 + n, 0, &format!("https://h{n}.test/")));
    }
    let flying = drain(&mut s, at(0));
    assert_eq!(flying.len(), IN_FLIGHT_MAX);
    let small = flying.iter().take(100).filter(|(_, r)| r.account == AccountSid(2)).count();
    assert_eq!(small, 50, "every second one is the small account's");
}

#[test]
fn a_restart_loads_the_rows_and_a_crash_was_no_try() {
    let mut before = Schedule::new();
    before.add(at(0), row(1, 1, 1, 0, "https://a.test/"));
    let (_, first) = before.poll(at(0), &token).unwrap();
    drop(before);

    let mut tried = row(2, 1, 2, 0, "https://a.test/");
    tried.rounds = 2;
    tried.next = Wall(START + 60_000);
    let mut over = row(3, 1, 3, 0, "https://a.test/");
    over.state = "failed".into();
    let mut s = Schedule::new();
    let stored =
        vec![row(5, 1, 1, 1, "https://a.test/"), row(1, 1, 1, 0, "https://a.test/"), tried.clone(), over];
    let mut stored_in_order = stored;
    stored_in_order.sort_by_key(|r| (r.next, r.position));
    s.load(at(1_000), stored_in_order.clone(), None);
    s.load(at(1_000), stored_in_order, None);
    let sent = drain(&mut s, at(1_000));
    assert_eq!(sent.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [1], "once, though it was loaded twice");
    assert_eq!(sent[0].1.token, first.token);
    s.done(at(1_001), 1, ok());
    assert_eq!(s.outcomes()[0].row.rounds, 1, "the crash did not count");
    assert_eq!(ids(&mut s, at(1_001)), [5]);
    s.done(at(1_002), 5, ok());
    assert!(ids(&mut s, at(59_999)).is_empty());
    assert_eq!(ids(&mut s, at(60_000)), [2]);
    s.done(at(60_000), 2, refused());
    assert_eq!(s.outcomes().last().unwrap().row.rounds, 3);
}

#[test]
fn a_url_that_can_never_work_fails_at_once_and_holds_up_nothing() {
    let mut s = Schedule::new();
    s.add(at(0), row(1, 1, 1, 0, "https://a.test/#rp=sometimes"));
    s.add(at(0), row(2, 1, 1, 1, "no url"));
    s.add(at(0), row(3, 1, 1, 2, "https://a.test/"));
    assert_eq!(ids(&mut s, at(0)), [3]);
    let told: Vec<(u32, String)> =
        s.outcomes().into_iter().map(|o| (o.note.unwrap().code, o.row.state)).collect();
    assert_eq!(told, [(11243, "failed".to_string()), (11100, "failed".to_string())]);
}

#[test]
fn late_and_foreign_results_are_ignored() {
    let mut s = Schedule::new();
    s.add(at(0), row(1, 1, 1, 0, "https://a.test/"));
    s.done(at(0), 1, ok());
    assert_eq!(s.len(), 1, "it has not left yet");
    assert_eq!(ids(&mut s, at(0)), [1]);
    s.done(at(0), 77, ok());
    s.done(at(0), 1, ok());
    s.done(at(0), 1, ok());
    assert!(s.is_empty() && s.outcomes().len() == 1);
}

/// A store and a schedule: every row is delivered exactly once, in order for its call, though memory holds a part only.
#[test]
fn what_does_not_fit_in_memory_is_fetched_later_and_nothing_is_lost() {
    let total = (WINDOW * 3) as u128;
    let mut store: BTreeMap<OutboxId, OutboxRow> = BTreeMap::new();
    let mut s = Schedule::new();
    let mut last: BTreeMap<CallSid, u32> = BTreeMap::new();
    let mut delivered = 0;
    let mut now = 0;
    let mut next_row = 0;
    while delivered < total {
        for _ in 0..(WINDOW / 2).min((total - next_row) as usize) {
            let mut r =
                row(next_row, next_row % 7, next_row % 1_000, (next_row / 1_000) as u32, "https://a.test/");
            r.hook.url = format!("https://h{}.test/", next_row % 97);
            r.next = Wall(START + now as i64);
            store.insert(r.id, r.clone());
            s.add(at(now), r);
            next_row += 1;
        }
        assert!(s.len() <= WINDOW);
        if let Some(before) = s.wants(at(now)) {
            let mut page: Vec<OutboxRow> = store.values().filter(|r| r.next <= before).cloned().collect();
            page.sort_by_key(|r| (r.next, r.position));
            let later = store.values().filter(|r| r.next > before).map(|r| r.next).min();
            let cut = page.get(WINDOW).map(|r| r.next);
            page.truncate(WINDOW);
            s.load(at(now), page, cut.or(later));
        }
        for _ in 0..40 {
            now += 1;
            for (id, request) in drain(&mut s, at(now)) {
                let position: u32 = super::only(&request.params, "SequenceNumber").parse().unwrap();
                let call = request.call.unwrap();
                let expected = last.get(&call).map_or(0, |p| p + 1);
                assert_eq!(position, expected, "call {call} out of order");
                last.insert(call, position);
                s.done(at(now), id, ok());
            }
            for outcome in s.outcomes() {
                assert!(store.remove(&outcome.row.id).is_some(), "delivered twice");
                delivered += 1;
            }
        }
        assert!(now < 10_000_000, "it does not come to an end");
    }
    assert!(store.is_empty() && s.is_empty());
}

#[test]
fn resting_rows_make_room_for_new_ones() {
    let mut s = Schedule::new();
    for n in 0..WINDOW as u128 {
        let mut r = row(n, 1, n, 0, &format!("https://h{}.test/", n % 1_000));
        r.rounds = 4;
        r.next = Wall(START + 3_600_000 + n as i64);
        s.load(at(0), vec![r], None);
    }
    assert_eq!(s.len(), WINDOW);
    s.add(at(0), row(1 << 64, 2, 1 << 64, 0, "https://new.test/"));
    assert_eq!(ids(&mut s, at(0)), [1 << 64]);
    assert_eq!(s.len(), WINDOW);
    assert_eq!(s.wants(at(0)), None);
    s.done(at(1), 1 << 64, ok());
    // The one that was put aside is asked for once it is due and there is room.
    let due = 3_600_000 + WINDOW as u64;
    let mut now = at(3_600_000);
    while s.wants(now).is_none() {
        let sent = ids(&mut s, now);
        now = at(due);
        assert!(!sent.is_empty() || now == at(due));
        for id in sent {
            s.done(now, id, ok());
        }
        s.outcomes();
    }
}

/// What waits in the store is asked for when it is due, by itself, though the wall clock was set back by a day meanwhile.
#[test]
fn a_clock_that_is_set_back_holds_no_row_in_the_store() {
    let back = |ms: u64| Now { mono: Mono(ms * 1_000), wall: Wall(START - 86_400_000 + ms as i64) };
    let mut s = Schedule::with_window(1);
    let mut second = row(2, 1, 2, 0, "https://b.test/");
    (second.rounds, second.next) = (1, Wall(START + 60_000));
    let (rows, later) = page(vec![second.clone(), row(1, 1, 1, 0, "https://a.test/")], Wall(START), 1);
    assert_eq!((rows[0].id, later), (1, Some(second.next)));
    s.load(at(0), rows, later);
    assert_eq!(ids(&mut s, at(0)), [1]);
    s.done(at(1), 1, ok());
    assert_eq!(s.poll_timeout(), Some(Mono(60_000_000)), "nobody else wakes it");
    let upto = s.wants(back(60_000)).unwrap();
    let (rows, later) = page(vec![second], upto, 1);
    assert_eq!((rows.len(), later), (1, None));
    s.load(back(60_000), rows, later);
    let due = s.poll_timeout().unwrap();
    assert!(due <= back(60_000).mono + ROUNDS[4], "longer than the longest pause: {due}");
    assert_eq!(ids(&mut s, Now { mono: due, ..back(60_000) }), [2]);
}

/// What waits for a time that no right clock could have written, since the clock was set back, is due.
#[test]
fn a_row_that_waits_for_an_impossible_time_is_due() {
    let mut s = Schedule::with_window(1);
    let mut far = row(1, 1, 1, 0, "https://a.test/");
    (far.rounds, far.next) = (1, Wall(START + 86_400_000));
    let (rows, later) = page(vec![far], Wall(START), 1);
    assert_eq!((rows.len(), later), (1, None));
    s.load(at(0), rows, later);
    assert_eq!(ids(&mut s, at(0)), [1]);
}
