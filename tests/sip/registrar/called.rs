//! Calls to who has registered: to one contact, and to several at once, of which the first to answer has the call.

use super::super::peer::{Bench, SDP, response};
use super::{ALICE, PHONE, Phone, phone};
use chorus::sip::event::{Cause, InviteCmd, LegId, SipCmd};
use chorus::sip::wire::{Message, Method};
use std::collections::BTreeSet;

/// A call to a user, by its contact's address or by a number behind it.
pub fn call(user: &str, keep_user: bool) -> SipCmd {
    SipCmd::Invite(Box::new(InviteCmd {
        leg: LegId(2),
        call_id: "ours".into(),
        local_tag: "mine".into(),
        uri: format!("sip:{}@chorus", if keep_user { "+15550199" } else { user }),
        registered: Some(user.into()),
        keep_user,
        from: "<sip:+15550100@LOCAL>".into(),
        to: format!("<sip:{user}@chorus>"),
        max_forwards: 70,
        offer: SDP.into(),
        ..InviteCmd::default()
    }))
}

#[test]
fn a_call_to_a_user_goes_to_its_contact_on_the_flow_of_its_register() {
    let mut b = phone();
    // Behind a NAT: the Contact is private, the way back is where it came from, over its Path.
    let behind = Phone {
        contact: "Contact: <sip:alice@192.168.1.5:5080;ob>\r\nPath: <sip:edge.example;lr>\r\n",
        ..ALICE
    };
    behind.register(&mut b, 1);
    b.take();
    b.tell(call("alice", false));
    b.expect(&["INVITE"]);
    assert_eq!(b.last().uri_text(), "sip:alice@192.168.1.5:5080;ob");
    assert_eq!(b.last_flow().remote, PHONE.parse().unwrap());
    assert_eq!(b.last().headers.text("Route").unwrap(), "<sip:edge.example;lr>");
    b.respond("INVITE", 486, "", "them", "");
    b.expect(&["ACK", "Ended 2 peer 486"]);
    assert_eq!(b.last().headers.text("Route").unwrap(), "<sip:edge.example;lr>");
}

#[test]
fn a_number_behind_a_pbx_stays_in_the_request_uri() {
    let mut b = phone();
    ALICE.register(&mut b, 1);
    b.take();
    b.tell(call("alice", true));
    assert_eq!(b.last().uri_text(), "sip:+15550199@10.0.0.2:5060");
}

#[test]
fn who_is_not_registered_cannot_be_called() {
    let mut b = phone();
    b.tell(call("alice", false));
    b.expect(&["Ended 2 us 480"]);
    b.over();
}

/// A call to a user at three contacts, a, b and c, the first the preferred; all of their INVITEs.
fn ringing() -> (Bench, Vec<Message>) {
    let mut b = phone();
    let three = Phone {
        contact: "Contact: <sip:a@10.0.0.2:5061>;q=0.9, <sip:b@10.0.0.2:5062>;q=0.5, <sip:c@10.0.0.2:5063>;q=0.1\r\n",
        ..ALICE
    };
    three.register(&mut b, 1);
    b.take();
    b.sent.clear();
    b.tell(call("alice", false));
    b.expect(&["INVITE", "INVITE", "INVITE"]);
    let invites: Vec<Message> = b.sent.iter().map(|(_, m)| m.clone()).collect();
    let uris: Vec<&str> = invites.iter().map(Message::uri_text).collect();
    assert_eq!(uris, ["sip:a@10.0.0.2:5061", "sip:b@10.0.0.2:5062", "sip:c@10.0.0.2:5063"]);
    let same = |f: fn(&Message) -> String| invites.iter().all(|i| f(i) == f(&invites[0]));
    assert!(same(|m| m.call_id().to_owned()) && same(|m| m.from_tag().unwrap()));
    assert!(
        same(|m| m.cseq().unwrap().number.to_string())
            && !same(|m| m.via().unwrap().branch().unwrap().into())
    );
    (b, invites)
}

fn says(b: &mut Bench, invite: &Message, code: u16, tag: &str) {
    let (extra, body) = if code == 200 { ("Contact: <sip:x@10.0.0.2:5099>\r\n", SDP) } else { ("", "") };
    b.get(&response(invite, code, extra, tag, body));
}

