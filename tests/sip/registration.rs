//! Outbound registration, message by message.

use super::net::udp;
use super::peer::{Bench, Req, US};
use chorus::sid::TrunkSid;
use chorus::sip::event::{Caller, Flow, SipCmd, SipEvent, Transport};
use chorus::sip::registration::{Change, RegistrationState, Standing, Wanted, reconcile};
use chorus::sip::wire::{Message, Uri, escape_user};
use chorus::store::rows::{TrunkMode, TrunkRow};
use chorus::trunk::Snapshot;
use std::collections::BTreeMap;
use std::sync::Arc;

const TRUNK: TrunkSid = TrunkSid(7);
const PBX: &str = "198.51.100.7:5070";
const LOOKUP: &str = "resolve pbx.example Some(5070) None";
const CHALLENGE: &str =
    "WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n1\", algorithm=SHA-256, qop=\"auth\"\r\n";
const AGAIN: &str =
    "WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n2\", algorithm=SHA-256, qop=\"auth\"\r\n";

fn row() -> TrunkRow {
    TrunkRow {
        sid: TRUNK,
        name: "pbx".into(),
        authentication_mode: TrunkMode::OutboundRegistration,
        outbound_host: Some("pbx.example:5070".into()),
        transport: "udp".into(),
        username: Some("chorus".into()),
        password: Some("secret".into()),
        ..TrunkRow::default()
    }
}

fn rows(rows: &[TrunkRow]) -> Arc<Snapshot> {
    Arc::new(Snapshot::new(rows.to_vec(), vec![]))
}

/// A house with this trunk; the lookup is under way.
fn begun(row: &TrunkRow) -> Bench {
    let mut b = Bench::new();
    b.flow = udp(US, PBX);
    b.sources(rows(std::slice::from_ref(row)));
    b
}

fn found(b: &mut Bench, flows: Vec<Flow>) {
    let id = b.lookup.take().unwrap();
    b.tell(SipCmd::Resolved(id, flows));
}

/// The REGISTER is out.
fn asked() -> Bench {
    let mut b = begun(&row());
    b.expect(&["registering", LOOKUP]);
    found(&mut b, vec![udp(US, PBX)]);
    b.expect(&["REGISTER"]);
    b
}

fn registered(seconds: u32) -> Bench {
    let mut b = asked();
    b.respond("REGISTER", 200, &format!("Expires: {seconds}\r\n"), "pbx", "");
    b.expect(&["registered"]);
    b
}

fn state(b: &Bench) -> RegistrationState {
    let all: Vec<_> = b.endpoint.registrations().collect();
    assert_eq!((all.len(), all[0].0), (1, TRUNK));
    all[0].1.clone()
}

/// Milliseconds until the next try.
fn wait(b: &Bench) -> i64 {
    state(b).next_try.unwrap().0 - super::net::at(b.now).wall.0
}

fn token(register: &Message) -> String {
    register.contact().unwrap().uri.params.get("gw").unwrap().to_owned()
}

/// Time passes in which every OPTIONS is answered; what else was sent and said.
fn pass_answering(b: &mut Bench, ms: u64) -> Vec<String> {
    let mut lines = vec![];
    for _ in 0..ms / 1_000 {
        b.pass(1_000);
        let now = b.take();
        if now.iter().any(|l| l == "OPTIONS") {
            b.respond("OPTIONS", 404, "", "pbx", "");
        }
        lines.extend(now.into_iter().filter(|l| l != "OPTIONS"));
        lines.extend(b.take());
    }
    lines
}

