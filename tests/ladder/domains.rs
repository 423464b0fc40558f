//! SIP domains: calls through them, users that register there, and one registered user who dials another.

use super::scene::*;
use crate::kit::doors::{acl, domain, list, user};
use crate::kit::phone::OnCall;
use crate::kit::world::{ACCOUNT, spoken};
use crate::kit::{Reply, World, ladder, rows};
use crate::security::secrets;
use chorus::sid::TrunkSid;
use chorus::sip::digest::server::ha1;
use chorus::sip::event::Credentials;
use chorus::store::rows::{CallRow, Direction, NotificationRow, Purpose, TrunkMode, TrunkRow};
use chorus::trunk::Snapshot;
use std::sync::Arc;

pub(super) const PASSWORD: &str = "Mellon0815tirith";
const BOT: &str = "sip:bot@acme.example";

/// Phone 0 calls a domain that its address may call.
pub(super) fn office(seed: u64, document: &str) -> World {
    let mut w = caller(seed, document);
    w.without_trunk();
    w.domain(acl(domain(false), "10.0.1.0/28"));
    w.phones[0].calls = Some(BOT.to_owned());
    w
}

#[test]
fn domain_call() {
    let mut w = office(700, "<Say>hi</Say><Hangup/>");
    w.dial_with(0, "bot", "desk12", vec![("X-Ticket".to_owned(), "4711".to_owned())]);
    over(&mut w);
    let asked = w.app.of("/voice")[0].params.clone();
    for (name, value) in [
        ("To", BOT),
        ("From", "sip:desk12@10.0.1.10"),
        ("SipDomain", "acme.example"),
        ("SipDomainSid", "SD0000000000000000000000000000005d"),
        ("SipSourceIp", "10.0.1.10"),
        ("SipHeader_X-Ticket", "4711"),
        ("Direction", "inbound"),
    ] {
        assert_eq!(asked.get(name).map(String::as_str), Some(value), "{name}: {asked:?}");
    }
    assert!(asked["SipCallId"].starts_with("caller-"), "{asked:?}");
    w.run_ms(100);
    let done = &w.app.of("/status")[0].params;
    assert_eq!((&done["SipDomain"][..], &done["CallStatus"][..]), ("acme.example", "completed"));
    let sentence = "A call through a SIP domain fetches the domain's VoiceUrl; To and From are sip: URIs.";
    ladder::check(w, "domain_call", sentence);
}

#[test]
fn domain_reject() {
    let mut w = office(701, "<Reject/>");
    w.dial(0, "bot");
    over(&mut w);
    assert_eq!(w.phones[0].ended[0].code, 404);
    ladder::check(w, "domain_reject", "Reject on a SIP-domain call: 404.");
}

#[test]
fn domain_not_listed() {
    let mut w = caller(702, "");
    w.domain(acl(domain(false), "10.0.9.0/24"));
    w.phones[0].calls = Some(BOT.to_owned());
    w.dial(0, "bot");
    over(&mut w);
    assert_eq!(w.phones[0].ended[0].code, 403);
    w.run_ms(100);
    let notes: Vec<&NotificationRow> = w.store.all().collect();
    assert_eq!(notes.iter().map(|n| n.code).collect::<Vec<_>>(), [32201]);
    assert!(notes[0].words.contains("10.0.1.10 is in no IP access control list of acme.example"));
    ladder::check(
        w,
        "domain_not_listed",
        "A known source that the domain's list lacks: 403, and a Notification.",
    );
}

/// Whoever calls back what From said must reach the same user.
#[test]
fn a_caller_whose_name_needs_escapes_keeps_them() {
    let mut w = office(731, "<Hangup/>");
    w.dial_with(0, "bot", "desk%2012%40home%23", vec![]);
    over(&mut w);
    assert_eq!(w.app.of("/voice")[0].params["From"], "sip:desk%2012%40home%23@10.0.1.10");
}

/// A telephone that registers as `user` at `host`, by way of Chorus.
pub(super) fn register(w: &mut World, phone: usize, user: &str, host: &str) {
    secrets::plant(PASSWORD);
    let there = TrunkRow {
        authentication_mode: TrunkMode::OutboundRegistration,
        outbound_host: Some(host.to_owned()),
        outbound_proxy: Some("10.0.0.1:5060".to_owned()),
        username: Some(user.to_owned()),
        password: Some(PASSWORD.to_owned()),
        ..rows::trunk(1, &["10.0.0.1"])
    };
    w.with_phone(phone, |p, now| {
        p.credentials = Some(Credentials { username: user.to_owned(), password: PASSWORD.to_owned() });
        p.endpoint.set_sources(now, Arc::new(Snapshot::new(vec![there], vec![])));
    });
    w.run_ms(1_000);
}

