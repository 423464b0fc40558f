//! The oracle of the kill test is fed an honest world, which passes, and then one lie after the other: each is found.

use super::app::Request;
use super::book::{Book, Created, Seen};
use super::reconcile;
use super::recordings::{self, Talk};
use chorus::sip::event::{LegId, Side};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const CALLER: &str = "+12120000001";

/// What an oracle is told: a caller whose Record was cut by a kill, and a call by REST that was over before.
struct Facts {
    book: Book,
    killed: Instant,
    began: Instant,
    seen: Vec<Request>,
    calls: Vec<Value>,
    recordings: Vec<Value>,
    lengths: BTreeMap<String, u64>,
}

fn callback(path: &str, token: &str, params: &[(&str, &str)]) -> Request {
    let params = params.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Request { path: path.to_owned(), params, token: token.to_owned(), answered: true }
}

fn status(token: &str, call: &str, from: &str, number: &str, status: &str) -> Request {
    let params = [("CallSid", call), ("From", from), ("SequenceNumber", number), ("CallStatus", status)];
    callback("/status", token, &params)
}

fn honest() -> Facts {
    let killed = Instant::now();
    let began = killed + Duration::from_millis(10);
    let mut book = Book::default();
    let mut caller = Seen::new(CALLER, "record", true);
    caller.answered = Some(killed - Duration::from_secs(3));
    caller.sent = 150;
    book.legs.insert(LegId(2), caller);
    let mut callee = Seen::new("+17180000004", "callee", false);
    callee.answered = Some(killed - Duration::from_secs(9));
    callee.accepted = callee.answered;
    callee.ended = Some((killed - Duration::from_secs(8), Side::Peer, 200));
    book.legs.insert(LegId(1), callee);
    book.invites.insert("+17180000004".to_owned(), vec!["a".to_owned()]);
    book.created.push(Created { sid: "CA2".to_owned(), key: "+17180000004".to_owned(), done: false });
    book.killed(killed);
    book.legs.get_mut(&LegId(2)).unwrap().ended = Some((began + Duration::from_millis(50), Side::Peer, 200));
    let seen = vec![
        status("t1", "CA2", "+15550000000", "0", "initiated"),
        status("t2", "CA2", "+15550000000", "1", "in-progress"),
        status("t3", "CA2", "+15550000000", "2", "completed"),
        status("t3", "CA2", "+15550000000", "2", "completed"),
        status("t4", "CA1", CALLER, "0", "failed"),
        callback("/recording", "t5", &[("RecordingSid", "RE1"), ("RecordingStatus", "completed")]),
    ];
    let calls = vec![
        json!({"sid": "CA1", "status": "failed", "direction": "inbound", "from": CALLER}),
        json!({"sid": "CA2", "status": "completed", "direction": "outbound-api", "from": "+15550000000"}),
    ];
    let recordings =
        vec![json!({"sid": "RE1", "call_sid": "CA1", "status": "completed", "error_code": null})];
    let lengths = BTreeMap::from([("RE1".to_owned(), 2_400)]);
    Facts { book, killed, began, seen, calls, recordings, lengths }
}

/// As `kill::Ordeal` asks.
fn faults(f: &Facts) -> Vec<String> {
    let mut faults = vec![];
    reconcile::byes(&f.book, f.killed, f.began, &mut faults);
    let owed = reconcile::owed(&f.book);
    faults.extend(reconcile::untold(&owed, &f.seen).iter().map(|o| format!("not told: {o:?}")));
    faults.extend(recordings::untold(&f.recordings, &f.seen).iter().map(|r| format!("not told: {r}")));
    reconcile::tokens(&f.seen, &mut faults);
    reconcile::order(&f.seen, &mut faults);
    reconcile::rows(&f.book, &f.calls, &f.seen, &mut faults);
    let froms = f.calls.iter().map(|c| {
        let text = |name: &str| c[name].as_str().unwrap().to_owned();
        (text("sid"), text("from"))
    });
    let talks = recordings::talks(&f.book);
    recordings::judge(&talks, &f.recordings, &froms.collect(), &f.lengths, &mut faults);
    faults
}

