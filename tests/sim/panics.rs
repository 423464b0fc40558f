//! An error of ours in the code of one call ends that call and no other: planted at every effect of a call that does a little of
//! everything, and again while it ends.

use crate::kit::agent::Behaviour;
use crate::kit::phone::OnCall;
use crate::kit::rows::dial_request;
use crate::kit::world::hook;
use crate::kit::{Reply, World};
use chorus::api::command::*;
use chorus::call::event::Ticket;
use chorus::sid::{CallSid, RecordingSid};
use chorus::store::rows::*;
use std::time::Duration;

const BUSY: &str = "<Start><Stream name=\"s\" url=\"wss://agent.test/media\" statusCallback=\"/status/stream\"/></Start><Say>hi</Say>\
    <Record maxLength=\"1\" timeout=\"0\" trim=\"do-not-trim\" recordingStatusCallback=\"/status/rec\"/>\
    <Dial><Sip statusCallback=\"/status/child\">sip:bob@10.0.1.12</Sip></Dial>";

fn record(w: &mut World, sid: CallSid) -> Ticket {
    let wish = RecordWish {
        channels: 1,
        track: "both".to_owned(),
        trim: false,
        callback: Some(hook("/status/rec")),
        events: "completed".to_owned(),
    };
    let start = RecordStart { sid: RecordingSid::new(&mut w.rng), wish };
    w.ask(Request::Record(sid, Box::new(start)))
}

struct Scene {
    w: World,
    bystander: CallSid,
    victim: CallSid,
    asked: Vec<Ticket>,
}

fn scene(effects: u32, again: Option<u32>) -> Scene {
    let mut w = World::new(7);
    w.quiet = true;
    w.agent.behaviour = Behaviour::Forgetful;
    w.app.on("/voice", Reply::twiml("<Say>hello</Say><Pause length=\"60\"/>"));
    w.app.on("/busy", Reply::twiml(BUSY));
    let other = w.phone("other", 10);
    for (name, host) in [("callee", 2), ("bob", 12)] {
        let phone = w.phone(name, host);
        w.phones[phone].on_call = OnCall::Answer(300);
    }
    w.phones.iter_mut().for_each(|p| p.light = true);
    w.dial(other, "+15550001");
    w.run_ms(1_000);
    let bystander = w.switch.calls().next().unwrap().sid();
    let victim = CallSid::new(&mut w.rng);
    w.break_call(victim, effects, again);
    let dial = DialRequest { document: Document::Fetch(hook("/busy")), ..dial_request(victim, w.now.wall) };
    let mut asked = vec![w.ask(Request::Dial(Box::new(dial)))];
    w.run_ms(1_000);
    asked.push(record(&mut w, victim));
    w.run_ms(3_000);
    asked.push(w.ask(Request::StopStream(victim, "s".to_owned())));
    w.run_ms(2_000);
    let end = CallUpdate { end: Some(EndWish::Completed), ..CallUpdate::default() };
    asked.push(w.ask(Request::Update(victim, Box::new(end))));
    w.run_ms(3_000);
    Scene { w, bystander, victim, asked }
}

/// Whether the panic came.
fn check(effects: u32, again: Option<u32>) -> bool {
    let what = format!("a panic at effect {effects}, then {again:?}");
    let Scene { mut w, bystander, victim, asked } = scene(effects, again);
    assert_eq!(w.store.get::<CallRow>(bystander).unwrap().status, CallStatus::InProgress, "{what}");
    assert!(w.phones[0].leg.is_some(), "{what}: the other phone lost its call");
    for ticket in asked {
        assert!(w.replies.contains_key(&ticket), "{what}: {ticket:?} was never answered");
    }
    let fired = w.counted.contains_key("fault panic");
    w.hang_up(0);
    w.run(Duration::from_secs(12 * 3_600));
    if let Some(row) = w.store.get::<CallRow>(victim).filter(|_| fired) {
        assert!(row.status.is_final(), "{what}: {:?}", row.status);
        assert_ne!(row.ended_how.as_deref(), Some("restart"), "{what}");
    }
    // What it still waited for, its recording perhaps, it waits for with a limit.
    assert!(w.switch.call(victim).is_none(), "{what}: the call is still there");
    w.reckon();
    assert!(w.oracle.wrong.is_empty(), "{what}: {:#?}", w.oracle.wrong);
    let row = w.store.get::<CallRow>(bystander).unwrap();
    assert_eq!((row.status, row.error), (CallStatus::Completed, None), "{what}");
    fired
}

fn at_every_effect(again: Option<u32>) {
    let mut effects = 1;
    while check(effects, again) {
        effects += 1;
    }
    assert!(effects > 60, "the call had {effects} effects only");
    println!("{effects} effects, again {again:?}");
}

#[test]
fn a_panic_anywhere_in_a_call_ends_that_call_alone() {
    at_every_effect(None);
}

#[test]
fn one_that_panics_again_while_it_ends_is_ended_from_outside() {
    [1, 2, 4, 7].into_iter().for_each(|again| at_every_effect(Some(again)));
}

/// A recording that fails is told of in the debugger: a panic there lost its end, since it was not in the call any more and its
/// row not written yet (seed 0xad).
#[test]
fn a_panic_while_a_recording_fails_does_not_lose_its_end() {
    let start = "<Start><Recording trim=\"do-not-trim\" recordingStatusCallback=\"/status/rec\"/></Start><Pause length=\"60\"/>";
    let fired = |effects| {
        let mut w = World::new(8);
        w.quiet = true;
        w.app.on("/voice", Reply::twiml(start));
        let caller = w.phone("caller", 10);
        w.phones[caller].light = true;
        w.dial(caller, "+15550001");
        w.run_ms(2_000);
        let sid = w.switch.calls().next().unwrap().sid();
        w.disk_full = true;
        w.break_call(sid, effects, None);
        w.run_ms(10_000);
        w.hang_up(caller);
        w.run(Duration::from_secs(12 * 3_600));
        w.reckon();
        assert!(w.store.all::<RecordingRow>().any(|row| row.status == "failed"), "effect {effects}");
        assert!(w.oracle.wrong.is_empty(), "effect {effects}: {:#?}", w.oracle.wrong);
        w.counted.contains_key("fault panic")
    };
    assert!((1..=6).all(fired));
}