/// It is switched off.
pub(super) fn off(w: &mut World, phone: usize) {
    w.with_phone(phone, |p, now| p.endpoint.set_sources(now, Arc::new(Snapshot::new(vec![], vec![]))));
    w.run_ms(1_000);
}

/// `alice` and `bob` are registered at acme.example; alice is phone 0.
fn acme(seed: u64, document: &str) -> World {
    let mut w = World::new(seed);
    w.phone("alice", 10);
    w.phone("bob", 11);
    w.app.on("/voice", Reply::twiml(document));
    w.without_trunk();
    let mut rows = list(list(domain(true), Purpose::Registrations, PASSWORD), Purpose::Calls, PASSWORD);
    user(&mut rows, 2, Purpose::Registrations, "bob", PASSWORD);
    w.domain(rows);
    register(&mut w, 0, "alice", "acme.example");
    register(&mut w, 1, "bob", "acme.example");
    w
}

#[test]
fn domain_user_calls_user() {
    let document = "<Dial answerOnBridge=\"true\"><Sip>sip:bob@acme.example</Sip></Dial>";
    let mut w = acme(703, document);
    w.phones[1].on_call = OnCall::Answer(500);
    w.phones[0].calls = Some("sip:bob@acme.example".to_owned());
    w.dial(0, "bob");
    w.until("both talk", |w| w.phones[0].answered && w.phones[1].answered);
    w.talk(0, Some(spoken(&"a".repeat(200))));
    w.run_ms(1_000);
    assert!(w.phones[1].rtp_loud > 0, "bob hears alice, by way of Chorus");
    assert_eq!(w.app.of("/voice")[0].params["SipUsername"], "alice");
    let said = w.phones[1].invite.as_ref().unwrap();
    let back = (said.from_user.as_str(), said.from_host.as_str());
    assert_eq!(back, ("+15559999", "acme.example"), "whom bob's telephone calls back");
    w.hang_up(0);
    w.run_ms(500);
    off(&mut w, 0);
    off(&mut w, 1);
    let sentence =
        "Extension calls extension: one user of a domain dials another through TwiML, media through Chorus.";
    ladder::check(w, "domain_user_calls_user", sentence);
}

#[test]
fn domain_user_is_called() {
    let mut w = acme(704, "<Say>hello</Say>");
    w.phones[0].on_call = OnCall::Answer(500);
    api(&mut w, |d| d.to = "sip:alice@acme.example".to_owned());
    over(&mut w);
    assert!(w.phones[0].rtp_loud > 0);
    off(&mut w, 0);
    off(&mut w, 1);
    ladder::check(w, "domain_user_is_called", "Calls API To=sip:user@domain rings the registered contact.");
}

#[test]
fn domain_user_survives_a_restart() {
    let mut w = acme(705, "<Say>hello</Say>");
    w.phones[0].on_call = OnCall::Answer(500);
    w.crash();
    w.run_ms(500);
    api(&mut w, |d| d.to = "sip:alice@acme.example".to_owned());
    over(&mut w);
    assert!(w.phones[0].rtp_loud > 0, "its binding is of the domain after the restart too");
}

/// A peer of a trunk with a password: a telephone of the carrier's kind.
pub(super) fn extension(n: u128, name: &str) -> TrunkRow {
    TrunkRow {
        sid: TrunkSid(n),
        name: name.to_owned(),
        authentication_mode: TrunkMode::ClientCredentials,
        username: Some(name.to_owned()),
        ha1: Some(ha1(name, "chorus", PASSWORD)),
        ..rows::trunk(n, &[])
    }
}

#[test]
fn extension_calls_extension() {
    let mut w = two_extensions(706);
    w.phones[1].on_call = OnCall::Answer(500);
    w.dial_with(0, "bob", "alice", vec![]);
    w.until("both talk", |w| w.phones[0].answered && w.phones[1].answered);
    w.talk(0, Some(spoken(&"a".repeat(200))));
    w.run_ms(1_000);
    assert!(w.phones[1].rtp_loud > 0, "bob hears alice, by way of Chorus");
    w.hang_up(0);
    w.run_ms(500);
    off(&mut w, 0);
    off(&mut w, 1);
    let sentence =
        "Extension calls extension: a registered user dials another by name, media through Chorus.";
    ladder::check(w, "extension_calls_extension", sentence);
}

