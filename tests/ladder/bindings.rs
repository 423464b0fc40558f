//! Who is there, and who is not listened to: several telephones of a user, one behind a proxy, one behind a NAT; wrong passwords,
//! strangers, and a proxy that says whom it speaks for.

use super::scene::*;
use super::users::{PASSWORD, switch_off, switch_on, trunk_of_alice};
use crate::kit::hand::{Half, method, response, sdp};
use crate::kit::phone::OnCall;
use crate::kit::{Reply, World, ladder};
use crate::security::secrets;
use chorus::sip::digest::server::ha1;
use chorus::sip::digest::{Challenge, Protected, authorization, challenges};
use chorus::sip::endpoint::EndpointConfig;
use chorus::sip::event::Credentials;
use chorus::sip::wire::{Message, Method};
use chorus::store::rows::{BindingRow, CallRow, TrunkMode};
use chorus::trunk::Network;
use std::sync::{Arc, Mutex};

/// What a phone by hand was told.
type Heard = Arc<Mutex<Vec<Message>>>;

fn codes(heard: &Heard) -> Vec<u16> {
    heard.lock().unwrap().iter().filter_map(Message::code).collect()
}

fn bound(w: &World) -> usize {
    w.store.all::<BindingRow>().count()
}

/// REGISTERs of `alice`, written by hand.
pub struct Alice {
    half: Half,
    extra: &'static str,
    challenge: Option<Challenge>,
    count: u32,
    cseq: u32,
}

impl Alice {
    pub fn at(ip: &str, extra: &'static str) -> Alice {
        let half = Half {
            at: format!("{ip}:5060"),
            uri: "sip:10.0.0.1".to_owned(),
            call_id: format!("alice@{ip}"),
            from: "<sip:alice@10.0.0.1>;tag=alice".to_owned(),
            to: "<sip:alice@10.0.0.1>".to_owned(),
        };
        Alice { half, extra, challenge: None, count: 0, cseq: 0 }
    }

    /// With this password, if there was a challenge.
    pub fn register(&mut self, password: &str) -> String {
        self.cseq += 1;
        let mut extra = self.extra.to_owned();
        if let Some(challenge) = &self.challenge {
            self.count += 1;
            let credentials = Credentials { username: "alice".to_owned(), password: password.to_owned() };
            let request = Protected { method: &Method::Register, uri: &self.half.uri, body: &[] };
            let (name, value) = authorization(challenge, &request, &credentials, "c0ffee", self.count);
            extra.push_str(&format!("{name}: {value}\r\n"));
        }
        let branch = format!("{}r{}", self.half.at.len(), self.cseq);
        self.half.request("REGISTER", self.cseq, &branch, &extra, "")
    }

    pub fn hear(&mut self, m: &Message) -> bool {
        let asked = challenges(m).into_iter().next();
        let is = asked.is_some();
        if is {
            (self.challenge, self.count) = (asked, 0);
        }
        is
    }
}

#[test]
fn user_rings_everywhere() {
    let mut w = trunk_of_alice(950, "<Say>hello</Say>");
    for (name, host) in [("desk", 11), ("soft", 12)] {
        w.phone(name, host);
    }
    for (phone, does) in [OnCall::Ring, OnCall::Answer(500), OnCall::Ring].into_iter().enumerate() {
        switch_on(&mut w, phone, PASSWORD);
        w.phones[phone].on_call = does;
    }
    assert_eq!(bound(&w), 3);
    api(&mut w, |d| d.to = "sip:alice@chorus".to_owned());
    w.until("it is over", |w| w.switch.calls().count() == 0);
    assert!(w.phones[1].rtp_loud > 0 && w.phones[0].rtp_loud + w.phones[2].rtp_loud == 0);
    for phone in [0, 2] {
        let ended = w.phones[phone].ended.last().expect("it was taken back");
        assert_eq!((ended.code, &ended.words[..]), (487, "Call completed elsewhere"), "no missed call");
    }
    (0..3).for_each(|phone| switch_off(&mut w, phone));
    ladder::check(
        w,
        "user_rings_everywhere",
        "Several contacts of a user ring together; the first to answer has the call, the others get CANCEL with a Reason.",
    );
}

