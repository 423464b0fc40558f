//! What becomes of callbacks after their call's timeline was written.

use super::kit::{Db, Maker, contract};
use chorus::sid::StreamSid;
use chorus::store::rows::{OutboxRow, Part};
use chorus::store::tx::Op;
use chorus::store::*;
use chorus::webhooks::schedule::ROUNDS;

contract!(a_timeline_ends_with_what_became_of_callbacks);

async fn a_timeline_ends_with_what_became_of_callbacks(db: &Db) {
    let m = &mut Maker::new(130);
    let call = m.call();
    let sid = call.sid;
    db.put(Op::InsertCall(Box::new(call))).await;
    db.put(Op::PutTimeline(Box::new(m.timeline(sid)))).await;
    let told = |m: &mut Maker, event: &str, part: Option<Part>| OutboxRow {
        part,
        params: vec![("StreamEvent".to_owned(), event.to_owned())],
        last: Some(format!("answer to {event}")),
        ..m.callback(sid, 0)
    };
    let waiting = told(m, "waiting", None);
    let tried = told(m, "tried", None);
    let tried = OutboxRow { rounds: 1, next: m.tick().plus(ROUNDS[0]), ..tried };
    let done = told(m, "delivered", Some(Part::Stream(StreamSid(1))));
    let done = OutboxRow { state: "delivered".to_owned(), rounds: 1, done: Some(m.tick()), ..done };
    for row in [done, tried, waiting] {
        db.put(Op::Callback(Box::new(row))).await;
    }
    let lines = db.store.read(move |r| timeline::whole(r, Scope::Operator, sid)).await.unwrap().unwrap();
    let told: Vec<&str> = lines.iter().skip(1).map(|l| l.what.as_str()).collect();
    assert_eq!(
        told,
        ["callback /status tried: answer to tried", "callback /status delivered: answer to delivered"]
    );
}
