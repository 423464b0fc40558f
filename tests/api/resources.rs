//! Numbers, applications, keys, accounts; JSON and XML.

use super::harness::*;
use chorus::store::rows::CallStatus;

fn sid(v: &serde_json::Value) -> String {
    v["sid"].as_str().unwrap().to_string()
}

#[test]
fn a_number_is_claimed_changed_and_given_up() {
    let server = Server::start();
    let made = server
        .post(
            "/IncomingPhoneNumbers.json",
            &[
                ("PhoneNumber", "+1 (500) 555-0010"),
                ("VoiceUrl", "https://example.com/v"),
                ("VoiceMethod", "get"),
                ("SmsUrl", "https://example.com/s"),
            ],
        )
        .good(201);
    assert_eq!(
        (made["phone_number"].as_str(), made["friendly_name"].as_str()),
        (Some("+15005550010"), Some("(500) 555-0010"))
    );
    assert_eq!(
        (made["voice_method"].as_str(), made["sms_url"].as_str()),
        (Some("GET"), Some("https://example.com/s"))
    );
    let other = server.another(false);
    let path = format!("/2010-04-01/Accounts/{}/IncomingPhoneNumbers.json", other.sid);
    let auth = basic(&other.sid.to_string(), &other.auth_token);
    server.send("POST", &path, &[("Authorization", &auth)], b"PhoneNumber=%2B15005550010").bad(400, 21422);
    let path = format!("/IncomingPhoneNumbers/{}.json", sid(&made));
    let changed =
        server.post(&path, &[("FriendlyName", "Desk"), ("VoiceUrl", "https://example.com/w")]).good(200);
    assert_eq!(
        (changed["voice_url"].as_str(), changed["voice_method"].as_str()),
        (Some("https://example.com/w"), Some("GET"))
    );
    let cleared = server.post(&path, &[("VoiceUrl", ""), ("SmsUrl", "")]).good(200);
    assert!(cleared["voice_url"].is_null() && cleared["sms_url"].is_null());
    assert_eq!(server.get(&path).good(200), cleared);
    server.post(&path, &[("VoiceFallbackUrl", "https://example.com/f")]).bad(400, 21405);
    assert_eq!(server.delete(&path).status, 204);
    server.get(&path).bad(404, 20404);
    server.post("/IncomingPhoneNumbers.json", &[("PhoneNumber", "+15005550010")]).good(201);
}

#[test]
fn a_method_may_come_before_its_url() {
    let server = Server::start();
    let made =
        server.post("/IncomingPhoneNumbers.json", &[("PhoneNumber", FROM), ("VoiceMethod", "GET")]).good(201);
    assert_eq!(made["voice_method"], "GET");
    let path = format!("/IncomingPhoneNumbers/{}.json", sid(&made));
    let changed = server.post(&path, &[("VoiceUrl", "https://example.com/v")]).good(200);
    assert_eq!(
        (changed["voice_url"].as_str(), changed["voice_method"].as_str()),
        (Some("https://example.com/v"), Some("GET"))
    );
}

#[test]
fn numbers_for_sale_and_of_the_wrong_type_are_refused() {
    let server = Server::start();
    let list = "/IncomingPhoneNumbers.json";
    server.post(list, &[]).bad(400, 21421);
    server.post(list, &[("AreaCode", "415")]).bad(400, 21452);
    server.post("/IncomingPhoneNumbers/Local.json", &[("PhoneNumber", "+18005550011")]).bad(400, 21458);
    server.post("/IncomingPhoneNumbers/TollFree.json", &[("PhoneNumber", "+15005550011")]).bad(400, 21458);
    let nobody = "AP00000000000000000000000000000000";
    server.post(list, &[("PhoneNumber", FROM), ("VoiceApplicationSid", nobody)]).bad(400, 21420);
    let closed = Server::with(Setup { numbers_open: false, ..Setup::default() });
    closed.post(list, &[("PhoneNumber", FROM)]).bad(400, 21422);
}

#[test]
fn an_application_is_made_found_changed_and_deleted() {
    let server = Server::start();
    let made = server
        .post(
            "/Applications.json",
            &[
                ("FriendlyName", "IVR"),
                ("VoiceUrl", "https://example.com/v"),
                ("MessageStatusCallback", "https://example.com/m"),
                ("PublicApplicationConnectEnabled", "TRUE"),
            ],
        )
        .good(201);
    assert_eq!(
        (made["message_status_callback"].as_str(), made["public_application_connect_enabled"].as_bool()),
        (Some("https://example.com/m"), Some(true))
    );
    let found = server.get("/Applications.json?FriendlyName=IVR").good(200);
    assert_eq!(found["applications"][0], made);
    assert_eq!(
        server.get("/Applications.json?FriendlyName=ivr").good(200)["applications"].as_array().unwrap().len(),
        0
    );
    let path = format!("/Applications/{}.json", sid(&made));
    assert_eq!(server.post(&path, &[("FriendlyName", "Menu")]).good(200)["friendly_name"], "Menu");
    assert_eq!(server.delete(&path).status, 204);
    server.delete(&path).bad(404, 20404);
}

#[test]
fn a_key_is_renamed_and_deleted() {
    let server = Server::start();
    let made = server.post("/Keys.json", &[]).good(201);
    let path = format!("/Keys/{}.json", sid(&made));
    assert_eq!(server.post(&path, &[("FriendlyName", "CI")]).good(200)["friendly_name"], "CI");
    // The secret still opens: renaming changed nothing else.
    let auth = basic(&sid(&made), made["secret"].as_str().unwrap());
    server.send("GET", &server.path("/Calls.json"), &[("Authorization", &auth)], b"").good(200);
    assert_eq!(server.delete(&path).status, 204);
}

