//! What a call says of itself does not depend on what is secret in it: the same call twice, with other keys, passwords, tokens, query
//! values and stream parameters, leaves the same timeline and the same log. So short keys are held too, which no search could tell
//! from other figures.

use super::secrets;
use crate::kit::phone::OnCall;
use crate::kit::world::hook;
use crate::kit::{Reply, World};
use crate::ladder::scene::{answered, api, over};
use chorus::store::rows::Hook;
use std::time::Duration;

/// Everything in a call that nobody else may know; the two differ in each, and are equally long.
struct Secrets {
    keys: &'static str,
    send: &'static str,
    play: &'static str,
    bad: &'static str,
    password: &'static str,
    query: &'static str,
    parameter: &'static str,
    pin: &'static str,
}

const ONE: Secrets = Secrets {
    keys: "4711",
    send: "12w3",
    play: "456",
    bad: "7x8",
    password: "first-secret",
    query: "first-value",
    parameter: "first-parameter",
    pin: "10 20",
};
const OTHER: Secrets = Secrets {
    keys: "5820",
    send: "98w7",
    play: "321",
    bad: "5y6",
    password: "other-secret",
    query: "other-value",
    parameter: "other-parameter",
    pin: "30 40",
};

fn guarded(s: &Secrets, path: &str) -> Hook {
    let plain = hook(path);
    let url = plain.url.replace("anybody:", &format!("{}:", s.password)) + &format!("&q={}", s.query);
    Hook { url, ..plain }
}

/// An inbound call: keys by RTP, a document with faults that are quoted, a stream with a parameter, failing hooks.
fn inbound(s: &Secrets) -> World {
    let mut w = World::new(77);
    w.phone("caller", 10);
    w.number(|n| {
        n.voice = Some(guarded(s, "/voice"));
        n.fallback = Some(guarded(s, "/fallback"));
    });
    let gather = format!(
        "<Gather numDigits=\"4\" action=\"/digits?q={q}\"><Play digits=\"{bad}\"/><Say>press four keys now please</Say></Gather>",
        bad = s.bad,
        q = s.query
    );
    w.app.on("/voice", Reply::twiml(&gather));
    // The keys are in this request; it fails.
    w.app.on("/digits", Reply::status(500));
    let fallback = format!(
        "<Play digits=\"{play}\"/><Dial><Number sendDigits=\"{bad}\">+15550002</Number><Sip password=\"{pw}\" username=\"u\">\
         sip:u:{pw}@nowhere?X-A={q}</Sip>{pin}</Dial><Connect><Stream url=\"wss://u:{pw}@agent.test/m?q={q}\">\
         <Parameter name=\"p\" value=\"{parameter}\"/></Stream></Connect>",
        play = s.play,
        bad = s.bad,
        pw = s.password,
        q = s.query,
        pin = s.pin,
        parameter = s.parameter,
    );
    w.app.on("/fallback", Reply::twiml(&fallback));
    w.dial(0, "+15550001");
    answered(&mut w, 0);
    w.until("the prompt", |w| w.phones[0].rtp_loud > 19);
    for key in s.keys.chars() {
        w.press(0, &key.to_string());
        w.run_ms(400);
    }
    w.until("the stream or the end", |w| !w.agents.is_empty() || !w.phones[0].ended.is_empty());
    assert!(w.app.of("/digits").iter().any(|a| a.params["Digits"] == s.keys), "the application got the keys");
    w.run(Duration::from_secs(60));
    w
}

/// An outbound call that is challenged, with keys to send.
fn outbound(s: &Secrets) -> World {
    let mut w = World::new(78);
    let callee = w.phone("callee", 2);
    w.phones[callee].on_call = OnCall::Challenge;
    w.app.on("/voice", Reply::twiml("<Hangup/>"));
    api(&mut w, |d| {
        d.send_digits = Some(s.send.to_owned());
        d.to = "sip:bob@10.0.1.2".to_owned();
        d.sip_auth = Some(("bob".to_owned(), s.password.to_owned()));
        d.document = chorus::api::command::Document::Fetch(guarded(s, "/voice"));
    });
    over(&mut w);
    w.run(Duration::from_secs(60));
    w
}

/// Timeline and log. Identifiers are made by chance, but by the same.
fn said(w: &World) -> Vec<String> {
    let lines = w.trace.iter().map(|(call, l)| format!("{call} {} {} {} {}", l.at.0, l.from, l.to, l.what));
    lines.chain(w.logs.iter().cloned()).collect()
}

fn the_same(call: fn(&Secrets) -> World, at_least: usize) {
    for s in [&ONE, &OTHER] {
        [s.password, s.query, s.parameter].into_iter().for_each(secrets::plant);
    }
    let (one, other) = (call(&ONE), call(&OTHER));
    assert!(said(&one).len() >= at_least, "{:#?}", said(&one));
    assert_eq!(said(&one), said(&other));
}

#[test]
fn an_inbound_call_says_nothing_of_its_secrets() {
    the_same(inbound, 20);
}

#[test]
fn an_outbound_call_says_nothing_of_its_secrets() {
    the_same(outbound, 8);
}
