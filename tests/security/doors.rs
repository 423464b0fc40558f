//! What an account and its operator set up (domains, trunks, lists, keys, gateways, what a switch reports) holds canaries in every
//! secret field; then every page of the API is read, and calls go through the doors.

use super::canaries::{clean, files, lines};
use super::house::{House, Phone, twiml};
use super::secrets;
use crate::webhooks::server::{Seen, Step, reply};
use chorus::sip::digest::server::ha1;
use serde_json::{Value, json};

const USER: &str = "canary-user-of-a-door";
const PASSWORD: &str = "canary-password-of-a-door";
const QUERY: &str = "canary-query-of-a-door";
const CREDENTIAL: &str = "Canary-Credential-7k";
const REGISTRANT: &str = "canary-registrant-2m5";
const GATEWAY: &str = "canary-gateway-9s4";
const REPORT: &str = "canary-report-4v6";
const OPEN: &str = "open.canary.example.com";
const CLOSED: &str = "closed.canary.example.com";

/// The documents end the call; callbacks are never delivered, so that they stay in the outbox.
fn app(_: usize, seen: &Seen) -> Vec<Step> {
    match seen.target.split('?').next().unwrap_or_default() {
        "/voice" => twiml("<Hangup/>"),
        _ => reply(404, "", "no"),
    }
}

/// What was set up, by name; and what nobody may see.
struct Set {
    domain: String,
    list: String,
    trunk: String,
    carrier: String,
    call: String,
    canaries: Vec<(&'static str, String)>,
}

async fn carrier(house: &House, method: &str, path: &str, body: &Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    secrets::plant_request(Some(&format!("Bearer {}", house.carrier_token)), body.as_bytes());
    let octets = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        house.carrier_token,
        body.len()
    );
    let answer = house.raw(octets.as_bytes()).await;
    assert!((200..=204).contains(&answer.status), "{method} {path}: {} {}", answer.status, answer.body);
    if answer.body.is_empty() { Value::Null } else { answer.json() }
}

async fn made(house: &House, path: &str, form: &[(&str, &str)]) -> String {
    let answer = match path.starts_with("/v1") {
        true => house.ask("POST", path, &house.account(), &house.auth_token, form).await,
        false => house.api("POST", path, form).await,
    };
    assert_eq!(answer.status, 201, "{path}: {}", answer.body);
    answer.json()["sid"].as_str().unwrap_or_default().to_owned()
}

/// A domain that an address opens and one that a password opens, with a trunk of the account beside them.
async fn of_the_account(house: &House) -> (String, String, String) {
    let url = |path: &str| format!("http://{USER}:{PASSWORD}@{}{path}?q={QUERY}", house.app.address);
    let (voice, fallback, callback) = (url("/voice"), url("/fallback"), url("/callback"));
    let hooks =
        [("VoiceUrl", &*voice), ("VoiceFallbackUrl", &fallback), ("VoiceStatusCallbackUrl", &callback)];
    let list = made(house, "/SIP/CredentialLists.json", &[("FriendlyName", "telephones")]).await;
    let credential = [("Username", "alice"), ("Password", CREDENTIAL)];
    made(house, &format!("/SIP/CredentialLists/{list}/Credentials.json"), &credential).await;
    let acl = made(house, "/SIP/IpAccessControlLists.json", &[("FriendlyName", "office")]).await;
    let address = [("FriendlyName", "here"), ("IpAddress", "127.0.0.1")];
    made(house, &format!("/SIP/IpAccessControlLists/{acl}/IpAddresses.json"), &address).await;
    let named = |name| [&[("DomainName", name), ("SipRegistration", "true")], &hooks[..]].concat();
    let open = made(house, "/SIP/Domains.json", &named(OPEN)).await;
    let closed = made(house, "/SIP/Domains.json", &named(CLOSED)).await;
    for (domain, of, field, sid) in [
        (&open, "Calls/IpAccessControlList", "IpAccessControlListSid", &acl),
        (&closed, "Calls/CredentialList", "CredentialListSid", &list),
        (&closed, "Registrations/CredentialList", "CredentialListSid", &list),
    ] {
        made(house, &format!("/SIP/Domains/{domain}/Auth/{of}Mappings.json"), &[(field, sid)]).await;
    }
    let recovery = url("/recovery");
    let form = [("DomainName", "pbx.canary.example.com"), ("DisasterRecoveryUrl", &*recovery)];
    let trunk = made(house, "/v1/Trunks", &form).await;
    made(house, &format!("/v1/Trunks/{trunk}/CredentialLists"), &[("CredentialListSid", &list)]).await;
    let rings = [
        ("FriendlyName", "pbx"),
        ("SipUrl", "sip:pbx@127.0.0.1:9"),
        ("Priority", "1"),
        ("Weight", "1"),
        ("Enabled", "true"),
    ];
    made(house, &format!("/v1/Trunks/{trunk}/OriginationUrls"), &rings).await;
    (closed, list, trunk)
}

