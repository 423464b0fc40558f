//! What dialogs do beside their INVITE and BYE: provisional responses that are acknowledged, timers, refreshes, redirections.

use super::scene::*;
use crate::kit::phone::OnCall;
use crate::kit::{Reply, World, ladder, rows};
use chorus::api::command::Document;
use chorus::rng::Rng;
use chorus::sip::endpoint::{Endpoint, EndpointConfig};

#[test]
fn sip_prack() {
    let mut w = World::new(600);
    w.phone("caller", 10);
    w.app.on("/voice", Reply::twiml("<Say>hello</Say>").after(3_000));
    w.dial_with(0, "+15550001", "+15559999", vec![("Require".to_owned(), "100rel".to_owned())]);
    // The 180 is lost, and comes again until it is acknowledged.
    w.run_ms(5);
    all_is_lost(&mut w, 100);
    over(&mut w);
    ladder::check(w, "sip_prack", "PRACK both ways: ringing that the caller requires to be reliable.");
}

#[test]
fn sip_session_timer() {
    let mut w = World::new(601);
    w.phone("caller", 10);
    w.app.on("/voice", Reply::twiml("<Say>hi</Say><Pause length=\"910\"/>"));
    w.dial(0, "+15550001");
    w.run_ms(910_000);
    over(&mut w);
    ladder::check(
        w,
        "sip_session_timer",
        "Session timers (RFC 4028 both roles): the caller refreshes at half.",
    );
}

#[test]
fn sip_session_refreshed_by_us() {
    let mut w = World::new(602);
    let callee = callee(&mut w, OnCall::Answer(500));
    w.trunk(|t| t.session_expires = Some(90));
    api(&mut w, |d| {
        d.document = Document::Inline("<Response><Pause length=\"120\"/></Response>".to_owned());
    });
    answered(&mut w, callee);
    w.run_ms(60_000);
    w.line("callee", "callee", "forgets everything");
    w.with_phone(callee, |phone, now| {
        phone.endpoint = Endpoint::new(Rng::from_number(1), EndpointConfig::default());
        phone.endpoint.set_sources(now, rows::known("10.0.0.1"));
    });
    w.until("the call is over", |w| w.switch.calls().count() == 0);
    let sentence = "481 to a request in a dialog ends it; a session that we refresh ends when the peer does not know it.";
    ladder::check(w, "sip_session_refreshed_by_us", sentence);
}

#[test]
fn sip_redirected() {
    let mut w = World::new(603);
    w.app.on("/voice", Reply::twiml("<Say>hello</Say>"));
    let first = callee(&mut w, OnCall::Refuse(302));
    let second = w.phone("second", 3);
    let contact = "<sip:+15550002@10.0.1.3:5060>;q=0.5, <sip:+15550002@203.0.113.9>;q=1.0";
    w.phones[first].answers_with = vec![("Contact".to_owned(), contact.to_owned())];
    api(&mut w, |_| {});
    w.until("it is over", |w| !w.phones[second].ended.is_empty());
    ladder::check(w, "sip_redirected", "3xx: followed to the trunk's own addresses, nowhere else.");
}
