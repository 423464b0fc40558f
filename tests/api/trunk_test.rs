//! `POST .../test` against scripted peers on real sockets, each with one mistake to be found.

use super::harness::Server;
use serde_json::{Value, json};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// What a peer answers to a request, as `404 Not Found` with further fields behind `|`; empty: nothing.
type Script = fn(&str) -> Vec<String>;

fn field<'a>(request: &'a str, name: &str) -> &'a str {
    let line = request.lines().find(|l| l.starts_with(&format!("{name}:"))).unwrap_or_default();
    line.split_once(':').map_or("", |(_, value)| value.trim())
}

/// A peer until the test ends.
fn peer(script: Script) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut octets = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut octets) {
            let request = String::from_utf8_lossy(&octets[..length]).into_owned();
            for answer in script(&request) {
                let (status, fields) = answer.split_once('|').unwrap_or((&answer, ""));
                let [via, caller, to, call, cseq] =
                    ["Via", "From", "To", "Call-ID", "CSeq"].map(|name| field(&request, name));
                let via = if fields.contains("NAT") {
                    via.replace("rport", "rport=7;received=203.0.113.9")
                } else {
                    via.to_owned()
                };
                let more = if fields.is_empty() || fields.contains("NAT") {
                    String::new()
                } else {
                    format!("{fields}\r\n")
                };
                let text = format!(
                    "SIP/2.0 {status}\r\nVia: {via}\r\nFrom: {caller}\r\nTo: {to};tag=p\r\nCall-ID: {call}\r\nCSeq: {cseq}\r\n\
                     Contact: <sip:{address}>\r\n{more}Content-Length: 0\r\n\r\n"
                );
                socket.send_to(text.as_bytes(), from).unwrap();
            }
        }
    });
    address
}

fn one(answer: &str) -> Vec<String> {
    vec![answer.to_owned()]
}

/// Answers what every peer answers alike; None: an INVITE.
fn usual(request: &str) -> Option<Vec<String>> {
    match request.split(' ').next()? {
        "INVITE" => None,
        "ACK" => Some(vec![]),
        _ => Some(one("200 OK")),
    }
}

fn tested(server: &Server, host: &str, more: Value) -> Value {
    let mut body = json!({ "authentication_mode": "ip_address", "outbound_host": host });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = server.carrier("POST", "/carrier/v1/sip_trunks", &body.to_string()).good(201);
    let path = format!("/carrier/v1/sip_trunks/{}/test", made["data"]["id"].as_str().unwrap());
    let asked = json!({ "number": "+15550002", "from": "+15550001" }).to_string();
    server.carrier("POST", &path, &asked).good(200)["data"]["attributes"].clone()
}

fn words(result: &Value) -> String {
    result["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["words"].as_str().unwrap().to_owned() + "\n")
        .collect()
}

#[test]
fn each_mistake_is_named_with_what_mends_it() {
    let server = Server::start();
    let user = json!({ "username": "trunk77", "password": "secret99" });
    let none = json!({});
    let table: Vec<(Script, &Value, &str, Value)> = vec![
        (
            |r| {
                usual(r).unwrap_or_else(|| match r.starts_with("INVITE sip:+") {
                    true => one("404 Not Found"),
                    false => vec!["100 Trying".to_owned(), "180 Ringing".to_owned()],
                })
            },
            &none,
            "With outbound_plus_prefix: false the call gets through",
            json!({ "outbound_plus_prefix": false }),
        ),
        (
            |r| {
                usual(r).unwrap_or_else(|| match field(r, "From").contains("trunk77") {
                    true => one("486 Busy Here"),
                    false => one("403 Forbidden"),
                })
            },
            &user,
            "does not let '+15550001' call (From)",
            json!({ "from_user": "trunk77" }),
        ),
        (
            |r| {
                usual(r).unwrap_or_else(|| {
                    one("407 Auth|Proxy-Authenticate: Digest realm=\"c\", nonce=\"n\", qop=\"auth\"")
                })
            },
            &none,
            "the peer wants user and password",
            json!({ "username": "the user" }),
        ),
        (
            |r| {
                usual(r).unwrap_or_else(|| {
                    one("407 Auth|Proxy-Authenticate: Digest realm=\"c\", nonce=\"n\", qop=\"auth\"")
                })
            },
            &user,
            "user or password is wrong. The digest's user is 'trunk77'",
            json!({}),
        ),
        (
            |r| usual(r).unwrap_or_else(|| one("488 Not Acceptable Here|Warning: 305 c \"G.729 only\"")),
            &none,
            "takes none of our codecs",
            json!({}),
        ),
        (
            |r| usual(r).unwrap_or_else(|| one("488 Not Acceptable Here|Warning: 399 c \"SRTP required\"")),
            &none,
            "wants encrypted audio (SRTP)",
            json!({}),
        ),
        (
            |r| {
                usual(r).map_or_else(
                    || one("486 Busy Here"),
                    |_| if r.starts_with("OPTIONS") { one("200 OK|NAT") } else { vec![] },
                )
            },
            &none,
            "Set CHORUS_EXTERNAL_IP=203.0.113.9",
            json!({}),
        ),
        (
            |r| match usual(r) {
                None => one("200 OK"),
                // As a peer does that has not heard the ACK.
                Some(_) if r.starts_with("ACK") => {
                    let again = "200 OK".to_owned();
                    vec![again]
                }
                Some(answers) => answers,
            },
            &none,
            "INVITE: 200 OK: the call reaches +15550002",
            json!({}),
        ),
    ];
    for (script, more, expected, patch) in table {
        let result = tested(&server, &peer(script).to_string(), more.clone());
        assert!(words(&result).contains(expected), "{expected}\n{result:#}");
        assert_eq!(result["patch"], patch, "{result:#}");
        assert!(!result["ladder"].as_array().unwrap().is_empty());
    }
}

#[test]
fn who_cannot_be_reached_is_told_from_who_is_silent() {
    let server = Server::start();
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let result = tested(&server, &closed.to_string(), json!({}));
    assert!(words(&result).contains("nobody listens on"), "{result:#}");
    assert_eq!(result["patch"], json!({ "transport": "tcp" }));
    let silent = peer(|_| vec![]);
    let result = tested(&server, &silent.to_string(), json!({}));
    assert!(words(&result).contains("no answer from"), "{result:#}");
    let result = tested(&server, "nowhere.invalid", json!({}));
    assert!(words(&result).contains("has no address (DNS)"), "{result:#}");
    assert_eq!(result["ok"], false);
}

/// A call that rings is taken back, and a registration is only asked for.
#[test]
fn a_probe_leaves_nothing_behind() {
    let server = Server::start();
    let at = peer(|r| match r.split(' ').next().unwrap() {
        "INVITE" => vec!["180 Ringing".to_owned()],
        "REGISTER" if field(r, "Contact").is_empty() => one("200 OK"),
        "REGISTER" => vec![],
        "ACK" => vec![],
        _ => one("200 OK"),
    });
    let more = json!({ "authentication_mode": "outbound_registration", "username": "u", "password": "p" });
    let result = tested(&server, &at.to_string(), more);
    let ladder = result["ladder"].to_string();
    assert!(ladder.contains("CANCEL") && ladder.contains("<- 180 Ringing"), "{ladder}");
    assert!(words(&result).contains("the peer knows user and password"), "{result:#}");
    assert_eq!(result["ok"], true, "{result:#}");
}
