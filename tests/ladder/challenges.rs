//! Requests in a dialog that are challenged, and those that no connection takes.

use super::scene::*;
use crate::kit::hand::{Half, field, method, response, sdp};
use crate::kit::{Reply, World, ladder};
use crate::security::secrets;
use chorus::api::command::Document;
use chorus::media::plan::Dtmf;
use chorus::sip::digest::{Protected, authorization, read_challenges};
use chorus::sip::event::Credentials;
use chorus::sip::wire::Message;
use chorus::store::rows::TrunkMode;
use chorus::trunk::policy::Refer;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const PASSWORD: &str = "open-sesame-4711";
const CONTACT: &str = "Contact: <sip:a@10.0.1.2:5060>\r\nAllow: INVITE, ACK, BYE, UPDATE, INFO, PRACK\r\n";

fn challenge(realm: &str) -> String {
    format!("WWW-Authenticate: Digest realm=\"{realm}\", nonce=\"n0nce\", algorithm=MD5, qop=\"auth\"\r\n")
}

fn shows(m: &Message) -> bool {
    m.headers.has("Authorization")
}

/// How often each method came with the password, by the counts that it named.
type Counts = Arc<Mutex<BTreeMap<String, Vec<String>>>>;

fn note(counts: &Counts, m: &Message) {
    let shown = field(m, "Authorization");
    let nc = shown.split("nc=").nth(1).map(|rest| rest.chars().take(8).collect::<String>());
    // An ACK repeats what its INVITE showed.
    if let Some(nc) = nc.filter(|_| method(m) != "ACK") {
        counts.lock().unwrap().entry(method(m).to_owned()).or_default().push(nc);
    }
}

fn ended(w: &mut World) {
    w.until("the call is over", |w| w.switch.calls().count() == 0);
}

/// One nonce for all of them, so that its count must go on.
#[test]
fn sip_challenged_in_a_dialog() {
    secrets::plant(PASSWORD);
    let mut w = World::new(660);
    w.phone("callee", 2);
    let (counts, mut early) = (Counts::default(), None);
    let keeps = counts.clone();
    w.phones[0].by_hand = Some(Box::new(move |m| {
        note(&keeps, m);
        match method(m) {
            "" | "ACK" => vec![],
            _ if !shows(m) => vec![(0, response(m, 401, &challenge("pbx"), "a", ""))],
            "INVITE" => {
                early = Some(m.clone());
                let reliable = format!("{CONTACT}Require: 100rel\r\nRSeq: 7\r\n");
                vec![(0, response(m, 183, &reliable, "a", &sdp("10.0.1.2", 4_000)))]
            }
            "PRACK" => {
                assert!(field(m, "RAck").starts_with("7 "));
                let timed = format!("{CONTACT}Require: timer\r\nSession-Expires: 90;refresher=uac\r\n");
                let invite = early.as_ref().unwrap();
                vec![(0, response(m, 200, "", "a", "")), (300, response(invite, 200, &timed, "a", ""))]
            }
            "BYE" => {
                assert!(field(m, "Reason").contains("Normal Clearing"), "it is the same BYE");
                vec![(0, response(m, 200, "", "a", ""))]
            }
            "UPDATE" => vec![(0, response(m, 200, "Session-Expires: 90;refresher=uac\r\n", "a", ""))],
            _ => vec![(0, response(m, 200, "", "a", ""))],
        }
    }));
    w.trunk(|t| {
        t.username = Some("chorus".to_owned());
        t.password = Some(PASSWORD.to_owned());
        t.media.dtmf = Dtmf::Info;
    });
    api(&mut w, |d| {
        d.send_digits = Some("5".to_owned());
        d.document = Document::Inline("<Response><Pause length=\"50\"/></Response>".to_owned());
    });
    ended(&mut w);
    let shown: Vec<(String, Vec<String>)> = counts.lock().unwrap().clone().into_iter().collect();
    let mut all: Vec<String> = shown.iter().flat_map(|(_, counts)| counts.clone()).collect();
    all.sort();
    let of = |n: u32| format!("{n:08x}");
    assert_eq!(all, [of(1), of(2), of(3), of(4), of(5)], "INVITE, PRACK, INFO, UPDATE, BYE: {shown:?}");
    let sentence = "A peer that challenges everything: PRACK, INFO, UPDATE and BYE are sent again with what its INVITE was answered with.";
    ladder::check(w, "sip_challenged_in_a_dialog", sentence);
}

