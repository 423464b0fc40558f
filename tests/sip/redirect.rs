//! 3xx: which Contacts are followed, in which order, and how often.

use super::net::udp;
use super::peer::{Bench, OUT, SDP, US};
use chorus::sid::TrunkSid;
use chorus::sip::event::{Cause, Credentials, InviteCmd, SipCmd};
use chorus::store::rows::TrunkRow;
use chorus::trunk::Snapshot;
use chorus::trunk::manners::Redirects;
use std::sync::Arc;

const FIRST: &str = "10.0.0.2:5060";

fn dialled(redirects: Redirects) -> Bench {
    let mut b = Bench::new();
    let row = TrunkRow {
        sid: TrunkSid(1),
        outbound_host: Some("pbx.example".into()),
        inbound_source_ips: vec!["198.51.100.0/24".into()],
        redirects,
        ..TrunkRow::default()
    };
    b.sources(Arc::new(Snapshot::new(vec![row], vec![])));
    let cmd = InviteCmd {
        leg: OUT,
        call_id: "ours@10.0.0.1".into(),
        local_tag: "mine".into(),
        uri: "sip:+15550100@pbx.example".into(),
        next_hop: Some("pbx.example;transport=udp".into()),
        trunk: Some(TrunkSid(1)),
        from: "<sip:+15550199@LOCAL>".into(),
        to: "<sip:+15550100@pbx.example>".into(),
        credentials: Some(Credentials { username: "u".into(), password: "p".into() }),
        identity: vec![("P-Asserted-Identity".into(), "<sip:+15550199@LOCAL>".into())],
        max_forwards: 70,
        offer: SDP.into(),
        ..InviteCmd::default()
    };
    b.tell(SipCmd::Invite(Box::new(cmd)));
    found(&mut b, FIRST);
    b.take();
    b
}

fn found(b: &mut Bench, at: &str) {
    let id = b.lookup.unwrap();
    b.tell(SipCmd::Resolved(id, vec![udp(US, at)]));
}

fn moved(b: &mut Bench, contacts: &str) {
    b.respond("INVITE", 302, &format!("Contact: {contacts}\r\n"), "them", "");
}

#[test]
fn contacts_at_the_trunk_are_tried_by_their_q() {
    let mut b = dialled(Redirects::Trunk);
    let first = b.last().cseq().unwrap().number;
    moved(
        &mut b,
        "<sip:101@pbx.example:5070>;q=0.2, <sip:+15550100@198.51.100.7>;q=0.9, <sip:x@evil.example>;q=1.0",
    );
    b.expect(&["ACK", "resolve 198.51.100.7 None Some(Udp)"]);
    found(&mut b, "198.51.100.7:5060");
    b.expect(&["INVITE"]);
    assert_eq!(b.last().uri_text(), "sip:+15550100@198.51.100.7");
    assert_eq!((b.last().call_id(), b.last().cseq().unwrap().number > first), ("ours@10.0.0.1", true));
    b.respond("INVITE", 486, "", "them", "");
    b.expect(&["ACK", "resolve pbx.example Some(5070) Some(Udp)"]);
    found(&mut b, "10.0.0.2:5070");
    assert_eq!(b.last().uri_text(), "sip:101@pbx.example:5070");
    b.respond("INVITE", 200, "Contact: <sip:a@10.0.0.2>\r\n", "them", SDP);
    assert!(b.take().contains(&format!("Answered 2 Some({})", SDP.len())));
    b.tell(SipCmd::Hangup { leg: OUT, cause: Cause::new(200, "Done"), headers: vec![] });
    b.over();
}

#[test]
fn nobody_is_sent_to_another_house_or_another_number_unless_the_trunk_says_any() {
    for contacts in [
        "<sip:+15550100@evil.example>",
        "<sip:+19005550123@pbx.example>",
        "<tel:+15550100>",
        "<sips:101@pbx.example>",
    ] {
        let mut b = dialled(Redirects::Trunk);
        moved(&mut b, contacts);
        b.expect(&["ACK", "Ended 2 peer 302"]);
        b.over();
    }
    let mut b = dialled(Redirects::None);
    moved(&mut b, "<sip:101@pbx.example>");
    b.expect(&["ACK", "Ended 2 peer 302"]);
    let mut b = dialled(Redirects::Any);
    moved(&mut b, "<sip:+19005550123@other.example;transport=tcp>");
    b.expect(&["ACK", "resolve other.example None Some(Tcp)"]);
    found(&mut b, "10.0.0.9:5060");
    // The password is for the trunk.
    b.respond("INVITE", 401, "WWW-Authenticate: Digest realm=\"x\", nonce=\"n\"\r\n", "them", "");
    assert!(b.take().contains(&"Ended 2 peer 401".to_owned()));
    b.over();
}

