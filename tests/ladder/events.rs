//! The events of our own calls, told at the operator's URL through the outbox.

use super::scene::*;
use crate::kit::app::Asked;
use crate::kit::{Reply, World, ladder};
use chorus::webhooks::events::Target;
use serde_json::Value;

const BEARER: &str = "events-token";
const CALLS: &str = "/events/phone_call_events";
const STREAMS: &str = "/events/media_stream_events";

/// A world whose operator wants to be told.
fn told(seed: u64, document: &str) -> World {
    let mut w = caller(seed, document);
    w.events =
        Some(Target { url: "https://app.test/events/{resource}".to_owned(), bearer: BEARER.to_owned() });
    [CALLS, STREAMS].into_iter().for_each(|path| w.app.on(path, Reply::twiml("")));
    // A setting counts from the next start.
    w.crash();
    w.dial(0, "+15550001");
    w.until("answered", |w| w.phones[0].answered);
    w
}

/// What was told, with the operator's token.
fn body(asked: &Asked) -> Value {
    let json = asked.json.as_ref().unwrap();
    assert_eq!(json.bearer.as_deref(), Some(BEARER));
    serde_json::from_str(&json.text).unwrap()
}

/// The types told at a path, each once, in their order.
fn types(w: &World, path: &str) -> Vec<String> {
    let mut seen: Vec<(u64, String)> = vec![];
    for asked in w.app.asked.iter().filter(|a| a.path == path) {
        let body = body(asked);
        let one = (body["sequence"].as_u64().unwrap(), body["type"].as_str().unwrap().to_owned());
        assert!(seen.last().is_none_or(|last| *last <= one), "in order: {seen:?} before {one:?}");
        if !seen.contains(&one) {
            seen.push(one);
        }
    }
    seen.into_iter().map(|(_, kind)| kind).collect()
}

#[test]
fn events_are_told() {
    let mut w = told(571, "<Connect><Stream url=\"wss://agent.test/media\"/></Connect>");
    let (sid, _) = stream(&mut w);
    w.run_ms(300);
    w.agent_closes(sid);
    w.until("completed is told", |w| types(w, CALLS).contains(&"completed".to_owned()));
    assert_eq!(types(&w, CALLS), ["ringing", "answered", "completed"]);
    assert_eq!(types(&w, STREAMS), ["connect", "start", "disconnect"]);
    let last = body(w.app.asked.iter().rev().find(|a| a.path == CALLS).unwrap());
    assert_eq!((last["status"].as_str(), last["direction"].as_str()), (Some("completed"), Some("inbound")));
    assert_eq!(last["hung_up_by"], "chorus", "{last}");
    ladder::check(
        w,
        "events_are_told",
        "The same events of Chorus' own calls go out to a configured URL through the outbox.",
    );
}

#[test]
fn events_outlive_a_crash() {
    let mut w = told(572, "<Gather timeout=\"60\"/>");
    w.run_ms(5);
    w.crash();
    w.until("completed is told", |w| types(w, CALLS).contains(&"completed".to_owned()));
    assert_eq!(types(&w, CALLS), ["ringing", "answered", "completed"]);
    ladder::check(
        w,
        "events_outlive_a_crash",
        "The same events of Chorus' own calls go out through the outbox: what was not told before a crash is told after it.",
    );
}
