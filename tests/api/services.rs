//! `/gateways` and `/services`: an external switch reports its calls.

use super::app::App;
use super::harness::*;
use chorus::sid::CallSid;
use chorus::store::query::Scope;
use chorus::store::rows::CallStatus;
use chorus::store::{calls, streams};
use serde_json::{Value, json};

const CALLS: &str = "/services/inbound_phone_calls";
const EVENTS: &str = "/services/phone_call_events";
const STREAMS: &str = "/services/media_stream_events";

impl Server {
    /// A trunk of Germany known by its address, and a number with an answer and a status callback.
    fn switchboard(&self, status: &str) {
        let trunk = r#"{"authentication_mode":"ip_address","inbound_source_ips":["203.0.113.50"],"inbound_country":"DE"}"#;
        self.carrier("POST", "/carrier/v1/sip_trunks", trunk).good(201);
        let number = [
            ("PhoneNumber", "+4930123456"),
            ("VoiceUrl", "https://example.com/voice"),
            ("StatusCallback", status),
        ];
        self.post("/IncomingPhoneNumbers.json", &number).good(201);
    }

    fn incoming(&self, id: &str) -> Value {
        let body = json!({
            "to": "030123456", "from": "+14155550100", "source_ip": "203.0.113.50", "external_id": id,
        });
        self.carrier("POST", CALLS, &body.to_string()).good(200)
    }

    #[track_caller]
    fn told(&self, path: &str, body: Value) -> Value {
        self.carrier("POST", path, &body.to_string()).good(202)
    }

    #[track_caller]
    fn points(&self, path: &str, body: &Value, field: &str) {
        let reply = self.carrier("POST", path, &body.to_string());
        assert_eq!(reply.status, 422, "{body}: {}", reply.text());
        assert_eq!(reply.json()["errors"][0]["source"]["pointer"], format!("/data/attributes/{field}"));
    }
}

#[test]
fn a_gateway_is_a_trunk_that_registers_and_the_reverse() {
    let server = Server::start();
    let body =
        json!({ "name": "main", "username": "u", "password": "s3cret", "host": "127.0.0.1", "port": "9" });
    let made = server.carrier("POST", "/gateways", &body.to_string());
    let gateway = made.good(201);
    assert!(!made.text().contains("s3cret"));
    assert_eq!((&gateway["status"], &gateway["port"]), (&json!("created"), &json!("9")));
    let id = gateway["id"].as_str().unwrap().to_owned();
    let trunk = server.carrier("GET", &format!("/carrier/v1/sip_trunks/{id}"), "").good(200);
    let attributes = &trunk["data"]["attributes"];
    assert_eq!(attributes["authentication_mode"], "outbound_registration");
    assert_eq!((&attributes["name"], &attributes["outbound_host"]), (&json!("main"), &json!("127.0.0.1:9")));
    // The same name again replaces it; a realm that is another place than the host is the domain.
    let again = json!({
        "name": "main", "username": "u", "password": "p", "realm": "pbx.example.com", "proxy": "127.0.0.1:9",
        "auth_username": "a", "register_transport": "tcp",
    });
    let replaced = server.carrier("POST", "/gateways", &again.to_string()).good(201);
    assert_eq!((&replaced["id"], &replaced["realm"]), (&json!(id), &json!("pbx.example.com")));
    assert_eq!(
        (&replaced["outbound_proxy"], &replaced["auth_username"]),
        (&json!("127.0.0.1:9"), &json!("a"))
    );
    // By name, by id, and in the list; a trunk of the other API too, and none that does not register.
    let other = json!({ "authentication_mode": "outbound_registration", "username": "v", "password": "p",
        "outbound_host": "127.0.0.1:9", "name": "other" });
    server.carrier("POST", "/carrier/v1/sip_trunks", &other.to_string()).good(201);
    let ip =
        json!({ "authentication_mode": "ip_address", "inbound_source_ips": ["192.0.2.9"], "name": "ip" });
    server.carrier("POST", "/carrier/v1/sip_trunks", &ip.to_string()).good(201);
    assert_eq!(server.carrier("GET", "/gateways/main", "").good(200)["id"], id);
    assert_eq!(server.carrier("GET", "/gateways/other", "").good(200)["username"], "v");
    assert_eq!(server.carrier("GET", "/gateways/ip", "").status, 404);
    let listed = server.carrier("GET", "/gateways", "").good(200);
    assert_eq!(listed["gateways"].as_array().unwrap().len(), 2);
    // The trunk that does not register takes no place in a page.
    let first = server.carrier("GET", "/gateways?PageSize=1", "").good(200);
    assert_eq!(first["gateways"][0]["name"], "other");
    let rest = server.carrier("GET", first["next"].as_str().unwrap(), "").good(200);
    assert_eq!((&rest["gateways"][0]["id"], &rest["next"]), (&json!(id), &Value::Null));
    assert_eq!(server.carrier("DELETE", &format!("/gateways/{id}"), "").status, 204);
    assert_eq!(server.carrier("GET", &format!("/carrier/v1/sip_trunks/{id}"), "").status, 404);
    for (field, value) in
        [("host", json!("a b")), ("port", json!(0)), ("username", json!(null)), ("host", json!(null))]
    {
        let mut bad = body.clone();
        bad[field] = value;
        server.points("/gateways", &bad, field);
    }
    assert_eq!(server.send("GET", "/gateways", &[("Authorization", &server.auth())], b"").status, 401);
}