/// An edge proxy, phone 0, before a telephone that only it can reach (RFC 3327).
#[test]
fn user_behind_a_proxy() {
    let mut w = trunk_of_alice(951, "<Say>hello</Say>");
    let extra = "Contact: <sip:alice@192.168.7.7:5062>\r\nExpires: 60\r\nSupported: path\r\n\
                 Path: <sip:edge@10.0.1.10;lr;ob>, <sip:inner.example;lr>\r\n";
    let mut alice = Alice::at("10.0.1.10", extra);
    w.send_text(0, alice.register(PASSWORD));
    let heard = Heard::default();
    let keeps = heard.clone();
    w.phones[0].by_hand = Some(Box::new(move |m| {
        keeps.lock().unwrap().push(m.clone());
        match method(m) {
            "" if alice.hear(m) => vec![(0, alice.register(PASSWORD))],
            "INVITE" => {
                let route =
                    "Record-Route: <sip:edge@10.0.1.10;lr;ob>\r\nContact: <sip:alice@192.168.7.7:5062>\r\n";
                vec![
                    (0, response(m, 180, route, "a", "")),
                    (500, response(m, 200, route, "a", &sdp("10.0.1.10", 4_000))),
                ]
            }
            "BYE" => vec![(0, response(m, 200, "", "a", ""))],
            _ => vec![],
        }
    }));
    w.run_ms(500);
    assert_eq!((bound(&w), codes(&heard)), (1, vec![401, 200]));
    let echoed = heard.lock().unwrap()[1].headers.elements("Path");
    assert_eq!(echoed, ["<sip:edge@10.0.1.10;lr;ob>", "<sip:inner.example;lr>"]);
    api(&mut w, |d| d.to = "sip:alice@chorus".to_owned());
    w.until("it is over", |w| w.switch.calls().count() == 0);
    w.run_ms(100);
    let heard = heard.lock().unwrap();
    let of = |name: &str| heard.iter().find(|m| method(m) == name).unwrap_or_else(|| panic!("no {name}"));
    let route = |m: &Message| m.headers.elements("Route");
    assert_eq!(of("INVITE").uri_text(), "sip:alice@192.168.7.7:5062");
    assert_eq!(route(of("INVITE")), echoed);
    for name in ["ACK", "BYE"] {
        assert_eq!(of(name).uri_text(), "sip:alice@192.168.7.7:5062", "{name}");
        assert_eq!(route(of(name)), ["<sip:edge@10.0.1.10;lr;ob>"], "{name}: the dialog's own route");
    }
    drop(heard);
    ladder::check(
        w,
        "user_behind_a_proxy",
        "Path of a REGISTER comes back in its 200, and is the Route of calls to that contact.",
    );
}

#[test]
fn user_behind_a_nat_is_kept_awake() {
    let mut w = trunk_of_alice(952, "");
    let mut alice = Alice::at("10.0.1.10", "Contact: <sip:alice@192.168.7.7:5060>\r\nExpires: 60\r\n");
    w.send_text(0, alice.register(PASSWORD));
    w.phones[0].by_hand =
        Some(Box::new(move |m| if alice.hear(m) { vec![(0, alice.register(PASSWORD))] } else { vec![] }));
    // One that is where it says needs none.
    w.phone("desk", 11);
    switch_on(&mut w, 1, PASSWORD);
    w.run_ms(59_000);
    assert_eq!((w.phones[0].nudges, w.phones[1].nudges), (2, 0));
    switch_off(&mut w, 1);
    w.run_ms(120_000);
    assert_eq!((w.phones[0].nudges, bound(&w)), (2, 0), "not beyond its binding");
    ladder::check(
        w,
        "user_behind_a_nat_is_kept_awake",
        "A telephone that registered from another address than its Contact's gets CRLF CRLF every 25 s over UDP, for its NAT.",
    );
}

#[test]
fn guesser_is_shut_out() {
    let mut w = trunk_of_alice(953, "");
    // The owner, who is there already.
    w.phone("desk", 11);
    switch_on(&mut w, 1, PASSWORD);
    let (heard, alice) = (Heard::default(), Arc::new(Mutex::new(Alice::at("10.0.1.10", "Expires: 60\r\n"))));
    let (keeps, learns) = (heard.clone(), alice.clone());
    w.phones[0].by_hand = Some(Box::new(move |m| {
        keeps.lock().unwrap().push(m.clone());
        learns.lock().unwrap().hear(m);
        vec![]
    }));
    let tries = |w: &mut World, password: &str| {
        let text = alice.lock().unwrap().register(password);
        w.send_text(0, text);
        w.run_ms(100);
    };
    tries(&mut w, "");
    for n in 0..10 {
        tries(&mut w, &format!("guess-{n}"));
    }
    assert_eq!(codes(&heard), [[401].as_slice(), &[403; 10]].concat());
    // Whatever it says now, and be it the password.
    tries(&mut w, PASSWORD);
    alice.lock().unwrap().challenge = None;
    tries(&mut w, "");
    assert_eq!(heard.lock().unwrap().len(), 11, "nothing more is heard");
    // Its owner's telephone refreshes as if nothing had been.
    w.run_ms(70_000);
    assert_eq!(bound(&w), 1);
    switch_off(&mut w, 1);
    w.run_ms(540_000);
    tries(&mut w, "");
    tries(&mut w, PASSWORD);
    assert_eq!(codes(&heard)[11..], [401, 200]);
    w.run_ms(61_000);
    ladder::check(
        w,
        "guesser_is_shut_out",
        "Ten wrong passwords shut the address out for 10 minutes: no answer, not even to the right one; the owner's telephone goes on.",
    );
}

