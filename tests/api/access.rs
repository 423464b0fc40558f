//! Who may do what: every operation with every kind of credential.

use super::harness::*;
use super::targets::Targets;
use chorus::api::operation::{Access, Shape};
use chorus::api::router::ROUTES;
use chorus::store::rows::*;

/// SID and secret of a fresh key of the account.
fn key(server: &Server) -> (String, String) {
    let made = server.post("/Keys.json", &[("FriendlyName", "CI")]).good(201);
    (made["sid"].as_str().unwrap().to_string(), made["secret"].as_str().unwrap().to_string())
}

#[test]
fn strangers_reach_nothing() {
    let server = Server::start();
    let targets = Targets::new(&server);
    let before = server.dump();
    let sid = server.account.sid.to_string();
    let credentials = [
        basic(&sid, "wrong"),
        basic(&sid, ""),
        basic("AC00000000000000000000000000000000", &server.account.auth_token),
        basic(&targets.key, "wrong"),
        basic("SK00000000000000000000000000000000", "wrong"),
        "Basic !!!".to_string(),
        "Bearer x".to_string(),
        String::new(),
    ];
    for op in ROUTES.iter().filter(|o| o.access != Access::Open) {
        for credential in &credentials {
            let reply = targets.send(&server, op, &Targets::fields(op), credential);
            // The guesses at keys end in 429 after a while, before they cost anything.
            assert!(matches!(reply.status, 401 | 429), "{} {credential}: {}", op.id, reply.text_or_length());
            if reply.status == 401 {
                let asked = match op.access {
                    Access::Carrier => "Bearer realm=\"Chorus\"",
                    _ => "Basic realm=\"Twilio API\"",
                };
                assert_eq!(reply.headers["www-authenticate"], asked);
            }
        }
    }
    let reply = server.send("GET", "/2010-04-01/Nonsense.json", &[], b"");
    reply.bad(401, 20003);
    assert_eq!(server.dump(), before);
}

#[test]
fn no_account_sees_another_ones() {
    let server = Server::start();
    let targets = Targets::new(&server);
    let (child, stranger) = (server.another(true), server.another(false));
    let before = server.dump();
    for other in [&child, &stranger] {
        let auth = basic(&other.sid.to_string(), &other.auth_token);
        for op in ROUTES.iter().filter(|o| matches!(o.access, Access::Account | Access::Main)) {
            // Nothing in these paths is another's: what they show or make is the asker's own.
            if matches!(op.path, "/2010-04-01/Accounts" | "/v1/Trunks") {
                continue;
            }
            // Under the owner's path, then the owner's SIDs under one's own path.
            let reply = targets.send(&server, op, &Targets::fields(op), &auth);
            assert_eq!(reply.status, 404, "{}: {}", op.id, reply.text_or_length());
            assert!(!reply.text().contains(&server.account.auth_token));
            let list = matches!(op.shape, Shape::List(..));
            if op.path.contains("Sid}/") && op.path.ends_with("{Sid}")
                || list && op.path.contains("{CallSid}")
            {
                let mut own = server_path(&targets, op)
                    .replace(&server.account.sid.to_string(), &other.sid.to_string());
                if op.verb == chorus::api::operation::Verb::Get {
                    own.push_str("?x=1");
                }
                let text = form(
                    &Targets::fields(op).iter().map(|(n, v)| (n.as_str(), v.as_str())).collect::<Vec<_>>(),
                );
                let (method, body) = match op.verb {
                    chorus::api::operation::Verb::Get => ("GET", ""),
                    chorus::api::operation::Verb::Delete => ("DELETE", ""),
                    chorus::api::operation::Verb::Post => ("POST", text.as_str()),
                    chorus::api::operation::Verb::Patch => ("PATCH", text.as_str()),
                };
                let reply = server.send(method, &own, &[("Authorization", &auth)], body.as_bytes());
                assert_eq!(reply.status, 404, "{} {own}: {}", op.id, reply.text_or_length());
            }
        }
    }
    assert_eq!(server.dump(), before);
}

fn server_path(targets: &Targets, op: &chorus::api::operation::Operation) -> String {
    targets.path(op)
}

#[test]
fn a_parent_reaches_its_subaccount() {
    let server = Server::start();
    let child = server.another(true);
    let call = server.seed_call(child.sid, CallStatus::Completed);
    let path = format!("/2010-04-01/Accounts/{}/Calls/{}.json", child.sid, call.sid);
    server.send("GET", &path, &[("Authorization", &server.auth())], b"").good(200);
    let timeline = format!("/chorus/v1/calls/{}/timeline", call.sid);
    let shown = server.send("GET", &timeline, &[("Authorization", &server.auth())], b"").good(200);
    assert_eq!((&shown["live"], &shown["lines"]), (&false.into(), &serde_json::json!([])));
    // Its calls are its own: the parent's list does not show them.
    assert_eq!(server.get("/Calls.json").json()["calls"].as_array().unwrap().len(), 0);
    let sid = format!("/2010-04-01/Accounts/{}.json", child.sid);
    let suspend = server.send("POST", &sid, &[("Authorization", &server.auth())], b"Status=suspended");
    assert_eq!(suspend.good(200)["status"], "suspended");
    let auth = basic(&child.sid.to_string(), &child.auth_token);
    server.send("GET", &path, &[("Authorization", &auth)], b"").bad(403, 20005);
    server.send("GET", &path, &[("Authorization", &server.auth())], b"").bad(403, 20005);
    let close = server.send("POST", &sid, &[("Authorization", &server.auth())], b"Status=closed");
    assert_eq!(close.good(200)["status"], "closed");
    server.send("GET", &path, &[("Authorization", &auth)], b"").bad(401, 20003);
    server.send("POST", &sid, &[("Authorization", &server.auth())], b"Status=active").bad(400, 21479);
}

