//! Causes that seeds showed once every fault was the standard: something came late, or between two things that belong together.

use crate::kit::{Reply, World};
use chorus::api::command::{Answer, CallUpdate, Document, EndWish, Request};
use chorus::call::event::Ticket;
use chorus::sid::CallSid;
use chorus::store::rows::{CallRow, CallStatus};

/// A call that came in, as soon as its row is written.
fn ringing(w: &mut World) -> CallSid {
    w.app.on("/voice", Reply::twiml("<Say>hello</Say><Pause length=\"60\"/>"));
    w.dial(0, "+15550001");
    w.until("the call is there", |w| w.switch.calls().next().is_some());
    w.switch.calls().next().unwrap().sid()
}

fn redirect(w: &mut World, sid: CallSid) -> Ticket {
    let document = Document::Inline("<Response><Say>new</Say><Pause length=\"60\"/></Response>".to_owned());
    w.ask(Request::Update(sid, Box::new(CallUpdate { document: Some(document), ..CallUpdate::default() })))
}

fn count(w: &World, what: &str) -> u64 {
    w.counted.get(what).copied().unwrap_or(0)
}

/// A call that was redirected before its port had come asked for another one, and the first was never closed (seeds 0x305, 0x28).
#[test]
fn a_port_that_is_on_its_way_is_not_asked_for_again() {
    let mut w = World::new(5);
    w.phone("caller", 10);
    let sid = ringing(&mut w);
    w.until("the port is asked for", |w| count(w, "effect OpenPort") == 1);
    redirect(&mut w, sid);
    w.run_ms(2_000);
    assert!(w.phones[0].answered);
    assert_eq!(count(&w, "effect OpenPort"), 1);
    w.hang_up(0);
    w.run_ms(5_000);
    assert_eq!((w.engines.iter().map(|e| e.counts().legs).sum::<usize>(), w.switch.counts().ports), (0, 0));
}

/// A connection that broke took our BYE with it: the peer's leg was up for ever (seed 0x7fa).
#[test]
fn a_bye_whose_connection_breaks_is_sent_again() {
    let mut w = World::new(6);
    let caller = w.phone("caller", 10);
    w.phones[caller].tcp = true;
    let sid = ringing(&mut w);
    w.until("the caller is answered", |w| w.phones[0].answered);
    w.run_ms(500);
    let end = CallUpdate { end: Some(EndWish::Completed), ..CallUpdate::default() };
    let sent = count(&w, "effect Send");
    w.ask(Request::Update(sid, Box::new(end)));
    w.until("BYE is on its way", |w| count(w, "effect Send") > sent);
    for connection in w.connections() {
        w.break_connection(connection);
    }
    w.run_ms(1_500);
    assert!(w.phones[0].leg.is_none(), "{}", w.picture());
    assert_eq!(w.store.get::<CallRow>(sid).unwrap().status, CallStatus::Completed);
}

/// While the answer waited for its row, a request wrote the row with it; the database was away for the answer and back for the
/// request, whose write said that the call was answered (seed 0xa4).
#[test]
fn a_write_behind_an_answer_that_never_was_never_was() {
    let mut w = World::new(7);
    w.phone("caller", 10);
    let sid = ringing(&mut w);
    w.until("the answer is decided", |w| {
        w.switch.call(sid).is_some_and(|call| call.row().status == CallStatus::InProgress)
    });
    w.database_down = true;
    let ticket = redirect(&mut w, sid);
    let before = w.commits;
    w.until("the answer could not be written", |w| w.commits > before);
    w.database_down = false;
    w.run_ms(3_000);
    assert!(w.oracle.wrong.is_empty(), "{:#?}", w.oracle.wrong);
    assert!(matches!(w.replies.get(&ticket), Some(Answer::Busy)));
    assert_eq!(w.store.get::<CallRow>(sid).unwrap().status, CallStatus::Failed);
    assert_eq!(w.switch.counts().calls, 0);
}
