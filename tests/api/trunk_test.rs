//! `POST .../test` against scripted peers on real sockets, each with one mistake to be found.

use super::harness::Server;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

/// What a peer answers to a request, as `404 Not Found` with further fields behind `|`; empty: nothing.
type Script = fn(&str) -> Vec<String>;

fn field<'a>(request: &'a str, name: &str) -> &'a str {
    let line = request.lines().find(|l| l.starts_with(&format!("{name}:"))).unwrap_or_default();
    line.split_once(':').map_or("", |(_, value)| value.trim())
}

/// What the peer at this address says to a request.
fn replies(script: Script, request: &str, address: SocketAddr) -> Vec<String> {
    let reply = |answer: String| {
        let (status, fields) = answer.split_once('|').unwrap_or((&answer, ""));
        let [via, caller, to, call, cseq] =
            ["Via", "From", "To", "Call-ID", "CSeq"].map(|name| field(request, name));
        let via = if fields.contains("NAT") {
            via.replace("rport", "rport=7;received=203.0.113.9")
        } else {
            via.to_owned()
        };
        let body = if fields == "CLEAR" { CLEAR } else { "" };
        let more = match fields {
            "" | "NAT" => String::new(),
            "CLEAR" => "Content-Type: application/sdp\r\n".to_owned(),
            fields => format!("{fields}\r\n"),
        };
        format!(
            "SIP/2.0 {status}\r\nVia: {via}\r\nFrom: {caller}\r\nTo: {to};tag=p\r\nCall-ID: {call}\r\nCSeq: {cseq}\r\n\
             Contact: <sip:{address}>\r\n{more}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    script(request).into_iter().map(reply).collect()
}

/// Audio without keys.
const CLEAR: &str =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";

/// A peer until the test ends.
fn peer(script: Script) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut octets = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut octets) {
            let request = String::from_utf8_lossy(&octets[..length]).into_owned();
            for text in replies(script, &request, address) {
                socket.send_to(text.as_bytes(), from).unwrap();
            }
        }
    });
    address
}

/// One that speaks TLS, with a certificate for `pbx.example`; with its authority and the fingerprint.
fn secure_peer(script: Script) -> (SocketAddr, String, String) {
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap().pem();
    let issuer = rcgen::Issuer::new(params, key);
    let own = rcgen::KeyPair::generate().unwrap();
    let made = rcgen::CertificateParams::new(vec!["pbx.example".to_owned()])
        .unwrap()
        .signed_by(&own, &issuer)
        .unwrap();
    let fingerprint = chorus::trunk::tls::fingerprint(made.der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let private = rustls::pki_types::PrivateKeyDer::try_from(own.serialize_der()).unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![made.der().clone()], private).unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let config = config.clone();
            std::thread::spawn(move || serve(script, address, stream, config));
        }
    });
    (address, authority, fingerprint)
}

/// Answers on one connection until it ends.
fn serve(script: Script, address: SocketAddr, stream: TcpStream, config: Arc<rustls::ServerConfig>) {
    let connection = rustls::ServerConnection::new(config).unwrap();
    let mut tls = rustls::StreamOwned::new(connection, stream);
    let (mut got, mut octets) = (String::new(), [0; 4096]);
    while let Ok(length) = tls.read(&mut octets) {
        if length == 0 {
            return;
        }
        got.push_str(&String::from_utf8_lossy(&octets[..length]));
        while let Some(end) = got.find("\r\n\r\n") {
            let end = end + 4 + field(&got[..end], "Content-Length").parse::<usize>().unwrap_or(0);
            if got.len() < end {
                break;
            }
            let request: String = got.drain(..end).collect();
            for text in replies(script, &request, address) {
                tls.write_all(text.as_bytes()).unwrap();
            }
        }
    }
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

/// RFC 3261 section 22.3.
#[test]
fn a_proxy_and_the_peer_behind_it_both_get_the_password() {
    let server = Server::start();
    let both: Script = |r| {
        usual(r).unwrap_or_else(|| {
            let shown = |name: &str| field(r, name).contains("trunk77");
            match (shown("Proxy-Authorization"), shown("Authorization")) {
                (false, _) => {
                    one("407 Auth|Proxy-Authenticate: Digest realm=\"c\", nonce=\"n\", qop=\"auth\"")
                }
                (true, false) => {
                    one("401 Auth|WWW-Authenticate: Digest realm=\"p\", nonce=\"m\", qop=\"auth\"")
                }
                (true, true) => vec!["100 Trying".to_owned(), "180 Ringing".to_owned()],
            }
        })
    };
    let user = json!({ "username": "trunk77", "password": "secret99" });
    let result = tested(&server, &peer(both).to_string(), user);
    assert_eq!((&result["ok"], &result["patch"]), (&json!(true), &json!({})), "{result:#}");
}

/// Takes a call that offers keys and refuses every other.
fn wants_keys(request: &str) -> Vec<String> {
    usual(request).unwrap_or_else(|| match request.contains("RTP/SAVP") {
        true => vec!["100 Trying".to_owned(), "180 Ringing".to_owned()],
        false => one("488 Not Acceptable Here|Warning: 399 c \"encrypt it\""),
    })
}

#[test]
fn the_keys_of_media_are_tried_as_the_trunk_offers_them() {
    let server = Server::start();
    let result = tested(&server, &peer(wants_keys).to_string(), json!({}));
    assert!(words(&result).contains("With srtp: \"required\" the call gets through"), "{result:#}");
    assert_eq!(result["patch"], json!({ "srtp": "required" }));
    let result = tested(&server, &peer(wants_keys).to_string(), json!({ "srtp": "required" }));
    assert_eq!((&result["ok"], &result["patch"]), (&json!(true), &json!({})), "{result:#}");
    let clear: Script = |r| usual(r).unwrap_or_else(|| one("183 Session Progress|CLEAR"));
    let result = tested(&server, &peer(clear).to_string(), json!({ "srtp": "required" }));
    assert!(words(&result).contains("audio does not do: SRTP is required here"), "{result:#}");
    assert_eq!(result["patch"], json!({ "srtp": "optional" }));
}

#[test]
fn a_trunk_over_tls_is_tried_by_its_own_rules() {
    let server = Server::start();
    let script: Script = |r| usual(r).unwrap_or_else(|| one("486 Busy Here"));
    let (address, authority, fingerprint) = secure_peer(script);
    let asked = |more: Value| {
        let mut all = json!({ "transport": "tls" });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        tested(&server, &address.to_string(), all)
    };
    let result = asked(json!({}));
    assert!(words(&result).contains("no TLS connection") && words(&result).contains("tls_ca"), "{result:#}");
    assert_eq!(result["ok"], false);
    let result = asked(json!({ "tls_ca": authority }));
    assert!(
        words(&result).contains("no TLS connection") && words(&result).contains("tls_peer_names"),
        "{result:#}"
    );
    for rules in [
        json!({ "tls_ca": authority, "tls_peer_names": ["pbx.example"] }),
        json!({ "tls_peer_fingerprints": [fingerprint] }),
    ] {
        let result = asked(rules);
        assert!(words(&result).contains("INVITE: 486 Busy Here: the call reaches"), "{result:#}");
        assert_eq!(result["ok"], true, "{result:#}");
    }
}
