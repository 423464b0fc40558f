//! `Secure` of SIP domains and of trunks, and `;secure=true`: TLS and SRTP, or no call.

use super::scene::*;
use super::{domains, elastic};
use crate::kit::doors::{acl, domain, list};
use crate::kit::phone::OnCall;
use crate::kit::world::spoken;
use crate::kit::{World, ladder};
use chorus::media::srtp::OwnKeys;
use chorus::rng::Rng;
use chorus::sdp::{Srtp, Terms};
use chorus::store::rows::{CallRow, NotificationRow, Purpose};

const BOT: &str = "sip:bot@acme.example";

fn keys(n: u64) -> Terms {
    Terms { srtp: Srtp::Required(Box::new(OwnKeys::new(Rng::from_number(n)))), ..Terms::default() }
}

/// Phone 0 has a call for a domain that its address may call.
fn office(seed: u64, secure: bool) -> World {
    let mut w = caller(seed, "<Say>hi</Say><Hangup/>");
    w.without_trunk();
    let mut rows = acl(domain(false), "10.0.1.0/28");
    rows.domains[0].secure = secure;
    w.domain(rows);
    w.phones[0].calls = Some(BOT.to_owned());
    w
}

/// What it is refused with, and what its account is told.
fn refused(w: &mut World) -> (u16, Vec<u32>) {
    w.dial(0, "bot");
    over(w);
    w.run_ms(100);
    assert_eq!(w.store.all::<CallRow>().count(), 0, "nothing was made of it");
    (w.phones[0].ended[0].code, w.store.all::<NotificationRow>().map(|n| n.code).collect())
}

fn is_encrypted(w: &World, phone: usize) -> bool {
    w.phones[phone].peer.as_ref().is_some_and(|p| p.crypto.is_some())
}

#[test]
fn secure_domain() {
    let mut w = office(900, true);
    w.phones[0].tls = true;
    w.phones[0].terms = keys(1);
    w.dial(0, "bot");
    answered(&mut w, 0);
    assert!(is_encrypted(&w, 0));
    over(&mut w);
    assert!(w.phones[0].rtp_loud > 0);
    ladder::check(w, "secure_domain", "A Secure SIP domain takes a call over TLS with SRTP.");
}

#[test]
fn secure_domain_over_udp() {
    let mut w = office(901, true);
    w.phones[0].terms = keys(2);
    assert_eq!(refused(&mut w), (403, vec![32209]));
    ladder::check(
        w,
        "secure_domain_over_udp",
        "A Secure SIP domain refuses a call that comes over UDP with 403.",
    );
}

#[test]
fn secure_domain_in_clear() {
    let mut w = office(902, true);
    w.phones[0].tls = true;
    assert_eq!(refused(&mut w), (488, vec![32208]));
    let words: Vec<String> = w.store.all::<NotificationRow>().map(|n| n.words.clone()).collect();
    assert!(words[0].contains("the peer offered RTP/AVP without a key"), "{words:?}");
    ladder::check(
        w,
        "secure_domain_in_clear",
        "A Secure SIP domain refuses RTP in clear with 488 and a Warning.",
    );
}

#[test]
fn a_domain_that_is_not_secure_takes_no_keys() {
    let mut w = office(903, false);
    w.phones[0].tls = true;
    w.phones[0].terms = keys(3);
    assert_eq!(refused(&mut w), (488, vec![32207]));
}

/// The offer is ours then.
#[test]
fn a_secure_domain_offers_keys_to_who_offers_nothing() {
    let mut w = office(904, true);
    w.phones[0].tls = true;
    w.phones[0].terms = keys(4);
    w.phones[0].offerless = true;
    w.dial(0, "bot");
    w.until("there is an offer", |w| !w.phones[0].documents.is_empty());
    assert!(w.phones[0].documents[0].contains("RTP/SAVP "), "{}", w.phones[0].documents[0]);
    w.hang_up(0);
    over(&mut w);
}

/// POST Calls to an address at 10.0.1.2, where a phone answers.
fn dialled(seed: u64, to: &str, change: impl FnOnce(&mut World)) -> World {
    let mut w = caller(seed, "<Say>hello</Say>");
    callee(&mut w, OnCall::Answer(500));
    change(&mut w);
    let to = to.to_owned();
    api(&mut w, |d| d.to = to);
    w.until("it is over", |w| w.switch.calls().count() == 0);
    w.run_ms(100);
    w
}

#[test]
fn secure_address() {
    let w = dialled(905, "sip:anna@10.0.1.2;secure=true", |w| {
        w.phones[1].tls = true;
        w.phones[1].terms = keys(5);
    });
    assert!(w.phones[1].rtp_loud > 0 && w.phones[1].documents[0].contains("RTP/SAVP "));
    let uri = w.phones[1].invite.as_ref().unwrap().uri.clone();
    assert_eq!(uri, "sip:anna@10.0.1.2;transport=tls");
    ladder::check(w, "secure_address", "sip:...;secure=true is called over TLS with SRTP.");
}

#[test]
fn a_secure_address_is_never_called_in_clear() {
    // Nobody listens for TLS there.
    let w = dialled(906, "sip:anna@10.0.1.2;secure=true", |_| {});
    assert!(w.phones[1].invite.is_none() && w.phones[1].ended.is_empty());
    // It answers without keys.
    let w = dialled(907, "sip:anna@10.0.1.2;secure=true", |w| {
        w.phones[1].tls = true;
        w.phones[1].answer_with = Some(
            "v=0\r\no=- 1 1 IN IP4 10.0.1.2\r\ns=-\r\nc=IN IP4 10.0.1.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n".into(),
        );
    });
    assert_eq!(w.phones[1].rtp_loud, 0);
    // It names another transport itself.
    let mut w =
        caller(908, "<Dial action=\"/done\"><Sip>sip:anna@10.0.1.2;transport=udp;secure=true</Sip></Dial>");
    w.app.on("/done", crate::kit::Reply::twiml("<Hangup/>"));
    callee(&mut w, OnCall::Answer(100));
    w.dial(0, "+15550001");
    over(&mut w);
    w.run_ms(100);
    assert!(w.phones[1].invite.is_none());
    assert!(w.store.all::<NotificationRow>().any(|n| n.code == 32209 && n.words.contains("asks for udp")));
}