#[test]
fn an_external_call_is_a_call_until_it_is_reported_over() {
    let server = Server::start();
    server.switchboard("");
    let taken = server.incoming("uuid-1");
    let sid = taken["call_sid"].as_str().unwrap().to_owned();
    assert_eq!((&taken["to"], &taken["from"]), (&json!("+4930123456"), &json!("+14155550100")));
    assert_eq!(taken["voice_url"], "https://example.com/voice");
    assert_eq!(
        (&taken["voice_method"], &taken["account_sid"]),
        (&json!("POST"), &json!(server.account.sid.to_string()))
    );
    assert_eq!((&taken["direction"], &taken["call_direction"]), (&json!("inbound"), &json!("inbound")));
    assert_eq!(server.incoming("uuid-1")["sid"], sid, "once for each id");
    let path = format!("/Calls/{sid}.json");
    assert_eq!(server.get(&path).good(200)["status"], "ringing");
    // What needs media is refused.
    server.post(&path, &[("Status", "completed")]).bad(400, 21220);
    server.post(&format!("/Calls/{sid}/Recordings.json"), &[]).bad(400, 21220);
    let answered = server.told(EVENTS, json!({ "phone_call": "uuid-1", "event": { "type": "answered" } }));
    assert_eq!((&answered["known"], &answered["call_status"]), (&json!(true), &json!("in-progress")));
    let strange = server.told(EVENTS, json!({ "call_sid": sid, "type": "moon_rises", "height": [1, 2] }));
    assert_eq!((&strange["known"], &strange["call_status"]), (&json!(false), &json!("in-progress")));
    let over = json!({ "phone_call": "uuid-1", "type": "completed", "variables": { "sip_term_status": "200" },
        "duration": 185, "hung_up_by": "callee" });
    assert_eq!(server.told(EVENTS, over.clone())["call_status"], "completed");
    assert_eq!(server.told(EVENTS, over)["call_status"], "completed", "a report that comes twice");
    let call = server.get(&path).good(200);
    assert_eq!((&call["status"], &call["duration"]), (&json!("completed"), &json!("185")));
    let carried = server.carrier("GET", &format!("/carrier/v1/calls/{sid}"), "").good(200);
    let carried = &carried["data"]["attributes"];
    assert_eq!((&carried["hung_up_by"], &carried["sip_code"]), (&json!("callee"), &json!(200)));
    assert_eq!((&carried["external_id"], &carried["mos"]), (&json!("uuid-1"), &Value::Null));
    let events = server.carrier("GET", &format!("/carrier/v1/calls/{sid}/events"), "").good(200);
    let kinds: Vec<&Value> =
        events["data"].as_array().unwrap().iter().map(|e| &e["attributes"]["type"]).collect();
    assert_eq!(kinds.len(), 4);
    assert!(kinds.contains(&&json!("moon_rises")) && events["data"].to_string().contains("[1,2]"));
    assert_eq!(server.delete(&path).status, 204);
}

