//! Dial with Number and Sip nouns.

use super::scene::*;
use crate::kit::phone::OnCall;
use crate::kit::{Reply, World, ladder};

/// A caller whose Dial is this, and a callee (phone 1).
fn dialling(seed: u64, dial: &str, does: OnCall) -> World {
    let mut w = caller(seed, dial);
    callee(&mut w, does);
    w.app.on("/dialled", Reply::twiml("<Say>bye</Say>"));
    w.dial(0, "+15550001");
    w
}

const NUMBER: &str = "<Number>+15550002</Number>";

#[test]
fn dial_several() {
    let nouns = "<Dial action=\"/dialled\"><Number>+15550002</Number><Sip>sip:anna@10.0.1.3</Sip></Dial>";
    let mut w = caller(200, nouns);
    callee(&mut w, OnCall::Ring);
    let anna = w.phone("anna", 3);
    w.phones[anna].on_call = OnCall::Answer(1_000);
    w.app.on("/dialled", Reply::twiml("<Hangup/>"));
    w.dial(0, "+15550001");
    answered(&mut w, anna);
    w.run_ms(1_000);
    w.hang_up(anna);
    over(&mut w);
    ladder::check(
        w,
        "dial_several",
        "Several ringing at once: the first to answer is bridged, the others get CANCEL.",
    );
}

#[test]
fn a_number_with_punctuation_is_dialled_in_e164() {
    let mut w = dialling(216, "<Dial>+1 555-00-02</Dial>", OnCall::Answer(100));
    answered(&mut w, 1);
    let child = w.switch.calls().map(|c| c.row()).find(|r| r.parent.is_some()).unwrap();
    assert_eq!(child.to, "+15550002");
}

/// By priority as in DNS SRV: the next address of a noun only where one cannot be reached.
#[test]
fn the_next_address_of_a_sip_noun_is_tried() {
    let uris = "<Uri priority=\"20\">sip:anna@10.0.1.3</Uri><Uri priority=\"10\">sip:carl@10.0.1.2</Uri>";
    for (seed, code, rings) in [(217, 503, true), (218, 486, false)] {
        let mut w = caller(seed, &format!("<Dial action=\"/dialled\"><Sip>{uris}</Sip></Dial>"));
        callee(&mut w, OnCall::Refuse(code));
        let anna = w.phone("anna", 3);
        w.phones[anna].on_call = OnCall::Answer(100);
        w.app.on("/dialled", Reply::twiml("<Hangup/>"));
        w.dial(0, "+15550001");
        if rings {
            answered(&mut w, anna);
            w.hang_up(anna);
        }
        over(&mut w);
        assert_eq!(w.phones[anna].ended.len(), usize::from(rings), "after {code}");
        let status = if rings { "completed" } else { "busy" };
        assert_eq!(w.app.of("/dialled")[0].params["DialCallStatus"], status);
    }
}

#[test]
fn dial_sequential() {
    let nouns = "<Dial sequential=\"true\" action=\"/dialled\"><Number>+15550002</Number><Sip>sip:anna@10.0.1.3</Sip></Dial>";
    let mut w = caller(201, nouns);
    callee(&mut w, OnCall::Refuse(486));
    let anna = w.phone("anna", 3);
    w.app.on("/dialled", Reply::twiml("<Hangup/>"));
    w.dial(0, "+15550001");
    answered(&mut w, anna);
    w.run_ms(1_000);
    w.hang_up(0);
    over(&mut w);
    ladder::check(w, "dial_sequential", "Sequential: the next is rung when the one before it is busy.");
}

#[test]
fn dial_whisper() {
    let dial = "<Dial action=\"/dialled\"><Number url=\"/whisper\">+15550002</Number></Dial>";
    let mut w = caller(202, dial);
    callee(&mut w, OnCall::Answer(500));
    w.app.on("/whisper", Reply::twiml("<Say>a call for you</Say>"));
    w.app.on("/dialled", Reply::twiml("<Hangup/>"));
    w.dial(0, "+15550001");
    answered(&mut w, 1);
    w.run_ms(3_000);
    w.hang_up(1);
    over(&mut w);
    ladder::check(
        w,
        "dial_whisper",
        "url whisper: the callee hears a document of its own before both are bridged.",
    );
}

