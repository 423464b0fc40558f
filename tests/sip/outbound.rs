//! Outbound calls, message by message.

mod former;

use super::net::udp;
use super::peer::{Bench, OUT, PEER, SDP, US, response};
use chorus::sip::EndpointConfig;
use chorus::sip::digest::{Hash, hex};
use chorus::sip::event::{Cause, Credentials, Flow, SipCmd, SipEvent, Transport};
use chorus::sip::wire::Message;

fn targets(n: u8) -> Vec<Flow> {
    (0..n).map(|i| udp(US, &format!("10.0.0.{}:5060", i + 2))).collect()
}

fn hangup() -> SipCmd {
    SipCmd::Hangup { leg: OUT, cause: Cause::new(200, "Done"), headers: vec![] }
}

const CONTACT: &str = "Contact: <sip:callee@10.0.0.2:5060>\r\n";

/// The INVITE sent last.
fn invite(b: &Bench) -> Message {
    let found =
        b.sent.iter().rev().map(|(_, m)| m).find(|m| m.method().is_some_and(|m| m.as_str() == "INVITE"));
    found.unwrap().clone()
}

fn up() -> Bench {
    let mut b = Bench::new();
    b.dial(&targets(1));
    b.respond("INVITE", 200, CONTACT, "callee", SDP);
    b.expect(&["INVITE", "ACK", &format!("Answered 2 Some({})", SDP.len())]);
    b
}

#[test]
fn a_call_rings_has_early_media_is_answered_and_left() {
    let mut b = Bench::new();
    b.dial(&targets(1));
    b.expect(&["INVITE"]);
    let sent = b.last();
    assert_eq!(sent.uri_text(), "sip:+15550100@pbx.example");
    assert_eq!(sent.headers.text("From").unwrap(), "\"Chorus\" <sip:+15550199@10.0.0.1>;tag=mine");
    assert_eq!(sent.headers.text("Contact").unwrap(), "<sip:10.0.0.1:5060>");
    assert_eq!(sent.headers.text("X-Chorus-Call-Sid").unwrap(), "CA1");
    assert!(sent.via().unwrap().wants_rport());
    b.respond("INVITE", 100, "", "", "");
    b.expect(&[]);
    b.respond("INVITE", 180, "", "callee", "");
    b.respond("INVITE", 183, CONTACT, "callee", SDP);
    b.expect(&["Progress 2 180 None", &format!("Progress 2 183 Some({})", SDP.len())]);
    let answer =
        format!("{CONTACT}X-Answer: yes\r\nRecord-Route: <sip:10.0.0.8;lr>,<sip:10.0.0.2:5070;lr>\r\n");
    b.respond("INVITE", 200, &answer, "callee", SDP);
    b.expect(&["ACK", &format!("Answered 2 Some({})", SDP.len())]);
    let ack = b.last().clone();
    assert_eq!(ack.uri_text(), "sip:callee@10.0.0.2:5060");
    assert_eq!(ack.headers.elements("Route"), ["<sip:10.0.0.2:5070;lr>", "<sip:10.0.0.8;lr>"]);
    assert_eq!(ack.cseq().unwrap().number, invite(&b).cseq().unwrap().number);
    assert_ne!(ack.via().unwrap().branch(), invite(&b).via().unwrap().branch());
    assert_eq!(b.last_flow().remote, "10.0.0.2:5070".parse().unwrap(), "the ACK goes to the first route");
    let Some(SipEvent::Answered { dialog, headers, .. }) = b.events.last() else { panic!() };
    assert_eq!((dialog.remote_tag.as_str(), dialog.local_tag.as_str()), ("callee", "mine"));
    assert_eq!(headers, &[("X-Answer".to_owned(), "yes".to_owned())]);
    b.tell(hangup());
    assert_eq!(b.last().cseq().unwrap().number, ack.cseq().unwrap().number + 1);
    b.respond("BYE", 200, "", "", "");
    b.expect(&["BYE", "Ended 2 us 200"]);
    assert_eq!(b.seen.first().unwrap(), "> INVITE");
    assert_eq!(b.seen.last().unwrap(), "< 200 BYE");
    b.over();
}