#[test]
fn a_call_that_was_not_answered_ends_as_its_code_says() {
    let server = Server::start();
    server.switchboard("");
    for (id, event, status) in [
        ("a", json!({ "type": "completed", "sip_term_status": 486 }), "busy"),
        ("b", json!({ "type": "completed", "sip_term_status": 480 }), "no-answer"),
        ("c", json!({ "type": "completed" }), "canceled"),
        ("d", json!({ "type": "no-answer" }), "no-answer"),
        ("e", json!({ "type": "completed", "duration": 3 }), "completed"),
        ("f", json!({ "event": "hangup", "variables": { "sip_term_status": 503 } }), "failed"),
        // The report of its answer was lost.
        ("g", json!({ "type": "completed", "sip_term_status": 200 }), "completed"),
        ("h", json!({ "type": "completed", "sip_term_status": 200, "duration": 0 }), "completed"),
        ("i", json!({ "type": "canceled", "sip_term_status": 200 }), "canceled"),
    ] {
        server.incoming(id);
        let mut event = event;
        event["phone_call"] = json!(id);
        assert_eq!(server.told(EVENTS, event)["call_status"], status, "{id}");
    }
}

/// Reports that waited for each other at the switch come all at once: its figure counts, and no call ends after today.
#[test]
fn a_call_that_is_reported_late_has_not_ended_yet_to_come() {
    let server = Server::start();
    server.switchboard("");
    let call = server.incoming("late")["call_sid"].as_str().unwrap().to_owned();
    server.told(EVENTS, json!({ "type": "answered", "phone_call": "late" }));
    server.told(EVENTS, json!({ "type": "completed", "duration": 185, "phone_call": "late" }));
    let sid = CallSid::parse(&call).unwrap();
    let row = server.wait(server.store.read(move |r| calls::get(r, Scope::Operator, sid))).unwrap().unwrap();
    let (answered, ended) = (row.answered.unwrap(), row.ended.unwrap());
    assert_eq!(ended.0 - answered.0, 185_000);
    assert!(ended <= now().wall && row.started.unwrap() <= answered, "{row:?}");
    assert_eq!(server.get(&format!("/Calls/{call}.json")).good(200)["duration"], "185");
}

/// A switch may name the parties by their URIs.
#[test]
fn the_parties_of_an_external_call_may_be_uris() {
    let server = Server::start();
    server.switchboard("");
    for (to, from, caller) in [
        ("sip:030123456@chorus:5060", "sip:alice@pbx.example.com;transport=tcp", "sip:alice@pbx.example.com"),
        ("SIP:+4930123456@[2001:db8::1];user=phone", "sip:+14155550100@198.51.100.1", "+14155550100"),
        ("tel:+49-30-123456", "tel:+1-415-555-0100", "+14155550100"),
    ] {
        let body = json!({ "to": to, "from": from, "source_ip": "203.0.113.50" });
        let taken = server.carrier("POST", CALLS, &body.to_string()).good(200);
        assert_eq!((&taken["to"], &taken["from"]), (&json!("+4930123456"), &json!(caller)), "{to}");
    }
}