#[test]
fn it_registers_and_answers_a_challenge() {
    let mut row = row();
    row.auth_user = Some("accountant".into());
    let mut b = begun(&row);
    found(&mut b, vec![udp(US, PBX)]);
    let first = b.last().clone();
    assert_eq!(b.last_flow().remote, PBX.parse().unwrap());
    assert_eq!(first.uri_text(), "sip:pbx.example:5070");
    assert_eq!(first.headers.text("To").unwrap(), "<sip:chorus@pbx.example>");
    assert_eq!(first.from().unwrap().uri.to_string(), "sip:chorus@pbx.example");
    assert_eq!(first.seconds("Expires"), Some(120));
    let contact = first.headers.text("Contact").unwrap().into_owned();
    assert_eq!(contact, format!("<sip:chorus@10.0.0.1:5060;gw={}>", token(&first)));
    assert_eq!(token(&first).len(), 32);
    assert!(!first.headers.has("Authorization"));
    b.respond("REGISTER", 100, "", "", "");
    b.respond("REGISTER", 401, CHALLENGE, "pbx", "");
    b.expect(&["registering", LOOKUP, "REGISTER", "REGISTER"]);
    let second = b.last().clone();
    let answer = second.headers.text("Authorization").unwrap().into_owned();
    for part in ["username=\"accountant\"", "uri=\"sip:pbx.example:5070\"", "SHA-256", "nc=00000001"] {
        assert!(answer.contains(part), "{answer}");
    }
    assert_eq!((second.call_id(), second.from_tag()), (first.call_id(), first.from_tag()));
    assert_eq!(second.cseq().unwrap().number, first.cseq().unwrap().number + 1);
    b.respond("REGISTER", 200, &format!("Contact: {contact};expires=90\r\n"), "pbx", "");
    b.expect(&["registered"]);
    let state = state(&b);
    assert_eq!(state.expires.unwrap().seconds_since(state.since), 90);
    assert_eq!((state.state, state.last_error), (Standing::Registered, None));
    assert!(!b.endpoint.is_down(TRUNK));
    b.pass(10_000);
    assert_eq!(b.endpoint.counts(), Default::default(), "a registration is no leak");
}

#[test]
fn a_407_and_a_401_and_a_stale_nonce_are_answered_together() {
    let mut b = asked();
    b.respond("REGISTER", 407, &CHALLENGE.replace("WWW", "Proxy").replace("\"pbx\"", "\"edge\""), "pbx", "");
    b.respond("REGISTER", 401, CHALLENGE, "pbx", "");
    b.respond("REGISTER", 401, &AGAIN.replace("Digest", "Digest stale=true,"), "pbx", "");
    b.expect(&["REGISTER", "REGISTER", "REGISTER"]);
    let (own, proxy) = (b.last().headers.text("Authorization"), b.last().headers.text("Proxy-Authorization"));
    assert!(own.unwrap().contains("nonce=\"n2\"") && proxy.unwrap().contains("realm=\"edge\""));
    b.respond("REGISTER", 200, "", "pbx", "");
    b.expect(&["registered"]);
    assert_eq!(state(&b).expires.unwrap().seconds_since(state(&b).since), 120, "what was asked for");
}

#[test]
fn a_proxy_and_the_registrar_may_have_one_realm() {
    let mut b = asked();
    b.respond("REGISTER", 407, &CHALLENGE.replace("WWW", "Proxy"), "pbx", "");
    b.respond("REGISTER", 401, CHALLENGE, "pbx", "");
    b.expect(&["REGISTER", "REGISTER"]);
    assert!(b.last().headers.has("Authorization") && b.last().headers.has("Proxy-Authorization"));
}

