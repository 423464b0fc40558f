//! A flood of strangers: whoever has shown nothing costs nothing that lasts (issue 3, section 3, Hostile). Counted in octets.

use super::net::{at, udp};
use super::samples::read;
use crate::kit::rows::trunk;
use crate::media::alloc::live;
use bytes::Bytes;
use chorus::clock::Mono;
use chorus::rng::Rng;
use chorus::sip::digest::server::ha1;
use chorus::sip::digest::{Protected, authorization, challenges};
use chorus::sip::event::{Credentials, SipOut};
use chorus::sip::wire::Method;
use chorus::sip::{Counts, Endpoint, EndpointConfig};
use chorus::store::rows::{TrunkMode, TrunkRow};
use chorus::trunk::Snapshot;
use std::sync::Arc;

const STRANGERS: u32 = 100_000;
/// More than failures are remembered of.
const GUESSERS: u32 = 20_000;
const US: &str = "10.0.0.1:5060";
/// What all strangers together may leave behind: two tallies of 16,384 failures, and what maps keep in hand.
const LEFT_MAX: i64 = 12 << 20;

fn endpoint(open: bool) -> Endpoint {
    let mut endpoint = Endpoint::new(Rng::from_number(1), EndpointConfig::default());
    let mut trunks = vec![trunk(1, &["10.0.0.0/24"])];
    if open {
        trunks.push(TrunkRow {
            authentication_mode: TrunkMode::ClientCredentials,
            username: Some("alice".to_owned()),
            ha1: Some(ha1("alice", "chorus", "s3cret")),
            ..trunk(2, &[])
        });
    }
    endpoint.set_sources(at(Mono(0)), Arc::new(Snapshot::new(trunks, vec![])));
    endpoint
}

fn host(n: u32) -> String {
    let [_, a, b, c] = n.to_be_bytes();
    format!("100.{a}.{b}.{c}")
}

fn request(method: &str, n: u32, more: &str) -> Bytes {
    let host = host(n);
    let text = format!(
        "{method} sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {host}:5060;branch=z9hG4bK{n}\r\nMax-Forwards: 70\r\n\
         From: <sip:u{n}@chorus>;tag={n}\r\nTo: <sip:u{n}@chorus>\r\nCall-ID: {method}{n}\r\nCSeq: 1 {method}\r\n\
         Contact: <sip:u@{host}>\r\n{more}Content-Length: 0\r\n\r\n"
    );
    text.into()
}

/// The answers to a request of stranger `n`.
fn say(e: &mut Endpoint, now: Mono, n: u32, bytes: &Bytes) -> Vec<Bytes> {
    e.on_bytes(at(now), udp(US, &format!("{}:5060", host(n))), bytes);
    std::iter::from_fn(|| e.poll())
        .filter_map(|out| match out {
            SipOut::Send(_, bytes) => Some(bytes),
            _ => None,
        })
        .collect()
}

#[test]
fn strangers_get_no_answer_and_leave_nothing() {
    let mut e = endpoint(false);
    let before = live();
    for n in 0..STRANGERS {
        let method = ["INVITE", "REGISTER", "OPTIONS", "BYE", "ACK", "CANCEL"][n as usize % 6];
        let answers = say(&mut e, Mono(u64::from(n) * 10), n, &request(method, n, ""));
        assert!(answers.is_empty(), "{method}");
        assert_eq!(e.counts(), Counts::default(), "{method}");
    }
    assert!(live() - before < 64 << 10, "{} octets", live() - before);
}

/// Where users register from anywhere, strangers are challenged, without state; wrong passwords of ever other addresses and users
/// fill what is remembered of failures, and no more.
#[test]
fn strangers_with_passwords_leave_as_much_as_is_remembered_of_failures() {
    let mut e = endpoint(true);
    let before = live();
    let mut denied = 0;
    for n in 0..GUESSERS {
        let now = Mono(u64::from(n) * 10);
        let answers = say(&mut e, now, n, &request("REGISTER", n, ""));
        let first = read(&String::from_utf8_lossy(&answers[0]));
        assert_eq!((answers.len(), first.code()), (1, Some(401)));
        let asked = challenges(&first).remove(0);
        let who = Credentials { username: format!("u{n}"), password: "wrong".to_owned() };
        let what = Protected { method: &Method::Register, uri: "sip:alice@10.0.0.1", body: b"" };
        let (_, value) = authorization(&asked, &what, &who, "c", 1);
        let answers = say(&mut e, now, n, &request("REGISTER", n, &format!("Authorization: {value}\r\n")));
        denied += answers.iter().filter(|a| a.starts_with(b"SIP/2.0 403")).count();
        assert_eq!(e.counts(), Counts::default());
    }
    println!("{denied} denied, {} octets left", live() - before);
    assert_eq!(denied, GUESSERS as usize);
    assert!(live() - before < LEFT_MAX, "{} octets", live() - before);
}
