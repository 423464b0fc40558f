//! Elastic SIP Trunking: trunks of an account, where they ring, their numbers and their recording.

use super::harness::*;
use serde_json::Value;

/// As the requests of the tests name the server: links begin with what the client wrote.
const HOST: &str = "http://localhost";

fn sid(v: &Value) -> String {
    v["sid"].as_str().unwrap().to_string()
}

fn url<'a>(name: &'a str, uri: &'a str) -> [(&'a str, &'a str); 5] {
    [("Weight", "5"), ("Priority", "1"), ("Enabled", "true"), ("FriendlyName", name), ("SipUrl", uri)]
}

#[test]
fn a_trunk_is_made_changed_and_deleted() {
    let server = Server::start();
    let made = server.v1("POST", "/v1/Trunks", &[]).good(201);
    assert!(made["domain_name"].is_null() && made["friendly_name"].is_null());
    assert_eq!(made["recording"], serde_json::json!({ "mode": "do-not-record", "trim": "do-not-trim" }));
    assert_eq!((&made["transfer_mode"], &made["auth_type"]), (&"disable-all".into(), &"".into()));
    let path = format!("/v1/Trunks/{}", sid(&made));
    assert_eq!(made["url"], format!("{}{path}", HOST));
    assert_eq!(made["links"]["origination_urls"], format!("{}{path}/OriginationUrls", HOST));
    let changed = server.v1(
        "POST",
        &path,
        &[
            ("DomainName", "PBX1.pstn.twilio.com"),
            ("DisasterRecoveryUrl", "https://example.com/dr"),
            ("DisasterRecoveryMethod", "GET"),
            ("TransferMode", "sip-only"),
            ("Secure", "true"),
        ],
    );
    let changed = changed.good(200);
    assert_eq!((&changed["domain_name"], &changed["secure"]), (&"pbx1.pstn.twilio.com".into(), &true.into()));
    assert_eq!(changed["disaster_recovery_method"], "GET");
    assert_eq!(server.v1("GET", &path, &[]).good(200), changed);
    let cleared = server.v1("POST", &path, &[("DomainName", ""), ("DisasterRecoveryUrl", "")]).good(200);
    assert!(cleared["domain_name"].is_null() && cleared["disaster_recovery_url"].is_null());
    assert_eq!(server.v1("DELETE", &path, &[]).status, 204);
    server.v1("GET", &path, &[]).bad(404, 20404);
}

#[test]
fn a_domain_belongs_to_one_trunk_and_is_a_host_name() {
    let server = Server::start();
    server.v1("POST", "/v1/Trunks", &[("DomainName", "one.example.com")]).good(201);
    server.v1("POST", "/v1/Trunks", &[("DomainName", "One.Example.com")]).bad(400, 21248);
    let path = format!("/v1/Trunks/{}", sid(&server.v1("POST", "/v1/Trunks", &[]).good(201)));
    server.v1("POST", &path, &[("DomainName", "one.example.com")]).bad(400, 21248);
    for bad in
        ["chorus", "192.0.2.1", "-a.example.com", "a..example.com", "a_b.example.com", "a b.example.com"]
    {
        server.v1("POST", &path, &[("DomainName", bad)]).bad(400, 21245);
    }
    let completed = server.v1("POST", &path, &[("DomainName", "one")]).good(200);
    assert_eq!(completed["domain_name"], "one.chorus.local");
}

#[test]
fn pages_are_told_in_meta_by_absolute_urls() {
    let server = Server::start();
    for n in 0..3 {
        server.v1("POST", "/v1/Trunks", &[("FriendlyName", &format!("t{n}"))]).good(201);
    }
    let first = server.v1("GET", "/v1/Trunks?PageSize=2", &[]).good(200);
    assert_eq!((first["trunks"].as_array().unwrap().len(), &first["meta"]["key"]), (2, &"trunks".into()));
    let next = first["meta"]["next_page_url"].as_str().unwrap().strip_prefix(HOST).unwrap();
    let second = server.v1("GET", next, &[]).good(200);
    assert_eq!(second["trunks"][0]["friendly_name"], "t0");
    assert_eq!((&second["meta"]["page"], &second["meta"]["next_page_url"]), (&1.into(), &Value::Null));
    let before = second["meta"]["previous_page_url"].as_str().unwrap().strip_prefix(HOST).unwrap();
    assert_eq!(server.v1("GET", before, &[]).good(200)["trunks"], first["trunks"]);
}

#[test]
fn origination_urls_are_checked_counted_and_kept_apart() {
    let server = Server::start();
    let trunk = format!("/v1/Trunks/{}", sid(&server.v1("POST", "/v1/Trunks", &[]).good(201)));
    let other = format!("/v1/Trunks/{}", sid(&server.v1("POST", "/v1/Trunks", &[]).good(201)));
    let list = format!("{trunk}/OriginationUrls");
    let made = server.v1("POST", &list, &url("a", "sip:pbx.example.com;transport=tcp")).good(201);
    assert_eq!((&made["weight"], &made["priority"], &made["enabled"]), (&5.into(), &1.into(), &true.into()));
    for bad in
        ["pbx.example.com", "tel:+15550001", "sip:", "sip:a@b c", "sip:pbx;transport=pigeon", "sip:<a@b>"]
    {
        server.v1("POST", &list, &url("a", bad)).bad(400, 20001);
    }
    server.v1("POST", &list, &url("a", "sip:a.example.com")[1..]).bad(400, 20001);
    let one = format!("{list}/{}", sid(&made));
    let changed = server.v1("POST", &one, &[("Enabled", "false"), ("Weight", "65535")]).good(200);
    assert_eq!((&changed["enabled"], &changed["weight"]), (&false.into(), &65_535.into()));
    server.v1("GET", &format!("{other}/OriginationUrls/{}", sid(&made)), &[]).bad(404, 20404);
    for n in 1..10 {
        server.v1("POST", &list, &url("a", &format!("sip:pbx{n}.example.com"))).good(201);
    }
    server.v1("POST", &list, &url("a", "sip:more.example.com")).bad(400, 21249);
    assert_eq!(server.v1("DELETE", &one, &[]).status, 204);
    server.v1("GET", &one, &[]).bad(404, 20404);
}