/// A PBX that we register at calls us, and challenges what we say in its call with this realm. What it heard of us.
fn pbx_calls(seed: u64, realm: &'static str) -> (World, Arc<Mutex<Vec<Message>>>) {
    secrets::plant(PASSWORD);
    let refer = "<Say>hi</Say><Refer action=\"/referred\"><Sip>sip:anna@pbx.example</Sip></Refer>";
    let mut w = caller(seed, refer);
    w.app.on("/referred", Reply::twiml("<Hangup/>"));
    let heard = Arc::<Mutex<Vec<Message>>>::default();
    let (keeps, mut half) = (heard.clone(), Half::caller("+15550001"));
    let mut registered = false;
    w.phones[0].by_hand = Some(Box::new(move |m| {
        keeps.lock().unwrap().push(m.clone());
        match method(m) {
            "OPTIONS" => vec![(0, response(m, 200, "", "p", ""))],
            "REGISTER" if !shows(m) => vec![(0, response(m, 401, &challenge("pbx"), "p", ""))],
            "REGISTER" => {
                let contact = field(m, "Contact");
                let taken = response(m, 200, &format!("Contact: {contact};expires=3600\r\n"), "p", "");
                half.uri = contact.trim_start_matches('<').split('>').next().unwrap().to_owned();
                let invite = half.request("INVITE", 1, "i1", "", &sdp("10.0.1.10", 4_000));
                let first = !std::mem::replace(&mut registered, true);
                std::iter::once((0, taken)).chain(first.then_some((100, invite))).collect()
            }
            "REFER" | "BYE" | "NOTIFY" if !shows(m) => {
                vec![(0, response(m, 401, &challenge(realm), "p", ""))]
            }
            "REFER" => {
                let within = Half {
                    uri: half.uri.clone(),
                    to: field(m, "From"),
                    from: field(m, "To"),
                    ..half.clone()
                };
                let told = "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\n\
                            Content-Type: message/sipfrag;version=2.0\r\n";
                let notify = within.request("NOTIFY", 2, "n2", told, "SIP/2.0 200 OK\r\n");
                vec![(0, response(m, 202, "", "p", "")), (100, notify)]
            }
            "BYE" => vec![(0, response(m, 200, "", "p", ""))],
            "" if m.code() == Some(200) && m.cseq().unwrap().method.as_str() == "INVITE" => {
                vec![(0, half.within(m).request("ACK", 1, "a1", "", ""))]
            }
            _ => vec![],
        }
    }));
    w.line("app", "chorus", "POST SipTrunks");
    w.trunk(|t| {
        t.authentication_mode = TrunkMode::OutboundRegistration;
        t.inbound_source_ips = vec![];
        t.outbound_host = Some("10.0.1.10:5060".to_owned());
        t.username = Some("chorus".to_owned());
        t.password = Some(PASSWORD.to_owned());
        t.refer = Refer::Allow;
    });
    w.until("it is there", |w| w.switch.calls().count() == 1);
    ended(&mut w);
    w.line("app", "chorus", "DELETE SipTrunks/{Sid}");
    w.without_trunk();
    w.run_ms(1_000);
    (w, heard)
}

fn times(heard: &Arc<Mutex<Vec<Message>>>, name: &str, shown: bool) -> usize {
    heard.lock().unwrap().iter().filter(|m| method(m) == name && shows(m) == shown).count()
}

#[test]
fn register_peer_challenges_bye() {
    let (w, heard) = pbx_calls(661, "pbx");
    assert_eq!((times(&heard, "REFER", true), times(&heard, "BYE", true)), (1, 1));
    assert_eq!(w.app.of("/referred")[0].params["ReferCallStatus"], "in-progress");
    let sentence = "A PBX that we register at calls, and challenges our REFER and BYE with the realm of its REGISTER: it gets the password.";
    ladder::check(w, "register_peer_challenges_bye", sentence);
}

/// Ruling 2.27: whoever may guess our password by what we say to it gets to hear nothing.
#[test]
fn register_peer_challenges_with_another_realm() {
    let (w, heard) = pbx_calls(662, "elsewhere");
    assert_eq!((times(&heard, "REFER", true), times(&heard, "BYE", true)), (0, 0));
    assert_eq!(w.app.of("/referred")[0].params["ReferSipResponseCode"], "401");
    let sentence =
        "A challenge of a realm that was not the REGISTER's gets no password; the call ends all the same.";
    ladder::check(w, "register_peer_challenges_with_another_realm", sentence);
}