#[test]
fn a_refusal_is_acked_and_reported_with_its_cause() {
    let mut b = Bench::new();
    b.dial(&targets(1));
    let extra = "Reason: Q.850;cause=17;text=\"User busy\"\r\nX-Why: busy\r\n";
    b.respond("INVITE", 486, extra, "callee", "");
    b.expect(&["INVITE", "ACK", "Ended 2 peer 486"]);
    let ack = b.last().clone();
    assert_eq!(ack.via().unwrap().branch(), invite(&b).via().unwrap().branch());
    assert_eq!((ack.to_tag().as_deref(), ack.uri_text()), (Some("callee"), "sip:+15550100@pbx.example"));
    let Some(SipEvent::Ended { cause, headers, .. }) = b.events.last() else { panic!() };
    assert_eq!((cause.q850, cause.words.as_str(), headers.len()), (Some(17), "User busy", 1));
    b.respond("INVITE", 486, extra, "callee", "");
    b.expect(&["ACK"]);
    b.over();
}

#[test]
fn targets_are_tried_in_order_after_503_timeout_and_broken_transport() {
    let mut b = Bench::new();
    b.dial(&targets(4));
    b.expect(&["INVITE"]);
    assert_eq!(b.last_flow().remote, PEER.parse().unwrap());
    b.respond("INVITE", 503, "Retry-After: 10\r\n", "x", "");
    b.expect(&["ACK", "INVITE"]);
    assert_eq!(b.last_flow().remote, "10.0.0.3:5060".parse().unwrap());
    let flow = b.last_flow();
    b.lost(flow);
    b.expect(&["INVITE"]);
    assert_eq!(b.last_flow().remote, "10.0.0.4:5060".parse().unwrap());
    b.pass(32_000);
    assert_eq!(b.last_flow().remote, "10.0.0.5:5060".parse().unwrap());
    let numbers: Vec<u32> = b
        .sent
        .iter()
        .filter(|(_, m)| m.method().is_some_and(|m| m.as_str() == "INVITE"))
        .map(|(_, m)| m.cseq().unwrap().number)
        .collect();
    assert!(numbers.is_sorted() && numbers.first().unwrap() + 3 == *numbers.last().unwrap());
    b.take();
    b.respond("INVITE", 503, "", "x", "");
    b.expect(&["ACK", "Ended 2 peer 503"]);
    b.over();

    let mut b = Bench::new();
    b.dial(&targets(1));
    b.pass(32_000);
    assert_eq!(b.take().last().unwrap(), "Ended 2 us 408");
    b.over();
    let mut b = Bench::new();
    b.dial(&[]);
    b.expect(&["Ended 2 us 503"]);
    b.over();
}

#[test]
fn once_it_rang_no_other_target_is_tried() {
    let mut b = Bench::new();
    b.dial(&targets(2));
    b.respond("INVITE", 180, "", "callee", "");
    b.respond("INVITE", 503, "", "callee", "");
    b.expect(&["INVITE", "Progress 2 180 None", "ACK", "Ended 2 peer 503"]);
    b.over();
}

#[test]
fn a_target_that_answers_after_we_gave_it_up_is_acked_and_left() {
    let mut b = Bench::new();
    b.dial(&targets(2));
    let first = invite(&b);
    b.pass(32_000);
    b.take();
    b.get(&response(&first, 200, CONTACT, "late", SDP));
    b.expect(&["ACK", "BYE"]);
    b.respond("INVITE", 200, CONTACT, "second", SDP);
    assert_eq!(b.take().len(), 2);
    b.tell(hangup());
    b.over();
}

