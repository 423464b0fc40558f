//! What peers did that no picture shows: offers, answers and Dials at their corners.

use super::scene::*;
use crate::kit::phone::OnCall;
use crate::kit::world::spoken;
use crate::kit::{Reply, World};
use bytes::Bytes;
use chorus::sdp::{Direction, Local, offer};
use chorus::sip::event::SipCmd;
use chorus::store::rows::{CallRow, NotificationRow, RecordingRow};

/// A caller whose number dials this; phone 1 is behind the trunk.
fn dialling(seed: u64, dial: &str, does: OnCall) -> World {
    let mut w = caller(seed, dial);
    callee(&mut w, does);
    w.app.on("/dialled", Reply::twiml("<Hangup/>"));
    w
}

fn action<'a>(w: &'a World, name: &str) -> &'a str {
    w.app.of("/dialled")[0].params.get(name).map_or("", String::as_str)
}

fn notified(w: &World, code: u32) -> bool {
    w.store.all::<NotificationRow>().any(|n| n.code == code)
}

#[test]
fn a_refresh_without_change_has_the_same_version() {
    let mut w = talking(400, "<Say>hi</Say><Pause length=\"20\"/>");
    for (method, direction) in [
        ("INVITE", Direction::SendRecv),
        ("UPDATE", Direction::SendRecv),
        ("INVITE", Direction::SendOnly),
        ("INVITE", Direction::SendOnly),
        ("INVITE", Direction::SendRecv),
    ] {
        w.reoffer(0, method, direction);
        w.run_ms(1_000);
    }
    let version = |body: &String| {
        let origin = body.lines().find_map(|l| l.strip_prefix("o=")).unwrap().to_owned();
        origin.split(' ').nth(2).unwrap().parse::<u64>().unwrap()
    };
    let told: Vec<u64> = w.phones[0].told.iter().filter(|b| b.starts_with("v=0")).map(version).collect();
    // The 200 had the first one; each document that differs from the one before counts one more.
    assert_eq!(told, [1, 1, 2, 2, 3]);
    w.hang_up(0);
    over(&mut w);
}

#[test]
fn an_offer_of_ours_that_the_ack_does_not_answer_ends_the_call() {
    let mut w = caller(401, "<Say>hello</Say><Pause length=\"60\"/>");
    w.phones[0].offerless = true;
    w.phones[0].late_answer = Some(Bytes::new());
    w.dial(0, "+15550001");
    over(&mut w);
    assert!(w.now.mono.0 < 60_000_000, "by BYE, not by the end of the document");
}

#[test]
fn early_media_goes_both_ways() {
    for dial in ["<Dial answerOnBridge=\"true\">+15550002</Dial>", "<Dial>+15550002</Dial>"] {
        let mut w = dialling(402, dial, OnCall::EarlyMedia(3_000));
        w.dial(0, "+15550001");
        w.until("the callee's early media", |w| w.phones[0].peer.is_some() && w.phones[1].peer.is_some());
        w.run_ms(200);
        w.talk(0, Some(spoken(&"a".repeat(200))));
        w.run_ms(1_500);
        assert!(!w.phones[1].answered);
        assert!(w.phones[1].rtp_loud > 50, "{dial}: {} packets", w.phones[1].rtp_loud);
        answered(&mut w, 1);
        w.run_ms(500);
        w.hang_up(0);
        over(&mut w);
    }
}

/// A caller whose document dials `nouns`: first the usual callee, then Anna, the phone whose index is returned.
fn with_anna(seed: u64, nouns: &str, first: OnCall, hers: OnCall) -> (World, usize) {
    let mut w = dialling(seed, nouns, first);
    let anna = w.phone("anna", 3);
    w.phones[anna].on_call = hers;
    w.dial(0, "+15550001");
    (w, anna)
}

#[test]
fn after_early_media_of_one_the_next_is_rung_for() {
    let nouns = "<Dial sequential=\"true\" timeout=\"5\"><Number>+15550002</Number><Sip>sip:anna@10.0.1.3</Sip></Dial>";
    let (mut w, anna) = with_anna(408, nouns, OnCall::EarlyMedia(60_000), OnCall::Ring);
    w.until("the second rings", |w| w.phones[anna].leg.is_some());
    w.run_ms(200);
    let before = w.phones[0].heard.len();
    w.run_ms(1_500);
    // What is heard is kept in 16 bit: a ring is no silence.
    let heard = &w.phones[0].heard[before.min(w.phones[0].heard.len())..];
    let loud =
        heard.chunks_exact(2).filter(|b| i16::from_le_bytes([b[0], b[1]]).unsigned_abs() > 1_000).count();
    assert!(loud > 2_000, "{loud} of {} samples", heard.len() / 2);
    w.hang_up(0);
    over(&mut w);
}