#[test]
fn what_is_granted_counts_and_half_of_it_is_waited() {
    let mut b = asked();
    let ours = b.last().contact().unwrap().uri.to_string();
    let contacts =
        format!("Contact: <sip:other@192.0.2.1>;expires=9, <{ours}>;expires=60\r\nExpires: 3600\r\n");
    b.respond("REGISTER", 200, &contacts, "pbx", "");
    b.expect(&["registered"]);
    assert!(pass_answering(&mut b, 29_000).is_empty());
    b.pass(999);
    b.expect(&[]);
    b.pass(1);
    b.expect(&[LOOKUP]);
    let before =
        b.sent.iter().rev().find(|(_, m)| m.cseq().unwrap().method.as_str() == "REGISTER").unwrap().1.clone();
    found(&mut b, vec![udp(US, "198.51.100.8:5070"), udp(US, PBX)]);
    assert_eq!(b.last_flow().remote, PBX.parse().unwrap(), "the address that took us is asked first");
    let now = b.last().clone();
    assert_eq!((now.call_id(), token(&now)), (before.call_id(), token(&before)));
    assert!(now.cseq().unwrap().number > before.cseq().unwrap().number);
    b.respond("REGISTER", 200, "Expires: 60\r\n", "pbx", "");
    b.expect(&["REGISTER"]);
    // A registrar that drops the parameters it does not know.
    assert!(pass_answering(&mut b, 30_000) == [LOOKUP]);
    found(&mut b, vec![]);
    b.expect(&["REGISTER"]);
    b.respond(
        "REGISTER",
        200,
        "Contact: <sip:chorus@10.0.0.1:5060>;expires=40\r\nExpires: 3600\r\n",
        "pbx",
        "",
    );
    assert!(pass_answering(&mut b, 20_000) == [LOOKUP], "names could not be found: the old address did");
    // Seconds that would be a flood.
    found(&mut b, vec![udp(US, PBX)]);
    b.respond("REGISTER", 200, "Expires: 1\r\n", "pbx", "");
    b.take();
    b.pass(4_999);
    assert!(!b.take().contains(&LOOKUP.to_owned()));
    b.pass(1);
    assert!(b.take().contains(&LOOKUP.to_owned()));
}

#[test]
fn too_brief_is_asked_longer() {
    let mut b = asked();
    b.respond("REGISTER", 423, "Min-Expires: 600\r\n", "pbx", "");
    b.expect(&["REGISTER"]);
    assert_eq!(b.last().seconds("Expires"), Some(600));
    b.respond("REGISTER", 401, CHALLENGE, "pbx", "");
    b.respond("REGISTER", 200, "Expires: 600\r\n", "pbx", "");
    b.expect(&["REGISTER", "registered"]);
    assert!(pass_answering(&mut b, 300_000) == [LOOKUP]);
    found(&mut b, vec![udp(US, PBX)]);
    assert_eq!(b.last().seconds("Expires"), Some(600), "remembered");
    // One that says nothing new is a refusal.
    for extra in ["", "Min-Expires: 60\r\n", "Min-Expires: 4000000000\r\n"] {
        let mut b = asked();
        b.respond("REGISTER", 423, extra, "pbx", "");
        b.expect(&["failed"]);
    }
}

#[test]
fn a_refusal_is_not_repeated_for_five_minutes() {
    let mut b = asked();
    b.respond("REGISTER", 401, CHALLENGE, "pbx", "");
    b.respond("REGISTER", 401, AGAIN, "pbx", "");
    b.expect(&["REGISTER", "failed"]);
    assert_eq!(state(&b).last_error.unwrap(), "401 Words: user or password is wrong");
    b.pass(299_999);
    b.expect(&[]);
    b.pass(1);
    b.expect(&[LOOKUP]);
    assert_eq!(state(&b).state, Standing::Failed, "until it goes well");
    found(&mut b, vec![udp(US, PBX)]);
    b.respond("REGISTER", 403, "Retry-After: 1000\r\n", "pbx", "");
    b.expect(&["REGISTER", "failed"]);
    assert_eq!((state(&b).last_error.unwrap().as_str(), wait(&b)), ("403 Words", 1_000_000));
    // New realms for ever are no way out.
    let mut b = asked();
    for n in 0..20 {
        b.respond("REGISTER", 401, &CHALLENGE.replace("pbx", &format!("realm{n}")), "pbx", "");
    }
    assert_eq!(b.take().iter().filter(|l| *l == "REGISTER").count(), 5);
    assert_eq!(wait(&b), 300_000);
    // Registered for no time at all.
    let mut b = asked();
    b.respond("REGISTER", 200, "Expires: 0\r\n", "pbx", "");
    b.expect(&["failed"]);
}

