//! Calls that come in.

use super::scene::at;
use crate::kit::phone::OnCall;
use crate::kit::{Reply, World, ladder};

fn over(w: &mut World) {
    w.until("the call is over", |w| !w.phones[0].ended.is_empty());
}

#[test]
fn inbound_hangup() {
    let mut w = World::new(1);
    let caller = w.phone("caller", 10);
    w.app.on("/voice", Reply::twiml("<Hangup/>"));
    w.dial(caller, "+15550001");
    over(&mut w);
    let sentence = "INVITE from a trunk -> number -> webhook -> <Hangup/> -> commit -> 200 -> ACK -> BYE, its row, its status, its callback.";
    ladder::check(w, "inbound_hangup", sentence);
}

#[test]
fn inbound_inline() {
    let mut w = World::new(10);
    let caller = w.phone("caller", 10);
    w.number(|n| n.voice = Some(at("data:text/xml,<Response><Say>hello</Say><Hangup/></Response>")));
    w.dial(caller, "+15550001");
    over(&mut w);
    assert!(w.phones[caller].rtp_loud >= 15);
    assert_eq!(w.app.of("/voice").len(), 0);
    ladder::check(
        w,
        "inbound_inline",
        "A document that stands in the number's VoiceUrl is run as it is: nothing is fetched.",
    );
}

#[test]
fn inbound_inline_fallback() {
    let mut w = World::new(11);
    let caller = w.phone("caller", 10);
    w.number(|n| n.fallback = Some(at("data:,we%20are%20closed")));
    w.app.on("/voice", Reply::status(500));
    w.dial(caller, "+15550001");
    over(&mut w);
    assert!(w.phones[caller].rtp_loud >= 15);
    ladder::check(
        w,
        "inbound_inline_fallback",
        "A VoiceFallbackUrl that is its own document helps also while nothing of the application is up; text is spoken.",
    );
}

#[test]
fn inbound_say() {
    let mut w = World::new(2);
    let caller = w.phone("caller", 10);
    w.app.on("/voice", Reply::twiml("<Say>hello</Say><Pause length=\"2\"/>"));
    w.dial(caller, "+15550001");
    over(&mut w);
    assert!(w.phones[caller].rtp_loud >= 15);
    ladder::check(w, "inbound_say", "Say and Pause in order, then the document ends and the call with it.");
}

#[test]
fn inbound_gather() {
    let mut w = World::new(3);
    let caller = w.phone("caller", 10);
    w.app.on(
        "/voice",
        Reply::twiml(
            "<Gather numDigits=\"2\" action=\"/digits\"><Say>press two keys now please</Say></Gather>",
        ),
    );
    w.app.on("/digits", Reply::twiml("<Hangup/>"));
    w.dial(caller, "+15550001");
    w.until("prompt", |w| w.phones[0].rtp_loud > 19);
    w.press(caller, "4");
    w.run_ms(400);
    w.press(caller, "2");
    over(&mut w);
    assert_eq!(w.app.of("/digits")[0].params["Digits"], "42");
    ladder::check(
        w,
        "inbound_gather",
        "Gather: keys; the first key silences the prompt inside the worker; numDigits ends it at once.",
    );
}

#[test]
fn inbound_record() {
    let mut w = World::new(4);
    let caller = w.phone("caller", 10);
    w.app.on("/voice", Reply::twiml("<Record action=\"/recorded\" timeout=\"0\" trim=\"do-not-trim\" recordingStatusCallback=\"/status/rec\"/>"));
    w.app.on("/recorded", Reply::twiml("<Hangup/>"));
    w.dial(caller, "+15550001");
    w.until("answered", |w| w.phones[0].answered);
    w.talk(caller, Some(crate::kit::world::spoken(&"a".repeat(100))));
    w.run_ms(3_000);
    w.press(caller, "#");
    over(&mut w);
    assert_eq!(w.app.of("/recorded")[0].params["Digits"], "#");
    ladder::check(
        w,
        "inbound_record",
        "Record: beep, the caller's voice until a key, its action, its callback.",
    );
}

#[test]
fn inbound_stream() {
    let mut w = World::new(5);
    let caller = w.phone("caller", 10);
    w.app.on("/voice", Reply::twiml("<Connect><Stream url=\"wss://agent.test/media\"><Parameter name=\"a\" value=\"b\"/></Stream></Connect><Say>bye</Say>"));
    w.dial(caller, "+15550001");
    w.until("stream", |w| w.agents.values().any(|a| a.events().contains(&"start".to_owned())));
    w.talk(caller, Some(crate::kit::world::spoken(&"a".repeat(50))));
    w.run_ms(1_000);
    let (sid, text) = w.agents.iter().map(|(s, a)| (*s, a.stream_sid.clone())).next().unwrap();
    w.agent_says(
        sid,
        &format!("{{\"event\":\"mark\",\"streamSid\":\"{text}\",\"mark\":{{\"name\":\"m1\"}}}}"),
    );
    w.run_ms(500);
    w.press(caller, "5");
    w.run_ms(500);
    w.agent_closes(sid);
    over(&mut w);
    ladder::check(
        w,
        "inbound_stream",
        "Connect Stream: the agent hears and is heard, marks and keys travel, its close goes on with the next verb.",
    );
}

#[test]
fn inbound_dial() {
    let mut w = World::new(6);
    let caller = w.phone("caller", 10);
    let callee = w.phone("callee", 2);
    w.phones[callee].on_call = OnCall::Answer(1_000);
    w.app.on("/voice", Reply::twiml("<Dial action=\"/dialled\"><Number>+15550002</Number></Dial>"));
    w.app.on("/dialled", Reply::twiml("<Say>bye</Say>"));
    w.dial(caller, "+15550001");
    w.until("bridged", |w| w.phones[1].answered);
    w.run_ms(2_000);
    w.hang_up(callee);
    over(&mut w);
    ladder::check(
        w,
        "inbound_dial",
        "Dial a number over a trunk: ringing, bridge, the callee hangs up, the action follows.",
    );
}

#[test]
fn inbound_no_number() {
    let mut w = World::new(7);
    let caller = w.phone("caller", 10);
    w.dial(caller, "+15550099");
    over(&mut w);
    assert_eq!(w.phones[caller].ended[0].code, 404);
    ladder::check(
        w,
        "inbound_no_number",
        "A refused call says why in the log: which trunk, which number, what would have matched.",
    );
}

#[test]
fn inbound_cancel() {
    let mut w = World::new(8);
    let caller = w.phone("caller", 10);
    w.app.on("/voice", Reply::twiml("<Hangup/>").after(5_000));
    w.dial(caller, "+15550001");
    w.run_ms(1_000);
    w.hang_up(caller);
    over(&mut w);
    ladder::check(
        w,
        "inbound_cancel",
        "CANCEL while the webhook is out: 487, status canceled; the late document is ignored.",
    );
}

#[test]
fn inbound_fallback() {
    let mut w = World::new(9);
    let caller = w.phone("caller", 10);
    w.number(|n| n.fallback = Some(crate::kit::world::hook("/fallback")));
    w.app.on("/voice", Reply::status(500));
    w.app.on("/fallback", Reply::twiml("<Reject reason=\"busy\"/>"));
    w.dial(caller, "+15550001");
    over(&mut w);
    ladder::check(
        w,
        "inbound_fallback",
        "A document that fails goes to the fallback URL with ErrorCode and ErrorUrl; Reject busy is 486.",
    );
}