#[test]
fn forks_are_acked_and_left_and_their_repetitions_acked_again() {
    let mut b = Bench::new();
    b.dial(&targets(1));
    let sent = invite(&b);
    b.respond("INVITE", 180, "", "one", "");
    b.respond("INVITE", 180, "", "two", "");
    b.take();
    b.get(&response(&sent, 200, CONTACT, "two", SDP));
    assert_eq!(b.take()[0], "ACK");
    // The other fork answers too, and was never heard of before.
    let three = response(&sent, 200, "Contact: <sip:three@10.0.0.3:5060>\r\n", "three", SDP);
    b.get(&three);
    b.expect(&["ACK", "BYE"]);
    assert_eq!(b.last().to_tag().as_deref(), Some("three"));
    assert_eq!(b.last().uri_text(), "sip:three@10.0.0.3:5060");
    b.get(&three);
    b.get(&response(&sent, 200, CONTACT, "two", SDP));
    b.expect(&["ACK", "ACK"]);
    assert_eq!(b.last().to_tag().as_deref(), Some("two"));
    b.respond("BYE", 481, "", "", "");
    b.expect(&[]);
    // Requests of the fork that we left are not of this call.
    b.tell(hangup());
    assert_eq!(b.last().to_tag().as_deref(), Some("two"));
    b.respond("BYE", 200, "", "", "");
    b.expect(&["BYE", "Ended 2 us 200"]);
    // A 2xx after the end, with and without its transaction.
    b.get(&response(&sent, 200, CONTACT, "four", SDP));
    b.expect(&["ACK", "BYE"]);
    b.pass(33_000);
    b.take();
    b.get(&response(&sent, 200, CONTACT, "five", SDP));
    b.expect(&["ACK", "BYE"]);
    b.pass(40_000);
    b.take();
    b.get(&response(&sent, 200, CONTACT, "six", SDP));
    b.expect(&[]);
    b.over();
}

#[test]
fn cancel_waits_for_a_1xx_and_the_call_for_neither() {
    let mut b = Bench::new();
    b.dial(&targets(1));
    b.tell(hangup());
    b.expect(&["INVITE"]);
    b.respond("INVITE", 100, "", "", "");
    b.expect(&["CANCEL"]);
    let (cancel, sent) = (b.last().clone(), invite(&b));
    assert_eq!(cancel.via().unwrap(), sent.via().unwrap());
    assert_eq!(cancel.cseq().unwrap().number, sent.cseq().unwrap().number);
    assert_eq!(cancel.to_tag(), None);
    b.respond("CANCEL", 200, "", "callee", "");
    b.respond("INVITE", 487, "", "callee", "");
    b.expect(&["ACK", "Ended 2 us 487"]);
    b.over();
}

#[test]
fn a_200_that_crosses_the_cancel_is_acked_and_left() {
    for rang in [true, false] {
        let mut b = Bench::new();
        b.dial(&targets(1));
        if rang {
            b.respond("INVITE", 180, "", "callee", "");
        }
        b.tell(hangup());
        b.take();
        b.respond("INVITE", 200, CONTACT, "callee", SDP);
        b.expect(&["ACK", "BYE"]);
        b.respond("BYE", 200, "", "", "");
        b.expect(&["Ended 2 us 487"]);
        b.over();
    }
}

#[test]
fn a_cancel_that_nobody_answers_ends_the_call_in_two_seconds_and_the_transaction_in_64_t1() {
    let mut b = Bench::new();
    b.dial(&targets(1));
    b.respond("INVITE", 180, "", "callee", "");
    b.tell(hangup());
    b.take();
    b.pass(2_000);
    b.expect(&["CANCEL", "CANCEL", "Ended 2 us 487"]);
    b.respond("CANCEL", 481, "", "callee", "");
    b.pass(33_000);
    assert_eq!(b.endpoint.counts().transactions, 0);
    b.over();

    // Before any answer at all: Timer B.
    let mut b = Bench::new();
    b.dial(&targets(2));
    b.tell(hangup());
    b.pass(31_000);
    assert!(b.take().contains(&"Ended 2 us 487".to_owned()));
    b.pass(1_500);
    b.expect(&["INVITE"]);
    b.over();
    assert!(b.take().is_empty(), "no second target for a call that was hung up");
}