#[test]
fn silence_backs_off_further_each_time_and_recovers() {
    let mut b = asked();
    for ceiling in [30_000, 60_000, 120_000, 240_000, 480_000, 600_000, 600_000] {
        b.pass(32_000);
        assert_eq!(b.take().last().unwrap(), "failed");
        assert_eq!(state(&b).last_error.unwrap(), "no answer to REGISTER");
        let wait = wait(&b);
        assert!((ceiling / 2..=ceiling).contains(&wait), "{wait} of {ceiling}");
        b.pass(wait as u64 + 1);
        b.expect(&[LOOKUP]);
        found(&mut b, vec![udp(US, PBX)]);
    }
    b.respond("REGISTER", 200, "Expires: 120\r\n", "pbx", "");
    assert_eq!(b.take().last().unwrap(), "registered");
    assert!(pass_answering(&mut b, 60_000) == [LOOKUP]);
    found(&mut b, vec![udp(US, PBX)]);
    b.respond("REGISTER", 503, "", "pbx", "");
    b.expect(&["REGISTER", "failed"]);
    assert!(wait(&b) <= 30_000, "it begins anew");
}

#[test]
fn the_next_address_is_tried_and_retry_after_is_obeyed_to_an_hour() {
    let mut b = begun(&row());
    let addresses = ["198.51.100.1:5060", "198.51.100.2:5060", "198.51.100.3:5060"];
    found(&mut b, addresses.iter().map(|a| udp(US, a)).collect());
    b.take();
    let flow = b.last_flow();
    b.lost(flow);
    b.respond("REGISTER", 503, "", "pbx", "");
    b.expect(&["REGISTER", "REGISTER"]);
    assert_eq!(b.last_flow().remote, addresses[2].parse().unwrap());
    b.respond("REGISTER", 500, "Retry-After: 90000\r\n", "pbx", "");
    b.expect(&["failed"]);
    assert_eq!(wait(&b), 3_600_000);
    // No address, and a lookup that never comes back.
    let mut b = begun(&row());
    found(&mut b, vec![]);
    b.expect(&["registering", LOOKUP, "failed"]);
    assert_eq!(state(&b).last_error.unwrap(), "the host has no address");
    let mut b = begun(&row());
    b.pass(10_000);
    b.expect(&["registering", LOOKUP, "failed"]);
}

#[test]
fn over_tcp_the_contact_says_so() {
    let mut row = row();
    row.transport = "tcp".into();
    let mut b = begun(&row);
    b.expect(&["registering", "resolve pbx.example Some(5070) Some(Tcp)"]);
    found(&mut b, vec![Flow { transport: Transport::Tcp, ..udp(US, PBX) }]);
    let contact = b.last().contact().unwrap().uri;
    assert_eq!((contact.transport(), b.last_flow().transport), (Some("tcp"), Transport::Tcp));
    let flow = b.last_flow();
    b.lost(flow);
    b.expect(&["REGISTER", "failed"]);
    assert_eq!(state(&b).last_error.unwrap(), "no connection");
}

#[test]
fn a_proxy_is_where_it_is_sent() {
    let mut row = row();
    row.outbound_proxy = Some("edge.example;transport=tcp".into());
    row.username = Some("a b@c".into());
    let mut b = begun(&row);
    b.expect(&["registering", "resolve edge.example None Some(Tcp)"]);
    found(&mut b, vec![udp(US, PBX)]);
    assert_eq!(b.last().uri_text(), "sip:pbx.example:5070");
    assert_eq!(b.last().to().unwrap().uri.to_string(), "sip:a%20b%40c@pbx.example");
    assert_eq!(Uri::parse(&format!("sip:{}@h", escape_user("a b@c%"))).unwrap().user_decoded(), "a b@c%");
}

