//! REFER in a Dial with referUrl: the application says what becomes of who stays.

use super::scene::*;
use super::transfer::{NEW_PARTY, hear_each_other, refer, refers_and_leaves, three};
use crate::kit::phone::OnCall;
use crate::kit::{Reply, World, ladder};
use chorus::store::rows::{CallRow, NotificationRow};
use chorus::trunk::policy::Refer;

const THIRD: &str = "<Dial action=\"/third\" timeout=\"20\"><Number>+15550003</Number></Dial>";

/// Caller (phone 0) and callee (phone 1) are connected; /refer answers with this. No trunk allows REFER.
fn connected(seed: u64, keep: bool, third: OnCall, reply: Reply) -> World {
    let bridge = if keep { "answerOnBridge=\"true\" " } else { "" };
    let dial =
        format!("<Dial {bridge}referUrl=\"/refer\" action=\"/dialled\"><Number>+15550002</Number></Dial>");
    let mut w = three(seed, &dial, third);
    w.trunk(|t| t.refer = Refer::Deny);
    w.app.on("/refer", reply);
    w.app.on("/third", Reply::twiml("<Hangup/>"));
    answered(&mut w, 1);
    w.run_ms(500);
    w
}

fn codes(w: &World) -> Vec<u32> {
    w.store.all::<NotificationRow>().map(|n| n.code).collect()
}

#[test]
fn refer_url() {
    let mut w = connected(930, false, OnCall::Answer(400), Reply::twiml(THIRD));
    refer(&mut w, 1, &format!("{NEW_PARTY}?X-Why=billing"));
    w.until("the callee has left", |w| !w.phones[1].ended.is_empty());
    assert_eq!(w.phones[1].transfer, [202, 100, 200]);
    let asked = &w.app.of("/refer")[0].params;
    assert_eq!(asked["ReferTransferTarget"], format!("<{NEW_PARTY}?X-Why=billing>"));
    assert_eq!((asked["CallStatus"].as_str(), asked["From"].as_str()), ("in-progress", "+15559999"));
    w.until("the third has answered", |w| w.phones[2].answered);
    hear_each_other(&mut w, 0, 2);
    w.hang_up(2);
    over(&mut w);
    assert_eq!(w.app.of("/third")[0].params["DialCallStatus"], "completed");
    assert!(w.app.of("/dialled").is_empty(), "that Dial was taken over by the document");
    let sentence = "REFER in a Dial with referUrl: the application is told where to, its document goes on with who stays, the referrer leaves.";
    ladder::check(w, "refer_url", sentence);
}

#[test]
fn refer_url_kept() {
    let mut w = connected(931, true, OnCall::Answer(1_500), Reply::twiml(THIRD));
    refer(&mut w, 1, NEW_PARTY);
    w.until("the third rings", |w| w.phones[2].invite.is_some());
    w.run_ms(500);
    assert!(w.phones[1].ended.is_empty(), "the referrer waits");
    w.until("the callee has left", |w| !w.phones[1].ended.is_empty());
    w.until("the third has answered", |w| w.phones[2].answered);
    assert_eq!(w.phones[1].transfer, [202, 100, 200]);
    hear_each_other(&mut w, 0, 2);
    w.hang_up(0);
    over(&mut w);
    let sentence = "The same with answerOnBridge: the referrer stays until somebody else is connected.";
    ladder::check(w, "refer_url_kept", sentence);
}

#[test]
fn refer_url_back() {
    let mut w =
        connected(932, true, OnCall::Refuse(486), Reply::twiml("<Dial><Number>+15550003</Number></Dial>"));
    refer(&mut w, 1, NEW_PARTY);
    w.until("refused", |w| w.phones[1].transfer.contains(&480));
    assert_eq!(w.phones[1].transfer, [202, 100, 480]);
    hear_each_other(&mut w, 0, 1);
    // A second one is asked for anew.
    refer(&mut w, 1, NEW_PARTY);
    w.until("refused again", |w| w.phones[1].transfer.len() == 6);
    hear_each_other(&mut w, 0, 1);
    w.hang_up(1);
    over(&mut w);
    assert_eq!(w.app.of("/dialled")[0].params["DialCallStatus"], "completed");
    assert!(w.store.all::<CallRow>().all(|r| r.transferred_to.is_none()));
    let sentence =
        "referUrl with answerOnBridge: if the document connects nobody, both are connected as before.";
    ladder::check(w, "refer_url_back", sentence);
}