/// Trunks of each mode, one with a key of TLS, a gateway, and a call that an external switch reports.
async fn of_the_operator(house: &House) -> (String, String, String) {
    let tls = rcgen::generate_simple_self_signed(vec!["pbx.example".to_owned()]).unwrap();
    let key = tls.signing_key.serialize_pem();
    let line = key.lines().nth(1).unwrap().to_owned();
    secrets::plant(&line);
    let trunk = json!({
        "authentication_mode": "ip_address", "name": "carrier", "inbound_source_ips": ["192.0.2.1"],
        "outbound_host": "127.0.0.1:9", "transport": "tls",
        "tls_certificate": tls.cert.pem(), "tls_private_key": key,
    });
    let trunk = carrier(house, "POST", "/carrier/v1/sip_trunks", &trunk).await;
    let registers =
        json!({ "authentication_mode": "client_credentials", "username": "bob", "password": REGISTRANT });
    carrier(house, "POST", "/carrier/v1/sip_trunks", &registers).await;
    let gateway =
        json!({ "name": "main", "username": "us", "password": GATEWAY, "host": "127.0.0.1", "port": 9 });
    carrier(house, "POST", "/gateways", &gateway).await;
    house.number(&[("VoiceUrl", "https://example.com/voice")]).await;
    let report = json!({
        "to": super::house::NUMBER, "from": super::house::CALLER, "source_ip": "192.0.2.1", "external_id": "switch-1",
        "variables": { "sip_auth": REPORT },
    });
    let call = carrier(house, "POST", "/services/inbound_phone_calls", &report).await;
    for kind in ["answered", "moon_rises", "completed"] {
        let event = json!({ "phone_call": "switch-1", "type": kind, "variables": { "note": REPORT } });
        carrier(house, "POST", "/services/phone_call_events", &event).await;
    }
    let sid = |made: &Value| made["data"]["id"].as_str().unwrap().to_owned();
    (sid(&trunk), call["call_sid"].as_str().unwrap().to_owned(), line)
}

async fn set_up(house: &House) -> Set {
    let (domain, list, trunk) = of_the_account(house).await;
    let (carrier, call, key) = of_the_operator(house).await;
    let hashes = [ha1("alice", "chorus", CREDENTIAL), ha1("bob", "chorus", REGISTRANT)];
    let of_hashes =
        hashes.into_iter().flat_map(|h| [("hash of a password", h.md5), ("hash of a password", h.sha256)]);
    let words = [
        ("password of a credential", CREDENTIAL),
        ("password of a peer that registers", REGISTRANT),
        ("password of a gateway", GATEWAY),
        ("report of a switch", REPORT),
    ];
    let mut canaries: Vec<_> = words.map(|(name, word)| (name, word.to_owned())).to_vec();
    canaries.extend(of_hashes);
    canaries.push(("key of TLS", key));
    for (_, canary) in &canaries {
        secrets::plant(canary);
    }
    for canary in [USER, PASSWORD, QUERY] {
        secrets::plant(canary);
    }
    Set { domain, list, trunk, carrier, call, canaries }
}

