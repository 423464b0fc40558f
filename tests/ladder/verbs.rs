//! Verbs, documents and streams.

use super::scene::*;
use crate::kit::world::spoken;
use crate::kit::{Reply, ladder};
use chorus::store::rows::NotificationRow;

fn hung_up(name: &str, seed: u64, verb: &str, document: &str) {
    let mut w = talking(seed, document);
    w.run_ms(1_000);
    w.hang_up(0);
    over(&mut w);
    ladder::check(w, name, &format!("The caller hangs up during {verb}: what ran ends with the call."));
}

#[test]
fn hangup_in_say() {
    hung_up("hangup_in_say", 500, "Say", "<Say>this takes a good while to say</Say>");
}

#[test]
fn hangup_in_gather() {
    hung_up(
        "hangup_in_gather",
        501,
        "Gather",
        "<Gather action=\"/digits\"><Say>press a key now</Say></Gather>",
    );
}

#[test]
fn hangup_in_record() {
    let doc = "<Record timeout=\"0\" action=\"/recorded\" recordingStatusCallback=\"/status/rec\"/>";
    hung_up("hangup_in_record", 502, "Record", doc);
}

#[test]
fn hangup_in_connect() {
    hung_up(
        "hangup_in_connect",
        503,
        "Connect Stream",
        "<Connect><Stream url=\"wss://agent.test/media\" statusCallback=\"/status/stream\"/></Connect>",
    );
}

#[test]
fn verb_apology() {
    let mut w = caller(504, "");
    w.app = Default::default();
    w.app.on("/voice", Reply::status(500));
    w.dial(0, "+15550001");
    over(&mut w);
    ladder::check(w, "verb_apology", "No document and no fallback: the caller hears that something failed.");
}

#[test]
fn verb_malformed() {
    let mut w = caller(505, "");
    w.app = Default::default();
    w.number(|n| n.fallback = Some(crate::kit::world::hook("/fallback")));
    w.app.on("/voice", Reply { body: "<Response><Say>".to_owned(), ..Reply::twiml("") });
    w.app.on("/fallback", Reply::twiml("<Hangup/>"));
    w.dial(0, "+15550001");
    over(&mut w);
    assert_eq!(w.app.of("/fallback")[0].params["ErrorCode"], "12100");
    ladder::check(
        w,
        "verb_malformed",
        "Malformed documents to the fallback URL with ErrorCode and ErrorUrl.",
    );
}

#[test]
fn verb_loop() {
    let mut w = calling(506, "<Redirect>/voice</Redirect>");
    w.until("a few rounds", |w| w.app.asked.len() == 4);
    w.quiet = true;
    w.until("the last rounds", |w| w.app.asked.len() == 998);
    w.quiet = false;
    w.line("chorus", "app", "994 more of the same");
    over(&mut w);
    assert_eq!(w.app.of("/voice").len(), 1_000);
    ladder::check(w, "verb_loop", "At most 1,000 documents a call.");
}

#[test]
fn verb_unknown() {
    let mut w = calling(507, "<Whistle/><Say>hi</Say>");
    over(&mut w);
    assert!(w.store.all::<NotificationRow>().any(|n| n.code == 12200));
    ladder::check(w, "verb_unknown", "Unknown verbs warned by 12200 and passed over.");
}

#[test]
fn verb_reject() {
    let mut w = calling(508, "<Reject/>");
    over(&mut w);
    assert_eq!(w.phones[0].ended[0].code, 603);
    ladder::check(w, "verb_reject", "Reject: never answered; 603 on trunk calls.");
}

#[test]
fn verb_play() {
    let mut w = caller(509, "<Play loop=\"2\">/sound.wav</Play><Play digits=\"12\"/>");
    w.sounds.insert("/sound.wav".to_owned(), spoken("sound"));
    w.dial(0, "+15550001");
    over(&mut w);
    ladder::check(w, "verb_play", "Play (WAV, MP3; http, https), twice; Play with digits.");
}

#[test]
fn verb_play_missing() {
    let mut w = calling(510, "<Play>/nothing.wav</Play>");
    over(&mut w);
    ladder::check(w, "verb_play_missing", "A Play that cannot be had fails the document.");
}

#[test]
fn a_play_that_fails_names_its_url_to_the_fallback() {
    let mut w = caller(514, "<Play>/nothing.wav</Play>");
    w.number(|n| n.fallback = Some(crate::kit::world::hook("/fallback")));
    w.app.on("/fallback", crate::kit::Reply::twiml("<Hangup/>"));
    w.dial(0, "+15550001");
    over(&mut w);
    assert_eq!(w.app.of("/fallback")[0].params["ErrorUrl"], "http://app.test/nothing.wav");
}

#[test]
fn verb_gather_timeout() {
    let mut w = calling(511, "<Gather timeout=\"2\" action=\"/digits\"/><Say>nothing</Say>");
    over(&mut w);
    assert!(w.app.of("/digits").is_empty());
    ladder::check(w, "verb_gather_timeout", "Gather without a key: the next verb runs.");
}

#[test]
fn verb_pause_before_answer() {
    let mut w = calling(512, "<Pause length=\"2\"/><Reject reason=\"busy\"/>");
    over(&mut w);
    ladder::check(w, "verb_pause_before_answer", "In any order: a Pause as the first verb, then Reject.");
}

