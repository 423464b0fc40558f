//! Requests that are answered with a refusal, each by its own code.

use super::scene::*;
use super::users;
use crate::kit::hand::{Half, field, method, response, sdp};
use crate::kit::{World, ladder};
use chorus::sip::digest::{Client, Protected};
use chorus::sip::event::Credentials;
use chorus::sip::wire::{Message, Method};
use std::sync::{Arc, Mutex};

/// What came back.
type Heard = Arc<Mutex<Vec<Message>>>;

/// Phone 0 says these and ACKs the refusals of INVITEs; what it hears is kept.
fn says(seed: u64, texts: &[String]) -> (World, Heard) {
    let mut w = caller(seed, "<Say>hello</Say>");
    let heard = Heard::default();
    let (keeps, half) = (heard.clone(), Half::caller("+15550001"));
    w.phones[0].by_hand = Some(Box::new(move |m| {
        keeps.lock().unwrap().push(m.clone());
        let invites = m.cseq().unwrap().method == Method::Invite;
        match m.code() {
            Some(300..) if invites => {
                let ack = half.within(m).request("ACK", m.cseq().unwrap().number, "same", "", "");
                let own =
                    field(m, "Via").split("branch=").nth(1).unwrap().split(';').next().unwrap().to_owned();
                vec![(0, ack.replace("z9hG4bKsame", &own))]
            }
            Some(200) if invites => vec![(0, half.within(m).request("ACK", 1, "acked", "", ""))],
            None if method(m) == "BYE" => vec![(0, response(m, 200, "", "", ""))],
            _ => vec![],
        }
    }));
    for text in texts {
        w.send_text(0, text.clone());
        w.run_ms(100);
    }
    (w, heard)
}

fn codes(heard: &Heard) -> Vec<u16> {
    heard.lock().unwrap().iter().filter_map(Message::code).filter(|c| *c > 100).collect()
}

/// What a field of the last answer says.
fn last(heard: &Heard, name: &str) -> String {
    field(heard.lock().unwrap().last().unwrap(), name)
}

fn invite(branch: &str, extra: &str) -> String {
    Half::caller("+15550001").request("INVITE", 1, branch, extra, &sdp("10.0.1.10", 4_000))
}

#[test]
fn sip_not_implemented() {
    let (w, heard) = says(640, &[Half::caller("+15550001").request("FROBNICATE", 1, "f1", "", "")]);
    assert_eq!(codes(&heard), [501]);
    assert!(last(&heard, "Allow").contains("INVITE"));
    ladder::check(w, "sip_not_implemented", "501 to a method that nobody told us of, with Allow.");
}

#[test]
fn sip_unknown_scheme() {
    let half = Half { uri: "mailto:+15550001@10.0.0.1".to_owned(), ..Half::caller("+15550001") };
    let (w, heard) = says(641, &[half.request("INVITE", 1, "i1", "", &sdp("10.0.1.10", 4_000))]);
    assert_eq!(codes(&heard), [416]);
    ladder::check(w, "sip_unknown_scheme", "416 to an address that cannot be called.");
}

#[test]
fn sip_unknown_extension() {
    let (w, heard) = says(642, &[invite("i1", "Require: gizmo, 100rel\r\n")]);
    assert_eq!(codes(&heard), [420]);
    assert_eq!(last(&heard, "Unsupported"), "gizmo");
    ladder::check(
        w,
        "sip_unknown_extension",
        "420 to an extension that is required and not known, which it names.",
    );
}

#[test]
fn sip_too_long() {
    let fields: String = (0..300).map(|n| format!("X-Pad-{n}: y\r\n")).collect();
    let (w, heard) = says(643, &[invite("i1", &fields)]);
    assert_eq!(codes(&heard), [513]);
    ladder::check(w, "sip_too_long", "513 to a message beyond the limits.");
}

#[test]
fn sip_uri_too_long() {
    let half = Half { uri: format!("sip:{}@10.0.0.1", "5".repeat(9_000)), ..Half::caller("+15550001") };
    let (w, heard) = says(648, &[half.request("INVITE", 1, "i1", "", &sdp("10.0.1.10", 4_000))]);
    assert_eq!(codes(&heard), [414]);
    ladder::check(w, "sip_uri_too_long", "414 to a Request-URI that is longer than any that is read.");
}