#[test]
fn sip_contact_of_a_closed_port() {
    let mut w = World::new(663);
    w.phone("callee", 2);
    w.phones[0].takes_no_connection = true;
    w.phones[0].by_hand = Some(Box::new(|m| {
        let tcp = "Contact: <sip:a@10.0.1.2:5060;transport=tcp>\r\nSession-Expires: 90;refresher=uac\r\n";
        assert!(m.code().is_some() || field(m, "Via").starts_with("SIP/2.0/UDP"), "{}", field(m, "Via"));
        match method(m) {
            "INVITE" => vec![(0, response(m, 200, tcp, "a", &sdp("10.0.1.2", 4_000)))],
            "BYE" => vec![(0, response(m, 200, "", "a", ""))],
            _ => vec![],
        }
    }));
    api(&mut w, |d| {
        d.document = Document::Inline("<Response><Pause length=\"50\"/></Response>".to_owned());
    });
    ended(&mut w);
    let sentence = "A Contact says transport=tcp and nobody takes the connection: ACK, re-INVITE and BYE go the way the dialog came.";
    ladder::check(w, "sip_contact_of_a_closed_port", sentence);
}

/// Whoever called so: what is ours to say first is a re-INVITE, or the BYE.
#[test]
fn sip_contact_of_a_closed_port_in() {
    let caller_at = |seed: u64, pause: u32| {
        let half = Half::caller("+15550001");
        let extra = "Contact: <sip:a@10.0.1.10:5060;transport=tcp>\r\nSession-Expires: 90\r\n";
        let invite = half.request("INVITE", 1, "i1", extra, &sdp("10.0.1.10", 4_000));
        let mut w = caller(seed, &format!("<Say>hi</Say><Pause length=\"{pause}\"/>"));
        w.phones[0].takes_no_connection = true;
        let heard = Arc::<Mutex<Vec<Message>>>::default();
        let keeps = heard.clone();
        w.phones[0].by_hand = Some(Box::new(move |m| {
            keeps.lock().unwrap().push(m.clone());
            match method(m) {
                "INVITE" => {
                    let tcp = "Contact: <sip:a@10.0.1.10:5060;transport=tcp>\r\nSession-Expires: 90\r\n";
                    vec![(0, response(m, 200, tcp, "", &sdp("10.0.1.10", 4_000)))]
                }
                "BYE" => vec![(0, response(m, 200, "", "", ""))],
                "" if m.code() == Some(200) && m.cseq().unwrap().method.as_str() == "INVITE" => {
                    vec![(0, half.within(m).request("ACK", 1, "a1", "", ""))]
                }
                _ => vec![],
            }
        }));
        w.send_text(0, invite);
        w.until("it is there", |w| w.switch.calls().count() == 1);
        ended(&mut w);
        w.run_ms(1_000);
        (w, heard)
    };
    let (_, heard) = caller_at(664, 1);
    let bye = heard.lock().unwrap().iter().find(|m| method(m) == "BYE").cloned().expect("a datagram");
    assert!(field(&bye, "Via").starts_with("SIP/2.0/UDP") && field(&bye, "Reason").contains("Normal"));
    let (w, heard) = caller_at(665, 50);
    let again = heard.lock().unwrap().iter().find(|m| method(m) == "INVITE").cloned().expect("a datagram");
    assert_eq!(field(&again, "Contact"), "<sip:10.0.0.1:5060>");
    let sentence = "The same of a caller: our re-INVITE finds no connection, goes as a datagram, and its ACK and the BYE with it.";
    ladder::check(w, "sip_contact_of_a_closed_port_in", sentence);
}

