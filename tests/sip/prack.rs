//! Reliable provisional responses (RFC 3262), both ways.

use super::net::udp;
use super::peer::{Bench, IN, OUT, PEER, Req, SDP, US, response};
use chorus::sid::TrunkSid;
use chorus::sip::event::{Cause, Credentials, InviteCmd, OfferId, SipCmd, SipEvent};
use chorus::sip::wire::Message;
use chorus::store::rows::TrunkRow;
use chorus::trunk::Snapshot;
use chorus::trunk::manners::Reliability;
use std::sync::Arc;

const RELIABLE: &str = "Require: 100rel\r\nContact: <sip:a@10.0.0.2>\r\nRSeq: ";

fn field(m: &Message, name: &str) -> String {
    m.headers.text(name).map(|v| v.into_owned()).unwrap_or_default()
}

/// An INVITE with this header field, told 183 with SDP.
fn early(with: &str) -> Bench {
    let mut b = Bench::new();
    b.get(&Req::new("INVITE").sdp().with(with).text());
    b.tell(SipCmd::Ring { leg: IN, body: Some(SDP.into()) });
    b.expect(&["100 INVITE", "Incoming 1", "183 INVITE"]);
    b
}

/// PRACK of the response sent last.
fn prack(b: &Bench, n: u32) -> Req {
    let last = b.sent.iter().rev().map(|(_, m)| m).find(|m| m.rseq().is_some()).unwrap();
    Req::new("PRACK").us(&b.tag()).cseq(n).with(&format!("RAck: {} 1 INVITE", last.rseq().unwrap()))
}

fn answer(b: &mut Bench) {
    b.tell(SipCmd::Answer { leg: IN, body: SDP.into(), headers: vec![] });
}

#[test]
fn early_media_is_told_until_its_prack_and_the_200_waits_for_it() {
    let mut b = early("Supported: 100rel");
    assert_eq!((field(b.last(), "Require").as_str(), b.last().rseq().is_some()), ("100rel", true));
    b.pass(1_600);
    b.expect(&["183 INVITE", "183 INVITE"]);
    answer(&mut b);
    b.expect(&[]);
    let p = prack(&b, 2);
    b.get(&p.text());
    b.expect(&["200 PRACK", "200 INVITE"]);
    assert!(b.last().body.is_empty(), "the answer was given");
    b.get(&p.text());
    b.expect(&["200 PRACK"]);
    b.get(&Req::new("ACK").us(&b.tag()).branch("ack").text());
    b.expect(&["Confirmed 1 None"]);
    b.pass(90_000);
    b.expect(&[]);
    b.get(&Req::new("BYE").us(&b.tag()).cseq(9).text());
    b.over();
}

#[test]
fn ringing_is_reliable_where_it_is_required_and_plain_where_it_is_only_supported() {
    for (with, reliable) in [("Require: 100rel", true), ("Supported: 100rel", false), ("Subject: x", false)] {
        let mut b = Bench::new();
        b.get(&Req::new("INVITE").sdp().with(with).text());
        b.tell(SipCmd::Ring { leg: IN, body: None });
        b.expect(&["100 INVITE", "Incoming 1", "180 INVITE"]);
        assert_eq!(b.last().rseq().is_some(), reliable, "{with}");
        // Without SDP in it the 200 need not wait.
        answer(&mut b);
        b.expect(&["200 INVITE"]);
        assert!(!b.last().body.is_empty());
        b.get(&Req::new("ACK").us(&b.tag()).branch("ack").text());
        b.take();
        if reliable {
            b.get(&prack(&b, 2).text());
            b.expect(&["200 PRACK"]);
        }
    }
}

#[test]
fn the_next_one_waits_for_the_prack_of_the_first_and_has_the_next_number() {
    let mut b = Bench::new();
    b.get(&Req::new("INVITE").sdp().with("Require: 100rel").text());
    b.tell(SipCmd::Ring { leg: IN, body: None });
    b.tell(SipCmd::Ring { leg: IN, body: Some(SDP.into()) });
    b.expect(&["100 INVITE", "Incoming 1", "180 INVITE"]);
    let first = b.last().rseq().unwrap();
    b.get(&prack(&b, 2).text());
    b.expect(&["200 PRACK", "183 INVITE"]);
    assert_eq!(b.last().rseq(), Some(first + 1));
    // The first once more, under another transaction.
    b.get(&Req::new("PRACK").us(&b.tag()).cseq(3).with(&format!("RAck: {first} 1 INVITE")).text());
    b.expect(&["481 PRACK", "Refused 481"]);
    b.get(&prack(&b, 4).text());
    b.expect(&["200 PRACK"]);
}

#[test]
fn without_a_prack_the_invite_is_refused_after_64_t1() {
    let mut b = early("Require: 100rel");
    b.pass(31_900);
    assert!(!b.take().iter().any(|l| l.starts_with("Ended")));
    b.pass(200);
    let lines = b.take();
    assert!(
        lines.contains(&"504 INVITE".to_owned()) && lines.contains(&"Ended 1 us 504".to_owned()),
        "{lines:?}"
    );
    b.over();
}