/// `alice` (phone 0) and `bob` are registered as users of the operator.
fn two_extensions(seed: u64) -> World {
    let mut w = World::new(seed);
    w.phone("alice", 10);
    w.phone("bob", 11);
    w.without_trunk();
    w.another_trunk(extension(0x81, "alice"));
    w.another_trunk(extension(0x82, "bob"));
    register(&mut w, 0, "alice", "chorus");
    register(&mut w, 1, "bob", "chorus");
    w
}

#[test]
fn extension_is_busy() {
    let mut w = two_extensions(709);
    w.phones[1].on_call = OnCall::Refuse(486);
    w.dial_with(0, "bob", "alice", vec![]);
    over(&mut w);
    assert_eq!((w.phones[0].ended[0].code, w.phones[0].answered), (486, false));
    off(&mut w, 0);
    off(&mut w, 1);
    let sentence = "A busy extension: its 486 goes back, and the caller was never answered.";
    ladder::check(w, "extension_is_busy", sentence);
}

/// What the caller's telephone shows is what became of the callee, and REST says the same of both legs.
#[test]
fn an_extension_that_is_not_reached_is_never_answered_for() {
    for (n, (does, code, status)) in [
        (Some(OnCall::Refuse(603)), 603, "busy"),
        (Some(OnCall::Refuse(480)), 480, "no-answer"),
        (Some(OnCall::Refuse(503)), 503, "failed"),
        (Some(OnCall::Ring), 480, "no-answer"),
        // It has not registered.
        (None, 480, "no-answer"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut w = two_extensions(710 + n as u64);
        match does {
            Some(does) => w.phones[1].on_call = does,
            None => off(&mut w, 1),
        }
        w.dial_with(0, "bob", "alice", vec![]);
        w.run_ms(35_000);
        let ended: Vec<u16> = w.phones[0].ended.iter().map(|e| e.code).collect();
        assert_eq!((ended, w.phones[0].answered), (vec![code], false), "{code}");
        w.run_ms(1_000);
        let outer = w.store.all::<CallRow>().find(|c| c.direction == Direction::Inbound).unwrap();
        assert_eq!((outer.status.as_str(), outer.ended_how.as_deref()), (status, Some("dial")), "{code}");
    }
}

/// It is there, but nobody may call it now (ruling 2.9).
#[test]
fn an_extension_that_may_not_be_called_now_is_not_a_number_that_is_not_there() {
    let mut w = World::new(708);
    w.phone("alice", 10);
    w.without_trunk();
    w.another_trunk(TrunkRow { max_channels: Some(0), ..extension(0x81, "alice") });
    w.another_trunk(extension(0x82, "bob"));
    register(&mut w, 0, "alice", "chorus");
    w.dial_with(0, "bob", "alice", vec![]);
    over(&mut w);
    w.another_trunk(TrunkRow { account: Some(ACCOUNT), ..extension(0x81, "alice") });
    w.suspend();
    w.dial_with(0, "bob", "alice", vec![]);
    w.until("refused", |w| w.phones[0].ended.len() == 2);
    assert_eq!(w.phones[0].ended.iter().map(|e| e.code).collect::<Vec<_>>(), [503, 480]);
    w.run_ms(100);
    let words: Vec<&str> = w.store.all::<NotificationRow>().map(|n| n.words.as_str()).collect();
    for told in ["max_channels", "not active"] {
        assert!(words.iter().any(|w| w.contains(told)), "{words:?}");
    }
}

#[test]
fn an_extension_of_another_account_cannot_be_called_by_name() {
    let mut w = World::new(707);
    w.phone("alice", 10);
    w.without_trunk();
    w.another_trunk(TrunkRow { account: Some(crate::kit::world::ACCOUNT), ..extension(0x81, "alice") });
    w.another_trunk(TrunkRow { account: Some(chorus::sid::AccountSid(0xff)), ..extension(0x82, "bob") });
    register(&mut w, 0, "alice", "chorus");
    w.dial_with(0, "bob", "alice", vec![]);
    over(&mut w);
    assert_eq!(w.phones[0].ended[0].code, 404);
}
