//! The way to the peer: names, families, transports, one address after the other, as calls go.

use super::peer::*;
use super::{mended, tested};
use crate::api::harness::{Server, Setup};
use crate::sip::names::{A, NAPTR, SRV, Zone, answer, naptr, srv};
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

/// A DNS server that holds this.
fn dns(zone: Zone) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 1_500];
        while let Ok((n, from)) = socket.recv_from(&mut buffer) {
            if let Some(bytes) = answer(&buffer[..n], &zone) {
                socket.send_to(&bytes, from).unwrap();
            }
        }
    });
    at
}

fn server(more: &[(&'static str, String)]) -> Server {
    Server::with(Setup { more: more.to_vec(), ..Setup::default() })
}

const HERE: [u8; 4] = [127, 0, 0, 1];
/// This host as well, where nobody else has a socket whose number happens to be the same.
const QUIET: [u8; 4] = [127, 0, 0, 2];

/// A port where nobody listens.
fn closed() -> SocketAddr {
    UdpSocket::bind(SocketAddr::from((QUIET, 0))).unwrap().local_addr().unwrap()
}

/// `transport` says udp by default, and NAPTR says what the peer has.
#[test]
fn a_name_is_found_as_calls_find_it() {
    let listener = TcpListener::bind(SocketAddr::from((HERE, 0))).unwrap();
    let stream = streams(listener, calls(|_| busy()), |stream| stream);
    let zone: Zone = vec![
        ("carrier.test", NAPTR, naptr(1, 1, "s", "SIP+D2T", "_sip._tcp.carrier.test")),
        ("_sip._tcp.carrier.test", SRV, srv(1, stream.port(), "edge.carrier.test")),
        ("edge.carrier.test", A, HERE.to_vec()),
    ];
    let server = server(&[("CHORUS_DNS", dns(zone).to_string())]);
    let found = tested(&server, "carrier.test", &json!({}));
    found.says("INVITE: 486 Busy Here: the call reaches", &json!({}));
    assert!(found.ok(), "{:#}", found.result);
    let ladder = found.result["ladder"].to_string();
    assert!(ladder.contains(&format!("to {stream} over tcp")), "{ladder}");
}

/// The first address is silent, the second refuses, the third is there.
#[test]
fn the_next_address_is_asked_where_one_does_not_answer() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let deaf = silent.local_addr().unwrap();
    let alive = on(UdpSocket::bind("127.0.0.1:0").unwrap(), calls(|_| busy()));
    let dead = closed();
    let zone: Zone = vec![
        ("_sip._udp.carrier.test", SRV, srv(1, deaf.port(), "edge.carrier.test")),
        ("_sip._udp.carrier.test", SRV, srv(2, dead.port(), "quiet.carrier.test")),
        ("_sip._udp.carrier.test", SRV, srv(3, alive.port(), "edge.carrier.test")),
        ("quiet.carrier.test", A, QUIET.to_vec()),
        ("edge.carrier.test", A, HERE.to_vec()),
    ];
    let server = server(&[("CHORUS_DNS", dns(zone).to_string())]);
    let found = tested(&server, "carrier.test", &json!({}));
    found.says(&format!("OPTIONS: no answer from {deaf} over udp"), &json!({}));
    found.says(&format!("OPTIONS: nobody listens on {dead} over udp"), &json!({}));
    found.says("Calls go on to the peer's next address", &json!({}));
    found.says("INVITE: 486 Busy Here", &json!({}));
    // It works, and what to look at is told.
    assert!(found.ok(), "{:#}", found.result);
    // Whoever did not answer OPTIONS is not asked for the call first.
    let ladder = found.result["ladder"].to_string();
    assert!(!ladder.contains(&format!("@carrier.test to {deaf}")), "{ladder}");
    drop(silent);
}

/// 503 sends a call to the next address, too (RFC 3263 section 4.3).
#[test]
fn a_peer_that_says_503_to_the_call_has_its_next_address_asked() {
    let full = on(UdpSocket::bind("127.0.0.1:0").unwrap(), calls(|_| say("503 Service Unavailable")));
    let free = on(UdpSocket::bind("127.0.0.1:0").unwrap(), calls(|_| busy()));
    let zone: Zone = vec![
        ("_sip._udp.carrier.test", SRV, srv(1, full.port(), "edge.carrier.test")),
        ("_sip._udp.carrier.test", SRV, srv(2, free.port(), "edge.carrier.test")),
        ("edge.carrier.test", A, HERE.to_vec()),
    ];
    let server = server(&[("CHORUS_DNS", dns(zone).to_string())]);
    let found = tested(&server, "carrier.test", &json!({}));
    found.says("503 Service Unavailable", &json!({}));
    assert!(found.ok(), "{:#}", found.result);
}

#[test]
fn ipv6_is_asked_where_the_server_listens_for_it() {
    let (six, four) = pair();
    let at = six.local_addr().unwrap();
    on(six, calls(|_| busy()));
    let both = server(&[("CHORUS_SIP_LISTEN", "[::]:0".to_owned())]);
    let found = tested(&both, &at.to_string(), &json!({}));
    assert!(found.ok(), "{:#}", found.result);
    // A name of both families, where only IPv6 answers.
    let found = tested(&both, &format!("localhost:{}", at.port()), &json!({}));
    found.says(&format!("OPTIONS: no answer from {} over udp", four.local_addr().unwrap()), &json!({}));
    assert!(found.ok(), "{:#}", found.result);
    let found = tested(&both, &peer(calls(|_| busy())), &json!({}));
    assert!(found.ok(), "{:#}", found.result);
    // Without it calls do not get there either.
    let found = tested(&Server::start(), &at.to_string(), &json!({}));
    found.says("CHORUS_SIP_LISTEN has to be of IPv6", &json!({}));
    assert!(!found.ok());
}

/// The same port of both families.
fn pair() -> (UdpSocket, UdpSocket) {
    let tries = std::iter::repeat_with(|| {
        let six = UdpSocket::bind("[::1]:0").unwrap();
        let four = UdpSocket::bind((Ipv4Addr::LOCALHOST, six.local_addr().unwrap().port()));
        four.ok().map(|four| (six, four))
    });
    tries.take(100).flatten().next().expect("a port is free in both families")
}

#[test]
fn who_cannot_be_reached_is_told_from_who_is_silent() {
    let server = Server::start();
    let silent = tested(&server, &peer(mute()), &json!({}));
    silent.says("INVITE: no answer from", &json!({}));
    assert!(!silent.ok());
    let nowhere = tested(&server, "nowhere.invalid", &json!({}));
    assert!(nowhere.words().contains("has no address (DNS)"), "{}", nowhere.words());
    assert!(!nowhere.ok());
}

#[test]
fn the_other_transport_is_named_and_mended() {
    let server = Server::start();
    let listener = TcpListener::bind(SocketAddr::from((QUIET, 0))).unwrap();
    let stream = streams(listener, calls(|_| busy()), |stream| stream).to_string();
    mended(&server, &stream, &json!({}), "nobody listens on", &json!({ "transport": "tcp" }));
    let datagrams = on(UdpSocket::bind(SocketAddr::from((QUIET, 0))).unwrap(), calls(|_| busy())).to_string();
    let (tcp, patch) = (json!({ "transport": "tcp" }), json!({ "transport": "udp" }));
    mended(&server, &datagrams, &tcp, "nobody listens on", &patch);
}

#[test]
fn a_connection_that_ends_without_an_answer_is_named() {
    let server = Server::start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let found = tested(&server, &at.to_string(), &json!({ "transport": "tcp" }));
    found.says("takes the connection and ends it without an answer", &json!({}));
    assert!(!found.ok());
}
