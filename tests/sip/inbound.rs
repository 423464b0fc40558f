//! Inbound calls, message by message.

use super::net::udp;
use super::peer::{Bench, IN, PEER, Req, SDP, US};
use chorus::sip::EndpointConfig;
use chorus::sip::event::{Caller, Cause, SipCmd, SipEvent};

fn answer() -> SipCmd {
    SipCmd::Answer { leg: IN, body: SDP.into(), headers: vec![("X-Chorus-Call-Sid".into(), "CA1".into())] }
}

fn hangup() -> SipCmd {
    SipCmd::Hangup { leg: IN, cause: Cause::new(200, "Done"), headers: vec![("X-Why".into(), "test".into())] }
}

#[test]
fn an_invite_gets_100_at_once_and_the_call_learns_who_calls_whom() {
    let mut b = Bench::new();
    let invite = Req::new("INVITE")
        .sdp()
        .with("X-Account: 7")
        .with("User-to-User: 00;encoding=hex")
        .with("Subject: no");
    b.get(&invite.text());
    b.expect(&["100 INVITE", "Incoming 1"]);
    let SipEvent::Incoming { invite, caller: Caller::Trunks(trunks), .. } = &b.events[0] else { panic!() };
    assert_eq!(trunks.len(), 1);
    assert_eq!((invite.to_user.as_str(), invite.to_host.as_str()), ("+15550001", "10.0.0.1"));
    assert_eq!((invite.from_user.as_str(), invite.from_display.as_str()), ("+15550002", "Alice"));
    assert_eq!(invite.offer.as_deref(), Some(SDP.as_bytes()));
    let names: Vec<&str> = invite.headers.iter().map(|(n, _)| n.as_str()).collect();
    assert_eq!(names, ["X-Account", "User-to-User"]);
    assert_eq!(invite.dialog.remote_target, "sip:peer@10.0.0.2:5060");
    assert_eq!(b.seen, ["< INVITE", "> 100"]);
    // Retransmitted: the 100 again, and no second call.
    b.get(&Req::new("INVITE").sdp().text());
    b.expect(&["100 INVITE"]);
    b.tell(hangup());
    b.expect(&["480 INVITE", "Ended 1 us 480"]);
    b.over();
}

