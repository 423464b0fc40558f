//! Peers that register here and call: trunks of the mode `client_credentials` (RFC 3261 section 10, rulings 2.5 to 2.9, 2.26).

mod called;

use super::net::{at, udp};
use super::peer::{Bench, IN, SDP, US};
use crate::kit::rows::trunk;
use called::call;
use chorus::clock::Now;
use chorus::sid::TrunkSid;
use chorus::sip::EndpointConfig;
use chorus::sip::digest::server::ha1;
use chorus::sip::digest::{Protected, authorization, challenges};
use chorus::sip::event::{Caller, Credentials, Flow, SipCmd, SipEvent, Transport};
use chorus::sip::registrar::{CONTACTS_MAX, Change};
use chorus::sip::wire::Method;
use chorus::store::rows::{BindingRow, TrunkMode, TrunkRow};
use chorus::trunk::Snapshot;
use std::sync::Arc;

const PHONE: &str = "10.0.0.2:5060";
const STRANGER: &str = "172.16.0.9:5060";

fn with_user(n: u128, user: &str, sources: &[&str]) -> TrunkRow {
    TrunkRow {
        authentication_mode: TrunkMode::ClientCredentials,
        username: Some(user.to_owned()),
        ha1: Some(ha1(user, "chorus", "s3cret")),
        ..trunk(n, sources)
    }
}

fn bench(trunks: Vec<TrunkRow>) -> Bench {
    let mut b = Bench::with(EndpointConfig::default());
    b.endpoint.set_sources(at(b.now), Arc::new(Snapshot::new(trunks, vec![])));
    b
}

fn phone() -> Bench {
    bench(vec![with_user(1, "alice", &[])])
}

/// A request of a phone; `auth` answers the last 401.
struct Phone<'a> {
    user: &'a str,
    password: &'a str,
    host: &'a str,
    contact: &'a str,
    extra: &'a str,
}

const ALICE: Phone<'static> = Phone {
    user: "alice",
    password: "s3cret",
    host: "10.0.0.2",
    contact: "Contact: <sip:alice@10.0.0.2:5060>\r\nExpires: 3600\r\n",
    extra: "",
};