#[test]
fn a_lookup_that_comes_too_late_is_ignored() {
    let mut b = Bench::new();
    b.dial(&targets(1));
    b.tell(hangup());
    b.over();
    let mut b = Bench::new();
    let cmd = SipCmd::Resolved(chorus::sip::event::ResolveId(77), targets(1));
    b.tell(cmd);
    b.expect(&[]);
}

#[test]
fn timer_c_takes_an_invite_back_that_only_rings() {
    let mut b = Bench::new();
    b.dial(&targets(1));
    b.respond("INVITE", 180, "", "callee", "");
    b.pass(600_000);
    b.respond("INVITE", 180, "", "callee", "");
    b.pass(600_000);
    assert!(!b.take().contains(&"CANCEL".to_owned()), "every 18x sets it anew");
    b.pass(60_000);
    b.expect(&["CANCEL"]);
    b.respond("CANCEL", 200, "", "callee", "");
    b.respond("INVITE", 487, "", "callee", "");
    b.expect(&["ACK", "Ended 2 us 408"]);
    b.over();
}

fn password() -> Option<Credentials> {
    Some(Credentials { username: "user".into(), password: "secret".into() })
}

const CHALLENGE: &str = "Proxy-Authenticate: Digest realm=\"trunk\", nonce=\"n1\", qop=\"auth\"\r\n";

#[test]
fn a_challenge_is_answered_once_for_each_realm() {
    let mut b = Bench::new();
    b.dial_with(&targets(1), password());
    let first = invite(&b);
    b.respond("INVITE", 407, CHALLENGE, "x", "");
    b.expect(&["INVITE", "ACK", "INVITE"]);
    let second = invite(&b);
    assert_eq!(second.cseq().unwrap().number, first.cseq().unwrap().number + 1);
    assert_eq!((second.from_tag(), second.call_id()), (first.from_tag(), first.call_id()));
    assert_eq!(second.to_tag(), None);
    let answer = second.headers.text("Proxy-Authorization").unwrap();
    assert!(answer.contains("realm=\"trunk\"") && answer.contains("nc=00000001"), "{answer}");
    // The next hop asks too: both answers go out.
    b.respond("INVITE", 401, "WWW-Authenticate: Digest realm=\"callee\", nonce=\"n2\"\r\n", "x", "");
    b.expect(&["ACK", "INVITE"]);
    assert!(b.last().headers.has("Proxy-Authorization") && b.last().headers.has("Authorization"));
    b.respond("INVITE", 200, CONTACT, "callee", SDP);
    assert_eq!(b.take()[0], "ACK");
    assert!(b.last().headers.has("Proxy-Authorization"), "the ACK carries what the INVITE did");
    b.tell(hangup());
    b.over();
}

#[test]
fn a_proxy_and_its_peer_may_have_one_realm() {
    let mut b = Bench::new();
    b.dial_with(&targets(1), password());
    b.respond("INVITE", 407, CHALLENGE, "x", "");
    b.respond("INVITE", 401, "WWW-Authenticate: Digest realm=\"trunk\", nonce=\"n2\"\r\n", "x", "");
    b.expect(&["INVITE", "ACK", "INVITE", "ACK", "INVITE"]);
    let (own, proxy) = (b.last().headers.text("Authorization"), b.last().headers.text("Proxy-Authorization"));
    assert!(own.unwrap().contains("nonce=\"n2\"") && proxy.as_ref().unwrap().contains("nonce=\"n1\""));
    // Its nonce was used already: a proxy that looks at the count would take the same one for a replay.
    assert!(proxy.unwrap().contains("nc=00000002"));
    b.respond("INVITE", 422, "Min-SE: 3600\r\n", "x", "");
    assert!(b.last().headers.text("Proxy-Authorization").unwrap().contains("nc=00000003"));
    b.respond("INVITE", 486, "", "x", "");
    b.over();
}

