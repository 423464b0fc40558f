//! Chorus registers at a PBX.

use super::scene::*;
use crate::kit::registrar::{OnRegister, Registrar};
use crate::kit::{World, ladder};
use crate::security::secrets;
use chorus::sid::TrunkSid;
use chorus::sip::registration::Standing;
use chorus::store::rows::TrunkMode;
use chorus::switch::Input;

const PASSWORD: &str = "open-sesame-4711";

/// A PBX, phone 0, and the trunk that registers there.
pub fn pbx(seed: u64, on_register: OnRegister, document: &str) -> World {
    secrets::plant(PASSWORD);
    let mut w = caller(seed, document);
    w.phones[0].registrar = Some(Registrar::new(on_register));
    w.line("app", "chorus", "POST SipTrunks");
    w.trunk(|t| {
        t.authentication_mode = TrunkMode::OutboundRegistration;
        t.name = "pbx".to_owned();
        t.inbound_source_ips = vec![];
        t.outbound_host = Some("10.0.1.10:5060".to_owned());
        t.username = Some("chorus".to_owned());
        t.password = Some(PASSWORD.to_owned());
    });
    w
}

fn deleted(w: &mut World) {
    w.line("app", "chorus", "DELETE SipTrunks/{Sid}");
    w.without_trunk();
    w.run_ms(1_000);
    assert!(w.switch.registrations().is_empty());
}

fn standing(w: &World) -> Standing {
    let all = w.switch.registrations();
    assert_eq!((all.len(), all[0].0), (1, TrunkSid(0x71)));
    all[0].1.state
}

fn logged(w: &World, words: &str) -> bool {
    w.logs.iter().any(|line| line.contains(words))
}

#[test]
fn register_challenged() {
    let mut w = pbx(400, OnRegister::Challenge(PASSWORD, 120), "");
    assert_eq!(standing(&w), Standing::Registering);
    w.run_ms(70_000);
    assert_eq!(standing(&w), Standing::Registered);
    assert!(logged(&w, "(pbx) is registered at 10.0.1.10:5060 for 120 s"), "{:?}", w.logs);
    assert_eq!(w.logs.len(), 1, "a refresh is worth no line");
    deleted(&mut w);
    assert!(w.phones[0].registrar.as_ref().unwrap().contact.is_none(), "taken back");
    let sentence = "Outbound registration: REGISTER, 401, digest, 200 for 120 s; OPTIONS every 25 s, a refresh at half; \
                    Expires 0 when the trunk is deleted.";
    ladder::check(w, "register_challenged", sentence);
}

#[test]
fn register_wrong_password() {
    let mut w = pbx(401, OnRegister::Challenge("something-else-entirely", 120), "");
    w.run_ms(301_000);
    assert_eq!(standing(&w), Standing::Failed);
    let words = "(pbx) cannot register at 10.0.1.10:5060: 401 Unauthorized: user or password is wrong; next try in 300 s";
    assert!(logged(&w, words), "{:?}", w.logs);
    deleted(&mut w);
    ladder::check(
        w,
        "register_wrong_password",
        "A wrong password is tried again after 5 minutes, never in a loop.",
    );
}

#[test]
fn register_down_and_up() {
    let mut w = pbx(402, OnRegister::Take(600), "");
    w.run_ms(1_000);
    w.line("phone", "phone", "the PBX goes away");
    w.phones[0].registrar.as_mut().unwrap().mute = true;
    w.until("down", |w| standing(w) == Standing::Down);
    assert!(logged(&w, "(pbx) is down at 10.0.1.10:5060: no answer to OPTIONS"), "{:?}", w.logs);
    w.line("phone", "phone", "the PBX is back");
    w.phones[0].registrar.as_mut().unwrap().mute = false;
    w.until("up", |w| standing(w) == Standing::Registered);
    w.run_ms(1_000);
    deleted(&mut w);
    let sentence = "Three OPTIONS without an answer: the trunk is down, and registers anew at once; an answer brings it up.";
    ladder::check(w, "register_down_and_up", sentence);
}

#[test]
fn register_inbound() {
    let mut w = pbx(403, OnRegister::Take(120), "<Say>hi</Say><Hangup/>");
    w.run_ms(1_000);
    let contact = w.phones[0].registrar.as_ref().unwrap().contact.clone().unwrap();
    assert!(contact.starts_with("sip:chorus@10.0.0.1:5060;gw="), "{contact}");
    // Its calls come from another machine than its registrar, as those of a cluster do.
    let node = w.phone("node", 77);
    w.phones[node].calls = Some(contact.clone());
    w.dial(node, "+15550001");
    w.until("the call is over", |w| !w.phones[node].ended.is_empty());
    assert_eq!(w.phones[node].ended[0].code, 200);
    assert_eq!(w.app.of("/voice")[0].params["To"], "+15550001", "of the To header");
    // Whoever guesses is a stranger.
    w.phones[node].calls = Some(format!("{}0000", contact.get(..contact.len() - 4).unwrap()));
    w.dial(node, "+15550001");
    w.run_ms(40_000);
    assert_eq!(w.phones[node].ended[1].code, 408, "nobody answers");
    deleted(&mut w);
    let sentence =
        "A PBX that we registered with calls our Contact: known by its token, routed by the number in To.";
    ladder::check(w, "register_inbound", sentence);
}

#[test]
fn register_drain() {
    let mut w = pbx(404, OnRegister::Challenge(PASSWORD, 120), "");
    w.run_ms(1_000);
    w.line("chorus", "chorus", "SIGTERM");
    w.input(Input::Drain);
    assert_eq!(w.switch.counts().leaving, 1);
    w.run_ms(1_000);
    assert_eq!(w.switch.counts().leaving, 0);
    ladder::check(w, "register_drain", "SIGTERM: every registration is taken back.");
}