#[test]
fn a_source_of_no_trunk_gets_nothing_and_makes_no_state() {
    let mut b = Bench::new();
    let stranger = udp(US, "192.0.2.66:5060");
    for method in ["INVITE", "OPTIONS", "REGISTER", "BYE", "CANCEL", "ACK", "JUNK"] {
        b.get_on(stranger, Req::new(method).text().as_bytes());
        let lines = b.take();
        assert!(lines == ["Refused 0"] || lines.is_empty() && method == "ACK", "{method}: {lines:?}");
    }
    b.get_on(stranger, b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\n\r\n");
    b.expect(&["Refused 0"]);
    assert_eq!(b.endpoint.counts(), Default::default());
}

#[test]
fn ringing_and_early_media_are_repeated_for_a_retransmitted_invite_and_every_minute() {
    let mut b = Bench::new();
    b.get(&Req::new("INVITE").sdp().text());
    b.tell(SipCmd::Ring { leg: IN, body: None });
    b.tell(SipCmd::Ring { leg: IN, body: Some(SDP.into()) });
    b.expect(&["100 INVITE", "Incoming 1", "180 INVITE", "183 INVITE"]);
    assert_eq!(b.last().body, SDP.as_bytes());
    assert!(b.last().contact().is_some() && b.last().to_tag().is_some());
    b.get(&Req::new("INVITE").sdp().text());
    b.expect(&["183 INVITE"]);
    b.pass(125_000);
    b.expect(&["183 INVITE", "183 INVITE"]);
    b.tell(hangup());
    b.over();
}

#[test]
fn the_200_is_retransmitted_from_t1_to_t2_until_the_ack() {
    let mut b = Bench::new();
    b.get(&Req::new("INVITE").sdp().text());
    b.tell(answer());
    b.take();
    let mut times = vec![];
    for ms in 0..12_000 {
        b.pass(1);
        times.extend(b.take().iter().map(|_| ms + 1));
    }
    assert_eq!(times, [500, 1_500, 3_500, 7_500, 11_500]);
    assert_eq!(b.last().headers.text("X-Chorus-Call-Sid").unwrap(), "CA1");
    let tag = b.tag();
    b.get(&Req::new("ACK").us(&tag).branch("ack").text());
    b.expect(&["Confirmed 1 None"]);
    b.get(&Req::new("ACK").us(&tag).branch("ack").text());
    b.pass(60_000);
    b.expect(&[]);
    b.get(&Req::new("BYE").us(&tag).cseq(2).text());
    b.expect(&["200 BYE", "Ended 1 peer 200"]);
    b.over();
}

#[test]
fn an_ack_with_the_branch_of_the_invite_counts_too() {
    let mut b = Bench::new();
    b.get(&Req::new("INVITE").sdp().text());
    b.tell(answer());
    b.take();
    let tag = b.tag();
    b.get(&Req::new("ACK").us(&tag).text());
    b.expect(&["Confirmed 1 None"]);
    b.tell(hangup());
    b.respond("BYE", 200, "", "", "");
    b.over();
}

#[test]
fn without_ack_the_call_is_left_by_bye_after_64_t1() {
    let mut b = Bench::new();
    b.get(&Req::new("INVITE").sdp().text());
    b.tell(answer());
    b.take();
    b.pass(31_900);
    assert!(b.take().iter().all(|l| l == "200 INVITE"));
    b.pass(200);
    b.expect(&["BYE"]);
    b.respond("BYE", 481, "", "", "");
    b.expect(&["Ended 1 us 408"]);
    b.over();
}

#[test]
fn cancel_before_the_answer_ends_the_call_and_after_it_changes_nothing() {
    let mut b = Bench::new();
    b.get(&Req::new("INVITE").sdp().text());
    b.take();
    let cancel = Req::new("CANCEL").with("Reason: SIP;cause=200;text=\"Call completed elsewhere\"");
    b.get(&cancel.text());
    b.expect(&["200 CANCEL", "487 INVITE", "Ended 1 peer 487"]);
    let tags: Vec<_> = b.sent.iter().filter_map(|(_, m)| m.to_tag()).collect();
    assert!(tags.windows(2).all(|w| w[0] == w[1]), "CANCEL and INVITE are answered under one tag: {tags:?}");
    let Some(SipEvent::Ended { cause, .. }) = b.events.last() else { panic!() };
    assert_eq!(cause.words, "Call completed elsewhere");
    b.get(&cancel.text());
    b.expect(&["200 CANCEL"]);
    b.tell(answer());
    b.expect(&[]);
    b.get(&Req::new("ACK").text());
    b.pass(4_000);
    b.expect(&[]);
    b.over();

    let mut b = Bench::new();
    b.get(&Req::new("INVITE").sdp().text());
    b.tell(answer());
    b.take();
    let tag = b.tag();
    b.get(&Req::new("CANCEL").text());
    b.expect(&["200 CANCEL"]);
    b.get(&Req::new("CANCEL").branch("unknown").text());
    b.expect(&["481 CANCEL", "Refused 481"]);
    b.get(&Req::new("ACK").us(&tag).branch("ack").text());
    b.get(&Req::new("BYE").us(&tag).cseq(2).text());
    b.expect(&["Confirmed 1 None", "200 BYE", "Ended 1 peer 200"]);
    b.over();
}

#[test]
fn a_refusal_is_retransmitted_until_its_ack() {
    let mut b = Bench::new();
    b.get(&Req::new("INVITE").sdp().text());
    let headers = vec![("Warning".to_owned(), "304 chorus \"only PCMU and PCMA\"".to_owned())];
    b.tell(SipCmd::Refuse { leg: IN, cause: Cause::new(488, "No common codec"), headers });
    b.expect(&["100 INVITE", "Incoming 1", "488 INVITE", "Ended 1 us 488"]);
    assert_eq!(b.last().headers.text("Warning").unwrap(), "304 chorus \"only PCMU and PCMA\"");
    assert_eq!(b.last().reason_text().as_deref(), Some("No common codec"));
    b.pass(1_600);
    b.expect(&["488 INVITE", "488 INVITE"]);
    b.get(&Req::new("ACK").text());
    b.pass(31_000);
    b.expect(&[]);
    b.over();
}

#[test]
fn a_hangup_before_the_ack_waits_for_it_but_not_the_call() {
    let mut b = Bench::new();
    b.get(&Req::new("INVITE").sdp().text());
    b.tell(answer());
    b.tell(hangup());
    b.expect(&["100 INVITE", "Incoming 1", "200 INVITE"]);
    b.pass(400);
    let tag = b.tag();
    b.get(&Req::new("ACK").us(&tag).branch("ack").text());
    b.expect(&["BYE"]);
    assert_eq!(b.last().headers.text("X-Why").unwrap(), "test");
    b.respond("BYE", 200, "", "", "");
    b.expect(&["Ended 1 us 200"]);
    b.over();

    // The ACK never comes: the call has its end in two seconds, the peer its BYE after 64*T1.
    let mut b = Bench::new();
    b.get(&Req::new("INVITE").sdp().text());
    b.tell(answer());
    b.tell(hangup());
    b.take();
    b.pass(2_000);
    b.expect(&["200 INVITE", "200 INVITE", "Ended 1 us 200"]);
    b.pass(30_100);
    assert_eq!(b.take().last().unwrap(), "BYE");
    b.over();
}

#[test]
fn bye_both_ways_and_crossing() {
    let mut b = Bench::answered();
    let tag = b.tag();
    let bye =
        Req::new("BYE").us(&tag).cseq(2).with("Reason: Q.850;cause=16;text=\"Normal\"").with("X-End: 1");
    b.get(&bye.text());
    b.expect(&["200 BYE", "Ended 1 peer 200"]);
    let Some(SipEvent::Ended { cause, headers, .. }) = b.events.last() else { panic!() };
    assert_eq!((cause.q850, cause.words.as_str()), (Some(16), "Normal"));
    assert_eq!(headers, &[("X-End".to_owned(), "1".to_owned())]);
    // Its retransmission finds the transaction, a new one nobody.
    b.get(&bye.text());
    b.expect(&["200 BYE"]);
    b.get(&Req::new("BYE").us(&tag).cseq(3).text());
    b.expect(&["481 BYE", "Refused 481"]);
    b.over();

    let mut b = Bench::answered();
    let tag = b.tag();
    b.tell(hangup());
    b.expect(&["BYE"]);
    b.get(&Req::new("BYE").us(&tag).cseq(2).text());
    b.expect(&["200 BYE", "Ended 1 us 200"]);
    b.respond("BYE", 481, "", "", "");
    b.expect(&[]);
    b.over();
}

#[test]
fn a_bye_answered_by_481_or_408_or_nothing_ends_the_call_all_the_same() {
    for code in [200, 481, 408, 500] {
        let mut b = Bench::answered();
        b.tell(hangup());
        b.respond("BYE", code, "", "", "");
        b.expect(&["BYE", "Ended 1 us 200"]);
        b.over();
    }
    let mut b = Bench::answered();
    b.tell(hangup());
    b.pass(2_000);
    b.expect(&["BYE", "BYE", "BYE", "Ended 1 us 200"]);
    b.over();
    assert_eq!(b.take().len(), 8, "BYE goes on being sent until Timer F");
}

#[test]
fn an_invite_that_nobody_answered_until_it_expires_ends_with_487() {
    let mut b = Bench::new();
    b.get(&Req::new("INVITE").with("Expires: 20").sdp().text());
    b.tell(SipCmd::Ring { leg: IN, body: None });
    b.pass(19_900);
    b.expect(&["100 INVITE", "Incoming 1", "180 INVITE"]);
    b.pass(200);
    b.expect(&["487 INVITE", "Ended 1 peer 487"]);
    b.over();
    // Once it is answered nothing expires any more.
    let mut b = Bench::new();
    b.get(&Req::new("INVITE").with("Expires: 1").sdp().text());
    b.tell(answer());
    let tag = b.tag();
    b.get(&Req::new("ACK").us(&tag).branch("ack").text());
    b.pass(60_000);
    b.expect(&["100 INVITE", "Incoming 1", "200 INVITE", "Confirmed 1 None"]);
}

#[test]
fn a_bye_before_the_answer_ends_the_invite_with_487() {
    let mut b = Bench::new();
    b.get(&Req::new("INVITE").sdp().text());
    b.tell(SipCmd::Ring { leg: IN, body: None });
    b.take();
    let tag = b.tag();
    b.get(&Req::new("BYE").us(&tag).cseq(2).text());
    b.expect(&["200 BYE", "487 INVITE", "Ended 1 peer 487"]);
    b.over();
}

#[test]
fn options_is_answered_in_and_out_of_dialogs_and_503_while_draining() {
    let mut b = Bench::answered();
    let tag = b.tag();
    b.get(&Req::new("OPTIONS").call_id("ping").text());
    b.expect(&["200 OPTIONS"]);
    assert!(b.last().headers.text("Allow").unwrap().contains("UPDATE"));
    assert!(b.last().headers.text("Accept").unwrap().contains("application/sdp"));
    b.get(&Req::new("OPTIONS").us(&tag).cseq(2).text());
    b.expect(&["200 OPTIONS"]);
    b.drain();
    b.get(&Req::new("OPTIONS").call_id("ping").branch("p2").text());
    b.expect(&["503 OPTIONS"]);
    assert!(b.last().seconds("Retry-After").is_some());
    b.get(&Req::new("INVITE").call_id("new").branch("new").sdp().text());
    b.expect(&["503 INVITE", "Refused 503"]);
    assert!(b.last().seconds("Retry-After").is_some_and(|s| (1..=8).contains(&s)));
    b.get(&Req::new("ACK").call_id("new").branch("new").text());
    b.get(&Req::new("BYE").us(&tag).cseq(3).text());
    b.expect(&["200 BYE", "Ended 1 peer 200"]);
    b.over();
}

#[test]
fn keys_come_by_info_once_each() {
    let mut b = Bench::answered();
    let tag = b.tag();
    let relay = |n: u32, s: &str| {
        let body = format!("Signal={s}\r\nDuration=160\r\n");
        Req::new("INFO").us(&tag).cseq(n).body("application/dtmf-relay", &body).text()
    };
    b.get(&relay(2, "5"));
    b.expect(&["200 INFO", "Key 1 5"]);
    b.get(&relay(2, "5"));
    b.expect(&["200 INFO"]);
    for (n, sent, key) in [(3, "10", '*'), (4, "11", '#'), (5, " a", 'A'), (6, "*", '*')] {
        b.get(&relay(n, sent));
        b.expect(&["200 INFO", &format!("Key 1 {key}")]);
    }
    b.get(&Req::new("INFO").us(&tag).cseq(7).body("application/dtmf", "9").text());
    b.expect(&["200 INFO", "Key 1 9"]);
    b.get(&relay(8, "99"));
    b.expect(&["400 INFO"]);
    b.get(&Req::new("INFO").us(&tag).cseq(9).text());
    b.expect(&["200 INFO"]);
    b.get(&Req::new("INFO").us(&tag).cseq(10).body("text/plain", "5").text());
    b.expect(&["415 INFO", "Refused 415"]);
    b.tell(hangup());
    b.over();
}

#[test]
fn an_older_cseq_is_refused_and_foreign_tags_are_unknown() {
    let mut b = Bench::answered();
    let tag = b.tag();
    b.get(&Req::new("INFO").us(&tag).cseq(9).text());
    b.get(&Req::new("INFO").us(&tag).cseq(8).text());
    b.expect(&["200 INFO", "500 INFO", "Refused 500"]);
    b.get(&Req::new("BYE").us(&tag).them("mallory").cseq(10).text());
    b.get(&Req::new("BYE").us("guess").cseq(11).text());
    b.expect(&["481 BYE", "Refused 481", "481 BYE", "Refused 481"]);
    b.get(&Req::new("ACK").us("guess").cseq(11).text());
    b.expect(&[]);
    b.tell(hangup());
    b.over();
}

#[test]
fn what_is_not_offered_is_refused_by_name() {
    let mut b = Bench::new();
    for method in ["REGISTER", "SUBSCRIBE", "MESSAGE", "PUBLISH"] {
        b.get(&Req::new(method).text());
        b.expect(&[&format!("405 {method}"), "Refused 405"]);
        assert!(b.last().headers.text("Allow").unwrap().contains("INVITE"));
    }
    // Only a call is transferred, and only who was asked tells how it goes.
    b.get(&Req::new("REFER").with("Refer-To: <sip:a@b>").text());
    b.expect(&["603 REFER", "Refused 603"]);
    b.get(&Req::new("NOTIFY").with("Event: refer").text());
    b.expect(&["481 NOTIFY", "Refused 481"]);
    b.get(&Req::new("TELEPORT").text());
    b.expect(&["501 TELEPORT", "Refused 501"]);
    b.get(&Req::new("INVITE").with("Require: 100rel, x-new").sdp().text());
    b.expect(&["420 INVITE", "Refused 420"]);
    assert_eq!(b.last().headers.text("Unsupported").unwrap(), "x-new");
    b.get(&Req::new("INVITE").uri("urn:service:sos").sdp().text());
    b.expect(&["416 INVITE", "Refused 416"]);
    b.get(&Req::new("INVITE").with("Supported: timer, 100rel").with("Session-Expires: 90").sdp().text());
    b.expect(&["100 INVITE", "Incoming 1"]);
    b.tell(hangup());
    b.over();
}

#[test]
fn a_merged_request_gets_482_while_the_first_one_lives() {
    let mut b = Bench::new();
    b.get(&Req::new("INVITE").sdp().text());
    b.take();
    b.get(&Req::new("INVITE").branch("other-way").sdp().text());
    b.expect(&["482 INVITE", "Refused 482"]);
    b.tell(hangup());
    b.over();
}

#[test]
fn beyond_the_limits_new_calls_get_503_and_living_ones_go_on() {
    let mut b = Bench::with(EndpointConfig { legs_max: 1, ..EndpointConfig::default() });
    b.get(&Req::new("INVITE").sdp().text());
    b.take();
    b.get(&Req::new("INVITE").call_id("second").branch("second").sdp().text());
    b.expect(&["503 INVITE", "Refused 503"]);
    assert!(b.last().seconds("Retry-After").is_some());
    b.get(&Req::new("OPTIONS").call_id("ping").branch("ping").text());
    b.expect(&["200 OPTIONS"]);
    b.get(&Req::new("CANCEL").text());
    b.expect(&["200 CANCEL", "487 INVITE", "Ended 1 peer 487"]);
    b.over();
}

#[test]
fn responses_go_to_the_source_and_say_so() {
    let mut b = Bench::new();
    let nat = udp(US, "10.9.9.9:40000");
    let invite = Req::new("INVITE").without_contact().with("Contact: <sip:peer@192.168.0.2:5060>").sdp();
    b.get_on(nat, invite.text().as_bytes());
    b.take();
    assert_eq!(b.last_flow().remote, "10.9.9.9:40000".parse().unwrap());
    let via = b.last().via().unwrap();
    assert_eq!((via.rport(), via.received()), (Some(40_000), "10.9.9.9".parse().ok()));
    // The BYE goes where the INVITE came from, because the Contact is of another private network.
    b.tell(answer());
    let tag = b.tag();
    b.get_on(nat, Req::new("ACK").us(&tag).branch("ack").text().as_bytes());
    b.tell(hangup());
    assert_eq!(b.last_flow().remote, "10.9.9.9:40000".parse().unwrap());
    b.over();
}

#[test]
fn without_rport_the_response_goes_to_the_port_of_the_via_unless_a_nat_is_seen() {
    let text = Req::new("OPTIONS").text().replace(";rport", "");
    let rfc = EndpointConfig { symmetric: false, ..EndpointConfig::default() };
    for (config, source, to) in [
        // Some gateways send from another port than they listen on.
        (EndpointConfig::default(), "10.0.0.2:40000", PEER),
        // The Via names another host: only the way back to the source is open.
        (EndpointConfig::default(), "10.9.9.9:40000", "10.9.9.9:40000"),
        (rfc, "10.9.9.9:40000", "10.9.9.9:5060"),
    ] {
        let mut b = Bench::with(config);
        b.get_on(udp(US, source), text.as_bytes());
        assert_eq!(b.last_flow().remote, to.parse().unwrap(), "{source}");
        assert_eq!(b.last().via().unwrap().rport(), None);
    }
}

#[test]
fn a_telephone_behind_a_proxy_that_does_not_stay_in_the_way_is_written_to_directly() {
    let mut b = Bench::new();
    b.flow = udp(US, "10.0.0.50:5060");
    let passed_on = "Via: SIP/2.0/UDP 10.0.0.50:5060;branch=z9hG4bKproxy\r\nVia:";
    b.get(&Req::new("INVITE").sdp().text().replacen("Via:", passed_on, 1));
    b.tell(answer());
    let tag = b.tag();
    b.get(&Req::new("ACK").us(&tag).branch("ack").text());
    b.tell(hangup());
    assert_eq!(b.last_flow().remote, PEER.parse().unwrap(), "its Contact, not the proxy");
    b.over();
}

#[test]
fn requests_follow_the_record_routes_loose_and_strict() {
    let invite =
        Req::new("INVITE").with("Record-Route: <sip:10.0.0.7:5070;lr>, <sip:edge.example;lr=on>").sdp();
    let mut b = Bench::new();
    b.get(&invite.text());
    b.tell(answer());
    assert_eq!(b.last().headers.elements("Record-Route").len(), 2);
    let tag = b.tag();
    b.get(&Req::new("ACK").us(&tag).branch("ack").text());
    b.tell(hangup());
    assert_eq!(b.last().uri_text(), "sip:peer@10.0.0.2:5060");
    let routes = b.last().headers.elements("Route");
    assert_eq!(routes, ["<sip:10.0.0.7:5070;lr>", "<sip:edge.example;lr=on>"]);
    assert_eq!(b.last_flow().remote, "10.0.0.7:5070".parse().unwrap(), "the next hop is a neighbour");
    b.over();

    let mut b = Bench::new();
    b.get(&invite.text().replace(";lr>, ", ">, "));
    b.tell(answer());
    let tag = b.tag();
    b.get(&Req::new("ACK").us(&tag).branch("ack").text());
    b.tell(hangup());
    assert_eq!(b.last().uri_text(), "sip:10.0.0.7:5070");
    let routes = b.last().headers.elements("Route");
    assert_eq!(routes, ["<sip:edge.example;lr=on>", "<sip:peer@10.0.0.2:5060>"]);
    b.over();
}

#[test]
fn an_offerless_invite_gets_our_offer_and_its_ack_the_answer() {
    let mut b = Bench::new();
    b.get(&Req::new("INVITE").text());
    let SipEvent::Incoming { invite, .. } = &b.events[0] else { panic!() };
    assert!(invite.offer.is_none());
    b.tell(answer());
    let tag = b.tag();
    b.take();
    // Until the answer is here an offer of theirs is glare.
    b.get(&Req::new("UPDATE").us(&tag).cseq(2).sdp().text());
    b.expect(&["491 UPDATE", "Refused 491"]);
    b.get(&Req::new("ACK").us(&tag).branch("ack").sdp().text());
    b.expect(&[&format!("Confirmed 1 Some({})", SDP.len())]);
    b.tell(hangup());
    b.over();
}

#[test]
fn a_datagram_over_1300_bytes_leaves_out_what_is_optional() {
    let mut b = Bench::new();
    b.get(&Req::new("INVITE").sdp().text());
    let headers = vec![("X-Long".to_owned(), "x".repeat(900))];
    b.tell(SipCmd::Answer { leg: IN, body: SDP.into(), headers });
    assert!(!b.last().headers.has("Allow") && !b.last().headers.has("Server"));
    assert!(b.last().headers.has("X-Long") && b.last().headers.has("Contact"));
    b.tell(hangup());
    b.over();
}

#[test]
fn junk_is_counted_and_dropped_and_keep_alives_are_not_even_counted() {
    let mut b = Bench::new();
    for junk in [&b"\x00\x01\x02\xff\xfe"[..], b"GET / HTTP/1.1\r\n\r\n", b"INVITE", &[0xff; 2_000]] {
        let flow = b.flow;
        b.get_on(flow, junk);
        b.expect(&["Refused 0"]);
    }
    for quiet in [&b"\r\n\r\n"[..], b"\0\0\0\0", b""] {
        let flow = b.flow;
        b.get_on(flow, quiet);
        b.expect(&[]);
    }
    b.get(&Req::new("OPTIONS").text());
    b.expect(&["200 OPTIONS"]);
    assert_eq!(b.endpoint.counts(), Default::default());
}

#[test]
fn an_rfc_2543_peer_without_branch_and_tag_can_call() {
    let strip = |s: String| s.replace(";branch=z9hG4bKfirst;rport", "").replace(";tag=them", "");
    let mut b = Bench::new();
    b.get(&strip(Req::new("INVITE").sdp().text()));
    b.get(&strip(Req::new("INVITE").sdp().text()));
    b.expect(&["100 INVITE", "Incoming 1", "100 INVITE"]);
    b.get(&strip(Req::new("CANCEL").text()));
    b.expect(&["200 CANCEL", "487 INVITE", "Ended 1 peer 487"]);
    b.get(&strip(Req::new("ACK").text()));
    b.pass(20_000);
    b.expect(&[]);
    b.over();
}

/// RFC 3891 section 3: nobody may take an INVITE of the peer that is not answered.
#[test]
fn an_early_dialog_that_the_peer_began_is_not_replaced() {
    let mut b = Bench::new();
    b.get(&Req::new("INVITE").sdp().text());
    b.tell(SipCmd::Ring { leg: IN, body: None });
    b.expect(&["100 INVITE", "Incoming 1", "180 INVITE"]);
    let named = format!("Replaces: theirs@10.0.0.2;to-tag={};from-tag=them", b.tag());
    for early_only in ["", ";early-only"] {
        let with = format!("{named}{early_only}");
        let taker =
            Req::new("INVITE").sdp().call_id(&format!("taker{early_only}")).branch("taker").with(&with);
        b.get(&taker.text());
        b.expect(&["481 INVITE", "Refused 481"]);
    }
    b.tell(answer());
    b.expect(&["200 INVITE"]);
}
