//! The server calls sipp: what callees do beside answering and refusing.

use super::installed;
use super::scene::*;
use crate::fault::child::free;

const DOCUMENT: &str = "<Say>Hello to you.</Say>";
const STAYS: &str = "<Pause length=\"60\"/>";

#[tokio::test]
async fn reliable_early_media_of_the_callee_gets_its_prack() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-uas-prack", &[]).await;
    let sipp = s.callee("uas_prack").await;
    let sid = s.dials(CALLEE, DOCUMENT).await;
    sipp.passes().await;
    assert_eq!(s.ended("completed").await, sid);
    s.went(&sid, &["phone: 183", "chorus: PRACK", "phone: 200 PRACK", "phone: 200 INVITE", "chorus: ACK"])
        .await;
}

#[tokio::test]
async fn a_422_of_the_callee_is_asked_again_with_its_min_se() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-uas-422", &[]).await;
    let sipp = s.callee("uas_422").await;
    let sid = s.dials(CALLEE, DOCUMENT).await;
    sipp.passes().await;
    s.ended("completed").await;
    s.went(&sid, &["chorus: INVITE", "phone: 422 INVITE", "chorus: INVITE", "phone: 200 INVITE"]).await;
}

#[tokio::test]
async fn a_callee_that_moved_within_the_trunk_is_followed() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-302", &[]).await;
    let elsewhere = free();
    let contact = format!("sip:{CALLEE}@{elsewhere}");
    let moved = s.callee_at("uas_302", s.peer, &[], |text| text.replace("CONTACT", &contact)).await;
    let there = s.callee_at("uas_answer", elsewhere, &[], |text| text).await;
    let sid = s.dials(CALLEE, DOCUMENT).await;
    moved.passes().await;
    there.passes().await;
    s.ended("completed").await;
    s.went(&sid, &["phone: 302 INVITE", "chorus: INVITE", "phone: 200 INVITE"]).await;
}

#[tokio::test]
async fn a_callee_that_moved_out_of_the_trunk_is_not_followed() {
    if !installed("sipp") {
        return;
    }
    // Another host, and somebody else's number at the trunk's own.
    for (n, contact) in
        ["sip:+17185550000@127.0.0.99:5060", "sip:+17185550001@127.0.0.1:5060"].iter().enumerate()
    {
        let s = scene(&format!("sipp-302-out-{n}"), &[]).await;
        let moved = s.callee_at("uas_302", s.peer, &[], |text| text.replace("CONTACT", contact)).await;
        let sid = s.dials(CALLEE, DOCUMENT).await;
        moved.passes().await;
        s.ended("failed").await;
        assert_eq!(s.verdict(&sid, "sip_code").await, 302);
        let invites = s.timeline(&sid).await.iter().filter(|l| *l == "chorus: INVITE").count();
        assert_eq!(invites, 1, "{contact}");
    }
}

/// POST Calls, then Status=canceled when it rings.
async fn cancelled(s: &Scene) -> String {
    let sid = s.dials(CALLEE, DOCUMENT).await;
    s.until_told("ringing", 1).await;
    let changed = s.server.post(&format!("/Calls/{sid}.json"), &[("Status", "canceled")]).await.unwrap();
    assert_eq!(changed.status, 200, "{}", changed.text());
    sid
}

#[tokio::test]
async fn a_call_is_taken_back_while_it_rings() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-uas-cancelled", &[]).await;
    let sipp = s.callee("uas_cancelled").await;
    let sid = cancelled(&s).await;
    sipp.passes().await;
    s.ended("canceled").await;
    s.went(&sid, &["phone: 180", "chorus: CANCEL", "phone: 487 INVITE"]).await;
}

#[tokio::test]
async fn a_200_that_crosses_our_cancel_is_acked_and_left() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-uas-race", &[]).await;
    let sipp = s.callee("uas_cancel_race").await;
    let sid = cancelled(&s).await;
    sipp.passes().await;
    s.ended("canceled").await;
    s.went(&sid, &["chorus: CANCEL", "phone: 200 INVITE", "chorus: ACK", "chorus: BYE", "phone: 200 BYE"])
        .await;
}

#[tokio::test]
async fn two_reinvites_that_cross_both_get_491_and_ours_comes_again() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-uas-glare", &[]).await;
    let sipp = s.callee("uas_glare").await;
    let sid = s.dials(CALLEE, STAYS).await;
    sipp.passes().await;
    s.ended("completed").await;
    s.went(
        &sid,
        &["chorus: INVITE", "chorus: 491 INVITE", "phone: 491 INVITE", "chorus: INVITE", "phone: BYE"],
    )
    .await;
    assert_eq!(s.verdict(&sid, "hung_up_by").await, "callee");
}

#[tokio::test]
async fn a_reinvite_without_an_offer_gets_one_and_its_ack_the_answer() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-uas-offerless", &[]).await;
    let sipp = s.callee("uas_offerless").await;
    let sid = s.dials(CALLEE, STAYS).await;
    sipp.passes().await;
    s.ended("completed").await;
    s.went(&sid, &["phone: INVITE", "chorus: 200 INVITE", "phone: ACK", "phone: BYE"]).await;
}

#[tokio::test]
async fn a_contact_whose_port_takes_no_connection_gets_datagrams() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-uas-tcp-contact", &[]).await;
    let sipp = s.callee("uas_tcp_contact").await;
    let sid = s.dials(CALLEE, DOCUMENT).await;
    sipp.passes().await;
    s.ended("completed").await;
    s.went(&sid, &["phone: 200 INVITE", "chorus: ACK", "chorus: BYE", "phone: 200 BYE"]).await;
}

/// The same nonce for the INVITE and for the BYE: sipp checks that the answer fits and is counted on.
#[tokio::test]
async fn a_challenged_bye_gets_the_trunks_password() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-uas-bye-401", &[("username", "trunkuser"), ("password", "trunkpass")]).await;
    let sipp = s.callee("uas_bye_401").await;
    let sid = s.dials(CALLEE, DOCUMENT).await;
    sipp.passes().await;
    s.ended("completed").await;
    s.went(&sid, &["phone: 401 INVITE", "phone: 401 BYE", "chorus: BYE", "phone: 200 BYE"]).await;
}

#[tokio::test]
async fn a_long_invite_of_ours_comes_as_a_datagram_where_nobody_takes_a_connection() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-uas-big", &[]).await;
    let sipp = s.callee("uas_big").await;
    let pads: Vec<String> = (0..20).map(|n| format!("X-Pad-{n}={}", "y".repeat(35))).collect();
    let to = format!("sip:anna@{}?{}", s.peer, pads.join("&amp;").replace("&amp;", "&"));
    let sid = s.dials(&to, DOCUMENT).await;
    sipp.passes().await;
    s.ended("completed").await;
    s.went(&sid, &["chorus: INVITE", "phone: 200 INVITE"]).await;
}
