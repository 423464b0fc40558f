//! re-INVITE and UPDATE: answered by the call, one at a time.

use super::peer::{Bench, IN, Req, SDP};
use chorus::sip::event::{Cause, OfferId, SipCmd, SipEvent};

fn reinvite(b: &Bench, n: u32) -> Req {
    Req::new("INVITE").us(&b.tag()).cseq(n)
}

fn offer_id(b: &Bench) -> OfferId {
    let found = b.events.iter().rev().find_map(|e| match e {
        SipEvent::Offer { offer, .. } => Some(*offer),
        _ => None,
    });
    found.unwrap()
}

fn accept(b: &mut Bench) {
    let offer = offer_id(b);
    b.tell(SipCmd::AcceptOffer { leg: IN, offer, body: Some(SDP.into()) });
}

fn end(b: &mut Bench) {
    let tag = b.tag();
    b.get(&Req::new("BYE").us(&tag).cseq(99).text());
    let lines = b.take();
    assert!(lines.ends_with(&["Ended 1 peer 200".to_owned()]), "{lines:?}");
    b.over();
}

#[test]
fn a_reinvite_is_answered_by_the_call_and_its_200_repeated_until_the_ack() {
    let mut b = Bench::answered();
    let hold = reinvite(&b, 2).sdp();
    b.get(&hold.text());
    b.expect(&["100 INVITE", &format!("Offer 1 Some({})", SDP.len())]);
    b.get(&hold.text());
    b.expect(&["100 INVITE"]);
    accept(&mut b);
    b.expect(&["200 INVITE"]);
    assert_eq!(b.last().body, SDP.as_bytes());
    b.pass(600);
    b.expect(&["200 INVITE"]);
    let tag = b.tag();
    b.get(&Req::new("ACK").us(&tag).cseq(2).branch("ack2").text());
    b.pass(40_000);
    b.expect(&[]);
    end(&mut b);
}

#[test]
fn a_refused_offer_leaves_the_call_as_it_was() {
    let mut b = Bench::answered();
    b.get(&reinvite(&b, 2).sdp().text());
    let offer = offer_id(&b);
    b.take();
    let headers = vec![("Warning".to_owned(), "305 chorus \"no common codec\"".to_owned())];
    let cause = Cause::new(488, "No common codec");
    b.tell(SipCmd::RefuseOffer { leg: IN, offer, cause, headers });
    b.expect(&["488 INVITE"]);
    assert_eq!(b.last().headers.text("Warning").unwrap(), "305 chorus \"no common codec\"");
    let tag = b.tag();
    b.get(&Req::new("ACK").us(&tag).cseq(2).text());
    b.tell(SipCmd::AcceptOffer { leg: IN, offer, body: None });
    b.expect(&[]);
    b.get(&Req::new("OPTIONS").us(&tag).cseq(3).text());
    b.expect(&["200 OPTIONS"]);
    end(&mut b);
}

#[test]
fn an_update_without_offer_is_answered_before_the_call_is() {
    let mut b = Bench::new();
    b.get(&Req::new("INVITE").sdp().text());
    b.tell(SipCmd::Ring { leg: IN, body: None });
    b.expect(&["100 INVITE", "Incoming 1", "180 INVITE"]);
    let tag = b.tag();
    b.get(&Req::new("UPDATE").us(&tag).cseq(2).text());
    b.expect(&["200 UPDATE"]);
    assert!(b.last().headers.has("Contact"));
    b.get(&Req::new("UPDATE").us(&tag).cseq(3).sdp().text());
    b.expect(&["500 UPDATE", "Refused 500"]);
    assert!(b.last().headers.has("Retry-After"));
}