#[test]
fn a_stream_of_an_external_call_is_kept_by_its_own_id() {
    let server = Server::start();
    server.switchboard("");
    server.incoming("uuid-1");
    // The figure's word, with the keys that the figure forgot.
    let up = server
        .told(STREAMS, json!({ "type": "connected", "media_stream_id": "s-1", "phone_call": "uuid-1" }));
    let sid = up["stream_sid"].as_str().unwrap().to_owned();
    assert!(sid.starts_with("MZ"));
    let again = json!({ "event": { "type": "disconnect" }, "stream_sid": sid });
    assert_eq!(server.told(STREAMS, again)["stream_sid"], sid);
    let later = server
        .told(STREAMS, json!({ "type": "socket_mark", "media_stream_id": "s-1", "phone_call": "uuid-1" }));
    assert_eq!((&later["stream_sid"], &later["known"]), (&json!(sid), &json!(false)));
    // Its id is enough once it is known (ruling 2.11); where another call has one of this name, that one needs its call.
    let alone = json!({ "type": "disconnect", "media_stream_id": "s-1" });
    assert_eq!(server.told(STREAMS, alone.clone())["stream_sid"], sid);
    server.incoming("uuid-2");
    let second = json!({ "type": "start", "media_stream_id": "s-1", "phone_call": "uuid-2" });
    let second = server.told(STREAMS, second)["stream_sid"].clone();
    assert_ne!(second, sid);
    assert_eq!(server.told(STREAMS, alone)["stream_sid"], sid);
    let again = json!({ "type": "disconnect", "media_stream_id": "s-1", "phone_call": "uuid-2" });
    assert_eq!(server.told(STREAMS, again)["stream_sid"], second);
    let unknown = json!({ "type": "start", "media_stream_id": "s-2" }).to_string();
    assert_eq!(server.carrier("POST", STREAMS, &unknown).status, 404);
}

/// A switch that has no id for its call names it by ours.
#[test]
fn a_call_without_an_id_of_its_switch_is_reported_by_ours() {
    let server = Server::start();
    server.switchboard("");
    let body = json!({ "to": "030123456", "from": "+14155550100", "source_ip": "203.0.113.50" });
    let taken = server.carrier("POST", CALLS, &body.to_string()).good(200);
    let sid = taken["call_sid"].as_str().unwrap().to_owned();
    assert!(taken["external_id"].is_null());
    let other = server.carrier("POST", CALLS, &body.to_string()).good(200);
    assert_ne!(other["call_sid"], taken["call_sid"], "nothing says that it is the same call");
    assert_eq!(
        server.told(EVENTS, json!({ "call_sid": sid, "type": "answered" }))["call_status"],
        "in-progress"
    );
    let up = server.told(STREAMS, json!({ "type": "start", "media_stream_id": "s-1", "phone_call": sid }));
    assert!(up["stream_sid"].as_str().unwrap().starts_with("MZ"));
    let over = json!({ "phone_call": sid, "type": "completed", "duration": 2 });
    assert_eq!(server.told(EVENTS, over)["call_status"], "completed");
    assert_eq!(server.get(&format!("/Calls/{sid}.json")).good(200)["status"], "completed");
    let carried = server.carrier("GET", &format!("/carrier/v1/calls/{sid}"), "").good(200);
    assert!(carried["data"]["attributes"]["external_id"].is_null());
}