#[test]
fn a_prack_may_offer_anew_and_an_update_after_it_too() {
    let mut b = early("Supported: 100rel");
    // Not before.
    b.get(&Req::new("UPDATE").us(&b.tag()).cseq(2).sdp().text());
    b.expect(&["500 UPDATE", "Refused 500"]);
    b.get(&prack(&b, 3).sdp().text());
    b.expect(&[&format!("Offer 1 Some({})", SDP.len())]);
    answer(&mut b);
    b.expect(&[]);
    let accept = |b: &mut Bench, offer| {
        b.tell(SipCmd::AcceptOffer { leg: IN, offer: OfferId(offer), body: Some(SDP.into()) })
    };
    accept(&mut b, 1);
    b.expect(&["200 PRACK", "200 INVITE"]);
    let mut b = early("Supported: 100rel");
    b.get(&prack(&b, 2).text());
    b.get(&Req::new("UPDATE").us(&b.tag()).cseq(3).sdp().text());
    b.expect(&["200 PRACK", &format!("Offer 1 Some({})", SDP.len())]);
    accept(&mut b, 1);
    b.expect(&["200 UPDATE"]);
    assert_eq!(b.last().body, SDP.as_bytes());
}

#[test]
fn an_offerless_invite_that_requires_it_hears_nothing_before_our_offer() {
    let mut b = Bench::new();
    b.get(&Req::new("INVITE").with("Require: 100rel").text());
    b.tell(SipCmd::Ring { leg: IN, body: None });
    answer(&mut b);
    b.expect(&["100 INVITE", "Incoming 1", "200 INVITE"]);
}

#[test]
fn who_gives_up_while_the_200_waits_gets_487() {
    let mut b = early("Supported: 100rel");
    answer(&mut b);
    b.get(&Req::new("CANCEL").text());
    b.expect(&["200 CANCEL", "487 INVITE", "Ended 1 peer 487"]);
    b.get(&Req::new("ACK").us(&b.tag()).text());
    b.over();
    let mut b = early("Supported: 100rel");
    answer(&mut b);
    b.tell(SipCmd::Hangup { leg: IN, cause: Cause::new(480, "Gone"), headers: vec![] });
    b.expect(&["480 INVITE", "Ended 1 us 480"]);
    b.get(&Req::new("ACK").us(&b.tag()).text());
    b.over();
}

/// An INVITE of ours is out.
fn calling() -> Bench {
    let mut b = Bench::new();
    b.dial(&[udp(US, PEER)]);
    b.expect(&["INVITE"]);
    assert!(field(b.last(), "Supported").contains("100rel"));
    b
}

fn progress(b: &mut Bench, code: u16, tag: &str, rseq: u32, body: &str) {
    let invite =
        b.sent.iter().map(|(_, m)| m).find(|m| m.cseq().unwrap().method.as_str() == "INVITE").unwrap();
    let text = response(invite, code, &format!("{RELIABLE}{rseq}\r\n"), tag, body);
    b.get(&text);
}

#[test]
fn each_reliable_response_gets_one_prack_in_order() {
    let mut b = calling();
    let invite = b.last().cseq().unwrap().number;
    progress(&mut b, 180, "a", 7, "");
    b.expect(&["PRACK", "Progress 2 180 None"]);
    assert_eq!(field(b.last(), "RAck"), format!("7 {invite} INVITE"));
    assert_eq!((b.last().uri_text(), b.last().to_tag().as_deref()), ("sip:a@10.0.0.2", Some("a")));
    b.respond("PRACK", 200, "", "a", "");
    // The same again: its PRACK was lost no longer than its transaction repeats it.
    progress(&mut b, 180, "a", 7, "");
    b.expect(&[]);
    // A gap: number 8 was lost and comes again.
    progress(&mut b, 183, "a", 9, SDP);
    b.expect(&[]);
    progress(&mut b, 183, "a", 8, SDP);
    b.expect(&["PRACK", &format!("Progress 2 183 Some({})", SDP.len())]);
    b.respond("PRACK", 200, "", "a", "");
    let used = b.last().cseq().unwrap().number;
    b.respond("INVITE", 200, "Contact: <sip:a@10.0.0.2>\r\n", "a", "");
    b.expect(&["ACK", "Answered 2 None"]);
    assert_eq!(b.last().cseq().unwrap().number, invite);
    b.tell(SipCmd::Hangup { leg: OUT, cause: Cause::new(200, "Done"), headers: vec![] });
    b.expect(&["BYE"]);
    assert_eq!(b.last().cseq().unwrap().number, used + 1);
    b.respond("BYE", 200, "", "a", "");
    b.over();
}

