//! Host names with their own authentication: SIP domains (rulings 2.5 to 2.7).

use super::net::{at, udp};
use super::peer::{Bench, SDP, US};
use crate::kit::doors::{ACME, acl, domain, house, list, user};
use crate::kit::rows::trunk;
use crate::kit::world::ACCOUNT;
use chorus::sid::{AccountSid, TrunkSid};
use chorus::sip::EndpointConfig;
use chorus::sip::digest::server::ha1;
use chorus::sip::digest::{Protected, authorization, challenges};
use chorus::sip::event::{Caller, Credentials, SipEvent};
use chorus::sip::wire::Method;
use chorus::store::rows::{DoorSid, Purpose, TrunkMode, TrunkRow};
use chorus::store::snapshot::Snapshot as Rows;
use chorus::trunk::Network;

/// Where a request comes from.
const OFFICE: &str = "192.0.2.7:5060";
const CARRIER: &str = "10.0.0.2:5060";
const STRANGER: &str = "203.0.113.9:5060";
const PASSWORD: &str = "Correct1Horse";

/// The rows, and a carrier's trunk beside them.
fn bench_with(config: EndpointConfig, rows: Rows) -> Bench {
    let mut b = Bench::with(config);
    b.endpoint.set_sources(at(b.now), house(Rows { trunks: vec![trunk(1, &["10.0.0.2"])], ..rows }));
    b
}

fn bench(rows: Rows) -> Bench {
    bench_with(EndpointConfig::default(), rows)
}