impl Phone<'_> {
    fn text(&self, method: &str, uri: &str, cseq: u32, authorization: Option<&str>) -> String {
        let Phone { user, host, contact, extra, .. } = self;
        let authorization = authorization.map(|a| format!("Authorization: {a}\r\n")).unwrap_or_default();
        let body = if method == "INVITE" { SDP } else { "" };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let to = if method == "REGISTER" { format!("sip:{user}@chorus") } else { uri.to_owned() };
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:5060;branch=z9hG4bK{method}{cseq};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{user}@chorus>;tag={user}\r\nTo: <{to}>\r\nCall-ID: {method}-{user}\r\n\
             CSeq: {cseq} {method}\r\n{contact}{authorization}{extra}{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// Sends it, is challenged, and answers; `cseq` and the next are used.
    fn send(&self, b: &mut Bench, method: &Method, uri: &str, cseq: u32) {
        b.get(&self.text(method.as_str(), uri, cseq, None));
        let challenge = challenges(b.last()).remove(0);
        let credentials = Credentials { username: self.user.into(), password: self.password.into() };
        let request = Protected { method, uri, body: &[] };
        let (_, value) = authorization(&challenge, &request, &credentials, "c0ffee", 1);
        b.get(&self.text(method.as_str(), uri, cseq + 1, Some(&value)));
    }

    fn register(&self, b: &mut Bench, cseq: u32) {
        self.send(b, &Method::Register, "sip:chorus", cseq);
    }
}

fn bound(b: &Bench) -> Vec<String> {
    b.endpoint.registrar().rows().map(|r| r.contact.clone()).collect()
}

#[test]
fn register_401_register_200_with_its_contact_and_expires() {
    let mut b = phone();
    b.get(&ALICE.text("REGISTER", "sip:chorus", 1, None));
    b.expect(&["401 REGISTER"]);
    let offered: Vec<String> =
        b.last().headers.all("WWW-Authenticate").map(|v| String::from_utf8_lossy(v).into_owned()).collect();
    assert!(
        offered[0].starts_with("Digest realm=\"chorus\", nonce=\"") && offered[0].contains("algorithm=MD5")
    );
    assert!(offered[1].contains("algorithm=SHA-256"), "{offered:?}");
    assert_eq!(b.endpoint.counts(), Default::default(), "an unauthenticated stranger costs nothing");
    ALICE.register(&mut b, 2);
    b.expect(&["401 REGISTER", "Bound alice sip:alice@10.0.0.2:5060", "200 REGISTER"]);
    assert_eq!(b.last().headers.text("Contact").unwrap(), "<sip:alice@10.0.0.2:5060>;expires=3600");
    assert_eq!(b.last().headers.text("Expires").unwrap(), "3600");
    assert!(b.last().headers.text("Date").unwrap().ends_with("GMT"));
}

#[test]
fn a_retransmitted_register_gets_the_same_200() {
    let mut b = phone();
    ALICE.register(&mut b, 1);
    let credentials = Credentials { username: "alice".into(), password: "s3cret".into() };
    b.get(&ALICE.text("REGISTER", "sip:chorus", 5, None));
    let challenge = challenges(b.last()).remove(0);
    let request = Protected { method: &Method::Register, uri: "sip:chorus", body: &[] };
    let (_, value) = authorization(&challenge, &request, &credentials, "c0ffee", 1);
    let text = ALICE.text("REGISTER", "sip:chorus", 6, Some(&value));
    b.take();
    b.get(&text);
    b.get(&text);
    b.expect(&["Bound alice sip:alice@10.0.0.2:5060", "200 REGISTER", "200 REGISTER"]);
}

#[test]
fn a_binding_ends_with_its_time_with_expires_0_and_with_star() {
    let mut b = phone();
    ALICE.register(&mut b, 1);
    b.pass(3_599_000);
    assert_eq!(bound(&b).len(), 1);
    b.take();
    b.pass(1_001);
    b.expect(&["Unbound alice|alice@10.0.0.2:5060;"]);
    ALICE.register(&mut b, 3);
    let zero = Phone { contact: "Contact: <sip:alice@10.0.0.2:5060>;expires=0\r\n", ..ALICE };
    zero.register(&mut b, 5);
    assert!(bound(&b).is_empty() && !b.last().headers.has("Contact"));
    ALICE.register(&mut b, 7);
    let star = Phone { contact: "Contact: *\r\nExpires: 0\r\n", ..ALICE };
    star.register(&mut b, 9);
    assert!(bound(&b).is_empty());
    let all = Phone { contact: "Contact: *\r\nExpires: 60\r\n", ..ALICE };
    b.take();
    all.register(&mut b, 11);
    b.expect(&["401 REGISTER", "400 REGISTER", "Refused 400"]);
    b.over();
}

#[test]
fn too_brief_is_423_too_long_is_cut_and_a_question_changes_nothing() {
    let mut b = phone();
    let brief = Phone { contact: "Contact: <sip:alice@10.0.0.2>\r\nExpires: 30\r\n", ..ALICE };
    brief.register(&mut b, 1);
    assert_eq!((b.last().code(), b.last().headers.text("Min-Expires").unwrap().as_ref()), (Some(423), "60"));
    let long = Phone { contact: "Contact: <sip:alice@10.0.0.2>;expires=99999;q=0.5\r\n", ..ALICE };
    long.register(&mut b, 3);
    assert_eq!(b.last().headers.text("Contact").unwrap(), "<sip:alice@10.0.0.2>;q=0.500;expires=3600");
    b.pass(600_000);
    let question = Phone { contact: "", ..ALICE };
    question.register(&mut b, 5);
    assert_eq!(b.last().headers.text("Contact").unwrap(), "<sip:alice@10.0.0.2>;q=0.500;expires=3000");
}

#[test]
fn one_that_came_late_undoes_nothing() {
    let mut b = phone();
    ALICE.register(&mut b, 10);
    b.take();
    let zero = Phone { contact: "Contact: <sip:alice@10.0.0.2:5060>\r\nExpires: 0\r\n", ..ALICE };
    zero.register(&mut b, 4);
    b.expect(&["401 REGISTER", "500 REGISTER", "Refused 500"]);
    assert_eq!(bound(&b).len(), 1);
}

#[test]
fn a_phone_that_names_itself_has_one_contact_and_others_make_room() {
    let mut b = phone();
    for port in 0..3 {
        let contact = format!(
            "Contact: <sip:alice@10.0.0.2:{}>;+sip.instance=\"<urn:uuid:1>\";reg-id=1\r\n",
            6000 + port
        );
        Phone { contact: &contact, ..ALICE }.register(&mut b, 1 + 2 * port);
    }
    assert_eq!(bound(&b), ["sip:alice@10.0.0.2:6002"]);
    for port in 0..CONTACTS_MAX as u32 + 2 {
        let contact = format!("Contact: <sip:alice@10.0.0.2:{}>\r\n", 7000 + port);
        Phone { contact: &contact, ..ALICE }.register(&mut b, 11 + 2 * port);
        b.pass(1_000);
    }
    assert_eq!(bound(&b).len(), CONTACTS_MAX);
    assert!(!bound(&b).contains(&"sip:alice@10.0.0.2:6002".to_owned()), "the oldest went");
}

#[test]
fn a_wrong_password_and_a_missing_user_look_alike() {
    let mut b = bench(vec![with_user(1, "alice", &[])]);
    let answers: Vec<String> = ["alice", "nobody"]
        .map(|user| {
            let guess = Phone { user, password: "guess", ..ALICE };
            guess.register(&mut b, 1);
            let (challenge, denial) = (&b.sent[b.sent.len() - 2].1, &b.sent[b.sent.len() - 1].1);
            assert_eq!((challenge.code(), denial.code()), (Some(401), Some(403)));
            let text = [challenge.to_bytes(), denial.to_bytes()].concat();
            let text = String::from_utf8(text).unwrap().replace(user, "USER");
            let nonce = text.split("nonce=\"").nth(1).and_then(|t| t.split('"').next()).unwrap().to_owned();
            let tags: Vec<String> =
                b.sent[b.sent.len() - 2..].iter().map(|(_, m)| m.to_tag().unwrap()).collect();
            let text = tags.iter().fold(text, |t, tag| t.replace(tag, "TAG"));
            text.replace(&nonce, "NONCE")
        })
        .into();
    assert_eq!(answers[0], answers[1]);
}

#[test]
fn ten_failures_shut_a_source_and_a_user_out_but_not_its_owner() {
    let mut b = bench(vec![with_user(1, "alice", &[]), with_user(2, "bob", &[])]);
    ALICE.register(&mut b, 1);
    b.flow = udp(US, STRANGER);
    let guess = Phone { password: "guess", host: "172.16.0.9", ..ALICE };
    for n in 0..10 {
        guess.register(&mut b, 1 + 2 * n);
        assert_eq!(b.last().code(), Some(403), "{n}");
    }
    b.take();
    b.get(&guess.text("REGISTER", "sip:chorus", 99, None));
    b.expect(&["Refused 0"]);
    // The right password from elsewhere is refused, too: it may have been guessed.
    b.flow = udp(US, "172.16.0.10:5060");
    ALICE.register(&mut b, 50);
    assert_eq!(b.last().code(), Some(403));
    // Whoever is bound goes on.
    b.flow = udp(US, PHONE);
    ALICE.register(&mut b, 60);
    assert_eq!(b.last().code(), Some(200));
    Phone { user: "bob", ..ALICE }.register(&mut b, 1);
    assert_eq!(b.last().code(), Some(200));
    b.flow = udp(US, STRANGER);
    b.pass(600_000);
    Phone { host: "172.16.0.9", ..ALICE }.register(&mut b, 70);
    assert_eq!(b.last().code(), Some(200), "after ten minutes");
}

#[test]
fn nobody_registers_another() {
    let mut b = bench(vec![with_user(1, "alice", &[]), with_user(2, "bob", &[])]);
    let text = |auth: Option<&str>| {
        ALICE.text("REGISTER", "sip:chorus", 2, auth).replace("To: <sip:alice", "To: <sip:bob")
    };
    b.get(&text(None));
    let challenge = challenges(b.last()).remove(0);
    let credentials = Credentials { username: "alice".into(), password: "s3cret".into() };
    let request = Protected { method: &Method::Register, uri: "sip:chorus", body: &[] };
    let (_, value) = authorization(&challenge, &request, &credentials, "c", 1);
    b.get(&text(Some(&value)).replace("REGISTER2", "other"));
    assert_eq!(b.last().code(), Some(403));
    assert!(bound(&b).is_empty());
}

#[test]
fn who_is_on_no_list_gets_nothing_and_without_users_register_is_405() {
    let mut b = bench(vec![with_user(1, "alice", &["10.0.0.0/24"]), trunk(2, &["10.0.1.0/24"])]);
    b.flow = udp(US, STRANGER);
    for method in ["REGISTER", "INVITE", "OPTIONS", "MESSAGE"] {
        b.get(&ALICE.text(method, "sip:chorus", 1, None));
        b.expect(&["Refused 0"]);
    }
    // Listed: challenged; OPTIONS answered.
    b.flow = udp(US, PHONE);
    b.get(&ALICE.text("OPTIONS", "sip:chorus", 2, None));
    b.expect(&["200 OPTIONS"]);
    // A carrier by address has nobody who could register.
    b.flow = udp(US, "10.0.1.7:5060");
    b.get(&ALICE.text("REGISTER", "sip:chorus", 3, None));
    b.expect(&["405 REGISTER", "Refused 405"]);
}

#[test]
fn an_open_user_makes_strangers_heard_for_register_and_invite_only() {
    let mut b = phone();
    b.flow = udp(US, STRANGER);
    for (method, answer) in [("REGISTER", "401 REGISTER"), ("INVITE", "401 INVITE")] {
        b.get(&ALICE.text(method, "sip:chorus", 1, None));
        b.expect(&[answer]);
    }
    for method in ["OPTIONS", "BYE", "MESSAGE"] {
        b.get(&ALICE.text(method, "sip:chorus", 2, None));
        b.expect(&["Refused 0"]);
    }
}

#[test]
fn a_call_with_the_password_is_of_the_users_trunk() {
    let mut b = phone();
    ALICE.send(&mut b, &Method::Invite, "sip:+15550001@chorus", 1);
    b.expect(&["401 INVITE", "100 INVITE", "Incoming 1"]);
    let trunks = match b.events.last() {
        Some(SipEvent::Incoming { caller: Caller::Trunks(trunks), .. }) => trunks.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(trunks, [TrunkSid(1)]);
    b.tell(SipCmd::Answer { leg: IN, body: SDP.into(), headers: vec![] });
    b.expect(&["200 INVITE"]);
    let guess = Phone { user: "alice", password: "guess", ..ALICE };
    let guess = Phone { extra: "X-Call: 2\r\n", ..guess };
    guess.send(&mut b, &Method::Invite, "sip:+15550001@chorus", 7);
    b.expect(&["401 INVITE", "403 INVITE", "Refused 403"]);
}

#[test]
fn a_trunk_by_address_needs_no_password_yet_one_that_is_shown_counts() {
    let mut b = bench(vec![trunk(1, &["10.0.0.2"]), with_user(2, "alice", &[])]);
    b.get(&ALICE.text("INVITE", "sip:+15550001@chorus", 1, None));
    b.expect(&["100 INVITE", "Incoming 1"]);
    assert!(
        matches!(b.events.last(), Some(SipEvent::Incoming { caller: Caller::Trunks(trunks), .. }) if trunks[..] == [TrunkSid(1)])
    );
    b.get(&ALICE.text("REGISTER", "sip:chorus", 1, None));
    let challenge = challenges(b.last()).remove(0);
    let credentials = Credentials { username: "alice".into(), password: "s3cret".into() };
    let uri = "sip:+15550001@chorus";
    let request = Protected { method: &Method::Invite, uri, body: &[] };
    let (_, value) = authorization(&challenge, &request, &credentials, "c", 1);
    let second = ALICE.text("INVITE", uri, 2, Some(&value)).replace("Call-ID: INVITE", "Call-ID: second");
    b.get(&second);
    assert!(
        matches!(b.events.last(), Some(SipEvent::Incoming { caller: Caller::Trunks(trunks), .. }) if trunks[..] == [TrunkSid(2)])
    );
}

fn tcp(conn: u64) -> Flow {
    Flow { transport: Transport::Tcp, conn, ..udp(US, PHONE) }
}

#[test]
fn a_broken_connection_takes_its_binding_along_and_a_restart_those_of_tcp() {
    let mut b = phone();
    ALICE.register(&mut b, 1);
    b.flow = tcp(7);
    let by_tcp = Phone { contact: "Contact: <sip:alice@10.0.0.2:5060;transport=tcp>\r\n", ..ALICE };
    by_tcp.register(&mut b, 3);
    let rows: Vec<BindingRow> = b.endpoint.registrar().rows().cloned().collect();
    assert_eq!(rows.len(), 2);
    b.take();
    b.lost(tcp(8));
    b.expect(&[]);
    b.lost(tcp(7));
    b.expect(&["Unbound alice|alice@10.0.0.2:5060;tcp"]);

    let mut again = phone();
    again.now = b.now;
    again.tell(SipCmd::Bindings(rows.clone()));
    again.expect(&["Unbound alice|alice@10.0.0.2:5060;tcp"]);
    assert_eq!(bound(&again), ["sip:alice@10.0.0.2:5060"]);
    again.tell(call("alice", false));
    again.expect(&["INVITE"]);

    // One whose time ran out while nobody was there.
    let mut late = phone();
    let Now { wall, .. } = at(late.now);
    let over = BindingRow { expires: wall, ..rows[0].clone() };
    late.tell(SipCmd::Bindings(vec![over]));
    assert!(bound(&late).is_empty());
}

#[test]
fn a_trunk_that_is_gone_has_nobody_bound() {
    let mut b = phone();
    ALICE.register(&mut b, 1);
    b.endpoint.set_sources(at(b.now), Arc::new(Snapshot::new(vec![with_user(9, "alice", &[])], vec![])));
    b.tell(SipCmd::Bindings(vec![]));
    assert!(matches!(b.events.last(), Some(SipEvent::Binding(Change::Delete { .. }))));
    assert!(bound(&b).is_empty());
}

#[test]
fn a_contact_that_no_database_can_hold_is_400() {
    let mut b = phone();
    let long = format!("Contact: <sip:alice@10.0.0.2>;+sip.instance=\"{}\"\r\n", "x".repeat(600));
    Phone { contact: &long, ..ALICE }.register(&mut b, 1);
    assert_eq!(b.last().code(), Some(400));
    assert!(bound(&b).is_empty());
}

#[test]
fn what_was_never_asked_by_us_shuts_nobody_out() {
    let mut b = phone();
    let forged =
        "Digest username=\"alice\", realm=\"chorus\", nonce=\"abc\", uri=\"sip:chorus\", response=\"0\"";
    for n in 0..20 {
        b.get(&ALICE.text("REGISTER", "sip:chorus", 1 + n, Some(forged)));
        assert_eq!(b.last().code(), Some(401), "{n}");
    }
    ALICE.register(&mut b, 50);
    assert_eq!(b.last().code(), Some(200));
}

#[test]
fn an_answer_to_somebody_else_does_not_matter_to_a_trunk_by_address() {
    let mut b = bench(vec![trunk(1, &["10.0.0.2"]), with_user(2, "alice", &[])]);
    let other = "Digest username=\"x\", realm=\"proxy\", nonce=\"abc\", uri=\"sip:chorus\", response=\"0\"";
    b.get(&ALICE.text("INVITE", "sip:+15550001@chorus", 1, Some(other)));
    b.expect(&["100 INVITE", "Incoming 1"]);
}

#[test]
fn another_password_ends_what_the_old_one_bound() {
    let mut b = phone();
    ALICE.register(&mut b, 1);
    let changed = TrunkRow { ha1: Some(ha1("alice", "chorus", "another")), ..with_user(1, "alice", &[]) };
    b.endpoint.set_sources(at(b.now), Arc::new(Snapshot::new(vec![changed], vec![])));
    assert!(bound(&b).is_empty());
    let mut b = phone();
    ALICE.register(&mut b, 1);
    let elsewhere = with_user(1, "alice", &["192.0.2.0/24"]);
    b.endpoint.set_sources(at(b.now), Arc::new(Snapshot::new(vec![elsewhere], vec![])));
    assert!(bound(&b).is_empty());
    let mut b = phone();
    ALICE.register(&mut b, 1);
    b.endpoint.set_sources(at(b.now), Arc::new(Snapshot::new(vec![with_user(1, "alice", &[])], vec![])));
    assert_eq!(bound(&b).len(), 1, "a change of something else is none of its business");
}

#[test]
fn strangers_hear_nothing_but_the_challenge() {
    let mut b = phone();
    b.flow = udp(US, STRANGER);
    let invite = ALICE.text("INVITE", "sip:+15550001@chorus", 1, None);
    b.get(&invite.replace("To: <sip:+15550001@chorus>", "To: <sip:+15550001@chorus>;tag=x"));
    b.expect(&["Refused 0"]);
    b.get(&invite.replace("Max-Forwards", "Require: teleport\r\nMax-Forwards"));
    b.expect(&["Refused 0"]);
    // Nor is it sent to whom they name.
    b.get(&invite.replace(";rport", ";rport;maddr=10.9.9.9"));
    b.expect(&["401 INVITE"]);
    assert_eq!(b.last_flow().remote, STRANGER.parse().unwrap());
}

/// RFC 5626 section 4.4.1, the other way round.
#[test]
fn who_is_behind_a_nat_is_kept_awake_where_it_is_now_and_nobody_else_is() {
    const HIDDEN: Phone<'static> =
        Phone { contact: "Contact: <sip:alice@192.168.7.7:5060>\r\nExpires: 120\r\n", ..ALICE };
    let nudged = |b: &mut Bench, ms: u64| {
        b.pass(ms);
        std::mem::take(&mut b.nudged).into_iter().map(|flow| flow.remote.to_string()).collect::<Vec<_>>()
    };
    let mut b = phone();
    ALICE.register(&mut b, 1);
    assert!(nudged(&mut b, 60_000).is_empty(), "it is where it says");
    HIDDEN.register(&mut b, 3);
    assert_eq!(nudged(&mut b, 50_000), [PHONE, PHONE]);
    // Its NAT has another port for it now.
    b.flow = udp(US, "10.0.0.2:6001");
    HIDDEN.register(&mut b, 5);
    assert_eq!(nudged(&mut b, 25_000), ["10.0.0.2:6001"]);
    let rows: Vec<BindingRow> = b.endpoint.registrar().rows().cloned().collect();
    assert_eq!(nudged(&mut b, 600_000).len(), 3, "120 s, and no longer");

    let mut again = phone();
    again.now = b.now;
    again.tell(SipCmd::Bindings(
        rows.into_iter().map(|r| BindingRow { expires: late(&again), ..r }).collect(),
    ));
    assert_eq!(nudged(&mut again, 25_000), ["10.0.0.2:6001"], "a restart changes nothing");

    for other in [
        Phone { extra: "Path: <sip:edge.example;lr>\r\n", ..HIDDEN },
        Phone { contact: "Contact: <sip:alice@phone.example>\r\n", ..ALICE },
    ] {
        let mut b = phone();
        other.register(&mut b, 1);
        assert!(nudged(&mut b, 60_000).is_empty() && bound(&b).len() == 1, "{}", other.contact);
    }
    let mut b = phone();
    b.flow = tcp(7);
    HIDDEN.register(&mut b, 1);
    assert!(nudged(&mut b, 60_000).is_empty(), "a connection has keep-alives of its own");
}

/// An hour from now.
fn late(b: &Bench) -> chorus::clock::Wall {
    at(b.now).wall.plus(std::time::Duration::from_secs(3_600))
}