#[test]
fn a_main_account_is_renamed_and_not_suspended() {
    let server = Server::start();
    assert_eq!(server.post(".json", &[("FriendlyName", "Höfe")]).good(200)["friendly_name"], "Höfe");
    assert_eq!(server.get(".json").good(200)["friendly_name"], "Höfe");
    server.post(".json", &[("Status", "suspended")]).bad(400, 21477);
    server.another(true);
    let auth = server.auth();
    let list = server.send("GET", "/2010-04-01/Accounts.json", &[("Authorization", &auth)], b"").good(200);
    assert_eq!(list["accounts"].as_array().unwrap().len(), 2);
}

#[test]
fn a_subaccount_is_made_and_makes_none() {
    let server = Server::start();
    let send = |auth: &str, body: &str| {
        let form = ("Content-Type", "application/x-www-form-urlencoded");
        server.send("POST", "/2010-04-01/Accounts.json", &[("Authorization", auth), form], body.as_bytes())
    };
    let made = send(&server.auth(), "FriendlyName=Shop").good(201);
    assert_eq!((made["friendly_name"].as_str(), made["status"].as_str()), (Some("Shop"), Some("active")));
    assert_eq!(made["owner_account_sid"], server.account.sid.to_string());
    let unnamed = send(&server.auth(), "").good(201);
    assert!(unnamed["friendly_name"].as_str().unwrap().starts_with("SubAccount Created at "), "{unnamed}");
    let own = basic(made["sid"].as_str().unwrap(), made["auth_token"].as_str().unwrap());
    send(&own, "").bad(400, 21101);
    let calls = format!("/2010-04-01/Accounts/{}/Calls.json", made["sid"].as_str().unwrap());
    server.send("GET", &calls, &[("Authorization", &own)], b"").good(200);
}

#[test]
fn a_url_that_could_never_be_fetched_is_refused_at_once() {
    let server = Server::start();
    for (fragment, code) in
        [("ct=5", 11100), ("rt=x", 11100), ("rc=9", 11100), ("rp=6xx", 11243), ("e=moon", 11241)]
    {
        let url = format!("https://example.com/v#{fragment}");
        let words = server.post("/Applications.json", &[("VoiceUrl", &url)]).bad(400, code);
        assert!(words.starts_with("VoiceUrl: "), "{words}");
        server.post("/Calls.json", &[("To", "sip:a@b"), ("From", "x"), ("Url", &url)]).bad(400, code);
    }
    for fragment in ["ct=500&rt=900&tt=1000&rc=2&rp=5xx,ct", "section", "e=dublin"] {
        let url = format!("https://example.com/v#{fragment}");
        let made = server.post("/Applications.json", &[("VoiceUrl", &url)]).good(201);
        assert_eq!(made["voice_url"], url);
    }
}

#[test]
fn the_suffix_or_accept_chooses_json_or_xml() {
    let server = Server::start();
    let call = server.seed_call(server.account.sid, CallStatus::Completed);
    let auth = server.auth();
    let get = |path: &str, accept: &str| {
        server.send("GET", &server.path(path), &[("Authorization", &auth), ("Accept", accept)], b"")
    };
    let one = format!("/Calls/{}", call.sid);
    for (path, accept, xml) in [
        (format!("{one}.json"), "application/xml", false),
        (format!("{one}.xml"), "application/json", true),
        (one.clone(), "application/xml", true),
        (one.clone(), "text/xml, application/json", false),
        (one.clone(), "*/*", false),
    ] {
        let reply = get(&path, accept);
        let kind = if xml { "application/xml" } else { "application/json" };
        assert_eq!((reply.status, reply.headers["content-type"].as_str()), (200, kind), "{path} {accept}");
    }
    let text = get(&format!("{one}.xml"), "*/*").text();
    let doc = roxmltree::Document::parse(&text).unwrap();
    let node = doc.root_element().first_element_child().unwrap();
    assert_eq!((doc.root_element().tag_name().name(), node.tag_name().name()), ("TwilioResponse", "Call"));
    let sid = node.children().find(|n| n.has_tag_name("Sid")).unwrap();
    assert_eq!(sid.text(), Some(call.sid.to_string().as_str()));
    let text = get("/Calls.xml", "*/*").text();
    let doc = roxmltree::Document::parse(&text).unwrap();
    let list = doc.root_element().first_element_child().unwrap();
    assert_eq!((list.tag_name().name(), list.attribute("pagesize")), ("Calls", Some("50")));
    let error = get("/Calls/CA1.xml", "*/*");
    let text = error.text();
    let doc = roxmltree::Document::parse(&text).unwrap();
    let node = doc.root_element().first_element_child().unwrap();
    assert_eq!((error.status, node.tag_name().name()), (404, "RestException"));
    assert!(node.children().any(|n| n.has_tag_name("Code") && n.text() == Some("20404")));
}

#[test]
fn every_answer_names_its_request() {
    let server = Server::start();
    let ids: Vec<String> =
        (0..2).map(|_| server.get("/Calls.json").headers["twilio-request-id"].clone()).collect();
    assert!(ids[0] != ids[1] && ids[0].starts_with("RQ") && ids[0].len() == 34);
    assert_eq!(server.get("/Nonsense.json").headers["x-twilio-error-code"], "20404");
}
