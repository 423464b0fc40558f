//! The next trunk of a call: on what, and on what not.

use super::net::udp;
use super::peer::{Bench, OUT, SDP, US};
use chorus::sid::TrunkSid;
use chorus::sip::event::{Alternative, Cause, Credentials, InviteCmd, SipCmd};
use chorus::store::rows::TrunkRow;
use chorus::trunk::Snapshot;
use chorus::trunk::manners::Redirects;
use std::sync::Arc;

const FIRST: &str = "10.0.0.2:5060";
const SECOND: &str = "10.0.0.3:5060";

fn cmd(alternatives: usize) -> InviteCmd {
    let way = |n: usize| Alternative {
        secure: false,
        fence: None,
        identity: vec![],
        uri: format!("sip:0{n}5550100@b{n}.example"),
        next_hop: Some(format!("b{n}.example:5070")),
        from: format!("<sip:+1555019{n}@LOCAL>"),
        to: format!("<sip:+15550100@b{n}.example>"),
        credentials: Some(Credentials { username: "u".into(), password: "p".into() }),
        trunk: Some(TrunkSid(n as u128)),
        offer: Default::default(),
        registered: None,
        keep_user: false,
    };
    InviteCmd {
        leg: OUT,
        call_id: "ours@10.0.0.1".into(),
        local_tag: "mine".into(),
        uri: "sip:+15550100@a.example".into(),
        from: "<sip:+15550199@LOCAL>".into(),
        to: "<sip:+15550100@a.example>".into(),
        max_forwards: 70,
        offer: SDP.into(),
        alternatives: (1..=alternatives).map(way).collect(),
        ..InviteCmd::default()
    }
}

/// The first INVITE is out.
fn dialled(alternatives: usize) -> Bench {
    let mut b = Bench::new();
    b.tell(SipCmd::Invite(Box::new(cmd(alternatives))));
    b.expect(&["resolve a.example None None"]);
    let id = b.lookup.unwrap();
    b.tell(SipCmd::Resolved(id, vec![udp(US, FIRST)]));
    b.expect(&["INVITE"]);
    b
}

/// The second one is.
fn rerouted(b: &mut Bench) {
    let id = b.lookup.unwrap();
    b.tell(SipCmd::Resolved(id, vec![udp(US, SECOND)]));
    assert_eq!(b.last().uri_text(), "sip:015550100@b1.example");
    assert_eq!(b.last_flow().remote, SECOND.parse().unwrap());
    let from = b.last().headers.text("From").unwrap().into_owned();
    assert_eq!((from.as_str(), b.last().call_id()), ("<sip:+15550191@10.0.0.1>;tag=mine", "ours@10.0.0.1"));
}

const ANOTHER: &str = "Rerouted 2 Some(TK00000000000000000000000000000001)";

#[test]
fn a_5xx_goes_to_the_next_trunk_and_501_and_505_do_not() {
    for code in [500, 502, 503, 504] {
        let mut b = dialled(1);
        b.respond("INVITE", 100, "", "", "");
        b.respond("INVITE", code, "", "them", "");
        b.expect(&["ACK", ANOTHER, "resolve b1.example Some(5070) None"]);
        rerouted(&mut b);
        assert!(b.last().cseq().unwrap().number > b.sent[0].1.cseq().unwrap().number);
        b.respond("INVITE", code, "", "them", "");
        assert!(b.take().contains(&format!("Ended 2 peer {code}")), "no third one");
        b.over();
    }
    for code in [501, 505, 404, 480, 486, 403, 603] {
        let mut b = dialled(1);
        b.respond("INVITE", code, "", "them", "");
        b.expect(&["ACK", &format!("Ended 2 peer {code}")]);
        b.over();
    }
}

#[test]
fn ringing_may_still_fail_over_but_nobody_after_early_media() {
    let mut b = dialled(1);
    b.respond("INVITE", 180, "", "them", "");
    b.take();
    b.respond("INVITE", 503, "", "them", "");
    b.expect(&["ACK", ANOTHER, "resolve b1.example Some(5070) None"]);
    let mut b = dialled(1);
    b.respond("INVITE", 183, "", "them", SDP);
    b.take();
    b.respond("INVITE", 503, "", "them", "");
    b.expect(&["ACK", "Ended 2 peer 503"]);
    b.over();
}

#[test]
fn a_refused_connection_and_a_host_without_address_go_on() {
    let mut b = dialled(1);
    b.lost(udp(US, FIRST));
    b.expect(&[ANOTHER, "resolve b1.example Some(5070) None"]);
    rerouted(&mut b);
    let mut b = Bench::new();
    b.tell(SipCmd::Invite(Box::new(cmd(2))));
    for next in ["b1", "b2"] {
        let id = b.lookup.unwrap();
        b.take();
        b.tell(SipCmd::Resolved(id, vec![]));
        assert!(b.take().contains(&format!("resolve {next}.example Some(5070) None")));
    }
    let id = b.lookup.unwrap();
    b.tell(SipCmd::Resolved(id, vec![]));
    b.expect(&["Ended 2 us 503"]);
    b.over();
}