#[test]
fn stream_refused() {
    let mut w = caller(
        513,
        "<Connect><Stream url=\"wss://agent.test/media\" statusCallback=\"/status/stream\"/></Connect><Say>bye</Say>",
    );
    w.agents_down = true;
    w.dial(0, "+15550001");
    over(&mut w);
    ladder::check(
        w,
        "stream_refused",
        "Media Streams: an agent that cannot be reached: stream-error, and the next verb.",
    );
}

/// No connection is tried; the application hears of it as of any stream that failed, and the next verb runs.
#[test]
fn a_stream_that_cannot_be_is_told() {
    for (seed, stream, code) in [(515, "url=\"https://agent.test/media\"", "31922"), (516, "", "31923")] {
        let doc = format!(
            "<Connect><Stream {stream} statusCallback=\"/status/stream\"/></Connect><Play digits=\"1\"/>"
        );
        let mut w = calling(seed, &doc);
        over(&mut w);
        let told = w.app.of("/status/stream");
        let events: Vec<&str> = told.iter().map(|a| a.params["StreamEvent"].as_str()).collect();
        assert_eq!(events, ["stream-error"], "{stream}");
        assert!(w.agents.is_empty(), "{stream}");
        assert!(said(&w, &format!("notification {code}")), "{stream}");
    }
}

#[test]
fn the_fifth_track_is_over_the_quota() {
    let streams: String =
        (0..5).map(|n| format!("<Stream url=\"wss://agent.test/media\" name=\"n{n}\"/>")).collect();
    let mut w = calling(518, &format!("<Start>{streams}</Start><Say>hello</Say>"));
    over(&mut w);
    assert!(said(&w, "notification 31960"));
}

#[test]
fn stream_stopped_by_agent() {
    let mut w = talking(514, "<Connect><Stream url=\"wss://agent.test/media\"/></Connect><Say>bye</Say>");
    let (sid, name) = stream(&mut w);
    w.run_ms(300);
    w.agent_says(sid, &format!(r#"{{"event":"stop","streamSid":"{name}"}}"#));
    over(&mut w);
    ladder::check(w, "stream_stopped_by_agent", "Media Streams: an agent's stop ends the stream cleanly.");
}

/// The Reason of the BYE that phone 0 got.
fn reason(w: &crate::kit::World) -> (u16, &str) {
    let cause = &w.phones[0].ended[0];
    (cause.code, &cause.words)
}

#[test]
fn handback() {
    let mut w = talking(519, "<Connect><Stream url=\"wss://agent.test/media\"/></Connect>");
    let (sid, name) = stream(&mut w);
    w.run_ms(300);
    let stop =
        format!(r#"{{"event":"stop","streamSid":"{name}","customParameters":{{"X-Outcome":"to-sales"}}}}"#);
    w.agent_says(sid, &stop);
    over(&mut w);
    assert!(w.phones[0].headers.contains(&("X-Outcome".to_owned(), "to-sales".to_owned())));
    assert_eq!(reason(&w), (200, "Normal Clearing"));
    let sentence = "Handback: the stream ends, no verb follows: BYE on our leg only, with the X- headers that the app gave.";
    ladder::check(w, "handback", sentence);
}

#[test]
fn hangup_parameters() {
    let mut w = talking(573, "<Hangup><Parameter name=\"X-Outcome\" value=\"to-sales\"/></Hangup>");
    over(&mut w);
    assert!(w.phones[0].headers.contains(&("X-Outcome".to_owned(), "to-sales".to_owned())));
    assert_eq!(reason(&w), (200, "Normal Clearing"));
    ladder::check(
        w,
        "hangup_parameters",
        "Handback: BYE on our leg only, with a Reason and the X- headers of Hangup's Parameters; no REFER.",
    );
}

#[test]
fn stream_mark_and_clear() {
    let mut w = talking(515, "<Connect><Stream url=\"wss://agent.test/media\"/></Connect>");
    w.agent.behaviour = crate::kit::agent::Behaviour::Mute;
    let (sid, name) = stream(&mut w);
    w.agents.get_mut(&sid).unwrap().behaviour = crate::kit::agent::Behaviour::Mute;
    w.run_ms(300);
    let payload = "/v7+".repeat(4_000);
    for text in [
        format!(r#"{{"event":"media","streamSid":"{name}","media":{{"payload":"{payload}"}}}}"#),
        format!(r#"{{"event":"mark","streamSid":"{name}","mark":{{"name":"after"}}}}"#),
    ] {
        w.agent_says(sid, &text);
    }
    w.run_ms(500);
    w.agent_says(sid, &format!(r#"{{"event":"clear","streamSid":"{name}"}}"#));
    w.run_ms(200);
    w.press(0, "5");
    w.run_ms(500);
    w.agent_closes(sid);
    over(&mut w);
    ladder::check(
        w,
        "stream_mark_and_clear",
        "Media Streams to the letter: clear empties the buffer and sends the marks back; keys arrive as dtmf.",
    );
}

#[test]
fn stream_start_stop() {
    let doc = "<Start><Stream name=\"s\" url=\"wss://agent.test/media\" statusCallback=\"/status/stream\"/></Start><Pause length=\"2\"/><Stop><Stream name=\"s\"/></Stop><Say>bye</Say>";
    let mut w = talking(516, doc);
    over(&mut w);
    ladder::check(
        w,
        "stream_start_stop",
        "Start Stream and Stop: in the background, while the next verbs run.",
    );
}