#[test]
fn early_dialogs_of_a_fork_count_for_themselves() {
    let mut b = calling();
    progress(&mut b, 180, "a", 7, "");
    progress(&mut b, 180, "b", 300, "");
    progress(&mut b, 180, "b", 300, "");
    let sent = b.sent.clone();
    let pracks: Vec<_> = sent.iter().map(|(_, m)| m).filter(|m| m.rack().is_some()).collect();
    let tags: Vec<_> = pracks.iter().map(|m| (m.to_tag().unwrap(), m.rack().unwrap().rseq)).collect();
    assert_eq!(tags, [("a".to_owned(), 7), ("b".to_owned(), 300)]);
    b.get(&response(pracks[0], 200, "", "", ""));
    b.get(&response(pracks[1], 200, "", "", ""));
    b.take();
    // Requests of the forks have numbers of their own, too.
    let update = |tag: &str, n: u32| {
        Req::new("UPDATE").call_id("ours@10.0.0.1").them(tag).us("mine").cseq(n).branch(&format!("{tag}{n}"))
    };
    b.get(&update("a", 5_000).text());
    b.get(&update("b", 10).text());
    b.expect(&["200 UPDATE", "200 UPDATE"]);
    b.get(&update("b", 9).text());
    b.expect(&["500 UPDATE", "Refused 500"]);
    // Neither has answered our offer yet.
    b.get(&update("b", 11).sdp().text());
    b.expect(&["491 UPDATE", "Refused 491"]);
    progress(&mut b, 183, "b", 301, SDP);
    b.take();
    b.get(&update("b", 12).sdp().text());
    b.expect(&[&format!("Offer 2 Some({})", SDP.len())]);
    let Some(SipEvent::Offer { offer, .. }) = b.events.last() else { panic!() };
    let offer = *offer;
    b.tell(SipCmd::AcceptOffer { leg: OUT, offer, body: Some(SDP.into()) });
    b.expect(&["200 UPDATE"]);
}

#[test]
fn a_prack_is_repeated_until_it_is_answered_and_the_call_goes_on_without() {
    let mut b = calling();
    progress(&mut b, 180, "a", 7, "");
    b.pass(1_600);
    b.expect(&["PRACK", "Progress 2 180 None", "PRACK", "PRACK"]);
    b.pass(40_000);
    b.take();
    b.respond("INVITE", 486, "", "a", "");
    b.expect(&["ACK", "Ended 2 peer 486"]);
    b.over();
}

#[test]
fn the_next_invite_counts_anew_under_the_same_tag() {
    let mut b = Bench::new();
    let credentials = Some(Credentials { username: "u".into(), password: "p".into() });
    b.dial_with(&[udp(US, PEER)], credentials);
    progress(&mut b, 183, "a", 7, SDP);
    b.respond("PRACK", 200, "", "a", "");
    b.respond("INVITE", 407, "Proxy-Authenticate: Digest realm=\"x\", nonce=\"n\"\r\n", "a", "");
    b.take();
    let invite = b.last().clone();
    // Neither the number after 7, nor a later one.
    let text = response(&invite, 180, &format!("{RELIABLE}3\r\n"), "a", "");
    b.get(&text);
    b.expect(&["PRACK", "Progress 2 180 None"]);
    assert_eq!(field(b.last(), "RAck"), format!("3 {} INVITE", invite.cseq().unwrap().number));
    // Our offer of this INVITE has no answer yet.
    b.get(&Req::new("UPDATE").call_id("ours@10.0.0.1").them("a").us("mine").cseq(1).sdp().text());
    b.expect(&["491 UPDATE", "Refused 491"]);
}

#[test]
fn an_invite_names_its_extensions_once_and_as_its_trunk_wants_it() {
    let long = ("X-Filler".to_owned(), "a".repeat(1_000));
    for (reliability, want, required) in [
        (Reliability::Off, "timer, replaces", ""),
        (Reliability::Supported, "100rel, timer, replaces", ""),
        (Reliability::Required, "100rel, timer, replaces", "100rel"),
    ] {
        for headers in [vec![], vec![long.clone()]] {
            let mut b = Bench::new();
            let row = TrunkRow { sid: TrunkSid(1), reliability, ..TrunkRow::default() };
            b.sources(Arc::new(Snapshot::new(vec![row], vec![])));
            b.tell(SipCmd::Invite(Box::new(InviteCmd {
                leg: OUT,
                call_id: "ours@10.0.0.1".into(),
                local_tag: "mine".into(),
                uri: "sip:bob@pbx.example;transport=udp".into(),
                trunk: Some(TrunkSid(1)),
                from: "<sip:a@LOCAL>".into(),
                to: "<sip:bob@pbx.example>".into(),
                max_forwards: 70,
                offer: SDP.into(),
                headers,
                ..InviteCmd::default()
            })));
            let id = b.lookup.unwrap();
            b.tell(SipCmd::Resolved(id, vec![udp(US, PEER)]));
            let named: Vec<_> = b.last().headers.all("Supported").collect();
            assert_eq!(named, [want.as_bytes()], "{reliability:?}");
            assert_eq!(field(b.last(), "Require"), required);
        }
    }
}
