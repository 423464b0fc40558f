//! Which transfers a PBX behind a trunk, and a telephone of a SIP domain, may make; INVITE with Replaces through their doors.

use super::scene::*;
use super::transfer::{hear_each_other, refer, replaces};
use super::{domains, elastic};
use crate::kit::doors::{domain, list, user};
use crate::kit::phone::OnCall;
use crate::kit::rows::trunk;
use crate::kit::{Reply, World, ladder};
use chorus::store::elastic::ElasticTrunkRow;
use chorus::store::rows::{CallRow, NotificationRow, Purpose, TrunkRow};

const NUMBER: &str = "sip:+15550003@pbx.example.com";
const SIP: &str = "sip:anna@10.0.1.5";

fn mode(word: &'static str) -> impl Fn(&mut ElasticTrunkRow) {
    move |t| t.transfer_mode = word.to_owned()
}

/// The third (+15550003) at another trunk, and anna at an address of her own.
fn others(w: &mut World) -> (usize, usize) {
    w.another_trunk(TrunkRow {
        name: "other".to_owned(),
        outbound_host: Some("10.0.1.6:5060".to_owned()),
        outbound_route_prefixes: vec!["15550003".to_owned()],
        ..trunk(0x72, &[])
    });
    let third = w.phone("third", 6);
    let anna = w.phone("anna", 5);
    (third, anna)
}

/// A call to a number of a trunk, answered by its PBX (phone 1).
fn origination(seed: u64, change: impl Fn(&mut ElasticTrunkRow)) -> (World, usize, usize) {
    let mut w = elastic::trunk(seed, &[elastic::url(3, 10, 10)], change);
    elastic::pbx(&mut w, 3, OnCall::Answer(200));
    let (third, anna) = others(&mut w);
    w.dial(0, "+15550001");
    answered(&mut w, 1);
    w.run_ms(300);
    (w, third, anna)
}

fn codes(w: &World) -> Vec<u32> {
    w.store.all::<NotificationRow>().map(|n| n.code).collect()
}

#[test]
fn pbx_transfers_to_sip() {
    let (mut w, _, anna) = origination(950, mode("sip-only"));
    refer(&mut w, 1, SIP);
    w.until("the PBX has left", |w| !w.phones[1].ended.is_empty());
    assert_eq!(w.phones[1].transfer, [202, 100, 180, 200]);
    assert_eq!(w.phones[anna].invite.as_ref().unwrap().from_user, "+15559999", "from-transferee");
    hear_each_other(&mut w, 0, anna);
    w.hang_up(anna);
    over(&mut w);
    let sentence = "TransferMode sip-only: the PBX behind a trunk transfers its call to a SIP address.";
    ladder::check(w, "pbx_transfers_to_sip", sentence);
}

#[test]
fn pbx_transfers_to_a_number() {
    let (mut w, third, _) = origination(951, |t| {
        t.transfer_mode = "enable-all".to_owned();
        t.transfer_caller_id = "from-transferor".to_owned();
    });
    refer(&mut w, 1, NUMBER);
    w.until("the PBX has left", |w| !w.phones[1].ended.is_empty());
    assert_eq!(w.phones[third].invite.as_ref().unwrap().from_user, "+15550001", "from-transferor");
    hear_each_other(&mut w, 0, third);
    w.hang_up(0);
    over(&mut w);
    let sentence = "TransferMode enable-all: also to a number, here shown as who transfers.";
    ladder::check(w, "pbx_transfers_to_a_number", sentence);
}

#[test]
fn pbx_may_not_transfer() {
    let (mut w, third, anna) = origination(952, mode("sip-only"));
    refer(&mut w, 1, NUMBER);
    w.until("refused", |w| w.phones[1].transfer == [603]);
    hear_each_other(&mut w, 0, 1);
    assert_eq!(codes(&w), [32218]);
    w.hang_up(0);
    over(&mut w);
    assert!(w.phones[third].invite.is_none());
    let sentence = "TransferMode sip-only: a transfer to a number gets 603 and Notification 32218.";
    ladder::check(w, "pbx_may_not_transfer", sentence);
    for (to, at) in [(SIP, anna), (NUMBER, third)] {
        let (mut w, ..) = origination(953, |_| {});
        refer(&mut w, 1, to);
        w.until("refused", |w| w.phones[1].transfer == [603]);
        assert_eq!(codes(&w), [32218], "disable-all is the default");
        assert!(w.phones[at].invite.is_none());
        w.hang_up(0);
        over(&mut w);
    }
}

/// It dialled out, and transfers whom it has dialled: by default shown as that one.
#[test]
fn a_pbx_that_dialled_out_transfers_too() {
    for (seed, caller_id, shown) in
        [(954, "from-transferee", "+15550002"), (955, "from-transferor", "+15550001")]
    {
        let mut w = elastic::behind(seed, elastic::lists(Some("10.0.1.8/29"), None), |t| {
            t.transfer_mode = "enable-all".to_owned();
            t.transfer_caller_id = caller_id.to_owned();
        });
        let (third, _) = others(&mut w);
        elastic::dial_out(&mut w, "+15550001");
        answered(&mut w, 1);
        w.run_ms(300);
        refer(&mut w, 0, NUMBER);
        over(&mut w);
        assert_eq!(w.phones[0].transfer, [202, 100, 180, 200]);
        assert_eq!(w.phones[third].invite.as_ref().unwrap().from_user, shown);
        hear_each_other(&mut w, 1, third);
        w.hang_up(1);
        w.until("both are over", |w| w.switch.calls().count() == 0);
    }
}

