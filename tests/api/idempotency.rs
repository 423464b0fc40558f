//! POST Calls: one call for each key, and nothing cut in half when the client goes away.

use super::harness::*;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;

/// To a number that rings and is never answered.
const BODY: &str = "To=%2B15005550009&From=%2B15005550001&Twiml=%3CResponse%2F%3E";

fn started() -> Server {
    let server = Server::start();
    server.callee();
    server.post("/IncomingPhoneNumbers.json", &[("PhoneNumber", FROM)]).good(201);
    server
}

fn post(server: &Server, key: &str, body: &str) -> Reply {
    let auth = server.auth();
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let head = [("Authorization", auth.as_str()), form, ("Idempotency-Key", key)];
    server.send("POST", &server.path("/Calls.json"), &head, body.as_bytes())
}

fn calls(server: &Server) -> usize {
    server.get("/Calls.json?PageSize=1000").json()["calls"].as_array().unwrap().len()
}

/// As many different calls ring as rows were written, and no more: each rings until the test is over.
fn rings(server: &Server, rows: usize) {
    let all = |list: &Value| list["calls"].as_array().unwrap().iter().all(|c| c["status"] == "ringing");
    server.until("/Calls.json?PageSize=1000", all);
    assert_eq!(server.callee().calls(), rows);
}

#[test]
fn the_same_key_gives_the_same_call() {
    let server = started();
    let first = post(&server, "k1", BODY).good(201);
    let again = post(&server, "k1", BODY).good(201);
    assert_eq!(first["sid"], again["sid"]);
    post(&server, "k1", &format!("{BODY}&Timeout=5")).bad(409, 20409);
    let auth = server.auth();
    let head = [
        ("Authorization", auth.as_str()),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Idempotency-Key", "k1"),
    ];
    let asked = server.path("/Calls.json?Timeout=5");
    server.send("POST", &asked, &head, BODY.as_bytes()).bad(409, 20409);
    assert_ne!(post(&server, "k2", BODY).good(201)["sid"], first["sid"]);
    post(&server, &"k".repeat(256), BODY).bad(400, 20001);
    assert_eq!(calls(&server), 2);
    rings(&server, 2);
}

#[test]
fn two_at_once_make_one_call() {
    let server = started();
    let sids: Vec<String> = std::thread::scope(|scope| {
        let tasks: Vec<_> = (0..8).map(|_| scope.spawn(|| post(&server, "k", BODY).good(201))).collect();
        tasks.into_iter().map(|t| t.join().unwrap()["sid"].to_string()).collect()
    });
    assert!(sids.iter().all(|s| *s == sids[0]), "{sids:?}");
    assert_eq!(calls(&server), 1);
    rings(&server, 1);
}

#[test]
fn keys_of_two_accounts_do_not_meet() {
    let server = started();
    post(&server, "k", BODY).good(201);
    let other = server.another(false);
    let path = format!("/2010-04-01/Accounts/{}/Calls.json", other.sid);
    let auth = basic(&other.sid.to_string(), &other.auth_token);
    let head = [("Authorization", auth.as_str()), ("Idempotency-Key", "k")];
    // A key of another account is none: the request is looked at anew, and its From is not this account's.
    server.send("POST", &path, &head, BODY.as_bytes()).bad(400, 21210);
}

/// A client that resets its connection at any octet of its request, or right after it: either there is a row and a call,
/// or neither.
#[test]
fn a_reset_leaves_a_row_and_a_call_or_neither() {
    let server = started();
    let auth = server.auth();
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let whole =
        request("POST", &server.path("/Calls.json"), &[("Authorization", &auth), form], BODY.as_bytes());
    let long = std::env::var("CHORUS_LONG").is_ok_and(|v| v == "1");
    let tries = if long { 1_000 } else { 200 };
    for n in 0..tries {
        let mut socket = TcpStream::connect(server.address).unwrap();
        socket2::SockRef::from(&socket).set_linger(Some(std::time::Duration::ZERO)).unwrap();
        // Half of them send everything: the reset then meets the handler at work.
        let cut = if n % 2 == 0 { whole.len() } else { whole.len() * n / tries };
        socket.write_all(&whole[..cut]).unwrap();
        if n % 4 == 0 {
            let mut one = [0];
            let _ = socket.read(&mut one);
        }
    }
    // A last call, asked for after the resets: the queue is in order, so once it is there all are.
    post(&server, "last", BODY).good(201);
    let rows = calls(&server);
    assert!(rows > 1 && rows <= tries / 2 + 2, "{rows}");
    rings(&server, rows);
}
