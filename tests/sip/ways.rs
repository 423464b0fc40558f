//! By which way a message goes: what Via, Contact, the URI and the length of the message ask for.

use super::net::udp;
use super::peer::{Bench, IN, OUT, PEER, Req, SDP, US};
use chorus::sip::event::{Cause, Flow, InviteCmd, LegId, SipCmd, Transport};

fn tcp(remote: &str) -> Flow {
    Flow { transport: Transport::Tcp, ..udp(US, remote) }
}

/// An INVITE with header fields that fill more than a datagram may hold.
fn dial_long(uri: &str) -> Bench {
    let mut b = Bench::new();
    dial_again(&mut b, 0, uri);
    b
}

fn dial_again(b: &mut Bench, n: u64, uri: &str) {
    let filler = ("X-Filler".to_owned(), "a".repeat(1_000));
    b.tell(SipCmd::Invite(Box::new(InviteCmd {
        leg: LegId(OUT.0 + 2 * n),
        call_id: format!("ours{n}@10.0.0.1"),
        local_tag: format!("mine{n}"),
        uri: uri.into(),
        next_hop: None,
        from: "<sip:+15550199@LOCAL>".into(),
        to: "<sip:bob@10.0.0.2>".into(),
        max_forwards: 70,
        offer: SDP.into(),
        headers: vec![filler],
        credentials: None,
        ..InviteCmd::default()
    })));
    b.take();
    let id = b.lookup.unwrap();
    b.tell(SipCmd::Resolved(id, vec![udp(US, PEER)]));
}

#[test]
fn an_invite_too_long_for_a_datagram_goes_over_tcp() {
    let mut b = dial_long("sip:bob@10.0.0.2");
    b.expect(&["INVITE"]);
    assert_eq!(b.last_flow(), tcp(PEER));
    assert_eq!(b.last().via().unwrap().transport, "TCP");
    assert!(b.last().headers.text("Contact").unwrap().contains("transport=tcp"));
    // Whoever answers on the connection has answered.
    b.flow = Flow { conn: 5, ..tcp(PEER) };
    b.respond("INVITE", 503, "", "callee", "");
    b.expect(&["ACK", "Ended 2 peer 503"]);
    b.over();
}

#[test]
fn where_nobody_takes_the_connection_it_goes_as_a_datagram_after_all() {
    let mut b = dial_long("sip:bob@10.0.0.2");
    b.lost(tcp(PEER));
    b.expect(&["INVITE", "INVITE"]);
    assert_eq!(b.last_flow(), udp(US, PEER));
    assert_eq!(b.last().via().unwrap().transport, "UDP");
    b.respond("INVITE", 486, "", "callee", "");
    b.expect(&["ACK", "Ended 2 peer 486"]);
    b.over();
}

/// A firewall that drops what it does not know costs seconds, each time.
#[test]
fn who_took_no_connection_is_not_asked_for_one_again_for_ten_minutes() {
    let mut b = dial_long("sip:bob@10.0.0.2");
    b.lost(tcp(PEER));
    b.respond("INVITE", 486, "", "callee", "");
    for (n, seconds, want) in [(1, 0, udp(US, PEER)), (2, 599, udp(US, PEER)), (3, 2, tcp(PEER))] {
        b.pass(seconds * 1_000);
        b.take();
        dial_again(&mut b, n, "sip:bob@10.0.0.2");
        b.expect(&["INVITE"]);
        assert_eq!(b.last_flow(), want, "{seconds} s later");
        b.flow = if want.transport == Transport::Tcp { Flow { conn: 5, ..want } } else { want };
        b.respond("INVITE", 486, "", "callee", "");
    }
    b.over();
}

#[test]
fn an_address_that_asks_for_udp_gets_udp() {
    let b = dial_long("sip:bob@10.0.0.2;transport=udp");
    assert_eq!(b.last_flow(), udp(US, PEER));
}

#[test]
fn a_request_is_sent_to_the_maddr_of_its_uri() {
    let mut b = Bench::new();
    let uri = "sip:bob@pbx.example:5070;maddr=10.0.0.9".to_owned();
    b.tell(SipCmd::Invite(Box::new(InviteCmd {
        leg: OUT,
        call_id: "ours@10.0.0.1".into(),
        local_tag: "mine".into(),
        uri,
        next_hop: None,
        from: "<sip:+15550199@LOCAL>".into(),
        to: "<sip:bob@pbx.example>".into(),
        max_forwards: 70,
        offer: SDP.into(),
        headers: vec![],
        credentials: None,
        ..InviteCmd::default()
    })));
    b.expect(&["resolve 10.0.0.9 Some(5070) None"]);
}

