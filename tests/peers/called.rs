//! sipp calls the server: what peers do beside calling and hanging up.

use super::installed;
use super::scene::*;
use super::sipp::received;

#[tokio::test]
async fn ringing_that_must_be_reliable_is_acknowledged_by_prack() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-prack", &[]).await;
    s.caller("prack", LATE).await;
    let sid = s.ended("completed").await;
    s.went(
        &sid,
        &["phone: INVITE", "chorus: 180", "phone: PRACK", "chorus: 200 PRACK", "chorus: 200 INVITE"],
    )
    .await;
}

#[tokio::test]
async fn a_session_that_is_too_short_gets_422() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-422", &[]).await;
    s.caller("session", LONG).await;
    let sid = s.ended("completed").await;
    s.went(&sid, &["chorus: 200 INVITE", "chorus: 422 UPDATE", "chorus: 200 UPDATE", "phone: BYE"]).await;
}

#[tokio::test]
async fn bye_crosses_bye() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-crossing", &[]).await;
    let trace = s.caller("crossing", SHORT).await;
    let byes = received(&trace).filter(|m| m.contains("\nBYE ")).count();
    assert_eq!(byes, 1, "it was answered before it came again:\n{trace}");
    let sid = s.ended("completed").await;
    assert_eq!(s.verdict(&sid, "hung_up_by").await, "chorus");
}

#[tokio::test]
async fn a_cancel_that_crosses_the_200_changes_nothing() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-late-cancel", &[]).await;
    s.caller("late_cancel", LONG).await;
    let sid = s.ended("completed").await;
    s.went(&sid, &["chorus: 200 INVITE", "phone: CANCEL", "phone: ACK", "phone: BYE"]).await;
    assert_eq!(s.verdict(&sid, "hung_up_by").await, "caller");
}

#[tokio::test]
async fn an_offer_that_crosses_ours_gets_491() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-glare", &[]).await;
    s.caller("glare", LONG).await;
    let sid = s.ended("completed").await;
    s.went(&sid, &["chorus: 491 UPDATE", "phone: ACK", "chorus: 200 UPDATE", "phone: BYE"]).await;
}

#[tokio::test]
async fn a_caller_transfers_its_call() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-refer", &[("refer", "allow")]).await;
    let third = s.callee("uas_answer").await;
    s.caller("refer", BRIEF).await;
    third.passes().await;
    // The document goes on with the new party, so it is one call still.
    let sid = s.ended("completed").await;
    s.went(
        &sid,
        &["phone: REFER", "chorus: 202 REFER", "chorus: NOTIFY 100", "chorus: NOTIFY 200", "chorus: BYE"],
    )
    .await;
    let to = format!("chorus: is transferred to {}", chorus::telemetry::redact::line(CALLEE));
    assert!(s.timeline(&sid).await.contains(&to), "{to}");
}

#[tokio::test]
async fn a_transfer_that_is_not_allowed_gets_603() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-refer-denied", &[]).await;
    s.caller("refer_denied", LONG).await;
    let sid = s.ended("completed").await;
    let all = s.server.get(&format!("/Calls/{sid}/Notifications.json")).await.json();
    assert_eq!(all["notifications"][0]["error_code"], "13802", "{all}");
    assert_eq!(s.verdict(&sid, "hung_up_by").await, "caller");
}

#[tokio::test]
async fn the_refer_verb_hears_how_the_transfer_goes() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-refer-verb", &[("refer", "allow")]).await;
    s.caller("refer_verb", REFER).await;
    s.ended("completed").await;
    let seen = s.app.seen();
    let told = seen.iter().find(|r| r.path == "/referred").expect("the action was asked");
    let names = ["ReferCallStatus", "ReferSipResponseCode", "NotifySipResponseCode"];
    assert_eq!(names.map(|n| told.get(n)), ["in-progress", "202", "200"]);
}

#[tokio::test]
async fn an_invite_that_fills_a_datagram_is_read_whole() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-big", &[]).await;
    let lines: String = (0..38).map(|n| format!("X-Pad-{n}: {}\n  ", "x".repeat(500))).collect();
    let trace = s.caller_with("big", SHORT, &[], |text| text.replace("PADDING", lines.trim_end())).await;
    assert!(trace.len() > 19_000);
    s.ended("completed").await;
    let asked = s.app.seen().into_iter().find(|r| r.path == "/short").unwrap();
    assert_eq!((asked.get("SipHeader_X-First"), asked.get("SipHeader_X-Last")), ("1", "2"));
    assert_eq!(asked.get("SipHeader_X-Pad-37").len(), 500);
}
