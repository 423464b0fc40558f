//! Calls that the REST API makes.

use super::scene::*;
use crate::kit::phone::OnCall;
use crate::kit::world::hook;
use crate::kit::{World, ladder};
use chorus::api::command::{Document, EndWish};
use chorus::store::rows::RecordWish;

/// A callee, phone 0, and a call to it.
fn to(
    seed: u64,
    does: OnCall,
    document: &str,
    change: impl FnOnce(&mut chorus::api::command::DialRequest),
) -> World {
    let mut w = World::new(seed);
    callee(&mut w, does);
    w.app.on("/voice", crate::kit::Reply::twiml(document));
    api(&mut w, change);
    w
}

fn plain(seed: u64, does: OnCall) -> World {
    to(seed, does, "<Say>hello</Say>", |_| {})
}

#[test]
fn api_answered() {
    let mut w = plain(100, OnCall::Answer(1_000));
    over(&mut w);
    ladder::check(
        w,
        "api_answered",
        "Outbound calls go to a trunk's host: queued, initiated, ringing, in-progress, completed, each with its callback in order.",
    );
}

#[test]
fn api_busy() {
    let mut w = plain(101, OnCall::Refuse(486));
    over(&mut w);
    ladder::check(w, "api_busy", "One table maps SIP outcomes to Twilio's statuses: 486 is busy.");
}

#[test]
fn api_no_answer() {
    let mut w = to(102, OnCall::Ring, "", |d| d.timeout_s = 5);
    over(&mut w);
    ladder::check(w, "api_no_answer", "Nobody answers within Timeout: CANCEL, no-answer.");
}

#[test]
fn api_failed() {
    let mut w = plain(103, OnCall::Refuse(404));
    over(&mut w);
    ladder::check(w, "api_failed", "One table maps SIP outcomes to Twilio's statuses: 404 is failed.");
}

#[test]
fn api_unavailable() {
    let mut w = plain(104, OnCall::Refuse(480));
    over(&mut w);
    ladder::check(
        w,
        "api_unavailable",
        "One table maps SIP outcomes to Twilio's statuses: 480 is no-answer.",
    );
}

#[test]
fn api_overloaded() {
    let mut w = plain(105, OnCall::Refuse(503));
    over(&mut w);
    ladder::check(w, "api_overloaded", "One table maps SIP outcomes to Twilio's statuses: 503 is failed.");
}

#[test]
fn api_canceled() {
    let mut w = plain(106, OnCall::Ring);
    w.run_ms(2_000);
    let sid = first(&w);
    end(&mut w, sid, EndWish::Canceled);
    over(&mut w);
    ladder::check(w, "api_canceled", "Status=canceled while it rings: CANCEL, 487, canceled.");
}

#[test]
fn api_cancel_race() {
    let mut w = plain(107, OnCall::Answer(1_000));
    w.until("it rings", |w| w.phones[0].leg.is_some());
    w.run_ms(998);
    let sid = first(&w);
    end(&mut w, sid, EndWish::Canceled);
    over(&mut w);
    ladder::check(
        w,
        "api_cancel_race",
        "CANCEL and its races: the 200 crosses our CANCEL, is ACKed, and BYE follows.",
    );
}

#[test]
fn api_twiml() {
    let text = "<Response><Say>inline</Say></Response>";
    let mut w = to(108, OnCall::Answer(500), "", |d| d.document = Document::Inline(text.to_owned()));
    over(&mut w);
    ladder::check(
        w,
        "api_twiml",
        "Calls (create) with Twiml: the document is in the request, nothing is fetched.",
    );
}

#[test]
fn api_send_digits() {
    let mut w = to(109, OnCall::Answer(500), "<Hangup/>", |d| d.send_digits = Some("1w2".to_owned()));
    over(&mut w);
    ladder::check(w, "api_send_digits", "SendDigits: keys (RFC 4733) after the answer, then the document.");
}

#[test]
fn api_record() {
    let wish = RecordWish {
        channels: 2,
        track: "both".to_owned(),
        trim: false,
        callback: Some(hook("/status/rec")),
        events: "completed".to_owned(),
    };
    let mut w = to(110, OnCall::Answer(500), "<Say>hello</Say>", |d| d.record = Some(wish));
    over(&mut w);
    ladder::check(
        w,
        "api_record",
        "Record=true: the whole call in two channels; its callback, and its URL in the last status callback.",
    );
}

/// The recording's end comes from the disk, long after the BYE: the callback waits for it, the duration does not.
#[test]
fn the_last_callback_names_the_recording_of_a_slow_disk() {
    let wish = RecordWish {
        channels: 1,
        track: "both".to_owned(),
        trim: false,
        callback: None,
        events: "completed".to_owned(),
    };
    let mut w = to(116, OnCall::Answer(500), "<Pause length=\"2\"/>", |d| d.record = Some(wish));
    w.disk_us = 200_000;
    over(&mut w);
    w.until("the last callback", |w| w.app.of("/status").len() == 4);
    let last = w.app.of("/status")[3];
    assert_eq!(last.params["CallStatus"], "completed");
    assert_eq!(last.params["RecordingDuration"], "2");
    assert!(last.params["RecordingUrl"].ends_with(&last.params["RecordingSid"]));
    assert_eq!(last.params["CallDuration"], "3", "2 s and a little, rounded up");
}

#[test]
fn api_sip_uri() {
    let mut w = to(111, OnCall::Answer(500), "<Hangup/>", |d| d.to = "sip:bob@10.0.1.2?X-a=b".to_owned());
    answered(&mut w, 0);
    assert!(w.phones[0].headers.contains(&("X-a".to_owned(), "b".to_owned())));
    over(&mut w);
    ladder::check(
        w,
        "api_sip_uri",
        "Outbound calls go to sip:user@host; custom X- headers travel: sip:..?X-a=b goes out with the INVITE.",
    );
}

#[test]
fn api_challenge() {
    let mut w = to(112, OnCall::Challenge, "<Hangup/>", |d| {
        d.to = "sip:bob@10.0.1.2".to_owned();
        d.sip_auth = Some(("bob".to_owned(), "password-of-a-ladder".to_owned()));
    });
    over(&mut w);
    ladder::check(w, "api_challenge", "Digest as client: 407, then the same INVITE with its credentials.");
}

#[test]
fn api_early_media() {
    let mut w = plain(113, OnCall::EarlyMedia(1_500));
    over(&mut w);
    ladder::check(w, "api_early_media", "183 with SDP is ringing; the answer follows.");
}

#[test]
fn api_hangup_by_callee() {
    let mut w = to(114, OnCall::Answer(500), "<Pause length=\"60\"/>", |_| {});
    answered(&mut w, 0);
    w.run_ms(1_500);
    w.hang_up(0);
    over(&mut w);
    ladder::check(
        w,
        "api_hangup_by_callee",
        "BYE of the callee ends the call: completed, with its duration rounded up.",
    );
}

#[test]
fn api_time_limit() {
    let mut w = to(115, OnCall::Answer(500), "<Pause length=\"60\"/>", |d| d.time_limit_s = 3);
    over(&mut w);
    ladder::check(w, "api_time_limit", "TimeLimit counts from the answer.");
}
