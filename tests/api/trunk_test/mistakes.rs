//! `+`, prefix, From user, auth user: each is named, and mended by what is printed.

use super::peer::*;
use super::{mended, tested};
use crate::api::harness::Server;
use serde_json::{Value, json};

/// Takes calls to this Request-URI's user alone.
fn takes_only(user: &'static str) -> Script {
    calls(move |r| match r.starts_with(&format!("INVITE sip:{user}@")) {
        true => say("180 Ringing"),
        false => say("404 Not Found"),
    })
}

#[test]
fn a_plus_or_a_prefix_that_the_peer_does_not_want_is_named_and_mended() {
    let server = Server::start();
    let table: Vec<(&'static str, Value, &str, Value)> = vec![
        ("15550002", json!({}), "The + is the mistake", json!({ "outbound_plus_prefix": false })),
        (
            "%2B15550002",
            json!({ "outbound_dial_string": "sip:%2B{number}@{host}" }),
            "The + is the mistake",
            json!({ "outbound_plus_prefix": false }),
        ),
        (
            "+15550002",
            json!({ "outbound_plus_prefix": false }),
            "The + is the mistake",
            json!({ "outbound_plus_prefix": true }),
        ),
        (
            "+15550002",
            json!({ "outbound_dial_string_prefix": "9" }),
            "The prefix is the mistake",
            json!({ "outbound_dial_string_prefix": null }),
        ),
        (
            "15550002",
            json!({ "outbound_dial_string_prefix": "9" }),
            "The prefix, and the +, is the mistake",
            json!({ "outbound_dial_string_prefix": null, "outbound_plus_prefix": false }),
        ),
        (
            "915550002",
            json!({ "outbound_dial_string_prefix": "9" }),
            "The + is the mistake",
            json!({ "outbound_plus_prefix": false }),
        ),
        (
            "0015550002",
            json!({}),
            "The prefix is the mistake",
            json!({ "outbound_dial_string_prefix": "00", "outbound_plus_prefix": false }),
        ),
        (
            "5550002",
            json!({}),
            "The national form is the mistake",
            json!({ "outbound_national_dialing": true, "inbound_country": "US" }),
        ),
        (
            "01115550002",
            json!({ "inbound_country": "US" }),
            "The prefix is the mistake",
            json!({ "outbound_dial_string_prefix": "011", "outbound_plus_prefix": false }),
        ),
        (
            "+15550002",
            json!({ "outbound_dial_string": "sip:x{number}@{host}" }),
            "The dial string is the mistake",
            json!({ "outbound_dial_string": null }),
        ),
    ];
    for (user, trunk, words, patch) in table {
        mended(&server, &peer(takes_only(user)), &trunk, words, &patch);
    }
}

/// Every code that speaks of the number makes other spellings be tried, and none that does not.
#[test]
fn the_number_is_spelt_otherwise_only_where_the_answer_speaks_of_it() {
    let server = Server::start();
    for (code, speaks) in [
        ("403 Forbidden", true),
        ("404 Not Found", true),
        ("410 Gone", true),
        ("484 Address Incomplete", true),
        ("604 Does Not Exist Anywhere", true),
        ("402 Payment Required", false),
        ("500 Server Internal Error", false),
    ] {
        let script = calls(move |r| if r.starts_with("INVITE sip:+") { say(code) } else { busy() });
        let tested = tested(&server, &peer(script), &json!({ "outbound_dial_string_prefix": "9" }));
        let patch = if speaks { json!({ "outbound_plus_prefix": false }) } else { json!({}) };
        tested.says(code, &patch);
        assert!(!tested.ok());
    }
}

#[test]
fn a_from_that_the_peer_does_not_let_call_is_named_and_mended() {
    let server = Server::start();
    let account = json!({ "username": "trunk77", "password": "secret99" });
    let lets = |who: &'static str| {
        calls(move |r| match field(r, "From").contains(&format!("sip:{who}@")) {
            true => busy(),
            false => say("403 Forbidden"),
        })
    };
    mended(
        &server,
        &peer(lets("trunk77")),
        &account,
        "The From user is the mistake",
        &json!({ "from_user": "trunk77" }),
    );
    mended(
        &server,
        &peer(lets("+15550001")),
        &json!({ "from_user": "nobody" }),
        "The From user is the mistake",
        &json!({ "from_user": null }),
    );
    let nobody = tested(&server, &peer(lets("somebody")), &account);
    nobody.says("does not let '+15550001' call (From)", &json!({}));
}

