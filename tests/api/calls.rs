//! Calls.

use super::harness::*;
use chorus::store::rows::CallStatus;
use std::sync::atomic::Ordering;

fn number(server: &Server) {
    server.post("/IncomingPhoneNumbers.json", &[("PhoneNumber", FROM)]).good(201);
}

const TWIML: (&str, &str) = ("Twiml", "<Response><Hangup/></Response>");

#[test]
fn a_call_is_made_shown_ended_and_deleted() {
    let server = Server::start();
    number(&server);
    let made = server.post("/Calls.json", &[("To", "+15005550006"), ("From", FROM), TWIML]).good(201);
    assert_eq!((made["status"].as_str(), made["direction"].as_str()), (Some("queued"), Some("outbound-api")));
    assert_eq!(made["to_formatted"], "(500) 555-0006");
    let path = format!("/Calls/{}.json", made["sid"].as_str().unwrap());
    assert_eq!(server.get(&path).good(200)["sid"], made["sid"]);
    server.delete(&path).bad(409, 20009);
    assert_eq!(server.post(&path, &[("Status", "completed")]).good(200)["status"], "completed");
    server.post(&path, &[("Status", "completed")]).bad(400, 21220);
    let words = server.post(&path, &[("Url", "https://example.com/")]).bad(400, 21220);
    assert_eq!(words, "Call is not in-progress. Cannot redirect.");
    assert_eq!(server.delete(&path).status, 204);
    server.get(&path).bad(404, 20404);
}

#[test]
fn what_is_missing_is_named_in_twilios_order() {
    let server = Server::start();
    number(&server);
    let to = ("To", "+15005550006");
    assert_eq!(server.post("/Calls.json", &[]).bad(400, 21201), "No 'To' number is specified.");
    assert_eq!(server.post("/Calls.json", &[to]).bad(400, 21213), "No 'From' number is specified.");
    server.post("/Calls.json", &[to, ("From", FROM)]).bad(400, 21205);
    server.post("/Calls.json", &[to, ("From", "+15005559999"), TWIML]).bad(400, 21210);
    server.post("/Calls.json", &[to, ("From", "alice"), TWIML]).bad(400, 21212);
    server.post("/Calls.json", &[to, ("From", FROM), ("CallerId", "+15005559999"), TWIML]).bad(400, 21210);
    server.post("/Calls.json", &[to, ("From", FROM), TWIML, ("SipAuthUsername", "u")]).bad(400, 21225);
    let nobody = "AP00000000000000000000000000000000";
    server.post("/Calls.json", &[to, ("From", FROM), ("ApplicationSid", nobody)]).bad(400, 21218);
    assert_eq!(server.dials.load(Ordering::SeqCst), 0);
    let sip = [("To", "sip:bob@192.0.2.7:5070;transport=tcp?X-a=b"), ("From", "alice"), TWIML];
    assert_eq!(server.post("/Calls.json", &sip).good(201)["to"], sip[0].1);
}

#[test]
fn an_application_stands_for_its_urls() {
    let server = Server::start();
    number(&server);
    let app = server.post("/Applications.json", &[("VoiceUrl", "https://example.com/v")]).good(201);
    let empty = server.post("/Applications.json", &[]).good(201);
    let sid = |v: &serde_json::Value| v["sid"].as_str().unwrap().to_string();
    let fields = |sid: &str| {
        vec![("To", "+15005550006".to_string()), ("From", FROM.into()), ("ApplicationSid", sid.into())]
    };
    let post = |f: Vec<(&str, String)>| {
        server.post("/Calls.json", &f.iter().map(|(n, v)| (*n, v.as_str())).collect::<Vec<_>>())
    };
    post(fields(&sid(&app))).good(201);
    post(fields(&sid(&empty))).bad(400, 21218);
}

#[test]
fn a_live_call_is_recorded_and_streamed() {
    let server = Server::start();
    let call = server.seed_call(server.account.sid, CallStatus::InProgress);
    let below = |rest: &str| format!("/Calls/{}/{rest}", call.sid);
    let recording = server.post(&below("Recordings.json"), &[("RecordingChannels", "dual")]).good(201);
    assert_eq!(
        (recording["status"].as_str(), recording["channels"].as_u64()),
        (Some("in-progress"), Some(2))
    );
    let current = below("Recordings/Twilio.CURRENT.json");
    assert_eq!(server.get(&current).good(200)["sid"], recording["sid"]);
    assert_eq!(server.post(&current, &[("Status", "paused")]).good(200)["status"], "paused");
    server.post(&current, &[("Status", "stopped"), ("PauseBehavior", "skip")]).bad(400, 20001);
    assert_eq!(server.post(&current, &[("Status", "in-progress")]).good(200)["status"], "in-progress");
    let sid = recording["sid"].as_str().unwrap();
    server.delete(&below(&format!("Recordings/{sid}.json"))).bad(409, 20009);
    assert_eq!(server.post(&current, &[("Status", "stopped")]).good(200)["status"], "stopped");
    server.post(&current, &[("Status", "stopped")]).bad(404, 20404);
    assert_eq!(server.delete(&below(&format!("Recordings/{sid}.json"))).status, 204);

    let wish = [
        ("Url", "wss://example.com/s"),
        ("Name", "my ear"),
        ("Parameter1.Name", "a"),
        ("Parameter1.Value", "b"),
    ];
    let stream = server.post(&below("Streams.json"), &wish).good(200);
    assert_eq!(stream["name"], "my ear");
    let by_name = below("Streams/my%20ear.json");
    assert_eq!(server.post(&by_name, &[("Status", "stopped")]).good(200)["status"], "stopped");
    server.post(&below("Streams/other.json"), &[("Status", "stopped")]).bad(404, 20404);
}

#[test]
fn a_call_that_is_over_is_neither_recorded_nor_streamed() {
    let server = Server::start();
    let call = server.seed_call(server.account.sid, CallStatus::Completed);
    let below = |rest: &str| format!("/Calls/{}/{rest}", call.sid);
    server.post(&below("Recordings.json"), &[]).bad(400, 21220);
    server.post(&below("Streams.json"), &[("Url", "wss://example.com/s")]).bad(400, 21220);
    let shown = server.post(&format!("/Calls/{}.json", call.sid), &[]).good(200);
    assert_eq!(shown["status"], "completed");
}
