//! Everything that can be done to a call while it goes, on real packets.

use super::app::App;
use super::harness::*;
use super::schema;
use serde_json::Value;

fn text<'a>(v: &'a Value, name: &str) -> &'a str {
    v[name].as_str().unwrap_or_else(|| panic!("{name} of {v}"))
}

#[test]
fn a_live_call_is_recorded_paused_resumed_and_stopped() {
    let (server, app) = (Server::start(), App::start());
    let call = server.live_call();
    let below = |rest: &str| format!("/Calls/{}/{rest}", call.sid);
    let told = app.url("/recorded");
    let wish = [
        ("RecordingChannels", "dual"),
        ("RecordingStatusCallback", told.as_str()),
        ("RecordingStatusCallbackEvent", "in-progress completed"),
    ];
    let recording = server.post(&below("Recordings.json"), &wish).good(201);
    schema::check(&chorus::api::call_recordings::RECORDING, &recording);
    assert_eq!((text(&recording, "status"), recording["channels"].as_u64()), ("in-progress", Some(2)));
    let current = below("Recordings/Twilio.CURRENT.json");
    assert_eq!(server.get(&current).good(200)["sid"], recording["sid"]);
    assert_eq!(server.post(&current, &[("Status", "paused")]).good(200)["status"], "paused");
    server.post(&current, &[("Status", "stopped"), ("PauseBehavior", "skip")]).bad(400, 20001);
    assert_eq!(server.post(&current, &[("Status", "in-progress")]).good(200)["status"], "in-progress");
    let sid = text(&recording, "sid");
    let one = below(&format!("Recordings/{sid}.json"));
    server.delete(&one).bad(409, 20009);
    // The telephone talks: half a second of it is in the file before the end is asked for.
    let file = server.dir.join("recordings").join(format!("{sid}.wav"));
    server.until(&one, |_| std::fs::metadata(&file).is_ok_and(|m| m.len() > 44 + 8_000));
    assert_eq!(server.post(&current, &[("Status", "stopped")]).good(200)["status"], "stopped");
    server.post(&current, &[("Status", "stopped")]).bad(404, 20404);
    let done = server.until(&one, |r| r["status"] == "completed");
    schema::check(&chorus::api::call_recordings::RECORDING, &done);
    let listed = server.get(&below("Recordings.json")).good(200);
    assert_eq!(listed["recordings"][0], done);
    app.asked.first(|a| a.fields.get("RecordingStatus").is_some_and(|s| s == "completed"));
    let events: Vec<String> =
        app.of("/recorded").iter().map(|a| a.fields["RecordingStatus"].clone()).collect();
    assert_eq!(events, ["in-progress", "completed"]);
    let auth = server.auth();
    let audio = server.path(&format!("/Recordings/{sid}.wav"));
    let audio = server.send("GET", &audio, &[("Authorization", &auth)], b"");
    let reader = hound::WavReader::new(audio.body.as_slice()).unwrap();
    assert_eq!(reader.spec().channels, 2);
    let loud = reader.into_samples::<i16>().step_by(2).filter(|s| s.as_ref().unwrap().abs() > 1_000).count();
    assert!(loud > 2_000, "the callee is heard on the first channel: {loud}");
    assert_eq!(server.delete(&one).status, 204);
    assert!(!file.exists());
    server.get(&one).bad(404, 20404);
}

#[test]
fn a_live_call_is_streamed_and_the_stream_stopped_by_name() {
    let server = Server::start();
    let call = server.live_call();
    let below = |rest: &str| format!("/Calls/{}/{rest}", call.sid);
    let agent = format!("ws://{}/ear", server.callee().agent);
    let wish =
        [("Url", agent.as_str()), ("Name", "my ear"), ("Parameter1.Name", "a"), ("Parameter1.Value", "b")];
    let stream = server.post(&below("Streams.json"), &wish).good(200);
    schema::check(&chorus::api::streams::STREAM, &stream);
    assert_eq!((text(&stream, "name"), text(&stream, "status")), ("my ear", "in-progress"));
    let heard = &server.callee().heard;
    let start = heard.first(|m| m.contains("\"start\""));
    let start: Value = serde_json::from_str(&start).unwrap();
    assert_eq!(start["start"]["streamSid"], stream["sid"]);
    assert_eq!(start["start"]["customParameters"], serde_json::json!({ "a": "b" }));
    heard.first(|m| m.contains("\"media\""));
    server.post(&below("Streams.json"), &wish).bad(400, 20001);
    let by_name = below("Streams/my%20ear.json");
    assert_eq!(server.post(&by_name, &[("Status", "stopped")]).good(200)["status"], "stopped");
    heard.first(|m| m.contains("\"stop\""));
    assert_eq!(server.post(&by_name, &[("Status", "stopped")]).good(200)["status"], "stopped");
    server.post(&below("Streams/other.json"), &[("Status", "stopped")]).bad(404, 20404);
}