/// Asks everybody for a password, and believes this user alone.
fn believes(user: &'static str, challenge: &'static str) -> Script {
    script(move |r| {
        let shown = [field(r, "Authorization"), field(r, "Proxy-Authorization")].concat();
        match r.split(' ').next().unwrap() {
            "INVITE" | "REGISTER" if !shown.contains(&format!("username=\"{user}\"")) => say(challenge),
            "INVITE" => busy(),
            _ => say("200 OK"),
        }
        .with(if challenge.starts_with("401") { WWW } else { PROXY })
    })
}

const WWW: &str = "WWW-Authenticate: Digest realm=\"c\", nonce=\"n\", qop=\"auth\"";
const PROXY: &str = "Proxy-Authenticate: Digest realm=\"c\", nonce=\"n\", qop=\"auth\"";
const ASKED: [&str; 2] = ["401 Unauthorized", "407 Proxy Authentication Required"];

#[test]
fn an_auth_user_that_the_peer_does_not_know_is_named_and_mended() {
    let server = Server::start();
    let account = json!({ "username": "trunk77", "password": "secret99" });
    let with = |more: Value| {
        let mut all = account.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let registering = json!({ "authentication_mode": "outbound_registration", "from_user": "1001" });
    let table = [
        ("1001", with(json!({ "from_user": "1001" })), json!({ "auth_user": "1001" })),
        ("1001", with(registering), json!({ "auth_user": "1001" })),
        ("trunk77", with(json!({ "auth_user": "wrong" })), json!({ "auth_user": null })),
        ("trunk77@127.0.0.1", account.clone(), json!({ "auth_user": "trunk77@127.0.0.1" })),
        ("15550009", with(json!({ "default_sender": "+15550009" })), json!({ "auth_user": "15550009" })),
    ];
    for (user, trunk, patch) in table {
        for challenge in ASKED {
            let words = "The auth user is the mistake";
            mended(&server, &peer(believes(user, challenge)), &trunk, words, &patch);
        }
    }
}

/// A registrar that calls a wrong user or password forbidden: a call that gets through all the same does not mend it.
#[test]
fn a_registrar_that_says_403_to_a_wrong_password_is_understood() {
    let server = Server::start();
    let knows = |user: &'static str| {
        script(move |r| match (r.split(' ').next().unwrap(), field(r, "Authorization")) {
            ("REGISTER", "") => say(ASKED[0]).with(WWW),
            ("REGISTER", shown) if shown.contains(&format!("username=\"{user}\"")) => say("200 OK"),
            ("REGISTER", _) => say("403 Forbidden"),
            ("INVITE", _) => busy(),
            _ => say("200 OK"),
        })
    };
    let trunk = json!({
        "authentication_mode": "outbound_registration", "username": "trunk77", "password": "secret99", "from_user": "1001",
    });
    let patch = json!({ "auth_user": "1001" });
    mended(&server, &peer(knows("1001")), &trunk, "The auth user is the mistake", &patch);
    let wrong = tested(&server, &peer(knows("nobody")), &trunk);
    let patch = json!({ "auth_user": "the user", "password": "the password" });
    wrong.says("REGISTER: 403 Forbidden: auth user or password is wrong", &patch);
    assert!(!wrong.ok(), "{:#}", wrong.result);
    let refuses = script(|r| match r.split(' ').next().unwrap() {
        "REGISTER" => say("403 Forbidden"),
        "INVITE" => busy(),
        _ => say("200 OK"),
    });
    let unknown = tested(&server, &peer(refuses), &trunk);
    unknown.says("the peer does not know this user there", &json!({}));
    assert!(!unknown.ok(), "{:#}", unknown.result);
}

