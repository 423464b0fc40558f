//! `chorus trunk test`, as the built binary beside a server.

use super::{chorus, output};
use crate::api::harness::{CARRIER_TOKEN, Server};
use crate::api::trunk_test::peer::{busy, calls, field, peer, say};
use serde_json::{Value, json};

/// What it prints, and whether it calls the trunk well.
fn tested(server: &Server, trunk: &str) -> (String, bool) {
    let mut command = chorus();
    command.args(["trunk", "test", trunk, "--number", "+15550002", "--from", "+15550001"]);
    command.args(["--url", &server.base(), "--token", CARRIER_TOKEN]);
    let done = output(&mut command);
    (String::from_utf8(done.stdout).unwrap(), done.status.success())
}

fn made(server: &Server, host: &str) -> String {
    let body = json!({ "authentication_mode": "ip_address", "outbound_host": host });
    let made = server.carrier("POST", "/carrier/v1/sip_trunks", &body.to_string()).good(201);
    made["data"]["id"].as_str().unwrap().to_owned()
}

#[test]
fn the_json_that_it_prints_mends_the_trunk() {
    let server = Server::start();
    let host = peer(calls(|r| if r.starts_with("INVITE sip:+") { say("404 Not Found") } else { busy() }));
    let trunk = made(&server, &host);
    let (said, well) = tested(&server, &trunk);
    assert!(!well, "{said}");
    assert!(said.contains("-> INVITE sip:+15550002@") && said.contains("<- 404 Not Found"), "{said}");
    assert!(
        said.contains("  NO  INVITE: 404 Not Found") && said.contains("  ok  The + is the mistake"),
        "{said}"
    );
    let path = format!("/carrier/v1/sip_trunks/{trunk}");
    let (_, json) = said.split_once(&format!("Change it: PATCH {path}\n")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(json).unwrap(), json!({ "outbound_plus_prefix": false }));
    server.carrier("PATCH", &path, json).good(200);
    let (said, well) = tested(&server, &trunk);
    assert!(well && !said.contains("Change it"), "{said}");
}

#[test]
fn what_only_the_operator_knows_is_to_be_filled_in() {
    let server = Server::start();
    let challenge = "WWW-Authenticate: Digest realm=\"c\", nonce=\"n\"";
    let host = peer(calls(move |r| match field(r, "Authorization") {
        "" => say("401 Unauthorized").with(challenge),
        _ => busy(),
    }));
    let (said, well) = tested(&server, &made(&server, &host));
    assert!(!well && said.contains("Put what you know in the place of the words."), "{said}");
}