#[test]
fn all_contacts_ring_and_the_first_to_answer_has_the_call() {
    for winner in 0..3 {
        let (mut b, invites) = ringing();
        for (n, invite) in invites.iter().enumerate() {
            says(&mut b, invite, 180, &format!("t{n}"));
        }
        b.expect(&["Progress 2 180 None", "Progress 2 180 None", "Progress 2 180 None"]);
        says(&mut b, &invites[winner], 200, &format!("t{winner}"));
        let lines = b.take();
        assert_eq!(lines.iter().filter(|l| *l == "CANCEL").count(), 2, "{winner}: {lines:?}");
        assert!(
            lines.contains(&"Answered 2 Some(85)".to_owned()) && lines.contains(&"ACK".to_owned()),
            "{lines:?}"
        );
        let cancelled: Vec<String> = b
            .sent
            .iter()
            .filter(|(_, m)| m.is(&Method::Cancel))
            .map(|(_, m)| m.uri_text().to_owned())
            .collect();
        let others: Vec<String> = invites
            .iter()
            .enumerate()
            .filter(|(n, _)| *n != winner)
            .map(|(_, m)| m.uri_text().to_owned())
            .collect();
        assert_eq!(cancelled.iter().collect::<BTreeSet<_>>(), others.iter().collect::<BTreeSet<_>>());
        for (n, invite) in invites.iter().enumerate().filter(|(n, _)| *n != winner) {
            says(&mut b, invite, 487, &format!("t{n}"));
        }
        b.expect(&["ACK", "ACK"]);
        b.tell(SipCmd::Hangup { leg: LegId(2), cause: Cause::new(200, "Done"), headers: vec![] });
        assert_eq!(b.last().uri_text(), "sip:x@10.0.0.2:5099");
        b.respond("BYE", 200, "", "", "");
        b.over();
    }
}

#[test]
fn one_that_has_not_rung_yet_is_cancelled_when_it_does_and_a_late_200_is_left_at_once() {
    let (mut b, invites) = ringing();
    says(&mut b, &invites[1], 200, "t1");
    b.expect(&["ACK", "Answered 2 Some(85)"]);
    says(&mut b, &invites[0], 180, "t0");
    b.expect(&["CANCEL"]);
    says(&mut b, &invites[2], 200, "t2");
    b.expect(&["ACK", "BYE"]);
    b.tell(SipCmd::Hangup { leg: LegId(2), cause: Cause::new(200, "Done"), headers: vec![] });
    b.over();
}

#[test]
fn the_best_refusal_of_all_contacts_ends_the_call() {
    for (codes, end) in
        [([480, 486, 408], 480), ([503, 486, 404], 486), ([408, 500, 503], 500), ([480, 603, 480], 603)]
    {
        let (mut b, invites) = ringing();
        for (n, invite) in invites.iter().enumerate() {
            says(&mut b, invite, codes[n], &format!("t{n}"));
            if codes[n] >= 600 {
                // The others are not wanted any more.
                says(&mut b, &invites[2], 180, "t2");
                says(&mut b, &invites[2], 487, "t2");
                break;
            }
        }
        b.pass(3_000);
        let lines = b.take();
        let ends: Vec<&String> = lines.iter().filter(|l| l.starts_with("Ended")).collect();
        assert_eq!(ends, [&format!("Ended 2 peer {end}")], "{codes:?} {lines:?}");
        b.over();
    }
}

#[test]
fn a_call_taken_back_is_taken_back_everywhere() {
    let (mut b, invites) = ringing();
    says(&mut b, &invites[0], 180, "t0");
    says(&mut b, &invites[2], 180, "t2");
    b.take();
    b.tell(SipCmd::Hangup { leg: LegId(2), cause: Cause::new(487, "Caller left"), headers: vec![] });
    b.expect(&["CANCEL", "CANCEL"]);
    says(&mut b, &invites[1], 180, "t1");
    b.expect(&["CANCEL"]);
    for (n, invite) in invites.iter().enumerate() {
        says(&mut b, invite, 487, &format!("t{n}"));
    }
    b.expect(&["ACK", "Ended 2 us 487", "ACK", "ACK"]);
    b.over();
}

#[test]
fn silent_contacts_end_the_call_and_nothing_is_left() {
    let (mut b, invites) = ringing();
    says(&mut b, &invites[1], 180, "t1");
    b.pass(40_000);
    assert!(!b.take().iter().any(|l| l.starts_with("Ended")), "one still rings");
    says(&mut b, &invites[1], 480, "t1");
    let lines = b.take();
    assert!(lines.contains(&"Ended 2 peer 480".to_owned()), "{lines:?}");
    b.over();
}