/// Where no user that the trunk knows of is believed, it prints what is to be filled in.
#[test]
fn a_wrong_password_is_told_from_none() {
    let server = Server::start();
    let account = json!({ "username": "trunk77", "password": "wrong" });
    for challenge in ASKED {
        let host = peer(believes("nobody else", challenge));
        let none = tested(&server, &host, &json!({}));
        let patch = json!({ "username": "the user", "password": "the password" });
        none.says("the peer wants user and password: give the trunk username and password", &patch);
        none.is_to_be_filled_in(&server);
        let wrong = tested(&server, &host, &account);
        let patch = json!({ "auth_user": "the user", "password": "the password" });
        wrong.says("auth user or password is wrong. The digest's user is 'trunk77'", &patch);
        wrong.is_to_be_filled_in(&server);
    }
    let other = script(|_| say("401 Unauthorized").with("WWW-Authenticate: Basic realm=\"c\""));
    let other = tested(&server, &peer(other), &account);
    other.says("only Digest with MD5, SHA-256 or SHA-512-256 is spoken here", &json!({}));
}

/// A proxy and who is behind it each ask for the password.
#[test]
fn two_challengers_are_both_answered() {
    let server = Server::start();
    let script = calls(|r| match (field(r, "Proxy-Authorization"), field(r, "Authorization")) {
        ("", _) => say(ASKED[1]).with(PROXY),
        (_, "") => say(ASKED[0]).with(&WWW.replace("\"c\"", "\"behind\"")),
        _ => busy(),
    });
    let account = json!({ "username": "trunk77", "password": "secret99" });
    assert!(tested(&server, &peer(script), &account).ok());
}

/// Each is seen only when the one before it is gone.
#[test]
fn several_mistakes_are_found_by_one_test() {
    let server = Server::start();
    let script = calls(|r| match field(r, "Authorization") {
        shown if !shown.contains("username=\"1001\"") => say(ASKED[0]).with(WWW),
        _ if r.starts_with("INVITE sip:+") => say("484 Address Incomplete"),
        _ if !r.contains("RTP/SAVP") => say("488 Not Acceptable Here"),
        _ => busy(),
    });
    let trunk = json!({ "username": "trunk77", "password": "secret99", "from_user": "1001" });
    let patch = json!({ "auth_user": "1001", "outbound_plus_prefix": false, "srtp": "required" });
    mended(&server, &peer(script), &trunk, "it comes further: 484 Address Incomplete", &patch);
}

#[test]
fn a_peer_where_nobody_registers_and_one_without_reliable_provisionals_are_mended() {
    let server = Server::start();
    let carrier = script(|r| match r.split(' ').next().unwrap() {
        "REGISTER" => say("405 Method Not Allowed"),
        "INVITE" => busy(),
        _ => say("200 OK"),
    });
    let registering = json!({
        "authentication_mode": "outbound_registration", "username": "u", "password": "p",
    });
    let patch = json!({ "authentication_mode": "ip_address" });
    mended(&server, &peer(carrier), &registering, "nobody can register there", &patch);
    let unreliable = calls(|r| match field(r, "Require") {
        "100rel" => say("420 Bad Extension").with("Unsupported: 100rel"),
        _ => busy(),
    });
    let required = json!({ "reliable_provisional": "required" });
    let patch = json!({ "reliable_provisional": "supported" });
    mended(&server, &peer(unreliable), &required, "reliable_provisional is the mistake", &patch);
    let strict = calls(|r| match field(r, "Supported").contains("100rel") {
        true => busy(),
        false => say("421 Extension Required").with("Require: 100rel"),
    });
    let off = json!({ "reliable_provisional": "off" });
    mended(&server, &peer(strict), &off, "reliable_provisional is the mistake", &patch);
}

/// As calls do (RFC 4028 section 7.3): it is no mistake of the trunk.
#[test]
fn a_session_timer_that_is_too_short_is_made_longer() {
    let server = Server::start();
    let script = calls(|r| match field(r, "Min-SE") {
        "3600" if field(r, "Session-Expires") == "3600" => busy(),
        _ => say("422 Session Interval Too Small").with("Min-SE: 3600"),
    });
    assert!(tested(&server, &peer(script), &json!({})).ok());
}
