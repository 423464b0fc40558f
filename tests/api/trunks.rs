//! `/carrier/v1/sip_trunks`.

use super::harness::*;
use chorus::sip::digest::{Hash, hex};
use serde_json::{Value, json};

const PATH: &str = "/carrier/v1/sip_trunks";

impl Server {
    /// A trunk that is made, as its attributes with its path as `path`.
    fn trunk(&self, body: Value) -> Value {
        let made = self.carrier("POST", PATH, &body.to_string()).good(201);
        let mut attributes = made["data"]["attributes"].clone();
        attributes["path"] = json!(format!("{PATH}/{}", made["data"]["id"].as_str().unwrap()));
        attributes
    }

    #[track_caller]
    fn refuses(&self, method: &str, path: &str, body: &Value, pointer: &str) {
        let reply = self.carrier(method, path, &body.to_string());
        assert_eq!(reply.status, 422, "{body}: {}", reply.text());
        let error = &reply.json()["errors"][0];
        assert_eq!(error["source"]["pointer"], format!("/data/attributes/{pointer}"), "{body}: {error}");
    }
}

fn path(trunk: &Value) -> &str {
    trunk["path"].as_str().unwrap()
}

fn client(username: &str) -> Value {
    json!({ "authentication_mode": "client_credentials", "username": username })
}