#[test]
fn four_seconds_without_a_word_go_on_and_a_late_ring_is_taken_back() {
    let mut b = dialled(1);
    b.pass(3_900);
    assert!(!b.take().contains(&ANOTHER.to_owned()));
    let first = b.sent[0].1.clone();
    b.pass(200);
    b.expect(&[ANOTHER, "resolve b1.example Some(5070) None"]);
    rerouted(&mut b);
    b.respond("INVITE", 100, "", "", "");
    b.take();
    b.pass(20_000);
    b.expect(&[]);
    b.get(&super::peer::response(&first, 180, "", "late", ""));
    b.expect(&["CANCEL"]);
    b.get(&super::peer::response(&first, 487, "", "late", ""));
    b.expect(&["ACK"]);
    b.respond("INVITE", 200, "Contact: <sip:x@10.0.0.3>\r\n", "them", SDP);
    b.expect(&["ACK", "Answered 2 Some(85)"]);
    b.tell(SipCmd::Hangup { leg: OUT, cause: Cause::new(200, "Done"), headers: vec![] });
    b.over();
}

#[test]
fn a_late_200_of_the_trunk_that_was_passed_over_is_left_at_once() {
    let mut b = dialled(1);
    let first = b.sent[0].1.clone();
    b.pass(4_100);
    rerouted(&mut b);
    b.take();
    b.get(&super::peer::response(&first, 200, "Contact: <sip:y@10.0.0.2>\r\n", "late", SDP));
    b.expect(&["ACK", "BYE"]);
    b.respond("INVITE", 486, "", "them", "");
    b.expect(&["ACK", "Ended 2 peer 486"]);
    b.over();
}

#[test]
fn a_100_is_a_word_and_the_last_trunk_has_its_32_seconds() {
    let mut b = dialled(1);
    b.respond("INVITE", 100, "", "", "");
    b.pass(30_000);
    b.expect(&[]);
    let mut b = dialled(0);
    b.pass(31_000);
    assert!(!b.take().iter().any(|l| l.starts_with("Ended")));
    b.pass(2_000);
    assert!(b.take().contains(&"Ended 2 us 408".to_owned()));
    b.over();
}

#[test]
fn a_call_that_was_taken_back_goes_nowhere_else() {
    let mut b = dialled(1);
    b.respond("INVITE", 180, "", "them", "");
    b.tell(SipCmd::Hangup { leg: OUT, cause: Cause::new(487, "Caller left"), headers: vec![] });
    b.take();
    b.respond("INVITE", 503, "", "them", "");
    b.expect(&["ACK", "Ended 2 us 487"]);
    b.over();
}

#[test]
fn taken_back_before_a_word_came_nothing_spins() {
    let mut b = dialled(1);
    b.pass(1_000);
    b.tell(SipCmd::Hangup { leg: OUT, cause: Cause::new(487, "Caller left"), headers: vec![] });
    b.pass(40_000);
    let lines = b.take();
    assert!(lines.contains(&"Ended 2 us 487".to_owned()) && !lines.iter().any(|l| l.starts_with("Rerouted")));
    b.over();
}

#[test]
fn a_408_of_the_peer_is_about_whom_we_call() {
    let mut b = dialled(1);
    b.respond("INVITE", 180, "", "them", "");
    b.take();
    b.respond("INVITE", 408, "", "them", "");
    b.expect(&["ACK", "Ended 2 peer 408"]);
    b.over();
}

#[test]
fn a_200_of_the_old_way_while_the_new_one_is_looked_up_is_a_fork() {
    let mut b = dialled(1);
    let first = b.sent[0].1.clone();
    b.pass(4_100);
    b.take();
    b.get(&super::peer::response(&first, 200, "Contact: <sip:y@10.0.0.2>\r\n", "late", SDP));
    b.expect(&["ACK", "BYE"]);
    rerouted(&mut b);
    b.respond("INVITE", 486, "", "them", "");
    assert!(b.take().contains(&"Ended 2 peer 486".to_owned()));
    b.over();
}

#[test]
fn another_trunk_reads_our_address_as_it_sees_us() {
    let mut b = dialled(1);
    b.respond("INVITE", 503, "", "them", "");
    let id = b.lookup.unwrap();
    b.tell(SipCmd::Resolved(id, vec![udp("192.0.2.9:5060", SECOND)]));
    let sdp = String::from_utf8(b.last().body.to_vec()).unwrap();
    assert_eq!(sdp, SDP.replace("10.0.0.2", "192.0.2.9"));
    b.respond("INVITE", 486, "", "them", "");
    b.over();
}