#[test]
fn auth_int_protects_the_body_that_is_sent() {
    let mut b = Bench::new();
    b.dial_with(&targets(1), password());
    b.respond("INVITE", 407, &CHALLENGE.replace("\"auth\"", "\"auth-int\""), "x", "");
    let value = b.last().headers.text("Proxy-Authorization").unwrap().into_owned();
    let param = |name: &str| {
        let rest = value.split(&format!("{name}=\"")).nth(1).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let h = |text: &[u8]| hex(Hash::Md5, text);
    let ha1 = h(b"user:trunk:secret");
    let ha2 = h(format!("INVITE:{}:{}", b.last().uri_text(), h(&b.last().body)).as_bytes());
    let want = h(format!("{ha1}:n1:00000001:{}:auth-int:{ha2}", param("cnonce")).as_bytes());
    assert_eq!(param("response"), want);
    assert_ne!(b.last().body, SDP.as_bytes(), "it says our address on this flow");
    b.respond("INVITE", 486, "", "x", "");
    b.over();
}

#[test]
fn a_wrong_password_is_tried_once_and_a_stale_nonce_again() {
    let mut b = Bench::new();
    b.dial_with(&targets(1), password());
    b.respond("INVITE", 407, CHALLENGE, "x", "");
    b.respond("INVITE", 407, &CHALLENGE.replace("qop", "stale=true, qop").replace("n1", "n2"), "x", "");
    b.expect(&["INVITE", "ACK", "INVITE", "ACK", "INVITE"]);
    b.respond("INVITE", 407, &CHALLENGE.replace("n1", "n3"), "x", "");
    b.expect(&["ACK", "Ended 2 peer 407"]);
    b.over();

    let mut b = Bench::new();
    b.dial(&targets(1));
    b.respond("INVITE", 407, CHALLENGE, "x", "");
    b.expect(&["INVITE", "ACK", "Ended 2 peer 407"]);
    b.over();
}

#[test]
fn a_challenged_bye_is_answered_only_to_the_challenger_of_the_invite() {
    let up = |challenged: bool| {
        let mut b = Bench::new();
        b.dial_with(&targets(1), password());
        if challenged {
            b.respond("INVITE", 407, CHALLENGE, "x", "");
        }
        b.respond("INVITE", 200, CONTACT, "callee", SDP);
        b.tell(hangup());
        b.take();
        b
    };
    let mut b = up(true);
    let bye = b.last().cseq().unwrap().number;
    b.respond("BYE", 407, &CHALLENGE.replace("n1", "n5"), "callee", "");
    b.expect(&["BYE"]);
    assert!(b.last().headers.text("Proxy-Authorization").unwrap().contains("nonce=\"n5\""));
    assert_eq!(b.last().cseq().unwrap().number, bye + 1);
    b.respond("BYE", 407, &CHALLENGE.replace("n1", "n6"), "callee", "");
    b.expect(&["Ended 2 us 200"]);
    b.over();

    // Nobody challenged the INVITE; another realm; another sender.
    let mut b = up(false);
    b.respond("BYE", 407, CHALLENGE, "callee", "");
    b.expect(&["Ended 2 us 200"]);
    let mut b = up(true);
    b.respond("BYE", 407, &CHALLENGE.replace("trunk", "evil"), "callee", "");
    b.expect(&["Ended 2 us 200"]);
    let mut b = up(true);
    let text = response(b.last(), 407, CHALLENGE, "callee", "");
    b.get_on(udp(US, "10.0.0.66:5060"), text.as_bytes());
    b.expect(&["Ended 2 us 200"]);
}

#[test]
fn on_a_stream_everything_goes_over_its_connection() {
    let tcp = |conn| Flow { transport: Transport::Tcp, conn, ..udp(US, PEER) };
    let mut b = Bench::new();
    b.dial(&[tcp(0)]);
    assert_eq!(b.last_flow().conn, 0);
    assert!(b.last().headers.text("Via").unwrap().starts_with("SIP/2.0/TCP"));
    assert_eq!(b.last().headers.text("Contact").unwrap(), "<sip:10.0.0.1:5060;transport=tcp>");
    b.pass(5_000);
    b.expect(&["INVITE"]);
    let answer = response(&invite(&b), 200, "Contact: <sip:callee@192.0.2.1>\r\n", "callee", SDP);
    b.get_on(tcp(7), answer.as_bytes());
    assert_eq!(b.last_flow(), tcp(7));
    // It breaks: the BYE asks for a new one.
    b.lost(tcp(7));
    b.tell(hangup());
    let anew = Flow { remote: "192.0.2.1:5060".parse().unwrap(), ..tcp(0) };
    assert_eq!(b.last_flow(), anew, "where the callee's Contact says");
    b.take();
    b.lost(anew);
    b.expect(&["Ended 2 us 200"]);
    b.over();

    // It breaks before the answer to the BYE: once more over a new one, and not again.
    let mut b = Bench::new();
    b.dial(&[tcp(0)]);
    let answer = response(&invite(&b), 200, "Contact: <sip:callee@192.0.2.1>\r\n", "callee", SDP);
    b.get_on(tcp(7), answer.as_bytes());
    b.tell(hangup());
    assert_eq!(b.last_flow(), tcp(7));
    b.take();
    b.lost(tcp(7));
    b.expect(&["BYE"]);
    assert_eq!(b.last_flow(), anew);
    b.lost(Flow { conn: 8, ..anew });
    b.expect(&["Ended 2 us 200"]);
    b.over();

    // A connection that cannot be made fails the target at once.
    let mut b = Bench::new();
    b.dial(&[tcp(0)]);
    b.lost(tcp(0));
    b.expect(&["INVITE", "Ended 2 us 503"]);
    b.over();
}

#[test]
fn the_peers_requests_in_an_outbound_dialog_find_it() {
    use super::peer::Req;
    let mut b = up();
    let theirs = |method: &str, n: u32| {
        Req::new(method).call_id("ours@10.0.0.1").them("callee").us("mine").cseq(n).text()
    };
    b.get(&theirs("OPTIONS", 100));
    b.get(&theirs("BYE", 101));
    b.expect(&["200 OPTIONS", "200 BYE", "Ended 2 peer 200"]);
    b.over();

    // A callee that no trunk knows may speak in its dialog, and only there.
    let mut b = Bench::new();
    b.dial(&[udp(US, "192.0.2.50:5060")]);
    let answer = response(&invite(&b), 200, "Contact: <sip:c@192.0.2.50>\r\n", "callee", SDP);
    b.get_on(udp(US, "192.0.2.50:5060"), answer.as_bytes());
    b.take();
    b.get_on(udp(US, "192.0.2.50:5060"), theirs("BYE", 1).as_bytes());
    b.expect(&["200 BYE", "Ended 2 peer 200"]);
    b.get_on(udp(US, "192.0.2.50:5060"), Req::new("OPTIONS").text().as_bytes());
    b.expect(&["Refused 0"]);
    b.over();
}

#[test]
fn responses_that_nobody_asked_for_are_dropped() {
    let mut b = up();
    let sent = invite(&b);
    for forged in [
        response(&sent, 200, CONTACT, "x", SDP).replace("tag=mine", "tag=other"),
        response(&sent, 200, CONTACT, "x", SDP).replace("ours@", "foreign@"),
        response(&sent, 486, "", "x", "").replace("z9hG4bK", "z9hG4bK-other"),
    ] {
        b.get(&forged);
        b.expect(&[]);
    }
    b.tell(hangup());
    b.over();
}

#[test]
fn a_damaged_answer_is_no_answer() {
    let mut b = Bench::new();
    b.dial(&targets(1));
    let sent = invite(&b);
    let number = sent.cseq().unwrap().number;
    let good = response(&sent, 200, CONTACT, "callee", SDP);
    b.get(&good.replace("tag=mine", "tag=mime"));
    b.get(&good.replace("ours@", "hours@"));
    b.get(&good.replace(&format!("CSeq: {number}"), &format!("CSeq: {}", number + 1)));
    b.expect(&["INVITE"]);
    b.get(&good);
    b.expect(&["ACK", &format!("Answered 2 Some({})", SDP.len())]);
    b.tell(hangup());
    b.over();
}

#[test]
fn an_answer_under_a_foreign_branch_is_taken_and_leaves_no_transaction() {
    let mut b = Bench::new();
    b.dial(&targets(1));
    b.respond("INVITE", 180, "", "callee", "");
    let sent = invite(&b);
    b.take();
    b.get(&response(&sent, 200, CONTACT, "callee", SDP).replace("z9hG4bK", "z9hG4bKx"));
    b.expect(&["ACK", &format!("Answered 2 Some({})", SDP.len())]);
    b.tell(hangup());
    b.over();
}

#[test]
fn two_tries_may_be_answered_under_one_tag() {
    let mut b = Bench::new();
    b.dial(&targets(2));
    let first = invite(&b);
    b.pass(32_000);
    b.take();
    b.get(&response(&first, 200, CONTACT, "same", SDP));
    b.expect(&["ACK", "BYE"]);
    b.respond("INVITE", 200, CONTACT, "same", SDP);
    b.expect(&["ACK", &format!("Answered 2 Some({})", SDP.len())]);
    b.tell(hangup());
    b.over();
}

/// Once the ACK has left, only the row knows whom to leave after a crash: it waits for the row, but not for long.
#[test]
fn the_ack_of_a_2xx_waits_for_the_call() {
    use super::peer::Req;
    let config = || EndpointConfig { ack_waits: true, ..EndpointConfig::default() };
    let answered = || {
        let mut b = Bench::with(config());
        b.dial(&targets(1));
        b.respond("INVITE", 200, CONTACT, "callee", SDP);
        b.expect(&["INVITE", &format!("Answered 2 Some({})", SDP.len())]);
        b
    };
    let acknowledge = || SipCmd::Acknowledge { leg: OUT };

    let mut b = answered();
    b.tell(acknowledge());
    b.expect(&["ACK"]);
    b.tell(acknowledge());
    b.expect(&[]);
    b.respond("INVITE", 200, CONTACT, "callee", SDP);
    b.expect(&["ACK"]);
    b.tell(hangup());
    b.expect(&["BYE"]);
    b.over();

    // The 2xx came again first.
    let mut b = answered();
    b.respond("INVITE", 200, CONTACT, "callee", SDP);
    b.expect(&["ACK"]);
    b.tell(acknowledge());
    b.expect(&[]);
    b.tell(hangup());
    b.over();

    // No BYE without ACK.
    let mut b = answered();
    b.tell(hangup());
    b.expect(&["ACK", "BYE"]);
    b.over();

    // The peer has had enough.
    let mut b = answered();
    b.get(&Req::new("BYE").call_id("ours@10.0.0.1").them("callee").us("mine").cseq(1).text());
    let lines = b.take();
    for line in ["ACK", "200 BYE", "Ended 2 peer 200"] {
        assert!(lines.iter().any(|l| l == line), "{line} is not in {lines:?}");
    }
    b.over();

    // Another branch of the fork is left at once.
    let mut b = answered();
    b.respond("INVITE", 200, CONTACT, "fork", SDP);
    b.expect(&["ACK", "BYE"]);
    b.tell(acknowledge());
    b.expect(&["ACK"]);
    b.tell(hangup());
    b.over();
}