#[test]
fn a_trunk_is_made_from_either_body_and_deleted() {
    let server = Server::start();
    let attributes = json!({
        "name": "Main", "authentication_mode": "ip_address", "inbound_source_ips": ["192.0.2.7", "2001:db8::/32"],
        "outbound_host": "pbx.example.com:5060", "transport": "tcp", "username": "u", "password": "s3cret",
        "inbound_country": "DE", "account_sid": server.account.sid,
    });
    let flat = server.carrier("POST", PATH, &attributes.to_string());
    let wrapped = json!({ "data": { "type": "sip_trunks", "attributes": attributes } });
    let api = server.carrier("POST", PATH, &wrapped.to_string());
    for reply in [&flat, &api] {
        let body = reply.good(201);
        assert_eq!(reply.headers["content-type"], "application/vnd.api+json");
        assert_eq!(body["data"]["type"], "sip_trunk");
        assert_eq!(
            body["data"]["attributes"]["inbound_source_ips"],
            json!(["192.0.2.7/32", "2001:db8::/32"])
        );
        assert!(!reply.text().contains("s3cret"), "the password is never shown");
    }
    let list = server.carrier("GET", &format!("{PATH}?PageSize=1"), "").good(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    let next = server.carrier("GET", list["links"]["next"].as_str().unwrap(), "").good(200);
    assert!(next["links"]["next"].is_null() && next["data"][0]["id"] != list["data"][0]["id"]);
    let one = format!("{PATH}/{}", flat.json()["data"]["id"].as_str().unwrap());
    server.carrier("GET", &one, "").good(200);
    assert_eq!(server.carrier("DELETE", &one, "").status, 204);
    assert_eq!(server.carrier("GET", &one, "").status, 404);
    assert_eq!(server.carrier("DELETE", &one, "").status, 404);
    assert_eq!(server.carrier("PATCH", &one, "{}").status, 404);
}

#[test]
fn every_attribute_is_shown_as_it_was_given_but_the_secrets() {
    let server = Server::start();
    let pem = certificate();
    let given = json!({
        "name": "PBX", "authentication_mode": "outbound_registration", "inbound_source_ips": ["198.51.100.0/24"],
        "outbound_host": "pbx.client.com:5060", "outbound_proxy": "sbc.client.com", "transport": "tcp",
        "username": "chorus_user", "auth_user": "auth", "from_user": "100", "inbound_country": "KH",
        "default_sender": "+85512345678", "max_channels": 30, "outbound_dial_string_prefix": "9",
        "outbound_plus_prefix": true, "outbound_national_dialing": true, "outbound_route_prefixes": ["855", "1"],
        "outbound_dial_string": "sip:{number}@{host};user=phone", "account_sid": server.account.sid,
        "tls_ca": pem.0, "tls_peer_names": ["pbx.client.com"], "tls_peer_fingerprints": ["ab".repeat(32)],
        "tls_client_auth": true, "tls_certificate": pem.0,
        "reliable_provisional": "required", "session_expires": 600, "redirects": "any",
        "srtp": "optional", "codecs": ["PCMA", "PCMU"], "ptime": 30, "dtmf": "auto",
        "refer": "allow", "inbound_identity": "asserted", "outbound_identity": "remote_party_id",
        "outbound_diversion": true,
    });
    let mut body = given.clone();
    body["password"] = json!("secret123");
    body["tls_private_key"] = json!(pem.1);
    let mut made = server.trunk(body.clone());
    let fetched = server.carrier("GET", path(&made), "").good(200)["data"]["attributes"].clone();
    for name in ["created_at", "updated_at", "path"] {
        assert!(made.as_object_mut().unwrap().remove(name).unwrap().is_string());
    }
    // It registers at once, and nobody registers here.
    let made_live = made.as_object_mut().unwrap();
    // Where no such host is known the answer may already say so.
    let state = made_live.remove("registration").unwrap()["state"].clone();
    assert!(state == "registering" || state == "failed", "{state}");
    assert!(made_live.remove("contacts").unwrap().is_null());
    assert_eq!(made, given);
    assert_eq!(fetched["max_channels"], 30);
    // Numbers and truths may be written as text, and digits as numbers.
    body["max_channels"] = json!("30");
    body["outbound_plus_prefix"] = json!("true");
    body["outbound_national_dialing"] = json!("TRUE");
    body["outbound_dial_string_prefix"] = json!(9);
    body["outbound_route_prefixes"] = json!([855, "+1"]);
    // As openssl prints it.
    body["tls_peer_fingerprints"] = json!([format!("sha256 Fingerprint={}AB", "AB:".repeat(31))]);
    let mut again = server.trunk(body);
    for name in ["created_at", "updated_at", "path", "registration", "contacts"] {
        again.as_object_mut().unwrap().remove(name);
    }
    assert_eq!(again, given);
    let shown = server.carrier("GET", PATH, "").text();
    assert!(!shown.contains("secret123") && !shown.contains("PRIVATE KEY"));
}

/// A certificate and its key, in PEM.
fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["pbx.client.com".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

#[test]
fn a_peer_that_registers_gets_a_password_once_and_only_its_hashes_are_kept() {
    let server = Server::start();
    let made = server.trunk(client("alice"));
    let password = made["password"].as_str().unwrap();
    assert!(password.len() == 24 && password.bytes().all(|b| b.is_ascii_alphanumeric()), "{password}");
    for reply in [server.carrier("GET", path(&made), ""), server.carrier("GET", PATH, "")] {
        assert!(!reply.text().contains("password") && !reply.text().contains("ha1"), "{}", reply.text());
    }
    let row = stored(&server, &made);
    let text = format!("alice:chorus:{password}");
    let ha1 = row.ha1.unwrap();
    assert_eq!((ha1.md5, ha1.sha256), (hex(Hash::Md5, text.as_bytes()), hex(Hash::Sha256, text.as_bytes())));
    assert_eq!(row.password, None);
    // One that is given is never echoed.
    let mut body = client("bob");
    body["password"] = json!("given-by-us");
    let bob = server.trunk(body);
    assert!(bob.get("password").is_none());
    assert_eq!(stored(&server, &bob).ha1.unwrap().md5, hex(Hash::Md5, b"bob:chorus:given-by-us"));
    assert_ne!(server.trunk(client("carol"))["password"], made["password"]);
}

fn stored(server: &Server, trunk: &Value) -> chorus::store::rows::TrunkRow {
    use chorus::store::{query::Scope, trunks};
    let sid = chorus::sid::TrunkSid::parse(path(trunk).rsplit('/').next().unwrap()).unwrap();
    server.wait(server.store.read(move |r| trunks::get(r, Scope::Operator, sid))).unwrap().unwrap()
}

#[test]
fn two_peers_cannot_register_under_one_name() {
    let server = Server::start();
    let alice = server.trunk(client("alice"));
    server.refuses("POST", PATH, &client("alice"), "username");
    let bob = server.trunk(client("bob"));
    server.refuses("PATCH", path(&bob), &json!({ "username": "alice", "password": "p" }), "username");
    // Where we are the ones who register, a name is the other side's.
    let mut other = client("alice");
    other["authentication_mode"] = json!("outbound_registration");
    other["password"] = json!("p");
    other["outbound_host"] = json!("pbx.example.com");
    let other = server.trunk(other);
    server.refuses(
        "PATCH",
        path(&other),
        &json!({ "authentication_mode": "client_credentials" }),
        "username",
    );
    assert_eq!(server.carrier("DELETE", path(&alice), "").status, 204);
    server.trunk(client("alice"));
}

#[test]
fn an_update_changes_what_is_given_and_keeps_the_rest() {
    let server = Server::start();
    let made = server.trunk(json!({
        "authentication_mode": "ip_address", "inbound_source_ips": ["192.0.2.7"], "outbound_host": "a.example",
        "outbound_route_prefixes": ["49"], "inbound_country": "DE", "max_channels": 2,
    }));
    assert_eq!((&made["name"], &made["transport"]), (&json!("a.example"), &json!("udp")));
    assert_eq!(made["outbound_plus_prefix"], true);
    for method in ["PATCH", "PUT"] {
        let changed = server.carrier(method, path(&made), r#"{"outbound_host":"b.example:5070"}"#).good(200);
        let now = &changed["data"]["attributes"];
        assert_eq!(now["outbound_host"], "b.example:5070");
        for name in ["name", "inbound_source_ips", "outbound_route_prefixes", "max_channels", "created_at"] {
            assert_eq!(now[name], made[name], "{name}");
        }
    }
    let body = json!({ "data": { "type": "sip_trunk", "attributes": {
        "inbound_source_ips": [], "outbound_route_prefixes": null, "max_channels": null, "name": "",
        "outbound_national_dialing": true } } });
    let changed = server.carrier("PATCH", path(&made), &body.to_string()).good(200);
    let now = &changed["data"]["attributes"];
    assert_eq!((&now["inbound_source_ips"], &now["outbound_route_prefixes"]), (&json!([]), &json!([])));
    assert_eq!((&now["max_channels"], &now["name"]), (&Value::Null, &json!("b.example:5070")));
    assert_eq!(
        (&now["outbound_national_dialing"], &now["outbound_plus_prefix"]),
        (&json!(true), &json!(false))
    );
    // What a trunk needs it cannot lose.
    let before = server.dump();
    server.refuses("PATCH", path(&made), &json!({ "outbound_host": null }), "inbound_source_ips");
    server.refuses("PATCH", path(&made), &json!({ "inbound_country": null }), "outbound_national_dialing");
    server.refuses("PATCH", path(&made), &json!({ "authentication_mode": null }), "authentication_mode");
    server.refuses("PATCH", path(&made), &json!({ "authentication_mode": "client_credentials" }), "username");
    assert_eq!(server.dump(), before);
}

#[test]
fn a_mode_can_be_changed_if_the_trunk_then_has_what_it_needs() {
    let server = Server::start();
    let made = server.trunk(client("alice"));
    let hashes = stored(&server, &made).ha1;
    let patch = |body: Value| server.carrier("PATCH", path(&made), &body.to_string());
    patch(json!({ "name": "Alice's", "username": "alice" })).good(200);
    assert_eq!(stored(&server, &made).ha1, hashes, "the password stays with its user");
    server.refuses("PATCH", path(&made), &json!({ "username": "alma" }), "password");
    server.refuses("PATCH", path(&made), &json!({ "password": null }), "password");
    let renamed = patch(json!({ "username": "alma", "password": "new" }));
    assert!(!renamed.text().contains("password"));
    assert_eq!(stored(&server, &made).ha1.unwrap().md5, hex(Hash::Md5, b"alma:chorus:new"));
    let away = json!({ "authentication_mode": "outbound_registration", "outbound_host": "pbx.example.com" });
    server.refuses("PATCH", path(&made), &away, "password");
    let mut away = away;
    away["password"] = json!("there");
    let now = patch(away).good(200);
    assert_eq!(now["data"]["attributes"]["outbound_plus_prefix"], false);
    let row = stored(&server, &made);
    assert_eq!((row.ha1, row.password.as_deref()), (None, Some("there")));
    // And back: that password is known.
    patch(json!({ "authentication_mode": "client_credentials" })).good(200);
    let row = stored(&server, &made);
    assert_eq!((row.ha1.unwrap().md5, row.password), (hex(Hash::Md5, b"alma:chorus:there"), None));
}

#[test]
fn each_mode_says_what_it_lacks() {
    let server = Server::start();
    let registration = json!({
        "authentication_mode": "outbound_registration", "username": "u", "password": "p", "outbound_host": "a.example",
    });
    for name in ["username", "password", "outbound_host"] {
        let mut body = registration.clone();
        body.as_object_mut().unwrap().remove(name);
        server.refuses("POST", PATH, &body, name);
    }
    server.refuses("POST", PATH, &json!({ "authentication_mode": "client_credentials" }), "username");
    for user in ["a@b", "a:b", "a;b", "\"", "a\\"] {
        server.refuses("POST", PATH, &client(user), "username");
    }
    let made = server.trunk(registration);
    assert_eq!(made["outbound_plus_prefix"], false, "an exchange wants digits");
    assert_eq!(server.trunk(client("a.b-c_d+1"))["outbound_plus_prefix"], true);
}

#[test]
fn a_bad_field_is_pointed_at() {
    let server = Server::start();
    let base = || json!({ "authentication_mode": "ip_address", "inbound_source_ips": ["192.0.2.7"] });
    let cases = [
        ("authentication_mode", json!("nonsense")),
        ("authentication_mode", json!(null)),
        ("inbound_source_ips", json!([])),
        ("inbound_source_ips", json!(["x"])),
        ("inbound_source_ips", json!([1])),
        ("outbound_host", json!("a b")),
        ("outbound_proxy", json!("a b")),
        ("username", json!("u")),
        ("name", json!(5)),
        ("name", json!({"a": 1})),
        ("transport", json!("sctp")),
        ("inbound_country", json!("XX")),
        ("tls_ca", json!("no certificate")),
        ("tls_certificate", json!(certificate().0)),
        ("tls_client_auth", json!(true)),
        ("tls_peer_names", json!(["a b"])),
        ("tls_peer_fingerprints", json!(["ab:cd"])),
        ("account_sid", json!("AC00000000000000000000000000000000")),
        ("max_channels", json!(0)),
        ("max_channels", json!(1.5)),
        ("max_channels", json!(true)),
        ("max_channels", json!([1])),
        ("outbound_plus_prefix", json!(1)),
        ("outbound_plus_prefix", json!("yes")),
        ("inbound_country", json!("UK")),
        ("outbound_national_dialing", json!(true)),
        ("outbound_route_prefixes", json!(["a"])),
        ("outbound_route_prefixes", json!([[1]])),
        ("outbound_dial_string", json!("sip:{number}@{nowhere}")),
        ("outbound_dial_string_prefix", json!("9;x")),
        ("default_sender", json!("a b")),
    ];
    let before = server.dump();
    for (field, value) in cases {
        let mut body = base();
        body[field] = value.clone();
        server.refuses("POST", PATH, &body, field);
    }
    for (body, pointer) in [
        ("", json!(null)),
        ("[]", json!(null)),
        ("{", json!(null)),
        ("{\"data\":1}", json!("/data")),
        ("{\"data\":{\"type\":\"x\",\"attributes\":{}}}", json!("/data/type")),
        ("{\"data\":{\"type\":\"sip_trunk\"}}", json!("/data/attributes")),
        ("{\"non/sense\":1}", json!("/data/attributes/non~1sense")),
    ] {
        let reply = server.carrier("POST", PATH, body);
        assert_eq!(reply.status, 422, "{body}");
        assert_eq!(reply.json()["errors"][0]["source"]["pointer"], pointer, "{body}");
    }
    assert_eq!(server.dump(), before);
    // What is changed is what the path names (JSON:API, "Updating Resources").
    let trunk = server.trunk(base());
    let other = format!(
        r#"{{"data":{{"type":"sip_trunk","id":"TK{}","attributes":{{"name":"x"}}}}}}"#,
        "1".repeat(32)
    );
    let reply = server.carrier("PATCH", path(&trunk), &other);
    assert_eq!((reply.status, &reply.json()["errors"][0]["source"]["pointer"]), (409, &json!("/data/id")));
    let sid = path(&trunk).rsplit('/').next().unwrap();
    let own = format!(r#"{{"data":{{"type":"sip_trunk","id":"{sid}","attributes":{{"name":"x"}}}}}}"#);
    assert_eq!(server.carrier("PATCH", path(&trunk), &own).good(200)["data"]["attributes"]["name"], "x");
}

#[test]
fn a_trunk_explains_what_happens_to_a_number() {
    let server = Server::start();
    let mut pbx = client("alice");
    pbx["inbound_country"] = json!("GB");
    pbx["outbound_route_prefixes"] = json!(["44"]);
    let made = server.trunk(pbx);
    let url = "http://127.0.0.1:9/voice";
    server
        .post("/IncomingPhoneNumbers.json", &[("PhoneNumber", "+442079460018"), ("VoiceUrl", url)])
        .good(201);
    let asked = |query: &str| {
        let reply = server.carrier("GET", &format!("{}/explain?{query}", path(&made)), "");
        reply.good(200)["data"]["attributes"].clone()
    };
    let told = |steps: &Value| -> Vec<String> {
        let steps = steps.as_array().unwrap().iter();
        steps.map(|s| format!("{} {}", s["ok"], s["words"].as_str().unwrap())).collect()
    };
    let good = asked("number=020+7946+0018&from=07700900123");
    let inbound = told(&good["inbound"]);
    assert!(inbound.iter().all(|s| s.starts_with("true")), "{inbound:#?}");
    assert!(inbound.iter().any(|s| s.contains("'07700900123' is shown as '+447700900123'")), "{inbound:#?}");
    assert!(inbound.iter().any(|s| s.contains("the number +442079460018 of account AC")), "{inbound:#?}");
    let bad = asked("number=%2B4930123456");
    let last = "false a call to +4930123456 was refused with 404: no number '+4930123456' is configured (looked up as '4930123456').";
    assert_eq!(told(&bad["inbound"]).last().unwrap(), last);
    assert!(told(&bad["outbound"]).iter().any(|s| s.contains("outbound_route_prefixes: 44")), "{bad}");
    // What POST Calls does not take a Dial may dial, as it reads it.
    let extension = told(&asked("number=64-01")["outbound"]);
    assert!(
        extension[0].starts_with("false The phone number you are attempting to call, 64-01,"),
        "{extension:#?}"
    );
    assert!(extension.iter().any(|s| s.contains("A Dial reads '6401'")), "{extension:#?}");
    assert!(extension.iter().any(|s| s.contains("'6401' is an extension or a name")), "{extension:#?}");
    let out = told(&asked("number=%2B447700900123")["outbound"]);
    assert!(out.iter().any(|s| s.contains("INVITE sip:+447700900123@")), "{out:#?}");
    assert!(out.iter().any(|s| s.contains("where 'alice' has registered")), "{out:#?}");
    assert_eq!(server.carrier("GET", &format!("{}/explain", path(&made)), "").status, 400);
    // What answers a number is what would answer a call to it.
    let numbered = |number: &str, params: &[(&str, &str)]| {
        let params: Vec<_> = [("PhoneNumber", number)].into_iter().chain(params.iter().copied()).collect();
        server.post("/IncomingPhoneNumbers.json", &params).good(201);
        told(&asked(&format!("number={}", number.replace('+', "%2B")))["inbound"]).pop().unwrap()
    };
    let made = server.v1("POST", "/v1/Trunks", &[("FriendlyName", "own")]);
    let own = made.good(201)["sid"].as_str().unwrap().to_owned();
    let app = server.post("/Applications.json", &[("FriendlyName", "silent")]).good(201)["sid"].clone();
    let silent = [("VoiceApplicationSid", app.as_str().unwrap())];
    assert_eq!(
        numbered("+442079460019", &[("TrunkSid", &own)]),
        "false the trunk has no origination URL that is enabled"
    );
    let url = [("FriendlyName", "pbx"), ("SipUrl", "sip:192.0.2.9")];
    let url = [&url[..], &[("Priority", "1"), ("Weight", "1"), ("Enabled", "true")]].concat();
    server.v1("POST", &format!("/v1/Trunks/{own}/OriginationUrls"), &url).good(201);
    let rung = told(&asked("number=%2B442079460019")["inbound"]);
    assert_eq!(rung.last().unwrap(), "true sip:+442079460019@192.0.2.9 is rung (Priority 1, Weight 1).");
    let silent = numbered("+442079460020", &silent);
    assert!(silent.starts_with("false a call to +442079460020 was refused with 480: the application AP"));
    let nothing = numbered("+442079460021", &[]);
    assert!(
        nothing.ends_with("480: the number +442079460021 has no VoiceUrl and no application"),
        "{nothing}"
    );
}

/// What explain ends in is what POST Calls answers, whether the request is refused before the live calls are asked or by them.
#[test]
fn a_call_is_refused_in_the_words_of_explain() {
    let server = Server::start();
    let made =
        server.trunk(json!({ "authentication_mode": "ip_address", "inbound_source_ips": ["192.0.2.7"] }));
    server.post("/IncomingPhoneNumbers.json", &[("PhoneNumber", FROM)]).good(201);
    let account = format!("/carrier/v1/accounts/{}", server.account.sid);
    let patched = |path: &str, body: Value| server.carrier("PATCH", path, &body.to_string()).good(200);
    let refused = |to: &str, from: &str, status: u16, code: u32| {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("number", to), ("from", from), ("account_sid", &server.account.sid.to_string())])
            .finish();
        let said = server.carrier("GET", &format!("{}/explain?{query}", path(&made)), "").good(200);
        let last = said["data"]["attributes"]["outbound"].as_array().unwrap().last().unwrap().clone();
        let twiml = ("Twiml", "<Response><Hangup/></Response>");
        let reply = server.post("/Calls.json", &[("To", to), ("From", from), twiml]);
        let body = reply.json();
        let code = json!(code);
        assert_eq!((reply.status, &body["code"], &last["code"]), (status, &code, &code), "{body} {last}");
        assert_eq!((&body["message"], &last["ok"]), (&last["words"], &json!(false)));
    };
    let there = "+15005550006";
    refused(there, "alice", 400, 21212);
    refused("alice", FROM, 400, 13223);
    refused("sip:a 1@192.0.2.1", FROM, 400, 13223);
    refused(there, "+15005559999", 400, 21210);
    refused(there, FROM, 400, 13224);
    patched(path(&made), json!({ "outbound_host": "192.0.2.7" }));
    patched(&account, json!({ "all_countries": false }));
    refused("+442079460018", FROM, 400, 21215);
    patched(&account, json!({ "status": "suspended" }));
    refused(there, FROM, 403, 20005);
}
