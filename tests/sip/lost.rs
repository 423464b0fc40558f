//! Connections that break: what is owed to the peer goes to where it listens, not to the port that its connection came from.

use super::net::udp;
use super::peer::{Bench, IN, PEER, Req, SDP, US};
use chorus::sip::event::{Cause, Flow, SipCmd, Transport};

/// The connection that the caller made, from a port where nobody listens.
fn from(conn: u64) -> Flow {
    Flow { transport: Transport::Tcp, conn, ..udp(US, "10.0.0.2:49152") }
}

/// Where its Via and its Contact say that it listens.
fn listening() -> Flow {
    Flow { transport: Transport::Tcp, conn: 0, ..udp(US, PEER) }
}

fn invited() -> Bench {
    let mut b = Bench::new();
    b.flow = from(3);
    b.get(&Req::new("INVITE").sdp().text());
    b.expect(&["100 INVITE", "Incoming 1"]);
    b
}

fn answer(b: &mut Bench) {
    b.tell(SipCmd::Answer { leg: IN, body: SDP.into(), headers: vec![] });
}

#[test]
fn a_bye_goes_to_the_contact() {
    let mut b = invited();
    answer(&mut b);
    assert_eq!(b.last_flow(), from(3));
    let tag = b.tag();
    b.get(&Req::new("ACK").us(&tag).branch("ack").text());
    b.lost(from(3));
    b.tell(SipCmd::Hangup { leg: IN, cause: Cause::new(200, "Done"), headers: vec![] });
    assert!(b.last().is(&chorus::sip::wire::Method::Bye));
    assert_eq!(b.last_flow(), listening());
    b.respond("BYE", 200, "", "", "");
    b.over();
}

#[test]
fn a_new_connection_of_the_peer_is_taken() {
    let mut b = invited();
    answer(&mut b);
    let tag = b.tag();
    b.lost(from(3));
    b.flow = from(4);
    b.get(&Req::new("ACK").us(&tag).branch("ack").text());
    b.get(&Req::new("OPTIONS").us(&tag).cseq(2).text());
    b.tell(SipCmd::Hangup { leg: IN, cause: Cause::new(200, "Done"), headers: vec![] });
    assert_eq!(b.last_flow(), from(4));
    b.respond("BYE", 200, "", "", "");
    b.over();
}

#[test]
fn the_answer_to_an_invite_goes_to_its_via() {
    let mut b = invited();
    b.lost(from(3));
    answer(&mut b);
    assert_eq!(b.last_flow(), listening());
    b.take();
    b.pass(600);
    b.expect(&["200 INVITE"]);
    assert_eq!(b.last_flow(), listening(), "and so does its repetition");
}

#[test]
fn a_200_that_was_on_its_way_goes_to_the_via_again() {
    let mut b = invited();
    answer(&mut b);
    b.lost(from(3));
    b.take();
    b.pass(600);
    b.expect(&["200 INVITE"]);
    assert_eq!(b.last_flow(), listening());
}

#[test]
fn the_answer_to_a_reinvite_goes_to_its_via() {
    let mut b = invited();
    answer(&mut b);
    let tag = b.tag();
    b.get(&Req::new("ACK").us(&tag).branch("ack").text());
    b.get(&Req::new("INVITE").us(&tag).cseq(2).sdp().text());
    b.lost(from(3));
    let Some(chorus::sip::event::SipEvent::Offer { leg, offer, .. }) = b.events.pop() else { panic!() };
    b.tell(SipCmd::AcceptOffer { leg, offer, body: Some(SDP.into()) });
    assert_eq!(b.last().code(), Some(200));
    assert_eq!(b.last_flow(), listening());
}