#[test]
fn three_pings_without_answer_bring_it_down_and_an_answer_up() {
    let mut b = registered(3_600);
    b.pass(25_000);
    b.expect(&["OPTIONS"]);
    let ping = b.last().clone();
    assert_eq!((ping.uri_text(), b.last_flow().remote), ("sip:pbx.example:5070", PBX.parse().unwrap()));
    b.respond("OPTIONS", 481, "", "pbx", "");
    // From here on: sent at 50, 75 and 100 s, given up 32 s later each.
    b.pass(106_900);
    assert!(b.take().iter().all(|l| l == "OPTIONS"));
    assert!(!b.endpoint.is_down(TRUNK));
    b.pass(200);
    let lines: Vec<String> = b.take().into_iter().filter(|l| l != "OPTIONS").collect();
    assert_eq!(lines, ["down", LOOKUP], "registers anew at once");
    assert!(b.endpoint.is_down(TRUNK));
    assert_eq!(state(&b).last_error.unwrap(), "no answer to OPTIONS");
    found(&mut b, vec![udp(US, PBX)]);
    b.pass(32_000);
    let lines: Vec<String> =
        b.take().into_iter().filter(|l| !["OPTIONS", "REGISTER"].contains(&l.as_str())).collect();
    assert_eq!(lines, ["down"]);
    assert!(b.endpoint.is_down(TRUNK) && state(&b).next_try.is_some());
    // The first OPTIONS that is answered: nothing is waited for.
    b.respond("OPTIONS", 200, "", "pbx", "");
    b.expect(&["registered", LOOKUP]);
    assert!(!b.endpoint.is_down(TRUNK));
    found(&mut b, vec![udp(US, PBX)]);
    b.respond("REGISTER", 200, "Expires: 3600\r\n", "pbx", "");
    b.expect(&["REGISTER"]);
}

#[test]
fn a_peer_that_never_answers_options_is_not_taken_for_down_twice() {
    let mut b = registered(3_600);
    b.pass(107_100);
    assert!(b.take().contains(&"down".to_owned()));
    found(&mut b, vec![udp(US, PBX)]);
    b.respond("REGISTER", 200, "Expires: 3600\r\n", "pbx", "");
    assert!(b.take().contains(&"registered".to_owned()));
    assert!(!b.endpoint.is_down(TRUNK));
    b.pass(600_000);
    assert!(b.take().iter().all(|l| l == "OPTIONS"), "they keep the NAT open, and say nothing more");
    assert_eq!(b.endpoint.counts(), Default::default());
}

#[test]
fn a_changed_trunk_registers_anew_without_leaving() {
    let mut b = registered(3_600);
    let first = b.last().clone();
    let mut changed = row();
    changed.name = "renamed".into();
    changed.default_sender = Some("+15550100".into());
    b.sources(rows(std::slice::from_ref(&changed)));
    b.expect(&[]);
    changed.password = Some("another".into());
    b.sources(rows(std::slice::from_ref(&changed)));
    b.expect(&["registering", LOOKUP]);
    found(&mut b, vec![udp(US, PBX)]);
    b.expect(&["REGISTER"]);
    let second = b.last().clone();
    assert_eq!(second.seconds("Expires"), Some(120));
    assert_eq!((second.call_id(), token(&second)), (first.call_id(), token(&first)));
    assert!(second.cseq().unwrap().number > first.cseq().unwrap().number);
    // Its answer is to what was asked before.
    changed.username = Some("other".into());
    b.sources(rows(&[changed]));
    b.expect(&["registering", LOOKUP]);
    b.get(&super::peer::response(&second, 200, "", "pbx", ""));
    b.expect(&[]);
    found(&mut b, vec![udp(US, PBX)]);
    let third = b.last().clone();
    assert_eq!((third.call_id(), third.seconds("Expires")), (first.call_id(), Some(120)));
    assert_ne!(token(&third), token(&first), "another address is another gateway");
}

