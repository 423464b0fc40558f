//! Users that register at Chorus, call and are called; and a call that takes the next trunk.

use super::scene::*;
use crate::kit::phone::OnCall;
use crate::kit::rows;
use crate::kit::{World, ladder};
use crate::security::secrets;
use chorus::sid::TrunkSid;
use chorus::sip::digest::server::ha1;
use chorus::sip::event::Credentials;
use chorus::store::rows::{TrunkMode, TrunkRow};
use chorus::trunk::Snapshot;
use std::sync::Arc;

pub const PASSWORD: &str = "mellon-0815-tirith";

/// Phone 0 is a softphone with this password; it registers as `alice`.
fn softphone(seed: u64, password: &str, document: &str) -> World {
    let mut w = trunk_of_alice(seed, document);
    switch_on(&mut w, 0, password);
    w
}

/// A phone registers as `alice`: it does what Chorus does at a PBX.
pub fn switch_on(w: &mut World, phone: usize, password: &str) {
    let there = TrunkRow {
        authentication_mode: TrunkMode::OutboundRegistration,
        outbound_host: Some("10.0.0.1:5060".to_owned()),
        username: Some("alice".to_owned()),
        password: Some(password.to_owned()),
        ..rows::trunk(1, &["10.0.0.1"])
    };
    w.with_phone(phone, |p, now| {
        p.credentials = Some(Credentials { username: "alice".to_owned(), password: password.to_owned() });
        p.endpoint.set_sources(now, Arc::new(Snapshot::new(vec![there], vec![])));
    });
    w.run_ms(1_000);
}

/// A trunk at which `alice` may register; phone 0 does not.
pub fn trunk_of_alice(seed: u64, document: &str) -> World {
    secrets::plant(PASSWORD);
    let mut w = caller(seed, document);
    w.line("app", "chorus", "POST SipTrunks");
    w.trunk(|t| {
        t.authentication_mode = TrunkMode::ClientCredentials;
        t.name = "Alice".to_owned();
        t.inbound_source_ips = vec![];
        t.outbound_host = None;
        t.username = Some("alice".to_owned());
        t.ha1 = Some(ha1("alice", "chorus", PASSWORD));
    });
    w
}

/// The phone is switched off.
fn off(w: &mut World) {
    switch_off(w, 0);
}

pub fn switch_off(w: &mut World, phone: usize) {
    w.line("phone", "phone", "switched off");
    w.with_phone(phone, |p, now| p.endpoint.set_sources(now, Arc::new(Snapshot::new(vec![], vec![]))));
    w.run_ms(1_000);
}

fn bound(w: &World) -> usize {
    w.store.all::<chorus::store::rows::BindingRow>().count()
}

#[test]
fn user_registers() {
    let mut w = softphone(500, PASSWORD, "");
    assert_eq!(bound(&w), 1);
    w.run_ms(70_000);
    off(&mut w);
    assert_eq!(bound(&w), 0);
    let sentence =
        "The client registers: 401 digest, 200 with its Contact, refresh at half, Expires 0 takes it back.";
    ladder::check(w, "user_registers", sentence);
}

#[test]
fn user_with_a_wrong_password() {
    let w = {
        let mut w = softphone(501, "guess", "");
        w.run_ms(1_000);
        assert_eq!(bound(&w), 0);
        off(&mut w);
        w
    };
    ladder::check(
        w,
        "user_with_a_wrong_password",
        "403 to a wrong password, whether the user exists or not.",
    );
}

#[test]
fn user_calls() {
    let mut w = softphone(502, PASSWORD, "<Say>hi</Say><Hangup/>");
    w.dial(0, "+15550001");
    over(&mut w);
    assert_eq!(w.phones[0].ended[0].code, 200);
    assert_eq!(w.app.of("/voice")[0].params["To"], "+15550001");
    off(&mut w);
    ladder::check(w, "user_calls", "A call from a registered user shows its password: INVITE, 401, INVITE.");
}

#[test]
fn user_is_called() {
    let mut w = softphone(503, PASSWORD, "<Say>hello</Say>");
    w.phones[0].on_call = OnCall::Answer(500);
    api(&mut w, |d| d.to = "sip:alice@chorus".to_owned());
    over(&mut w);
    assert!(w.phones[0].rtp_loud > 0);
    off(&mut w);
    ladder::check(
        w,
        "user_is_called",
        "A call to a registered user goes to its contact, on the flow of its REGISTER.",
    );
}