#[test]
fn dial_time_limit() {
    let mut w = dialling(
        203,
        &format!("<Dial timeLimit=\"2\" action=\"/dialled\">{NUMBER}</Dial>"),
        OnCall::Answer(500),
    );
    over(&mut w);
    ladder::check(
        w,
        "dial_time_limit",
        "timeLimit: from the bridge; the callee is hung up, the caller goes on.",
    );
}

#[test]
fn dial_star() {
    let mut w = dialling(
        204,
        &format!("<Dial hangupOnStar=\"true\" action=\"/dialled\">{NUMBER}</Dial>"),
        OnCall::Answer(500),
    );
    answered(&mut w, 1);
    w.run_ms(1_000);
    w.press(0, "*");
    over(&mut w);
    ladder::check(w, "dial_star", "hangupOnStar: the caller's star ends the other leg, the action follows.");
}

#[test]
fn dial_answer_on_bridge() {
    let mut w =
        dialling(205, &format!("<Dial answerOnBridge=\"true\">{NUMBER}</Dial>"), OnCall::Answer(1_000));
    answered(&mut w, 1);
    w.run_ms(1_000);
    w.hang_up(0);
    over(&mut w);
    ladder::check(
        w,
        "dial_answer_on_bridge",
        "answerOnBridge: the caller rings until the callee has answered.",
    );
}

#[test]
fn dial_early_media() {
    let mut w =
        dialling(206, &format!("<Dial answerOnBridge=\"true\">{NUMBER}</Dial>"), OnCall::EarlyMedia(1_000));
    answered(&mut w, 1);
    w.run_ms(500);
    w.hang_up(1);
    over(&mut w);
    ladder::check(
        w,
        "dial_early_media",
        "180/183 and early media both ways: the callee's 183 becomes one for the caller.",
    );
}

#[test]
fn dial_record_dual() {
    let dial = format!(
        "<Dial record=\"record-from-answer-dual\" recordingStatusCallback=\"/status/rec\" action=\"/dialled\">{NUMBER}</Dial>"
    );
    let mut w = dialling(207, &dial, OnCall::Answer(500));
    answered(&mut w, 1);
    w.run_ms(1_000);
    w.hang_up(1);
    over(&mut w);
    ladder::check(
        w,
        "dial_record_dual",
        "record modes: from the answer in two channels, its URL with the action, its callback.",
    );
}

#[test]
fn dial_busy() {
    let mut w = dialling(208, &format!("<Dial action=\"/dialled\">{NUMBER}</Dial>"), OnCall::Refuse(486));
    over(&mut w);
    assert_eq!(w.app.of("/dialled")[0].params["DialCallStatus"], "busy");
    ladder::check(w, "dial_busy", "A busy callee: DialCallStatus=busy with the action.");
}

#[test]
fn dial_no_answer() {
    let mut w =
        dialling(209, &format!("<Dial timeout=\"5\" action=\"/dialled\">{NUMBER}</Dial>"), OnCall::Ring);
    over(&mut w);
    assert_eq!(w.app.of("/dialled")[0].params["DialCallStatus"], "no-answer");
    ladder::check(w, "dial_no_answer", "Dial's timeout: CANCEL, DialCallStatus=no-answer.");
}

#[test]
fn dial_caller_hangs_up() {
    let mut w = dialling(210, &format!("<Dial action=\"/dialled\">{NUMBER}</Dial>"), OnCall::Ring);
    w.run_ms(2_000);
    w.hang_up(0);
    over(&mut w);
    ladder::check(
        w,
        "dial_caller_hangs_up",
        "The caller hangs up while it rings: the child is cancelled, the action is still told.",
    );
}

#[test]
fn dial_sip_headers() {
    let mut w = dialling(
        211,
        "<Dial action=\"/dialled\"><Sip>sip:bob@10.0.1.2?X-a=b</Sip></Dial>",
        OnCall::Answer(500),
    );
    answered(&mut w, 1);
    assert!(w.phones[1].headers.contains(&("X-a".to_owned(), "b".to_owned())));
    w.hang_up(1);
    over(&mut w);
    ladder::check(w, "dial_sip_headers", "Custom X- headers travel: Number/Sip parameters out.");
}