#[test]
fn stranger_hears_nothing() {
    let mut w = caller(954, "");
    w.trunk(|t| t.inbound_source_ips = vec!["10.0.1.10".to_owned()]);
    w.phone("stranger", 99);
    w.phones[1].by_hand = Some(Box::new(|m| panic!("a stranger was told {:?}", m.start)));
    let half = Half { at: "10.0.1.99:5060".to_owned(), ..Half::caller("+15550001") };
    let within = Half { to: "<sip:+15550001@10.0.0.1>;tag=guess".to_owned(), ..half.clone() };
    let texts = [
        half.request("OPTIONS", 1, "s1", "", ""),
        half.request("REGISTER", 2, "s2", "Expires: 60\r\n", ""),
        half.request("INVITE", 3, "s3", "", &sdp("10.0.1.99", 4_000)),
        half.request("CANCEL", 3, "s3", "", ""),
        within.request("BYE", 4, "s4", "", ""),
        half.request("FROBNICATE", 5, "s5", "", ""),
        half.request("INVITE", 6, "s6", "Require: nothing-known\r\n", ""),
        half.request("OPTIONS", 7, "s7", "", "").replace("CSeq: 7", "CSeq: seven"),
    ];
    for text in texts {
        w.send_text(1, text);
        w.run_ms(100);
    }
    let heard = Heard::default();
    let keeps = heard.clone();
    w.phones[0].by_hand = Some(Box::new(move |m| {
        keeps.lock().unwrap().push(m.clone());
        vec![]
    }));
    w.send_text(0, Half::caller("+15550001").request("OPTIONS", 1, "o1", "", ""));
    w.run_ms(100);
    assert_eq!(codes(&heard), [200]);
    assert_eq!(w.switch.counts().transactions, 0, "nor is anything kept for it");
    ladder::check(
        w,
        "stranger_hears_nothing",
        "An address that no trunk, binding or list names gets no packet, whatever it sends; a listed one gets its 200.",
    );
}

#[test]
fn proxy_names_its_client() {
    let proxies = vec![Network::parse("10.0.1.10").unwrap()];
    let mut w = World::with(955, EndpointConfig { trusted_proxies: proxies, ..EndpointConfig::default() });
    secrets::plant(PASSWORD);
    w.phone("proxy", 10);
    w.phone("other", 11);
    w.app.on("/voice", Reply::twiml("<Hangup/>"));
    w.trunk(|t| {
        t.authentication_mode = TrunkMode::ClientCredentials;
        t.inbound_source_ips = vec![];
        t.outbound_host = None;
        t.username = Some("acme-pbx".to_owned());
        t.ha1 = Some(ha1("acme-pbx", "chorus", PASSWORD));
    });
    let named = |name: &str| vec![("X-Chorus-Client-Identifier".to_owned(), name.to_owned())];
    w.dial_with(0, "+15550001", "+15559999", named("acme-pbx"));
    over(&mut w);
    assert_eq!(w.phones[0].ended[0].code, 200);
    assert_eq!(w.store.all::<CallRow>().next().unwrap().trunk, Some(chorus::sid::TrunkSid(0x71)));
    w.run_ms(100);
    // A name that is nobody's says nothing, nor does the right one from an address that speaks for nobody.
    w.dial_with(0, "+15550001", "+15559999", named("nobody"));
    w.dial_with(1, "+15550001", "+15559999", named("acme-pbx"));
    w.until("both are asked for a password", |w| {
        w.phones[0].ended.len() == 2 && w.phones[1].ended.len() == 1
    });
    assert_eq!((w.phones[0].ended[1].code, w.phones[1].ended[0].code), (401, 401));
    assert!(w.logs.iter().any(|l| l.contains("ignored X-Chorus-Client-Identifier")), "{:?}", w.logs);
    ladder::check(
        w,
        "proxy_names_its_client",
        "X-Chorus-Client-Identifier of a trusted proxy says whose call it is, without a password; of anybody else it says nothing.",
    );
}