#[test]
fn a_key_opens_all_but_accounts_and_keys_until_it_is_deleted() {
    let server = Server::start();
    let targets = Targets::new(&server);
    let (sid, secret) = key(&server);
    let auth = basic(&sid, &secret);
    for op in ROUTES.iter().filter(|o| o.verb == chorus::api::operation::Verb::Get) {
        let reply = match op.access {
            Access::Account => targets.send(&server, op, &[], &auth),
            Access::Main => {
                targets.send(&server, op, &[], &auth).bad(403, 20003);
                continue;
            }
            _ => continue,
        };
        assert_eq!(reply.status, 200, "{}: {}", op.id, reply.text_or_length());
    }
    assert_eq!(server.delete(&format!("/Keys/{sid}.json")).status, 204);
    // Remembered a moment ago, and shut all the same.
    server.send("GET", &server.path("/Calls.json"), &[("Authorization", &auth)], b"").bad(401, 20003);
}

#[test]
fn a_guesser_is_stopped_and_those_who_know_their_secret_are_not() {
    let server = Server::start();
    let (sid, secret) = key(&server);
    let (good, path) = (basic(&sid, &secret), server.path("/Calls.json"));
    let ask = |auth: &str| server.send("GET", &path, &[("Authorization", auth)], b"");
    assert_eq!(ask(&good).status, 200);
    let wrong = basic(&sid, "wrong");
    let guesses = super::pressure::stopped(|| ask(&wrong));
    assert!(guesses >= chorus::api::auth_cache::GUESSES_MAX as usize, "{guesses}");
    assert_eq!(ask(&server.auth()).status, 200);
}

#[test]
fn a_secret_is_kept_as_argon2id_only() {
    let server = Server::start();
    let (_, secret) = key(&server);
    let dump = server.dump();
    assert!(dump.contains("$argon2id$v=19$m=19456,t=2,p=1$") && !dump.contains(&secret));
    let listed = server.get("/Keys.json").text();
    assert!(!listed.contains("secret") && !listed.contains("argon2"));
}

#[test]
fn limits_of_method_and_form() {
    let server = Server::start();
    let head = [("Authorization", server.auth())];
    let head = [(head[0].0, head[0].1.as_str())];
    let put = server.send("PUT", &server.path("/Calls.json"), &head, b"");
    put.bad(405, 20004);
    assert_eq!(put.headers["allow"], "GET, HEAD, POST");
    server.delete("/Calls.json").bad(405, 20004);
    server.get("/Nonsense.json").bad(404, 20404);
    server.get("/Calls.csv").bad(406, 20406);
    let json = [head[0], ("Content-Type", "application/json")];
    server.send("POST", &server.path("/Calls.json"), &json, b"{}").bad(415, 20415);
}

#[test]
fn scripts_of_other_origins_may_ask_as_at_twilio() {
    let server = Server::start();
    let asks = [
        ("Origin", "https://example.com"),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization,content-type"),
    ];
    let first = server.send("OPTIONS", &server.path("/Calls.json"), &asks, b"");
    assert_eq!((first.status, first.body.len()), (204, 0));
    let then = server.get("/Calls.json");
    let refused = server.get("/Nonsense.json");
    for answer in [&first, &then, &refused] {
        let header = |name: &str| answer.headers[name].as_str();
        assert_eq!(header("access-control-allow-origin"), "*");
        assert_eq!(header("access-control-allow-methods"), "GET, POST, DELETE, OPTIONS");
        assert!(header("access-control-allow-headers").contains("Authorization"));
    }
    // What is the operator's is not for scripts of others.
    let carrier = server.send("OPTIONS", "/carrier/v1/sip_trunks", &asks, b"");
    assert!(carrier.status != 204 && !carrier.headers.contains_key("access-control-allow-origin"));
}

#[test]
fn health_needs_no_credentials_and_readiness_says_why_not() {
    let server = Server::start();
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(server.send("GET", path, &[], b"").status, 200, "{path}");
    }
    let words = unready("/readyz", "The database does not answer.").bad(503, 20503);
    assert_eq!(words, "The database does not answer.");
}

#[test]
fn the_carrier_api_takes_its_own_token_only() {
    let server = Server::start();
    let path = "/carrier/v1/sip_trunks";
    for auth in [server.auth(), "Bearer wrong".to_string(), "Bearer".to_string()] {
        let reply = server.send("GET", path, &[("Authorization", &auth)], b"");
        assert_eq!(reply.status, 401);
        assert_eq!(reply.json()["errors"][0]["code"], "20003");
    }
    assert_eq!(server.carrier("GET", path, "").status, 200);
}