#[test]
fn who_was_busy_before_another_answered_does_not_count() {
    let nouns = "<Dial action=\"/dialled\"><Number>+15550002</Number><Sip>sip:anna@10.0.1.3</Sip></Dial>";
    let (mut w, anna) = with_anna(403, nouns, OnCall::Refuse(486), OnCall::Answer(1_000));
    answered(&mut w, anna);
    w.run_ms(1_000);
    w.hang_up(0);
    w.until("the action", |w| !w.app.of("/dialled").is_empty());
    assert_eq!(action(&w, "DialCallStatus"), "completed");
    assert_eq!(action(&w, "DialBridged"), "true");
    w.run_ms(1_000);
    assert_eq!(w.phones[anna].ended[0].code, 200);
}

#[test]
fn headers_of_the_callees_200_come_with_the_action() {
    let mut w = dialling(404, "<Dial action=\"/dialled\">+15550002</Dial>", OnCall::Answer(500));
    w.phones[1].answers_with = vec![("X-Agent".to_owned(), "7".to_owned())];
    w.dial(0, "+15550001");
    answered(&mut w, 1);
    w.run_ms(500);
    w.hang_up(1);
    over(&mut w);
    assert_eq!(action(&w, "DialSipHeader_X-Agent"), "7");
}

#[test]
fn numbers_that_dial_each_other_come_to_an_end() {
    let dial = "<Dial action=\"/dialled\">+15550002</Dial>";
    for (hops, left) in [(70, Some(69)), (1, Some(0)), (0, None)] {
        let mut w = dialling(405, dial, OnCall::Answer(500));
        w.phones[0].hops.0 = hops;
        w.dial(0, "+15550001");
        if left.is_some() {
            answered(&mut w, 1);
            w.hang_up(1);
        }
        over(&mut w);
        assert_eq!(w.phones[1].hops.1, left);
        assert_eq!(action(&w, "DialCallStatus"), if left.is_some() { "completed" } else { "failed" });
        assert_eq!(notified(&w, 32011), left.is_none());
    }
}

#[test]
fn sips_is_never_dialled_in_clear() {
    for uri in ["sips:bob@10.0.1.2", "sip:bob@10.0.1.2;transport=tls"] {
        let dial = format!("<Dial action=\"/dialled\"><Sip>{uri}</Sip></Dial>");
        let mut w = dialling(406, &dial, OnCall::Answer(500));
        w.dial(0, "+15550001");
        over(&mut w);
        assert_eq!(action(&w, "DialCallStatus"), "failed");
        assert_eq!(w.phones[1].hops.1, None, "nothing came to the callee");
    }
}

#[test]
fn a_call_that_reaches_nobody_says_why() {
    let mut w = World::new(407);
    callee(&mut w, OnCall::Refuse(401));
    api(&mut w, |_| {});
    w.run_ms(5_000);
    assert!(notified(&w, 13249), "{}", w.picture());
}

#[test]
fn a_caller_id_that_is_no_name_is_not_shown_to_a_sip_callee() {
    for (caller, code) in [("bad caller!", Some(13214)), ("Anna-1_+.x", None)] {
        let dial =
            format!("<Dial action=\"/dialled\" callerId=\"{caller}\"><Sip>sip:bob@10.0.1.2</Sip></Dial>");
        let mut w = dialling(409, &dial, OnCall::Refuse(486));
        w.dial(0, "+15550001");
        over(&mut w);
        assert_eq!(w.phones[1].hops.1.is_some(), code.is_none(), "who is called");
        assert_eq!(notified(&w, 13214), code.is_some());
        assert_eq!(action(&w, "DialCallStatus"), if code.is_some() { "failed" } else { "busy" });
    }
}

#[test]
fn what_a_telephone_calls_itself_is_escaped_where_it_is_shown_again() {
    let mut w = dialling(410, "<Dial><Sip>sip:bob@10.0.1.2</Sip></Dial>", OnCall::Ring);
    w.dial_with(0, "+15550001", "the%20%22cat%22%3Csip%3Ax", vec![]);
    w.until("it rings", |w| w.phones[1].dialog.is_some());
    let from = &w.phones[1].dialog.as_ref().unwrap().remote_uri;
    assert!(from.starts_with("<sip:the%20%22cat%22%3Csip%3Ax@"), "{from}");
    w.hang_up(0);
    over(&mut w);
}