#[test]
fn a_number_belongs_to_a_trunk_or_to_an_application() {
    let server = Server::start();
    let trunk = sid(&server.v1("POST", "/v1/Trunks", &[]).good(201));
    let application = sid(&server.post("/Applications.json", &[]).good(201));
    let fields = [("PhoneNumber", FROM), ("VoiceApplicationSid", application.as_str())];
    let number = sid(&server.post("/IncomingPhoneNumbers.json", &fields).good(201));
    let list = format!("/v1/Trunks/{trunk}/PhoneNumbers");
    let shown = server.v1("POST", &list, &[("PhoneNumberSid", &number)]).good(201);
    assert_eq!(
        (&shown["trunk_sid"], &shown["voice_application_sid"]),
        (&trunk.as_str().into(), &Value::Null)
    );
    let path = format!("/IncomingPhoneNumbers/{number}.json");
    assert_eq!(server.get(&path).good(200)["trunk_sid"], trunk);
    let taken = server.post(&path, &[("VoiceApplicationSid", &application)]).good(200);
    assert!(taken["trunk_sid"].is_null());
    assert_eq!(server.v1("GET", &list, &[]).good(200)["phone_numbers"].as_array().unwrap().len(), 0);
    let given = server.post(&path, &[("TrunkSid", &trunk)]).good(200);
    assert_eq!(
        (&given["trunk_sid"], &given["voice_application_sid"]),
        (&trunk.as_str().into(), &Value::Null)
    );
    server.post(&path, &[("TrunkSid", "TK00000000000000000000000000000000")]).bad(400, 21245);
    server.v1("POST", &list, &[("PhoneNumberSid", "PN00000000000000000000000000000000")]).bad(404, 20404);
    assert_eq!(server.v1("DELETE", &format!("/v1/Trunks/{trunk}"), &[]).status, 204);
    assert!(server.get(&path).good(200)["trunk_sid"].is_null());
}

#[test]
fn recording_is_set_in_parts() {
    let server = Server::start();
    let trunk = format!("/v1/Trunks/{}", sid(&server.v1("POST", "/v1/Trunks", &[]).good(201)));
    let path = format!("{trunk}/Recording");
    server.v1("POST", &path, &[("Mode", "record-from-answer-dual")]).good(200);
    let now = server.v1("POST", &path, &[("Trim", "trim-silence")]).good(200);
    assert_eq!(now, serde_json::json!({ "mode": "record-from-answer-dual", "trim": "trim-silence" }));
    assert_eq!(server.v1("GET", &trunk, &[]).good(200)["recording"], now);
    server.v1("POST", &path, &[("Mode", "sometimes")]).bad(400, 20001);
}

#[test]
fn lists_open_a_trunk_and_are_in_use_then() {
    let server = Server::start();
    let trunk = format!("/v1/Trunks/{}", sid(&server.v1("POST", "/v1/Trunks", &[]).good(201)));
    let name = [("FriendlyName", "PBX")];
    let users = sid(&server.post("/SIP/CredentialLists.json", &name).good(201));
    let addresses = sid(&server.post("/SIP/IpAccessControlLists.json", &name).good(201));
    let (credential_lists, acls) =
        (format!("{trunk}/CredentialLists"), format!("{trunk}/IpAccessControlLists"));
    let made = server.v1("POST", &credential_lists, &[("CredentialListSid", &users)]).good(201);
    assert_eq!((made["sid"].as_str(), made["friendly_name"].as_str()), (Some(users.as_str()), Some("PBX")));
    server.v1("POST", &acls, &[("IpAccessControlListSid", &addresses)]).good(201);
    let shown = server.v1("GET", &trunk, &[]).good(200);
    assert_eq!(shown["auth_type"], "IP_ACL,CREDENTIAL_LIST");
    assert_eq!(shown["auth_type_set"], serde_json::json!(["IP_ACL", "CREDENTIAL_LIST"]));
    server.delete(&format!("/SIP/CredentialLists/{users}.json")).bad(400, 21241);
    let nobody = "CL00000000000000000000000000000009";
    server.v1("POST", &credential_lists, &[("CredentialListSid", nobody)]).bad(404, 20404);
    assert_eq!(server.v1("DELETE", &format!("{credential_lists}/{users}"), &[]).status, 204);
    assert_eq!(server.v1("GET", &credential_lists, &[]).good(200)["credential_lists"], serde_json::json!([]));
    assert_eq!(server.delete(&format!("/SIP/CredentialLists/{users}.json")).status, 204);
}
