//! Session timers (RFC 4028) in both roles, and what a refresh may run into.

use super::net::udp;
use super::peer::{Bench, IN, OUT, PEER, Req, SDP, US};
use chorus::sip::event::{Cause, SipCmd};
use chorus::sip::wire::Message;

const ALLOWS: &str = "Allow: INVITE, ACK, BYE, UPDATE\r\n";
const CONTACT: &str = "Contact: <sip:a@10.0.0.2>\r\n";

fn field(m: &Message, name: &str) -> String {
    m.headers.text(name).map(|v| v.into_owned()).unwrap_or_default()
}

/// An inbound call whose INVITE says this of timers; our 200.
fn inbound(with: &[&str]) -> (Bench, Message) {
    let mut b = Bench::new();
    let invite = with.iter().fold(Req::new("INVITE").sdp(), |r, line| r.with(line));
    b.get(&invite.text());
    b.tell(SipCmd::Answer { leg: IN, body: SDP.into(), headers: vec![] });
    let answer = b.last().clone();
    b.get(&Req::new("ACK").us(&b.tag()).branch("ack").text());
    b.expect(&["100 INVITE", "Incoming 1", "200 INVITE", "Confirmed 1 None"]);
    (b, answer)
}

/// An outbound call whose 200 says this of timers.
fn outbound(with: &str) -> Bench {
    let mut b = Bench::new();
    b.dial(&[udp(US, PEER)]);
    assert_eq!(field(b.last(), "Session-Expires"), "1800");
    b.respond("INVITE", 200, &format!("{CONTACT}{with}"), "a", SDP);
    b.take();
    b
}

fn end(b: &mut Bench, leg: chorus::sip::event::LegId) {
    b.tell(SipCmd::Hangup { leg, cause: Cause::new(200, "Done"), headers: vec![] });
    b.respond("BYE", 200, "", "a", "");
    b.over();
}

#[test]
fn the_peer_refreshes_if_it_can_and_a_call_that_it_forgets_gets_bye() {
    let (mut b, answer) = inbound(&["Supported: timer", "Session-Expires: 120"]);
    assert_eq!(field(&answer, "Session-Expires"), "120;refresher=uac");
    assert_eq!(field(&answer, "Require"), "timer");
    b.pass(60_000);
    let tag = b.tag();
    b.get(
        &Req::new("UPDATE")
            .us(&tag)
            .cseq(2)
            .with("Session-Expires: 120;refresher=uac")
            .with("Supported: timer")
            .text(),
    );
    b.expect(&["200 UPDATE"]);
    assert_eq!(field(b.last(), "Session-Expires"), "120;refresher=uac");
    // 120 s less a quarter of a minute: 32 s.
    b.pass(87_900);
    b.expect(&[]);
    b.pass(200);
    b.expect(&["BYE"]);
    assert!(field(b.last(), "Reason").contains("Session timer expired"), "{}", field(b.last(), "Reason"));
    b.respond("BYE", 200, "", "", "");
    b.expect(&["Ended 1 us 408"]);
    b.over();
}

#[test]
fn a_peer_that_knows_no_timer_is_refreshed_by_us_at_half() {
    // A proxy asked for it; without UPDATE in Allow it is a re-INVITE that says what was said.
    let (mut b, answer) = inbound(&["Session-Expires: 60"]);
    assert_eq!(
        (field(&answer, "Session-Expires").as_str(), field(&answer, "Require").as_str()),
        ("90;refresher=uas", "")
    );
    b.pass(45_100);
    b.expect(&["INVITE"]);
    assert_eq!(b.last().body, SDP.as_bytes());
    assert_eq!(field(b.last(), "Session-Expires"), "90;refresher=uac");
    b.respond("INVITE", 200, &format!("{CONTACT}Session-Expires: 90;refresher=uac\r\n"), "", SDP);
    b.expect(&["ACK", &format!("OfferAnswered 1 Some({})", SDP.len())]);
    // Its 200 once more: the ACK once more.
    let invite = b.sent.iter().rev().map(|(_, m)| m).find(|m| m.cseq().unwrap().method.as_str() == "INVITE");
    let again = super::peer::response(invite.unwrap(), 200, CONTACT, "", SDP);
    b.get(&again);
    b.expect(&["ACK"]);
    b.pass(45_000);
    b.expect(&["INVITE"]);
    b.respond("INVITE", 200, CONTACT, "", SDP);
    b.take();
    // Without Session-Expires nobody asks any more.
    b.pass(400_000);
    b.expect(&[]);
    end(&mut b, IN);
}

