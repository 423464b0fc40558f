//! What becomes of documents that fail, beside the pictures.

use super::scene::*;
use crate::kit::phone::OnCall;
use crate::kit::world::hook;
use crate::kit::{Reply, World};
use chorus::api::command::Document;
use chorus::store::rows::{NotificationRow, RecordingRow};

fn asked(w: &World) -> Vec<String> {
    w.app.asked.iter().filter(|a| !a.path.starts_with("/status")).map(|a| a.path.clone()).collect()
}

/// A call whose documents may fall back.
fn falling(seed: u64, voice: Reply) -> World {
    let mut w = World::new(seed);
    w.phone("caller", 10);
    w.number(|n| n.fallback = Some(hook("/fallback")));
    w.app.on("/voice", voice);
    w
}

#[test]
fn each_document_of_a_call_may_fall_back() {
    let mut w = falling(420, Reply::status(500));
    w.app.on("/fallback", Reply::twiml("<Redirect>/second</Redirect>"));
    w.app.on("/fallback", Reply::twiml("<Hangup/>"));
    w.app.on("/second", Reply::twiml("<Say>hi</Say><Redirect>/third</Redirect>"));
    w.app.on("/third", Reply::twiml("<Say>unclosed"));
    w.dial(0, "+15550001");
    over(&mut w);
    assert_eq!(asked(&w), ["/voice", "/fallback", "/second", "/third", "/fallback"]);
    let codes: Vec<&str> = w.app.of("/fallback").iter().map(|a| a.params["ErrorCode"].as_str()).collect();
    assert_eq!(codes, ["11200", "12100"]);
    assert!(w.app.of("/fallback")[1].params["ErrorUrl"].ends_with("/third"));
}

#[test]
fn a_document_cannot_lead_to_a_data_url() {
    let mut w = falling(424, Reply::twiml("<Redirect>data:text/xml,&lt;Response/></Redirect>"));
    w.app.on("/fallback", Reply::twiml("<Hangup/>"));
    w.dial(0, "+15550001");
    over(&mut w);
    assert_eq!(asked(&w), ["/voice", "/fallback"]);
    assert_eq!(w.app.of("/fallback")[0].params["ErrorCode"], "11100");
}

#[test]
fn an_inline_document_is_asked_for_nothing_again() {
    let mut w = World::new(425);
    w.phone("caller", 10);
    w.number(|n| n.voice = Some(at("data:text/xml,<Response><Redirect>/next</Redirect></Response>")));
    w.dial(0, "+15550001");
    over(&mut w);
    let codes: Vec<u32> = w.store.all::<NotificationRow>().map(|n| n.code).collect();
    assert_eq!(codes, [15004]);
}

#[test]
fn what_the_fallback_leads_to_fails_for_good() {
    let mut w = falling(421, Reply::status(500));
    w.app.on("/fallback", Reply::twiml("<Redirect>/second</Redirect>"));
    w.app.on("/second", Reply::status(500));
    w.dial(0, "+15550001");
    over(&mut w);
    assert_eq!(asked(&w), ["/voice", "/fallback", "/second"]);
    assert!(said(&w, "Say"), "the caller hears that something failed: {}", w.picture());
}

#[test]
fn what_is_told_of_a_stream_is_found_at_its_call() {
    let mut w = caller(
        422,
        "<Start><Stream url=\"wss://agent.test/media\" statusCallback=\"/told\"/></Start><Pause length=\"2\"/>",
    );
    w.app.on("/told", Reply::status(500));
    w.dial(0, "+15550001");
    over(&mut w);
    w.until("both were tried", |w| w.app.of("/told").len() >= 2);
    w.run_ms(1_000);
    let events: Vec<&str> = w.app.of("/told").iter().map(|a| a.params["StreamEvent"].as_str()).collect();
    assert_eq!(events, ["stream-started", "stream-stopped"]);
    let notes: Vec<NotificationRow> = w.store.all().cloned().collect();
    let of_call = notes.iter().filter(|n| n.code == 15003 && n.call.is_some()).count();
    assert_eq!(of_call, 2, "{notes:?}");
}

#[test]
fn a_document_without_a_url_cannot_be_asked_again() {
    for (body, code) in [
        ("<Redirect/>", 11100),
        ("<Redirect>/next</Redirect>", 15004),
        ("<Gather numDigits=\"1\" actionOnEmptyResult=\"true\" timeout=\"1\"/>", 11100),
    ] {
        let mut w = World::new(423);
        callee(&mut w, OnCall::Answer(100));
        let document = Document::Inline(format!("<Response>{body}</Response>"));
        api(&mut w, |request| request.document = document);
        over(&mut w);
        let codes: Vec<u32> = w.store.all::<NotificationRow>().map(|n| n.code).collect();
        assert_eq!(codes, [code], "{body}");
    }
}

#[test]
fn a_recording_that_fails_is_told_once() {
    let mut w = talking(424, "<Record timeout=\"0\" maxLength=\"5\" action=\"/recorded\"/>");
    w.app.on("/recorded", Reply::twiml("<Hangup/>"));
    w.run_ms(1_500);
    w.disk_full = true;
    over(&mut w);
    w.run_ms(1_000);
    let told = w.store.all::<NotificationRow>().filter(|n| n.code == 12400).count();
    assert_eq!(told, 1);
}

#[test]
fn a_recording_of_nothing_says_why_there_is_none() {
    let mut w = calling(425, "<Record timeout=\"2\" playBeep=\"false\"/>");
    over(&mut w);
    w.run_ms(1_000);
    let rows: Vec<(String, Option<u32>)> =
        w.store.all::<RecordingRow>().map(|r| (r.status.clone(), r.error)).collect();
    assert_eq!(rows, [("absent".to_owned(), Some(16102))]);
}