#[test]
fn sip_no_such_dialog() {
    let half = Half { to: "<sip:+15550001@10.0.0.1>;tag=nobody".to_owned(), ..Half::caller("+15550001") };
    let texts = ["BYE", "INFO", "UPDATE", "INVITE"];
    let texts: Vec<String> = texts.iter().map(|m| half.request(m, 7, &format!("{m}7"), "", "")).collect();
    let cancel = Half::caller("+15550001").request("CANCEL", 9, "never", "", "");
    let (w, heard) = says(644, &[texts, vec![cancel]].concat());
    assert_eq!(codes(&heard), [481; 5]);
    ladder::check(
        w,
        "sip_no_such_dialog",
        "481 to requests of dialogs that are not here, and to CANCEL of nothing.",
    );
}

#[test]
fn sip_merged() {
    let (mut w, heard) = says(645, &[invite("one", ""), invite("other", "")]);
    w.until("the call is over", |w| w.switch.calls().count() == 0);
    assert_eq!(codes(&heard), [180, 200, 482]);
    ladder::check(w, "sip_merged", "482 to an INVITE that is here already by another way: it rings once.");
}

#[test]
fn sip_register_too_brief() {
    let mut w = users::trunk_of_alice(646, "");
    let (at, mut client) = ("sip:10.0.0.1", Client::default());
    let half = Half {
        uri: at.to_owned(),
        from: "<sip:alice@10.0.0.1>;tag=hand".to_owned(),
        to: "<sip:alice@10.0.0.1>".to_owned(),
        ..Half::caller("alice")
    };
    let first = half.request("REGISTER", 1, "r1", "Expires: 20\r\n", "");
    let (heard, mut seconds) = (Heard::default(), "20".to_owned());
    let keeps = heard.clone();
    w.phones[0].by_hand = Some(Box::new(move |m| {
        keeps.lock().unwrap().push(m.clone());
        let n = m.cseq().unwrap().number + 1;
        let mut fields = String::new();
        match m.code() {
            Some(401) => {
                let request = Protected { method: &Method::Register, uri: at, body: &[] };
                let credentials =
                    Credentials { username: "alice".to_owned(), password: users::PASSWORD.to_owned() };
                let all = client.answer(m, &request, &[], &credentials, "c0ffee").unwrap();
                fields.extend(all.iter().map(|(name, value)| format!("{name}: {value}\r\n")));
            }
            Some(423) => seconds = field(m, "Min-Expires"),
            _ => return vec![],
        }
        vec![(
            0,
            half.request("REGISTER", n, &format!("r{n}"), &format!("Expires: {seconds}\r\n{fields}"), ""),
        )]
    }));
    w.send_text(0, first);
    w.run_ms(500);
    assert_eq!(codes(&heard).iter().filter(|c| **c != 401).copied().collect::<Vec<_>>(), [423, 200]);
    ladder::check(
        w,
        "sip_register_too_brief",
        "423 to a registration that is too short, with the least that is taken.",
    );
}

#[test]
fn register_asks_for_longer() {
    let mut w = World::new(647);
    w.phone("pbx", 10);
    w.phones[0].by_hand = Some(Box::new(|m| {
        let contact = format!("Contact: {};expires=600\r\n", field(m, "Contact"));
        match (method(m), m.seconds("Expires")) {
            ("REGISTER", Some(1..600)) => vec![(0, response(m, 423, "Min-Expires: 600\r\n", "p", ""))],
            ("REGISTER", _) => vec![(0, response(m, 200, &contact, "p", ""))],
            ("OPTIONS", _) => vec![(0, response(m, 200, "", "p", ""))],
            _ => vec![],
        }
    }));
    w.line("app", "chorus", "POST SipTrunks");
    w.trunk(|t| {
        t.authentication_mode = chorus::store::rows::TrunkMode::OutboundRegistration;
        t.inbound_source_ips = vec![];
        t.outbound_host = Some("10.0.1.10:5060".to_owned());
        t.username = Some("chorus".to_owned());
        t.password = Some("open-sesame-4711".to_owned());
    });
    w.run_ms(20_000);
    w.line("app", "chorus", "DELETE SipTrunks/{Sid}");
    w.without_trunk();
    w.run_ms(1_000);
    ladder::check(w, "register_asks_for_longer", "423 of a registrar: what it wants at least is asked for.");
}