#[test]
fn too_short_is_422_for_a_call_and_in_one() {
    let mut b = Bench::new();
    b.get(&Req::new("INVITE").sdp().with("Supported: timer").with("Session-Expires: 60").text());
    b.expect(&["422 INVITE", "Refused 422"]);
    assert_eq!(field(b.last(), "Min-SE"), "90");
    let mut b = Bench::answered();
    let tag = b.tag();
    b.get(&Req::new("UPDATE").us(&tag).cseq(2).with("Supported: timer").with("Session-Expires: 30").text());
    b.expect(&["422 UPDATE", "Refused 422"]);
    assert_eq!(field(b.last(), "Min-SE"), "90");
}

#[test]
fn a_422_of_the_peer_is_asked_again_with_more() {
    let mut b = Bench::new();
    b.dial(&[udp(US, PEER)]);
    b.respond("INVITE", 422, "Min-SE: 3600\r\n", "a", "");
    b.expect(&["INVITE", "ACK", "INVITE"]);
    assert_eq!(
        (field(b.last(), "Session-Expires").as_str(), field(b.last(), "Min-SE").as_str()),
        ("3600", "3600")
    );
    // Not more than it was: that is a refusal.
    b.respond("INVITE", 422, "Min-SE: 3600\r\n", "a", "");
    b.expect(&["ACK", "Ended 2 peer 422"]);
    b.over();
    let mut b = outbound(&format!("{ALLOWS}Session-Expires: 100;refresher=uac\r\n"));
    b.pass(50_100);
    b.expect(&["UPDATE"]);
    b.respond("UPDATE", 422, "Min-SE: 200\r\n", "", "");
    b.expect(&["UPDATE"]);
    assert_eq!(field(b.last(), "Session-Expires"), "200;refresher=uac");
    b.respond("UPDATE", 200, "Session-Expires: 200;refresher=uac\r\n", "", "");
    end(&mut b, OUT);
}

#[test]
fn glare_waits_as_the_owner_of_the_call_id_and_otherwise() {
    let mut b = outbound(&format!("{ALLOWS}Session-Expires: 100;refresher=uac\r\n"));
    b.pass(50_100);
    b.respond("UPDATE", 491, "", "", "");
    b.expect(&["UPDATE"]);
    b.pass(2_000);
    b.expect(&[]);
    b.pass(2_100);
    b.expect(&["UPDATE"]);
    b.respond("UPDATE", 200, "Session-Expires: 100;refresher=uac\r\n", "", "");
    end(&mut b, OUT);
    let (mut b, _) = inbound(&["Session-Expires: 90"]);
    b.pass(45_100);
    b.expect(&["INVITE"]);
    // Theirs, while ours is out.
    let tag = b.tag();
    b.get(&Req::new("INVITE").us(&tag).cseq(2).sdp().text());
    b.expect(&["491 INVITE", "Refused 491"]);
    b.get(&Req::new("ACK").us(&tag).cseq(2).branch("INVITE2").text());
    b.respond("INVITE", 491, "", "", "");
    b.expect(&["ACK"]);
    b.pass(2_100);
    assert_eq!(b.take().first().map(String::as_str), Some("INVITE"));
    b.respond("INVITE", 200, &format!("{CONTACT}Session-Expires: 90;refresher=uac\r\n"), "", SDP);
    end(&mut b, IN);
}

#[test]
fn ours_waits_for_theirs_and_a_refused_update_becomes_a_reinvite() {
    let mut b = outbound(&format!("{ALLOWS}Session-Expires: 100;refresher=uac\r\n"));
    b.pass(49_000);
    let theirs = Req::new("INVITE").call_id("ours@10.0.0.1").them("a").us("mine").cseq(7).sdp();
    b.get(&theirs.text());
    b.expect(&["100 INVITE", &format!("Offer 2 Some({})", SDP.len())]);
    b.pass(1_500);
    b.expect(&[]);
    let offer = chorus::sip::event::OfferId(1);
    b.tell(SipCmd::RefuseOffer { leg: OUT, offer, cause: Cause::new(488, "No"), headers: vec![] });
    b.get(&Req::new("ACK").call_id("ours@10.0.0.1").them("a").us("mine").cseq(7).branch("INVITE7").text());
    b.take();
    b.pass(2_000);
    assert_eq!(b.take().first().map(String::as_str), Some("UPDATE"));
    b.respond("UPDATE", 501, "", "", "");
    b.expect(&["INVITE"]);
    b.respond("INVITE", 488, "", "", "");
    b.expect(&["ACK"]);
    // The session stays as it was, and another refresh is tried before its end.
    b.pass(15_000);
    assert_eq!(b.take().first().map(String::as_str), Some("INVITE"));
    b.respond("INVITE", 200, &format!("{CONTACT}Session-Expires: 100;refresher=uas\r\n"), "", SDP);
    b.take();
    // From now on it is theirs.
    b.pass(67_800);
    b.expect(&[]);
    b.pass(400);
    b.expect(&["BYE"]);
    b.respond("BYE", 200, "", "", "");
    b.expect(&["Ended 2 us 408"]);
    b.over();
}