#[test]
fn refer_url_without_an_answer() {
    let mut w = connected(933, true, OnCall::Ring, Reply::status(500));
    refer(&mut w, 1, NEW_PARTY);
    w.until("refused", |w| w.phones[1].transfer.contains(&503));
    hear_each_other(&mut w, 0, 1);
    assert!(codes(&w).contains(&11200));
    w.hang_up(0);
    over(&mut w);
    // Without answerOnBridge the referrer goes in any case, and who stays hears what Twilio's callers hear.
    let mut w = connected(934, false, OnCall::Ring, Reply::status(500));
    refer(&mut w, 1, NEW_PARTY);
    w.until("the callee has left", |w| !w.phones[1].ended.is_empty());
    let before = w.phones[0].rtp_loud;
    over(&mut w);
    assert!(w.phones[0].rtp_loud > before + 15);
}

#[test]
fn refer_url_by_caller() {
    for (seed, keep) in [(935, false), (936, true)] {
        let mut w = connected(seed, keep, OnCall::Answer(400), Reply::twiml(THIRD));
        refer(&mut w, 0, NEW_PARTY);
        over(&mut w);
        assert_eq!(w.phones[0].transfer, [202, 100, 200]);
        w.until("the third has answered", |w| w.phones[2].answered);
        hear_each_other(&mut w, 1, 2);
        assert_eq!(w.app.of("/refer")[0].params["To"], "+15550002", "the callee stays");
        w.hang_up(1);
        w.until("both are over", |w| !w.phones[1].ended.is_empty() && !w.phones[2].ended.is_empty());
    }
}

#[test]
fn who_refers_and_hangs_up_is_not_waited_for() {
    for (seed, keep) in [(937, false), (938, true)] {
        let mut w = connected(seed, keep, OnCall::Answer(1_500), Reply::twiml(THIRD));
        refers_and_leaves(&mut w);
    }
    // And while the document runs: there is nobody to go back to.
    let mut w = connected(939, true, OnCall::Ring, Reply::twiml(THIRD));
    refer(&mut w, 1, NEW_PARTY);
    w.until("the third rings", |w| w.phones[2].invite.is_some());
    w.run_ms(500);
    w.hang_up(1);
    over(&mut w);
    assert_eq!(w.app.of("/third")[0].params["DialCallStatus"], "no-answer");
}

#[test]
fn a_caller_that_hangs_up_in_between_leaves_nobody() {
    for (seed, third) in [(940, OnCall::Ring), (941, OnCall::Answer(300))] {
        let mut w = connected(seed, true, third, Reply::twiml(THIRD));
        refer(&mut w, 1, NEW_PARTY);
        w.until("asked", |w| !w.app.of("/refer").is_empty());
        w.run_ms(if seed == 940 { 500 } else { 1 });
        w.hang_up(0);
        w.until("all are over", |w| w.switch.calls().count() == 0);
        assert_eq!(w.phones[1].ended.len(), 1);
    }
}

/// What the document says is heard by who stays alone.
#[test]
fn who_waits_hears_nothing_meanwhile() {
    let long = format!("<Say>{}</Say>", "a".repeat(300));
    let mut w = connected(942, true, OnCall::Ring, Reply::twiml(&long));
    refer(&mut w, 1, NEW_PARTY);
    w.until("the document is heard", |w| w.phones[0].rtp_loud > 10);
    let before = w.phones[1].rtp_loud;
    w.talk(0, Some(crate::kit::world::spoken("nobody hears that")));
    w.run_ms(1_000);
    assert_eq!(w.phones[1].rtp_loud, before);
    w.until("it is over", |w| w.phones[1].transfer.contains(&480));
    hear_each_other(&mut w, 0, 1);
    w.hang_up(0);
    over(&mut w);
}
