//! What comes late, or between: 2xx behind a refusal, requests before the answer, reasons that telephones look at.

use super::net::udp;
use super::peer::{Bench, IN, OUT, Req, SDP, response};
use super::peer::{PEER, US};
use chorus::sip::event::{Cause, SipCmd};
use chorus::sip::wire::Method;

#[test]
fn a_2xx_behind_a_refusal_is_acked_and_left() {
    let mut b = Bench::new();
    b.dial(&[udp(US, PEER)]);
    let invite = b.sent.iter().map(|(_, m)| m).find(|m| m.is(&Method::Invite)).unwrap().clone();
    b.respond("INVITE", 180, "", "one", "");
    b.tell(SipCmd::Hangup { leg: OUT, cause: Cause::new(487, "No answer"), headers: vec![] });
    b.respond("CANCEL", 200, "", "one", "");
    b.respond("INVITE", 487, "", "one", "");
    b.expect(&["INVITE", "Progress 2 180 None", "CANCEL", "ACK", "Ended 2 us 487"]);
    // A proxy passes on the 2xx of another branch although a refusal went before it (RFC 3261 16.7).
    let late = response(&invite, 200, "Contact: <sip:other@10.0.0.2>\r\n", "two", SDP);
    b.get(&late);
    b.expect(&["ACK", "BYE"]);
    assert_eq!(b.last().to_tag().as_deref(), Some("two"));
    b.get(&late);
    b.expect(&["ACK"]);
    b.respond("BYE", 200, "", "", "");
    b.over();
}

#[test]
fn requests_before_the_answer_do_not_hide_its_ack() {
    let mut b = Bench::new();
    b.get(&Req::new("INVITE").sdp().text());
    b.tell(SipCmd::Ring { leg: IN, body: None });
    let tag = b.tag();
    b.get(&Req::new("INFO").us(&tag).cseq(2).body("application/dtmf", "1").text());
    b.get(&Req::new("OPTIONS").us(&tag).cseq(3).text());
    b.tell(SipCmd::Answer { leg: IN, body: SDP.into(), headers: vec![] });
    b.take();
    b.get(&Req::new("ACK").us(&tag).branch("ack").text());
    b.expect(&["Confirmed 1 None"]);
    b.tell(SipCmd::Hangup { leg: IN, cause: Cause::new(200, "Done"), headers: vec![] });
    b.respond("BYE", 200, "", "", "");
    b.over();
}

#[test]
fn the_reason_of_cancel_and_bye_is_the_one_that_was_given() {
    let mut b = Bench::new();
    b.dial(&[udp(US, PEER)]);
    b.respond("INVITE", 180, "", "one", "");
    let cause = Cause::new(200, "Call completed elsewhere");
    b.tell(SipCmd::Hangup { leg: OUT, cause, headers: vec![] });
    let reason = b.last().headers.text("Reason").unwrap().into_owned();
    assert_eq!(reason, "SIP;cause=200;text=\"Call completed elsewhere\"", "no missed call is shown");
    b.respond("CANCEL", 200, "", "one", "");
    b.respond("INVITE", 487, "", "one", "");
    b.take();
    b.over();

    let mut b = Bench::answered();
    b.tell(SipCmd::Hangup { leg: IN, cause: Cause::new(488, "Not Acceptable Here"), headers: vec![] });
    assert!(b.last().headers.text("Reason").unwrap().starts_with("SIP;cause=488"));
    b.respond("BYE", 200, "", "", "");
    b.expect(&["BYE", "Ended 1 us 200"]);
    b.over();
}

#[test]
fn an_info_package_that_nobody_knows_is_called_so() {
    let mut b = Bench::answered();
    let tag = b.tag();
    b.get(&Req::new("INFO").us(&tag).cseq(2).with("Info-Package: foo").body("text/foo", "x").text());
    assert_eq!(b.last().code(), Some(469));
    assert!(b.last().headers.has("Recv-Info"));
    b.get(&Req::new("INFO").us(&tag).cseq(3).body("text/foo", "x").text());
    assert_eq!(b.last().code(), Some(415));
}