#[test]
fn a_dialog_that_the_peer_lost_is_left() {
    for code in [408, 481] {
        let mut b = outbound(&format!("{ALLOWS}Session-Expires: 100;refresher=uac\r\n"));
        b.pass(50_100);
        b.respond("UPDATE", code, "", "", "");
        b.expect(&["UPDATE", "BYE"]);
        b.respond("BYE", 481, "", "", "");
        b.expect(&[&format!("Ended 2 us {code}")]);
        b.over();
    }
    // Nothing at all comes back.
    let mut b = outbound(&format!("{ALLOWS}Session-Expires: 1000;refresher=uac\r\n"));
    b.pass(500_100 + 32_100);
    let lines = b.take();
    assert!(lines.contains(&"BYE".to_owned()) && lines[0] == "UPDATE", "{lines:?}");
    b.over();
}

#[test]
fn a_long_retry_after_does_not_end_a_call_that_is_well() {
    let mut b = outbound(&format!("{ALLOWS}Session-Expires: 100;refresher=uac\r\n"));
    b.pass(50_100);
    b.respond("UPDATE", 503, "Retry-After: 3600\r\n", "", "");
    b.expect(&["UPDATE"]);
    // Half of the 18 s that are left.
    b.pass(9_000);
    b.expect(&["UPDATE"]);
    b.respond("UPDATE", 500, "Retry-After: 2\r\n", "", "");
    b.pass(2_000);
    b.expect(&["UPDATE"]);
    b.respond("UPDATE", 200, "Session-Expires: 100;refresher=uac\r\n", "", "");
    b.pass(40_000);
    b.expect(&[]);
    end(&mut b, OUT);
}

#[test]
fn a_refresh_names_the_longest_least_that_it_was_told_and_no_other() {
    let mut b = outbound(&format!("{ALLOWS}Session-Expires: 1000;refresher=uac\r\n"));
    b.pass(500_100);
    b.expect(&["UPDATE"]);
    assert!(!b.last().headers.has("Min-SE"), "nobody named any");
    b.respond("UPDATE", 422, "Min-SE: 2000\r\n", "", "");
    assert_eq!(field(b.last(), "Min-SE"), "2000");
    b.respond("UPDATE", 200, "Session-Expires: 2000;refresher=uac\r\n", "", "");
    b.take();
    b.pass(1_000_100);
    b.expect(&["UPDATE"]);
    assert_eq!(field(b.last(), "Min-SE"), "2000");
    b.respond("UPDATE", 200, "Session-Expires: 2000;refresher=uac\r\n", "", "");
    end(&mut b, OUT);
    // What the INVITE's 422 taught, and what a request of the peer says.
    let mut b = Bench::new();
    b.dial(&[udp(US, PEER)]);
    b.respond("INVITE", 422, "Min-SE: 3600\r\n", "a", "");
    b.respond("INVITE", 200, &format!("{CONTACT}{ALLOWS}Session-Expires: 3600;refresher=uac\r\n"), "a", SDP);
    b.take();
    b.pass(1_800_100);
    assert_eq!(field(b.last(), "Min-SE"), "3600");
    b.respond("UPDATE", 200, "Session-Expires: 3600;refresher=uac\r\n", "", "");
    end(&mut b, OUT);
    let (mut b, _) = inbound(&["Session-Expires: 200", "Min-SE: 150"]);
    b.pass(100_100);
    assert_eq!(field(b.last(), "Min-SE"), "150");
    b.respond("INVITE", 200, CONTACT, "", SDP);
    end(&mut b, IN);
}
