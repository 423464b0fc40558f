//! Contact and NAT: what both sides write of their addresses.

use super::peer::*;
use super::tested;
use crate::api::harness::{PATIENCE, Server, Setup};
use serde_json::json;
use std::net::UdpSocket;
use std::sync::{Arc, Mutex, mpsc};

/// Not loopback, for which CHORUS_EXTERNAL_IP is not meant; of this host all the same.
fn beyond(script: Script) -> String {
    let address = on(UdpSocket::bind("0.0.0.0:0").unwrap(), script);
    format!("0.0.0.0:{}", address.port())
}

fn known_as(ip: &str) -> Server {
    Server::with(Setup { more: vec![("CHORUS_EXTERNAL_IP", ip.to_owned())], ..Setup::default() })
}

/// Behind a NAT the peer sees another address than we write; once that is set, it stands in Contact, Via and SDP.
#[test]
fn a_nat_is_named_and_mended_by_the_external_address() {
    let seen = Arc::new(Mutex::new(String::new()));
    let invite = seen.clone();
    let nat = script(move |r| {
        if r.starts_with("INVITE ") {
            *invite.lock().unwrap() = r.to_owned();
        }
        let answer = if r.starts_with("INVITE ") { busy() } else { say("200 OK") };
        answer.seen("203.0.113.9")
    });
    let host = beyond(nat);
    let found = tested(&Server::start(), &host, &json!({}));
    found.says("NAT: the peer sees us as 203.0.113.9, but our Contact and SDP say 127.0.0.1", &json!({}));
    assert!(found.words().contains("Set CHORUS_EXTERNAL_IP=203.0.113.9"), "{}", found.words());
    assert!(!found.ok());
    let now = tested(&known_as("203.0.113.9"), &host, &json!({}));
    assert!(now.ok(), "{:#}", now.result);
    let invite = seen.lock().unwrap().clone();
    assert!(field(&invite, "Contact").starts_with("<sip:203.0.113.9:"), "{invite}");
    assert!(field(&invite, "Via").starts_with("SIP/2.0/UDP 203.0.113.9:"), "{invite}");
    assert!(invite.contains("c=IN IP4 203.0.113.9"), "{invite}");
    let wrong = tested(&known_as("203.0.113.10"), &host, &json!({}));
    wrong.says("our Contact and SDP say 203.0.113.10. Set CHORUS_EXTERNAL_IP=203.0.113.9", &json!({}));
    assert_eq!(wrong.words().matches("NAT:").count(), 1, "{}", wrong.words());
}

/// It does not say how it sees us, but it is elsewhere.
#[test]
fn a_private_address_in_our_contact_is_named_to_a_peer_that_is_not_private() {
    let host = beyond(calls(|_| busy()));
    let found = tested(&known_as("10.9.8.7"), &host, &json!({}));
    found.says(
        "NAT: our Contact and SDP say 10.9.8.7, which is private, and the peer (0.0.0.0) is not",
        &json!({}),
    );
    assert!(!found.ok());
    assert!(tested(&known_as("203.0.113.9"), &host, &json!({})).ok());
}

/// What is at its Contact hears nothing of us, and it says 200 again and again.
#[test]
fn an_ack_that_does_not_arrive_is_named() {
    let server = Server::start();
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap();
    let uri = format!("sip:{}", nobody.local_addr().unwrap());
    let contact = uri.clone();
    let lost = calls(move |_| say("200 OK").contact(&contact).until_acknowledged());
    let found = tested(&server, &peer(lost), &json!({}));
    found.says("Our ACK does not arrive: the Contact of the answer from 127.0.0.1", &json!({}));
    assert!(found.words().contains(&format!("({uri})")), "{}", found.words());
    assert!(!found.ok());
    let found = tested(&server, &peer(calls(|_| say("200 OK").until_acknowledged())), &json!({}));
    assert!(found.ok(), "{:#}", found.result);
    let ladder = found.result["ladder"].to_string();
    assert!(ladder.contains("-> ACK") && ladder.contains("-> BYE"), "{ladder}");
}

