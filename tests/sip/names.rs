//! Names of next hops, asked of a DNS server on a real socket (RFC 3263).

use super::transport::run;
use chorus::rng::Rng;
use chorus::sip::event::{Flow, Lookup, ResolveId, Transport as Kind};
use chorus::sip::flow::named;
use chorus::sip::transport::{Config, Inbound, Transport};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

pub const A: u16 = 1;
pub const SRV: u16 = 33;
pub const NAPTR: u16 = 35;

/// What a server holds: owner, type, data.
pub type Zone = Vec<(&'static str, u16, Vec<u8>)>;

/// A name as it stands in a record.
fn name(text: &str) -> Vec<u8> {
    let labels = text.split('.').filter(|l| !l.is_empty());
    labels.flat_map(|l| [&[l.len() as u8], l.as_bytes()].concat()).chain([0]).collect()
}

fn string(text: &str) -> Vec<u8> {
    [&[text.len() as u8], text.as_bytes()].concat()
}

pub fn srv(priority: u16, port: u16, host: &str) -> Vec<u8> {
    let numbers = [priority, 1, port].map(u16::to_be_bytes).concat();
    [numbers, name(host)].concat()
}

pub fn naptr(order: u16, preference: u16, flags: &str, service: &str, to: &str) -> Vec<u8> {
    let numbers = [order, preference].map(u16::to_be_bytes).concat();
    [numbers, string(flags), string(service), string(""), name(to)].concat()
}

/// The zone of these tests.
fn zone() -> Zone {
    let ip = |n: u8| Ipv4Addr::new(192, 0, 2, n).octets().to_vec();
    vec![
        ("carrier.test", NAPTR, naptr(20, 1, "s", "SIP+D2U", "_sip._udp.carrier.test")),
        ("carrier.test", NAPTR, naptr(10, 2, "s", "SIP+D2T", "other.carrier.test")),
        ("carrier.test", NAPTR, naptr(10, 1, "S", "sips+d2t", "_sips._tcp.carrier.test")),
        ("carrier.test", NAPTR, naptr(1, 1, "s", "SIP+D2W", "_sip._ws.carrier.test")),
        ("carrier.test", NAPTR, naptr(1, 2, "u", "E2U+sip", "")),
        ("_sips._tcp.carrier.test", SRV, srv(1, 5061, "edge.carrier.test")),
        ("other.carrier.test", SRV, srv(20, 5070, "edge.carrier.test")),
        ("other.carrier.test", SRV, srv(10, 5080, "near.carrier.test")),
        ("_sip._udp.carrier.test", SRV, srv(1, 5090, "edge.carrier.test")),
        ("edge.carrier.test", A, ip(1)),
        ("near.carrier.test", A, ip(2)),
        ("carrier.test", A, ip(9)),
        ("_sip._tcp.plain.test", SRV, srv(1, 5062, "near.carrier.test")),
        ("bare.test", A, ip(3)),
        ("bare.test", A, ip(4)),
    ]
}

/// Answers with what the zone has, or with nothing.
pub fn answer(query: &[u8], zone: &Zone) -> Option<Vec<u8>> {
    let mut labels = vec![];
    let mut at = 12;
    while let Some(length) = query.get(at).copied().filter(|l| *l > 0) {
        let end = at + 1 + usize::from(length);
        labels.push(String::from_utf8_lossy(query.get(at + 1..end)?).to_ascii_lowercase());
        at = end;
    }
    let question = query.get(12..at + 5)?;
    let kind = u16::from_be_bytes(query.get(at + 1..at + 3)?.try_into().ok()?);
    let asked = labels.join(".");
    let found: Vec<_> = zone.iter().filter(|(owner, k, _)| *owner == asked && *k == kind).collect();
    // Authoritative, no error; one question.
    let mut out = [&query[..2], &[0x84, 0, 0, 1, 0, found.len() as u8, 0, 0, 0, 0], question].concat();
    for (_, kind, data) in found {
        out.extend([0xc0, 12]);
        out.extend([*kind, 1].map(u16::to_be_bytes).concat());
        out.extend(60_u32.to_be_bytes());
        out.extend((data.len() as u16).to_be_bytes());
        out.extend(data);
    }
    Some(out)
}

/// The type that a query asks for.
fn kind(query: &[u8]) -> Option<u16> {
    let name = query.get(12..)?.iter().position(|b| *b == 0)?;
    query.get(12 + name + 1..12 + name + 3).map(|k| u16::from_be_bytes([k[0], k[1]]))
}

async fn server() -> SocketAddr {
    server_that_knows(|_| true).await
}

/// One that leaves unanswered what it is asked of other types.
async fn server_that_knows(types: fn(u16) -> bool) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 1_500];
        while let Ok((n, from)) = socket.recv_from(&mut buffer).await {
            let known = kind(&buffer[..n]).is_some_and(types);
            if let Some(bytes) = answer(&buffer[..n], &zone()).filter(|_| known) {
                let _ = socket.send_to(&bytes, from).await;
            }
        }
    });
    at
}