#[test]
fn one_track_is_recorded_in_one_channel() {
    let dial = "<Dial record=\"record-from-answer-dual\" recordingTrack=\"inbound\">+15550002</Dial>";
    let mut w = dialling(411, dial, OnCall::Answer(500));
    w.dial(0, "+15550001");
    answered(&mut w, 1);
    w.run_ms(1_000);
    w.hang_up(0);
    over(&mut w);
    let channels: Vec<u8> = w.store.all::<RecordingRow>().map(|r| r.channels).collect();
    assert_eq!(channels, [1]);
}

#[test]
fn a_180_that_comes_again_does_not_begin_the_ring_anew() {
    let mut w = dialling(412, "<Dial timeout=\"20\">+15550002</Dial>", OnCall::Ring);
    w.dial(0, "+15550001");
    w.until("it rings", |w| w.phones[1].leg.is_some());
    // Two seconds of tone, four of silence.
    w.run_ms(3_000);
    let before = w.phones[0].heard.len();
    w.with_phone(1, |p, now| {
        let leg = p.leg.unwrap();
        p.endpoint.command(now, SipCmd::Ring { leg, body: None });
    });
    w.run_ms(1_500);
    let heard = &w.phones[0].heard[before..];
    let loud =
        heard.chunks_exact(2).filter(|b| i16::from_le_bytes([b[0], b[1]]).unsigned_abs() > 1_000).count();
    assert!(heard.len() > 16_000 && loud == 0, "{loud} of {} samples", heard.len() / 2);
    w.hang_up(0);
    over(&mut w);
}

#[test]
fn a_caller_behind_nat_who_first_speaks_after_the_answer_is_heard_although_early_media_came_before() {
    let mut w = dialling(413, "<Dial answerOnBridge=\"true\">+15550002</Dial>", OnCall::EarlyMedia(6_000));
    // What it says of itself is not where it sends from, and before the answer it sends nothing.
    let local = w.phones[0].local();
    let other = Local { ip: [10, 0, 9, 9].into(), ..local };
    w.phones[0].offer_with = Some(offer(&other, Direction::SendRecv).into());
    w.phones[0].silent = true;
    w.dial(0, "+15550001");
    answered(&mut w, 1);
    w.phones[0].silent = false;
    w.run_ms(500);
    w.talk(0, Some(spoken(&"a".repeat(200))));
    w.run_ms(1_500);
    assert!(w.phones[1].rtp_loud > 50, "{} packets", w.phones[1].rtp_loud);
    w.hang_up(0);
    over(&mut w);
}

#[test]
fn the_timeline_of_a_call_has_its_rtp_figures() {
    let mut w = talking(414, "<Say>hi</Say><Pause length=\"30\"/>");
    let figures = |w: &World| -> Vec<String> {
        let lines = w.trace.iter().map(|(_, line)| &line.what);
        lines.filter(|what| what.starts_with("RTP ")).cloned().collect()
    };
    // The peer's first report comes within 7.5 s.
    w.run_ms(10_000);
    assert_eq!(figures(&w).len(), 1);
    w.hang_up(0);
    over(&mut w);
    let all = figures(&w);
    assert_eq!(all.len(), 2);
    let received: u64 = all[1].split(' ').nth(1).unwrap().parse().unwrap();
    assert!(received > 450 && all[1].contains(" 0 lost, 0 dropped") && all[1].contains("MOS 4."), "{all:?}");
}

#[test]
fn who_forwarded_the_call_is_told() {
    let mut w = caller(415, "<Hangup/>");
    let diversion = "\"Shop\" <sip:+15557777@carrier.example;user=phone>;reason=unconditional, <tel:+1555>";
    w.dial_with(0, "+15550001", "+15559999", vec![("Diversion".to_owned(), diversion.to_owned())]);
    over(&mut w);
    assert_eq!(w.app.of("/voice")[0].params["ForwardedFrom"], "+15557777");
    let rows: Vec<_> = w.store.all::<CallRow>().map(|r| r.forwarded_from.clone()).collect();
    assert_eq!(rows, [Some("+15557777".to_owned())]);
}
