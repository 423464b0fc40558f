//! How calls leave: by a proxy, under a template, in national form; what is tried after what failed; when nobody is let in; and what
//! keeps a connection alive.

use super::registering::pbx;
use super::scene::*;
use super::users::two_trunks;
use crate::kit::hand::{Half, field, method, response, sdp};
use crate::kit::phone::OnCall;
use crate::kit::registrar::OnRegister;
use crate::kit::{Reply, World, ladder};
use chorus::sip::registration::Standing;
use chorus::sip::wire::Message;
use chorus::store::account_rules::AccountRules;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a phone by hand was told.
type Heard = Arc<Mutex<Vec<Message>>>;

/// The phone behind the trunk answers at once; what it was told.
fn answers(w: &mut World) -> Heard {
    let phone = w.phone("callee", 2);
    let heard = Heard::default();
    let keeps = heard.clone();
    w.phones[phone].by_hand = Some(Box::new(move |m| {
        keeps.lock().unwrap().push(m.clone());
        match method(m) {
            "INVITE" => {
                let contact = "Contact: <sip:a@10.0.1.2:5060>\r\n";
                vec![(0, response(m, 200, contact, "a", &sdp("10.0.1.2", 4_000)))]
            }
            "BYE" => vec![(0, response(m, 200, "", "a", ""))],
            _ => vec![],
        }
    }));
    heard
}

fn ended(w: &mut World) {
    w.until("the call is over", |w| w.switch.calls().count() == 0);
}

fn invite(heard: &Heard) -> Message {
    heard.lock().unwrap().iter().find(|m| method(m) == "INVITE").expect("an INVITE").clone()
}

#[test]
fn trunk_by_an_outbound_proxy() {
    let mut w = World::new(960);
    let heard = answers(&mut w);
    w.app.on("/voice", Reply::twiml("<Say>hello</Say>"));
    w.trunk(|t| {
        t.outbound_host = Some("pbx.example".to_owned());
        t.outbound_proxy = Some("10.0.1.2:5060".to_owned());
    });
    // Nobody looks the host up: it is the proxy's to know.
    w.names.insert("pbx.example".to_owned(), vec![]);
    api(&mut w, |_| {});
    ended(&mut w);
    let invite = invite(&heard);
    assert_eq!(invite.uri_text(), "sip:+15550002@pbx.example");
    assert_eq!(field(&invite, "To"), "<sip:+15550002@pbx.example>");
    ladder::check(
        w,
        "trunk_by_an_outbound_proxy",
        "A trunk with an outbound proxy: the INVITE names the trunk's host and goes to the proxy.",
    );
}

#[test]
fn trunk_with_a_dial_string() {
    let mut w = World::new(961);
    let heard = answers(&mut w);
    w.app.on("/voice", Reply::twiml("<Say>hello</Say>"));
    w.trunk(|t| {
        t.username = Some("c42".to_owned());
        t.outbound_dial_string = Some("sip:{number}@{host};user=phone;tgrp={user}".to_owned());
        t.outbound_dial_string_prefix = Some("9011".to_owned());
        t.outbound_plus_prefix = Some(false);
    });
    api(&mut w, |_| {});
    ended(&mut w);
    let invite = invite(&heard);
    assert_eq!(invite.uri_text(), "sip:901115550002@10.0.1.2:5060;user=phone;tgrp=c42");
    assert!(field(&invite, "To").contains("+15550002") && field(&invite, "From").contains("+15550001"));
    ladder::check(
        w,
        "trunk_with_a_dial_string",
        "A dial-string template writes the whole Request-URI, with the prefix and without the plus; From and To keep E.164.",
    );
}

#[test]
fn trunk_speaks_nationally() {
    let mut w = World::new(962);
    let heard = answers(&mut w);
    w.phone("caller", 10);
    w.app.on("/voice", Reply::twiml("<Dial>+442079460018</Dial>"));
    w.rules(|r| *r = AccountRules { allowed_calling_codes: vec!["44".to_owned()], ..AccountRules::of_new() });
    w.number(|n| n.number = "+442079460000".to_owned());
    w.trunk(|t| {
        t.country = Some("GB".to_owned());
        t.outbound_national_dialing = true;
    });
    w.dial_with(1, "02079460000", "02079460099", vec![]);
    w.until("both talk", |w| w.phones[1].answered && invited(&heard) > 0);
    w.run_ms(1_000);
    w.hang_up(1);
    ended(&mut w);
    let asked = &w.app.of("/voice")[0].params;
    assert_eq!((&asked["To"][..], &asked["From"][..]), ("+442079460000", "+442079460099"));
    let invite = invite(&heard);
    assert_eq!(invite.uri_text(), "sip:02079460018@10.0.1.2:5060");
    assert!(
        field(&invite, "To").contains("+442079460018") && field(&invite, "From").contains("+442079460099")
    );
    ladder::check(
        w,
        "trunk_speaks_nationally",
        "Numbers of the trunk's country as within it: 0207... comes in as +44207..., and goes out so again.",
    );
}

fn invited(heard: &Heard) -> usize {
    heard.lock().unwrap().iter().filter(|m| method(m) == "INVITE").count()
}