#[test]
fn a_trunk_that_has_as_many_calls_as_it_may_is_passed_over() {
    let mut b = Bench::new();
    let row = |n: u128| TrunkRow { sid: TrunkSid(n), max_channels: Some(1), ..TrunkRow::default() };
    b.sources(Arc::new(Snapshot::new(vec![row(1), row(2)], vec![])));
    b.endpoint.set_channels(TrunkSid(1), 1);
    b.tell(SipCmd::Invite(Box::new(cmd(2))));
    let id = b.lookup.unwrap();
    b.tell(SipCmd::Resolved(id, vec![udp(US, FIRST)]));
    b.take();
    b.respond("INVITE", 503, "", "them", "");
    b.expect(&["ACK", &ANOTHER.replace("01)", "02)"), "resolve b2.example Some(5070) None"]);
    let id = b.lookup.unwrap();
    b.tell(SipCmd::Resolved(id, vec![udp(US, SECOND)]));
    b.respond("INVITE", 503, "", "them", "");
    assert!(b.take().contains(&"Ended 2 peer 503".to_owned()), "both are full");
    b.over();
}

#[test]
fn what_a_trunk_said_of_itself_does_not_follow_the_call_to_the_next() {
    let mut b = Bench::new();
    let row = |n: u128| TrunkRow { sid: TrunkSid(n), redirects: Redirects::Any, ..TrunkRow::default() };
    b.sources(Arc::new(Snapshot::new(vec![row(9), row(1)], vec![])));
    b.tell(SipCmd::Invite(Box::new(InviteCmd { trunk: Some(TrunkSid(9)), ..cmd(1) })));
    let id = b.lookup.unwrap();
    b.tell(SipCmd::Resolved(id, vec![udp(US, FIRST)]));
    b.respond("INVITE", 422, "Min-SE: 3600\r\n", "them", "");
    assert_eq!(b.last().headers.text("Min-SE").unwrap(), "3600");
    b.respond("INVITE", 302, "Contact: <sip:x@one.example>, <sip:y@two.example>;q=0.5\r\n", "them", "");
    b.take();
    let id = b.lookup.unwrap();
    b.tell(SipCmd::Resolved(id, vec![]));
    b.expect(&["resolve two.example None None"]);
    let id = b.lookup.unwrap();
    b.tell(SipCmd::Resolved(id, vec![udp(US, "10.0.0.8:5060")]));
    b.respond("INVITE", 302, "Contact: <sip:z@three.example>, <sip:zz@four.example>;q=0.5\r\n", "them", "");
    let id = b.lookup.unwrap();
    b.tell(SipCmd::Resolved(id, vec![udp(US, "10.0.0.8:5060")]));
    b.pass(4_100);
    assert!(b.take().ends_with(&[ANOTHER.to_owned(), "resolve b1.example Some(5070) None".to_owned()]));
    rerouted(&mut b);
    assert!(!b.last().headers.has("Min-SE"), "the first trunk's");
    assert_eq!(b.last().headers.text("Session-Expires").unwrap(), "1800");
    b.respond("INVITE", 486, "", "them", "");
    // Not four.example, to which the first trunk's peer would have sent us.
    assert!(b.take().ends_with(&["ACK".to_owned(), "Ended 2 peer 486".to_owned()]));
    b.over();
}

#[test]
fn a_silent_trunk_is_waited_for_where_no_other_is_free() {
    let mut b = Bench::new();
    let row = |n: u128| TrunkRow { sid: TrunkSid(n), max_channels: Some(1), ..TrunkRow::default() };
    b.sources(Arc::new(Snapshot::new(vec![row(1)], vec![])));
    b.endpoint.set_channels(TrunkSid(1), 1);
    // The second one has nobody registered.
    let mut cmd = cmd(2);
    cmd.alternatives[1] =
        Alternative { registered: Some("nobody".into()), trunk: None, ..cmd.alternatives[1].clone() };
    b.tell(SipCmd::Invite(Box::new(cmd)));
    let id = b.lookup.unwrap();
    b.tell(SipCmd::Resolved(id, vec![udp(US, FIRST)]));
    b.pass(6_000);
    assert!(b.take().iter().all(|l| l == "INVITE" || l.starts_with("resolve a.example")));
    b.respond("INVITE", 180, "", "them", "");
    b.respond("INVITE", 200, "Contact: <sip:x@10.0.0.2>\r\n", "them", SDP);
    assert!(b.take().contains(&"Answered 2 Some(85)".to_owned()));
    b.tell(SipCmd::Hangup { leg: OUT, cause: Cause::new(200, "Done"), headers: vec![] });
    b.over();
}
