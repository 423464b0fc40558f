//! `trunk test` of a trunk whose peer registers here: who is there, who answers, and who tried in vain.

use super::bindings::Alice;
use super::users::{PASSWORD, switch_on, trunk_of_alice};
use crate::kit::World;
use crate::kit::rows::trunk;
use chorus::api::command::{Answer, Request, Visited};
use chorus::sid::TrunkSid;
use chorus::store::rows::{TrunkMode, TrunkRow};
use chorus::trunk::doctor::guest::examine;
use serde_json::{Map, Value, json};

const CARRIER: TrunkSid = TrunkSid(0x71);

/// What is found: all is well or not, the sentences, and what to PATCH.
fn test(w: &mut World) -> (bool, String, Value) {
    let ticket = w.ask(Request::Visit(CARRIER));
    w.until("it is known", |w| w.replies.contains_key(&ticket));
    let Some(Answer::Visited(visited)) = w.replies.get(&ticket) else { panic!("no visit") };
    let visited: Visited = (**visited).clone();
    let row = w.store.get::<TrunkRow>(CARRIER).unwrap().clone();
    assert_eq!(w.switch.counts().pending, 0, "nothing is left of the question");
    let found = examine(&row, &visited);
    let patch: Map<String, Value> =
        found.iter().flat_map(|f| f.patch.clone()).map(|(name, value)| (name.to_owned(), value)).collect();
    let words = found.iter().map(|f| format!("{}\n", f.words)).collect();
    (found.iter().all(|f| f.ok), words, json!(patch))
}

/// Tries to register from phone 0 with this password.
fn tries(w: &mut World, password: &'static str, contact: &'static str) {
    let mut alice = Alice::at("10.0.1.10", contact);
    w.send_text(0, alice.register(password));
    w.phones[0].by_hand =
        Some(Box::new(move |m| if alice.hear(m) { vec![(0, alice.register(password))] } else { vec![] }));
    w.run_ms(500);
}

#[test]
fn who_registers_here_is_asked_where_it_registered() {
    let mut w = trunk_of_alice(1_400, "");
    let (ok, words, patch) = test(&mut w);
    assert!(!ok && words.contains("Nobody has registered here as 'alice'"), "{words}");
    assert!(words.contains("the realm is 'chorus'") && patch == json!({}), "{words} {patch}");

    w.phone("desk", 11);
    switch_on(&mut w, 1, PASSWORD);
    let (ok, words, _) = test(&mut w);
    assert!(ok && words.contains("is registered from 10.0.1.11:5060 over UDP"), "{words}");
    assert!(words.contains("OPTIONS: 200 OK") && !words.contains("NAT"), "{words}");

    // A second one, behind a NAT that has forgotten it.
    tries(&mut w, PASSWORD, "Contact: <sip:alice@192.168.7.7:5062>\r\nExpires: 300\r\n");
    let (ok, words, _) = test(&mut w);
    assert!(!ok && words.contains("sip:alice@192.168.7.7:5062 is registered from 10.0.1.10:5060"), "{words}");
    assert!(words.contains("does not answer OPTIONS") && words.contains("as behind a NAT"), "{words}");
    assert!(words.contains("OPTIONS: 200 OK"), "the other one does: {words}");
}

#[test]
fn who_tries_in_vain_is_named_until_it_succeeds() {
    let mut w = trunk_of_alice(1_401, "");
    tries(&mut w, "wrong", "Contact: <sip:alice@10.0.1.10>\r\nExpires: 300\r\n");
    let (ok, words, patch) = test(&mut w);
    assert!(!ok && words.contains("from 10.0.1.10:5060 was refused"), "{words}");
    assert!(words.contains("another password than that of 'alice'"), "{words}");
    assert_eq!(patch, json!({ "password": "the password that the telephone shows" }));

    // Another trunk lets anybody try, so that the address is not turned away before it says who it is.
    w.another_trunk(TrunkRow {
        authentication_mode: TrunkMode::ClientCredentials,
        username: Some("bob".to_owned()),
        ..trunk(0x77, &[])
    });
    w.trunk(|t| t.inbound_source_ips = vec!["10.0.1.11".to_owned()]);
    tries(&mut w, PASSWORD, "Contact: <sip:alice@10.0.1.10>\r\nExpires: 300\r\n");
    let (ok, words, patch) = test(&mut w);
    assert!(!ok && words.contains("inbound_source_ips do not hold its address"), "{words}");
    assert!(words.contains("It must come from 10.0.1.11"), "{words}");
    assert_eq!(patch, json!({ "inbound_source_ips": ["10.0.1.11", "10.0.1.10"] }));

    w.trunk(|t| t.inbound_source_ips = vec!["10.0.1.11".to_owned(), "10.0.1.10".to_owned()]);
    w.run_ms(2_000);
    w.phone("desk", 11);
    switch_on(&mut w, 1, PASSWORD);
    let (ok, words, _) = test(&mut w);
    assert!(ok && !words.contains("refused"), "{words}");
}
