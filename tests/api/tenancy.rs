//! What the operator says of an account binds its owner: in its subaccounts, and against requests that began before.

use super::harness::*;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

/// An account as its owner knows it: SID and token.
type Known = (String, String);

impl Server {
    fn operator(&self, method: &str, path: &str, body: Value) -> Value {
        let status = if method == "POST" { 201 } else { 200 };
        let body = if method == "GET" { String::new() } else { body.to_string() };
        let reply = self.carrier(method, &format!("/carrier/v1/{path}"), &body).good(status);
        reply["data"].clone()
    }

    fn main_account(&self, rules: Value) -> Known {
        let made = self.operator("POST", "accounts", rules);
        let text = |v: &Value| v.as_str().unwrap().to_owned();
        (text(&made["id"]), text(&made["attributes"]["auth_token"]))
    }

    fn word(&self, account: &Known, status: &str) {
        self.operator("PATCH", &format!("accounts/{}", account.0), json!({ "status": status }));
    }

    fn rules_of(&self, account: &str) -> Value {
        self.operator("GET", &format!("accounts/{account}"), json!(null))["attributes"].clone()
    }

    /// A request of this caller below an account's path.
    fn asks(&self, caller: &Known, account: &str, rest: &str, fields: &[(&str, &str)]) -> Reply {
        let auth = basic(&caller.0, &caller.1);
        let head = [("Authorization", auth.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
        let method = if fields.is_empty() { "GET" } else { "POST" };
        let path = format!("/2010-04-01/Accounts/{account}{rest}");
        self.send(method, &path, &head, form(fields).as_bytes())
    }

    fn subaccount(&self, parent: &Known) -> Known {
        let auth = basic(&parent.0, &parent.1);
        let made = self.send("POST", "/2010-04-01/Accounts.json", &[("Authorization", &auth)], b"").good(201);
        (made["sid"].as_str().unwrap().to_owned(), made["auth_token"].as_str().unwrap().to_owned())
    }
}

#[test]
fn a_subaccount_takes_over_its_parents_rules() {
    let server = Server::start();
    let rules = json!({ "max_concurrent_calls": 4, "max_minutes_per_day": 60, "calls_per_second": 3,
        "allowed_calling_codes": ["49"] });
    let main = server.main_account(rules.clone());
    let child = server.subaccount(&main);
    let by_operator = server.operator("POST", "accounts", json!({ "parent_account_sid": main.0 }));
    for sid in [child.0.as_str(), by_operator["id"].as_str().unwrap()] {
        let shown = server.rules_of(sid);
        for (rule, is) in rules.as_object().unwrap() {
            assert_eq!(&shown[rule], is, "{rule}");
        }
    }
}

#[test]
fn the_first_number_of_a_family_is_its_country() {
    let server = Server::start();
    let main = server.main_account(json!({}));
    let child = server.subaccount(&main);
    let claim = |who: &Known, number: &str| {
        server.asks(who, &who.0, "/IncomingPhoneNumbers.json", &[("PhoneNumber", number)]).good(201);
    };
    claim(&child, "+4930123456");
    claim(&main, "+447700900123");
    claim(&server.subaccount(&main), "+33123456789");
    assert_eq!(server.rules_of(&main.0)["home_calling_code"], "49");
    assert!(server.rules_of(&child.0)["home_calling_code"].is_null());
}

/// All are the first, and none is refused for it.
#[test]
fn numbers_that_are_claimed_at_once_are_all_claimed() {
    let server = Server::start();
    let main = server.main_account(json!({}));
    std::thread::scope(|s| {
        for n in 0..8 {
            let (server, main) = (&server, &main);
            s.spawn(move || {
                let number = [("PhoneNumber", format!("+493012345{n}"))];
                let fields = number.each_ref().map(|(name, value)| (*name, value.as_str()));
                server.asks(main, &main.0, "/IncomingPhoneNumbers.json", &fields).good(201);
            });
        }
    });
    assert_eq!(server.rules_of(&main.0)["home_calling_code"], "49");
}

#[test]
fn a_suspended_account_takes_its_subaccounts_with_it() {
    let server = Server::start();
    let main = server.main_account(json!({}));
    let child = server.subaccount(&main);
    let key = server.asks(&child, &child.0, "/Keys.json", &[("FriendlyName", "CI")]).good(201);
    let key = (key["sid"].as_str().unwrap().to_owned(), key["secret"].as_str().unwrap().to_owned());
    let both = |status: u16, code: u32| {
        for who in [&child, &key] {
            server.asks(who, &child.0, "/Calls.json", &[]).bad(status, code);
        }
    };
    server.word(&main, "suspended");
    both(403, 20005);
    server.word(&main, "active");
    server.asks(&key, &child.0, "/Calls.json", &[]).good(200);
    server.word(&main, "closed");
    both(401, 20003);
}

#[test]
fn only_the_operator_wakes_what_the_operator_suspended() {
    let server = Server::start();
    let main = server.main_account(json!({}));
    let child = server.subaccount(&main);
    let says = |status: &str| server.asks(&main, &child.0, ".json", &[("Status", status)]);
    server.word(&child, "suspended");
    for status in ["active", "closed"] {
        says(status).bad(400, 21478);
    }
    assert_eq!(
        server.asks(&main, &child.0, ".json", &[("FriendlyName", "x")]).good(200)["status"],
        "suspended"
    );
    server.asks(&main, &child.0, "/Calls.json", &[]).bad(403, 20005);
    server.word(&child, "active");
    server.asks(&child, &child.0, "/Calls.json", &[]).good(200);
    // Its own word it takes back itself; but not once the operator has said the same.
    says("suspended").good(200);
    assert_eq!(says("active").good(200)["status"], "active");
    says("suspended").good(200);
    server.word(&child, "suspended");
    says("active").bad(400, 21478);
    server.word(&child, "closed");
    says("active").bad(400, 21479);
}

/// The head and half of the body of a request that renames an account.
fn begun(server: &Server, who: &Known) -> TcpStream {
    let mut socket = TcpStream::connect(server.address).unwrap();
    let head = format!(
        "POST /2010-04-01/Accounts/{}.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 16\r\n\r\nFriendly",
        who.0,
        basic(&who.0, &who.1)
    );
    socket.write_all(head.as_bytes()).unwrap();
    socket
}

/// Who it is is asked before the body is read, so that the row may be an old one when it is written. Whether this request was known
/// before the suspension nobody can see from outside: it is tried until it was.
#[test]
fn a_body_that_is_held_back_undoes_nothing() {
    let server = Server::start();
    let main = server.main_account(json!({}));
    let until = Instant::now() + PATIENCE;
    loop {
        let mut socket = begun(&server, &main);
        server.asks(&main, &main.0, "/Calls.json", &[]).good(200);
        server.operator(
            "PATCH",
            &format!("accounts/{}", main.0),
            json!({ "status": "suspended",
            "max_concurrent_calls": 1 }),
        );
        socket.write_all(b"Name=abc").unwrap();
        let mut octets = Vec::new();
        socket.read_to_end(&mut octets).unwrap();
        let reply = Reply::parse(&octets);
        let now = server.rules_of(&main.0);
        assert_eq!((&now["status"], &now["max_concurrent_calls"]), (&json!("suspended"), &json!(1)));
        if reply.status == 409 {
            reply.bad(409, 20409);
            return;
        }
        reply.bad(403, 20005);
        assert!(Instant::now() < until, "no request was known before the suspension");
        server.operator(
            "PATCH",
            &format!("accounts/{}", main.0),
            json!({ "status": "active",
            "max_concurrent_calls": null }),
        );
    }
}

#[test]
fn a_number_that_moved_is_not_its_old_accounts_to_change() {
    let server = Server::start();
    let (main, other) = (server.main_account(json!({})), server.main_account(json!({})));
    let body = json!({ "number": "+4930123456", "account_sid": main.0 });
    let made = server.operator("POST", "phone_numbers", body);
    let sid = made["attributes"]["incoming_phone_number_sid"].as_str().unwrap().to_owned();
    let path = format!("phone_numbers/{}", made["id"].as_str().unwrap());
    let rest = format!("/IncomingPhoneNumbers/{sid}.json");
    server.asks(&main, &main.0, &rest, &[("FriendlyName", "Mine")]).good(200);
    let moved = server.operator("PATCH", &path, json!({ "account_sid": other.0 }));
    assert_eq!(moved["attributes"]["incoming_phone_number_sid"], sid);
    server.asks(&main, &main.0, &rest, &[("FriendlyName", "Still mine")]).bad(404, 20404);
    server.asks(&other, &other.0, &rest, &[("FriendlyName", "Ours")]).good(200);
    assert_eq!(
        server.operator("PATCH", &path, json!({ "account_sid": main.0 }))["attributes"]["account_sid"],
        main.0
    );
}
