//! Seeds that once found something. Each says what.

use super::run;
use crate::kit::{Reply, World};
use chorus::api::command::{CallUpdate, EndWish, Request};
use chorus::sid::CallSid;
use chorus::store::rows::{CallRow, CallStatus, StreamRow};

const STREAMS: &str = "<Start><Stream name=\"s\" url=\"wss://agent.test/media\"/></Start><Stop><Stream name=\"s\"/></Stop><Pause/>";

fn holds(seed: u64) {
    let one = run::seed(seed, 1_000, false);
    assert!(one.wrong.is_empty(), "seed {seed:#x} at step {}: {:?}", one.step, one.wrong);
}

/// The first words to a callee were skipped by as much as it had rung.
#[test]
fn first_words_are_whole() {
    [0x12, 0x19, 0x33].into_iter().for_each(holds);
}

/// A recording stopped by REST was forgotten by a crash before its file was closed.
#[test]
fn a_stopped_recording_survives_a_crash() {
    [0x31, 0xd2].into_iter().for_each(holds);
}

/// After a restart two callbacks of the same millisecond left in the order of their ids.
#[test]
fn callbacks_keep_their_order_after_a_restart() {
    [0xa3, 0xfa].into_iter().for_each(holds);
}

/// A stream that a crash cut off had its row ended, and nobody was told (seed 0x39 at 2,000 steps, before TCP was in the world).
#[test]
fn a_stream_cut_by_a_crash_is_told_to_its_subscriber() {
    let mut w = World::new(1);
    let caller = w.phone("caller", 10);
    w.app.on(
        "/voice",
        Reply::twiml(
            "<Connect><Stream url=\"wss://agent.test/media\" statusCallback=\"/status/stream\"/></Connect>",
        ),
    );
    w.dial(caller, "+15550001");
    w.run_ms(2_000);
    w.crash();
    w.run_ms(2_000);
    let told: Vec<&str> =
        w.app.of("/status/stream").iter().map(|a| a.params["StreamEvent"].as_str()).collect();
    assert_eq!(told, ["stream-started", "stream-stopped"]);
    assert!(w.store.all::<StreamRow>().all(|row| row.status == "stopped"));
}

/// A write of a row that failed was tried again after a newer one of the same row had come through between two of the database's
/// moments: the stream was in progress for ever.
#[test]
fn a_late_write_does_not_undo_a_newer_one() {
    for (before, away) in (0..150).flat_map(|n| [1, 2, 4].map(|m| (n, m))) {
        let mut w = World::new(2);
        w.quiet = true;
        let caller = w.phone("caller", 10);
        w.phones[caller].light = true;
        w.app.on("/voice", Reply::twiml(STREAMS));
        w.dial(caller, "+15550001");
        w.until("the caller is answered", |w| w.phones[0].answered);
        for _ in 0..before {
            w.step();
        }
        w.database_down = true;
        for _ in 0..away {
            w.step();
        }
        w.database_down = false;
        w.run_ms(5_000);
        let left = w.store.all::<StreamRow>().filter(|row| row.status != "stopped").count();
        assert_eq!(left, 0, "the database was away for {away} events after {before}");
    }
}

/// A call that was cancelled while its INVITE waited for the commit was dialled all the same, and rang until the callee gave up.
#[test]
fn what_is_cancelled_before_its_invite_left_is_not_dialled() {
    let mut w = World::new(3);
    w.phone("callee", 2);
    let sid = CallSid::new(&mut w.rng);
    let dial = crate::kit::rows::dial_request(sid, w.now.wall);
    w.ask(Request::Dial(Box::new(dial)));
    w.until("the row says that it is being dialled", |w| w.commits == 2);
    let end = CallUpdate { end: Some(EndWish::Canceled), ..CallUpdate::default() };
    w.ask(Request::Update(sid, Box::new(end)));
    w.run_ms(10_000);
    assert_eq!(w.store.get::<CallRow>(sid).unwrap().status, CallStatus::Canceled);
    assert!(!w.picture().contains("INVITE"), "{}", w.picture());
    assert_eq!(w.switch.counts().calls, 0);
}

/// Each write that came behind those which waited for the database put their next try off by a second: a busy server never caught up
/// (seed 0xee).
#[test]
fn what_waits_for_the_database_is_written_though_more_comes() {
    let mut w = World::new(4);
    let caller = w.phone("caller", 10);
    w.app.on("/voice", Reply::twiml("<Pause length=\"60\"/>"));
    w.dial(caller, "+15550001");
    w.run_ms(1_000);
    let sid = w.switch.calls().next().unwrap().sid();
    w.database_down = true;
    let limit = |w: &mut World| {
        w.ask(Request::Update(
            sid,
            Box::new(CallUpdate { time_limit_s: Some(600), ..CallUpdate::default() }),
        ));
        w.run_ms(300);
    };
    limit(&mut w);
    w.database_down = false;
    assert!(w.switch.counts().journal > 0);
    (0..10).for_each(|_| limit(&mut w));
    assert_eq!(w.switch.counts().journal, 0);
}