#[test]
fn a_circle_ends() {
    let mut b = dialled(Redirects::Trunk);
    for n in 101..=104 {
        moved(&mut b, &format!("<sip:{n}@pbx.example>, <sip:+15550100@pbx.example>, <sip:101@pbx.example>"));
        found(&mut b, FIRST);
    }
    b.take();
    moved(&mut b, "<sip:105@pbx.example>");
    b.expect(&["ACK", "Ended 2 peer 302"]);
    b.over();
    let mut b = dialled(Redirects::Trunk);
    moved(&mut b, "<sip:+15550100@pbx.example>");
    b.expect(&["ACK", "Ended 2 peer 302"]);
    b.over();
}

#[test]
fn a_call_that_was_taken_back_is_not_sent_on() {
    let mut b = dialled(Redirects::Trunk);
    b.respond("INVITE", 180, "", "them", "");
    b.tell(SipCmd::Hangup { leg: OUT, cause: Cause::new(487, "Gone"), headers: vec![] });
    b.take();
    moved(&mut b, "<sip:101@pbx.example>");
    b.expect(&["ACK", "Ended 2 us 487"]);
    b.over();
}

const CHALLENGE: &str = "WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n\"\r\n";

fn says_who_calls(b: &Bench) -> bool {
    b.last().headers.has("P-Asserted-Identity")
}

#[test]
fn a_stranger_is_not_taken_for_the_trunk_and_its_own_contact_after_it_is() {
    let mut b = dialled(Redirects::Any);
    assert!(b.asked.trunk == Some(TrunkSid(1)) && says_who_calls(&b));
    moved(&mut b, "<sip:101@other.example;transport=tls>, <sip:102@pbx.example>;q=0.5");
    b.expect(&["ACK", "resolve other.example None Some(Tls)"]);
    // Over TLS it would be shown our certificate, and be believed to be the trunk.
    assert_eq!(b.asked.trunk, None);
    found(&mut b, "10.0.0.9:5061");
    assert!(!says_who_calls(&b));
    b.respond("INVITE", 404, "", "them", "");
    b.take();
    assert_eq!((b.asked.host.as_str(), b.asked.trunk), ("pbx.example", Some(TrunkSid(1))));
    found(&mut b, FIRST);
    assert_eq!(b.last().uri_text(), "sip:102@pbx.example");
    assert!(says_who_calls(&b));
    b.respond("INVITE", 401, CHALLENGE, "them", "");
    assert!(b.last().headers.has("Authorization"), "the password is for the trunk");
    b.respond("INVITE", 486, "", "them", "");
    b.take();
    b.over();
}

#[test]
fn every_host_of_the_trunk_is_its_own_where_all_are_followed() {
    let mut b = dialled(Redirects::Any);
    moved(&mut b, "<sip:101@198.51.100.7>");
    assert_eq!((b.asked.host.as_str(), b.asked.trunk), ("198.51.100.7", Some(TrunkSid(1))));
    found(&mut b, "198.51.100.7:5060");
    b.respond("INVITE", 401, CHALLENGE, "them", "");
    assert!(b.last().headers.has("Authorization"));
    b.respond("INVITE", 486, "", "them", "");
    b.over();
}

#[test]
fn a_realm_of_a_host_that_sent_us_on_is_not_that_of_the_next() {
    let mut b = dialled(Redirects::Trunk);
    b.respond("INVITE", 401, CHALLENGE, "them", "");
    moved(&mut b, "<sip:101@198.51.100.7>");
    found(&mut b, "198.51.100.7:5060");
    b.flow = udp(US, "198.51.100.7:5060");
    b.respond("INVITE", 200, "Contact: <sip:a@198.51.100.7>\r\n", "them", SDP);
    b.tell(SipCmd::Hangup { leg: OUT, cause: Cause::new(200, "Done"), headers: vec![] });
    b.take();
    // It never asked for the password of the call (ruling 2.27).
    b.respond("BYE", 401, CHALLENGE, "them", "");
    b.expect(&["Ended 2 us 200"]);
    b.over();
}