/// One ACK may be lost on the way without anybody's mistake.
#[test]
fn a_single_ack_that_is_lost_is_no_mistake() {
    let server = Server::start();
    let acks = Arc::new(Mutex::new(0));
    let deaf: Script = Arc::new(move |r| match r.split(' ').next().unwrap() {
        "INVITE" => vec![say("200 OK")],
        "ACK" => {
            *acks.lock().unwrap() += 1;
            // As if the first had not come: the 200 once more.
            let first = *acks.lock().unwrap() == 1;
            if first { vec![say("200 OK").of("INVITE")] } else { vec![] }
        }
        _ => vec![say("200 OK")],
    });
    let found = tested(&server, &peer(deaf), &json!({}));
    assert!(found.ok(), "{:#}", found.result);
}

/// The port at its Contact takes no connection, and it hears datagrams: calls go on by datagrams, so does the test.
#[test]
fn a_contact_that_takes_no_connection_is_sent_datagrams() {
    let server = Server::start();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let contact = format!("sip:{};transport=tcp", socket.local_addr().unwrap());
    let script = calls(move |_| say("200 OK").contact(&contact).until_acknowledged());
    let found = tested(&server, &on(socket, script).to_string(), &json!({}));
    assert!(found.ok(), "{:#}", found.result);
}

#[test]
fn a_private_address_of_the_peer_is_named() {
    let server = Server::start();
    let answers = |contact: &'static str| {
        calls(move |_| say("200 OK").contact(contact).audio("192.168.7.7", "RTP/AVP 0").until_acknowledged())
    };
    let found = tested(&server, &peer(answers("sip:gw@10.1.2.3:5060")), &json!({}));
    found.says(
        "Mind that the peer's Contact (sip:gw@10.1.2.3:5060) is 10.1.2.3, which is private",
        &json!({}),
    );
    found.says("Mind that the peer's SDP wants audio at 192.168.7.7, which is private", &json!({}));
    // Our ACK goes where the answer came from, as those of calls do.
    assert!(found.ok(), "{:#}", found.result);
    let found = tested(&server, &peer(answers("")), &json!({}));
    found.says("Mind that the peer's 200 has no Contact", &json!({}));
}

/// A call that rings is taken back, one that is only searched for, too, and a registration is only asked for.
#[test]
fn a_probe_leaves_nothing_behind() {
    let server = Server::start();
    let asked = Arc::new(Mutex::new(vec![]));
    let heard = asked.clone();
    let rings = script(move |r| {
        heard.lock().unwrap().push(r.to_owned());
        if r.starts_with("INVITE ") { say("180 Ringing") } else { say("200 OK") }
    });
    let trunk = json!({ "authentication_mode": "outbound_registration", "username": "u", "password": "p" });
    let found = tested(&server, &peer(rings), &trunk);
    found.says("the peer knows user and password", &json!({}));
    assert!(found.ok(), "{:#}", found.result);
    let ladder = found.result["ladder"].to_string();
    for line in ["-> CANCEL", "<- 180 Ringing", "<- 487 Request Terminated", "-> ACK"] {
        assert!(ladder.contains(line), "{line}: {ladder}");
    }
    let asked = asked.lock().unwrap().clone();
    let of_the_test = |r: &&String| r.starts_with("REGISTER") && field(r, "Contact").is_empty();
    assert_eq!(asked.iter().filter(of_the_test).count(), 1, "{asked:#?}");
}

/// Nobody rings it in time.
#[test]
fn a_call_that_is_searched_for_too_long_is_taken_back() {
    let server = Server::start();
    let (heard, cancelled) = mpsc::channel();
    let heard = Mutex::new(heard);
    let searching: Script = Arc::new(move |r| match r.split(' ').next().unwrap() {
        "INVITE" => vec![say("100 Trying")],
        "CANCEL" => {
            heard.lock().unwrap().send(()).unwrap();
            vec![]
        }
        "ACK" => vec![],
        _ => vec![say("200 OK")],
    });
    let found = tested(&server, &peer(searching), &json!({}));
    found.says("says 100 and nothing more", &json!({}));
    assert!(!found.ok());
    cancelled.recv_timeout(PATIENCE).unwrap();
}