/// DNS has two addresses for the trunk's host.
#[test]
fn trunk_target_in_the_penalty_box() {
    let mut w = World::new(963);
    w.app.on("/voice", Reply::twiml("<Say>hello</Say>"));
    let first = callee(&mut w, OnCall::Refuse(503));
    let second = w.phone("second", 3);
    w.phones[second].on_call = OnCall::Answer(100);
    w.trunk(|t| t.outbound_host = Some("carrier.example".to_owned()));
    w.names.insert("carrier.example".to_owned(), vec!["10.0.1.2", "10.0.1.3"]);
    let asked = |w: &World| w.phones[first].ended.len();
    for (calls, refusals) in [(1, 1), (2, 1)] {
        api(&mut w, |d| d.sid = chorus::sid::CallSid(0xca11 + calls));
        w.until("it is over", |w| w.phones[second].ended.len() as u128 == calls);
        assert_eq!(asked(&w), refusals, "the second call does not ask the first address at all");
        w.run_ms(1_000);
    }
    w.run_ms(60_000);
    w.phones[first].on_call = OnCall::Answer(100);
    api(&mut w, |d| d.sid = chorus::sid::CallSid(0xca21));
    w.until("it is over", |w| asked(w) == 2);
    assert_eq!(w.phones[second].ended.len(), 2, "a minute later it is the first again");
    w.run_ms(1_000);
    ladder::check(
        w,
        "trunk_target_in_the_penalty_box",
        "An address of DNS that failed is tried last for a minute, by later calls too.",
    );
}

#[test]
fn trunk_was_heard() {
    let mut w = two_trunks(964);
    let phone = w.phone("callee", 2);
    w.phones[phone].by_hand = Some(Box::new(|m| match method(m) {
        "INVITE" => vec![
            (0, response(m, 183, "Contact: <sip:a@10.0.1.2:5060>\r\n", "a", &sdp("10.0.1.2", 4_000))),
            (1_000, response(m, 503, "", "a", "")),
        ],
        _ => vec![],
    }));
    let second = w.phone("second", 3);
    w.phones[second].on_call = OnCall::Answer(100);
    api(&mut w, |_| {});
    ended(&mut w);
    w.run_ms(5_000);
    assert!(w.phones[second].invite.is_none());
    ladder::check(w, "trunk_was_heard", "Never another candidate after early media, whatever the code.");
}

#[test]
fn sip_overloaded() {
    let mut w = talking(965, "<Say>hi</Say><Pause length=\"3\"/>");
    w.phone("second", 11);
    let half = Half { at: "10.0.1.11:5060".to_owned(), ..Half::caller("+15550001") };
    let heard = Heard::default();
    let (keeps, within) = (heard.clone(), half.clone());
    w.phones[1].by_hand = Some(Box::new(move |m| {
        keeps.lock().unwrap().push(m.clone());
        let again = within.within(m).request("ACK", 1, "i1", "", "");
        if m.code() == Some(503) { vec![(0, again)] } else { vec![] }
    }));
    w.line("chorus", "chorus", "what arrives has waited for 1 s");
    w.switch.waited(w.now, Duration::from_secs(1));
    w.send_text(1, half.request("INVITE", 1, "i1", "", &sdp("10.0.1.11", 4_000)));
    w.send_text(1, half.request("OPTIONS", 2, "o2", "", ""));
    w.reoffer(0, "INVITE", chorus::sdp::Direction::SendOnly);
    w.run_ms(100);
    let told = heard.lock().unwrap().clone();
    let (invite, options) = (&told[0], &told[1]);
    assert_eq!((invite.code(), options.code()), (Some(503), Some(200)));
    assert!((1..=8).contains(&invite.seconds("Retry-After").expect("when to come again")));
    over(&mut w);
    assert_eq!(w.phones[0].ended[0].code, 200);
    // No news: nobody is behind any more.
    w.phones[1].by_hand = None;
    w.dial(1, "+15550001");
    w.until("served", |w| !w.phones[1].ended.is_empty());
    assert_eq!(w.phones[1].ended[0].code, 200);
    ladder::check(
        w,
        "sip_overloaded",
        "Overload: a new INVITE gets 503 with Retry-After; OPTIONS and requests of calls are answered as ever.",
    );
}

#[test]
fn register_keep_alive() {
    let mut w = pbx(966, OnRegister::Take(600), "");
    w.pings = true;
    w.phones[0].tcp = true;
    w.trunk(|t| t.transport = "tcp".to_owned());
    w.run_ms(35_000);
    assert_eq!(w.connections().len(), 1);
    w.line("phone", "phone", "a firewall forgets the connection");
    w.forget_connections();
    let (before, mut registers) = (w.lines.len(), 0);
    w.run_ms(40_000);
    registers += w.lines[before..].iter().filter(|l| l.what == "REGISTER" && l.from == "chorus").count();
    assert_eq!((registers, w.switch.registrations()[0].1.state), (1, Standing::Registered));
    assert_eq!(w.connections().len(), 1, "another one");
    w.line("app", "chorus", "DELETE SipTrunks/{Sid}");
    w.without_trunk();
    w.run_ms(1_000);
    w.break_all();
    ladder::check(
        w,
        "register_keep_alive",
        "CRLF CRLF every 30 s on connections that we made; no CRLF within 10 s of a peer that knows them: given up, and registered anew.",
    );
}