#[test]
fn an_answer_goes_to_the_maddr_of_the_via() {
    for (via, to) in [
        ("10.0.0.2:5070;maddr=10.0.0.9;rport", "10.0.0.9:5070"),
        ("10.0.0.2;maddr=10.0.0.9", "10.0.0.9:5060"),
        ("10.0.0.2;maddr=nobody.example;rport", PEER),
        ("10.0.0.2;maddr=[2001:db8::9];rport", PEER),
    ] {
        let mut b = Bench::new();
        b.get(&Req::new("OPTIONS").text().replace("10.0.0.2:5060;branch", &format!("{via};branch")));
        assert_eq!(b.last_flow(), udp(US, to), "{via}");
    }
}

#[test]
fn a_repeated_200_goes_where_the_first_one_went() {
    let mut b = Bench::new();
    b.flow = udp(US, "10.0.0.2:40000");
    b.get(&Req::new("INVITE").sdp().text().replace(";rport", ""));
    b.tell(SipCmd::Answer { leg: IN, body: SDP.into(), headers: vec![] });
    assert_eq!(b.last_flow(), udp(US, PEER));
    b.pass(600);
    b.expect(&["100 INVITE", "Incoming 1", "200 INVITE", "200 INVITE"]);
    assert_eq!(b.last_flow(), udp(US, PEER));
}

#[test]
fn a_bye_takes_the_transport_that_the_contact_asks_for() {
    let mut b = Bench::new();
    let contact = "Contact: <sip:peer@10.0.0.2:5072;transport=tcp>";
    b.get(&Req::new("INVITE").without_contact().with(contact).sdp().text());
    b.tell(SipCmd::Answer { leg: IN, body: SDP.into(), headers: vec![] });
    let tag = b.tag();
    b.get(&Req::new("ACK").us(&tag).branch("ack").text());
    b.tell(SipCmd::Hangup { leg: IN, cause: Cause::new(200, "Done"), headers: vec![] });
    assert_eq!(b.last_flow(), tcp("10.0.0.2:5072"));
    assert_eq!(b.last().via().unwrap().transport, "TCP");
    b.respond("BYE", 200, "", "", "");
    b.over();
}

/// What it calls its own, in Via and Contact, is not where it came from: the NAT lets in only what goes back there. Who writes something
/// else, or stands behind a proxy, wants its requests where it says.
#[test]
fn a_phone_behind_a_nat_with_an_inner_address_that_looks_public_is_reached_where_it_came_from() {
    let via = "10.0.0.2:5060;branch=z9hG4bKfirst;rport";
    for (its, contact, more, to) in [
        ("192.0.2.7:5062", "192.0.2.7:5062", "", PEER),
        ("192.0.2.7:5062", "192.0.2.7:5062;transport=tcp", "", PEER),
        ("[2001:db8::7]:5062", "[2001:db8::7]:5062", "", PEER),
        ("192.0.2.7:5062", "192.0.2.9:5062", "", "192.0.2.9:5062"),
        ("phone.example:5062", "192.0.2.7:5062", "", "192.0.2.7:5062"),
        ("10.0.0.2:5062", "192.0.2.7:5062", "", "192.0.2.7:5062"),
        (
            "192.0.2.7:5062",
            "192.0.2.7:5062",
            "Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKinner",
            "192.0.2.7:5062",
        ),
        ("192.0.2.7:5062", "192.0.2.7:5062", "Record-Route: <sip:192.0.2.8;lr>", "192.0.2.8:5060"),
    ] {
        let mut b = Bench::new();
        let mut invite = Req::new("INVITE").without_contact().with(&format!("Contact: <sip:peer@{contact}>"));
        if !more.is_empty() {
            invite = invite.with(more);
        }
        b.get(&invite.sdp().text().replace(via, &via.replace("10.0.0.2:5060", its)));
        b.tell(SipCmd::Answer { leg: IN, body: SDP.into(), headers: vec![] });
        let tag = b.tag();
        b.get(&Req::new("ACK").us(&tag).branch("ack").text());
        b.tell(SipCmd::Hangup { leg: IN, cause: Cause::new(200, "Done"), headers: vec![] });
        assert_eq!(b.last_flow(), udp(US, to), "{its} {contact} {more}");
    }
}