#[test]
fn a_deleted_trunk_is_taken_back_and_forgotten() {
    let mut b = registered(3_600);
    b.sources(rows(&[]));
    b.expect(&["REGISTER"]);
    assert_eq!((b.last().seconds("Expires"), b.endpoint.leaving()), (Some(0), 1));
    assert_eq!(b.endpoint.registrations().count(), 0);
    b.respond("REGISTER", 401, CHALLENGE, "pbx", "");
    b.expect(&["REGISTER"]);
    assert_eq!(b.last().seconds("Expires"), Some(0));
    assert!(b.last().headers.has("Authorization"));
    b.respond("REGISTER", 200, "", "pbx", "");
    assert_eq!(b.endpoint.leaving(), 0);
    b.expect(&[]);
    b.over();
    // Nobody answers; nobody was asked; it was asked and has not answered; it comes back.
    let mut b = registered(3_600);
    b.sources(rows(&[]));
    b.over();
    let mut b = begun(&row());
    b.sources(rows(&[]));
    b.expect(&["registering", LOOKUP]);
    b.over();
    let mut b = asked();
    b.sources(rows(&[]));
    b.expect(&["REGISTER"]);
    assert_eq!(b.last().seconds("Expires"), Some(0));
    b.sources(rows(&[row()]));
    b.expect(&["registering", LOOKUP]);
    assert_eq!(b.endpoint.leaving(), 0);
}

#[test]
fn a_house_that_drains_takes_every_registration_back() {
    let mut b = registered(3_600);
    let uri = b.last().contact().unwrap().uri.to_string();
    b.drain();
    b.expect(&["REGISTER"]);
    assert_eq!(b.last().seconds("Expires"), Some(0));
    let register = b.last().clone();
    b.get(&Req::new("INVITE").uri(&uri).sdp().text());
    b.expect(&["503 INVITE", "Refused 503"]);
    b.sources(rows(&[row()]));
    b.expect(&[]);
    b.get(&super::peer::response(&register, 200, "", "pbx", ""));
    assert_eq!(b.endpoint.leaving(), 0);
    b.get(&Req::new("INVITE").uri(&uri).branch("late").sdp().text());
    b.expect(&["Refused 0"]);
    b.over();
}

#[test]
fn a_gateway_is_known_by_its_token_or_its_address() {
    let mut b = registered(3_600);
    let uri = b.last().contact().unwrap().uri.to_string();
    let trunks = |b: &Bench| match b.events.last() {
        Some(SipEvent::Incoming { caller: Caller::Trunks(trunks), invite, .. }) => {
            (trunks.clone(), invite.clone())
        }
        other => panic!("{other:?}"),
    };
    // From anywhere, with the token: the Request-URI is our own user, the number stands in To.
    b.flow = udp(US, "203.0.113.5:5060");
    b.get(&Req::new("INVITE").uri(&uri).sdp().text());
    b.expect(&["100 INVITE", "Incoming 1"]);
    let (known, invite) = trunks(&b);
    assert_eq!(known, [TRUNK]);
    assert_eq!((invite.to_user.as_str(), invite.to_header_user.as_str()), ("chorus", "+15550001"));
    // A wrong one, none, an empty one: nothing is sent.
    let wrong = uri.replace("gw=", "gw=0");
    for uri in [wrong.as_str(), "sip:chorus@10.0.0.1:5060", "sip:chorus@10.0.0.1:5060;gw"] {
        b.get(&Req::new("INVITE").uri(uri).call_id(uri).branch(uri).sdp().text());
        b.get(&Req::new("OPTIONS").uri(uri).call_id(uri).branch(uri).text());
        b.expect(&["Refused 0", "Refused 0"]);
    }
    // Of the address where its registrar is, any port.
    b.flow = udp(US, "198.51.100.7:40000");
    b.get(&Req::new("INVITE").call_id("second").branch("second").sdp().text());
    b.expect(&["100 INVITE", "Incoming 3"]);
    assert_eq!(trunks(&b).0, [TRUNK]);
    // An address that two trunks share: the token says which one it is.
    let mut own = super::net::trunk(1, &["198.51.100.0/24"]);
    own.name = "by address".into();
    b.sources(rows(&[own, row()]));
    b.get(&Req::new("INVITE").uri(&uri).call_id("third").branch("third").sdp().text());
    assert_eq!(trunks(&b).0, [TRUNK]);
}

#[test]
fn a_uri_keeps_the_token() {
    let uri = Uri::parse("sip:chorus@10.0.0.1:5060;gw=00ff;transport=tcp").unwrap();
    assert_eq!((uri.params.get("gw"), uri.transport()), (Some("00ff"), Some("tcp")));
    assert_eq!(uri.to_string(), "sip:chorus@10.0.0.1:5060;gw=00ff;transport=tcp");
}

