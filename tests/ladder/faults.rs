//! What happens when something is missing.

use super::scene::*;
use crate::kit::phone::OnCall;
use crate::kit::world::Death;
use crate::kit::{Reply, World, ladder};
use std::time::Duration;

#[test]
fn fault_callback_rounds() {
    let mut w = caller(600, "<Hangup/>");
    for _ in 0..3 {
        w.app.on("/status", Reply::status(500));
    }
    w.app.on("/status", Reply::status(200));
    w.dial(0, "+15550001");
    over(&mut w);
    w.run(Duration::from_secs(1_000));
    let tokens: std::collections::BTreeSet<String> =
        w.app.of("/status").iter().map(|a| a.token.clone()).collect();
    assert_eq!((tokens.len(), w.app.of("/status").len()), (1, 4));
    ladder::check(
        w,
        "fault_callback_rounds",
        "Callbacks exactly as rulings.md defines them: further rounds after 10 s, 1 min, 10 min with the same token.",
    );
}

#[test]
fn fault_database_at_invite() {
    let mut w = caller(601, "<Say>hello</Say>");
    w.database_down = true;
    w.dial(0, "+15550001");
    over(&mut w);
    w.database_down = false;
    assert_eq!(w.phones[0].ended[0].code, 503);
    ladder::check(w, "fault_database_at_invite", "A commit that fails: 503 to the INVITE.");
}

#[test]
fn fault_database_at_answer() {
    let mut w = calling(602, "<Say>hello</Say>");
    w.run_ms(15);
    w.database_down = true;
    over(&mut w);
    w.database_down = false;
    assert_eq!(w.phones[0].ended[0].code, 503);
    ladder::check(
        w,
        "fault_database_at_answer",
        "A commit that fails: no 200 without its row; the caller gets 503, the call ends failed.",
    );
}

#[test]
fn fault_database_in_a_call() {
    let mut w = talking(
        603,
        "<Record timeout=\"0\" action=\"/recorded\" maxLength=\"2\" recordingStatusCallback=\"/status/rec\"/><Say>bye</Say>",
    );
    w.app.on("/recorded", Reply::twiml("<Hangup/>"));
    w.database_down = true;
    over(&mut w);
    w.run_ms(5_000);
    assert!(!w.switch.healthy());
    w.line("chorus", "chorus", "the database is back");
    w.database_down = false;
    ladder::check(
        w,
        "fault_database_in_a_call",
        "A live call goes on while the database is away, its Tx kept in a bounded journal; the callbacks follow.",
    );
}

#[test]
fn fault_disk_full() {
    let mut w = talking(
        604,
        "<Record timeout=\"0\" action=\"/recorded\" maxLength=\"5\" recordingStatusCallback=\"/status/rec\"/><Say>bye</Say>",
    );
    w.app.on("/recorded", Reply::twiml("<Hangup/>"));
    w.run_ms(1_500);
    w.line("chorus", "chorus", "the disk is full");
    w.disk_full = true;
    over(&mut w);
    ladder::check(
        w,
        "fault_disk_full",
        "A full disk or slow disk ends a recording as failed, never the call.",
    );
}

#[test]
fn fault_no_port() {
    let mut w = caller(605, "<Say>hello</Say>");
    w.ports_gone = true;
    w.dial(0, "+15550001");
    over(&mut w);
    ladder::check(w, "fault_no_port", "No RTP port is free: 503, and a notification that says what to do.");
}

#[test]
fn fault_crash() {
    let mut w = talking(606, "<Say>hi</Say><Pause length=\"30\"/>");
    w.run_ms(1_000);
    w.crash();
    over(&mut w);
    ladder::check(
        w,
        "fault_crash",
        "Legs still up get BYE within 5 s of the start; their calls end failed, with their callbacks.",
    );
}

#[test]
fn fault_crash_before_the_answer() {
    let mut w = caller(607, "<Say>hello</Say>");
    w.dies = Some((2, Death::Unsynced));
    w.dial(0, "+15550001");
    w.run(Duration::from_secs(60));
    w.hang_up(0);
    ladder::check(
        w,
        "fault_crash_before_the_answer",
        "Accepted means never lost: a call whose 200 was not durable was not answered.",
    );
}

/// A call made by REST, a second later; its callee answers after so long.
fn dialled(seed: u64, answer_ms: u64) -> World {
    let mut w = World::new(seed);
    callee(&mut w, OnCall::Answer(answer_ms));
    w.app.on("/voice", Reply::twiml("<Say>hello</Say>"));
    api(&mut w, |_| {});
    w.run_ms(1_000);
    w
}

#[test]
fn fault_crash_late_answer() {
    let mut w = dialled(608, 45_000);
    w.crash();
    over(&mut w);
    ladder::check(
        w,
        "fault_crash_late_answer",
        "An unmatched 2xx of a Call-ID of ours is ACKed and BYEd, also when the INVITE was sent before a crash.",
    );
}

#[test]
fn fault_crash_before_the_ack() {
    let mut w = dialled(609, 1_000);
    // Queued, initiated, ringing are written, and that they were told; the answer comes next.
    w.dies = Some((w.commits + 1, Death::Unsynced));
    over(&mut w);
    assert_eq!(w.crashes, 1);
    ladder::check(
        w,
        "fault_crash_before_the_ack",
        "Legs still up get BYE: ACK waits for the row, so that a 200 whose dialog was lost comes again.",
    );
}