#[test]
fn a_contact_that_answers_while_it_is_taken_back_leaves_none_behind() {
    let (mut b, invites) = ringing();
    says(&mut b, &invites[1], 180, "t1");
    b.take();
    b.tell(SipCmd::Hangup { leg: LegId(2), cause: Cause::new(487, "Caller left"), headers: vec![] });
    b.expect(&["CANCEL"]);
    says(&mut b, &invites[1], 200, "t1");
    b.pass(2_500);
    let lines = b.take();
    assert!(lines.contains(&"BYE".to_owned()) && lines.contains(&"Ended 2 us 487".to_owned()), "{lines:?}");
    for n in [0, 2] {
        says(&mut b, &invites[n], 180, &format!("t{n}"));
        b.expect(&["CANCEL"]);
        says(&mut b, &invites[n], 487, &format!("t{n}"));
        b.expect(&["ACK"]);
    }
    b.over();
}

#[test]
fn a_challenge_of_one_contact_leaves_the_others_in_the_race() {
    let (mut b, invites) = ringing();
    let with = |b: &mut Bench, invite: &Message, extra: &str, code: u16, tag: &str| {
        b.get(&response(invite, code, extra, tag, ""));
    };
    with(&mut b, &invites[0], "WWW-Authenticate: Digest realm=\"p\", nonce=\"n\"\r\n", 401, "t0");
    says(&mut b, &invites[1], 200, "t1");
    let lines = b.take();
    assert!(lines.contains(&"Answered 2 Some(85)".to_owned()), "{lines:?}");
    b.tell(SipCmd::Hangup { leg: LegId(2), cause: Cause::new(200, "Done"), headers: vec![] });
    b.over();
}

#[test]
fn one_cancel_is_enough_also_when_another_contact_answers_meanwhile() {
    let (mut b, invites) = ringing();
    says(&mut b, &invites[0], 180, "t0");
    says(&mut b, &invites[1], 180, "t1");
    b.take();
    b.tell(SipCmd::Hangup { leg: LegId(2), cause: Cause::new(487, "Caller left"), headers: vec![] });
    b.expect(&["CANCEL", "CANCEL"]);
    says(&mut b, &invites[1], 200, "t1");
    b.expect(&["ACK", "BYE"]);
    says(&mut b, &invites[0], 487, "t0");
    b.expect(&["ACK"]);
    b.pass(2_500);
    assert!(b.take().contains(&"Ended 2 us 487".to_owned()));
    says(&mut b, &invites[2], 180, "t2");
    b.expect(&["CANCEL"]);
    b.over();
}

/// Its inner address looks public, but it registered from another one.
#[test]
fn a_registered_phone_behind_a_nat_gets_ack_and_bye_where_its_register_came_from() {
    let inner = Phone { contact: "Contact: <sip:alice@192.0.2.7:5080>\r\n", ..ALICE };
    let moved = "Contact: <sip:alice@192.0.2.8:5080>\r\n";
    let routed = "Contact: <sip:alice@192.0.2.7:5080>\r\nRecord-Route: <sip:192.0.2.9;lr>\r\n";
    for (answer, to) in [(inner.contact, PHONE), (moved, "192.0.2.8:5080"), (routed, "192.0.2.9:5060")] {
        let mut b = phone();
        inner.register(&mut b, 1);
        b.tell(call("alice", false));
        b.respond("INVITE", 183, &format!("{answer}Require: 100rel\r\nRSeq: 1\r\n"), "them", SDP);
        assert_eq!((b.last().method(), b.last_flow().remote), (Some(&Method::Prack), to.parse().unwrap()));
        b.respond("INVITE", 200, answer, "them", "");
        assert_eq!((b.last().method(), b.last_flow().remote), (Some(&Method::Ack), to.parse().unwrap()));
        b.tell(SipCmd::Hangup { leg: LegId(2), cause: Cause::new(200, "Done"), headers: vec![] });
        assert_eq!((b.last().method(), b.last_flow().remote), (Some(&Method::Bye), to.parse().unwrap()));
    }
}

/// Whom a phone forwards to at the realm is no host that DNS knows: its 302 is the answer.
#[test]
fn a_phone_that_sends_its_calls_to_another_user_ends_them() {
    let mut b = phone();
    ALICE.register(&mut b, 1);
    b.tell(call("alice", false));
    b.take();
    b.respond("INVITE", 302, "Contact: <sip:bob@chorus>\r\n", "them", "");
    b.expect(&["ACK", "Ended 2 peer 302"]);
    b.over();
}