#[test]
fn without_it_an_address_is_called_in_clear() {
    let w = dialled(909, "sip:anna@10.0.1.2;secure=false", |_| {});
    assert!(w.phones[1].rtp_loud > 0);
    assert_eq!(w.phones[1].invite.as_ref().unwrap().uri, "sip:anna@10.0.1.2");
}

/// A caller at a carrier, and a Secure trunk that rings at 10.0.1.3.
fn pbx(seed: u64, url: &str, tls: bool) -> World {
    let mut row = elastic::url(3, 10, 10);
    row.sip_url = url.to_owned();
    let mut w = elastic::trunk(seed, &[row], |t| t.secure = true);
    let phone = elastic::pbx(&mut w, 3, OnCall::Answer(500));
    w.phones[phone].tls = tls;
    w.phones[phone].terms = keys(seed);
    w
}

#[test]
fn secure_origination() {
    let mut w = pbx(910, "sip:10.0.1.3", true);
    w.dial(0, "+15550001");
    answered(&mut w, 1);
    assert!(is_encrypted(&w, 1) && !is_encrypted(&w, 0));
    w.talk(0, Some(spoken(&"a".repeat(100))));
    w.until("it is heard", |w| w.phones[1].rtp_loud > 5);
    w.hang_up(1);
    over(&mut w);
    let sentence = "A call to a number of a Secure trunk rings at its origination URL over TLS with SRTP.";
    ladder::check(w, "secure_origination", sentence);
}

#[test]
fn secure_origination_never_in_clear() {
    for (seed, url) in [(911, "sip:10.0.1.3"), (912, "sip:10.0.1.3;transport=tcp")] {
        let mut w = pbx(seed, url, false);
        w.dial(0, "+15550001");
        over(&mut w);
        w.run_ms(100);
        assert!(w.phones[1].invite.is_none(), "{url}");
        let codes: Vec<u32> = w.store.all::<NotificationRow>().map(|n| n.code).collect();
        assert!(codes.contains(&if seed == 911 { 32011 } else { 32209 }), "{codes:?}");
    }
}

/// A PBX that dials out through a Secure trunk, and the carrier, which has no keys.
fn behind(seed: u64, tls: bool, terms: Terms) -> World {
    let mut w = elastic::behind(seed, elastic::lists(Some("10.0.1.8/29"), None), |t| t.secure = true);
    w.phones[0].tls = tls;
    w.phones[0].terms = terms;
    w
}

#[test]
fn secure_termination() {
    let mut w = behind(913, true, keys(913));
    elastic::dial_out(&mut w, "+15550001");
    answered(&mut w, 0);
    assert!(is_encrypted(&w, 0) && !is_encrypted(&w, 1));
    w.talk(0, Some(spoken(&"a".repeat(100))));
    w.until("it is heard", |w| w.phones[1].rtp_loud > 5);
    w.hang_up(1);
    over(&mut w);
    ladder::check(
        w,
        "secure_termination",
        "A PBX dials out through a Secure trunk over TLS with SRTP; the carrier has what its trunk says.",
    );
}

#[test]
fn a_secure_trunk_takes_nothing_in_clear() {
    for (seed, tls, terms, code, error) in
        [(914, false, keys(914), 403, 32209), (915, true, Terms::default(), 488, 32208)]
    {
        let mut w = behind(seed, tls, terms);
        elastic::dial_out(&mut w, "+15550001");
        over(&mut w);
        w.run_ms(100);
        let codes: Vec<u32> = w.store.all::<NotificationRow>().map(|n| n.code).collect();
        assert_eq!((w.phones[0].ended[0].code, codes), (code, vec![error]));
    }
}

/// `alice` is registered at acme.example, which is Secure; bob's number dials her.
fn alice(seed: u64, tls: bool) -> World {
    let mut w = caller(seed, "<Dial action=\"/done\"><Sip>sip:alice@acme.example</Sip></Dial>");
    w.app.on("/done", crate::kit::Reply::twiml("<Hangup/>"));
    let mut rows = list(domain(true), Purpose::Registrations, domains::PASSWORD);
    rows.domains[0].secure = true;
    w.domain(rows);
    let phone = w.phone("alice", 11);
    w.phones[phone].tls = tls;
    w.phones[phone].terms = keys(seed);
    w.phones[phone].on_call = OnCall::Answer(500);
    domains::register(&mut w, phone, "alice", "acme.example");
    w.dial(0, "+15550001");
    w
}

#[test]
fn secure_user() {
    let mut w = alice(916, true);
    answered(&mut w, 1);
    assert!(is_encrypted(&w, 1));
    w.hang_up(0);
    over(&mut w);
    w.break_all();
    ladder::check(
        w,
        "secure_user",
        "A user of a Secure domain is rung over the TLS of the registration, with SRTP.",
    );
}

#[test]
fn a_user_of_a_secure_domain_who_registered_in_clear_is_not_rung() {
    let mut w = alice(917, false);
    over(&mut w);
    assert!(w.phones[1].invite.is_none());
    assert!(
        w.store.all::<NotificationRow>().any(|n| n.code == 32209 && n.words.contains("register over TLS"))
    );
}