#[test]
fn what_changes_when_rows_do() {
    let wanted = |n: u128, user: &str| {
        Wanted::of(&TrunkRow { sid: TrunkSid(n), username: Some(user.into()), ..row() }).unwrap()
    };
    let desired: BTreeMap<TrunkSid, Wanted> =
        [wanted(1, "same"), wanted(2, "new"), wanted(4, "first"), wanted(5, "back")]
            .map(|w| (w.trunk, w))
            .into();
    let (same, old, gone) = (wanted(1, "same"), wanted(2, "old"), wanted(3, "gone"));
    let running = [(1, Some(&same)), (2, Some(&old)), (3, Some(&gone)), (5, None), (6, None)];
    let changes = reconcile(&desired, running.map(|(n, w)| (TrunkSid(n), w)).into_iter());
    let found: Vec<(char, u128)> = changes
        .iter()
        .map(|c| match c {
            Change::Start(w) => ('s', w.trunk.0),
            Change::Again(w) => ('a', w.trunk.0),
            Change::Leave(sid) => ('l', sid.0),
        })
        .collect();
    assert_eq!(found, [('l', 3), ('a', 2), ('s', 4), ('a', 5)]);
    for mode in [TrunkMode::IpAddress, TrunkMode::ClientCredentials] {
        assert!(Wanted::of(&TrunkRow { authentication_mode: mode, ..row() }).is_none());
    }
    assert!(Wanted::of(&TrunkRow { outbound_host: Some("not a host".into()), ..row() }).is_none());
}

/// The same over a stream, whose connections have numbers.
fn over(transport: Transport) -> Bench {
    let mut b = begun(&TrunkRow { transport: "tcp".into(), ..row() });
    b.expect(&["registering", "resolve pbx.example Some(5070) Some(Tcp)"]);
    found(&mut b, vec![Flow { transport, ..udp(US, PBX) }]);
    b.expect(&["REGISTER"]);
    b.respond("REGISTER", 200, "Expires: 600\r\n", "pbx", "");
    b.expect(&["registered"]);
    b
}

#[test]
fn a_connection_that_breaks_is_made_anew_at_once_but_not_again_and_again() {
    let mut b = over(Transport::Tcp);
    let broken = Flow { transport: Transport::Tcp, conn: 5, ..udp(US, PBX) };
    let again = |b: &mut Bench| {
        b.expect(&["resolve pbx.example Some(5070) Some(Tcp)"]);
        found(b, vec![Flow { conn: 0, ..broken }]);
        b.expect(&["REGISTER"]);
        b.respond("REGISTER", 200, "Expires: 600\r\n", "pbx", "");
    };
    b.lost(Flow { remote: "198.51.100.8:5070".parse().unwrap(), ..broken });
    b.lost(udp(US, PBX));
    b.expect(&[]);
    b.lost(broken);
    again(&mut b);
    b.expect(&[]);
    // It breaks as soon as it is there: not in a loop.
    b.lost(broken);
    b.expect(&["failed"]);
    assert_eq!(state(&b).last_error.unwrap(), "the connection breaks again and again");
    assert!((15_000..=30_000).contains(&wait(&b)), "{}", wait(&b));
}

#[test]
fn why_no_connection_came_about_is_shown() {
    let mut b = begun(&TrunkRow { transport: "tls".into(), ..row() });
    b.expect(&["registering", "resolve pbx.example Some(5070) Some(Tls)"]);
    let flow = Flow {
        transport: Transport::Tls,
        conn: chorus::sip::flow::named(Some(TRUNK), "pbx.example"),
        ..udp(US, PBX)
    };
    found(&mut b, vec![flow]);
    assert!(b.sent.last().unwrap().1.contact().unwrap().uri.transport() == Some("tls"));
    b.expect(&["REGISTER"]);
    b.unreachable(flow, "its certificate has expired");
    b.expect(&["failed"]);
    assert_eq!(state(&b).last_error.unwrap(), "its certificate has expired");
}