#[test]
fn names_are_found_by_naptr_srv_and_addresses_in_their_order() {
    run(async {
        let (to, mut inbox) = mpsc::channel(64);
        let config = Config { dns: vec![server().await], ..Config::new(([127, 0, 0, 1], 0).into()) };
        let transport = Transport::start(config, Rng::from_number(1), to).await.unwrap();
        type Found<'a> = &'a [(&'a str, Kind)];
        let all: Found = &[
            ("192.0.2.1:5061", Kind::Tls),
            ("192.0.2.2:5080", Kind::Tcp),
            ("192.0.2.1:5070", Kind::Tcp),
            ("192.0.2.1:5090", Kind::Udp),
        ];
        let cases: [(&str, Option<u16>, Option<Kind>, Found); 7] = [
            ("carrier.test", None, None, all),
            ("carrier.test", None, Some(Kind::Udp), &[("192.0.2.1:5090", Kind::Udp)]),
            ("carrier.test", None, Some(Kind::Tls), &[("192.0.2.1:5061", Kind::Tls)]),
            ("carrier.test", Some(5999), None, &[("192.0.2.9:5999", Kind::Udp)]),
            ("plain.test", None, None, &[("192.0.2.2:5062", Kind::Tcp)]),
            (
                "bare.test",
                None,
                Some(Kind::Tls),
                &[("192.0.2.3:5061", Kind::Tls), ("192.0.2.4:5061", Kind::Tls)],
            ),
            ("nowhere.test", None, None, &[]),
        ];
        for (n, (host, port, kind, want)) in cases.into_iter().enumerate() {
            let hop = Lookup { host: host.into(), port, transport: kind, trunk: None };
            transport.resolve(ResolveId(n as u64), hop);
            let found = tokio::time::timeout(Duration::from_secs(20), inbox.recv()).await.unwrap().unwrap();
            let Inbound::Resolved(_, flows) = found else { panic!() };
            let mut seen: Vec<(String, Kind)> =
                flows.iter().map(|f: &Flow| (f.remote.to_string(), f.transport)).collect();
            if host == "bare.test" {
                // Addresses of one name are in no order.
                seen.sort_by(|a, b| a.0.cmp(&b.0));
            }
            let want: Vec<_> = want.iter().map(|(at, kind)| ((*at).to_owned(), *kind)).collect();
            assert_eq!(seen, want, "{host} {port:?} {kind:?}");
            // Whoever DNS names must prove to be whom we asked for.
            let tls = flows.iter().filter(|f| f.transport == Kind::Tls);
            assert!(tls.clone().all(|f| f.conn == named(None, host)));
        }
    });
}

#[test]
fn a_server_that_is_mute_to_what_it_does_not_know_still_tells_the_address() {
    run(async {
        for (types, host, want) in [
            ((|k| k == A) as fn(u16) -> bool, "carrier.test", vec!["192.0.2.9:5060"]),
            // Mute to NAPTR and AAAA, then to AAAA alone.
            (|k| k == A || k == SRV, "plain.test", vec!["192.0.2.2:5062"]),
            (
                |k| k != 28,
                "carrier.test",
                vec!["192.0.2.1:5061", "192.0.2.2:5080", "192.0.2.1:5070", "192.0.2.1:5090"],
            ),
        ] {
            let (to, mut inbox) = mpsc::channel(64);
            let dns = vec![server_that_knows(types).await];
            let config = Config { dns, ..Config::new(([127, 0, 0, 1], 0).into()) };
            let transport = Transport::start(config, Rng::from_number(1), to).await.unwrap();
            let hop = Lookup { host: host.into(), ..Lookup::default() };
            transport.resolve(ResolveId(1), hop);
            let found = tokio::time::timeout(Duration::from_secs(20), inbox.recv()).await.unwrap().unwrap();
            let Inbound::Resolved(_, flows) = found else { panic!() };
            let seen: Vec<String> = flows.iter().map(|f| f.remote.to_string()).collect();
            assert_eq!(seen, want, "{host}");
        }
    });
}