fn text(method: &str, uri: &str, cseq: u32, more: &str) -> String {
    let body = if method == "INVITE" { SDP } else { "" };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    let host = uri.rsplit_once([':', '@']).map_or(uri, |(_, host)| host);
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK{method}{cseq}{host};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:alice@{host}>;tag={cseq}\r\nTo: <sip:alice@{host}>\r\n\
         Call-ID: {method}-{cseq}-{host}\r\nCSeq: {cseq} {method}\r\n\
         Contact: <sip:alice@192.0.2.7:5060>;expires=600\r\n{more}{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A request without a password from there; what came of it.
fn ask(b: &mut Bench, from: &str, method: &str, uri: &str) -> Vec<String> {
    b.flow = udp(US, from);
    let cseq = b.calls as u32 * 2 + 1;
    b.calls += 1;
    b.get(&text(method, uri, cseq, ""));
    b.take()
}

/// The same with the answer to the challenge.
fn show(b: &mut Bench, from: &str, method: Method, uri: &str, password: &str) -> Vec<String> {
    let cseq = b.calls as u32 * 2 + 1;
    let first = ask(b, from, method.as_str(), uri);
    assert_eq!(first, [asked(&method, uri)]);
    let challenge = challenges(b.last()).remove(0);
    let credentials = Credentials { username: "alice".into(), password: password.into() };
    let request = Protected { method: &method, uri, body: &[] };
    let (name, value) = authorization(&challenge, &request, &credentials, "c0ffee", 1);
    b.get(&text(method.as_str(), uri, cseq + 1, &format!("{name}: {value}\r\n")));
    b.take()
}

/// What enters by a domain or a trunk of an account is asked as a proxy asks, who registers or speaks with us as a server does.
fn asked(method: &Method, uri: &str) -> String {
    let code = if *method == Method::Register || uri.ends_with("@chorus") { 401 } else { 407 };
    format!("{code} {method}")
}

fn caller(b: &Bench) -> &Caller {
    match b.events.last() {
        Some(SipEvent::Incoming { caller, .. }) => caller,
        other => panic!("{other:?}"),
    }
}

fn words(b: &Bench) -> (u32, Option<AccountSid>, &str) {
    match b.events.last() {
        Some(SipEvent::TurnedAway { why, .. }) => (why.error, why.account, why.words.as_str()),
        other => panic!("{other:?}"),
    }
}

const HERE: &str = "sip:bot@acme.example";

#[test]
fn a_domain_with_addresses_takes_them_and_no_other_source() {
    let mut b = bench(acl(domain(false), "192.0.2.0/28"));
    assert_eq!(ask(&mut b, OFFICE, "INVITE", HERE), ["100 INVITE", "Incoming 1"]);
    assert_eq!(*caller(&b), Caller::Door(DoorSid::Domain(ACME), None));
    // Known as a carrier, and still not let through this door; whose debugger is told is its owner's.
    assert_eq!(ask(&mut b, CARRIER, "INVITE", HERE), ["403 INVITE", "Refused 403"]);
    let (code, account, why) = words(&b);
    assert_eq!((code, account), (32201, Some(ACCOUNT)));
    assert!(why.contains("10.0.0.2 is in no IP access control list of acme.example"), "{why}");
    assert_eq!(ask(&mut b, STRANGER, "INVITE", HERE), ["Refused 0"]);
    assert_eq!(ask(&mut b, OFFICE, "OPTIONS", HERE), ["200 OPTIONS"]);
    assert_eq!(ask(&mut b, STRANGER, "OPTIONS", HERE), ["Refused 0"]);
}

#[test]
fn a_domain_with_both_kinds_wants_both() {
    let mut b = bench(list(acl(domain(false), "192.0.2.0/28"), Purpose::Calls, PASSWORD));
    assert_eq!(show(&mut b, OFFICE, Method::Invite, HERE, PASSWORD), ["100 INVITE", "Incoming 1"]);
    assert_eq!(*caller(&b), Caller::Door(DoorSid::Domain(ACME), Some("alice".to_owned())));
    assert_eq!(show(&mut b, OFFICE, Method::Invite, HERE, "guess"), ["403 INVITE", "Refused 403"]);
    assert_eq!((words(&b).0, words(&b).1), (32202, Some(ACCOUNT)));
    assert_eq!(
        ask(&mut b, STRANGER, "INVITE", HERE),
        ["Refused 0"],
        "a password from elsewhere is not asked for"
    );
}

#[test]
fn a_domain_with_passwords_alone_is_open_to_who_knows_one() {
    let mut b = bench(list(domain(false), Purpose::Calls, PASSWORD));
    assert_eq!(show(&mut b, STRANGER, Method::Invite, HERE, PASSWORD), ["100 INVITE", "Incoming 1"]);
    for (method, uri) in
        [("OPTIONS", HERE), ("INVITE", "sip:bot@other.example"), ("REGISTER", "sip:acme.example")]
    {
        assert_eq!(ask(&mut b, STRANGER, method, uri), ["Refused 0"], "{method} {uri}");
    }
    // The host of a domain is read as hosts are.
    assert_eq!(ask(&mut b, STRANGER, "INVITE", "sip:bot@ACME.example"), ["407 INVITE"]);
}

#[test]
fn a_domain_without_lists_takes_nothing() {
    let mut b = bench(domain(false));
    assert_eq!(ask(&mut b, STRANGER, "INVITE", HERE), ["Refused 0"]);
    assert_eq!(ask(&mut b, CARRIER, "INVITE", HERE), ["403 INVITE", "Refused 403"]);
    assert!(words(&b).2.contains("neither an IP access control list nor a credential list"));
}

#[test]
fn a_list_that_is_mapped_and_empty_lets_nobody_in() {
    let mut rows = acl(domain(false), "192.0.2.0/28");
    rows.addresses.clear();
    let mut b = bench(rows);
    assert_eq!(ask(&mut b, CARRIER, "INVITE", HERE), ["403 INVITE", "Refused 403"]);
}

#[test]
fn the_wrong_host_is_404_to_whom_a_list_knows_and_a_carrier_keeps_its_order() {
    let mut b = bench(acl(domain(false), "192.0.2.0/28"));
    assert_eq!(ask(&mut b, OFFICE, "INVITE", "sip:bot@acme.exmple"), ["404 INVITE", "Refused 404"]);
    let (_, account, why) = words(&b);
    assert_eq!(account, Some(ACCOUNT));
    assert!(why.contains("'acme.exmple' is no SIP domain"), "{why}");
    ask(&mut b, CARRIER, "INVITE", "sip:+15550001@anything.example");
    assert_eq!(*caller(&b), Caller::Trunks(vec![TrunkSid(1)]));
}

#[test]
fn users_register_at_a_domain_that_allows_it() {
    let mut b = bench(list(domain(true), Purpose::Registrations, PASSWORD));
    let uri = "sip:acme.example";
    assert_eq!(
        show(&mut b, STRANGER, Method::Register, uri, PASSWORD),
        ["Bound alice@acme.example sip:alice@192.0.2.7:5060", "200 REGISTER"]
    );
    assert_eq!(b.endpoint.registrar().find("alice@acme.example").len(), 1);
    assert!(b.endpoint.registrar().find("alice").is_empty(), "the name alone is another user's");
    // Known by its binding: the wrong domain is 404 now.
    assert_eq!(ask(&mut b, STRANGER, "INVITE", "sip:bob@other.example"), ["404 INVITE", "Refused 404"]);
    assert_eq!(show(&mut b, STRANGER, Method::Register, uri, "guess"), ["403 REGISTER", "Refused 403"]);
    // Its password is another one: it is bound no longer.
    let rows = list(domain(true), Purpose::Registrations, "Another1Password");
    b.sources(house(rows));
    assert_eq!(b.take(), ["Unbound alice@acme.example|alice@192.0.2.7:5060;"]);
}

#[test]
fn a_domain_that_goes_takes_its_bindings_along() {
    let mut b = bench(list(domain(true), Purpose::Registrations, PASSWORD));
    show(&mut b, STRANGER, Method::Register, "sip:acme.example", PASSWORD);
    b.sources(house(list(domain(false), Purpose::Registrations, PASSWORD)));
    assert_eq!(b.take(), ["Unbound alice@acme.example|alice@192.0.2.7:5060;"]);
    assert_eq!(ask(&mut b, STRANGER, "REGISTER", "sip:acme.example"), ["Refused 0"]);
}

#[test]
fn of_two_lists_with_the_same_user_the_one_that_was_mapped_first_counts() {
    let mut rows = list(domain(false), Purpose::Calls, PASSWORD);
    user(&mut rows, 2, Purpose::Calls, "alice", "Another1Password");
    let mut b = bench(rows);
    assert_eq!(show(&mut b, OFFICE, Method::Invite, HERE, PASSWORD), ["100 INVITE", "Incoming 1"]);
    assert_eq!(show(&mut b, OFFICE, Method::Invite, HERE, "Another1Password"), ["403 INVITE", "Refused 403"]);
}

fn client(n: u128, name: &str) -> TrunkRow {
    TrunkRow {
        authentication_mode: TrunkMode::ClientCredentials,
        username: Some(name.to_owned()),
        ha1: Some(ha1(name, "chorus", PASSWORD)),
        ..trunk(n, &[])
    }
}

#[test]
fn an_identifier_counts_from_a_trusted_proxy_alone() {
    let config = EndpointConfig {
        trusted_proxies: vec![Network::parse("198.51.100.1").unwrap()],
        ..Default::default()
    };
    let mut b = Bench::with(config);
    b.endpoint.set_sources(at(b.now), house(Rows { trunks: vec![client(3, "pbx")], ..Rows::default() }));
    let invite = |cseq: u32, name: &str| {
        text("INVITE", "sip:+15550001@chorus", cseq, &format!("X-Chorus-Client-Identifier: {name}\r\n"))
    };
    b.flow = udp(US, "198.51.100.1:5060");
    b.get(&invite(1, "pbx"));
    b.expect(&["100 INVITE", "Incoming 1"]);
    assert_eq!(*caller(&b), Caller::Trunks(vec![TrunkSid(3)]));
    b.get(&text("OPTIONS", "sip:chorus", 9, ""));
    b.expect(&["200 OPTIONS"]);
    // Anybody else is asked for the password, whatever it calls itself.
    b.flow = udp(US, STRANGER);
    b.get(&invite(3, "pbx"));
    b.expect(&["Ignored", "401 INVITE"]);
}

#[test]
fn options_of_strangers_are_answered_where_the_house_says_so() {
    let config = EndpointConfig { answer_unknown_options: true, ..Default::default() };
    let mut b = bench_with(config, Rows::default());
    assert_eq!(ask(&mut b, STRANGER, "OPTIONS", "sip:chorus"), ["200 OPTIONS"]);
    assert_eq!(ask(&mut b, STRANGER, "INVITE", "sip:+15550001@chorus"), ["Refused 0"]);
}

#[test]
fn ten_guesses_at_a_domain_shut_their_source_out() {
    let mut b = bench(list(domain(false), Purpose::Calls, PASSWORD));
    for _ in 0..10 {
        assert_eq!(show(&mut b, STRANGER, Method::Invite, HERE, "guess"), ["403 INVITE", "Refused 403"]);
    }
    assert_eq!(ask(&mut b, STRANGER, "INVITE", HERE), ["Refused 0"]);
}