#[test]
fn a_live_call_is_sent_to_another_document_and_warns() {
    let (server, app) = (Server::start(), App::start());
    app.on("/next", "<Nonsense/><Pause length=\"600\"/>", "");
    let call = server.live_call();
    let path = format!("/Calls/{}.json", call.sid);
    let (next, status) = (app.url("/next?a=b"), app.url("/status"));
    let shown =
        server.post(&path, &[("Url", &next), ("Method", "GET"), ("StatusCallback", &status)]).good(200);
    schema::check(&chorus::api::calls::CALL, &shown);
    let asked = app.asked.first(|a| a.path == "/next");
    assert_eq!((asked.method.as_str(), asked.fields["a"].as_str()), ("GET", "b"));
    assert_eq!(
        (asked.fields["CallSid"].as_str(), asked.fields["CallStatus"].as_str()),
        (text(&shown, "sid"), "in-progress")
    );
    let notes = format!("/Calls/{}/Notifications.json", call.sid);
    let notes = server.until(&notes, |l| !l["notifications"].as_array().unwrap().is_empty());
    assert_eq!(text(&notes["notifications"][0], "error_code"), "12200");
    schema::check(&chorus::api::notifications::CALL_LISTED, &notes["notifications"][0]);
    server.post(&path, &[("Twiml", "<Response><Hangup/></Response>")]).good(200);
    server.in_status(text(&shown, "sid"), "completed");
    let told = app.asked.first(|a| a.path == "/status");
    assert_eq!(told.fields["CallStatus"], "completed");
}

#[test]
fn a_dials_child_is_a_call_of_its_parent() {
    let server = Server::start();
    let callee = server.callee();
    let twiml = format!("<Response><Dial><Sip>{}</Sip></Dial></Response>", callee.uri("child"));
    let parent = server.call(&callee.uri("parent"), &[("Twiml", &twiml)]);
    let path = format!("/Calls.json?ParentCallSid={}", text(&parent, "sid"));
    let so = |l: &Value| l["calls"][0]["status"] == "in-progress";
    let child = server.until(&path, so)["calls"][0].clone();
    schema::check(&chorus::api::calls::CALL, &child);
    assert_eq!(child["parent_call_sid"], parent["sid"]);
    assert_eq!(text(&child, "direction"), "outbound-dial");
    server.post(&format!("/Calls/{}.json", text(&child, "sid")), &[("Status", "completed")]).good(200);
    server.in_status(text(&child, "sid"), "completed");
    server.in_status(text(&parent, "sid"), "completed");
}

#[test]
fn a_callback_comes_for_each_subscribed_change() {
    let (server, app) = (Server::start(), App::start());
    let status = app.url("/status");
    let fields = [
        ("Twiml", "<Response><Hangup/></Response>"),
        ("StatusCallback", status.as_str()),
        ("StatusCallbackEvent", "initiated"),
        ("StatusCallbackEvent", "ringing"),
        ("StatusCallbackEvent", "answered"),
        ("StatusCallbackEvent", "completed"),
    ];
    let made = server.call(&server.callee().uri("answer"), &fields);
    app.asked.first(|a| a.fields.get("CallStatus").is_some_and(|s| s == "completed"));
    let told: Vec<(String, String)> = app
        .of("/status")
        .iter()
        .map(|a| (a.fields["CallStatus"].clone(), a.fields["SequenceNumber"].clone()))
        .collect();
    let want = ["initiated", "ringing", "in-progress", "completed"];
    assert_eq!(told.iter().map(|(s, _)| s.as_str()).collect::<Vec<_>>(), want, "{made}");
    assert_eq!(told.iter().map(|(_, n)| n.as_str()).collect::<Vec<_>>(), ["0", "1", "2", "3"]);
}