#[test]
fn user_is_not_there() {
    let mut w = softphone(504, PASSWORD, "");
    off(&mut w);
    api(&mut w, |d| d.to = "sip:alice@chorus".to_owned());
    w.until("it is over", |w| w.switch.calls().count() == 0);
    w.run_ms(1_000);
    let notes: Vec<u32> = w.store.all::<chorus::store::rows::NotificationRow>().map(|n| n.code).collect();
    assert_eq!(notes, [32009]);
    ladder::check(w, "user_is_not_there", "Who is not registered cannot be called: 480.");
}

#[test]
fn user_survives_a_restart() {
    let mut w = softphone(505, PASSWORD, "<Say>hello</Say>");
    w.phones[0].on_call = OnCall::Answer(500);
    w.line("chorus", "chorus", "kill -9, start");
    w.crash();
    w.run_ms(500);
    api(&mut w, |d| d.to = "sip:alice@chorus".to_owned());
    over(&mut w);
    assert!(w.phones[0].rtp_loud > 0);
    off(&mut w);
    ladder::check(w, "user_survives_a_restart", "UDP bindings survive a restart.");
}

/// Two trunks: the first, at 10.0.1.2, is the callee's; the other leads to 10.0.1.3.
pub fn two_trunks(seed: u64) -> World {
    let mut w = caller(seed, "<Say>hello</Say>");
    w.another_trunk(TrunkRow {
        name: "second".to_owned(),
        outbound_host: Some("10.0.1.3:5060".to_owned()),
        ..rows::trunk(0x72, &[])
    });
    w
}

#[test]
fn trunk_fails_over() {
    let mut w = two_trunks(510);
    let first = callee(&mut w, OnCall::Refuse(503));
    let second = w.phone("second", 3);
    w.phones[second].on_call = OnCall::Answer(500);
    api(&mut w, |_| {});
    w.until("it is over", |w| !w.phones[second].ended.is_empty());
    assert!(w.phones[second].rtp_loud > 0 && w.phones[first].rtp_loud == 0);
    w.run_ms(1_000);
    let row = w.store.all::<chorus::store::rows::CallRow>().next().unwrap();
    assert_eq!(row.trunk, Some(TrunkSid(0x72)));
    ladder::check(w, "trunk_fails_over", "The next candidate on 5xx.");
}

#[test]
fn trunk_is_not_believed() {
    let mut w = two_trunks(514);
    w.trunk(|t| t.transport = "tls".to_owned());
    callee(&mut w, OnCall::Answer(500));
    let second = w.phone("second", 3);
    w.phones[second].on_call = OnCall::Answer(500);
    api(&mut w, |_| {});
    w.until("it is over", |w| !w.phones[second].ended.is_empty());
    assert!(w.phones[second].rtp_loud > 0);
    w.run_ms(1_000);
    ladder::check(w, "trunk_is_not_believed", "The next candidate on TLS failure.");
}

#[test]
fn trunk_is_silent() {
    let mut w = two_trunks(511);
    let second = w.phone("second", 3);
    w.phones[second].on_call = OnCall::Answer(500);
    api(&mut w, |_| {});
    w.until("it is over", |w| !w.phones[second].ended.is_empty());
    assert!(w.phones[second].rtp_loud > 0);
    ladder::check(w, "trunk_is_silent", "The next candidate where no provisional came within 4 s.");
}

#[test]
fn trunk_is_busy() {
    let mut w = two_trunks(512);
    let first = callee(&mut w, OnCall::Refuse(486));
    let second = w.phone("second", 3);
    api(&mut w, |_| {});
    w.until("it is over", |w| w.switch.calls().count() == 0);
    assert!(w.phones[second].ended.is_empty() && first != second);
    w.run_ms(1_000);
    ladder::check(w, "trunk_is_busy", "Never another candidate on 486.");
}

#[test]
fn trunk_is_full() {
    let mut w = caller(513, "<Pause length=\"5\"/>");
    w.trunk(|t| t.max_channels = Some(1));
    w.phone("second", 11);
    w.dial(0, "+15550001");
    answered(&mut w, 0);
    w.dial(1, "+15550001");
    w.until("the second is refused", |w| !w.phones[1].ended.is_empty());
    assert_eq!(w.phones[1].ended[0].code, 503);
    over(&mut w);
    w.run_ms(1_000);
    w.dial(1, "+15550001");
    w.until("the second is over", |w| w.phones[1].ended.len() == 2);
    assert_eq!(w.phones[1].ended[1].code, 200);
    ladder::check(w, "trunk_is_full", "max_channels: 503 to one call more, and room again when one is over.");
}