type Lie = (&'static str, fn(&mut Facts));

const LIES: &[Lie] = &[
    ("is up 5 s after the start", |f| leg(f).ended = None),
    ("after the start", |f| leg(f).ended = Some((f.began + Duration::from_millis(5_001), Side::Peer, 200))),
    ("ended by Us", |f| leg(f).ended = Some((f.began + Duration::from_secs(1), Side::Us, 408))),
    ("not told: (\"/status\", \"From\"", |f| f.seen.retain(|r| r.get("CallSid") != "CA1")),
    ("not told: (\"/status\", \"CallSid\"", |f| f.seen.retain(|r| r.token != "t3")),
    ("not told: {", |f| f.seen.retain(|r| r.path != "/recording")),
    ("without token", |f| f.seen[0].token.clear()),
    ("came with the tokens t3 and other", |f| f.seen[3].token = "other".to_owned()),
    ("one token, two callbacks", |f| says(&mut f.seen[3], "busy")),
    ("callbacks came as [\"1\"", |f| drop(f.seen.remove(0))),
    ("callbacks came as [\"1\", \"0\"", |f| f.seen.swap(0, 1)),
    ("was told as [\"initiated\", \"completed\"", |f| says(&mut f.seen[1], "completed")),
    ("came with the tokens t5 and t6", |f| {
        let again = Request { token: "t6".to_owned(), ..f.seen[5].clone() };
        f.seen.push(again);
    }),
    ("CA1 is in-progress for ever", |f| f.calls[0]["status"] = "in-progress".into()),
    ("its row says Some(\"completed\")", |f| f.calls[0]["status"] = "completed".into()),
    ("was answered and has 0 rows", |f| drop(f.calls.remove(0))),
    ("was answered and has 2 rows", |f| f.calls.push(f.calls[0].clone())),
    ("CA2 got 201 and is gone", |f| drop(f.calls.remove(1))),
    ("was dialled 2 times", |f| f.book.invites.get_mut("+17180000004").unwrap().push("b".to_owned())),
    ("was never dialled and is completed", |f| f.book.invites.clear()),
    ("RE1 is \"in-progress\" for ever", |f| f.recordings[0]["status"] = "in-progress".into()),
    ("RE1 is completed and empty", |f| f.lengths.clear()),
    ("lacks 1", |f| f.lengths = BTreeMap::from([("RE1".to_owned(), 1_900)])),
    ("lacks 3s of 3s", |f| f.recordings.clear()),
    ("is absent, and +12120000001 was talking", |f| f.recordings[0]["status"] = "absent".into()),
    ("was recorded twice", |f| f.recordings.push(f.recordings[0].clone())),
];

fn leg(f: &mut Facts) -> &mut Seen {
    f.book.legs.get_mut(&LegId(2)).unwrap()
}

fn says(r: &mut Request, status: &str) {
    r.params.insert("CallStatus".to_owned(), status.to_owned());
}

#[test]
fn the_oracle_of_the_kill_test_finds_every_lie() {
    assert_eq!(faults(&honest()), [""; 0]);
    for (words, lie) in LIES {
        let mut f = honest();
        lie(&mut f);
        let found = faults(&f);
        assert!(found.iter().any(|f| f.contains(words)), "'{words}' is not among {found:#?}");
    }
}

#[test]
fn a_recording_may_only_fail_if_a_kill_cut_it_within_a_second() {
    let row = json!({"sid": "RE1", "call_sid": "CA1", "status": "absent", "error_code": 12400});
    let froms = BTreeMap::from([("CA1".to_owned(), CALLER.to_owned())]);
    let judge = |said: u64, cut: bool| {
        let talk = Talk { from: CALLER.to_owned(), said: Duration::from_millis(said), cut };
        let mut faults = vec![];
        recordings::judge(&[talk], std::slice::from_ref(&row), &froms, &BTreeMap::new(), &mut faults);
        faults.len()
    };
    assert_eq!((judge(999, true), judge(1_000, true), judge(999, false)), (0, 1, 1));
}