/// An INVITE to a domain.
async fn invite(phone: &Phone, host: &str, more: &str) -> String {
    let (here, id) = (phone.address(), chorus::api::rng().hex(12));
    let sdp = phone.sdp();
    let text = format!(
        "INVITE sip:desk@{host} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{id};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:alice@{host}>;tag=p\r\nTo: <sip:desk@{host}>\r\nCall-ID: {id}\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:{here}>\r\n{more}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    );
    phone.sip.send_to(text.as_bytes(), phone.server).await.unwrap();
    loop {
        let answer = phone.expect("SIP/2.0 ").await;
        if !answer.starts_with("SIP/2.0 1") {
            break answer;
        }
    }
}

/// Every page that shows what was set up.
async fn pages(house: &House, set: &Set) -> Vec<(String, String)> {
    let account = house.account();
    let below = |path: &str| format!("/2010-04-01/Accounts/{account}{path}");
    let Set { domain, list, trunk, carrier, call, .. } = set;
    let of_account = [
        below(".json"),
        below("/SIP/Domains.json"),
        below(&format!("/SIP/Domains/{domain}.json")),
        below(&format!("/SIP/Domains/{domain}/Auth/Calls/CredentialListMappings.json")),
        below(&format!("/SIP/Domains/{domain}/Auth/Registrations/CredentialListMappings.json")),
        below("/SIP/CredentialLists.json"),
        below(&format!("/SIP/CredentialLists/{list}/Credentials.json")),
        below("/SIP/IpAccessControlLists.json"),
        below("/Calls.json"),
        below(&format!("/Calls/{call}.json")),
        below("/Notifications.json"),
        "/v1/Trunks".to_owned(),
        format!("/v1/Trunks/{trunk}"),
        format!("/v1/Trunks/{trunk}/OriginationUrls"),
        format!("/v1/Trunks/{trunk}/CredentialLists"),
    ];
    let of_operator = [
        "/carrier/v1/sip_trunks".to_owned(),
        format!("/carrier/v1/sip_trunks/{carrier}"),
        format!("/carrier/v1/sip_trunks/{carrier}/explain?number=%2B15550002"),
        "/gateways".to_owned(),
        "/gateways/main".to_owned(),
        "/carrier/v1/accounts".to_owned(),
        "/carrier/v1/calls".to_owned(),
        format!("/carrier/v1/calls/{call}"),
    ];
    let mut pages = Vec::new();
    for path in of_account {
        let answer = house.ask("GET", &path, &account, &house.auth_token, &[]).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        pages.push((path, answer.body));
    }
    for path in of_operator {
        let shown = self::carrier(house, "GET", &path, &Value::Null).await.to_string();
        pages.push((path, shown));
    }
    pages
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_canary_of_a_door_is_seen_anywhere() {
    let house = House::start(app).await;
    let set = set_up(&house).await;
    let mut shown = set.canaries.clone();
    shown.extend(
        [("user of a URL", USER), ("password of a URL", PASSWORD), ("query of a URL", QUERY)]
            .map(|(n, c)| (n, c.to_owned())),
    );

    // One call through a door that an address opens; one that shows a wrong password at the other.
    let phone = Phone::new(house.server.sip).await;
    let answer = invite(&phone, OPEN, "").await;
    assert!(!answer.starts_with("SIP/2.0 4"), "{answer}");
    let challenge = invite(&phone, CLOSED, "").await;
    assert!(challenge.starts_with("SIP/2.0 407"), "{challenge}");
    let nonce = challenge.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap();
    let wrong = format!(
        "Proxy-Authorization: Digest username=\"alice\", realm=\"chorus\", nonce=\"{nonce}\", uri=\"sip:desk@{CLOSED}\", \
         response=\"{}\", algorithm=MD5, cnonce=\"c\", nc=00000001, qop=auth\r\n",
        "0".repeat(32)
    );
    let refused = invite(&phone, CLOSED, &wrong).await;
    assert!(refused.starts_with("SIP/2.0 403"), "{refused}");
    let ended =
        |c: &Value| c["calls"].as_array().unwrap().iter().filter(|c| c["end_time"].is_string()).count() == 2;
    let calls = house.until("both calls are over", "/Calls.json", ended).await;
    house
        .until("the callback failed", "/Notifications.json", |n| {
            !n["notifications"].as_array().unwrap().is_empty()
        })
        .await;

    for (path, body) in pages(&house, &set).await {
        clean(&path, &body, &set.canaries);
    }
    for call in calls["calls"].as_array().unwrap() {
        let sid = call["sid"].as_str().unwrap();
        if sid != set.call {
            clean("the timeline", &lines(&house, sid).await, &shown);
        }
    }
    // What a switch reported is its operator's to read.
    let events =
        carrier(&house, "GET", &format!("/carrier/v1/calls/{}/events", set.call), &Value::Null).await;
    assert!(events.to_string().contains(REPORT), "{events}");
    clean("/metrics", &house.metrics().await, &shown);

    house.server.store.read(|_| Ok(())).await.unwrap();
    let mut at_rest = Vec::new();
    files(&house.dir, &mut at_rest);
    let database = at_rest.iter().any(|(_, bytes)| bytes.windows(OPEN.len()).any(|w| w == OPEN.as_bytes()));
    assert!(database, "the domains are in the files");
    for (name, bytes) in &at_rest {
        clean(name, &String::from_utf8_lossy(bytes), &shown);
    }
    house.end().await;
}
