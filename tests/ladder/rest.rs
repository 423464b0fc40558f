//! What REST may do to a live call, in the middle of each verb.

use super::scene::*;
use crate::kit::phone::OnCall;
use crate::kit::world::hook;
use crate::kit::{World, ladder};
use chorus::api::command::*;
use chorus::sid::{RecordingSid, StreamSid};
use chorus::store::rows::RecordWish;

fn redirected(mut w: World, name: &str, verb: &str) {
    answered(&mut w, 0);
    w.run_ms(1_000);
    redirect(&mut w);
    over(&mut w);
    ladder::check(
        w,
        name,
        &format!("Update by Twiml in the middle of {verb}: what ran stops at once, the new document runs."),
    );
}

#[test]
fn a_new_time_limit_counts_from_the_answer() {
    let mut w = calling(407, "<Play digits=\"1\"/><Pause length=\"60\"/>");
    answered(&mut w, 0);
    w.run_ms(5_000);
    let sid = first(&w);
    update(&mut w, sid, CallUpdate { time_limit_s: Some(7), ..CallUpdate::default() });
    over(&mut w);
    w.until("the callback", |w| !w.app.of("/status").is_empty());
    assert_eq!(w.app.of("/status")[0].params["CallDuration"], "8", "7 s and the way of the BYE");
}

#[test]
fn rest_in_say() {
    redirected(calling(400, "<Say>this takes a good while to say</Say>"), "rest_in_say", "Say");
}

#[test]
fn rest_in_pause() {
    redirected(calling(401, "<Say>hi</Say><Pause length=\"30\"/>"), "rest_in_pause", "Pause");
}

#[test]
fn rest_in_gather() {
    redirected(calling(402, "<Gather timeout=\"30\"><Say>press</Say></Gather>"), "rest_in_gather", "Gather");
}

#[test]
fn rest_in_record() {
    let doc = "<Record timeout=\"0\" recordingStatusCallback=\"/status/rec\" playBeep=\"false\"/>";
    redirected(calling(403, doc), "rest_in_record", "Record");
}

#[test]
fn rest_in_dial() {
    let mut w = caller(404, "<Dial action=\"/dialled\"><Number>+15550002</Number></Dial>");
    callee(&mut w, OnCall::Answer(200));
    w.dial(0, "+15550001");
    answered(&mut w, 1);
    redirected(w, "rest_in_dial", "Dial");
}

#[test]
fn rest_in_connect() {
    let mut w = calling(405, "<Connect><Stream url=\"wss://agent.test/media\"/></Connect>");
    stream(&mut w);
    redirected(w, "rest_in_connect", "Connect Stream");
}

#[test]
fn rest_completed() {
    let mut w = talking(406, "<Say>hi</Say><Pause length=\"30\"/>");
    w.run_ms(1_000);
    let sid = first(&w);
    end(&mut w, sid, EndWish::Completed);
    over(&mut w);
    ladder::check(w, "rest_completed", "Status=completed ends a call in progress: BYE, completed.");
}

#[test]
fn rest_recording() {
    let mut w = talking(407, "<Say>hi</Say><Pause length=\"30\"/>");
    let sid = first(&w);
    let wish = RecordWish {
        channels: 1,
        track: "both".to_owned(),
        trim: false,
        callback: Some(hook("/status/rec")),
        events: "completed".to_owned(),
    };
    w.line("app", "chorus", "POST Recordings");
    w.ask(Request::Record(sid, Box::new(RecordStart { sid: RecordingSid(0x4e), wish })));
    w.run_ms(1_000);
    for (words, change) in [
        ("paused", RecordingChange::Pause { silence: false }),
        ("in-progress", RecordingChange::Resume),
        ("stopped", RecordingChange::Stop),
    ] {
        w.line("app", "chorus", &format!("Status={words}"));
        w.ask(Request::ChangeRecording(sid, RecordingRef::Current, change));
        w.run_ms(1_000);
    }
    w.hang_up(0);
    over(&mut w);
    ladder::check(w, "rest_recording", "Calls/{}/Recordings: start, pause, resume, stop.");
}

#[test]
fn rest_stream() {
    let mut w = talking(408, "<Say>hi</Say><Pause length=\"30\"/>");
    let sid = first(&w);
    let start = StreamStartRequest {
        sid: StreamSid(0x57),
        url: "wss://agent.test/media".to_owned(),
        name: Some("mine".to_owned()),
        track: "inbound_track".to_owned(),
        status_callback: Some(hook("/status/stream")),
        parameters: vec![],
    };
    w.line("app", "chorus", "POST Streams");
    w.ask(Request::StartStream(sid, Box::new(start)));
    stream(&mut w);
    w.run_ms(500);
    w.line("app", "chorus", "Status=stopped");
    w.ask(Request::StopStream(sid, "mine".to_owned()));
    w.run_ms(500);
    w.hang_up(0);
    over(&mut w);
    ladder::check(w, "rest_stream", "Calls/{}/Streams: a stream begins and ends beside the document.");
}