#[test]
fn a_second_offer_waits_its_turn() {
    let mut b = Bench::answered();
    b.get(&reinvite(&b, 2).sdp().text());
    b.take();
    let tag = b.tag();
    b.get(&reinvite(&b, 3).sdp().text());
    b.expect(&["500 INVITE", "Refused 500"]);
    assert!(b.last().seconds("Retry-After").is_some_and(|s| s <= 10));
    b.get(&Req::new("UPDATE").us(&tag).cseq(4).sdp().text());
    b.expect(&["500 UPDATE", "Refused 500"]);
    // An UPDATE without offer is no second one.
    b.get(&Req::new("UPDATE").us(&tag).cseq(5).text());
    b.expect(&["200 UPDATE"]);
    accept(&mut b);
    b.expect(&["200 INVITE"]);
    // Its ACK is still missing.
    b.get(&reinvite(&b, 6).sdp().text());
    b.expect(&["491 INVITE", "Refused 491"]);
    b.get(&Req::new("ACK").us(&tag).cseq(2).branch("ack2").text());
    b.get(&reinvite(&b, 7).sdp().text());
    assert_eq!(b.take().len(), 2);
    accept(&mut b);
    end(&mut b);
}

#[test]
fn an_update_with_an_offer_is_answered_by_the_call() {
    let mut b = Bench::answered();
    let tag = b.tag();
    let update = Req::new("UPDATE").us(&tag).cseq(2).sdp();
    b.get(&update.text());
    b.get(&update.text());
    b.expect(&[&format!("Offer 1 Some({})", SDP.len())]);
    accept(&mut b);
    b.get(&update.text());
    b.expect(&["200 UPDATE", "200 UPDATE"]);
    b.pass(10_000);
    b.expect(&[]);
    end(&mut b);
}

#[test]
fn an_offerless_reinvite_gets_our_offer_and_its_ack_the_answer() {
    let mut b = Bench::answered();
    b.get(&reinvite(&b, 2).text());
    b.expect(&["100 INVITE", "Offer 1 None"]);
    accept(&mut b);
    b.take();
    let tag = b.tag();
    b.get(&Req::new("UPDATE").us(&tag).cseq(3).sdp().text());
    b.expect(&["491 UPDATE", "Refused 491"]);
    b.get(&Req::new("ACK").us(&tag).cseq(2).branch("ack2").sdp().text());
    b.expect(&[&format!("OfferAnswered 1 Some({})", SDP.len())]);
    end(&mut b);
}

#[test]
fn a_reinvite_moves_the_remote_target_when_it_is_accepted() {
    let mut b = Bench::answered();
    let moved = reinvite(&b, 2).without_contact().with("Contact: <sip:peer@10.0.0.2:5099>").sdp();
    b.get(&moved.text());
    accept(&mut b);
    let tag = b.tag();
    b.get(&Req::new("ACK").us(&tag).cseq(2).branch("ack2").text());
    b.tell(SipCmd::Hangup { leg: IN, cause: Cause::new(200, "Done"), headers: vec![] });
    assert_eq!(b.last().uri_text(), "sip:peer@10.0.0.2:5099");
    assert_eq!(b.last_flow().remote, "10.0.0.2:5099".parse().unwrap());
    b.over();
}

#[test]
fn an_unacked_reinvite_ends_the_call_after_64_t1() {
    let mut b = Bench::answered();
    b.get(&reinvite(&b, 2).sdp().text());
    accept(&mut b);
    b.pass(32_000);
    assert_eq!(b.take().last().unwrap(), "BYE");
    b.respond("BYE", 200, "", "", "");
    b.expect(&["Ended 1 us 408"]);
    b.over();
}

#[test]
fn cancel_and_bye_take_a_pending_offer_with_them() {
    let mut b = Bench::answered();
    b.get(&reinvite(&b, 2).sdp().text());
    b.take();
    b.get(&Req::new("CANCEL").us(&b.tag()).cseq(2).branch("INVITE2").text());
    b.expect(&["200 CANCEL", "487 INVITE"]);
    accept(&mut b);
    b.expect(&[]);
    b.get(&reinvite(&b, 3).sdp().text());
    b.take();
    let tag = b.tag();
    b.get(&Req::new("BYE").us(&tag).cseq(4).text());
    b.expect(&["200 BYE", "487 INVITE", "Ended 1 peer 200"]);
    b.over();
}
