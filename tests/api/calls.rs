//! Calls: made, shown, ended, deleted; what is refused.

use super::harness::*;
use chorus::store::rows::CallStatus;
use serde_json::Value;

fn number(server: &Server) {
    server.callee();
    server.post("/IncomingPhoneNumbers.json", &[("PhoneNumber", FROM)]).good(201);
}

const TWIML: (&str, &str) = ("Twiml", "<Response><Pause length=\"600\"/></Response>");

fn text<'a>(v: &'a Value, name: &str) -> &'a str {
    v[name].as_str().unwrap_or_else(|| panic!("{name} of {v}"))
}

#[test]
fn a_call_is_made_shown_ended_and_deleted() {
    let server = Server::start();
    number(&server);
    let made = server.call("+15005550006", &[TWIML]);
    assert_eq!((text(&made, "status"), text(&made, "direction")), ("queued", "outbound-api"));
    assert_eq!(made["to_formatted"], "(500) 555-0006");
    assert!(made["duration"].is_null() && made["start_time"].is_null() && made["price"].is_null());
    let path = format!("/Calls/{}.json", text(&made, "sid"));
    let live = server.in_status(text(&made, "sid"), "in-progress");
    assert!(live["start_time"].is_string() && live["end_time"].is_null());
    server.delete(&path).bad(409, 20009);
    assert_eq!(server.post(&path, &[("Status", "completed")]).good(200)["sid"], made["sid"]);
    let over = server.in_status(text(&made, "sid"), "completed");
    assert!(over["duration"].is_string() && over["end_time"].is_string());
    server.post(&path, &[("Status", "completed")]).bad(400, 21220);
    let words = server.post(&path, &[("Url", "https://example.com/")]).bad(400, 21220);
    assert_eq!(words, "Call is not in-progress. Cannot redirect.");
    assert_eq!(server.delete(&path).status, 204);
    server.get(&path).bad(404, 20404);
    server.delete(&path).bad(404, 20404);
    assert_eq!(server.callee().ended.first(|_| true).code, 200);
}

#[test]
fn how_a_call_ends_is_shown() {
    let server = Server::start();
    number(&server);
    let busy = server.call(BUSY, &[TWIML]);
    let busy = server.in_status(text(&busy, "sid"), "busy");
    assert_eq!(text(&busy, "duration"), "0");
    let ringing = server.call(RINGS, &[TWIML]);
    server.in_status(text(&ringing, "sid"), "ringing");
    let path = format!("/Calls/{}.json", text(&ringing, "sid"));
    server.post(&path, &[TWIML]).bad(400, 21220);
    server.post(&path, &[("Status", "canceled")]).good(200);
    server.in_status(text(&ringing, "sid"), "canceled");
    let given_up = server.call(RINGS, &[TWIML, ("Timeout", "1")]);
    server.in_status(text(&given_up, "sid"), "no-answer");
    let nowhere = server.call("SIP:x@127.0.0.1:9;transport=tcp", &[TWIML]);
    assert_eq!(text(&nowhere, "to"), "sip:x@127.0.0.1:9;transport=tcp");
    server.in_status(text(&nowhere, "sid"), "failed");
    let answered = server.call("+15005550006", &[TWIML]);
    server.in_status(text(&answered, "sid"), "in-progress");
    let path = format!("/Calls/{}.json", text(&answered, "sid"));
    server.post(&path, &[("Status", "canceled")]).bad(400, 21220);
}

#[test]
fn what_waits_is_found_as_queued_from_its_first_moment() {
    let server = Server::start();
    for status in [CallStatus::Queued, CallStatus::Initiated, CallStatus::Ringing, CallStatus::Completed] {
        server.seed_call(server.account.sid, status);
    }
    let queued = server.get("/Calls.json?Status=queued").good(200);
    let queued = queued["calls"].as_array().unwrap();
    assert!(queued.len() == 2 && queued.iter().all(|c| c["status"] == "queued"), "{queued:?}");
    let paged = server.get("/Calls.json?Status=queued&PageSize=1").good(200);
    let next = paged["next_page_uri"].as_str().unwrap();
    let next = server.send("GET", next, &[("Authorization", &server.auth())], b"").good(200);
    assert_ne!(next["calls"][0]["sid"], paged["calls"][0]["sid"]);
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
    let callee = server.callee();
    assert_eq!(callee.calls(), 0);
    let sip = format!("{};transport=tcp?X-a=b", callee.uri("bob"));
    let made = server.call(&sip, &[TWIML]);
    assert_eq!(made["to"], sip);
    let rang = callee.rang.first(|_| true);
    assert_eq!(rang.user, "bob");
    assert!(rang.headers.iter().any(|(n, v)| n.eq_ignore_ascii_case("X-a") && v == "b"), "{rang:?}");
}

#[test]
fn a_twiml_beside_a_url_is_left_out_with_a_warning() {
    let server = Server::start();
    let fields = [("Url", "http://127.0.0.1:9/"), TWIML];
    let made = server.call(&server.callee().uri("both"), &fields);
    let notes = format!("/Calls/{}/Notifications.json", text(&made, "sid"));
    let warned = |l: &Value| {
        l["notifications"].as_array().unwrap().iter().any(|n| n["error_code"] == "32019" && n["log"] == "1")
    };
    server.until(&notes, warned);
}

#[test]
fn no_way_to_a_number_is_said_at_once() {
    let server = Server::start();
    server.post("/IncomingPhoneNumbers.json", &[("PhoneNumber", FROM)]).good(201);
    let words = server.post("/Calls.json", &[("To", "+15005550006"), ("From", FROM), TWIML]).bad(400, 13224);
    assert!(words.contains("outbound_host"), "{words}");
    assert_eq!(server.get("/Calls.json").good(200)["calls"].as_array().unwrap().len(), 0);
}

#[test]
fn an_application_stands_for_its_urls() {
    let server = Server::start();
    number(&server);
    let app = server.post("/Applications.json", &[("VoiceUrl", "https://example.com/v")]).good(201);
    let empty = server.post("/Applications.json", &[]).good(201);
    server.call("+15005550006", &[("ApplicationSid", text(&app, "sid"))]);
    let fields = [("To", "+15005550006"), ("From", FROM), ("ApplicationSid", text(&empty, "sid"))];
    server.post("/Calls.json", &fields).bad(400, 21218);
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
