//! Requests that come at once: what was answered with 200 is there, and a limit is a limit.

use super::harness::*;
use serde_json::{Value, json};
use std::thread;

/// What is changed at once, attribute by attribute. Each of them shows under the same name, or the second one.
const TRUNK: &[(&str, &str)] = &[
    ("name", "\"a\""),
    ("max_channels", "7"),
    ("from_user", "\"f\""),
    ("ptime", "30"),
    ("dtmf", "\"info\""),
];

/// Sends all of them at once; their statuses.
fn at_once(requests: Vec<Box<dyn FnOnce() -> Reply + Send>>) -> Vec<u16> {
    let all: Vec<_> = requests.into_iter().map(thread::spawn).collect();
    all.into_iter().map(|one| one.join().unwrap().status).collect()
}

fn request(
    server: &Server,
    method: &'static str,
    path: &str,
    kind: &'static str,
    body: String,
) -> Box<dyn FnOnce() -> Reply + Send> {
    let (address, path, basic) = (server.address, path.to_owned(), server.auth());
    let credential = if kind.ends_with("json") { format!("Bearer {CARRIER_TOKEN}") } else { basic };
    Box::new(move || {
        let headers =
            [("Authorization", credential.as_str()), ("Content-Type", kind), ("Connection", "close")];
        ask(address, method, &path, &headers, body.as_bytes())
    })
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

#[test]
fn changes_of_one_trunk_at_once_are_all_in_force() {
    let server = Server::start();
    let body =
        json!({ "authentication_mode": "ip_address", "inbound_source_ips": ["192.0.2.7"] }).to_string();
    for _ in 0..5 {
        let made = server.carrier("POST", "/carrier/v1/sip_trunks", &body).good(201);
        let path = format!("/carrier/v1/sip_trunks/{}", made["data"]["id"].as_str().unwrap());
        let change = |(name, value): &(&str, &str)| {
            request(&server, "PATCH", &path, JSON, format!("{{\"{name}\":{value}}}"))
        };
        assert_eq!(at_once(TRUNK.iter().map(change).collect()), [200; 5]);
        let now = server.carrier("GET", &path, "").good(200);
        for (name, value) in TRUNK {
            let value: Value = serde_json::from_str(value).unwrap();
            assert_eq!(now["data"]["attributes"][name], value, "{name} was answered with 200");
        }
    }
}

#[test]
fn the_same_of_a_trunk_of_an_account() {
    let server = Server::start();
    for n in 0..5 {
        let path =
            format!("/v1/Trunks/{}", server.v1("POST", "/v1/Trunks", &[]).good(201)["sid"].as_str().unwrap());
        let domain = format!("n{n}.example.com");
        let fields = [
            ("FriendlyName", "a", json!("a"), "friendly_name"),
            ("TransferMode", "sip-only", json!("sip-only"), "transfer_mode"),
            ("DomainName", domain.as_str(), json!(domain), "domain_name"),
            ("CnamLookupEnabled", "true", json!(true), "cnam_lookup_enabled"),
        ];
        let change = |(name, value, ..): &(&str, &str, Value, &str)| {
            request(&server, "POST", &path, FORM, format!("{name}={value}"))
        };
        assert_eq!(at_once(fields.iter().map(change).collect()), [200; 4]);
        let now = server.v1("GET", &path, &[]).good(200);
        for (.., shown, property) in &fields {
            assert_eq!(now[property], *shown, "{property} was answered with 200");
        }
    }
}

#[test]
fn the_same_of_numbers() {
    let server = Server::start();
    for n in 10..15 {
        let number = format!("+155501000{n}");
        let own = server.post("/IncomingPhoneNumbers.json", &[("PhoneNumber", number.as_str())]).good(201);
        let rest = format!("/IncomingPhoneNumbers/{}.json", own["sid"].as_str().unwrap());
        let path = server.path(&rest);
        let fields =
            ["FriendlyName=a", "VoiceUrl=https://example.com/v", "StatusCallback=https://example.com/s"];
        let change = |field: &&str| request(&server, "POST", &path, FORM, (*field).to_owned());
        assert_eq!(at_once(fields.iter().map(change).collect()), [200; 3]);
        let now = server.get(&rest).good(200);
        let shown = (&now["friendly_name"], &now["voice_url"], &now["status_callback"]);
        assert_eq!(shown, (&json!("a"), &json!("https://example.com/v"), &json!("https://example.com/s")));
        let body = json!({ "number": number }).to_string();
        let stock = server.carrier("POST", "/carrier/v1/phone_numbers", &body).good(201);
        let path = format!("/carrier/v1/phone_numbers/{}", stock["data"]["id"].as_str().unwrap());
        let fields = [("visibility", "private"), ("locality", "Ulm"), ("lata", "1"), ("rate_center", "x")];
        let change = |(name, value): &(&str, &str)| {
            request(&server, "PATCH", &path, JSON, json!({ *name: value }).to_string())
        };
        assert_eq!(at_once(fields.iter().map(change).collect()), [200; 4]);
        let now = server.carrier("GET", &path, "").good(200);
        for (name, value) in fields {
            assert_eq!(now["data"]["attributes"][name], value, "{name} was answered with 200");
        }
    }
}

#[test]
fn a_limit_holds_for_requests_at_once() {
    let server = Server::start();
    let trunk = server.v1("POST", "/v1/Trunks", &[]).good(201);
    let path = format!("/v1/Trunks/{}/OriginationUrls", trunk["sid"].as_str().unwrap());
    let body = "Weight=1&Priority=1&Enabled=true&FriendlyName=o&SipUrl=sip:192.0.2.7";
    let make = |_| request(&server, "POST", &path, FORM, body.to_owned());
    let mut statuses = at_once((0..14).map(make).collect());
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![201; 10], vec![400; 4]].concat(), "a trunk has ten of them");
}

/// Sent twice because the first answer was late, it is one gateway all the same.
#[test]
fn a_gateway_that_is_sent_twice_is_one() {
    let server = Server::start();
    let body = json!({ "name": "gw", "username": "u", "password": "p", "host": "127.0.0.1", "port": "9" });
    let make = |_| request(&server, "POST", "/gateways", JSON, body.to_string());
    assert_eq!(at_once((0..6).map(make).collect()), [201; 6]);
    let listed = server.carrier("GET", "/gateways", "").good(200);
    assert_eq!(listed["gateways"].as_array().unwrap().len(), 1, "{listed}");
}