/// A proxy and the peer behind it: code, field of the challenge, field of the answer, realm.
const PROXY: Challenger = (407, "Proxy-Authenticate", "Proxy-Authorization", "proxy");
const PEER: Challenger = (401, "WWW-Authenticate", "Authorization", "pbx");
type Challenger = (u16, &'static str, &'static str, &'static str);

fn asks((_, _, _, realm): Challenger) -> String {
    format!("Digest realm=\"{realm}\", nonce=\"of-{realm}\", algorithm=MD5, qop=\"auth\"")
}

/// The count that its answer names, if there is one; it must be a right one.
fn answered_with(m: &Message, who: Challenger) -> Option<u32> {
    let shown = field(m, who.2);
    let value = |name: &str| {
        let rest = shown.split(name).nth(1).unwrap_or_default();
        rest.trim_start_matches('"').split(['"', ',']).next().unwrap_or_default().to_owned()
    };
    let count = u32::from_str_radix(&value("nc="), 16).ok()?;
    let credentials = Credentials { username: "chorus".to_owned(), password: PASSWORD.to_owned() };
    let request = Protected { method: m.method()?, uri: m.uri_text(), body: &m.body };
    let challenge = &read_challenges(&asks(who), who.0 == 407)[0];
    let (_, wanted) = authorization(challenge, &request, &credentials, &value("cnonce="), count);
    assert_eq!(shown, wanted, "{}", method(m));
    Some(count)
}

/// What was said to the callee: method, and the counts that the proxy and the peer were shown.
type Said = Arc<Mutex<Vec<(String, Option<u32>, Option<u32>)>>>;

/// A call to a peer with a proxy before it, which challenge each request in this order. `believed`: the methods that the latter takes.
fn two_challengers(
    seed: u64,
    order: [Challenger; 2],
    believed: &'static [&'static str],
    document: &str,
) -> (World, Said) {
    secrets::plant(PASSWORD);
    let mut w = World::new(seed);
    w.phone("callee", 2);
    w.app.on("/voice", Reply::twiml(document));
    w.app.on("/referred", Reply::twiml("<Hangup/>"));
    let (said, mut invite) = (Said::default(), None);
    let keeps = said.clone();
    w.phones[0].by_hand = Some(Box::new(move |m| {
        if !matches!(method(m), "" | "ACK") {
            let shown = (answered_with(m, PROXY), answered_with(m, PEER));
            keeps.lock().unwrap().push((method(m).to_owned(), shown.0, shown.1));
        }
        let missing = order.into_iter().find(|who| !m.headers.has(who.2));
        let refuses = (!believed.contains(&method(m))).then_some(order[1]);
        match (method(m), missing.or(refuses)) {
            ("" | "ACK", _) => vec![],
            (_, Some(who)) => {
                vec![(0, response(m, who.0, &format!("{}: {}\r\n", who.1, asks(who)), "a", ""))]
            }
            ("INVITE", None) => {
                invite = Some(m.clone());
                let reliable = format!("{CONTACT}Require: 100rel\r\nRSeq: 7\r\n");
                vec![(0, response(m, 183, &reliable, "a", &sdp("10.0.1.2", 4_000)))]
            }
            ("PRACK", None) => {
                let timed = format!("{CONTACT}Require: timer\r\nSession-Expires: 90;refresher=uac\r\n");
                let answer = response(invite.as_ref().unwrap(), 200, &timed, "a", "");
                vec![(0, response(m, 200, "", "a", "")), (300, answer)]
            }
            ("UPDATE", None) => {
                vec![(0, response(m, 200, "Session-Expires: 90;refresher=uac\r\n", "a", ""))]
            }
            ("REFER", None) => {
                let told = "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\n\
                            Content-Type: message/sipfrag;version=2.0\r\n";
                let half = Half::callee(invite.as_ref().unwrap());
                let notify = half.request("NOTIFY", 2, "n2", told, "SIP/2.0 200 OK\r\n");
                vec![(0, response(m, 202, "", "a", "")), (100, notify)]
            }
            _ => vec![(0, response(m, 200, "", "a", ""))],
        }
    }));
    w.trunk(|t| {
        t.username = Some("chorus".to_owned());
        t.password = Some(PASSWORD.to_owned());
        t.media.dtmf = Dtmf::Info;
        t.refer = Refer::Allow;
    });
    api(&mut w, |d| {
        d.send_digits = Some("5".to_owned());
    });
    ended(&mut w);
    (w, said)
}

/// RFC 3261 section 22.3: the third of each three has both, whoever challenges first; one nonce each, whose counts go on.
#[test]
fn sip_two_challengers_in_a_dialog() {
    const ALL: &[&str] = &["INVITE", "PRACK", "INFO", "UPDATE", "REFER", "BYE"];
    let refer = "<Pause length=\"50\"/><Refer action=\"/referred\"><Sip>sip:anna@pbx.example</Sip></Refer>";
    for (seed, order) in [(666, [PROXY, PEER]), (667, [PEER, PROXY])] {
        let (w, said) = two_challengers(seed, order, ALL, refer);
        let said = said.lock().unwrap().clone();
        let proxy_first = order[0] == PROXY;
        let mut wanted = Vec::new();
        for (n, name) in (1..).zip(ALL) {
            let (first, second) = (Some(2 * n - 1), (Some(2 * n), Some(n)));
            wanted.push((None, None));
            wanted.push(if proxy_first { (first, None) } else { (None, first) });
            wanted.push(if proxy_first { second } else { (second.1, second.0) });
            let of: Vec<_> = said.iter().filter(|s| s.0 == *name).map(|s| (s.1, s.2)).collect();
            assert_eq!(of.len(), 3, "{name}: {said:?}");
        }
        // PRACK and INFO are under way at no time together; the order is that of the call.
        let shown: Vec<_> = said.iter().map(|s| (s.1, s.2)).collect();
        assert_eq!(shown, wanted, "{said:?}");
        assert_eq!(w.app.of("/referred")[0].params["ReferCallStatus"], "in-progress");
        if proxy_first {
            let sentence = "In a dialog, too, the proxy's challenge and then the peer's behind it are both answered: the third of each request has both.";
            ladder::check(w, "sip_two_challengers_in_a_dialog", sentence);
        }
    }
}

