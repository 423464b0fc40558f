//! What SIP can do to a call that came in.

use super::scene::*;
use crate::kit::ladder;
use chorus::sdp::Direction;
use chorus::switch::Input;

#[test]
fn sip_hold() {
    let mut w = talking(300, "<Say>hi</Say><Pause length=\"10\"/>");
    w.reoffer(0, "INVITE", Direction::SendOnly);
    w.run_ms(2_000);
    w.reoffer(0, "INVITE", Direction::SendRecv);
    w.run_ms(1_000);
    w.hang_up(0);
    over(&mut w);
    ladder::check(w, "sip_hold", "re-INVITE answered: hold and resume.");
}

#[test]
fn sip_update() {
    let mut w = talking(301, "<Say>hi</Say><Pause length=\"10\"/>");
    w.reoffer(0, "UPDATE", Direction::SendRecv);
    w.run_ms(1_000);
    w.hang_up(0);
    over(&mut w);
    ladder::check(w, "sip_update", "UPDATE answered: a refresh without change.");
}

#[test]
fn sip_offerless() {
    let mut w = caller(302, "<Say>hello</Say>");
    w.phones[0].offerless = true;
    w.dial(0, "+15550001");
    over(&mut w);
    assert!(w.phones[0].rtp_loud > 0);
    ladder::check(w, "sip_offerless", "Offerless INVITE: our 200 offers, the ACK answers.");
}

#[test]
fn sip_no_codec() {
    let mut w = caller(303, "<Say>hello</Say>");
    let body = "v=0\r\no=- 1 1 IN IP4 10.0.1.10\r\ns=-\r\nc=IN IP4 10.0.1.10\r\nt=0 0\r\nm=audio 4000 RTP/AVP 18\r\n";
    w.phones[0].offer_with = Some(body.into());
    w.dial(0, "+15550001");
    over(&mut w);
    assert_eq!(w.phones[0].ended[0].code, 488);
    ladder::check(w, "sip_no_codec", "PCMU and PCMA with transcoding (others: 488 with a Warning).");
}

#[test]
fn sip_info() {
    let mut w = calling(304, "<Gather numDigits=\"1\" action=\"/digits\"/>");
    w.app.on("/digits", crate::kit::Reply::twiml("<Hangup/>"));
    answered(&mut w, 0);
    w.run_ms(500);
    w.raw(0, "INFO", Some(("application/dtmf-relay", "Signal=7\r\nDuration=160\r\n".into())));
    over(&mut w);
    assert_eq!(w.app.of("/digits")[0].params["Digits"], "7");
    ladder::check(w, "sip_info", "Keys by INFO are keys like any other.");
}

#[test]
fn sip_drain() {
    let mut w = talking(305, "<Say>hi</Say><Pause length=\"3\"/>");
    w.phone("second", 11);
    w.line("chorus", "chorus", "SIGTERM");
    w.input(Input::Drain);
    w.dial(1, "+15550001");
    over(&mut w);
    assert_eq!(w.phones[1].ended[0].code, 503);
    ladder::check(w, "sip_drain", "SIGTERM drains: 503 to new calls, the rest may finish.");
}

#[test]
fn sip_silence() {
    let mut w = caller(306, "<Say>hi</Say><Pause length=\"120\"/>");
    w.phones[0].light = true;
    w.dial(0, "+15550001");
    over(&mut w);
    ladder::check(
        w,
        "sip_silence",
        "No RTP and RTCP for 60 s (a setting) on an answered leg ends the call with its cause.",
    );
}

#[test]
fn sip_headers_in() {
    let mut w = caller(307, "<Hangup/>");
    w.dial_with(0, "+15550001", "+15559999", vec![("X-Order".to_owned(), "7".to_owned())]);
    over(&mut w);
    assert_eq!(w.app.of("/voice")[0].params["SipHeader_X-Order"], "7");
    ladder::check(w, "sip_headers_in", "Custom X- headers travel: SipHeader_X-... to the webhook.");
}

#[test]
fn sip_lost_200() {
    let mut w = calling(308, "<Say>hi</Say><Pause length=\"3\"/>");
    w.run_ms(25);
    all_is_lost(&mut w, 2_000);
    over(&mut w);
    ladder::check(w, "sip_lost_200", "200 retransmitted until ACK.");
}

#[test]
fn sip_no_handler() {
    let mut w = caller(309, "");
    w.number(|n| n.voice = None);
    w.dial(0, "+15550001");
    over(&mut w);
    assert_eq!(w.phones[0].ended[0].code, 480);
    ladder::check(
        w,
        "sip_no_handler",
        "A refused call says why on Notifications: 480 for a number without a handler.",
    );
}