/// alice (phone 0), bob (1) and carol (2) are registered at acme.example; alice calls bob by the application's Dial.
fn acme(seed: u64) -> World {
    let mut w = World::new(seed);
    let document = "<Dial action=\"/dialled\"><Sip>sip:bob@acme.example</Sip></Dial>";
    w.app.on("/voice", Reply::twiml(document));
    w.app.on("/dialled", Reply::twiml("<Hangup/>"));
    let mut rows = list(
        list(domain(true), Purpose::Registrations, domains::PASSWORD),
        Purpose::Calls,
        domains::PASSWORD,
    );
    for (n, name) in [(2, "bob"), (3, "carol")] {
        user(&mut rows, n, Purpose::Registrations, name, domains::PASSWORD);
        user(&mut rows, n + 10, Purpose::Calls, name, domains::PASSWORD);
    }
    w.domain(rows);
    for (host, name) in [(10, "alice"), (11, "bob"), (12, "carol")] {
        let phone = w.phone(name, host);
        domains::register(&mut w, phone, name, "acme.example");
        w.phones[phone].on_call = OnCall::Answer(200);
        w.phones[phone].calls = Some("sip:bob@acme.example".to_owned());
    }
    w.dial(0, "bob");
    w.until("both talk", |w| w.phones[0].answered && w.phones[1].answered);
    w.run_ms(300);
    w
}

/// The registrations last longer than the call.
fn off(w: &mut World) {
    (0..3).for_each(|phone| domains::off(w, phone));
}

#[test]
fn domain_user_transfers() {
    let mut w = acme(956);
    refer(&mut w, 1, "sip:carol@acme.example");
    w.until("bob has left", |w| !w.phones[1].ended.is_empty());
    assert_eq!(w.phones[1].transfer, [202, 100, 180, 200]);
    hear_each_other(&mut w, 0, 2);
    w.hang_up(0);
    over(&mut w);
    off(&mut w);
    let sentence = "A telephone of a SIP domain transfers its call to another user there.";
    ladder::check(w, "domain_user_transfers", sentence);
}

/// What costs money, or leads out of the house, is for the application to say.
#[test]
fn a_domain_user_transfers_nowhere_else() {
    let mut w = acme(957);
    for phone in [0, 1] {
        for to in ["sip:+15550003@acme.test", "tel:+15550003", "sip:anna@evil.example"] {
            refer(&mut w, phone, to);
            w.run_ms(300);
        }
        assert_eq!(w.phones[phone].transfer, [404, 404, 404]);
    }
    assert_eq!(codes(&w), [13802; 6]);
    hear_each_other(&mut w, 0, 1);
    w.hang_up(0);
    over(&mut w);
}

#[test]
fn domain_user_replaces() {
    let mut w = acme(958);
    let named = replaces(&w, 1);
    w.dial_with(2, "bob", "carol", vec![("Replaces".to_owned(), named)]);
    w.until("bob has left", |w| !w.phones[1].ended.is_empty());
    hear_each_other(&mut w, 0, 2);
    assert_eq!(w.store.all::<CallRow>().count(), 2, "it is the same call");
    w.hang_up(0);
    over(&mut w);
    off(&mut w);
    let sentence = "INVITE with Replaces through a SIP domain: its sender takes over a call of the account.";
    ladder::check(w, "domain_user_replaces", sentence);
}

#[test]
fn pbx_replaces() {
    let mut w = elastic::behind(959, elastic::lists(Some("10.0.1.8/29"), None), |_| {});
    let desk = w.phone("desk", 11);
    w.phones[desk].calls = w.phones[0].calls.clone();
    elastic::dial_out(&mut w, "+15550001");
    answered(&mut w, 1);
    w.run_ms(300);
    let named = replaces(&w, 0);
    w.dial_with(desk, "+15550002", "+15550001", vec![("Replaces".to_owned(), named.clone())]);
    over(&mut w);
    hear_each_other(&mut w, desk, 1);
    // Who is no part of the trunk does not.
    let stranger = w.phone("stranger", 20);
    w.trunk(|t| t.inbound_source_ips.push("10.0.1.20".to_owned()));
    w.trunk(|t| t.account = Some(chorus::sid::AccountSid(9)));
    let named = replaces(&w, desk);
    w.dial_with(stranger, "+15550002", "+15550001", vec![("Replaces".to_owned(), named)]);
    w.until("refused", |w| !w.phones[stranger].ended.is_empty());
    assert_eq!(w.phones[stranger].ended[0].code, 481);
    hear_each_other(&mut w, desk, 1);
    w.hang_up(desk);
    w.until("both are over", |w| w.switch.calls().count() == 0);
    let sentence = "INVITE with Replaces through the domain of a trunk: another telephone of the PBX takes its call over.";
    ladder::check(w, "pbx_replaces", sentence);
}