/// The second one does not believe what it is shown: nobody is asked for ever.
#[test]
fn sip_challenger_that_is_never_content() {
    let (w, said) =
        two_challengers(668, [PROXY, PEER], &["INVITE", "PRACK", "INFO"], "<Pause length=\"100\"/>");
    let said = said.lock().unwrap().clone();
    let times = |name: &str| said.iter().filter(|s| s.0 == name).count();
    assert_eq!(times("BYE"), 3, "{said:?}");
    let refreshes: Vec<_> =
        said.iter().filter(|s| s.0 == "UPDATE").map(|s| (s.1.is_some(), s.2.is_some())).collect();
    for three in refreshes.chunks(3) {
        assert_eq!(three, [(false, false), (true, false), (true, true)], "{said:?}");
    }
    let sentence = "A peer that says 401 to right credentials again: no request is sent a fourth time, and the call ends when its session does.";
    ladder::check(w, "sip_challenger_that_is_never_content", sentence);
}

/// A peer that has no UPDATE: the refresh is a re-INVITE, whose ACK shows what it showed (RFC 3261 section 13.2.2.4).
#[test]
fn sip_two_challengers_of_a_reinvite() {
    secrets::plant(PASSWORD);
    let mut w = World::new(669);
    w.phone("callee", 2);
    w.app.on("/voice", Reply::twiml("<Pause length=\"50\"/>"));
    let (said, acks) = (Said::default(), Arc::new(Mutex::new(Vec::new())));
    let (keeps, seen) = (said.clone(), acks.clone());
    w.phones[0].by_hand = Some(Box::new(move |m| {
        let shown = [PROXY, PEER].map(|who| m.headers.has(who.2));
        match method(m) {
            "" => return vec![],
            "ACK" => {
                seen.lock().unwrap().push(shown);
                return vec![];
            }
            name => {
                keeps.lock().unwrap().push((name.to_owned(), answered_with(m, PROXY), answered_with(m, PEER)))
            }
        }
        if let Some(who) = [PROXY, PEER].into_iter().find(|who| !m.headers.has(who.2)) {
            return vec![(0, response(m, who.0, &format!("{}: {}\r\n", who.1, asks(who)), "a", ""))];
        }
        let timed =
            "Contact: <sip:a@10.0.1.2:5060>\r\nRequire: timer\r\nSession-Expires: 90;refresher=uac\r\n";
        match method(m) {
            "INVITE" => vec![(0, response(m, 200, timed, "a", &sdp("10.0.1.2", 4_000)))],
            _ => vec![(0, response(m, 200, "", "a", ""))],
        }
    }));
    w.trunk(|t| {
        t.username = Some("chorus".to_owned());
        t.password = Some(PASSWORD.to_owned());
    });
    api(&mut w, |_| {});
    ended(&mut w);
    let said = said.lock().unwrap().clone();
    let names: Vec<&str> = said.iter().map(|s| s.0.as_str()).collect();
    assert_eq!(names, [["INVITE"; 3], ["INVITE"; 3], ["BYE"; 3]].concat());
    let counts: Vec<_> = said.iter().filter_map(|s| Some((s.1?, s.2?))).collect();
    assert_eq!(counts, [(2, 1), (4, 2), (6, 3)], "{said:?}");
    let none_but_the_last = [[false, false], [false, false], [true, true]];
    assert_eq!(*acks.lock().unwrap(), [none_but_the_last; 2].concat());
    let sentence =
        "A re-INVITE that the proxy and the peer challenge: the third has both, and so has its ACK.";
    ladder::check(w, "sip_two_challengers_of_a_reinvite", sentence);
}