#[test]
fn calls_of_a_switch_count_against_their_accounts_caps() {
    let server = Server::start();
    server.switchboard("");
    let account = format!("/carrier/v1/accounts/{}", server.account.sid);
    server.carrier("PATCH", &account, r#"{"max_concurrent_calls":1}"#).good(200);
    server.incoming("first");
    let body = json!({
        "to": "030123456", "from": "+14155550100", "source_ip": "203.0.113.50", "external_id": "second",
    });
    let refused = server.carrier("POST", CALLS, &body.to_string());
    assert_eq!((refused.status, &refused.json()["errors"][0]["code"]), (403, &json!("10004")));
    server.until("/Notifications.json", |shown| {
        shown["notifications"].as_array().unwrap().iter().any(|n| n["error_code"] == "10004")
    });
    server.told(EVENTS, json!({ "phone_call": "first", "type": "completed" }));
    server.incoming("second");
}

/// The calls are at the switch: a restart here ends none of them, and forgets nothing of what they count for.
#[test]
fn calls_of_a_switch_go_on_over_a_restart() {
    let (mut server, app) = (Server::start(), App::start());
    app.on("/status", "", "");
    server.switchboard(&app.url("/status"));
    let gateway = json!({ "name": "main", "username": "u", "password": "s3cret-of-a-gateway", "host": "127.0.0.1", "port": "9" });
    let gateway = server.carrier("POST", "/gateways", &gateway.to_string()).good(201)["id"].clone();
    let account = format!("/carrier/v1/accounts/{}", server.account.sid);
    server.carrier("PATCH", &account, r#"{"max_concurrent_calls":2}"#).good(200);
    let [ringing, talking] =
        ["ringing", "talking"].map(|id| server.incoming(id)["call_sid"].as_str().unwrap().to_owned());
    server.told(EVENTS, json!({ "phone_call": "talking", "type": "answered" }));
    let up = server
        .told(STREAMS, json!({ "type": "connected", "media_stream_id": "s-1", "phone_call": "talking" }));
    server.restart();
    assert_eq!(server.carrier("GET", "/gateways/main", "").good(200)["id"], gateway);
    let status = |sid: &str| server.get(&format!("/Calls/{sid}.json")).good(200)["status"].clone();
    assert_eq!((status(&ringing), status(&talking)), (json!("ringing"), json!("in-progress")));
    assert_eq!(server.incoming("talking")["call_sid"], json!(talking), "it is known by its id");
    let third = json!({ "to": "030123456", "from": "+14155550100", "source_ip": "203.0.113.50", "external_id": "third" });
    let refused = server.carrier("POST", CALLS, &third.to_string());
    assert_eq!((refused.status, &refused.json()["errors"][0]["code"]), (403, &json!("10004")));
    let down = server
        .told(STREAMS, json!({ "type": "disconnect", "media_stream_id": "s-1", "phone_call": "talking" }));
    assert_eq!(down["stream_sid"], up["stream_sid"]);
    let sid = CallSid::parse(&talking).unwrap();
    let rows = server.wait(server.store.read(move |r| streams::of_call(r, Scope::Operator, sid))).unwrap();
    assert_eq!(rows.iter().map(|s| s.status.as_str()).collect::<Vec<_>>(), ["stopped"]);
    server.told(EVENTS, json!({ "phone_call": "ringing", "type": "completed", "sip_term_status": 486 }));
    server.told(EVENTS, json!({ "phone_call": "talking", "type": "completed", "duration": 7 }));
    assert_eq!((status(&ringing), status(&talking)), (json!("busy"), json!("completed")));
    server.carrier("POST", CALLS, &third.to_string()).good(200);
    let events = server.carrier("GET", &format!("/carrier/v1/calls/{talking}/events"), "").good(200);
    assert_eq!(events["data"].as_array().unwrap().len(), 4, "from before the restart, too");
    // Each is told once.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while app.of("/status").len() < 2 {
        assert!(std::time::Instant::now() < until, "a callback is missing");
        std::thread::yield_now();
    }
    assert_eq!(app.of("/status").len(), 2);
}

#[test]
fn a_stream_is_reported_of_its_own_call_alone() {
    let server = Server::start();
    server.switchboard("");
    let (one, two) = (server.incoming("one"), server.incoming("two"));
    let up = server.told(STREAMS, json!({ "type": "start", "media_stream_id": "s", "phone_call": "one" }));
    let sid = up["stream_sid"].as_str().unwrap();
    let wrong = json!({ "type": "stop", "stream_sid": sid, "phone_call": "two" }).to_string();
    assert_eq!(server.carrier("POST", STREAMS, &wrong).status, 404);
    // A stream of a call that we carry is not an external call's either.
    let own = server.seed_call(server.account.sid, CallStatus::InProgress);
    let wrong = json!({ "type": "stop", "stream_sid": sid, "call_sid": own.sid }).to_string();
    assert_eq!(server.carrier("POST", STREAMS, &wrong).status, 404);
    let row = |call: &Value| {
        let sid = CallSid::parse(call["call_sid"].as_str().unwrap()).unwrap();
        server.wait(server.store.read(move |r| streams::of_call(r, Scope::Operator, sid))).unwrap()
    };
    assert_eq!((row(&one)[0].status.as_str(), row(&two).len()), ("in-progress", 0));
    server.told(STREAMS, json!({ "type": "stop", "stream_sid": sid, "phone_call": "one" }));
    assert_eq!(row(&one)[0].status, "stopped");
}

#[test]
fn reports_that_are_wrong_say_what_is() {
    let server = Server::start();
    server.switchboard("");
    let call = json!({ "to": "030123456", "from": "1", "source_ip": "203.0.113.50" });
    for (field, value) in
        [("to", json!(null)), ("source_ip", json!(null)), ("source_ip", json!("x")), ("to", json!(5))]
    {
        let mut bad = call.clone();
        bad[field] = value;
        server.points(CALLS, &bad, field);
    }
    let refused = |change: Value| {
        let mut body = call.clone();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let reply = server.carrier("POST", CALLS, &body.to_string());
        assert_eq!(reply.status, 404, "{}", reply.text());
        reply.json()["errors"][0]["detail"].as_str().unwrap().to_owned()
    };
    assert!(refused(json!({ "to": "030999" })).contains("no number '030999' is configured"));
    assert!(refused(json!({ "source_ip": "198.51.100.1" })).contains("No trunk has 198.51.100.1"));
    assert!(refused(json!({ "gateway_id": "none" })).contains("no gateway 'none'"));
    assert!(refused(json!({ "client_identifier": "nobody" })).contains("registers as 'nobody'"));
    server.points(EVENTS, &json!({ "type": "ringing" }), "call_sid");
    server.points(EVENTS, &json!({ "phone_call": "x" }), "type");
    server.points(EVENTS, &json!({ "phone_call": "x", "type": "completed", "duration": -1 }), "duration");
    server.points(STREAMS, &json!({ "type": "connect" }), "media_stream_id");
    assert_eq!(server.carrier("POST", EVENTS, r#"{"phone_call":"x","type":"ringing"}"#).status, 404);
    assert_eq!(server.carrier("POST", EVENTS, "nonsense").status, 422);
    let stranger = server.send("POST", EVENTS, &[("Authorization", &server.auth())], b"{}");
    assert_eq!(stranger.status, 401);
}

/// A switch cannot request a `data:` URL: it gets what stands in it.
#[test]
fn a_switch_is_given_the_document_of_a_number_that_has_one() {
    let server = Server::start();
    server.switchboard("");
    let listed = server.get("/IncomingPhoneNumbers.json").good(200);
    let sid = listed["incoming_phone_numbers"][0]["sid"].as_str().unwrap().to_owned();
    let url = "data:text/xml,<Response><Say>100%25</Say></Response>";
    let path = format!("/IncomingPhoneNumbers/{sid}.json");
    let number = server.post(&path, &[("VoiceUrl", url)]).good(200);
    assert_eq!(number["voice_url"], url);
    let call = server.incoming("inline-1");
    assert_eq!(call["twiml"], "<Response><Say>100%</Say></Response>");
    assert_eq!(call["voice_url"], Value::Null);
    let bad = server.post(&path, &[("VoiceUrl", "data:text/xml,<Response>\n<Say></Response>")]);
    let words = bad.bad(400, 21402);
    assert!(words.starts_with("VoiceUrl: ") && words.contains("line 2"), "{words}");
    assert_eq!(server.get(&path).good(200)["voice_url"], url, "nothing was touched");
}
